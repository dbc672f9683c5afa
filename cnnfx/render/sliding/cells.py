"""Matrices drawn as square cells, with or without a number in each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.number_text import MINUS, decimals, format_number
from cnnfx.render.sliding.palette import WHITE, Color, Palette, text_color
from cnnfx.render.text import draw_text, line_height, text_width
from cnnfx.render.tiles import Levels, enlarge

MIN_LINED_CELL = 6
"""The smallest side in pixels of cells with lines between them."""
LINE_COLOR: Color = (200, 200, 200)
"""The color of the lines between cells."""
FONT_SIZE = 12
"""The font size of numbers in cells, in pixels, where they fit."""
MIN_FONT_SIZE = 9
"""The smallest font size of numbers in cells, in pixels."""
NUMBER_MARGIN = 7
"""Pixels beside a number in a cell, left and right together."""
MIN_NUMBER_CELL = 26
"""The smallest side in pixels of a cell with a number."""


def number_texts(values: NDArray[Any]) -> NDArray[np.str_]:
    """Return each number of a matrix as text, with one number of decimals as in explanations, and a true minus sign.

    Examples
    --------
    >>> number_texts(np.array([[0.5, -1.25]]))
    array([['0.50', '−1.25']], dtype='<U5')
    """
    places = decimals(values)
    texts = [cell_text(value, places) for value in np.asarray(values, float).ravel().tolist()]
    return np.array(texts).reshape(values.shape)


def cell_text(value: float, places: int | None = None) -> str:
    """Return a number as in explanations (see `format_number`), with a true minus sign."""
    return format_number(value, places).replace("-", MINUS)


def number_cell(texts: Sequence[NDArray[np.str_]], font_size: int = FONT_SIZE) -> int:
    """Return the smallest side of a cell, in pixels, in which all texts fit."""
    unique = {text for matrix in texts for text in matrix.ravel().tolist()}
    return max(MIN_NUMBER_CELL, NUMBER_MARGIN + max(text_width(text, font_size) for text in unique))


class CellPainter:
    """Draws matrices as square cells.

    Parameters
    ----------
    palette : Palette
    size : int
        The side of a cell in pixels, with the line at its right and bottom.
    """

    def __init__(self, palette: Palette, size: int) -> None:
        self.palette, self.size = palette, size
        self._cell = cache(self._draw_cell)

    def draw(self, cells: Levels, texts: NDArray[np.str_] | None = None) -> Levels:
        """Draw a matrix.

        Parameters
        ----------
        cells : array (rows, columns), uint8
            The color of each cell, as a palette index.
        texts : array of str (rows, columns), optional
            What is written into each cell, black or white.

        Returns
        -------
        array (rows·size, columns·size), uint8
            Palette indices.
        """
        if texts is None:
            return self._with_lines(enlarge(cells, self.size))
        rows = [
            np.concatenate([self._cell(*cell) for cell in zip(*row, strict=True)], axis=1)
            for row in zip(cells.tolist(), texts.tolist(), strict=True)
        ]
        return self._with_lines(np.concatenate(rows))

    def draw_empty(self, rows: int, columns: int) -> Levels:
        """Draw empty cells."""
        return self._with_frame(self.draw(np.full((rows, columns), self.palette.index(WHITE), np.uint8)))

    def box(self, rows: slice, columns: slice) -> tuple[int, int, int, int]:
        """Return the pixels (left, top, right, bottom) that some cells cover, right and bottom exclusive."""
        size = self.size
        return columns.start * size, rows.start * size, columns.stop * size, rows.stop * size

    def _draw_cell(self, index: int, text: str) -> Levels:
        """Draw a cell with a text in its middle."""
        cell = np.full((self.size, self.size), index, np.uint8)
        font_size = FONT_SIZE
        while font_size > MIN_FONT_SIZE and text_width(text, font_size) > self.size - NUMBER_MARGIN:
            font_size -= 1
        drawn = draw_text(text, font_size, min(text_width(text, font_size), self.size - 2))
        top = max(0, (self.size - line_height(font_size)) // 2)
        left = max(0, (self.size - 1 - drawn.shape[1]) // 2)
        part = cell[top : top + drawn.shape[0], left : left + drawn.shape[1]]
        coverage = (255 - drawn[: part.shape[0]]) / np.float32(255)
        self.palette.blend(part, coverage, text_color(self.palette.color(index)))
        return cell

    def _with_lines(self, picture: Levels) -> Levels:
        """Draw the lines between cells; cells that are too small have a line around all of them only."""
        line = self.palette.index(LINE_COLOR)
        if self.size >= MIN_LINED_CELL:
            picture[self.size - 1 :: self.size] = line
            picture[:, self.size - 1 :: self.size] = line
        return self._with_frame(picture)

    def _with_frame(self, picture: Levels) -> Levels:
        line = self.palette.index(LINE_COLOR)
        picture[0] = picture[-1] = line
        picture[:, 0] = picture[:, -1] = line
        return picture
