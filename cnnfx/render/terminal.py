"""Pictures as text for the terminal: two colored pixels per character, or a sign for each value without colors.

Nothing is printed here: `color_depth` returns which colors a terminal supports, `half_blocks` and `signs` the text.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.images.image import LUMA_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping

ColorDepth = Literal["truecolor", "256", "none"]
"""The colors that a terminal supports: all of 24 bits, the 256 of xterm, or none."""

Graphics = Literal["kitty", "iterm2", "sixel", "none"]
"""The graphics protocols of terminals; see `cnnfx.render.graphics`."""

UPPER_HALF, LOWER_HALF = "▀", "▄"
WEAK_WEIGHT = 0.125
"""Weights of less than this share of the largest magnitude have no sign."""
WEAK_OUTPUT = 0.3
"""Values of feature maps of less than this share of the largest magnitude have no sign."""
SIGNS = ("−", "·", "+")
"""The signs of negative values, of small ones, and of positive values. They are as clear on a light background as on a
dark one, where shades would be reversed."""
ASCII_TEXTS = str.maketrans({"−": "-", "±": "+-", "…": "..", "×": "x", "·": "."})
"""What is written in ranges of values where the encoding lacks a character."""
ASCII_SIGNS = ("-", ".", "+")
MAX_SIXEL_WIDTH = 1000
"""The widest picture as sixel graphics, in pixels: what xterm shows by default."""
MAX_PICTURE_WIDTH = 1600
"""The widest picture in another protocol, in pixels."""
BOLD = "\x1b[1m"
"""The escape code for bold text."""
RESET = "\x1b[0m"
"""The escape code that resets colors and bold text."""

XTERM_CUBE_LEVELS = np.array([0, 95, 135, 175, 215, 255])
"""The levels of red, green and blue in xterm's colors 16 to 231, a 6×6×6 cube."""
XTERM_GRAY_LEVELS = np.arange(8, 239, 10)
"""The levels of xterm's colors 232 to 255, 24 grays."""
TRUECOLOR_TERMS = {"alacritty", "foot", "wezterm", "xterm-ghostty", "xterm-kitty"}
"""Values of the variable TERM of terminals with 24-bit colors that do not all set COLORTERM."""


class Stream(Protocol):
    """A stream that may be a terminal."""

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""


class Terminal(NamedTuple):
    """What a terminal shows.

    Parameters
    ----------
    width : int
        Its columns.
    colors : ColorDepth
    encoding : str, optional
        The encoding of the stream; None is UTF-8.
    graphics : Graphics
        The protocol in which it shows pictures.
    cell_width : int
        The width of a character in pixels.
    height : int or None
        The most lines of tiles side by side. Rows of tiles that do not fit are left out; None for any number of lines.
    """

    width: int
    colors: ColorDepth
    encoding: str | None = "utf-8"
    graphics: Graphics = "none"
    cell_width: int = 8
    height: int | None = None

    @property
    def pixel_width(self) -> int:
        """The width in pixels that a picture has at most."""
        return min(self.width * self.cell_width, MAX_SIXEL_WIDTH if self.graphics == "sixel" else MAX_PICTURE_WIDTH)

    @property
    def pixel_rows(self) -> int:
        """The height of a drawn pixel in square pixels, as wide as a character: 1 with half blocks, 2 without."""
        return 1 if self.colors != "none" and _encodes(self.encoding, UPPER_HALF) else 2

    def encodable(self, text: str) -> str:
        """Return a text with other characters in place of those that the encoding lacks."""
        if _encodes(self.encoding, text):
            return text
        encoding = self.encoding if _encodes(self.encoding, "") else "ascii"
        return text.translate(ASCII_TEXTS).encode(encoding or "utf-8", "replace").decode(encoding or "utf-8")

    @property
    def ellipsis(self) -> str:
        """The mark behind a text that is cut."""
        return "…" if _encodes(self.encoding, "…") else "..."


def color_depth(stream: Stream | None, environ: Mapping[str, str]) -> ColorDepth:
    """Return the colors to use when writing to a stream.

    `NO_COLOR` disables them (https://no-color.org). `FORCE_COLOR` enables them even if the stream is not a terminal:
    `2` for 256 colors, `3` for 24-bit colors, `0` for none, any other value for those that `COLORTERM` and `TERM`
    declare, but at least 256.

    Parameters
    ----------
    stream : object with ``isatty()``, or None
        The stream to write to; None, for a process without that stream, is not a terminal.
    environ : mapping
        The environment variables, usually `os.environ`.
    """
    forced = environ.get("FORCE_COLOR", "").lower()
    if environ.get("NO_COLOR") or forced in {"0", "false"}:
        return "none"
    if forced in {"2", "3"}:
        return "truecolor" if forced == "3" else "256"
    if not forced and not _is_terminal(stream):
        return "none"
    declared = _declared_depth(environ)
    return "256" if forced and declared == "none" else declared


def half_blocks(
    picture: NDArray[np.uint8],
    depth: Literal["truecolor", "256"],
    encoding: str | None = "utf-8",
    shown: NDArray[np.bool_] | None = None,
) -> str:
    """Return a picture as lines of characters, each of which shows two pixels, one above the other.

    Escape codes set the colors where they change, and reset them at the end of each line.

    Parameters
    ----------
    picture : uint8 array, `(H, W)` or `(H, W, 3)`
        Gray or RGB levels.
    depth : {"truecolor", "256"}
        The colors of the terminal; see `color_depth`.
    encoding : str, optional
        The encoding of the stream. If it has no half blocks, spaces in the mean color of two pixels are used.
    shown : bool array `(H, W)`, optional
        Which pixels are drawn; where others are, the background of the terminal is shown.

    Returns
    -------
    str
        Lines joined by newlines, without a newline at the end.

    Raises
    ------
    ArgumentError
        If the picture is empty or has another type or shape.
    """
    _check(picture)
    pixels = picture
    if not _encodes(encoding, UPPER_HALF):
        pixels = np.floor(_pair_means(picture) + 0.5).astype(np.uint8).repeat(2, axis=0)
        shown = None if shown is None else shown[::2].repeat(2, axis=0)
    return _colored(pixels, depth, shown)


