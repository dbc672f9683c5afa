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

COPY_COST = 24
COPIES = 1 << 21
"""Bytes of copies that a block may make: they and the product are to stay in a core's second-level cache."""


class Block(NamedTuple):
    """A part of the output that is made in one go.

    It has `bands` bands, each of `lines` times `p` rows: a product for each band and each image of the batch makes all
    filters' rows; its p rows stand below, its lines beside one another.
    """

    batch: slice
    rows: slice
    columns: slice
    p: int
    lines: int

    @property
    def bands(self) -> int:
        """The number of products for each image."""
        return (self.rows.stop - self.rows.start) // (self.p * self.lines)

    def pick(self, chosen: Array) -> Iterator[Block]:
        """The bands that are `chosen`, an array (batch, bands), each as a block."""
        height = self.p * self.lines
        for n, band in np.argwhere(chosen).tolist():
            image, row = self.batch.start + n, self.rows.start + band * height
            yield self._replace(batch=slice(image, image + 1), rows=slice(row, row + height))

    def by_rows(self) -> Block:
        """The same part, done row by row."""
        return self._replace(p=1, lines=1)


def band_rows(window: Window, p: int) -> Pair:
    """The step between the input rows that p output rows together read, and how many of them there are.

    They are the rows ``r·stride + i·dilation``: multiples of the greatest common divisor of the two.
    """
    stride, dilation = window.stride[0], window.dilation[0]
    step = math.gcd(stride, dilation) if p > 1 else dilation
    return step, ((p - 1) * stride + (window.kernel[0] - 1) * dilation) // step + 1


def banded(weights: Array, bias: Array | None, window: Window, p: int) -> Array:
    """The matrix `(K·p, C·rows·kw)`: row ``k·p + r`` is filter k moved down by r strides; and a column for the bias."""
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
    p, lines, columns = band_size(weights, window, width)
    lines = min(lines, height)
    bands = max(1, COPIES // (4 * weights[1] * band_rows(window, p)[1] * window.kernel[1] * lines * columns))
    images = max(1, bands // max(1, height // (p * lines)))
    for n in range(0, batch, images):
        some = slice(n, min(n + images, batch))
        for rows, high in _rows(height, p * lines, bands):
            for column in range(0, width, columns):
                beside = slice(column, min(column + columns, width))
                yield Block(some, rows, beside, *((high, 1) if lines == 1 else (1, high)))


def _rows(height: int, band: int, bands: int) -> Iterator[tuple[slice, int]]:
    """Slices of up to `bands` bands of rows, and the height of each of their bands: less for what is left at the end."""
    whole = height // band * band
    for row in range(0, whole, band * bands):
        yield slice(row, min(row + band * bands, whole)), band
    if whole < height:
        yield slice(whole, height), height - whole


@lru_cache(maxsize=256)
def band_size(weights: tuple[int, ...], window: Window, width: int) -> tuple[int, int, int]:
    """Rows p of a band, lines beside one another, and columns of a block.

    To copy a row of numbers costs about as much as `COPY_COST` multiplications of it. The band's rows are copied once
    for p output rows, and multiplied for each: per output row that is rows · (COPY_COST/p + K), to be made small.
    """
    p = min((1, 2, 4, 8, 16), key=lambda p: band_rows(window, p)[1] * (COPY_COST / p + weights[0]))
    row = 4 * weights[1] * band_rows(window, p)[1] * window.kernel[1]
    return p, 1, -(-width // -(-width * row // COPIES))
