"""Text in pictures, drawn in the font bundled with Pillow, so that it looks the same on every machine."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import ImageFont

TEXT_LEVEL = 0
"""The gray level of text."""
BACKGROUND = 255
"""The gray level of the background of pictures."""
LIGHT_TEXT_BELOW = 110
"""Text on a square of a lower mean level than this is white instead of black."""


@lru_cache(maxsize=256)
def draw_text(text: str, size: int, width: int | None = None) -> NDArray[np.uint8]:
    """Draw a line of black text on white.

    Drawn texts are cached, since many images have the same labels. The result is read-only.

    Parameters
    ----------
    text : str
    size : int
        The font size in pixels.
    width : int, optional
        The width of the result in pixels, by default that of the text. Text that does not fit is shortened; see
        `shorten`.

    Returns
    -------
    uint8 array (line_height(size), width)
    """
    from PIL import Image, ImageDraw

    shown = text if width is None else shorten(text, size, width)
    canvas = Image.new("L", (text_width(text, size) if width is None else width, line_height(size)), BACKGROUND)
    ImageDraw.Draw(canvas).text((0, round(size * 0.08)), shown, fill=TEXT_LEVEL, font=_font(size))
    drawn = np.asarray(canvas)
    drawn.flags.writeable = False
    return drawn


def draw_text_inside(square: NDArray[np.uint8], text: str, size: int, light_below: int = LIGHT_TEXT_BELOW) -> None:
    """Draw a text in the middle of a square of one level or color: black on a light square, white on a dark one.

    A text that does not fit is drawn two pixels smaller. If it still does not fit, it is shortened.

    Parameters
    ----------
    square : uint8 array (H, W) or (H, W, 3)
        Changed in place.
    text : str
    size : int
        The font size in pixels.
    light_below : int
        The text is white if the mean level of the square is below this.
    """
    height, width = square.shape[:2]
    if text_width(text, size) > width - 4:
        size -= 2
    darkness = BACKGROUND - draw_text(text, size, width)
    darkness = np.roll(darkness, max(0, (width - text_width(text, size)) // 2), axis=1)
    middle = square[max(0, (height - darkness.shape[0]) // 2) :][: darkness.shape[0]]
    change = darkness[: len(middle)].astype(np.int16)
    change = change if square.ndim == 2 else change[..., None]
    middle[:] = np.clip(middle + (change if square[0, 0].mean() < light_below else -change), 0, BACKGROUND)


def shorten(text: str, size: int, width: int) -> str:
    """Return the text, or its longest prefix that fits into `width` pixels with "..." after it."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "...", size) > width:
        text = text[:-1]
    return text + "..." if text else ""


def text_width(text: str, size: int) -> int:
    """Return the width of a text in pixels."""
    return int(np.ceil(_font(size).getlength(text)))


def line_height(size: int) -> int:
    """Return the height in pixels of a line of text of a font size, with ascenders and descenders."""
    return round(size * 1.4)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
