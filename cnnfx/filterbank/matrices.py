"""Rows of numbers that make a matrix, and numbers written as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.filterbank.place import Place, describe
from cnnfx.filterbank.tables import LARGEST, finite

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
