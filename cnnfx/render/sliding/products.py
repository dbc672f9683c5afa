"""The arithmetic of one position in cells: patch × weights = products, for each input channel, and their sum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnfx.render.filters import kernel_levels
from cnnfx.render.grid import Levels
from cnnfx.render.sliding.palette import GRAY, WHITE, Cells
from cnnfx.render.sliding.positions import Channel, Slide
from cnnfx.render.text import draw_text, line_height, text_width

FONT = 13
SIGN = 24
"""The pixels between two kernels, in which a sign stands."""


class Arithmetic:
    """What makes the values of one output channel.

    Parameters
    ----------
    slide, channel : what is shown
    cells : how numbers are drawn
    shaded : for each input channel that the filter sees, its picture as it is under the window
    """

    def __init__(self, slide: Slide, channel: Channel, cells: Cells, shaded: Sequence[Levels]) -> None:
        self.slide, self.channel, self.cells, self.shaded = slide, channel, cells, shaded
        weights = channel.weights
        self._count, height, width = (0, 0, 0) if weights is None else weights.shape
        self._high, self._wide = height * cells.size, width * cells.size
        self._head = line_height(FONT) if self._count > 1 else 0
        self._largest = 0.0 if weights is None else float(np.abs(weights).max() * np.abs(slide.padded).max())
        self.base = self._room()

    def at(self, row: int, column: int) -> Levels:
        """The arithmetic of a position, in places of the palette."""
        sheet = self.base.copy()
        if self.channel.weights is not None:
            patch = self.slide.patch(self.channel, row, column)
            products = patch * self.channel.weights
            levels = kernel_levels(products, self._largest)
            rows, columns = self.slide.under(row, column)
            for index in range(self._count):
                self._put(sheet, index, 0, self._under(self.shaded[index], rows, columns))
                self._put(sheet, index, 2, self.cells.picture(levels[index], products[index], GRAY))
        text = draw_text(self.told(row, column), FONT, sheet.shape[1])
        sheet[-text.shape[0] :] = GRAY.places(text)
        return sheet

    def told(self, row: int, column: int) -> str:
        """The sum of the products and what becomes of it, in a line."""
        channel, value = self.channel, f"{self.channel.values[row, column]:.4g}"
        if channel.sums is None:
            return f"{channel.made_of} = {value}"
        parts = f"sum {channel.sums[row, column]:.4g}"
        if channel.bias:
            parts += f" {'+' if channel.bias > 0 else '-'} bias {abs(channel.bias):.4g}"
            parts += f" = {channel.sums[row, column] + channel.bias:.4g}" if channel.activation != "none" else ""
        if channel.activation != "none":
            return f"{parts}, {channel.activation} {value}"
        return f"{parts} = {value}" if channel.bias else parts

    def _room(self) -> Levels:
        """The weights, the signs, and room for the rest."""
        width = max(3 * self._wide + 2 * SIGN, text_width(self._longest(), FONT))
        height = self._count * (self._head + self._high + 6) + line_height(FONT)
        sheet = np.full((height, width), WHITE, np.uint8)
        for index in range(self._count):
            if self._head:
                name = GRAY.places(draw_text(f"on {self.slide.names[self.channel.sees[index]]}", FONT, width))
                sheet[self._top(index) - self._head :][: self._head] = name
            assert self.channel.weights is not None
            kernel = self.channel.weights[index]
            levels = kernel_levels(self.channel.weights)[index]
            self._put(sheet, index, 1, self.cells.picture(levels, kernel, GRAY))
            middle = self._top(index) + self._high // 2
            _draw_times(sheet, middle, self._wide + SIGN // 2)
            _draw_equals(sheet, middle, 2 * self._wide + 3 * SIGN // 2)
        return sheet

    def _longest(self) -> str:
        """A line as long as any."""
        if self.channel.weights is None:
            return f"{self.channel.made_of} = -0.0000"
        bias = " + bias 0.0000 = -0.0000" if self.channel.bias else ""
        activation = f", {self.channel.activation} 0.0000" if self.channel.activation != "none" else ""
        return f"sum -0.0000{bias}{activation}"

    def _top(self, index: int) -> int:
        return int(index * (self._head + self._high + 6) + self._head)

    def _put(self, sheet: Levels, index: int, place: int, picture: Levels) -> None:
        """The first, second or third kernel of an input channel's row."""
        top, left = self._top(index), place * (self._wide + SIGN)
        sheet[top : top + self._high, left : left + self._wide] = picture

    def _under(self, shaded: Levels, rows: slice, columns: slice) -> Levels:
        """The cells of a picture that the weights lie on, side by side."""
        size = self.cells.size
        cells = shaded.reshape(shaded.shape[0] // size, size, shaded.shape[1] // size, size)
        return cells[rows, :, columns].reshape(self._high, self._wide)


def _draw_times(sheet: Levels, row: int, column: int) -> None:
    """A cross, which the typeface does not have."""
    for step in range(-4, 5):
        for way in (step, -step):
            sheet[row + step, column + way - 1 : column + way + 1] = GRAY.first


def _draw_equals(sheet: Levels, row: int, column: int) -> None:
    for line in (row - 3, row + 2):
        sheet[line : line + 2, column - 5 : column + 5] = GRAY.first
