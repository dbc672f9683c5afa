"""Arch files: networks that are to be learned, in the language of filter files.

    [[layer]]                            [[layer]]
    filters = 16                         activation = "relu"
    size = 5                             learn = false
    activation = "relu"                  [[layer.filter]]
    pool = "max:2"                       name = "top"
                                         weights = [[-1, -1, -1], [1, 1, 1], [0, 0, 0]]

- `filters = 16` with `size = 5` (or `[rows, columns]`) stands for filters without weights: they start from random
  numbers and are learned. They come after the layer's `[[layer.filter]]`, if it has both.
- A `[[layer.filter]]` with weights starts from these and is learned on. `learn = false`, in the layer or in a filter,
  holds weights and bias fixed.
- All settings of filter files hold. A file with no `[[layer]]` is itself one layer.
- The dense layer that tells the classes is not written: their number and the size of the maps are those of the data.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.formats.toml_file import FILE_KEYS, parse_network, read_toml, to_be_learned
from cnnfx.formats.toml_schema import Place, Table
from cnnfx.nn.network import Network

MOST_FILTERS = 4096
LARGEST_SIZE = 255
LEARNING_KEYS = ("filters", "size", "learn")


@dataclass(frozen=True, eq=False)
class Arch:
    """A network that is to be learned.

    Parameters
    ----------
    network : Network
        Filters that start from random numbers have zeros in it.
    random, learned : tuple of arrays (K,) of bool
        For each layer, which of its filters start from random numbers, and which are learned.
    """

    network: Network
    random: tuple[NDArray[np.bool_], ...]
    learned: tuple[NDArray[np.bool_], ...]


def default_arch(filters: Sequence[int] = (24, 48), size: int = 5) -> Arch:
    """Layers of so many filters of `size`×`size`, each with ReLU and a max-pooling of 2.

    Raises
    ------
    FileError
        If a number is out of range.
    """
    layers = [{"filters": count, "size": size, "activation": "relu", "pool": "max:2"} for count in filters]
    return parse_arch({"layer": layers}, Place("the default network"), "network")


def load_arch(path: str | os.PathLike[str]) -> Arch:
    """The network that an arch file describes.

    Raises
    ------
    FileError
        If the file cannot be read, or something in it is missing, unknown or of the wrong type.
    """
    if not Path(path).exists():
        raise FileError(f"{path}: there is no such file. Give the path of an arch file, such as arch.toml.")
    return parse_arch(read_toml(Path(path)), Place(str(path)), Path(path).stem)


def parse_arch(values: Mapping[str, Any], place: Place, name: str) -> Arch:
    """The arch that a file's tables describe; see `cnnfx.formats.toml_file.parse_network`."""
    if "layer" not in values:
        own = {key: value for key, value in values.items() if key not in FILE_KEYS}
        values = {**{key: values[key] for key in FILE_KEYS if key in values}, "layer": [own]}
    for key in LEARNING_KEYS:
        if key in values:
            raise place.error(f"{key} stands outside the layers. Write it under its [[layer]].")
    tables = Table(values, place, values).tables("layer")
    read = [_read_layer(table, place.at(f"layer {number}")) for number, table in enumerate(tables, 1)]
    network = parse_network({**values, "layer": [table for table, *_ in read]}, place, name)
    return Arch(network, tuple(random for _, random, _ in read), tuple(learned for *_, learned in read))


def _read_layer(values: Mapping[str, Any], place: Place) -> tuple[dict[str, Any], NDArray[np.bool_], NDArray[np.bool_]]:
    """A layer's table as a filter file would have it, and which of its filters are random and learned."""
    written = Table(values, place, values).tables("filter")
    count, zeros = _read_size(values, place)
    default = _flag(values, place, True)
    if count and not default:
        raise place.at("learn").error("filters without weights are learned. Write their weights, or learn = true.")
    learned = [_flag(one, place.at(f"filter {number}"), default) for number, one in enumerate(written, 1)]
    added = [{"name": str(len(written) + number), "weights": zeros} for number in range(1, count + 1)]
    table = {key: value for key, value in values.items() if key not in LEARNING_KEYS}
    if written or added:
        table["filter"] = [*({key: one[key] for key in one if key != "learn"} for one in written), *added]
    return table, np.arange(len(written) + count) >= len(written), np.array([*learned, *[True] * count], bool)


def _read_size(values: Mapping[str, Any], place: Place) -> tuple[int, list[list[int]]]:
    """How many filters are to be learned from random numbers, and zeros of their size."""
    for key, other in (("filters", "size"), ("size", "filters")):
        if key in values and other not in values:
            raise place.error(f"{key} needs {other} beside it: filters = 16 and size = 5.")
    if "filters" not in values:
        return 0, []
    size = values["size"]
    sizes = size if isinstance(size, list) and len(size) == 2 else [size, size]
    rows, columns = (_whole(side, LARGEST_SIZE, place.at("size")) for side in sizes)
    return _whole(values["filters"], MOST_FILTERS, place.at("filters")), [[0] * columns] * rows


def _whole(value: Any, most: int, place: Place) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise place.error(f"a whole number from 1 to {most} is needed here.")
    return value


def _flag(values: Mapping[str, Any], place: Place, default: bool) -> bool:
    value = values.get("learn", default)
    if not isinstance(value, bool):
        raise place.at("learn").error("true or false is needed here.")
    return value


def is_arch_file(spec: str) -> bool:
    """Whether this is the path of a file with filters that are to be learned."""
    path = Path(spec)
    if path.suffix.lower() != ".toml" or not path.is_file():
        return False
    return to_be_learned(read_toml(path))