def signs(
    values: NDArray[Any], largest: float, encoding: str | None = "utf-8", weak: float = WEAK_WEIGHT
) -> list[list[str]]:
    """Return a sign for each value `(H, W)`, in rows: `+`, `−`, `·` for small values, and `?` for NaN.

    Parameters
    ----------
    values : array (H, W)
    largest : float
        The largest magnitude.
    encoding : str, optional
        The encoding of the stream; if it has no `·` or `−`, ASCII characters are used.
    weak : float
        The share of the largest magnitude below which values are small.
    """
    minus, dot, plus = SIGNS if _encodes(encoding, "".join(SIGNS)) else ASCII_SIGNS
    least = weak * largest if largest > 0 else math.inf

    def sign(value: float) -> str:
        if math.isnan(value):
            return "?"
        return dot if abs(value) < least else minus if value < 0 else plus

    return [[sign(value) for value in row] for row in values.tolist()]


def digits(picture: NDArray[np.uint8]) -> list[str]:
    """Return gray or RGB levels as lines of digits, from 0 for black to 9 for white, each of them two columns wide."""
    gray = picture if picture.ndim == 2 else picture @ LUMA_WEIGHTS
    return ["".join(f" {int(level) * 10 // 256}" for level in row) for row in gray.tolist()]


def _is_terminal(stream: Stream | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _declared_depth(environ: Mapping[str, str]) -> ColorDepth:
    """Return the colors that the environment variables of a terminal declare."""
    term = environ.get("TERM", "").lower()
    if term == "dumb":
        return "none"
    if environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"} or environ.get("WT_SESSION"):
        return "truecolor"
    if term in TRUECOLOR_TERMS or term.endswith("-direct"):
        return "truecolor"
    return "256" if "256color" in term else "none"


def _check(picture: NDArray[Any]) -> None:
    if picture.dtype != np.uint8 or not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)):
        raise ArgumentError(
            "A picture for the terminal is a uint8 array of shape (H, W) or (H, W, 3); "
            f"this one is {picture.dtype} of shape {picture.shape}."
        )
    if not picture.size:
        raise ArgumentError(f"The picture is empty: its shape is {picture.shape}.")


def _pair_means(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Return the means of pairs of rows; an odd last row is returned unchanged."""
    rows = pixels.astype(float)
    means = (rows[0:-1:2] + rows[1::2]) / 2
    return np.concatenate([means, rows[-1:]]) if len(rows) % 2 else means


def _colored(pixels: NDArray[np.uint8], depth: Literal["truecolor", "256"], shown: NDArray[np.bool_] | None) -> str:
    """Return the picture as half blocks with escape codes."""
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    rows: list[list[str | None]]
    if depth == "256":
        rows = [[f"5;{index}" for index in row] for row in _xterm_colors(pixels).tolist()]
    else:
        rows = [[f"2;{red};{green};{blue}" for red, green, blue in row] for row in pixels.tolist()]
    if shown is not None:
        pairs = zip(rows, shown.tolist(), strict=True)
        rows = [[code if on else None for code, on in zip(*pair, strict=True)] for pair in pairs]
    below: list[list[str | None]] = [*rows[1::2], [None] * len(rows[0])]
    return "\n".join(_line(upper, lower) for upper, lower in zip(rows[::2], below, strict=False))


def _line(uppers: list[str | None], lowers: list[str | None]) -> str:
    """Return one line; where a color is None, the background of the terminal is shown."""
    foreground, background, parts = None, None, []
    for upper, lower in zip(uppers, lowers, strict=True):
        front, back, character = upper, lower, UPPER_HALF
        if upper == lower:
            front, character = None, " "
        elif upper is None:
            front, back, character = lower, None, LOWER_HALF
        changes = []
        if front not in (None, foreground):
            foreground = front
            changes.append(f"38;{front}")
        if back != background:
            background = back
            changes.append("49" if back is None else f"48;{back}")
        parts.append((f"\x1b[{';'.join(changes)}m" if changes else "") + character)
    return "".join(parts) + RESET


def _xterm_colors(pixels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return the nearest of xterm's colors 16 to 255. The first 16 differ between terminals and are not used."""
    levels = pixels.astype(int)
    cube = np.searchsorted((XTERM_CUBE_LEVELS[1:] + XTERM_CUBE_LEVELS[:-1]) / 2, levels)
    gray = np.searchsorted((XTERM_GRAY_LEVELS[1:] + XTERM_GRAY_LEVELS[:-1]) / 2, levels.mean(axis=-1))
    cube_error = ((XTERM_CUBE_LEVELS[cube] - levels) ** 2).sum(axis=-1)
    gray_error = ((XTERM_GRAY_LEVELS[gray][..., None] - levels) ** 2).sum(axis=-1)
    indices: NDArray[np.intp] = np.where(gray_error < cube_error, 232 + gray, 16 + cube @ np.array([36, 6, 1]))
    return indices


def _encodes(encoding: str | None, characters: str) -> bool:
    """Return whether an encoding has these characters; None is UTF-8, and an unknown encoding has none."""
    try:
        characters.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
