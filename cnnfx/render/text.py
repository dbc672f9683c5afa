"""Words in pictures: labels in Pillow's own typeface, so that they look alike on every machine."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import ImageFont

INK = 0
BACKGROUND = 255
DARK = 110
"""On levels below this, words are light."""


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


@lru_cache(maxsize=256)
def draw_text(text: str, size: int, width: int | None = None) -> NDArray[np.uint8]:
    """A line of dark text on white, `(line_height(size), width)`; what does not fit into `width` is cut with an
    ellipsis. Many images have the same labels: what was drawn is kept, and cannot be written to."""
    from PIL import Image, ImageDraw

    shown = text if width is None else shorten(text, size, width)
    canvas = Image.new("L", (text_width(text, size) if width is None else width, line_height(size)), BACKGROUND)
    ImageDraw.Draw(canvas).text((0, round(size * 0.08)), shown, fill=INK, font=_font(size))
    drawn = np.asarray(canvas)
    drawn.flags.writeable = False
    return drawn


def shorten(text: str, size: int, width: int) -> str:
    """The text, or as much of its start as fits into `width` pixels with "..." behind it."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "...", size) > width:
        text = text[:-1]
    return text + "..." if text else ""


def draw_text_inside(square: NDArray[np.uint8], text: str, size: int) -> None:
    """Write a text into the middle of a square `(H, W)` of one level: dark on a light one, light on a dark one.

    A text that does not fit is written two points smaller, and cut with an ellipsis if that does not help.
    """
    height, width = square.shape
    size -= 2 * (text_width(text, size) > width - 4)
    ink = BACKGROUND - draw_text(text, size, width)
    rest = width - text_width(text, size)
    ink = np.roll(ink, max(0, rest // 2), axis=1)
    middle = square[max(0, (height - ink.shape[0]) // 2) :][: ink.shape[0]]
    shade = ink[: len(middle)].astype(np.int16)
    middle[:] = np.clip(middle + (shade if square[0, 0] < DARK else -shade), 0, BACKGROUND)
