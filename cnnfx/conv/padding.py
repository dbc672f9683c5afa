"""Padding: the source pixel of each border position, and regions of padded images without padding whole images."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfx.system.memory import buffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Pads, Pair

    Array = NDArray[Any]

OUTSIDE = -1
"""The index that `source_indices` gives to a padding pixel of value zero."""

BAND_ROWS = 256
"""Bands of the output of one call that begin at a multiple of this number of rows have the same bits as in the whole
output. With several calls, the bands of all but the last begin at other rows."""


@lru_cache(maxsize=64)
def source_indices(length: int, before: int, after: int, border: str) -> NDArray[np.intp]:
    """Return the index of the source pixel for each position of a padded axis, or `OUTSIDE` where it is zero.

    Parameters
    ----------
    length, before, after : int
        Pixels of the axis, and of the padding before and after it.
    border : str
        A key of `cnnfx.conv.geometry.BORDERS`.

    Returns
    -------
    (before + length + after,) array
    """
    positions = np.arange(-before, length + after)
    if border == "constant":
        return np.where((positions >= 0) & (positions < length), positions, OUTSIDE)
    if border == "edge":
        return np.clip(positions, 0, length - 1)
    if border == "wrap":
        return positions % length
    if border == "symmetric":  # mirrored with the edge pixel, as often as the padding is wider than the image
        mirrored = positions % (2 * length)
        return np.minimum(mirrored, 2 * length - 1 - mirrored)
    mirrored = positions % max(1, 2 * (length - 1))  # "reflect": without the edge pixel
    return np.minimum(mirrored, 2 * (length - 1) - mirrored)


def pad_rows_and_columns(values: Array, pads: Pads, border: str) -> Array:
    """Return `values` (C, H, W) or (C, H, W, N) with padding of their rows and columns."""
    if border == "constant" and any(map(any, pads)):
        return np.pad(values, ((0, 0), *pads, *[(0, 0)] * (values.ndim - 3)))
    for axis, (before, after) in enumerate(pads, 1):
        if before or after:
            values = values.take(source_indices(values.shape[axis], before, after, border), axis)
    return values


class Overlap(NamedTuple):
    """The part of a region of padded images that is inside the images.

    Attributes
    ----------
    rows, columns : slice
        Of the images without padding.
    above, below, left, right : int
        Border rows and columns of the region around that part.
    """

    rows: slice
    columns: slice
    above: int
    below: int
    left: int
    right: int


def overlap(size: Pair, pads: Pads, rows: slice, columns: slice) -> Overlap:
    """Return the part of the region `rows`, `columns` of padded images that is inside the images of `size` (H, W)."""
    image_rows, above, below = _overlap(rows, pads[0][0], size[0])
    image_columns, left, right = _overlap(columns, pads[1][0], size[1])
    return Overlap(image_rows, image_columns, above, below, left, right)


def _overlap(positions: slice, before: int, length: int) -> tuple[slice, int, int]:
    """Return the pixels at some positions of a padded axis, and the number of positions before and after them."""
    first, last = positions.start - before, positions.stop - before
    inside = slice(min(max(first, 0), length), max(min(last, length), 0))
    if inside.start >= inside.stop:  # only border positions: all are counted as before the image
        return slice(0, 0), last - first, 0
    return inside, inside.start - first, last - inside.stop


class PaddedImages:
    """Images (N, C, H, W) with padding that is computed only for the regions that are read."""

    def __init__(self, images: Array, pads: Pads, border: str) -> None:
        self.images, self.pads, self.border = images, pads, border

    @property
    def size(self) -> Pair:
        """Height and width without padding."""
        return self.images.shape[2], self.images.shape[3]

    def channels(self, chosen: slice | Array) -> PaddedImages:
        """Return some channels of the images, with the same padding."""
        return PaddedImages(self.images[:, chosen], self.pads, self.border)

    def region(self, images: slice, rows: slice, columns: slice, copy: bool = False) -> Array:
        """Return all channels of the padded `images` at `rows` and `columns`, counted from the first padding pixel.

        The result is a view where it holds no border and `copy` is false. Otherwise it is a buffer that the next call
        in the same thread overwrites.
        """
        where = overlap(self.size, self.pads, rows, columns)
        inside = self.images[images, :, where.rows, where.columns]
        if not (copy or any(where[2:])):
            return inside
        shape = *inside.shape[:2], rows.stop - rows.start, columns.stop - columns.start
        result = buffer("padded_region", shape, inside.dtype)
        self.write_region(result, images, rows, columns, where)
        return result

    def write_region(self, target: Array, images: slice, rows: slice, columns: slice, where: Overlap) -> None:
        """Write a region to `target`. `where` is the `overlap` of the region with the images."""
        pixels, (down, across, above, below, left, right) = self.images[images], where
        bottom, end = target.shape[2] - below, target.shape[3] - right
        target[:, :, above:bottom, left:end] = pixels[:, :, down, across]
        if above:
            target[:, :, :above, left:end] = self._rows_outside(pixels, slice(rows.start, rows.start + above), across)
        if below:
            target[:, :, bottom:, left:end] = self._rows_outside(pixels, slice(rows.stop - below, rows.stop), across)
        if left:
            target[..., :left] = self._columns_outside(pixels, rows, slice(columns.start, columns.start + left))
        if right:
            target[..., end:] = self._columns_outside(pixels, rows, slice(columns.stop - right, columns.stop))

    def _rows_outside(self, pixels: Array, rows: slice, across: slice) -> Array | int:
        """Return padded rows above or below the images, at the images' columns `across`."""
        if self.border == "constant":
            return 0
        return pixels[:, :, source_indices(self.size[0], *self.pads[0], self.border)[rows], across]

    def _columns_outside(self, pixels: Array, rows: slice, columns: slice) -> Array | int:
        """Return padded columns to the left or right of the images, at the padded `rows`."""
        if self.border == "constant":
            return 0
        down = source_indices(self.size[0], *self.pads[0], self.border)[rows]
        across = source_indices(self.size[1], *self.pads[1], self.border)[columns]
        return pixels[:, :, down[:, np.newaxis], across]
