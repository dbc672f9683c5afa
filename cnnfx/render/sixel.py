"""Pictures as sixel graphics: bands of six rows, in which a character is a column of six pixels of one color.

Reference
---------
Digital Equipment Corporation, VT330/VT340 Programmer Reference Manual, Volume 2: Graphics Programming, chapter 14.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

BAND_ROWS = 6
"""The rows of pixels in a band."""
BLANK = ord("?")
"""The character of six pixels that are not of the color; bit k of the difference to it is the pixel in row k."""
MAX_COLORS = 256
"""The most colors that terminals with sixel graphics have."""
REPEATED = re.compile(rb"(.)\1{3,}")
"""A character that is repeated often enough to be shorter with its count."""


def sixel(picture: NDArray[np.uint8]) -> str:
    """Return the escape code that shows a picture as sixel graphics.

    Colors are given in percent of red, green and blue. A picture with more than 256 of them is reduced to 256.

    Parameters
    ----------
    picture : uint8 array (H, W) or (H, W, 3)
    """
    indexes, palette = _indexed(picture)
    height, width = indexes.shape
    colors = "".join(f"#{number};2;{red};{green};{blue}" for number, (red, green, blue) in enumerate(palette.tolist()))
    bands = "-".join(_band(indexes[top : top + BAND_ROWS]) for top in range(0, height, BAND_ROWS))
    return f'\x1bP0;1q"1;1;{width};{height}{colors}{bands}\x1b\\'


def _band(indexes: NDArray[np.uint8]) -> str:
    """Return a band: for each of its colors, the columns of pixels of this color, `$` going back to the left."""
    colors, ranks = np.unique(indexes, return_inverse=True)
    columns = np.full((len(colors), indexes.shape[1]), BLANK, np.uint8)
    for row, ranks_of_row in enumerate(ranks.reshape(indexes.shape)):
        columns[ranks_of_row, np.arange(indexes.shape[1])] += np.uint8(1 << row)
    parts = []
    for color, line in zip(colors.tolist(), columns, strict=True):
        text = REPEATED.sub(lambda match: b"!%d%c" % (len(match[0]), match[0][0]), line.tobytes().rstrip(b"?"))
        parts.append(f"#{color}{text.decode('ascii')}")
    return "$".join(parts)


def _indexed(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the numbers of the colors `(H, W)` and the colors `(n, 3)` in percent."""
    pixels = np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else picture
    percents = np.rint(pixels * (100 / 255)).astype(np.int64)
    found, indexes = np.unique(percents @ np.array([101 * 101, 101, 1]), return_inverse=True)
    if len(found) <= MAX_COLORS:
        palette = np.stack([found // (101 * 101), found // 101 % 101, found % 101], axis=-1)
        return indexes.reshape(pixels.shape[:2]).astype(np.uint8), palette
    import PIL.Image

    reduced = PIL.Image.fromarray(pixels).quantize(MAX_COLORS, dither=PIL.Image.Dither.NONE)
    colors = np.array(reduced.getpalette(), np.uint8).reshape(-1, 3)
    return np.asarray(reduced), np.rint(colors * (100 / 255)).astype(np.int64)
