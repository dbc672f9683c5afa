"""The filters of one layer of a file: names, weights and what each slice of the weights looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.filterbank.matrices import fraction, is_matrices, parse_matrices, parse_matrix
from cnnfx.filterbank.pieces import parse_piece
from cnnfx.filterbank.place import Place, describe, did_you_mean
from cnnfx.filterbank.tables import LARGEST, Table
from cnnfx.layers import EVERY
from cnnfx.merging import Block, centred, common_size, stack

FILTER_KEYS = ("name", "weights", "inputs", "bias", "scale")

Names = tuple[str, ...]


class Filters(NamedTuple):
    """All filters of a layer, as `cnnfx.layers.Conv` takes them."""

    names: Names
    weights: NDArray[Any]
    bias: NDArray[Any]
    inputs: Names | None


def parse_filters(table: Table, below: Names | None) -> Filters:
    """The filters of a layer's table.

    Parameters
    ----------
    table : Table
        Its `[[filter]]` tables hold the filters. (Filters that are to be learned will be read here too.)
    below : tuple of str, optional
        The channels of the layer below, or None if that is whatever the network is applied to.

    Raises
    ------
    FileError
        If something is missing, of the wrong type or does not fit the layer below.
    """
    tables = table.tables("filter")
    if not tables:
        raise table.place.error("there are no filters. Write at least one [[filter]] with weights.")
    parsed = [_parse_filter(values, table.place, number) for number, values in enumerate(tables, 1)]
    for filter_table, block, _ in parsed:
        _check_inputs(filter_table, block, below)
    names = unique(tuple(block.label for _, block, _ in parsed), table.place, "filters")
    try:
        weights, inputs = stack(
            [Block(f'filter "{block.label}"', block.weights, block.inputs) for _, block, _ in parsed]
        )
    except ArgumentError as error:
        raise table.place.error(str(error)) from error
    return Filters(names, weights, np.array([bias for *_, bias in parsed], np.float64), inputs)


def unique(names: Names, place: Place, what: str) -> Names:
    """The names, if no two are alike."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise place.error(f'two {what} are called "{name}". Give each its own name.')
    return names


def _parse_filter(values: Mapping[str, Any], layer: Place, number: int) -> tuple[Table, Block, float]:
    given = values.get("name", number)
    place = layer.at(f'filter "{given}"' if isinstance(given, str) else f"filter {number}")
    table = Table(values, place, FILTER_KEYS)
    name = table.name("name", str(number))
    weights, inputs = _parse_weights(table)
    scaled = weights * _scale(table)
    if np.abs(scaled).max() > LARGEST:
        raise table.at("scale").error("the weights become larger than 3.4e38 with it.")
    return table, Block(name, scaled, inputs), table.number("bias", 0.0)


def _scale(table: Table) -> float:
    """The factor of the weights: a number, or a fraction as text ("1/9")."""
    value = table.values.get("scale", 1.0)
    if not isinstance(value, str):
        return table.number("scale", 1.0)
    parsed = fraction(value)
    if parsed is None:
        raise table.at("scale").error(f'found {describe(value)}; a number or a fraction such as "1/9" is needed here.')
    return parsed


def _parse_weights(table: Table) -> tuple[NDArray[np.float64], Names | None]:
    """The weights `(1, C, kh, kw)` of a filter and what the slices belong to."""
    if "weights" in table and "inputs" in table:
        raise table.place.error("weights and inputs are both there. Write weights for all channels, or inputs by name.")
    if "inputs" in table:
        return _parse_inputs(table)
    if "weights" not in table:
        raise table.place.error("weights are missing. Write a matrix: weights = [[-1, 0, 1]].")
    value, place = table.values["weights"], table.at("weights")
    if is_matrices(value):
        return _join(parse_matrices(value, place)), None
    return _join([parse_matrix(value, place)]), (EVERY,)


def _parse_inputs(table: Table) -> tuple[NDArray[np.float64], Names]:
    value, place = table.values["inputs"], table.at("inputs")
    if not isinstance(value, dict):
        raise table.wrong("inputs", "a table of matrices by channel name, { top = [[1]] },")
    if not value:
        raise place.error("no channel is named. Write { top = [[1]] } with the names of channels of the layer below.")
    return _join([parse_piece(piece, place.at(f'"{name}"')) for name, piece in value.items()]), tuple(value)


def _join(matrices: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    size = common_size(matrices)
    return np.stack([centred(matrix, size) for matrix in matrices])[np.newaxis]


def _check_inputs(table: Table, block: Block, below: Names | None) -> None:
    """See that a filter's slices fit the channels of the layer below, where these are known."""
    if below is None:
        return
    if block.inputs is None and block.weights.shape[1] != len(below):
        raise _wrong_count(table, block.weights.shape[1], below)
    for name in block.inputs or ():
        if name not in below and name != EVERY:
            known = did_you_mean(name, below, "The layer below has")
            raise table.at("inputs").error(f'unknown channel "{name}". {known}')


def _wrong_count(table: Table, count: int, below: Names) -> FileError:
    matrices = f"{count} matrices" if count != 1 else "1 matrix"
    channels = f"{len(below)} channel" + "s" * (len(below) != 1)
    return table.at("weights").error(f"{matrices} for a layer below of {channels} ({', '.join(below)}).")
