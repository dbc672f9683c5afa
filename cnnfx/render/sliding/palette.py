"""The palette of the sliding-window animation, and arrays drawn in it as square cells.

All frames share one palette, so that colors do not change from frame to frame. It has a ramp from dark to light for
each part of a picture: gray for text, kernels and background, blue for the input, orange for the input under the
window, green for the output. Text is drawn in levels, which are then converted to the indices of a ramp, so it needs no
additional colors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.color import interpolate_colors
from cnnfx.render.number_text import format_short_number
from cnnfx.render.text import draw_text_inside
from cnnfx.render.tiles import Levels, enlarge


@dataclass(frozen=True)
class ColorRamp:
    """A range of palette indices whose colors go from dark to light.

    Parameters
    ----------
    first : int
        The index of the darkest color.
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


GRAY = ColorRamp(0, 48)
"""Text, kernels, padding and background."""
BLUE = ColorRamp(48, 60)
"""The input."""
ORANGE = ColorRamp(108, 60)
"""The input under the window."""
GREEN = ColorRamp(168, 64)
"""The output."""
MARKER = 232
"""The palette index of the frames around the window and its output."""
WHITE = GRAY.first + GRAY.count - 1
"""The palette index of the background."""
LINE = GRAY.indices(np.array(205, np.uint8)).item()
"""The palette index of the thin lines between cells."""

RAMP_COLORS = {
    GRAY: ((0, 0, 0), (255, 255, 255)),
    BLUE: ((6, 22, 62), (38, 104, 196), (240, 247, 255)),
    ORANGE: ((84, 38, 0), (222, 124, 20), (255, 240, 214)),
    GREEN: ((4, 42, 18), (48, 150, 78), (240, 255, 240)),
}
"""Colors (red, green, blue) at equal distances along each ramp; those between them are interpolated."""
MARKER_COLOR = (255, 128, 0)
"""The color (red, green, blue) of `MARKER`."""
MIN_LINED_CELL = 6
"""The smallest side in pixels of cells with lines between them."""
MIN_FONT_SIZE = 8
"""The smallest font size of the numbers in cells, in pixels."""
MAX_FONT_SIZE = 13
"""The largest font size of the numbers in cells, in pixels."""
ROUNDING_ERROR = 1e-6
"""Smaller magnitudes are rounding errors of sums, and written as 0."""


@cache
def palette() -> NDArray[np.uint8]:
    """Return the colors `(233, 3)` of the palette."""
    colors = [interpolate_colors(anchors, ramp.count) for ramp, anchors in RAMP_COLORS.items()]
    return np.concatenate([*colors, np.array([MARKER_COLOR], np.uint8)])


@dataclass(frozen=True)
class CellStyle:
    """How arrays are drawn: each value is a square cell.

    Parameters
    ----------
    size : int
        The side of a cell in pixels, including the line at its right and bottom.
    numbers : bool
        Whether the values are written into the cells.
    """

    size: int
    numbers: bool = False

    @property
    def lined(self) -> bool:
        """Whether there are lines between the cells."""
        return self.size >= MIN_LINED_CELL

    @property
    def font_size(self) -> int:
        """The font size of the numbers in pixels."""
        return max(MIN_FONT_SIZE, min(MAX_FONT_SIZE, self.size // 3))

    def draw(self, levels: Levels, values: NDArray[np.float32], ramp: ColorRamp) -> Levels:
        """Draw an array.

        Parameters
        ----------
        levels : array (H, W), uint8
            The brightness of each cell, 0..255.
        values : array (H, W)
            The numbers to write into the cells.
        ramp : ColorRamp

        Returns
        -------
        array (H·size, W·size), uint8
            Palette indices.
        """
        if self.numbers:
            sheet = np.block(
                [
                    [
                        _cell_with_text(level, format_cell_number(value), self.size, self.font_size)
                        for level, value in zip(*row, strict=True)
                    ]
                    for row in zip(levels.tolist(), values.tolist(), strict=True)
                ]
            )
        else:
            sheet = enlarge(levels, self.size)
        return self._with_lines(ramp.indices(sheet))

    def draw_empty(self, height: int, width: int) -> Levels:
        """Draw `height`×`width` cells without values, as palette indices."""
        indices = self._with_lines(np.full((height * self.size, width * self.size), WHITE, np.uint8))
        for edge in (indices[0], indices[-1], indices[:, 0], indices[:, -1]):
            edge[:] = LINE
        return indices

    def _with_lines(self, indices: Levels) -> Levels:
        if self.lined:
            indices[0] = indices[:, 0] = LINE
            indices[self.size - 1 :: self.size] = LINE
            indices[:, self.size - 1 :: self.size] = LINE
        return indices


def format_cell_number(value: float) -> str:
    """Format a number for a cell, with at most three decimals; "~0" if it rounds to 0 without being 0.

    Examples
    --------
    >>> format_cell_number(0.25), format_cell_number(-2.0949), format_cell_number(1e-5), format_cell_number(1e-8)
    ('.25', '-2.1', '~0', '0')
    """
    rounded = round(value, 3)
    return format_short_number(rounded) if rounded or abs(value) < ROUNDING_ERROR else "~0"


@lru_cache(maxsize=4096)
def _cell_with_text(level: int, text: str, size: int, font_size: int) -> Levels:
    cell = np.full((size, size), level, np.uint8)
    draw_text_inside(cell[:, : size - 1], text, font_size)
    return cell
