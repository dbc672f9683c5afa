"""Text as an image: the rows of numbers of a `.csv`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.image import Image, check_size

BYTES = 25
"""About the most bytes that a number takes as text; the limit of numbers limits the text by it."""
APART = (";", ",", "\t")
"""What may stand between two numbers: the first that a line has, so that 1,5;2,5 is refused rather than misread."""


def load_table(name: str, stream: IO[bytes], max_pixels: int) -> Image:
    """The numbers of a `.csv` as an image of one channel.

    Rows of numbers apart by commas, semicolons, tabs or blanks; lines that start with # are passed over.

    Raises
    ------
    FileError
        If a cell is not a finite number, a row is longer or shorter than the first, or there are none or too many.
    """
    if stream.seek(0, io.SEEK_END) > max_pixels * BYTES:
        raise FileError(f"{name}: it is too long for {max_pixels} numbers, the limit. Raise it with --max-pixels.")
    stream.seek(0)
    rows: list[NDArray[np.float32]] = []
    for number, line in _lines(name, stream):
        rows.append(_row(name, number, line))
        if len(rows[-1]) != len(rows[0]):
            raise FileError(
                f"{name}, line {number}: its count of numbers is {len(rows[-1])}, that of the first row "
                f"{len(rows[0])}. Every row needs as many."
            )
        check_size(name, (len(rows), len(rows[0])), max_pixels, "numbers")
    if not rows:
        raise FileError(f"{name}: it holds no numbers.")
    return Image(name, np.stack(rows)[None], ("gray",), is_array=True)


def _lines(name: str, stream: IO[bytes]) -> Iterator[tuple[int, str]]:
    """The lines that hold numbers, and where they stand."""
    try:
        with io.TextIOWrapper(stream, "utf-8-sig") as text:
            for number, line in enumerate(text, 1):
                stripped = line.strip()
                if stripped and not stripped.startswith("#"):
                    yield number, stripped
    except UnicodeDecodeError:
        raise FileError(f"{name}: it is not text. A .csv holds rows of numbers.") from None


def _row(name: str, number: int, line: str) -> NDArray[np.float32]:
    cells = [cell.strip() for cell in line.split(next((mark for mark in APART if mark in line), None))]
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        values = np.array([np.nan])
    with np.errstate(over="ignore"):  # too large for float32: found as infinite below
        row = values.astype(np.float32)
    if "_" in line or not np.isfinite(row).all():
        column = next(place for place, cell in enumerate(cells, 1) if not _is_number(cell))
        what = f"{cells[column - 1]!r} is not a number" if cells[column - 1] else "there is no number"
        raise FileError(f"{name}, line {number}, column {column}: {what}.")
    return row


def _is_number(cell: str) -> bool:
    """Whether a cell holds a finite float32; Python's own `1_000` is none."""
    try:
        return "_" not in cell and abs(float(cell)) <= float(np.finfo(np.float32).max)
    except ValueError:
        return False
