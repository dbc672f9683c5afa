"""What a filter looks for in one named channel: a matrix in its middle, or one set at places away from it.

    inputs = { top  = [[1, 1, 1]],
               left = { weights = [[1], [1], [1]], at = [2, -1] } }

`at` is `[down, right]` in pixels from the filter's middle to the matrix's, or several such places. A part that lies
eight pixels away so needs no eight rows of zeros, and the file says where it lies. Several such tables in an array add
up: what should be there and, with negative weights, what should not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.filterbank.matrices import parse_matrix
from cnnfx.filterbank.place import Place, describe
from cnnfx.filterbank.tables import Table
from cnnfx.merging import centred, common_size

FARTHEST = 255
"""The most pixels that a matrix can lie away from the filter's middle."""
PIECE_KEYS = ("weights", "at")


def parse_piece(value: Any, place: Place) -> NDArray[np.float64]:
    """The kernel `(rows, columns)` on one named channel: a matrix, a table with `weights` and `at`, or several tables.

    Raises
    ------
    FileError
        If it is none of these, or something in it is missing, unknown or of the wrong type.
    """
    if isinstance(value, dict):
        return _parse_table(value, place)
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        kernels = [_parse_table(item, place.at(f"piece {number}")) for number, item in enumerate(value, 1)]
        size = common_size(kernels)
        return np.sum([centred(kernel, size) for kernel in kernels], axis=0, dtype=np.float64)
    return parse_matrix(value, place)


def _parse_table(value: Any, place: Place) -> NDArray[np.float64]:
    table = Table(value, place, PIECE_KEYS)
    for key in PIECE_KEYS:
        if key not in table:
            raise place.error(f"{key} is missing. Write {{ weights = [[1]], at = [down, right] }}.")
    return _set_at(parse_matrix(value["weights"], table.at("weights")), _places(value["at"], table.at("at")))


def _places(value: Any, place: Place) -> list[tuple[int, int]]:
    several = isinstance(value, list) and bool(value) and all(isinstance(item, list) for item in value)
    return [_read_place(item, place) for item in (value if several else [value])]


def _read_place(value: Any, place: Place) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(type(step) is int for step in value):
        raise place.error(
            f"found {describe(value)}; pixels from the middle are needed here, [down, right], or several such."
        )
    if max(map(abs, value)) > FARTHEST:
        raise place.error(f"[{value[0]}, {value[1]}] lies too far away; {FARTHEST} pixels are the most.")
    return value[0], value[1]


def _set_at(matrix: NDArray[np.float64], places: list[tuple[int, int]]) -> NDArray[np.float64]:
    """The matrix at each of the places of a kernel just large enough; where two overlap they add up."""
    far = np.abs(places).max(axis=0)
    size = (int(matrix.shape[0] + 2 * far[0]), int(matrix.shape[1] + 2 * far[1]))
    middle = centred(matrix, size)
    return np.sum([np.roll(middle, place, (0, 1)) for place in places], axis=0, dtype=np.float64)
