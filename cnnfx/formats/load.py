"""Load a network: a preset by its name, or a filter file or a model by its path."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cnnfx.errors import FileError
from cnnfx.formats.presets import find_preset
from cnnfx.formats.toml_file import has_untrained_filters, parse_network
from cnnfx.formats.toml_schema import Location
from cnnfx.formats.toml_text import read_toml, read_top_values
from cnnfx.nn.network import Network


def load_network(spec: str | os.PathLike[str]) -> Network:
    """Load a network.

    Parameters
    ----------
    spec : str or path
        The name of a preset, or the path of a filter file (TOML) or a model (`.npz`). A string is a path if it contains
        a separator of folders or ends in `.toml` or `.npz`.

    Raises
    ------
    FileError
        If there is no such preset or file, or the file does not contain a network; the message says where and what.
    """
    path = _path_of(spec)
    try:
        return READERS.get(path.suffix.lower(), _read_filter_file)(path)
    except MemoryError as error:
        raise FileError(f"{path}: there is not enough memory to read it.") from error


def files_of_network(spec: str | os.PathLike[str]) -> list[Path]:
    """Return the files that `load_network` reads: that of the network, and those that a filter file names.

    Raises
    ------
    FileError
        If there is no such preset, or a filter file cannot be read.
    """
    path = _path_of(spec)
    if path.suffix.lower() == ".npz":
        return [path]
    values = read_top_values(path)
    named = [values.get(key) for key in ("tensors", "classes")]
    return [path, *(path.parent / name for name in named if isinstance(name, str))]


def _path_of(spec: str | os.PathLike[str]) -> Path:
    """Return the path of the file of a network: the path itself, or that of a preset."""
    return Path(spec) if _is_path(spec) else find_preset(str(spec))


def _is_path(spec: str | os.PathLike[str]) -> bool:
    if not isinstance(spec, str):
        return True
    separators = [sign for sign in (os.sep, os.altsep) if sign]
    return Path(spec).suffix.lower() in READERS or any(sign in spec for sign in separators)


def _read_filter_file(path: Path) -> Network:
    values = read_toml(path)
    if has_untrained_filters(values):
        raise FileError(f"{path}: this is an arch file, whose filters have no weights yet.", remedy="arch_file")
    return parse_network(values, Location(str(path)), path.stem)


def _read_model(path: Path) -> Network:
    from cnnfx.formats.model_npz import load_model  # only for a model

    network = load_model(path)
    return replace(network, name=path.stem) if network.name == Network.name else network


READERS: dict[str, Callable[[Path], Network]] = {".toml": _read_filter_file, ".npz": _read_model}
"""The reader of each file name suffix. Files with other suffixes are read as filter files."""
