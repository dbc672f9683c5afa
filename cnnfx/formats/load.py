"""Load a network: a preset by its name, or a filter file, a model or a file of another program by its path."""

from __future__ import annotations

import os
from pathlib import Path

from cnnfx.errors import FileError
from cnnfx.formats.file_format import ENDINGS, file_format
from cnnfx.formats.presets import find_preset
from cnnfx.formats.reading import Reading
from cnnfx.formats.toml_file import has_untrained_filters, parse_network
from cnnfx.formats.toml_schema import Location
from cnnfx.formats.toml_text import read_toml, read_top_values
from cnnfx.nn.network import Network


def load_network(
    spec: str | os.PathLike[str],
    *,
    layer: str | int | None = None,
    order: str | None = None,
    arch: str | os.PathLike[str] | None = None,
) -> Network:
    """Load a network.

    Parameters
    ----------
    spec : str or path
        The name of a preset, or the path of a filter file (TOML), a model of cnnfx (`.npz`), or a file of PyTorch,
        Keras, ONNX, safetensors or NumPy; its content determines which. A string is a path if it contains a separator
        of folders or has one of the endings of these files, or if there is a file but no preset of this name.
    layer : str or int, optional
        The layer that is needed, by its name, a unique part of it, or its number; required for files that hold weights
        of an unknown network. The result has this layer, but may lack those after it.
    order : str, optional
        The order of the axes of filters in a file of weights; see `cnnfx.formats.filter_order.ORDERS`.
    arch : str or path, optional
        A TOML file with the layers that a file of weights is for.

    Raises
    ------
    FileError
        If there is no such preset or file, or the file does not contain a network; the message says where and what.
    LayerNeededError
        If it has the weights of an unknown network, and `layer` is not given.
    """
    path = path_of(spec)
    reading = Reading(layer, order, arch)
    try:
        return _read(path, file_format(path), reading)
    except MemoryError as error:
        raise FileError(f"{path}: there is not enough memory to read it.") from error


def _read(path: Path, kind: str, reading: Reading) -> Network:
    if kind == "toml":
        return _read_filter_file(path)
    if kind == "model":
        return _read_model(path)
    if not os.path.exists(path):
        raise FileError(f"{path}: there is no such file. Check the path, or name a preset.")
    if kind == "onnx":
        from cnnfx.formats.onnx.model import read_onnx

        return read_onnx(path, reading)
    if kind in ("hdf5", "keras"):
        from cnnfx.formats.keras.model import read_keras

        return read_keras(path, reading)
    from cnnfx.formats.weights import read_weights

    return read_weights(path, kind, reading)


def files_of_network(spec: str | os.PathLike[str]) -> list[Path]:
    """Return the files that `load_network` reads: that of the network, and those that it names.

    Raises
    ------
    FileError
        If there is no such preset, or a filter file cannot be read.
    """
    path = path_of(spec)
    kind = file_format(path)
    if kind == "onnx":
        from cnnfx.formats.onnx.model import external_files

        return [path, *external_files(path)]
    if kind != "toml" or not os.path.isfile(path):  # what is read from a pipe cannot be read again
        return [path]
    values = read_top_values(path)
    named = [values.get(key) for key in ("tensors", "classes")]
    return [path, *(path.parent / name for name in named if isinstance(name, str))]


def path_of(spec: str | os.PathLike[str]) -> Path:
    """Return the path of the file of a network: the path itself, or that of a preset.

    Raises
    ------
    FileError
        If it is no path, and there is no such preset.
    """
    if not isinstance(spec, str) or _is_path(spec):
        return Path(spec)
    try:
        return find_preset(spec)
    except FileError:
        if os.path.isfile(spec) and file_format(spec) != "toml":
            return Path(spec)
        raise


def _is_path(spec: str) -> bool:
    separators = [sign for sign in (os.sep, os.altsep) if sign]
    return Path(spec).suffix.lower() in ENDINGS or any(sign in spec for sign in separators)


def _read_filter_file(path: Path) -> Network:
    values = read_toml(path)
    if has_untrained_filters(values):
        raise FileError(f"{path}: this is an arch file, whose filters have no weights yet.", remedy="arch_file")
    return parse_network(values, Location(str(path)), path.stem)


def _read_model(path: Path) -> Network:
    from cnnfx.formats.model import named_after_file
    from cnnfx.formats.model_npz import load_model  # only for a model

    return named_after_file(load_model(path), path)
