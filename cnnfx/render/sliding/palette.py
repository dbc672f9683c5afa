"""The palettes of the sliding-window animation: ramps of colors, and mixtures of colors by palette index.

All frames of an animation share one palette of at most 255 colors, so that colors do not change from frame to frame.
Frames are drawn as palette indices. Smooth edges, tints and text are mixtures of two colors, for each of which the
nearest color of the palette is looked up in a table; there is no dithering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnfx.images.image import LUMA_WEIGHTS
from cnnfx.render.color import NONFINITE_COLOR, LinearScale, interpolate_colors
from cnnfx.render.contrast import is_dark
from cnnfx.render.tiles import Levels

Color = tuple[int, int, int]
"""(red, green, blue), 0..255."""

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)
GOLD: Color = (255, 184, 28)
"""The color of the frame around the window, and of bold arrows from it."""
GOLD_EDGE: Color = (70, 38, 0)
"""The color of the line beside a golden one, which makes it visible on white."""
RAY_COLOR: Color = (176, 112, 0)
"""The color of the rays."""
RAY_LEVELS = 4
"""The levels of coverage at the edges of rays: few, since rays are most of what changes, and these compress better."""
MIX_STEPS = 16
"""The number of steps between two colors that are mixed."""
COLOR_WEIGHTS = np.sqrt(np.array(LUMA_WEIGHTS, np.float32))
"""Weights of red, green and blue in the distance between two colors: the roots of their shares in luma."""


@dataclass(frozen=True)
class ColorRamp:
    """A range of palette indices whose colors go from low to high values.

    Parameters
    ----------
    first : int
        The index of the color of level 0.
    count : int
        The number of colors.
    """

    first: int
    count: int

    def indices(self, levels: Levels) -> Levels:
        """Return the palette indices of levels 0..255."""
        scaled = levels.astype(np.uint16) * (self.count - 1)
        steps: Levels = ((scaled + 127) // 255).astype(np.uint8)  # rounded
        return steps + np.uint8(self.first)


class Palette:
    """A palette that consists of ramps, and of a color for values that are NaN or infinite.

    Parameters
    ----------
    *ramps : (anchors, count)
        The colors at equal distances along each ramp, between which its `count` colors are interpolated.

    Attributes
    ----------
    colors : array (N, 3), uint8
    ramps : tuple of ColorRamp
    """

    def __init__(self, *ramps: tuple[Sequence[Color], int]) -> None:
        self.colors = np.concatenate([interpolate_colors(anchors, count) for anchors, count in ramps])
        self.colors = np.concatenate([self.colors, np.array([NONFINITE_COLOR], np.uint8)])
        firsts = np.cumsum([0, *(count for _, count in ramps)]).tolist()
        self.ramps = tuple(ColorRamp(first, count) for first, (_, count) in zip(firsts, ramps, strict=False))
        self._mixtures: dict[Color, Levels] = {}
        self._indices: dict[Color, int] = {}

    def nearest(self, colors: NDArray[np.floating]) -> Levels:
        """Return the index of the nearest color of the palette for each color `(..., 3)`."""
        wanted, own = colors.astype(np.float32) * COLOR_WEIGHTS, self.colors.astype(np.float32) * COLOR_WEIGHTS
        # The squared distance |a - b|² = |a|² - 2a·b + |b|²; |a|² is the same for all b.
        distances = (own**2).sum(axis=1) - 2 * wanted @ own.T
        indices: Levels = distances.argmin(axis=-1).astype(np.uint8)
        return indices

    def index(self, color: Color) -> int:
        """Return the index of the color nearest to a color."""
        if color not in self._indices:
            self._indices[color] = int(self.nearest(np.array(color, np.float32)))
        return self._indices[color]

    def cells(self, ramp: ColorRamp, scale: LinearScale, values: NDArray[np.floating]) -> Levels:
        """Return the palette indices of values `(H, W)`: those of a ramp, or of the color of NaN and infinity."""
        return self.mark_nonfinite(ramp.indices(scale.levels(values)), values)

    def mark_nonfinite(self, cells: Levels, values: NDArray[np.floating]) -> Levels:
        """Return the palette indices `(H, W)`, with the color for it where values are NaN or infinite."""
        marked: Levels = np.where(np.isfinite(values), cells, np.uint8(len(self.colors) - 1))
        return marked

    def color(self, index: int) -> Color:
        """Return the color of an index."""
        red, green, blue = self.colors[index].tolist()
        return red, green, blue

    def blend(self, part: Levels, coverage: NDArray[np.floating] | np.floating, color: Color) -> None:
        """Mix a color into a part of a frame.

        Parameters
        ----------
        part : array (H, W), uint8
            Palette indices, changed in place.
        coverage : array, broadcastable to (H, W)
            The share of the new color, 0..1.
        color : (red, green, blue)
        """
        steps = np.rint(coverage * MIX_STEPS).astype(np.uint8)
        part[:] = self._mixture(color)[steps, part]

    def blend_pixels(
        self,
        frame: Levels,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        coverage: NDArray[np.floating],
        color: Color,
    ) -> None:
        """Mix a color into some pixels of a frame, changed in place; see `blend`. The frame contains all of them."""
        steps = np.rint(coverage * MIX_STEPS).astype(np.uint8)
        frame[rows, columns] = self._mixture(color)[steps, frame[rows, columns]]

    def _mixture(self, color: Color) -> Levels:
        """Return the indices `(MIX_STEPS + 1, N)` of the mixtures of each color of the palette with another color."""
        if color not in self._mixtures:
            share = np.linspace(0, 1, MIX_STEPS + 1, dtype=np.float32)[:, np.newaxis, np.newaxis]
            mixed = self.colors * (1 - share) + np.array(color, np.float32) * share
            table = self.nearest(mixed)
            table[0] = np.arange(len(self.colors))  # two colors may be equal
            self._mixtures[color] = table
        return self._mixtures[color]


def mix(color: Color, other: Color, share: float) -> Color:
    """Return the mixture of two colors; `share` is that of the other, 0..1."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(color, other, strict=True))
    return red, green, blue


def text_color(background: Color) -> Color:
    """Return black or white, whichever has the larger contrast to a background: always more than 4.5 to 1."""
    return WHITE if is_dark(background) else BLACK
