"""Filter files: the tables of a TOML file to the layers of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv import Border
from cnnfx.errors import ArgumentError
from cnnfx.formats.toml_schema import MAX_FLOAT32, Location, Table, describe
from cnnfx.formats.toml_weights import (
    Matrix,
    is_list_of_matrices,
    parse_channel_weights,
    parse_fraction,
    parse_matrices,
    parse_matrix,
)
from cnnfx.nn.concat import Filters, center, common_size, concat_filters
from cnnfx.nn.layers import ACTIVATIONS, ALL_CHANNELS, COMBINATIONS, Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.system.suggest import did_you_mean

Names = tuple[str, ...]

FILE_KEYS = ("name", "description", "source")
"""The keys at the top of a file that describe the network."""
SETTING_KEYS = ("stride", "dilation", "padding", "border", "activation", "pool", "combine")
"""The settings of a layer."""
LAYER_KEYS = ("filter", *SETTING_KEYS)
"""The keys of a layer's table."""
GRAY = "gray"
"""The name of the channel of a gray image."""
FILTER_KEYS = ("name", "weights", "inputs", "bias", "scale")
"""The keys of a filter's table."""
COMBINATION_KEYS = ("name", "kind", "of")
"""The keys of an entry of `combine`."""
COMBINATION_KINDS = tuple(kind for kind in COMBINATIONS if kind != "take")
"""The kinds of combination that a file can have; "take" is used internally for the filters' own channels."""


def parse_network(values: Mapping[str, Any], location: Location, name: str) -> Network:
    """Return the network that the tables of a file describe.

    Parameters
    ----------
    values : mapping
        The tables, as `tomllib` returns them.
    location : Location
        The file, for messages.
    name : str
        The network's name if the file has none.

    Raises
    ------
    FileError
        If something is missing, unknown, of the wrong type or contradictory; the message says where and what.
    """
    top = Table(values, location, (*FILE_KEYS, *LAYER_KEYS, "layer"))
    layers: list[Layer] = []
    for number, table in enumerate(_layer_tables(top), 1):
        below = layers[-1].channel_names if layers else None
        layers.append(_parse_layer(Table(table, location.at(f"layer {number}"), LAYER_KEYS), below))
    return Network(tuple(layers), _parse_network_name(top, name), top.text("description"), top.text("source"))


def has_untrained_filters(values: Mapping[str, Any]) -> bool:
    """Return whether the tables of a file describe filters without weights, as arch files do."""
    layers = values.get("layer")
    tables = [values, *(layers if isinstance(layers, list) else [])]
    return any(isinstance(table, dict) and "filters" in table for table in tables)


def _parse_network_name(top: Table, default: str) -> str:
    name = top.name("name", default)
    if any(sign in name for sign in "/\\:"):
        raise top.at("name").error(f"{name!r} is used in file names, so it cannot contain / or \\ or :.")
    return name


def _layer_tables(top: Table) -> list[Any]:
    """Return the table of each layer. In a file with `[[filter]]`, the top table is that of its only layer."""
    if "layer" not in top:
        if "filter" not in top:
            raise top.location.error(
                "there are no filters. Write [[filter]], or [[layer]] in a file with several layers."
            )
        return [{key: value for key, value in top.values.items() if key in LAYER_KEYS}]
    for key in LAYER_KEYS:
        if key in top:
            correct = "[[layer.filter]] under its [[layer]]" if key == "filter" else "it under its [[layer]]"
            raise top.location.error(f"{key} is outside the layers. Write {correct}.")
    tables = top.tables("layer")
    if not tables:
        raise top.at("layer").error("there are no layers. Write at least one [[layer]].")
    return tables


# Layers


def _parse_layer(table: Table, below: Names | None) -> Layer:
    """Return the layer of a table; `below` are the channels of the layer below, None if they are not known."""
    names, conv = _parse_conv(table, below)
    activation = Activation(table.choice("activation", tuple(ACTIVATIONS), "none"))
    return Layer(conv, names, _parse_combinations(table, names), activation, _parse_pool(table))


