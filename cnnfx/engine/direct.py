"""Cross-correlation by matrix products.

For one output row, put each filter's weights in a row of a matrix, and below one another copies of the input rows, each
shifted by the column its weight stands on: their product is the sum that cross-correlation asks for. The copies for the
next output row are the same but for one input row, so every input row is copied once (kw times, shifted), and the
products read the copies where they are, each a stride lower than the one before.

Many filters give a product enough to do. Of few filters, each is multiplied with p output rows' copies at a time: the
matrix holds it p times, each time one row lower. With a kernel of three rows a, b, c (each kw wide) and p = 2:

    ⎡ a b c 0 ⎤     ⎡ input row 0, shifted by 0 … kw−1 ⎤     ⎡ output row 0 ⎤
    ⎣ 0 a b c ⎦  ·  ⎢ input row 1, shifted by 0 … kw−1 ⎥  =  ⎣ output row 1 ⎦
                    ⎢ input row 2, shifted by 0 … kw−1 ⎥
                    ⎣ input row 3, shifted by 0 … kw−1 ⎦

Images of a batch stand side by side in the copies, if they are narrow.

A zero of the matrix times an infinity is NaN, though no weight stands there. Such a value spoils every row of the
product at the columns that touch it, so the first row tells; the band is then done again without such zeros.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.engine.bands import Block, banded, cut, steps
from cnnfx.engine.choose import direct_cost, threads_for
from cnnfx.engine.memory import buffer
from cnnfx.engine.threads import run_in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.engine.borders import PaddedImages
    from cnnfx.engine.geometry import Window

    Array = NDArray[Any]


def correlate_direct(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    threads = threads_for(direct_cost(out.shape, weights.shape, window))
    parts = cut(out.shape, weights.shape, window, threads)
    matrices = {p: banded(weights, window, p) for p in {block.p for block in parts}}

    def work(block: Block) -> None:
        spoiled = _fill(images, matrices[block.p], bias, block, window, out)
        if spoiled is not None:
            for row in block.pick(spoiled):
                fill_block(images, weights, bias, window, row, out)

    run_in_threads(work, parts, threads)


def fill_block(
    images: PaddedImages, weights: Array, bias: Array | None, window: Window, block: Block, out: Array
) -> None:
    """Do a block so that no weight but the filters' own touches a value: one product, of a copy for each weight."""
    part, target = _part(images, block, window), out[block.batch, :, block.rows, block.columns]
    (n, filters, rows, columns), (to_n, to_c, to_y, to_x) = target.shape, part.strides
    (sh, sw), (dh, dw), (_, channels, kh, kw) = window.stride, window.dilation, weights.shape
    places = to_n, to_c, dh * to_y, dw * to_x, sh * to_y, sw * to_x
    copies = as_strided(part, (n, channels, kh, kw, rows, columns), places).reshape(n, -1, rows * columns)
    target[...] = np.matmul(weights.reshape(filters, -1), copies).reshape(target.shape)
    if bias is not None:
        target += bias[:, None, None]


def _part(images: PaddedImages, block: Block, window: Window) -> Array:
    """The input under a block: copied where several products read it, for memory is read faster in long rows."""
    rows, columns = window.under(block.rows, block.columns)
    of_product = block.across * window.stride[1] + window.extent[1]
    return images.part(block.batch, rows, columns, copied=columns.stop - columns.start > of_product)


def _fill(
    images: PaddedImages, matrix: Array, bias: Array | None, block: Block, window: Window, out: Array
) -> Array | None:
    """Write a block of the output; tell for (bands, batch) whether a value that is not finite may have spoiled it."""
    target = out[block.batch, :, block.rows, block.columns]
    n, filters, _, columns = target.shape
    bands = target.reshape(n, filters, block.bands, block.p, columns)
    lying = bands.transpose(1, 2, 3, 0, 4) if block.p > 1 else bands.transpose(3, 2, 1, 0, 4)  # as products lie
    shifted = shifts(_part(images, block, window), block, window)
    for first in range(0, columns, block.across):
        some = slice(first, first + block.across)
        copies = copied(shifted[..., some], window, block)
        if n == 1:
            np.matmul(matrix, copies, out=lying[:, :, :, 0, some])
        else:
            product = buffer("product", (*lying.shape[:3], n * columns), copies.dtype)
            np.matmul(matrix, copies, out=product)
            lying[...] = product.reshape(lying.shape)
    if bias is not None and bias.any():
        target += bias[:, None, None]
    return None if steps(window, block.p).taps == window.kernel[0] else _not_finite(lying[0, :, 0])


def shifts(part: Array, block: Block, window: Window) -> Array:
    """The input rows under a block, once for each column of the kernel, as a view: `(rows, C, kw, N, columns)`."""
    step, taps, apart = steps(window, block.p)
    (batch, channels), (to_n, to_c, to_y, to_x) = part.shape[:2], part.strides
    columns = block.columns.stop - block.columns.start
    shape = ((block.bands - 1) * apart + taps, channels, window.kernel[1], batch, columns)
    to = step * to_y, to_c, window.dilation[1] * to_x, to_n, window.stride[1] * to_x
    return as_strided(part, shape, to)


def copied(shifted: Array, window: Window, block: Block) -> Array:
    """Copies of such rows as the matrices of a product, which overlap: `(bands, taps·C·kw, N·columns)`."""
    _, taps, apart = steps(window, block.p)
    copies = buffer("copies", shifted.shape, shifted.dtype)
    copies[...] = shifted
    to_row, to_copy, to_x = copies.strides[0], copies.strides[2], copies.strides[4]
    shape = block.bands, taps * to_row // to_copy, to_copy // to_x
    return np.ndarray(shape, copies.dtype, copies, 0, (apart * to_row, to_copy, to_x))


def _not_finite(rows: Array) -> Array | None:
    """Which rows (bands, batch, columns) hold a value that is not finite, if any does: their sums tell."""
    sums = rows @ _ones(rows.shape[2], rows.dtype)
    return None if math.isfinite(sums.sum()) else np.logical_not(np.isfinite(sums))


@lru_cache(maxsize=64)
def _ones(count: int, dtype: np.dtype[Any]) -> Array:
    return np.ones(count, dtype)
