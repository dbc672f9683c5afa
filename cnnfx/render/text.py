"""Words in pictures: labels in Pillow's own typeface, so that they look alike on every machine."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import ImageFont

INK = 0
PAPER = 255


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def line_height(size: int) -> int:
    """The height in pixels of a line of text of a font size, ascenders and descenders included."""
    return round(size * 1.4)


def text_width(text: str, size: int) -> int:
    """The width in pixels of a text."""
    return int(np.ceil(_font(size).getlength(text)))


def draw_text(text: str, size: int, width: int | None = None) -> NDArray[np.uint8]:
    """A line of dark text on white, `(line_height(size), width)`; what does not fit into `width` is cut with an
    ellipsis."""
    from PIL import Image, ImageDraw

    shown = text if width is None else shorten(text, size, width)
    canvas = Image.new("L", (text_width(text, size) if width is None else width, line_height(size)), PAPER)
    ImageDraw.Draw(canvas).text((0, round(size * 0.08)), shown, fill=INK, font=_font(size))
    return np.asarray(canvas)


def shorten(text: str, size: int, width: int) -> str:
    """The text, or as much of its start as fits into `width` pixels with "..." behind it."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "...", size) > width:
        text = text[:-1]
    return text + "..." if text else ""
