"""The arrangement of cells of one size in rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

ASPECT_RATIO = 1.8
"""The width of a picture divided by its height that is aimed for: about that of a screen."""
MANY_CELLS = 13
"""With this many cells or more, cells would be small in a wide picture on a screen."""
MANY_ASPECT_RATIO = 1.4
"""The aspect ratio that is aimed for with many cells."""
FEW_CELLS = 3
"""Up to this many cells are in one row, as in an equation, unless they are twice as wide as high."""
HIGH_COST = 1.35
"""The cost of a picture that is too high, relative to one that is too wide by the same factor."""
UNEVEN_COST = 1.0
"""The cost of rows of different lengths: that of a picture that is e = 2.7 times too wide."""


def row_lengths(count: int, columns: int) -> list[int]:
    """Distribute cells over the fewest rows of at most `columns` cells, so that rows differ by one cell at most.

    The longer rows come first.

    Examples
    --------
    >>> row_lengths(8, 4), row_lengths(7, 4), row_lengths(10, 4)
    ([4, 4], [4, 3], [4, 3, 3])
    """
    rows = math.ceil(count / columns)
    return [count // rows + (row < count % rows) for row in range(rows)]


def full_rows(count: int, columns: int) -> list[int]:
    """Return the lengths of rows of `columns` cells each; the last one may be shorter."""
    return [min(columns, count - first) for first in range(0, count, columns)]


def balanced_rows(count: int, width: float, height: float, beside: float = 0) -> Sequence[int]:
    """Return the lengths of the rows of a grid whose aspect ratio is about `ASPECT_RATIO` or `MANY_ASPECT_RATIO`.

    Rows of one length are preferred.

    Parameters
    ----------
    count : int
        The number of cells, at least 1.
    width, height : float
        The size of a cell.
    beside : float
        The width of the picture beside the grid.
    """

    if count <= FEW_CELLS and width < 2 * height:
        return [count]

    def cost(rows: Sequence[int]) -> float:
        ratio = (beside + rows[0] * width) / (len(rows) * height)
        error = math.log(ratio / (ASPECT_RATIO if count < MANY_CELLS else MANY_ASPECT_RATIO))
        return (error if error > 0 else -HIGH_COST * error) + UNEVEN_COST * (rows[0] > rows[-1])

    return min((row_lengths(count, columns) for columns in range(1, count + 1)), key=cost)


def wider_rows(rows: Sequence[int], columns: int) -> Sequence[int]:
    """Return rows of one length of up to `columns` cells for all cells of `rows`, or `rows` if there are none wider."""
    count = sum(rows)
    wider = (row_lengths(count, length) for length in range(min(columns, count), rows[0], -1))
    return next((lengths for lengths in wider if lengths[0] == lengths[-1]), rows)


def suitable_columns(count: int, width: float, height: float) -> int:
    """Return the length of the longest row of `balanced_rows`."""
    return balanced_rows(count, width, height)[0]
