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

FEW = 4
"""So many filters make a product worth while for a single output row."""

BAND = 4
"""Rows of a band for fewer filters. Bands that begin at a multiple of it are cut as the whole image is."""

COPIES = 1 << 20
"""Bytes of copies that a block makes: they are to stay in a core's second-level cache."""

SMALL = 500_000
"""Multiplications of a product that OpenBLAS does without copying anything, and whose numbers stay in the cache."""

LONGEST = 512
"""Numbers in a row of a product; narrow images stand side by side in it."""


class Block(NamedTuple):
    """A part of the output that is made in one go: whole bands of p rows of some images."""

    batch: slice
    rows: slice
    columns: slice
    p: int

    @property
    def bands(self) -> int:
        """The number of bands."""
        return int(self.rows.stop - self.rows.start) // self.p

    def pick(self, chosen: Array) -> Iterator[Block]:
        """The rows of the bands that are `chosen`, an array (bands, batch): each row of each image as a block."""
        for band, n in np.argwhere(chosen).tolist():
            image, first = self.batch.start + n, self.rows.start + band * self.p
            for row in range(first, first + self.p):
                yield Block(slice(image, image + 1), slice(row, row + 1), self.columns, 1)


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
    """The matrices `(K, 1, p, taps·C·kw)`: row r holds the filter, r strides lower; all in one if p = 1."""
    (filters, channels, kh, kw), (step, taps, _) = weights.shape, steps(window, p)
    matrix = np.zeros((filters, p, taps, channels, kw), weights.dtype)
    apart = window.dilation[0] // step
    for r in range(p):
        top = r * window.stride[0] // step
        matrix[:, r, top : top + (kh - 1) * apart + 1 : apart] = weights.transpose(0, 2, 1, 3)
    return matrix.reshape((1, 1, filters, -1) if p == 1 else (filters, 1, p, -1))


def blocks(out: tuple[int, ...], weights: tuple[int, ...], window: Window, threads: int) -> Iterator[Block]:
    """Cut an output of shape `out` into blocks, as many as keep `threads` threads busy.

    The products' shapes depend on the kernel and the output's width, on its height only at its lower end, and never on
    the number of threads.
    """
    batch, _, height, width = out
    p, columns, images = shape_of_products(weights, window, width)
    images = min(images, batch)
    _, taps, apart = steps(window, p)
    copies = COPIES // (4 * weights[1] * weights[3] * columns * images)
    parts = -(-batch // images) * -(-width // columns)
    for rows, high in _rows(height, p, max((copies - taps) // apart + 1, -(-taps // apart)), -(-threads // parts)):
        for n in range(0, batch, images):
            for column in range(0, width, columns):
                some, across = slice(n, min(n + images, batch)), slice(column, min(column + columns, width))
                yield Block(some, rows, across, high)


def _rows(height: int, band: int, most: int, threads: int) -> Iterator[tuple[slice, int]]:
    """Slices of up to `most` bands of rows, and how high each of these is: less for what is left at the end."""
    bands = height // band
    slices = -(-bands // most)
    each = band * max(1, -(-bands // max(1, -(-slices // threads) * threads)))
    whole = bands * band
    for row in range(0, whole, each):
        yield slice(row, min(row + each, whole)), band
    if whole < height:
        yield slice(whole, height), height - whole


@lru_cache(maxsize=256)
def shape_of_products(weights: tuple[int, ...], window: Window, width: int) -> tuple[int, int, int]:
    """Rows p of a band, and the columns and images of a block: in one product, a small one if it can be."""
    filters, channels, _, kw = weights
    p = 1 if filters >= FEW else BAND
    taps = steps(window, p).taps
    longest = SMALL // (max(p, filters * (p == 1)) * taps * channels * kw)
    longest = min(longest, LONGEST) if longest >= 64 else LONGEST
    columns = -(-width // -(-width // longest))
    room = COPIES // (4 * channels * kw * columns * 3 * taps)  # else bands would share too few rows
    return p, columns, max(1, min(longest // columns, room))
