"""Numbers as text: with as many digits as help, aligned in matrices, and these side by side as an equation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

GAP = "  "
EXPONENT = -1
"""Instead of a number of decimals: numbers too large or too small to be written out."""


class Block(NamedTuple):
    """Lines that all fill `width` characters, escape codes not counted; the last `rows` of them are a matrix."""

    width: int
    lines: list[str]
    rows: int


def decimals(values: Any) -> int:
    """How many decimals show numbers well: no more than they have, and about three digits of the largest.

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
    near = 2e-7 * largest  # decimal fractions are not exact in float32
    return next((count for count in range(most) if np.abs(numbers.round(count) - numbers).max() <= near), most)


def number(value: float, places: int | None = None) -> str:
    """A number with some decimals, or as many as it needs; no zero has a sign.

    Examples
    --------
    >>> number(0.25, 3), number(-0.0001, 2), number(2.0), number(float("nan"), 1), number(1.5e-9)
    ('0.250', '0.00', '2', 'nan', '1.5e-09')
    """
    places = decimals(value) if places is None else places
    if places == EXPONENT:
        return f"{value:.3g}" if value else "0"
    text = f"{value:.{places}f}"
    return text if any(sign not in "-0." for sign in text) else text.removeprefix("-")


def short_number(value: float) -> str:
    """A number in few signs, for a small square: three digits, and no zero before the point."""
    text = f"{value:.3g}".replace("-0.", "-.").removeprefix("0")
    return "0" if text in ("", "-0") else text


def matrix(
    values: NDArray[Any],
    title: str = "",
    marked: NDArray[np.bool_] | None = None,
    marks: tuple[str, str] = ("[", "]"),
    places: int | None = None,
) -> Block:
    """The numbers of a matrix in columns, under a title; those that are `marked` stand between two signs."""
    places = decimals(values) if places is None else places
    rows = [[number(value, places) for value in row] for row in values.tolist()]
    if marked is not None and marked.any():
        empty = tuple(" " * len(mark) for mark in marks)
        signs = [[marks if is_marked else empty for is_marked in row] for row in marked.tolist()]
        rows = [
            [before + text + after for text, (before, after) in zip(*both, strict=True)]
            for both in zip(rows, signs, strict=True)
        ]
    width = max(len(text) for row in rows for text in row)
    lines = [" ".join(text.rjust(width) for text in row) for row in rows]
    return titled(title, lines, len(lines[0]))


def titled(title: str, lines: list[str], width: int) -> Block:
    """Lines of `width` characters under a title that is set over their middle."""
    room = max(width, len(title))
    before = (room - width) // 2
    padded = [" " * before + line + " " * (room - width - before) for line in lines]
    return Block(room, [title.center(room), *padded] if title else padded, len(lines))


def equation(blocks: Sequence[Block], signs: Sequence[str], width: int) -> list[str]:
    """Blocks with a sign before each, side by side as far as the width allows, then below.

    Parameters
    ----------
    blocks : sequence of Block
    signs : sequence of str
        One for each block, such as "×" and "="; empty for none.
    width : int
        Characters; a single block may be wider.
    """
    shelves: list[list[tuple[str, Block]]] = [[]]
    filled = 0
    for sign, block in zip(signs, blocks, strict=True):
        needed = block.width + (len(sign) + 2 * len(GAP) if sign else len(GAP) if shelves[-1] else 0)
        if shelves[-1] and filled + needed > width:
            shelves.append([])
            filled = 0
        shelves[-1].append((sign, block))
        filled += needed
    return [line.rstrip() for shelf in shelves for line in _side_by_side(shelf)]


def _side_by_side(shelf: Sequence[tuple[str, Block]]) -> list[str]:
    """The lines of blocks that stand on one ground, their signs at the middle of the matrices."""
    height = max(len(block.lines) for _, block in shelf)
    rows = [""] * height
    for position, (sign, block) in enumerate(shelf):
        lines = [" " * block.width] * (height - len(block.lines)) + block.lines
        for index, line in enumerate(lines):
            shown = sign if index == height - 1 - block.rows // 2 else " " * len(sign)
            rows[index] += (f"{GAP}{shown}{GAP}" if sign else GAP if position else "") + line
    return rows


def kernel_lines(kernel: NDArray[Any]) -> Iterator[str]:
    """The rows of a kernel `(kh, kw)` as text, columns aligned."""
    texts = [[f"{weight:.4g}" for weight in row] for row in kernel.tolist()]
    width = max(len(text) for row in texts for text in row)
    for row in texts:
        yield " ".join(text.rjust(width) for text in row)
