"""The colors of a moving picture of one layer at work: few enough for one palette, and so steady.

A picture is drawn in places of the palette. Everything has a ramp of colors from dark to light: paper, words and
kernels are gray, the input blue, what the window lies on orange, the output green. Words are blended with what they
stand on as levels, before these become places: so they need no colors of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.color import TINTS, interpolate_colors
from cnnfx.render.grid import Levels
from cnnfx.render.number_text import short_number
from cnnfx.render.text import BACKGROUND, draw_text_inside

ACCENT = (255, 128, 0)
"""The color of the frames around the places where the layer is at work."""
NOTHING = 1e-6
"""What remains of a difference of equal numbers is less."""
PALE = 150
"""The darkest level of padding, which is drawn paler than the image."""


@dataclass(frozen=True)
class Ramp:
    """Places of the palette, from dark to light."""

    first: int
    count: int

    def places(self, levels: Levels) -> Levels:
        """The places of levels 0..255."""
        steps: Levels = ((levels.astype(np.uint16) * (self.count - 1) + BACKGROUND // 2) // BACKGROUND).astype(np.uint8)
        return steps + np.uint8(self.first)


GRAY, BLUE, ORANGE, GREEN = Ramp(0, 48), Ramp(48, 60), Ramp(108, 60), Ramp(168, 64)
MARK = 232
"""The place of the accent itself."""
WHITE = GRAY.first + GRAY.count - 1
LINE = GRAY.places(np.array(205, np.uint8)).item()
"""The place of the thin lines between cells."""


@cache
def palette() -> NDArray[np.uint8]:
    """The colors `(233, 3)` of all places."""
    ramps = [((0, 0, 0), (255, 255, 255)), TINTS["blue"], TINTS["orange"], TINTS["green"]]
    counts = [ink.count for ink in (GRAY, BLUE, ORANGE, GREEN)]
    colors = [interpolate_colors(anchors, count) for anchors, count in zip(ramps, counts, strict=True)]
    return np.concatenate([*colors, np.array([ACCENT], np.uint8)])


@dataclass(frozen=True)
class Cells:
    """How the values of an array are drawn: each as a square cell.

    Parameters
    ----------
    size : the side of a cell in pixels, with the line at its right and bottom
    numbers : whether the values are written into them
    """

    size: int
    numbers: bool = False

    @property
    def lined(self) -> bool:
        """Whether there is room for lines between the cells."""
        return self.size >= 6

    @property
    def font(self) -> int:
        """The size of the numbers."""
        return max(8, min(13, self.size // 3))

    def picture(self, levels: Levels, values: NDArray[np.float32], ink: Ramp) -> Levels:
        """The cells of an array `(H, W)` by their levels, in places of the palette."""
        if self.numbers:
            rows = [[self._cell(*pair) for pair in zip(*line, strict=True)] for line in _pairs(levels, values)]
            sheet = np.concatenate([np.concatenate(row, axis=1) for row in rows])
        else:
            sheet = levels.repeat(self.size, axis=0).repeat(self.size, axis=1)
        return self._ruled(ink.places(sheet))

    def blank(self, height: int, width: int) -> Levels:
        """Cells that have no value yet."""
        places = self._ruled(np.full((height * self.size, width * self.size), WHITE, np.uint8))
        for edge in (places[0], places[-1], places[:, 0], places[:, -1]):
            edge[:] = LINE
        return places

    def _cell(self, level: int, value: float) -> Levels:
        return _numbered(level, short(value), self.size, self.font)

    def _ruled(self, places: Levels) -> Levels:
        if self.lined:
            places[0] = places[:, 0] = LINE
            places[self.size - 1 :: self.size] = LINE
            places[:, self.size - 1 :: self.size] = LINE
        return places


def short(value: float) -> str:
    """A number with three decimals at most, for a cell; "~0" for one that these do not show."""
    rounded = round(value, 3)
    return short_number(rounded) if rounded or abs(value) < NOTHING else "~0"


def _pairs(levels: Levels, values: NDArray[np.float32]) -> list[tuple[list[int], list[float]]]:
    return list(zip(levels.tolist(), values.tolist(), strict=True))


@lru_cache(maxsize=4096)
def _numbered(level: int, text: str, size: int, font: int) -> Levels:
    square = np.full((size, size), level, np.uint8)
    draw_text_inside(square[:, : size - 1], text, font)
    return square
