"""Tiles: pictures of one size that are computed in bands, and drawing of pictures on a canvas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.text import BACKGROUND

Levels = NDArray[np.uint8]
"""A picture: gray levels `(H, W)` or colors `(H, W, 3)`, 0..255."""


class Tiles(NamedTuple):
    """Pictures of one size that are computed together.

    Parameters
    ----------
    labels : sequence of str
        One for each picture.
    height, width : int
        The size in pixels, before enlargement.
    rows : function (first picture, last picture, first row, last row) to pictures
        Returns some rows of some pictures, each `(rows, width)` or, in color, `(rows, width, 3)`. Both "last" are
        exclusive.
    color : bool, or function (first picture, last picture) to bool
        Whether `rows` or `above` are in color. A function is called when the pictures are laid out; "last" is
        exclusive.
    above : sequence of pictures or None
        A small picture to draw above each picture, or none.
    """

    labels: Sequence[str]
    height: int
    width: int
    rows: Callable[[int, int, int, int], Iterable[Levels]]
    color: bool | Callable[[int, int], bool] = False
    above: Sequence[Levels | None] = ()

    @property
    def in_color(self) -> bool:
        """Whether `rows` or `above` are in color."""
        return self.color if isinstance(self.color, bool) else self.color(0, len(self.labels))

    def pick(self, index: int) -> Tiles:
        """Return tiles with only one of the pictures."""

        def rows(_first: int, _last: int, top: int, bottom: int) -> Iterable[Levels]:
            return self.rows(index, index + 1, top, bottom)

        labels, above = self.labels[index : index + 1], self.above[index : index + 1]
        color = self.color if isinstance(self.color, bool) else self.color(index, index + 1)
        return Tiles(labels, self.height, self.width, rows, color, above)


def picture_tiles(labels: Sequence[str], pictures: Sequence[Levels]) -> Tiles:
    """Return finished pictures of one size, each `(H, W)` or each `(H, W, 3)`, as tiles."""
    height, width = pictures[0].shape[:2]

    def rows(first: int, last: int, top: int, bottom: int) -> Iterable[Levels]:
        return [picture[top:bottom] for picture in pictures[first:last]]

    return Tiles(labels, height, width, rows, color=pictures[0].ndim == 3)


def blank(height: int, width: int, color: bool = False) -> Levels:
    """Return a picture of the background, `(height, width)` or, in color, `(height, width, 3)`."""
    return np.full((height, width, 3) if color else (height, width), BACKGROUND, np.uint8)


def paste(canvas: Levels, picture: Levels, top: int, left: int) -> None:
    """Draw a picture on a canvas, in place. A gray picture can be drawn on a canvas in color."""
    height, width = picture.shape[:2]
    canvas[top : top + height, left : left + width] = picture if canvas.ndim == picture.ndim else picture[..., None]


def enlarge(picture: NDArray[Any], scale: int) -> NDArray[Any]:
    """Return a picture `(H, W, ...)` with every pixel repeated `scale` times in both directions."""
    return picture if scale == 1 else picture.repeat(scale, axis=0).repeat(scale, axis=1)
