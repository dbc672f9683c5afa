"""Filter files: the filters of a layer, each with its own name, weights, bias and scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.formats.toml_schema import MAX_FLOAT32, Location, Table, check_unique, describe, suggestion
from cnnfx.formats.toml_weights import (
    Matrix,
    is_list_of_matrices,
    parse_channel_weights,
    parse_fraction,
    parse_matrices,
    parse_matrix,
)
from cnnfx.nn.concat import Filters, center, common_size, concat_filters
from cnnfx.nn.layers import ALL_CHANNELS
from cnnfx.nn.selection import listed_names
from cnnfx.system.limits import MAX_FILTERS, MAX_LAYER_WEIGHTS, check_limit
from cnnfx.system.sizes import counted
from cnnfx.system.text import shortened

Names = tuple[str, ...]

GRAY = "gray"
"""The name of the channel of a gray image."""
FILTER_KEYS = ("name", "weights", "inputs", "bias", "scale")
"""The keys of a filter's table."""


class Inputs(NamedTuple):
    """What a layer of a file reads.

    Attributes
    ----------
    names : tuple of str, optional
        The names of the input channels; None if they depend on the image.
    title : str
        What has these channels, for messages.
    of_image : bool
        Whether it is the image.
    """

    names: Names | None
    title: str
    of_image: bool

    @property
    def channels(self) -> int | None:
        """The number of input channels, None if it depends on the image."""
        return None if self.names is None else len(self.names)


class ParsedFilters(NamedTuple):
    """The filters of a layer.

    Attributes
    ----------
    names : tuple of K str
    weights : array (K, C, kh, kw)
    bias : array (K,)
    inputs : tuple of str, optional
        The input channels of the C slices, as in `cnnfx.nn.layers.Conv`.
    """

    names: Names
    weights: NDArray[Any]
    bias: NDArray[Any]
    inputs: Names | None


def parse_filters(table: Table, below: Inputs) -> ParsedFilters:
    """Return the filters of a layer's `[[filter]]` tables.

    Raises
    ------
    FileError
        If there is none, or something in one is missing, unknown or of the wrong type, or they do not fit together.
    """
    tables = table.tables("filter")
    if not tables:
        raise table.location.error("there are no filters. Write at least one [[filter]] with weights.")
    check_limit(table.location.text, "filters", len(tables), MAX_FILTERS)
    filters: list[_Filter] = []
    count = 0
    for number, values in enumerate(tables, 1):
        filters.append(_parse_filter(values, table.location, number, below))
        count += filters[-1].weights.size
        check_limit(table.location.text, "weights", count, MAX_LAYER_WEIGHTS)
    names = tuple(parsed.name for parsed in filters)
    check_unique(names, table.location, "filters")
    try:
        weights, inputs = concat_filters(
            [Filters(f'filter "{parsed.name}"', parsed.weights, parsed.inputs) for parsed in filters]
        )
    except ArgumentError as error:
        raise table.location.error(str(error)) from error
    return ParsedFilters(names, weights, np.array([parsed.bias for parsed in filters], np.float64), inputs)


class _Filter(NamedTuple):
    """One filter of a file: weights `(1, C, kh, kw)` and the channels that the slices are for, as in `Conv`."""

    name: str
    weights: NDArray[np.float64]
    inputs: Names | None
    bias: float


def _parse_filter(values: Mapping[str, Any], layer: Location, number: int, below: Inputs) -> _Filter:
    given = values.get("name", number)
    table = Table(values, layer.at(f'filter "{given}"' if isinstance(given, str) else f"filter {number}"), FILTER_KEYS)
    name = table.name("name", str(number))
    weights, inputs = _parse_weights(table)
    if below.of_image and inputs is not None and GRAY not in inputs:
        inputs = tuple(GRAY if channel == "grey" else channel for channel in inputs)
    if below.names is not None:
        _check_inputs(table, weights.shape[1], inputs, below.names, below.title)
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
        return _stack(parse_matrices(value, location), location), None
    return parse_matrix(value, location)[np.newaxis, np.newaxis], (ALL_CHANNELS,)


def _parse_inputs(table: Table) -> tuple[NDArray[np.float64], Names]:
    value, location = table.values["inputs"], table.at("inputs")
    if not isinstance(value, dict):
        raise table.wrong_type("inputs", "a table of matrices by channel name, { top = [[1]] },")
    if not value:
        raise location.error(
            "no channel is named. Write { top = [[1]] } with the names of channels of the layer below."
        )
    kernels: list[Matrix] = []
    count = 0
    for name, kernel in value.items():
        kernels.append(parse_channel_weights(kernel, location.at(f'"{name}"')))
        count += kernels[-1].size
        check_limit(location.text, "weights", count, MAX_LAYER_WEIGHTS)
    return _stack(kernels, location), tuple(value)


def _stack(matrices: list[Matrix], location: Location) -> NDArray[np.float64]:
    """Return C matrices, centered in zeros where they are smaller than others, as weights `(1, C, kh, kw)`."""
    size = common_size(matrices)
    check_limit(location.text, "weights", len(matrices) * size[0] * size[1], MAX_LAYER_WEIGHTS)
    return np.stack([center(matrix, size) for matrix in matrices])[np.newaxis]


def _check_inputs(table: Table, count: int, inputs: Names | None, known: Names, title: str) -> None:
    """Check that a filter's slices fit the channels that the layer reads."""
    if inputs is None and count != len(known):
        matrices = f"{count} matrices" if count != 1 else "1 matrix"
        channels = counted(len(known), "channel")
        raise table.at("weights").error(f"{matrices} for the {channels} of {title} ({listed_names(known)}).")
    for name in inputs or ():
        if name not in known and name != ALL_CHANNELS:
            hint = suggestion(name, known, f"{title[0].upper()}{title[1:]} has")
            raise table.at("inputs").error(f'unknown channel "{shortened(name)}". {hint}')


def _parse_scale(table: Table) -> float:
    """Return the factor of the weights: a number, or a fraction written as text ("1/9")."""
    value = table.values.get("scale", 1.0)
    if not isinstance(value, str):
        return table.number("scale", 1.0)
    scale = parse_fraction(value)
    if scale is None:
        raise table.at("scale").error(f'found {describe(value)}; a number or a fraction such as "1/9" is needed here.')
    return scale
