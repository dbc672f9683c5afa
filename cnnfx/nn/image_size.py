"""The smallest image that a network takes."""

from __future__ import annotations

from collections.abc import Callable

from cnnfx.errors import ArgumentError

MAX_SMALLEST_SIDE = 2048
"""The largest side that is tried."""


def smallest_size(fits: Callable[[int, int], object]) -> tuple[int, int] | None:
    """Return the height and width of the smallest image that a network takes.

    Sizes are tried from 1 on: kernels and pooling make them smaller, but whether the maps of several layers fit
    together may depend on each of them.

    Parameters
    ----------
    fits : function
        Called with a height and a width; it raises an `ArgumentError` where the network does not take such an image.

    Returns
    -------
    (height, width), or None if no image of up to `MAX_SMALLEST_SIDE` rows and columns fits.
    """

    def takes(height: int, width: int) -> bool:
        try:
            fits(height, width)
        except ArgumentError:
            return False
        return True

    side = next((side for side in range(1, MAX_SMALLEST_SIDE + 1) if takes(side, side)), None)
    if side is None:
        return None
    height = next(rows for rows in range(1, side + 1) if takes(rows, side))
    return height, next(columns for columns in range(1, side + 1) if takes(height, columns))
