"""The smallest image that a network takes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from cnnfx.errors import ArgumentError

MAX_SMALLEST_SIDE = 4096
"""The largest side that is tried."""


def smallest_size(
    fits: Callable[[int, int], object], *, in_order: bool = False, max_side: int = MAX_SMALLEST_SIDE
) -> tuple[int, int] | None:
    """Return the height and width of the smallest image that a network takes.

    Sizes are tried from 1 on: kernels and pooling make them smaller, but whether the maps of several layers fit
    together may depend on each of them.

    Parameters
    ----------
    fits : function
        Called with a height and a width; it raises an `ArgumentError` where the network does not take such an image.
    in_order : bool
        Whether each layer reads the one before it. Then all images larger than one that fits do so, too, and few sizes
        are tried.
    max_side : int
        The largest side that is tried, if it is less than `MAX_SMALLEST_SIDE`.

    Returns
    -------
    (height, width), or None if no image of these sizes fits.
    """

    def takes(height: int, width: int) -> bool:
        try:
            fits(height, width)
        except ArgumentError:
            return False
        return True

    def first(most: int, is_taken: Callable[[int], bool]) -> int | None:
        """Return the first of the sizes from 1 to `most` that is taken."""
        sizes = range(1, most + 1)
        if not in_order:
            return next(filter(is_taken, sizes), None)
        found = bisect_left(sizes, True, key=is_taken)
        return sizes[found] if found < most else None

    side = first(MAX_SMALLEST_SIDE if in_order else min(max_side, MAX_SMALLEST_SIDE), lambda size: takes(size, size))
    height = first(side, lambda rows: takes(rows, side)) if side else None
    width = first(side, lambda columns: takes(height, columns)) if side and height else None
    return (height, width) if height and width else None
