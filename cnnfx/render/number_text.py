"""Numbers as text: rounded to a suitable number of decimals, aligned in matrices, and matrices in equations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SEPARATOR = "  "
"""The text between the parts of an equation."""
MINUS = "−"
"""The minus sign of numbers in pictures."""
EXPONENT = -1
"""What `decimals` returns for numbers that are too large or too small for decimals; they have an exponent instead."""


def decimals(values: Any) -> int:
    """Return a suitable number of decimals: no more than the numbers have, and about three digits of the largest.

    Examples
    --------
    >>> decimals([1, -2, 0]), decimals([0.5, 0.25]), decimals([1 / 3, 2.0]), decimals([123.456]), decimals([1e-9])
    (0, 2, 3, 1, -1)
    """
    numbers = np.asarray(values, float).ravel()
    numbers = numbers[np.isfinite(numbers)]
    largest = float(np.abs(numbers).max(initial=0))
    if largest == 0:
        return 0
    if not 1e-4 <= largest < 1e7:
        return EXPONENT
    exponent = math.floor(math.log10(largest))
    most = 2 - exponent if largest < 0.1 else max(3 - max(exponent, 0), 0)
    tolerance = 2e-7 * largest  # decimal fractions are not exact in float32
    return next((count for count in range(most) if np.abs(numbers.round(count) - numbers).max() <= tolerance), most)


def format_number(value: float, places: int | None = None) -> str:
    """Return a number with `places` decimals, by default those of `decimals`. Zero has no sign.

    Examples
    --------
    >>> format_number(0.25, 3), format_number(-0.0001, 2), format_number(2.0), format_number(1.5e-9)
    ('0.250', '0.00', '2', '1.5e-09')
    """
    places = decimals(value) if places is None else places
    if places == EXPONENT:
        return f"{value:.3g}" if value else "0"
    text = f"{value:.{places}f}"
    return text if any(character not in "-0." for character in text) else text.removeprefix("-")


def format_short_number(value: float) -> str:
    """Return a number as `format_scale_number`, but with no zero before the decimal point, for small squares."""
    text = format_scale_number(value)
    return text.replace("0.", ".", 1) if text.removeprefix(MINUS).startswith("0.") else text


def format_scale_number(value: float) -> str:
    """Return a number with three significant digits and a true minus sign, for legends and labels in pictures.

    Examples
    --------
    >>> format_scale_number(-2.236), format_scale_number(0.5), format_scale_number(-0.0), format_scale_number(12345.6)
    ('−2.24', '0.5', '0', '12346')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return MINUS + "∞" if value < 0 else "∞"
    magnitude = abs(value)
    text = f"{magnitude:.0f}" if 999.5 <= magnitude < 1e6 else f"{magnitude:.3g}"
    mantissa, _, exponent = text.partition("e")
    text = f"{mantissa}e{int(exponent)}".replace("-", MINUS) if exponent else text
    return MINUS + text if value < 0 else text


def kernel_lines(kernel: NDArray[Any]) -> Iterator[str]:
    """Yield the rows of a kernel `(kh, kw)` as text, with aligned columns."""
    rows = [[f"{weight:.4g}" for weight in row] for row in kernel.tolist()]
    width = max(len(text) for row in rows for text in row)
    for row in rows:
        yield " ".join(text.rjust(width) for text in row)


class TextBlock(NamedTuple):
    """Lines of text of one width.

    Parameters
    ----------
    width : int
        The characters of every line, without escape codes.
    lines : list of str
    rows : int
        The number of rows of the matrix, which are the last lines; the lines above them are its title.
    """

    width: int
    lines: list[str]
    rows: int


def matrix(
    values: NDArray[Any],
    title: str = "",
    marked: NDArray[np.bool_] | None = None,
    marks: tuple[str, str] = ("[", "]"),
    places: int | None = None,
) -> TextBlock:
    """Return a matrix as text, with aligned columns under a title.

    Parameters
    ----------
    values : array (rows, columns)
    title : str
    marked : bool array (rows, columns), optional
        Which numbers are enclosed in the two `marks`.
    marks : (str, str)
    places : int, optional
        The decimals of all numbers; see `decimals`.
    """
    places = decimals(values) if places is None else places
    rows = [[format_number(value, places) for value in row] for row in values.tolist()]
    if marked is not None and marked.any():
        blanks = tuple(" " * len(mark) for mark in marks)
        signs = [[marks if is_marked else blanks for is_marked in row] for row in marked.tolist()]
        rows = [
            [before + text + after for text, (before, after) in zip(*both, strict=True)]
            for both in zip(rows, signs, strict=True)
        ]
    width = max(len(text) for row in rows for text in row)
    lines = [" ".join(text.rjust(width) for text in row) for row in rows]
    return titled(title, lines, len(lines[0]))


def titled(title: str, lines: list[str], width: int) -> TextBlock:
    """Return lines of `width` characters under a title that is centered over them."""
    full_width = max(width, len(title))
    before = (full_width - width) // 2
    padded = [" " * before + line + " " * (full_width - width - before) for line in lines]
    return TextBlock(full_width, [title.center(full_width), *padded] if title else padded, len(lines))


def equation(blocks: Sequence[TextBlock], signs: Sequence[str], width: int | None = None) -> list[str]:
    """Return the lines of an equation: blocks with a sign before each, side by side, and below where they do not fit.

    Parameters
    ----------
    blocks : sequence of TextBlock
    signs : sequence of str
        One for each block, such as "×" and "="; empty for none.
    width : int, optional
        The characters of a line; a single block may be wider. By default all blocks are side by side.
    """
    rows: list[list[tuple[str, TextBlock]]] = [[]]
    filled = 0
    for sign, block in zip(signs, blocks, strict=True):
        needed = block.width + (len(sign) + 2 * len(SEPARATOR) if sign else len(SEPARATOR) if rows[-1] else 0)
        if width is not None and rows[-1] and filled + needed > width:
            rows.append([])
            filled = 0
        rows[-1].append((sign, block))
        filled += needed
    return [line.rstrip() for row in rows for line in _join_blocks(row)]


def _join_blocks(row: Sequence[tuple[str, TextBlock]]) -> list[str]:
    """Return the lines of blocks side by side: aligned at the bottom, with signs at half the height of the matrices."""
    height = max(len(block.lines) for _, block in row)
    lines = [""] * height
    for position, (sign, block) in enumerate(row):
        padded = [" " * block.width] * (height - len(block.lines)) + block.lines
        for index, text in enumerate(padded):
            shown = sign if index == height - 1 - block.rows // 2 else " " * len(sign)
            lines[index] += (f"{SEPARATOR}{shown}{SEPARATOR}" if sign else SEPARATOR if position else "") + text
    return lines
