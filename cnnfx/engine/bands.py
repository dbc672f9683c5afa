"""How an output is cut into blocks of bands of rows, and the matrix for one band (see `direct`)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cnnfx.engine.geometry import Window

    Array = NDArray[Any]

BAND, THIN = 4, 2
"""Rows of a band for a single filter, and for one whose weights in a column are at most `FLAT`. Bands of an image that
begin at a multiple of these are cut as the whole image is."""

FLAT = 3

LIGHT = 6_000
"""Multiplications for an output row of a single filter that take hardly longer than the call: bands would not pay."""

COPIES = 1 << 21
"""Bytes of copies that a block makes: more would not stay in the cache, fewer would be many calls of NumPy, between
which threads wait for one another."""

SMALL = 1_000_000
"""Multiplications of a product that OpenBLAS does without copying anything, and whose numbers stay in the cache."""

UNDER = 1 << 16
"""Numbers under a product, which the next one reads again: so many stay in the nearest cache but one."""

SHORTEST, SHORT, LONG, LONGEST = 16, 64, 512, 2048
"""Numbers in a row of a product: the fewest for which it may be small, those that it has though more be under it, those
of a product that cannot be small, and the most. Narrow images stand side by side in it."""

INPUT = 1 << 21
"""Bytes of the input under a block: memory is read in long rows, and what has been read stays in the cache."""


class Block(NamedTuple):
    """A part of the output that is made in one go: whole bands of p rows of some images, in products of up to `across`
    columns."""

    batch: slice
    rows: slice
    columns: slice
    p: int
    across: int

    @property
    def bands(self) -> int:
        """The number of bands."""
        return int(self.rows.stop - self.rows.start) // self.p

    def pick(self, chosen: Array) -> Iterator[Block]:
        """The rows of the bands that are `chosen`, an array (bands, batch): each row of each image as a block."""
        for band, n in np.argwhere(chosen).tolist():
            image, first = self.batch.start + n, self.rows.start + band * self.p
            for row in range(first, first + self.p):
                yield Block(slice(image, image + 1), slice(row, row + 1), self.columns, 1, self.across)


class Steps(NamedTuple):
    """Which input rows are copied: every `step`-th; a band reads `taps` of these, the next one begins `apart` later."""

    step: int
    taps: int
    apart: int


@lru_cache(maxsize=256)
def steps(window: Window, p: int) -> Steps:
    """For bands of p rows: they read the rows ``r·stride + i·dilation``, multiples of the two's greatest divisor."""
    stride, dilation = window.stride[0], window.dilation[0]
    step = math.gcd(stride, dilation)
    return Steps(step, ((p - 1) * stride + (window.kernel[0] - 1) * dilation) // step + 1, p * stride // step)


def banded(weights: Array, window: Window, p: int) -> Array:
    """The matrices `(K, 1, p, taps·C·kw)`: row r holds the filter, r strides lower; all in one, `(K, …)`, if p = 1."""
    (filters, channels, kh, kw), (step, taps, _) = weights.shape, steps(window, p)
    turned = weights.transpose(0, 2, 1, 3)
    if p == 1 and taps == kh:
        return turned.reshape(filters, -1)
    matrix = np.zeros((filters, p, taps, channels, kw), weights.dtype)
    to_k, to_r, to_tap, to_c, to_x = matrix.strides
    lower, apart = window.stride[0] // step * to_tap, window.dilation[0] // step * to_tap
    places = np.ndarray(
        (filters, p, kh, channels, kw), matrix.dtype, matrix, 0, (to_k, to_r + lower, apart, to_c, to_x)
    )
    places[...] = turned[:, np.newaxis]
    return matrix.reshape((filters, -1) if p == 1 else (filters, 1, p, -1))


def blocks(out: tuple[int, ...], weights: tuple[int, ...], window: Window, threads: int) -> Iterator[Block]:
    """Cut an output of shape `out` into blocks, as many as keep `threads` threads busy.

    The products' shapes depend on the kernel and the output's width, on its height only at its lower end, and never on
    the number of threads.
    """
    batch, _, height, width = out
    shape = shape_of_products(weights, window, width, batch)
    images = shape.images
    parts = -(-batch // images) * -(-width // shape.wide)
    for rows, high in _rows(height, shape.p, shape.bands, -(-threads // parts)):
        for n in range(0, batch, images):
            for column in range(0, width, shape.wide):
                some, across = slice(n, min(n + images, batch)), slice(column, min(column + shape.wide, width))
                yield Block(some, rows, across, high, shape.columns)


def _rows(height: int, band: int, most: int, threads: int) -> Iterator[tuple[slice, int]]:
    """Slices of up to `most` bands of rows, and how high each of these is: less for what is left at the end."""
    bands = height // band
    slices = threads * max(1, round(bands / (most * threads)))
    each = band * max(1, -(-bands // slices))
    whole = bands * band
    for row in range(0, whole, each):
        yield slice(row, min(row + each, whole)), band
    if whole < height:
        yield slice(whole, height), height - whole


class Shape(NamedTuple):
    """Of blocks and their products: rows `p` of a band, up to so many `bands` and columns (`wide`) in a block; columns
    and images in a product."""

    p: int
    bands: int
    wide: int
    columns: int
    images: int


@lru_cache(maxsize=256)
def shape_of_products(weights: tuple[int, ...], window: Window, width: int, batch: int) -> Shape:
    """For an output of so many columns and images: the products small ones if they can be, the copies and the input of
    a block in the cache."""
    filters, channels, kh, kw = weights
    light = channels * kh * kw * width <= LIGHT
    p = 1 if filters > 1 or light else THIN if channels * kh <= FLAT else BAND
    _, taps, apart = steps(window, p)
    under = taps * channels * kw
    longest = SMALL // (p * filters * under)
    longest = LONG if longest < SHORTEST else min(longest, max(SHORT, UNDER // under), LONGEST)
    columns = -(-width // -(-width // longest))
    room = COPIES // (4 * channels * kw * columns * 3 * taps)  # else bands would share too few rows
    images = max(1, min(longest // columns, room, batch))
    bands = max((COPIES // (4 * channels * kw * columns * images) - taps) // apart + 1, -(-taps // apart))
    high = ((bands - 1) * apart + taps) * steps(window, p).step
    wide = columns * max(1, INPUT // (4 * channels * high * columns * window.stride[1]))
    return Shape(p, bands, wide, columns, images)
