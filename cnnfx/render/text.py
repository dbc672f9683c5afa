"""Text in pictures, drawn in a typeface that cnnfx contains, so that it looks the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import ImageFont

FONTS = Path(__file__).parent / "fonts"
"""The folder of the typeface, its license and the list of its characters; samples/make_font.py writes it."""
TYPEFACE = "DejaVuSansCondensed-Subset.ttf"
TEXT_LEVEL = 0
"""The gray level of text."""
BACKGROUND = 255
"""The gray level of the background of pictures."""


@lru_cache(maxsize=256)
def draw_text(text: str, size: int, width: int | None = None) -> NDArray[np.uint8]:
    """Draw a line of black text on white. Characters that the typeface lacks are escaped; see `escape`.

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

    shown = escape(text) if width is None else shorten(text, size, width)
    canvas = Image.new("L", (text_width(shown, size) if width is None else width, line_height(size)), BACKGROUND)
    top = round(size * 0.08)
    if not shown.isascii():
        top = max(top, -math.floor(_font(size).getbbox(shown)[1]))  # capitals with two accents begin above the line
    ImageDraw.Draw(canvas).text((0, top), shown, fill=TEXT_LEVEL, font=_font(size))
    drawn = np.asarray(canvas)
    drawn.flags.writeable = False
    return drawn


def draw_text_inside(square: NDArray[np.uint8], text: str, size: int) -> None:
    """Draw a text in the middle of a square of one level or color: black or white, whichever has more contrast.

    A text that does not fit is drawn two pixels smaller. If it still does not fit, it is shortened.

    Parameters
    ----------
    square : uint8 array (H, W) or (H, W, 3)
        Changed in place.
    text : str
    size : int
        The font size in pixels.
    """
    from cnnfx.render.contrast import is_dark

    height, width = square.shape[:2]
    if text_width(text, size) > width - 4:
        size -= 2
    darkness = BACKGROUND - draw_text(text, size, width)
    darkness = np.roll(darkness, max(0, (width - text_width(text, size)) // 2), axis=1)
    middle = square[max(0, (height - darkness.shape[0]) // 2) :][: darkness.shape[0]]
    change = darkness[: len(middle)].astype(np.int16)
    change = change if square.ndim == 2 else change[..., None]
    middle[:] = np.clip(middle + (change if is_dark(square[0, 0]) else -change), 0, BACKGROUND)


def shorten(text: str, size: int, width: int) -> str:
    """Return the escaped text, or its longest prefix that fits into `width` pixels with "..." after it."""
    text = escape(text)
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "...", size) > width:
        text = text[:-1]
    return text + "..." if text else ""


@lru_cache(maxsize=1024)
def text_width(text: str, size: int) -> int:
    """Return the width of a text in pixels, with escapes for characters that the typeface lacks."""
    return int(np.ceil(_font(size).getlength(escape(text))))


def line_height(size: int) -> int:
    """Return the height in pixels of a line of text of a font size, with ascenders and descenders."""
    return round(size * 1.4)


def escape(text: str) -> str:
    r"""Return the text with Python's escapes, such as `\u6f22`, for the characters that the typeface lacks.

    Letters followed by combining accents are composed first, since some file systems store names in this form.
    """
    if text.isascii() and text.isprintable():
        return text
    supported = _characters()
    if supported.issuperset(text):  # which has no combining accents
        return text
    return "".join(character if character in supported else _escaped(character) for character in _composed(text))


def _composed(text: str) -> str:
    from unicodedata import normalize

    return normalize("NFC", text)


def notes_on_escapes(name: str, texts: Iterable[str]) -> tuple[str, ...]:
    r"""Return the notes on the characters that the typeface lacks: none, or one that names each of them.

    Parameters
    ----------
    name : str
        The name of the picture, for the note.
    texts : iterable of str
        The texts in the picture.
    """
    escaped = [text for text in texts if not (text.isascii() and text.isprintable())]
    characters = [character for text in escaped for character in _composed(text)]
    missing = dict.fromkeys(character for character in characters if character not in _characters())
    if not missing:
        return ()
    # A control character in the note would change the terminal.
    signs = ", ".join(character if character.isprintable() else repr(character) for character in missing)
    return (f"{name}: the typeface of pictures has no {signs}; written as {', '.join(map(_escaped, missing))}.",)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


@cache
def _characters() -> frozenset[str]:
    return frozenset((FONTS / "characters.txt").read_text(encoding="utf-8"))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    # The basic layout gives the same result where Pillow is built without libraqm.
    return ImageFont.truetype(FONTS / TYPEFACE, size, layout_engine=ImageFont.Layout.BASIC)
