"""The panel of one output channel: patch × weights = products for each input channel, and their sum as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnfx.render.filters import kernel_levels
from cnnfx.render.sliding.palette import GRAY, WHITE, CellStyle
from cnnfx.render.sliding.positions import OutputChannel, SlidingWindow
from cnnfx.render.text import draw_text, line_height, text_width
from cnnfx.render.tiles import Levels

FONT_SIZE = 13
"""The font size in pixels."""
SIGN_WIDTH = 24
"""Pixels between two matrices, where × or = is drawn."""
ROW_GAP = 6
"""Pixels below the matrices of an input channel."""


class ProductPanel:
    """The panel that shows how an output channel is computed at a position.

    Parameters
    ----------
    sliding : SlidingWindow
    channel : OutputChannel
        One of the channels of `sliding`.
    style : CellStyle
    window_pictures : sequence of C arrays
        The padded input channels that the filter reads, in the colors of cells under the window, as palette indices.

    Attributes
    ----------
    background : array (height, width), uint8
        The parts that are the same at all positions (names, weights and signs), as palette indices.
    """

    def __init__(
        self,
        sliding: SlidingWindow,
        channel: OutputChannel,
        style: CellStyle,
        window_pictures: Sequence[Levels],
    ) -> None:
        self.sliding, self.channel, self.style, self.window_pictures = sliding, channel, style, window_pictures
        weights = channel.weights
        self._depth, rows, columns = (0, 0, 0) if weights is None else weights.shape
        self._height, self._width = rows * style.size, columns * style.size  # of a matrix, in pixels
        self._name_height = line_height(FONT_SIZE) if self._depth > 1 else 0
        self._largest = 0.0 if weights is None else float(np.abs(weights).max() * np.abs(sliding.padded).max())
        self.background = self._draw_background()

    def draw(self, row: int, column: int) -> Levels:
        """Draw the panel at a position, as palette indices."""
        sheet = self.background.copy()
        if self.channel.weights is not None:
            products = self.sliding.patch(self.channel, row, column) * self.channel.weights
            levels = kernel_levels(products, self._largest)
            rows, columns = self.sliding.kernel_slices(row, column)
            for index in range(self._depth):
                self._paste(sheet, index, 0, self._patch_cells(self.window_pictures[index], rows, columns))
                self._paste(sheet, index, 2, self.style.draw(levels[index], products[index], GRAY))
        text = draw_text(self.result_text(row, column), FONT_SIZE, sheet.shape[1])
        sheet[-text.shape[0] :] = GRAY.indices(text)
        return sheet

    def result_text(self, row: int, column: int) -> str:
        """Return the text below the products: their sum, the bias, the activation and the value."""
        channel, value = self.channel, f"{self.channel.values[row, column]:.4g}"
        if channel.sums is None:
            return f"{channel.formula} = {value}"
        text = f"sum {channel.sums[row, column]:.4g}"
        if channel.bias:
            text += f" {'+' if channel.bias > 0 else '-'} bias {abs(channel.bias):.4g}"
            text += f" = {channel.sums[row, column] + channel.bias:.4g}" if channel.activation != "none" else ""
        if channel.activation != "none":
            return f"{text}, {channel.activation} {value}"
        return f"{text} = {value}" if channel.bias else text

    def _draw_background(self) -> Levels:
        """Draw the names, weights and signs."""
        width = max(3 * self._width + 2 * SIGN_WIDTH, text_width(self._longest_result_text(), FONT_SIZE))
        height = self._depth * (self._name_height + self._height + ROW_GAP) + line_height(FONT_SIZE)
        sheet = np.full((height, width), WHITE, np.uint8)
        for index in range(self._depth):
            if self._name_height:
                name = f"on {self.sliding.input_names[self.channel.input_channels[index]]}"
                sheet[self._top(index) - self._name_height :][: self._name_height] = GRAY.indices(
                    draw_text(name, FONT_SIZE, width)
                )
            assert self.channel.weights is not None
            levels = kernel_levels(self.channel.weights)[index]
            self._paste(sheet, index, 1, self.style.draw(levels, self.channel.weights[index], GRAY))
            middle = self._top(index) + self._height // 2
            _draw_times_sign(sheet, middle, self._width + SIGN_WIDTH // 2)
            _draw_equals_sign(sheet, middle, 2 * self._width + 3 * SIGN_WIDTH // 2)
        return sheet

    def _longest_result_text(self) -> str:
        """Return a text at least as wide as `result_text` at any position."""
        if self.channel.weights is None:
            return f"{self.channel.formula} = -0.0000"
        bias = " + bias 0.0000 = -0.0000" if self.channel.bias else ""
        activation = f", {self.channel.activation} 0.0000" if self.channel.activation != "none" else ""
        return f"sum -0.0000{bias}{activation}"

    def _top(self, index: int) -> int:
        """Return the row of pixels at which the matrices of an input channel start."""
        return int(index * (self._name_height + self._height + ROW_GAP) + self._name_height)

    def _paste(self, sheet: Levels, index: int, matrix: int, picture: Levels) -> None:
        """Paste a matrix of an input channel: 0 is the patch, 1 the weights, 2 the products."""
        top, left = self._top(index), matrix * (self._width + SIGN_WIDTH)
        sheet[top : top + self._height, left : left + self._width] = picture

    def _patch_cells(self, picture: Levels, rows: slice, columns: slice) -> Levels:
        """Return the cells of some rows and columns of a picture, side by side."""
        size = self.style.size
        cells = picture.reshape(picture.shape[0] // size, size, picture.shape[1] // size, size)
        return cells[rows, :, columns].reshape(self._height, self._width)


def _draw_times_sign(sheet: Levels, row: int, column: int) -> None:
    """Draw ×, which Pillow's font does not have, around a pixel."""
    for step in range(-4, 5):
        for across in (step, -step):
            sheet[row + step, column + across - 1 : column + across + 1] = GRAY.first


def _draw_equals_sign(sheet: Levels, row: int, column: int) -> None:
    """Draw = around a pixel."""
    for top in (row - 3, row + 2):
        sheet[top : top + 2, column - 5 : column + 5] = GRAY.first
