"""Headings of grids: a text in as many lines as it needs, with the legend beside or below it."""

from __future__ import annotations

from typing import NamedTuple

from cnnfx.render.legend import Legend
from cnnfx.render.text import draw_text, line_height, shorten, text_width
from cnnfx.render.tiles import Levels, blank, paste

MAX_LINES = 4
"""The most lines of a heading; what does not fit is left out."""
LEGEND_GAP = 2
"""The distance between the text and a legend beside it, in font sizes."""


class Heading(NamedTuple):
    """A text with a legend. Its size depends on neither the values nor the numbers in the legend.

    Parameters
    ----------
    text : str
        Lines break before "·" and "→", or else between words.
    legend : Legend, optional
    emphasis : float
        The font size relative to that of labels and numbers.
    """

    text: str
    legend: Legend | None = None
    emphasis: float = 1.25

    @property
    def color(self) -> bool:
        """Whether the heading is in color."""
        return self.legend is not None and self.legend.colormap != "gray"

    def height(self, size: int, width: int) -> int:
        """Return the height in pixels; `size` is the font size of labels, `width` that of the picture."""
        if self._is_beside(size, width):
            return max(line_height(self._size(size)), line_height(size))
        lines = len(wrap(self.text, self._size(size), width)) if self.text else 0
        legend_height = 0 if self.legend is None else self.legend.height(size, width)
        return lines * line_height(self._size(size)) + legend_height

    def draw(self, size: int, width: int) -> Levels:
        """Draw the heading on white, `(height(size, width), width)` or, with a color map, `(..., 3)`."""
        text_size, height = self._size(size), self.height(size, width)
        left = text_width(self.text, text_size) + LEGEND_GAP * size if self._is_beside(size, width) else 0
        legend = self.legend.draw(size, width - left) if self.legend is not None else blank(0, width)
        canvas = blank(height, width, color=legend.ndim == 3)
        for number, line in enumerate(wrap(self.text, text_size, width) if self.text else []):
            _draw_line(canvas[number * line_height(text_size) :], line, text_size)
        top = height - legend.shape[0]
        paste(canvas, legend, round(0.7 * top) if left else top, left)  # base lines of two font sizes are level
        return canvas

    def _size(self, size: int) -> int:
        return round(size * self.emphasis)

    def _is_beside(self, size: int, width: int) -> bool:
        """Return whether the legend is drawn beside the text."""
        if self.legend is None:
            return False
        needed = text_width(self.text, self._size(size)) + LEGEND_GAP * size + self.legend.width(size)
        return bool(self.text) and needed <= width


def wrap(text: str, size: int, width: int, max_lines: int = MAX_LINES) -> list[str]:
    """Break a text into lines that fit into `width` pixels: before "·" and "→", or else between words.

    Words that are too long are shortened, and so is the last of `max_lines` lines if the text does not fit.
    """
    lines = _fill(_parts(text), size, width)
    if len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], " ".join(lines[max_lines - 1 :])]
    return [shorten(line, size, width) for line in lines]


def _parts(text: str) -> list[str]:
    """Split a text before each "·" and "→"."""
    # Without a regular expression, which takes longer to compile than all lines to draw.
    return text.replace(" · ", "\0· ").replace(" → ", "\0→ ").split("\0")


def _draw_line(canvas: Levels, line: str, size: int) -> None:
    """Draw a line part by part: draw_text caches those that are the same for many images."""
    left, space = 0, text_width(" ", size)
    for part in _parts(line):
        drawn = draw_text(part, size)[:, : canvas.shape[1] - left]
        paste(canvas, drawn, 0, left)
        left += drawn.shape[1] + space


def _fill(parts: list[str], size: int, width: int) -> list[str]:
    """Join parts to lines as long as they fit; a part that does not fit into a line is broken between its words."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]} {part}" if lines else part
        if text_width(joined, size) <= width:
            lines[-1:] = [joined]
        elif text_width(part, size) <= width or " " not in part:
            lines.append(part.removeprefix("· "))
        else:
            lines += _fill(part.removeprefix("· ").split(" "), size, width)
    return lines
