"""From levels 0..255 to colors: a table of 256 colors per color map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.feature_maps import Statistics
from cnnfx.system.memory import buffer

COLORMAPS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "gray": ((0, 0, 0), (255, 255, 255)),
    # Blue below zero, white at zero, red above: for signed maps. Both ends are equally dark.
    "diverging": ((8, 48, 107), (66, 146, 198), (247, 247, 247), (239, 101, 72), (127, 0, 0)),
    # Black over red and yellow to white: for magnitudes.
    "heat": ((0, 0, 0), (120, 0, 30), (220, 60, 10), (250, 170, 30), (255, 245, 150), (255, 255, 255)),
    # Dark blue over green to yellow, rising evenly in lightness: readable without color vision too.
    "viridis": ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)),
}
"""Colors at equal distances along each color map; what lies between is interpolated."""

TINTS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "blue": ((6, 22, 62), (38, 104, 196), (240, 247, 255)),
    "green": ((4, 42, 18), (48, 150, 78), (240, 255, 240)),
    "orange": ((84, 38, 0), (222, 124, 20), (255, 240, 214)),
}
"""Color maps that tell what is what in pictures of a layer at work: its input is blue, what the window lies on orange,
its output green."""


@cache
def color_table(name: str) -> NDArray[np.uint8]:
    """The 256 colors `(256, 3)` of a color map, darkest level first.

    Raises
    ------
    ArgumentError
        If there is no color map of that name.
    """
    if name not in COLORMAPS:
        raise ArgumentError(f"There is no color map called {name!r}. Choose one of {', '.join(COLORMAPS)}.")
    colors = interpolate_colors(COLORMAPS[name], 256)
    colors.flags.writeable = False
    return colors


def interpolate_colors(anchors: Sequence[tuple[int, int, int]], count: int) -> NDArray[np.uint8]:
    """`count` colors `(count, 3)` at equal distances along a line through anchors."""
    points = np.array(anchors, float)
    places = np.linspace(0, len(points) - 1, count)
    channels = [np.interp(places, np.arange(len(points)), points[:, channel]) for channel in range(3)]
    colors: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colors


def paint(levels: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Levels `(H, W)` as a picture: unchanged for `"gray"`, else colors `(H, W, 3)`."""
    if name == "gray":
        return levels
    colors: NDArray[np.uint8] = color_table(name)[levels]
    return colors


NORMALIZATIONS = {
    "signed": "zero is mid-gray, the largest magnitude white or black",
    "minmax": "the smallest value is black, the largest white",
    "positive": "zero and less is black, the largest value white",
    "absolute": "zero is black, the largest magnitude white",
    "none": "values as they are, clipped at 0 and 1",
}
"""The modes of normalization and what each shows."""


CHUNK = 2**17
"""About how many values are drawn at a time: few enough to stay in a processor's cache, enough for threads to work
without a word in between."""


class LinearScale(NamedTuple):
    """`level = scale * value + offset`, of the value's magnitude where `magnitude` is set."""

    scale: float
    offset: float
    magnitude: bool = False

    def levels(self, values: NDArray[Any], out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """The levels of values `(..., W)`, in `out` if it is given; NaN is drawn black."""
        levels = np.empty(values.shape, np.uint8) if out is None else out
        rows, drawn = values.reshape(-1, values.shape[-1]), levels.reshape(-1, values.shape[-1])
        step = max(1, CHUNK // rows.shape[1])
        scratch = buffer("levels", (min(step, len(rows)), rows.shape[1]), values.dtype)
        with np.errstate(invalid="ignore"):  # infinity times a scale of 0
            for first in range(0, len(rows), step):
                part = rows[first : first + step]
                self._draw(part, scratch[: len(part)], drawn[first : first + step])
        return levels

    def _draw(self, values: NDArray[Any], scratch: NDArray[Any], levels: NDArray[np.uint8]) -> None:
        # Half a level is added because the cast to whole numbers drops the fraction: together they round.
        np.multiply(values, np.float32(self.scale), out=scratch)
        if self.magnitude:
            np.abs(scratch, out=scratch)
        scratch += np.float32(self.offset + 0.5)
        np.clip(scratch, 0, 255.5, out=scratch)
        if np.isnan(scratch.min()):  # rare, and sooner found than avoided
            scratch[np.isnan(scratch)] = 0
        np.copyto(levels, scratch, casting="unsafe")


def linear_scale(mode: str, low: float, high: float) -> LinearScale:
    """The line that draws values between `low` and `high` (both finite) in a mode of `NORMALIZATIONS`.

    A map without contrast is drawn in the level of zero: mid-gray when signed, else black.

    Raises
    ------
    ArgumentError
        If the mode is not known.
    """
    largest = max(abs(low), abs(high))
    if mode == "signed":
        return LinearScale(_ratio(127.5, largest), 127.5)
    if mode == "minmax":
        scale = _ratio(255.0, high - low)
        return LinearScale(scale, -low * scale)
    if mode == "positive":
        return LinearScale(_ratio(255.0, max(high, 0.0)), 0.0)
    if mode == "absolute":
        return LinearScale(_ratio(255.0, largest), 0.0, magnitude=True)
    if mode == "none":
        return LinearScale(255.0, 0.0)
    raise ArgumentError(f"There is no normalization called {mode!r}. Choose one of {', '.join(NORMALIZATIONS)}.")


def _ratio(span: float, extent: float) -> float:
    """`span / extent`, or 0 where there is nothing to spread (also where the quotient overflows)."""
    return span / extent if extent > span / float(np.finfo(np.float32).max) else 0.0


class ColorScale(NamedTuple):
    """How values become colors.

    `normalize` is a mode of `cnnfx.render.color`; `scope` is `"channel"` (each channel by its own range) or
    `"all"` (all by the
    range of all, so that they can be compared); `colormap` is one of `cnnfx.render.color`.
    """

    normalize: str = "signed"
    scope: str = "channel"
    colormap: str = "gray"

    def linear_scales(self, statistics: Statistics) -> list[LinearScale]:
        """The line from values to levels for each channel."""
        ranges = [channel.range for channel in statistics]
        if self.scope == "all":
            ranges = [(min(low for low, _ in ranges), max(high for _, high in ranges))] * len(ranges)
        return [linear_scale(self.normalize, low, high) for low, high in ranges]
