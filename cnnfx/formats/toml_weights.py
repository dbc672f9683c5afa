"""Weights in TOML files: matrices, matrices at an offset from the filter's center, and fractions written as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.formats.toml_schema import MAX_FLOAT32, Location, Table, describe, finite
from cnnfx.system.limits import MAX_OFFSET_PIXELS
from cnnfx.system.sizes import counted

Matrix = NDArray[np.float64]

OFFSET_KEYS = ("weights", "at")
"""The keys of a table that gives a matrix an offset."""

_NUMBER = r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?"
_FRACTION = rf"({_NUMBER})(?:/({_NUMBER}))?"


def is_list_of_matrices(value: Any) -> bool:
    """Return whether a TOML value is meant as several matrices rather than one."""
    return isinstance(value, list) and any(
        isinstance(rows, list) and any(isinstance(row, list) for row in rows) for rows in value
    )


def parse_matrices(value: Any, location: Location) -> list[Matrix]:
    """Return the matrices of a TOML array of matrices."""
    return [parse_matrix(matrix, location.at(f"matrix {number}")) for number, matrix in enumerate(value, 1)]


def parse_matrix(value: Any, location: Location) -> Matrix:
    """Return the array (rows, columns) of a matrix in a TOML file.

    Raises
    ------
    FileError
        If it is not an array of rows of finite numbers, all of one length; the message names the row and the number.
    """
    if isinstance(value, np.ndarray):  # of filters without weights
        return value
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise location.error(f"found {_first_non_row(value)}; a matrix is needed here: [[1, 2], [3, 4]].")
    if not value or not value[0]:
        raise location.error("the matrix is empty. Write at least one number: [[1]].")
    if problem := ragged_rows(value):
        raise location.error(problem)
    if {type(number) for row in value for number in row} <= {int, float}:
        with suppress(OverflowError):
            matrix = np.array(value, np.float64)
            if np.abs(matrix).max() <= MAX_FLOAT32:  # false for NaN
                return matrix
    return np.array([_parse_row(row, location, number) for number, row in enumerate(value, 1)], np.float64)


def _first_non_row(value: Any) -> str:
    if not isinstance(value, list):
        return describe(value)
    number, item = next((number, item) for number, item in enumerate(value, 1) if not isinstance(item, list))
    return f"{describe(item)} where row {number} should be"


def _parse_row(row: list[Any], location: Location, number: int) -> list[float]:
    return [finite(value, location.at(f"row {number}, number {column}")) for column, value in enumerate(row, 1)]


def ragged_rows(rows: Sequence[Sequence[Any]]) -> str | None:
    """Return a message about the first row whose length differs from that of row 1; None if there is none."""
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            found = counted(len(row), "number")
            return f"row {number} has {found}, row 1 has {len(rows[0])}. Every row needs the same number."
    return None


def parse_fraction(text: str) -> float | None:
    """Return the value of a number or fraction such as "-1", ".5", "1e-3" or "1/9".

    None if the text is not a number, or its magnitude is larger than `MAX_FLOAT32`.
    """
    match = re.fullmatch(_FRACTION, text.strip(), re.ASCII)
    divisor = float(match[2] or 1) if match else 0.0
    if match is None or divisor == 0:
        return None
    value = float(match[1]) / divisor
    return value if abs(value) <= MAX_FLOAT32 else None


def parse_channel_weights(value: Any, location: Location) -> Matrix:
    """Return the kernel `(rows, columns)` on one named channel.

    Parameters
    ----------
    value
        A matrix; a table with `weights` (a matrix) and `at` (its offset from the center, [down, right], or several); or
        an array of such tables, whose kernels are added.
    location : Location

    Raises
    ------
    FileError
        If it is none of these, or something in it is missing, unknown or of the wrong type.
    """
    if isinstance(value, dict):
        return _at_offsets([_parse_table(value, location)])
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return _at_offsets([_parse_table(item, location.at(f"table {number}")) for number, item in enumerate(value, 1)])
    return parse_matrix(value, location)


class _Placed(NamedTuple):
    """A matrix, and its offsets (down, right) from the center."""

    matrix: Matrix
    offsets: list[tuple[int, int]]


def _parse_table(value: Any, location: Location) -> _Placed:
    table = Table(value, location, OFFSET_KEYS)
    for key, verb in zip(OFFSET_KEYS, ("are", "is"), strict=True):
        if key not in table:
            raise location.error(f"{key} {verb} missing. Write {{ weights = [[1]], at = [down, right] }}.")
    return _Placed(parse_matrix(value["weights"], table.at("weights")), _parse_offsets(value["at"], table.at("at")))


def _parse_offsets(value: Any, location: Location) -> list[tuple[int, int]]:
    if isinstance(value, list) and any(isinstance(item, list) for item in value):
        return [_parse_offset(item, location.at(f"offset {number}")) for number, item in enumerate(value, 1)]
    return [_parse_offset(value, location)]


def _parse_offset(value: Any, location: Location) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise _no_offset(value, location)
    for pixels in value:
        if type(pixels) is not int:
            raise _no_offset(pixels, location)
        if abs(pixels) > MAX_OFFSET_PIXELS:
            raise location.error(f"{pixels} pixels are too far from the center; the limit is {MAX_OFFSET_PIXELS}.")
    return value[0], value[1]


def _no_offset(found: Any, location: Location) -> FileError:
    return location.error(
        f"found {describe(found)}; whole pixels from the center, [down, right], or several such are needed here."
    )


def _at_offsets(parts: Sequence[_Placed]) -> Matrix:
    """Return the smallest kernel with each matrix at its offsets from the center, and the sum where they overlap."""
    sizes = [part.matrix.shape + 2 * np.abs(part.offsets).max(axis=0) for part in parts]
    kernel = np.zeros(np.max(sizes, axis=0))
    for matrix, offsets in parts:
        # The middle of k rows is row (k - 1) // 2, as in `cnnfx.nn.concat.center`.
        (top, left) = ((total - 1) // 2 - (own - 1) // 2 for total, own in zip(kernel.shape, matrix.shape, strict=True))
        rows, columns = matrix.shape
        for down, right in offsets:
            kernel[top + down : top + down + rows, left + right : left + right + columns] += matrix
    return kernel
