"""Rows of numbers that make a matrix, and numbers written as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.formats.toml_schema import LARGEST, Place, Table, describe, finite
from cnnfx.nn.concat import center, common_size

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_FRACTION = rf"({_NUMBER})(?:/({_NUMBER}))?"


def fraction(text: str) -> float | None:
    """The number that a text such as "-1", ".5", "1e-3" or "1/9" stands for, or None if no float32 holds it."""
    match = re.fullmatch(_FRACTION, text.strip(), re.ASCII)
    divisor = float(match[2] or 1) if match else 0.0
    if match is None or divisor == 0:
        return None
    value = float(match[1]) / divisor
    return value if abs(value) <= LARGEST else None


def ragged(rows: Sequence[Sequence[Any]]) -> str | None:
    """What is wrong with rows of different lengths, or None if all are of one length."""
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            return f"row {number} has {_numbers(len(row))}, row 1 has {len(rows[0])}. Every row needs the same number."
    return None


def _numbers(count: int) -> str:
    return f"{count} number" + "s" * (count != 1)


def parse_matrix(value: Any, place: Place) -> NDArray[np.float64]:
    """The array (rows, columns) of a matrix in a TOML file.

    Raises
    ------
    FileError
        If it is not an array of rows of finite numbers, all of one length; the message says which row and number.
    """
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise place.error(f"found {_first_stranger(value)}; a matrix is needed here: [[1, 2], [3, 4]].")
    if not value or not value[0]:
        raise place.error("the matrix is empty. Write at least one number: [[1]].")
    wrong = ragged(value)
    if wrong:
        raise place.error(wrong)
    return np.array([_parse_row(row, place, number) for number, row in enumerate(value, 1)], np.float64)


def _first_stranger(value: Any) -> str:
    if not isinstance(value, list):
        return describe(value)
    number, stranger = next((at, item) for at, item in enumerate(value, 1) if not isinstance(item, list))
    return f"{describe(stranger)} where row {number} should be"


def _parse_row(row: list[Any], place: Place, number: int) -> list[float]:
    return [finite(value, place.at(f"row {number}, number {column}")) for column, value in enumerate(row, 1)]


def parse_matrices(value: Any, place: Place) -> list[NDArray[np.float64]]:
    """The C matrices of a TOML array of matrices."""
    return [parse_matrix(matrix, place.at(f"matrix {number}")) for number, matrix in enumerate(value, 1)]


def is_matrices(value: Any) -> bool:
    """Whether a TOML value is meant as several matrices, not as one."""
    return isinstance(value, list) and any(
        isinstance(rows, list) and any(isinstance(row, list) for row in rows) for rows in value
    )


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
        total: NDArray[np.float64] = np.sum([center(kernel, size) for kernel in kernels], axis=0)
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
    middle = center(matrix, (int(matrix.shape[0] + 2 * far[0]), int(matrix.shape[1] + 2 * far[1])))
    kernel = np.zeros_like(middle)
    for place in places:
        kernel += np.roll(middle, place, (0, 1))
    return kernel
