"""Arch files: networks to train, in the language of filter files.

    [[layer]]                            [[layer]]
    filters = 16                         activation = "relu"
    size = 5                             learn = false
    activation = "relu"                  [[layer.filter]]
    pool = "max:2"                       name = "top"
                                         weights = [[-1, -1, -1], [1, 1, 1], [0, 0, 0]]

- `filters = 16` with `size = 5` (or `[rows, columns]`) adds filters without weights, which are initialized with random
  numbers and trained. They come after the layer's `[[layer.filter]]`, if it has both.
- A `[[layer.filter]]` with weights is initialized with these and trained. `learn = false`, in the layer or in a filter,
  holds weights and bias fixed.
- The settings are those of filter files, as far as networks with them can be trained: each layer reads the one before.
  A file without `[[layer]]` is one layer.
- The classifier head is not part of the file: the number of classes and the size of the maps depend on the data. So do
  the input and the names of the classes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.formats.file_format import file_format
from cnnfx.formats.presets import shipped_folder
from cnnfx.formats.toml_file import FILE_KEYS, has_untrained_filters, parse_network
from cnnfx.formats.toml_schema import Location, Table
from cnnfx.formats.toml_text import read_toml
from cnnfx.nn.network import Network
from cnnfx.system.limits import (
    MAX_ALL_FILTERS,
    MAX_KERNEL_SIDE,
    MAX_LAYER_WEIGHTS,
    MAX_LAYERS,
    MAX_RANDOM_FILTERS,
    check_limit,
)
from cnnfx.system.suggest import did_you_mean

DEFAULT_WIDTHS = (24, 48, 48)
"""The number of filters of each layer of the default network."""
FIRST_KERNEL_SIZE = 5
"""The rows and columns of the filters of its first layer, large enough for the pattern of each to be recognized."""
KERNEL_SIZE = 3
"""The rows and columns of the filters of its other layers."""
POOLED_LAYERS = 2
"""The number of its layers with pooling, the first ones."""
TRAINED_ACTIVATIONS = ("none", "relu", "abs")
"""The activations of layers that can be trained."""
DATA_KEYS = ("input", "classes")
"""The keys of filter files whose values the data set gives."""
ARCH_KEYS = ("filters", "size", "learn")
"""The keys of a layer that filter files do not have."""

Flags = NDArray[np.bool_]
"""An array (K,) with a value for each filter of a layer."""


@dataclass(frozen=True, eq=False)
class Arch:
    """A network to train.

    Parameters
    ----------
    network : Network
        With weights of 0 for the filters that are initialized with random numbers.
    random, trainable : tuple of arrays (K,) of bool
        For each layer, whether each filter is initialized with random numbers, and whether it is trained.
    """

    network: Network
    random: tuple[Flags, ...]
    trainable: tuple[Flags, ...]


def default_arch(widths: Sequence[int] | None = None, kernel_size: int | None = None) -> Arch:
    """Return the default network: layers of filters and ReLU, the first two with max pooling of size 2.

    Parameters
    ----------
    widths : sequence of int, optional
        The number of filters of each layer; `DEFAULT_WIDTHS` by default.
    kernel_size : int, optional
        The rows and columns of the filters; by default 5 in the first layer and 3 in the others.

    Raises
    ------
    FileError
        If a number is out of range.
    """
    layers: list[dict[str, Any]] = []
    for number, count in enumerate(DEFAULT_WIDTHS if widths is None else widths):
        default = KERNEL_SIZE if number else FIRST_KERNEL_SIZE
        size = default if kernel_size is None else kernel_size
        pool = {"pool": "max:2"} if number < POOLED_LAYERS else {}
        layers.append({"filters": count, "size": size, "activation": "relu", **pool})
    return parse_arch({"layer": layers}, Location("the default network"), "network")


def load_arch(path: str | os.PathLike[str]) -> Arch:
    """Load an arch file, found as by `find_arch`.

    Raises
    ------
    FileError
        If there is no such file, it cannot be read, or something in it is missing, unknown or of the wrong type.
    """
    found = find_arch(path)
    if not os.path.exists(found):
        hint = did_you_mean(Path(path).name, shipped_archs(), "Give the path of an arch file, or one of")
        raise FileError(f"{path}: there is no such file. {hint}")
    if file_format(found) != "toml":
        raise FileError(f"{path}: it is not an arch file. Give the path of a TOML file, such as arch.toml.")
    return parse_arch(read_toml(Path(found)), Location(str(path)), Path(found).stem)


def find_arch(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """Return the path of an arch file, or that of the one with this name and the ending .toml.

    If there is neither, a name without folders is that of a file shipped with cnnfx, with or without its ending. What
    is not found is returned unchanged.
    """
    given = Path(path)
    with_ending = given if given.suffix == ".toml" else Path(f"{path}.toml")
    shipped = () if given.name != os.fspath(path) else (_shipped_folder() / with_ending,)
    return next((file for file in (given, with_ending, *shipped) if os.path.isfile(file)), path)


def shipped_archs() -> list[str]:
    """Return the names of the arch files that are shipped with cnnfx."""
    return sorted(file.name for file in _shipped_folder().glob("*.toml"))


def is_arch_file(spec: str) -> bool:
    """Return whether this is the path of an arch file, or the name of a shipped one, with its ending."""
    path = Path(find_arch(spec))
    if Path(spec).suffix.lower() != ".toml" or not os.path.isfile(path):
        return False
    return has_untrained_filters(read_toml(path))


def _shipped_folder() -> Path:
    return shipped_folder() / "training"


def parse_arch(values: Mapping[str, Any], location: Location, name: str) -> Arch:
    """Return the arch that the tables of a file describe; see `cnnfx.formats.toml_file.parse_network`."""
    if "layer" not in values:
        own = {key: value for key, value in values.items() if key not in FILE_KEYS}
        values = {**{key: values[key] for key in FILE_KEYS if key in values}, "layer": [own]}
    for key in ARCH_KEYS:
        if key in values:
            raise location.error(f"{key} is outside the layers. Write it under its [[layer]].")
    for key in DATA_KEYS:
        if key in values:
            raise location.at(key).error("the data set gives it. Remove it from the arch file.")
    tables = Table(values, location, values).tables("layer")
    check_limit(location.text, "layers", len(tables), MAX_LAYERS)
    read: list[_ReadLayer] = []
    filters = 0
    for number, table in enumerate(tables, 1):
        read.append(_read_layer(table, location.at(f"layer {number}")))
        filters += read[-1].random
        check_limit(location.text, "filters in all layers", filters, MAX_ALL_FILTERS)
    network = parse_network({**values, "layer": [layer.table for layer in read]}, location, name)
    _check_trainable(network, location)
    counts = [len(layer.filter_names) for layer in network.layers]
    return Arch(
        network,
        tuple(np.arange(count) >= count - layer.random for count, layer in zip(counts, read, strict=True)),
        tuple(np.broadcast_to(layer.trainable, count).copy() for count, layer in zip(counts, read, strict=True)),
    )


def _check_trainable(network: Network, location: Location) -> None:
    """Check that the layers are of the kinds that can be trained."""
    for number, layer in enumerate(network.layers, 1):
        if layer.conv is None or network.sources(number) != (number - 1,):
            problem = "layers without filters, or that read others than the layer before"
        elif layer.conv.groups > 1:
            problem = "filters in groups"
        elif layer.activation.kind not in TRAINED_ACTIVATIONS:
            problem = f"activations other than {', '.join(TRAINED_ACTIVATIONS)}"
        elif layer.local_response is not None:
            problem = "layers with local response normalization"
        elif layer.pool is not None and layer.pool.block is None and not layer.pool.is_global:
            problem = 'poolings other than of adjacent blocks, such as "max:2", or of whole maps, such as "mean:all",'
        else:
            continue
        raise location.at(f"layer {layer.name or number}").error(f"{problem} cannot be trained.")


class _ReadLayer(NamedTuple):
    """A layer's table in the language of filter files.

    Attributes
    ----------
    table : dict
    random : int
        The number of filters, the last ones, that are initialized with random numbers.
    trainable : array of bool
        Whether each filter is trained: (K,), or () for all filters of the layer.
    """

    table: dict[str, Any]
    random: int
    trainable: Flags


def _read_layer(values: Mapping[str, Any], location: Location) -> _ReadLayer:
    written = Table(values, location, values).tables("filter")
    count, zeros = _read_size(values, location)
    default = _flag(values, location, True)
    if count and not default:
        raise location.at("learn").error(
            "filters without weights must be trained. Write their weights, or learn = true."
        )
    trainable = [_flag(one, location.at(f"filter {number}"), default) for number, one in enumerate(written, 1)]
    added = [{"name": str(len(written) + number), "weights": zeros} for number in range(1, count + 1)]
    table = {key: value for key, value in values.items() if key not in ARCH_KEYS}
    if not written and not added:
        return _ReadLayer(table, 0, np.array(default))
    table["filter"] = [*({key: one[key] for key in one if key != "learn"} for one in written), *added]
    return _ReadLayer(table, count, np.array([*trainable, *[True] * count], bool))


def _read_size(values: Mapping[str, Any], location: Location) -> tuple[int, NDArray[np.float64]]:
    """Return the number of filters without weights, and zeros of their size."""
    for key, other in (("filters", "size"), ("size", "filters")):
        if key in values and other not in values:
            raise location.error(f"{key} needs {other} too, such as filters = 16 and size = 5.")
    if "filters" not in values:
        return 0, np.zeros((0, 0))
    size = values["size"]
    sizes = size if isinstance(size, list) and len(size) == 2 else [size, size]
    rows, columns = (_whole(side, MAX_KERNEL_SIDE, location.at("size")) for side in sizes)
    count = _whole(values["filters"], MAX_RANDOM_FILTERS, location.at("filters"))
    check_limit(location.text, "weights", count * rows * columns, MAX_LAYER_WEIGHTS)
    return count, np.zeros((rows, columns))


def _whole(value: Any, most: int, location: Location) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise location.error(f"a whole number from 1 to {most} is needed here.")
    return value


def _flag(values: Mapping[str, Any], location: Location, default: bool) -> bool:
    value = values.get("learn", default)
    if not isinstance(value, bool):
        raise location.at("learn").error("true or false is needed here.")
    return value
