"""From levels 0..255 to colours: a table of 256 colours per colour map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError

ANCHORS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "gray": ((0, 0, 0), (255, 255, 255)),
    # Blue below zero, white at zero, red above: for signed maps. Both ends are equally dark.
    "diverging": ((8, 48, 107), (66, 146, 198), (247, 247, 247), (239, 101, 72), (127, 0, 0)),
    # Black over red and yellow to white: for magnitudes.
    "heat": ((0, 0, 0), (120, 0, 30), (220, 60, 10), (250, 170, 30), (255, 245, 150), (255, 255, 255)),
    # Dark blue over green to yellow, rising evenly in lightness: readable without colour vision too.
    "viridis": ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)),
}
"""Colours at equal distances along each colour map; what lies between is interpolated."""

TINTS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "blue": ((6, 22, 62), (38, 104, 196), (240, 247, 255)),
    "green": ((4, 42, 18), (48, 150, 78), (240, 255, 240)),
    "orange": ((84, 38, 0), (222, 124, 20), (255, 240, 214)),
}
"""Colour maps that tell what is what in pictures of a layer at work: its input is blue, what the window lies on orange,
its output green."""


@cache
def table(name: str) -> NDArray[np.uint8]:
    """The 256 colours `(256, 3)` of a colour map, darkest level first.

    Raises
    ------
    ArgumentError
        If there is no colour map of that name.
    """
    if name not in ANCHORS:
        raise ArgumentError(f"There is no colour map called {name!r}. Choose one of {', '.join(ANCHORS)}.")
    colours = ramp(ANCHORS[name], 256)
    colours.flags.writeable = False
    return colours


def ramp(anchors: Sequence[tuple[int, int, int]], count: int) -> NDArray[np.uint8]:
    """`count` colours `(count, 3)` at equal distances along a line through anchors."""
    points = np.array(anchors, float)
    places = np.linspace(0, len(points) - 1, count)
    channels = [np.interp(places, np.arange(len(points)), points[:, channel]) for channel in range(3)]
    colours: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colours


def paint(levels: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Levels `(H, W)` as a picture: unchanged for `"gray"`, else colours `(H, W, 3)`."""
    if name == "gray":
        return levels
    colours: NDArray[np.uint8] = table(name)[levels]
    return colours