def _parse_conv(table: Table, below: Names | None) -> tuple[Names, Conv]:
    """Return the names of the filters of a layer, and the filters."""
    tables = table.tables("filter")
    if not tables:
        raise table.location.error("there are no filters. Write at least one [[filter]] with weights.")
    filters = [_parse_filter(values, table.location, number, below) for number, values in enumerate(tables, 1)]
    names = tuple(parsed.name for parsed in filters)
    _check_unique(names, table.location, "filters")
    try:
        weights, inputs = concat_filters(
            [Filters(f'filter "{parsed.name}"', parsed.weights, parsed.inputs) for parsed in filters]
        )
        conv = Conv(
            weights,
            np.array([parsed.bias for parsed in filters], np.float64),
            inputs,
            stride=table.values.get("stride", 1),
            dilation=table.values.get("dilation", 1),
            padding=table.values.get("padding", "valid"),
            border=cast(Border, table.text("border", "constant")),  # Conv checks it
        )
    except ArgumentError as error:
        message = str(error)
        raise table.location.error(message if message.endswith(("?", ".")) else f"{message}.") from error
    return names, conv


def _parse_pool(table: Table) -> Pool | None:
    if "pool" not in table:
        return None
    try:
        return Pool.parse(table.text("pool"))
    except ArgumentError:
        found = describe(table.values["pool"])
        raise table.at("pool").error(
            f'found {found}; write "max:2" or "mean:2", with any whole number from 1.'
        ) from None


# Filters


class _Filter(NamedTuple):
    """One filter of a file: weights `(1, C, kh, kw)` and the channels that the slices are for, as in `Conv`."""

    name: str
    weights: NDArray[np.float64]
    inputs: Names | None
    bias: float


def _parse_filter(values: Mapping[str, Any], layer: Location, number: int, below: Names | None) -> _Filter:
    given = values.get("name", number)
    table = Table(values, layer.at(f'filter "{given}"' if isinstance(given, str) else f"filter {number}"), FILTER_KEYS)
    name = table.name("name", str(number))
    weights, inputs = _parse_weights(table)
    if below is not None:
        _check_inputs(table, weights.shape[1], inputs, below)
    elif inputs is not None and GRAY not in inputs:  # of the first layer, which reads the image
        inputs = tuple(GRAY if channel == "grey" else channel for channel in inputs)
    scaled = weights * _parse_scale(table)
    if np.abs(scaled).max() > MAX_FLOAT32:
        raise table.at("scale").error("the scaled weights are larger than 3.4e38.")
    return _Filter(name, scaled, inputs, table.number("bias", 0.0))


def _parse_weights(table: Table) -> tuple[NDArray[np.float64], Names | None]:
    """Return the weights `(1, C, kh, kw)` of a filter, and the channels that the slices are for."""
    if "weights" in table and "inputs" in table:
        raise table.location.error(
            "weights and inputs are both given. Write weights for all channels, or inputs by name."
        )
    if "inputs" in table:
        return _parse_inputs(table)
    if "weights" not in table:
        raise table.location.error("weights are missing. Write a matrix: weights = [[-1, 0, 1]].")
    value, location = table.values["weights"], table.at("weights")
    if is_list_of_matrices(value):
        return _stack(parse_matrices(value, location)), None
    return _stack([parse_matrix(value, location)]), (ALL_CHANNELS,)


def _parse_inputs(table: Table) -> tuple[NDArray[np.float64], Names]:
    value, location = table.values["inputs"], table.at("inputs")
    if not isinstance(value, dict):
        raise table.wrong_type("inputs", "a table of matrices by channel name, { top = [[1]] },")
    if not value:
        raise location.error(
            "no channel is named. Write { top = [[1]] } with the names of channels of the layer below."
        )
    kernels = [parse_channel_weights(kernel, location.at(f'"{name}"')) for name, kernel in value.items()]
    return _stack(kernels), tuple(value)


