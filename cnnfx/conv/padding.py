"""Images with a border around them, of which only the parts that are looked at are ever made."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfx.system.memory import buffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Pads, Window

    Array = NDArray[Any]

OUTSIDE = -1

BAND_ROWS = 256
"""Bands of an image that begin at a multiple of this many output rows give the same bits as the whole image."""


@lru_cache(maxsize=64)
def sources(length: int, before: int, after: int, border: str) -> NDArray[np.intp]:
    """For each padded place along an axis, the place of the image whose pixel stands there; `OUTSIDE` for a zero."""
    places = np.arange(length)
    if border == "constant":
        return np.pad(places, (before, after), constant_values=OUTSIDE)
    return np.pad(places, (before, after), mode=border)  # type: ignore[no-any-return, call-overload]


class Inside(NamedTuple):
    """What of a part of padded images is not border: these rows and columns of the images, and so many rows and columns
    of border around them."""

    rows: slice
    columns: slice
    above: int
    below: int
    before: int
    after: int


class PaddedImages:
    """Images `(N, C, H, W)` that look as if they were padded."""

    def __init__(self, images: Array, pads: Pads, border: str) -> None:
        self.images, self.pads, self.border = images, pads, border

    def part(self, batch: slice, rows: slice, columns: slice, copied: bool = False) -> Array:
        """The padded images' `rows` and `columns` (counted from the padding's first), all channels.

        A view of the images where no border is needed, unless it is to be `copied`; else in memory that the next part
        of the same thread may use again.
        """
        where = inside(self.images.shape[2:], self.pads, rows, columns)
        images = self.images[batch, :, where.rows, where.columns]
        if not (copied or any(where[2:])):
            return images
        result = buffer("part", (*images.shape[:2], rows.stop - rows.start, columns.stop - columns.start), images.dtype)
        self.lay(result, batch, rows, columns, where)
        return result

    def lay(self, target: Array, batch: slice, rows: slice, columns: slice, where: Inside) -> None:
        """Write the padded `rows` and `columns`, of which this is not border, to `target`, which is as large."""
        images, (down, across, above, below, before, after) = self.images[batch], where
        bottom, right = target.shape[2] - below, target.shape[3] - after
        target[:, :, above:bottom, before:right] = images[:, :, down, across]
        if above:
            target[:, :, :above, before:right] = self._border(images, slice(rows.start, rows.start + above), across)
        if below:
            target[:, :, bottom:, before:right] = self._border(images, slice(rows.stop - below, rows.stop), across)
        for beside, outside in ((slice(before), before), (slice(right, None), after)):
            if outside:
                target[..., beside] = self._beside(images, rows, columns, beside)

    def _border(self, images: Array, rows: slice, across: slice) -> Array | int:
        """The padded `rows`, all of them outside the images, between the left and the right border."""
        if self.border == "constant":
            return 0
        return images[:, :, sources(images.shape[2], *self.pads[0], self.border)[rows], across]

    def _beside(self, images: Array, rows: slice, columns: slice, beside: slice) -> Array | int:
        """The padded `rows` on the left or the right border: those of `columns` that `beside` names."""
        if self.border == "constant":
            return 0
        down, across = (
            sources(length, *pad, self.border) for length, pad in zip(images.shape[2:], self.pads, strict=True)
        )
        return images[:, :, down[rows, np.newaxis], across[columns][beside]]


def inside(size: tuple[int, ...], pads: Pads, rows: slice, columns: slice) -> Inside:
    """What of the padded `rows` and `columns` of images of some size is not border."""
    (down, above, below), (across, before, after) = (
        _overlap(places, pad[0], length) for places, pad, length in zip((rows, columns), pads, size, strict=True)
    )
    return Inside(down, across, above, below, before, after)


def _overlap(places: slice, before: int, length: int) -> tuple[slice, int, int]:
    """The part of an image of `length` pixels that padded `places` cover, and how many of them lie before and after it;
    `before` are the pixels of padding before the image."""
    first, last = places.start - before, places.stop - before
    inside = slice(min(max(first, 0), length), max(min(last, length), 0))
    if inside.start >= inside.stop:  # all are outside: as if before the image
        return slice(0, 0), last - first, 0
    return inside, inside.start - first, last - inside.stop


def take(array: Array, axis: int, start: int, stop: int, pad: tuple[int, int], border: str) -> Array:
    """The places `start:stop` of `array` padded by `pad` along `axis`, counted from the padding's first."""
    length = array.shape[axis]
    first, last = max(start - pad[0], 0), min(stop - pad[0], length)
    whole = (slice(None),) * axis
    inside = array[(*whole, slice(first, max(first, last)))]
    if (first, last) == (start - pad[0], stop - pad[0]):
        return inside
    result = np.zeros((*array.shape[:axis], stop - start, *array.shape[axis + 1 :]), array.dtype)
    begin = first + pad[0] - start
    result[(*whole, slice(begin, begin + inside.shape[axis]))] = inside
    if border != "constant":
        places = sources(length, *pad, border)[start:stop]
        for side in (slice(0, begin), slice(begin + inside.shape[axis], None)):
            result[(*whole, side)] = array.take(places[side], axis)
    return result


def band(image: Array, window: Window, first: int, last: int) -> Array:
    """The rows of `image` that the output rows ``first:last`` need, those of the border above and below included.

    An image too large to be worked through at once is cut so: `correlate` on this band, with the same arguments but
    ``padding=((0, 0), window.pads(size)[1])``, gives the output rows ``first:last`` of the whole image.

    Parameters
    ----------
    image : (..., H, W) array of any type
    window : Window
    first, last : int
        Rows of the output.

    Returns
    -------
    (..., rows, W) array
        A view of `image` where no border is needed.
    """
    pad = window.pads((image.shape[-2], image.shape[-1]))[0]
    start = first * window.stride[0]
    stop = (last - 1) * window.stride[0] + window.extent[0]
    return take(image, image.ndim - 2, start, stop, pad, window.border)
