"""How an output is cut into bands of rows, and the banded matrix for one of them (see `direct`)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cnnfx.engine.geometry import Pair, Window

    Array = NDArray[Any]

NARROW = 64
"""Outputs of up to so many columns are narrow: see `cnnfx.engine.narrow`."""

COPIES = 1 << 21
"""Bytes of copies that a block may make: they are to stay in a core's second-level cache, or nearly."""

COPY = 24
"""To copy a number costs about as much as so many multiplications in a product."""

HEIGHTS = (1, 2, 4, 8, 16)
"""Rows that a band may have: bands that begin at a multiple of them are cut as the whole image is."""


class Block(NamedTuple):
    """A part of the output that is made in one go.

    A product for each image of the batch and each band of p rows makes these rows for all filters.
    """

    batch: slice
    rows: slice
    columns: slice
    p: int

    @property
    def bands(self) -> int:
        """The number of bands."""
        return int(self.rows.stop - self.rows.start) // self.p

    def pick(self, chosen: Array) -> Iterator[Block]:
        """The bands that are `chosen`, an array (batch, bands), each as a block."""
        for n, band in np.argwhere(chosen).tolist():
            image, row = self.batch.start + n, self.rows.start + band * self.p
            yield self._replace(batch=slice(image, image + 1), rows=slice(row, row + self.p))

    def by_rows(self) -> Iterator[Block]:
        """The same part, row by row."""
        for row in range(self.rows.start, self.rows.stop):
            yield self._replace(rows=slice(row, row + 1), p=1)


def band_rows(window: Window, p: int) -> Pair:
    """The step between the input rows that p output rows together read, and how many of them there are.

    They are the rows ``r·stride + i·dilation``: multiples of the greatest common divisor of the two.
    """
    stride, dilation = window.stride[0], window.dilation[0]
    step = math.gcd(stride, dilation) if p > 1 else dilation
    return step, ((p - 1) * stride + (window.kernel[0] - 1) * dilation) // step + 1


def banded(weights: Array, bias: Array | None, window: Window, p: int) -> Array:
    """The matrix `(K·p, C·rows·kw)`: row ``k·p + r`` is filter k, r strides lower; and a bias column."""
    (filters, channels, kh, kw), (step, taps) = weights.shape, band_rows(window, p)
    used = channels * taps * kw
    matrix = np.zeros((filters, p, used + (bias is not None)), weights.dtype)
    body = matrix[..., :used].reshape(filters, p, channels, taps, kw)
    apart = window.dilation[0] // step
    for r in range(p):
        top = r * window.stride[0] // step
        body[:, r, :, top : top + (kh - 1) * apart + 1 : apart] = weights
    if bias is not None:
        matrix[..., used] = bias[:, None]
    return matrix.reshape(filters * p, -1)


def blocks(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> Iterator[Block]:
    """Cut an output of shape `out` into blocks.

    The products' shapes depend on the kernel and the output's width, and on its height only at its lower end.
    """
    batch, _, height, width = out
    p, columns = band_size(weights, window, width)
    bands = max(1, COPIES // (4 * weights[1] * band_rows(window, p)[1] * window.kernel[1] * columns))
    images = max(1, bands // max(1, height // p))
    for n in range(0, batch, images):
        some = slice(n, min(n + images, batch))
        for rows, high in _rows(height, p, bands):
            for column in range(0, width, columns):
                yield Block(some, rows, slice(column, min(column + columns, width)), high)


def _rows(height: int, band: int, bands: int) -> Iterator[tuple[slice, int]]:
    """Slices of up to `bands` bands of rows, and how high each of these is: less for what is left at the end."""
    whole = height // band * band
    for row in range(0, whole, band * bands):
        yield slice(row, min(row + band * bands, whole)), band
    if whole < height:
        yield slice(whole, height), height - whole


@lru_cache(maxsize=256)
def band_size(weights: tuple[int, ...], window: Window, width: int) -> tuple[int, int]:
    """Rows p of a band, and columns of a block: as many as leave room for the copies."""
    p = min(HEIGHTS, key=lambda p: band_cost(window, weights[0], p))
    column = 4 * weights[1] * band_rows(window, p)[1] * window.kernel[1]
    return p, -(-width // -(-width * column // COPIES))


def band_cost(window: Window, filters: int, p: int) -> float:
    """What one output row of a band of p costs, in multiplications for each column of the kernel and input channel.

    The band's rows are copied once for p output rows, and multiplied for each of these with each filter.
    """
    return band_rows(window, p)[1] * (COPY / p + filters)
