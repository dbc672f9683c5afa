"""Color scales: normalization of values to levels 0..255, and color maps from levels to colors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.feature_maps import Statistics
from cnnfx.system.memory import buffer

NORMALIZATIONS = {
    "signed": "zero is mid-gray, the largest magnitude white or black",
    "minmax": "the smallest value is black, the largest white",
    "positive": "zero and less is black, the largest value white",
    "absolute": "zero is black, the largest magnitude white",
    "none": "values as they are, clipped at 0 and 1",
}
"""The modes of normalization and what each shows."""

COLORMAPS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "gray": ((0, 0, 0), (255, 255, 255)),
    # Blue below zero, white at zero, red above: for signed maps. Both ends are equally dark.
    "diverging": ((8, 48, 107), (66, 146, 198), (247, 247, 247), (239, 101, 72), (127, 0, 0)),
    # From black to red, yellow and white: for magnitudes.
    "heat": ((0, 0, 0), (120, 0, 30), (220, 60, 10), (250, 170, 30), (255, 245, 150), (255, 255, 255)),
    # From dark blue to green and yellow, with evenly increasing lightness: readable without color vision too.
    "viridis": ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)),
}
"""Colors (red, green, blue), 0..255, at equal distances along each color map; those between them are interpolated."""

CHUNK_VALUES = 2**17
"""About how many values are converted at a time: few enough to stay in the processor's cache, and enough to keep the
overhead of each step small."""


class ColorScale(NamedTuple):
    """How the values of feature maps become colors.

    Parameters
    ----------
    normalize : str
        A mode of `NORMALIZATIONS`.
    scope : "channel" or "all"
        Whether each channel is drawn by its own range, or all channels by their common range, so that they can be
        compared.
    colormap : str
        A color map of `COLORMAPS`.
    """

    normalize: str = "signed"
    scope: str = "channel"
    colormap: str = "gray"

    def linear_scales(self, statistics: Statistics) -> list[LinearScale]:
        """Return the scale from values to levels for each channel.

        Raises
        ------
        ArgumentError
            If the mode of normalization is unknown.
        """
        ranges = [channel.range for channel in statistics]
        if self.scope == "all":
            ranges = [(min(low for low, _ in ranges), max(high for _, high in ranges))] * len(ranges)
        return [linear_scale(self.normalize, low, high) for low, high in ranges]


class LinearScale(NamedTuple):
    """The mapping `level = scale * value + offset`; with `magnitude`, of the value's magnitude."""

    scale: float
    offset: float
    magnitude: bool = False

    def levels(self, values: NDArray[Any], out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Return the levels 0..255 of values `(..., W)`, in `out` if it is given. NaN becomes 0."""
        levels = np.empty(values.shape, np.uint8) if out is None else out
        value_rows, level_rows = values.reshape(-1, values.shape[-1]), levels.reshape(-1, values.shape[-1])
        step = max(1, CHUNK_VALUES // value_rows.shape[1])
        scaled = buffer("levels", (min(step, len(value_rows)), value_rows.shape[1]), values.dtype)
        with np.errstate(invalid="ignore"):  # infinity times a scale of 0
            for first in range(0, len(value_rows), step):
                chunk = value_rows[first : first + step]
                self._convert(chunk, scaled[: len(chunk)], level_rows[first : first + step])
        return levels

    def _convert(self, values: NDArray[Any], scaled: NDArray[Any], levels: NDArray[np.uint8]) -> None:
        np.multiply(values, np.float32(self.scale), out=scaled)
        if self.magnitude:
            np.abs(scaled, out=scaled)
        scaled += np.float32(self.offset + 0.5)  # the cast to integers truncates: with 0.5 added it rounds
        np.clip(scaled, 0, 255.5, out=scaled)
        if np.isnan(scaled.min()):  # NaN is rare: one minimum costs less than replacing it in every chunk
            scaled[np.isnan(scaled)] = 0
        np.copyto(levels, scaled, casting="unsafe")


def linear_scale(mode: str, low: float, high: float) -> LinearScale:
    """Return the scale that draws values between `low` and `high` in a mode of `NORMALIZATIONS`.

    A map without contrast is drawn in the level of zero: mid-gray in the mode "signed", black in the others.

    Parameters
    ----------
    mode : str
    low, high : float
        The smallest and the largest value, both finite.

    Raises
    ------
    ArgumentError
        If the mode is unknown.
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


def _ratio(levels: float, extent: float) -> float:
    """Return `levels / extent`, or 0 if the extent is 0 or so small that the quotient overflows float32."""
    return levels / extent if extent > levels / float(np.finfo(np.float32).max) else 0.0


def apply_colormap(levels: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Return levels `(H, W)` unchanged for the color map "gray", and as colors `(H, W, 3)` for the others.

    Raises
    ------
    ArgumentError
        If there is no color map of that name.
    """
    if name == "gray":
        return levels
    colors: NDArray[np.uint8] = color_table(name)[levels]
    return colors


@cache
def color_table(name: str) -> NDArray[np.uint8]:
    """Return the 256 colors `(256, 3)` of a color map, for the levels 0..255.

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
    """Return `count` colors `(count, 3)` at equal distances, interpolated linearly between the anchors."""
    points = np.array(anchors, float)
    positions = np.linspace(0, len(points) - 1, count)
    channels = [np.interp(positions, np.arange(len(points)), points[:, channel]) for channel in range(3)]
    colors: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colors
