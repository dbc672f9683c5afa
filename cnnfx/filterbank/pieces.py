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

from cnnfx.errors import FileError
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
        total: NDArray[np.float64] = np.sum([centred(kernel, size) for kernel in kernels], axis=0)
        return total
    return parse_matrix(value, place)


def _parse_table(value: Any, place: Place) -> NDArray[np.float64]:
    table = Table(value, place, PIECE_KEYS)
    for key, verb in zip(PIECE_KEYS, ("are", "is"), strict=True):
        if key not in table:
            raise place.error(f"{key} {verb} missing. Write {{ weights = [[1]], at = [down, right] }}.")
    return _set_at(parse_matrix(value["weights"], table.at("weights")), _places(value["at"], table.at("at")))


def _places(value: Any, place: Place) -> list[tuple[int, int]]:
    if isinstance(value, list) and any(isinstance(item, list) for item in value):
        return [_read_place(item, place.at(f"place {number}")) for number, item in enumerate(value, 1)]
    return [_read_place(value, place)]


def _read_place(value: Any, place: Place) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise _no_place(value, place)
    for step in value:
        if type(step) is not int:
            raise _no_place(step, place)
        if abs(step) > FARTHEST:
            raise place.error(f"{step} pixels are too far away; {FARTHEST} are the most.")
    return value[0], value[1]


def _no_place(found: Any, place: Place) -> FileError:
    return place.error(
        f"found {describe(found)}; whole pixels from the middle, [down, right], or several such are needed here."
    )


def _set_at(matrix: NDArray[np.float64], places: list[tuple[int, int]]) -> NDArray[np.float64]:
    """The matrix at each of the places of a kernel just large enough; where two overlap they add up."""
    far = np.abs(places).max(axis=0)
    middle = centred(matrix, (int(matrix.shape[0] + 2 * far[0]), int(matrix.shape[1] + 2 * far[1])))
    kernel = np.zeros_like(middle)
    for place in places:
        kernel += np.roll(middle, place, (0, 1))
    return kernel
