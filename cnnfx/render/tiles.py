"""Tiles: pictures of one size that are computed in bands; and parts of a larger picture at their positions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.images.image import resize
from cnnfx.render.text import BACKGROUND

Levels = NDArray[np.uint8]
"""A picture: gray levels `(H, W)` or colors `(H, W, 3)`, 0..255."""

FRAME_LEVEL = 150
"""The gray level of thin frames, which separate white from the white background."""
ARROW_LEVEL = 90
"""The gray level of arrows between pictures."""


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
        Whether `rows` are in color. A function is called before pictures are drawn; "last" is exclusive.
    ranges : function to sequence of str, optional
        Returns the range of values of each picture, which is written after its label, or empty texts. It is called
        when labels are drawn, and the size of the labels does not depend on it.
    small_picture : function (picture, width, height) to picture or None, optional
        Returns a small picture that belongs to a picture, such as its filter, of about this height and at most this
        width unless it cannot be smaller; or None.
    """

    labels: Sequence[str]
    height: int
    width: int
    rows: Callable[[int, int, int, int], Iterable[Levels]]
    color: bool | Callable[[int, int], bool] = False
    ranges: Callable[[], Sequence[str]] | None = None
    small_picture: Callable[[int, int, int], Levels | None] | None = None

    @property
    def in_color(self) -> bool:
        """Whether any of the pictures is in color."""
        return self.any_in_color(0, len(self.labels))

    def any_in_color(self, first: int, last: int) -> bool:
        """Return whether the pictures `first` to `last` (exclusive) are in color."""
        return self.color if isinstance(self.color, bool) else self.color(first, last)

    def pick(self, index: int) -> Tiles:
        """Return tiles with only one of the pictures, without its range and small picture."""

        def rows(_first: int, _last: int, top: int, bottom: int) -> Iterable[Levels]:
            return self.rows(index, index + 1, top, bottom)

        color = self.any_in_color(index, index + 1)
        return Tiles(self.labels[index : index + 1], self.height, self.width, rows, color)


def picture_tiles(labels: Sequence[str], pictures: Sequence[Levels]) -> Tiles:
    """Return finished pictures of one size, each `(H, W)` or each `(H, W, 3)`, as tiles."""
    height, width = pictures[0].shape[:2]

    def rows(first: int, last: int, top: int, bottom: int) -> Iterable[Levels]:
        return [picture[top:bottom] for picture in pictures[first:last]]

    return Tiles(labels, height, width, rows, color=pictures[0].ndim == 3)


class Drawing:
    """A picture of a known size at a position of a larger one, drawn when it is needed.

    Parameters
    ----------
    top, left, height, width : int
    make : function to picture
        Returns the picture `(height, width)` or, in color, `(height, width, 3)`.
    color : bool
    """

    def __init__(
        self, top: int, left: int, height: int, width: int, make: Callable[[], Levels], color: bool = False
    ) -> None:
        self.top, self.left, self.height, self.width = top, left, height, width
        self.make, self.color = make, color

    @cached_property
    def picture(self) -> Levels:
        """The picture."""
        return self.make()

    def draw_rows(self, canvas: Levels, first: int) -> None:
        """Draw what is visible on a canvas whose first row is row `first` of the larger picture."""
        begin, end = max(first, self.top), min(first + canvas.shape[0], self.top + self.height)
        paste(canvas, self.picture[begin - self.top : end - self.top], begin - first, self.left)


class TileRun(NamedTuple):
    """Neighboring pictures of the same tiles, side by side at a position of a larger picture.

    Parameters
    ----------
    top, left : int
    tiles : Tiles
    first, last : int
        The pictures, `last` exclusive.
    scale : int
        The factor of enlargement.
    step : int
        The distance of the left sides of neighboring pictures.
    """

    top: int
    left: int
    tiles: Tiles
    first: int
    last: int
    scale: int
    step: int

    @property
    def color(self) -> bool:
        """Whether the pictures are in color."""
        return self.tiles.any_in_color(self.first, self.last)

    @property
    def height(self) -> int:
        """The height of the enlarged pictures."""
        return self.tiles.height * self.scale

    @property
    def width(self) -> int:
        """The width from the left side of the first picture to the right side of the last."""
        return (self.last - self.first - 1) * self.step + self.tiles.width * self.scale

    def draw_rows(self, canvas: Levels, first: int) -> None:
        """Draw what is visible on a canvas whose first row is row `first` of the larger picture."""
        begin, end = max(first, self.top), min(first + canvas.shape[0], self.top + self.height)
        top, bottom = (begin - self.top) // self.scale, -(-(end - self.top) // self.scale)
        skipped = begin - self.top - top * self.scale
        for index, picture in enumerate(self.tiles.rows(self.first, self.last, top, bottom)):
            visible = enlarge(picture, self.scale)[skipped : skipped + end - begin]
            paste(canvas, visible, begin - first, self.left + index * self.step)


class Frame(NamedTuple):
    """A thin frame around a picture at a position of a larger one; the size is that of its outer edge.

    Parameters
    ----------
    top, left, height, width : int
    color : bool
        Whether it needs a picture in color, which it never does.
    """

    top: int
    left: int
    height: int
    width: int
    color: bool = False

    def draw_rows(self, canvas: Levels, first: int) -> None:
        """Draw what is visible on a canvas whose first row is row `first` of the larger picture."""
        top, bottom, right = self.top - first, self.top + self.height - first, self.left + self.width
        canvas[max(0, top) : bottom, [self.left, right - 1]] = FRAME_LEVEL
        for row in (top, bottom - 1):
            if 0 <= row < len(canvas):
                canvas[row, self.left : right] = FRAME_LEVEL


Item = Drawing | TileRun | Frame
"""A part of a picture with its position."""


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


def shrink(picture: Levels, width: int) -> Levels:
    """Return a picture that is not wider than `width`, shrunk by averaging areas if it was."""
    if picture.shape[1] <= width:
        return picture
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    channels = picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    means: Levels = np.rint(resize(channels.astype(np.float32), height, width)).astype(np.uint8)
    return means[0] if picture.ndim == 2 else np.moveaxis(means, 0, -1)
