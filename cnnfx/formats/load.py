"""A network from whatever a user names: a preset, a filter file, a model."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cnnfx.errors import FileError
from cnnfx.formats.presets import find_preset
from cnnfx.formats.toml_file import parse_network, read_toml, to_be_learned
from cnnfx.formats.toml_schema import Place
from cnnfx.nn.network import Network


def load_network(spec: str | os.PathLike[str]) -> Network:
    """Load the network that `spec` names.

    Parameters
    ----------
    spec : str or path
        A preset's name, or the path of a filter file (TOML) or a model (`.npz`). A text is a path if it has a folder in
        it or ends in `.toml` or `.npz`.

    Raises
    ------
    FileError
        If there is no such preset or file, or the file is not a network; the message says where and what.
    """
    path = Path(spec) if _is_path(spec) else find_preset(str(spec))
    return READERS.get(path.suffix.lower(), _read_filter_file)(path)


def _is_path(spec: str | os.PathLike[str]) -> bool:
    if not isinstance(spec, str):
        return True
    separators = [sign for sign in (os.sep, os.altsep) if sign]
    return Path(spec).suffix.lower() in (".toml", *READERS) or any(sign in spec for sign in separators)


def _read_filter_file(path: Path) -> Network:
    values = read_toml(path)
    if to_be_learned(values):
        raise FileError(f"{path}: its filters are to be learned first.", remedy="arch_file")
    return parse_network(values, Place(str(path)), path.stem)


def _read_model(path: Path) -> Network:
    from cnnfx.formats.model_npz import load_model  # only for a model

    network = load_model(path)
    return replace(network, name=path.stem) if network.name == Network.name else network  # as a filter file's


READERS: dict[str, Callable[[Path], Network]] = {".npz": _read_model}
"""What reads a file, by its ending; every other ending is a filter file's."""
