"""Pictures as text for the terminal: two pixels per character, drawn as an upper half block on a colored background.

Nothing is printed here: `color_depth` returns which colors a terminal supports, `half_blocks` the text to print.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.images.image import LUMA_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ColorDepth = Literal["truecolor", "256", "none"]
"""The colors that a terminal supports: all of 24 bits, the 256 of xterm, or none."""

HALF_BLOCK = "▀"
BLOCK_SHADES = " ░▒▓█"
"""Characters from black to white on a dark background, where the encoding has block characters."""
ASCII_SHADES = " .:-=+*#%@"
"""Characters from black to white on a dark background, in ASCII."""
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
    *,
    width: int,
    height: int | None = None,
    depth: ColorDepth,
    enlarge: int = 1,
    encoding: str | None = "utf-8",
) -> str:
    """Return a picture as lines of characters, each of which shows two pixels, one above the other.

    A picture that is too large is shrunk by averaging areas; its proportions are kept. Escape codes set the colors
    where they change, and reset them at the end of each line. Without colors, characters of different density show the
    brightness, as on a dark background.

    Parameters
    ----------
    picture : uint8 array, `(H, W)` or `(H, W, 3)`
        Gray or RGB levels.
    width, height : int
        The largest number of columns and lines; by default the number of lines is not limited.
    depth : {"truecolor", "256", "none"}
        The colors of the terminal; see `color_depth`.
    enlarge : int
        The largest whole factor by which a picture that is smaller than the available space is enlarged.
    encoding : str, optional
        The encoding of the stream. If it has no block characters, colored spaces or ASCII characters are used, each
        showing the mean of its two pixels.

    Returns
    -------
    str
        Lines joined by newlines, without a newline at the end.

    Raises
    ------
    ArgumentError
        If the picture is empty or has another type or shape, or a size is less than 1.
    """
    _check(picture, width, height, enlarge)
    pixels = _fit(picture, width, height, enlarge)
    if depth == "none":
        return _shaded(pixels, BLOCK_SHADES if _encodes(encoding, BLOCK_SHADES) else ASCII_SHADES)
    if not _encodes(encoding, HALF_BLOCK):
        pixels = np.floor(_pair_means(pixels) + 0.5).astype(np.uint8).repeat(2, axis=0)
    return _colored(pixels, depth)


def min_pixel_scale(depth: ColorDepth, encoding: str | None) -> int:
    """Return the smallest `enlarge` at which every pixel is visible: 1 if a character shows two pixels, otherwise 2."""
    return 1 if depth != "none" and _encodes(encoding, HALF_BLOCK) else 2


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


def _check(picture: NDArray[Any], width: int, height: int | None, enlarge: int) -> None:
    if picture.dtype != np.uint8 or not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)):
        raise ArgumentError(
            "A picture for the terminal is a uint8 array of shape (H, W) or (H, W, 3); "
            f"this one is {picture.dtype} of shape {picture.shape}."
        )
    if not picture.size:
        raise ArgumentError(f"The picture is empty: its shape is {picture.shape}.")
    for name, value in (("width", width), ("height", height), ("enlarge", enlarge)):
        if value is not None and value < 1:
            raise ArgumentError(f"{name} must be at least 1, not {value}.")


def _fit(picture: NDArray[np.uint8], width: int, height: int | None, enlarge: int) -> NDArray[np.uint8]:
    """Shrink or enlarge the picture to at most `width` columns and twice `height` rows of pixels."""
    rows, columns = picture.shape[:2]
    max_rows = rows * enlarge if height is None else 2 * height
    factor = min(enlarge, width // columns, max_rows // rows)
    if factor >= 1:
        return picture.repeat(factor, axis=0).repeat(factor, axis=1)
    scale = min(width / columns, max_rows / rows)
    return _area_means(picture, min(max_rows, max(1, round(rows * scale))), min(width, max(1, round(columns * scale))))


def _area_means(picture: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """Return the means of `rows`×`columns` equal areas, rounded half up.

    Areas are measured in whole fractions of a pixel, so that all sums are exact. One row of areas is summed at a time,
    which bounds the memory for large pictures.
    """
    flat = picture.reshape(picture.shape[0], -1)
    sums = np.empty((rows, flat.shape[1]))
    for row, (begin, overlaps) in enumerate(_overlaps(flat.shape[0], rows)):
        sums[row] = overlaps @ flat[begin : begin + len(overlaps)].astype(float)
    sums = sums.reshape(rows, *picture.shape[1:])
    totals = np.empty((rows, columns, *picture.shape[2:]))
    for column, (begin, overlaps) in enumerate(_overlaps(picture.shape[1], columns)):
        totals[:, column] = np.tensordot(sums[:, begin : begin + len(overlaps)], overlaps, axes=(1, 0))
    area = picture.shape[0] * picture.shape[1]
    means: NDArray[np.float64] = (2 * totals + area) // (2 * area)
    return means.astype(np.uint8)


def _overlaps(size: int, parts: int) -> Iterable[tuple[int, NDArray[np.float64]]]:
    """Cut `size` pixels into equal parts; yield the first pixel of each, and its overlap with each pixel in 1/parts."""
    for part in range(parts):
        begin, end = part * size, (part + 1) * size
        edges = np.arange(begin // parts, -(-end // parts) + 1) * parts
        yield begin // parts, np.diff(np.clip(edges, begin, end)).astype(float)


def _pair_means(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Return the means of pairs of rows; an odd last row is returned unchanged."""
    rows = pixels.astype(float)
    means = (rows[0:-1:2] + rows[1::2]) / 2
    return np.concatenate([means, rows[-1:]]) if len(rows) % 2 else means


def _shaded(pixels: NDArray[np.uint8], shades: str) -> str:
    """Return the picture as characters of different density."""
    gray = pixels if pixels.ndim == 2 else pixels @ LUMA_WEIGHTS
    steps = np.rint(_pair_means(gray) * ((len(shades) - 1) / 255)).astype(int)
    return "\n".join("".join(shades[step] for step in line) for line in steps.tolist())


def _colored(pixels: NDArray[np.uint8], depth: ColorDepth) -> str:
    """Return the picture as half blocks with escape codes."""
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    if depth == "256":
        rows = [[f"5;{index}" for index in row] for row in _xterm_colors(pixels).tolist()]
    else:
        rows = [[f"2;{red};{green};{blue}" for red, green, blue in row] for row in pixels.tolist()]
    below: list[list[str] | list[None]] = [*rows[1::2], [None] * len(rows[0])]
    return "\n".join(_line(upper, lower) for upper, lower in zip(rows[::2], below, strict=False))


def _line(uppers: list[str], lowers: list[str] | list[None]) -> str:
    """Return one line; where the lower color is None, the background of the terminal is shown."""
    foreground, background, parts = None, None, []
    for upper, lower in zip(uppers, lowers, strict=True):
        changes = []
        if upper not in (lower, foreground):
            foreground = upper
            changes.append(f"38;{upper}")
        if lower != background:
            background = lower
            changes.append(f"48;{lower}")
        escape = f"\x1b[{';'.join(changes)}m" if changes else ""
        parts.append(escape + (" " if upper == lower else HALF_BLOCK))
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