def _stack(matrices: list[Matrix]) -> NDArray[np.float64]:
    """Return C matrices, centered in zeros where they are smaller than others, as weights `(1, C, kh, kw)`."""
    size = common_size(matrices)
    return np.stack([center(matrix, size) for matrix in matrices])[np.newaxis]


def _check_inputs(table: Table, count: int, inputs: Names | None, below: Names) -> None:
    """Check that a filter's slices fit the channels of the layer below."""
    if inputs is None and count != len(below):
        matrices = f"{count} matrices" if count != 1 else "1 matrix"
        channels = f"{len(below)} channel" + "s" * (len(below) != 1)
        raise table.at("weights").error(f"{matrices} for the {channels} of the layer below ({', '.join(below)}).")
    for name in inputs or ():
        if name not in below and name != ALL_CHANNELS:
            hint = did_you_mean(name, below, "The layer below has")
            raise table.at("inputs").error(f'unknown channel "{name}". {hint}')


def _parse_scale(table: Table) -> float:
    """Return the factor of the weights: a number, or a fraction written as text ("1/9")."""
    value = table.values.get("scale", 1.0)
    if not isinstance(value, str):
        return table.number("scale", 1.0)
    scale = parse_fraction(value)
    if scale is None:
        raise table.at("scale").error(f'found {describe(value)}; a number or a fraction such as "1/9" is needed here.')
    return scale


def _check_unique(names: Names, location: Location, what: str) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise location.error(f'two {what} are called "{name}". Give each its own name.')


# Combinations


def _parse_combinations(table: Table, filters: Names) -> tuple[Combination, ...]:
    """Return the output channels: each filter's feature map, then the combinations; empty without combinations."""
    entries = table.values.get("combine", [])
    if not isinstance(entries, list):
        raise table.wrong_type("combine", 'an array of tables, [{ name = "…", kind = "norm", of = ["…", "…"] }],')
    tables = [_combination_table(entry, table.location, number) for number, entry in enumerate(entries, 1)]
    names = tuple(entry.name("name") for entry in tables)
    _check_unique((*filters, *names), table.location, "filters or combinations")
    combinations = [_parse_combination(entry, filters, names) for entry in tables]
    own = [Combination(name, "take", (index,)) for index, name in enumerate(filters)]
    return (*own, *combinations) if combinations else ()


def _combination_table(entry: Any, layer: Location, number: int) -> Table:
    name = entry.get("name") if isinstance(entry, dict) else None
    location = layer.at(f'combine "{name}"' if isinstance(name, str) else f"combine {number}")
    return Table(entry, location, COMBINATION_KEYS)


def _parse_combination(table: Table, filters: Names, combinations: Names) -> Combination:
    for key in ("kind", "of"):
        if key not in table:
            raise table.location.error(f"{key} is missing. It needs name, kind and of.")
    kind = table.choice("kind", COMBINATION_KINDS)
    of = table.values["of"]
    if not isinstance(of, list) or not of or not all(isinstance(name, str) for name in of):
        raise table.wrong_type("of", "an array of filter names")
    if kind == "difference" and len(of) < 2:
        raise table.at("of").error("a difference needs at least two filters: the first minus all others.")
    indexes = tuple(_filter_index(name, filters, combinations, table.at("of")) for name in of)
    repeated = next((name for index, name in enumerate(of) if name in of[:index]), None)
    if repeated is not None:
        raise table.at("of").error(f'"{repeated}" is listed twice. Name each filter once.')
    return Combination(table.name("name"), kind, indexes)


def _filter_index(name: str, filters: Names, combinations: Names, location: Location) -> int:
    if name in combinations:
        raise location.error(
            f'"{name}" is a combination; only filters can be combined. Use a further [[layer]] for more.'
        )
    if name not in filters:
        raise location.error(f'unknown filter "{name}". {did_you_mean(name, filters, "There are")}')
    return filters.index(name)
