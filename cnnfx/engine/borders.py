"""Images with a border around them, of which only the parts that are looked at are ever made."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnfx.engine.threads import buffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.engine.geometry import Pads, Window

    Array = NDArray[Any]

OUTSIDE = -1


@lru_cache(maxsize=64)
def sources(length: int, before: int, after: int, border: str) -> NDArray[np.intp]:
    """For each padded place along an axis, the place of the image whose pixel stands there; `OUTSIDE` for a zero."""
    places = np.arange(length)
    if border == "constant":
        return np.pad(places, (before, after), constant_values=OUTSIDE)
    return np.pad(places, (before, after), mode=border)  # type: ignore[no-any-return, call-overload]


class PaddedImages:
    """Images `(N, C, H, W)` that look as if they were padded.

    Parts that lie inside the images are views; others are copies of that part alone, in memory that the next part of
    the same thread may use again.
    """

    def __init__(self, images: Array, pads: Pads, border: str) -> None:
        self.images, self.pads, self.border = images, pads, border

    def part(self, batch: slice, rows: slice, columns: slice) -> Array:
        """The padded images' `rows` and `columns` (counted from the padding's first), all channels."""
        (top, bottom), (left, right) = self.pads
        images = self.images if batch.stop - batch.start == len(self.images) else self.images[batch]
        if self.border == "constant" and (top or bottom or left or right):
            return self._among_zeros(images, rows, columns)
        if top or bottom:
            images = take(images, 2, rows.start, rows.stop, (top, bottom), self.border)
        else:
            images = images[:, :, rows]
        if left or right:
            return take(images, 3, columns.start, columns.stop, (left, right), self.border)
        return images[..., columns]

    def whole(self) -> Array:
        """All of the padded images."""
        (top, bottom), (left, right) = self.pads
        n, channels, height, width = self.images.shape
        if not (top or bottom or left or right):
            return self.images
        if self.border != "constant":
            return self.part(slice(0, n), slice(0, top + height + bottom), slice(0, left + width + right))
        result = np.zeros((n, channels, top + height + bottom, left + width + right), self.images.dtype)
        result[:, :, top : top + height, left : left + width] = self.images
        return result

    def _among_zeros(self, images: Array, rows: slice, columns: slice) -> Array:
        """`part` for a border of zeros."""
        (top, _), (left, _) = self.pads
        y, x = rows.start - top, columns.start - left
        first, start = max(y, 0), max(x, 0)
        inside = images[:, :, first : max(rows.stop - top, first), start : max(columns.stop - left, start)]
        shape = rows.stop - rows.start, columns.stop - columns.start
        if inside.shape[2:] == shape:
            return inside
        result = buffer("part", (*images.shape[:2], *shape), images.dtype)
        bottom, right = first - y + inside.shape[2], start - x + inside.shape[3]
        result[:, :, : first - y] = result[:, :, bottom:] = 0
        result[..., : start - x] = result[..., right:] = 0
        result[:, :, first - y : bottom, start - x : right] = inside
        return result


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
