"""Cross-correlation by products with a banded matrix.

For one output row, put each of the filters' weights in a row of a matrix, and below one another the copies of the input
rows, each shifted by the column its weight stands on: their product is the sum that cross-correlation asks for. For p
output rows at a time the matrix holds every filter p times, each time one row lower. With a kernel of three rows
a, b, c (each kw wide) and p = 2:

    ⎡ a b c 0 ⎤     ⎡ input row 0, shifted by 0 … kw−1 ⎤     ⎡ output row 0 ⎤
    ⎣ 0 a b c ⎦  ·  ⎢ input row 1, shifted by 0 … kw−1 ⎥  =  ⎣ output row 1 ⎦
                    ⎢ input row 2, shifted by 0 … kw−1 ⎥
                    ⎣ input row 3, shifted by 0 … kw−1 ⎦

The zeros cost arithmetic, which matrix products are good at; in return an input row is copied for p output rows at once,
not for each. The bias is one more column of the matrix, and a row of ones below the input.

A zero of the band times an infinity is NaN, though no weight stands there. Such a value spoils every row of the product
at the columns that touch it, so looking at one row tells; the block is then done again with p = 1, which has no zeros.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from cnnfx.engine.borders import PaddedImages
from cnnfx.engine.geometry import Pair, Window
from cnnfx.engine.threads import run_in_threads

Array = NDArray[Any]


class Block(NamedTuple):
    """A part of the output that one product makes: `batch` images, `bands` bands of `p` rows, and columns."""

    batch: slice
    row: int
    p: int
    bands: int
    columns: slice

    @property
    def rows(self) -> slice:
        return slice(self.row, self.row + self.p * self.bands)


def correlate_direct(images: PaddedImages, weights: Array, bias: Array, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    matrices: dict[int, Array] = {}

    def work(block: Block) -> None:
        if block.p not in matrices:
            matrices[block.p] = banded(weights, bias, window, block.p)
        if not _fill(images, matrices[block.p], block, window, out):
            fill_rows(images, weights, bias, window, block, out)

    run_in_threads(work, blocks(out.shape, weights.shape, window))


def fill_rows(images: PaddedImages, weights: Array, bias: Array, window: Window, block: Block, out: Array) -> None:
    """Do a block row by row."""
    matrix = banded(weights, bias, window, 1)
    for row in range(block.rows.start, block.rows.stop):
        _fill(images, matrix, Block(block.batch, row, 1, 1, block.columns), window, out)


def _fill(images: PaddedImages, matrix: Array, block: Block, window: Window, out: Array) -> bool:
    """Write a block of the output; False if values that are not finite may have spread too far."""
    copies = shifted_copies(images, block, window, len(matrix[0]))
    target = out[block.batch, :, block.rows, block.columns]
    batch, filters, rows, columns = target.shape
    product = np.matmul(matrix, copies)
    target.reshape(batch, filters, block.bands, block.p, columns)[...] = product.reshape(
        batch, filters, block.p, block.bands, columns
    ).swapaxes(2, 3)
    return block.p == 1 or math.isfinite(product[:, 0].sum())


def shifted_copies(images: PaddedImages, block: Block, window: Window, height: int) -> Array:
    """The input rows under `block`, one copy for each column of the kernel, and a row of ones: `(N, height, n)`."""
    (sh, sw), (_, dw), (eh, ew) = window.stride, window.dilation, window.extent
    first, last = block.rows.start, block.rows.stop - 1
    left, right = block.columns.start, block.columns.stop - 1
    part = images.part(block.batch, slice(first * sh, last * sh + eh), slice(left * sw, right * sw + ew))
    step, taps = band_rows(window, block.p)
    (batch, channels), (to_n, to_c, to_y, to_x) = part.shape[:2], part.strides
    view = as_strided(
        part,
        (batch, channels, taps, window.kernel[1], block.bands, right - left + 1),
        (to_n, to_c, step * to_y, dw * to_x, block.p * sh * to_y, sw * to_x),
    )
    copies = np.empty((batch, height, block.bands * (right - left + 1)), part.dtype)
    copies[:, -1] = 1
    copies[:, :-1].reshape(view.shape)[...] = view
    return copies


def band_rows(window: Window, p: int) -> Pair:
    """The step between the input rows that p output rows together read, and how many of them there are.

    They are the rows ``r·stride + i·dilation``: all multiples of the greatest common divisor of the two.
    """
    stride, dilation = window.stride[0], window.dilation[0]
    step = math.gcd(stride, dilation) if p > 1 else dilation
    return step, ((p - 1) * stride + (window.kernel[0] - 1) * dilation) // step + 1


def banded(weights: Array, bias: Array, window: Window, p: int) -> Array:
    """The banded matrix `(K·p, C·rows·kw + 1)`: row ``k·p + r`` holds filter k moved down by r strides, and its bias."""
    (filters, channels, kh, kw), (step, taps) = weights.shape, band_rows(window, p)
    matrix = np.zeros((filters, p, channels * taps * kw + 1), weights.dtype)
    body = matrix[..., :-1].reshape(filters, p, channels, taps, kw)
    for r in range(p):
        top = r * window.stride[0] // step
        body[:, r, :, top : top + (kh - 1) * window.dilation[0] // step + 1 : window.dilation[0] // step] = weights
    matrix[..., -1] = bias[:, None]
    return matrix.reshape(filters * p, -1)


def blocks(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> Iterator[Block]:
    """Cut an output of shape `out` into blocks."""
    batch, _, height, width = out
    p, bands, columns = block_size(weights, window, width)
    for n in range(batch):
        for row in range(0, height, p * bands):
            for column in range(0, width, columns):
                part = slice(column, min(column + columns, width))
                whole = min(p * bands, height - row) // p
                if whole:
                    yield Block(slice(n, n + 1), row, p, whole, part)
                rest = min(p * bands, height - row) - whole * p
                if rest:
                    yield Block(slice(n, n + 1), row + whole * p, rest, 1, part)


@lru_cache(maxsize=256)
def block_size(weights: tuple[int, ...], window: Window, width: int) -> tuple[int, int, int]:
    """Rows of a band, bands of a block, columns of a block."""
    if width <= 64:
        return 1, 64, width
    return 8, 1, 1024
