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

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.engine.bands import Block, banded, blocks, steps
from cnnfx.engine.small import fill
from cnnfx.engine.threads import buffer, run_in_threads, thread_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.engine.borders import PaddedImages
    from cnnfx.engine.geometry import Window

    Array = NDArray[Any]

LIGHT = 5_000_000
"""Multiplications that are done before a second thread is awake."""


def correlate_direct(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    threads = 1 if out[:, 0].size * weights.size < LIGHT else thread_count()
    cut = list(blocks(out.shape, weights.shape, window, threads))
    matrices = {p: banded(weights, window, p) for p in {block.p for block in cut}}

    def work(block: Block) -> None:
        spoiled = _fill(images, matrices[block.p], bias, block, window, out)
        if spoiled is not None and spoiled.any():
            for row in block.pick(spoiled):
                fill_block(images, weights, bias, window, row, out)

    run_in_threads(work, cut, threads)


def fill_block(
    images: PaddedImages, weights: Array, bias: Array | None, window: Window, block: Block, out: Array
) -> None:
    """Do a block so that no weight but the filters' own touches a value."""
    part = np.ascontiguousarray(_part(images, block, window))
    fill(part, weights, bias, window, out[block.batch, :, block.rows, block.columns])


def _part(images: PaddedImages, block: Block, window: Window) -> Array:
    """The input under a block."""
    (sh, sw), (eh, ew) = window.stride, window.extent
    rows = slice(block.rows.start * sh, (block.rows.stop - 1) * sh + eh)
    return images.part(block.batch, rows, slice(block.columns.start * sw, (block.columns.stop - 1) * sw + ew))


def _fill(
    images: PaddedImages, matrix: Array, bias: Array | None, block: Block, window: Window, out: Array
) -> Array | None:
    """Write a block of the output; tell for (bands, batch) whether a value that is not finite may have spoiled it."""
    copies = shifted_copies(images, block, window)
    target = out[block.batch, :, block.rows, block.columns]
    n, filters, _, columns = target.shape
    bands = target.reshape(n, filters, block.bands, block.p, columns)
    lying = bands.transpose(1, 2, 3, 0, 4) if block.p > 1 else bands.transpose(3, 2, 1, 0, 4)  # as products lie
    if n == 1:
        np.matmul(matrix, copies, out=lying[:, :, :, 0])
    else:
        product = buffer("product", (*lying.shape[:3], n * columns), copies.dtype)
        np.matmul(matrix, copies, out=product)
        lying[...] = product.reshape(lying.shape)
    if bias is not None and bias.any():
        target += bias[:, None, None]
    if steps(window, block.p).taps == window.kernel[0]:
        return None
    spoiled: Array = np.logical_not(np.isfinite(lying[0, :, 0].sum(-1)))
    return spoiled


def shifted_copies(images: PaddedImages, block: Block, window: Window) -> Array:
    """The input rows, a copy for each column of the kernel, as matrices that overlap: `(bands, taps·C·kw, columns)`."""
    part = _part(images, block, window)
    columns = block.columns.stop - block.columns.start
    step, taps, apart = steps(window, block.p)
    (batch, channels), (to_n, to_c, to_y, to_x) = part.shape[:2], part.strides
    shape = ((block.bands - 1) * apart + taps, channels, window.kernel[1], batch, columns)
    copies = buffer("copies", shape, part.dtype)
    to = step * to_y, to_c, window.dilation[1] * to_x, to_n, window.stride[1] * to_x
    copies[...] = as_strided(part, shape, to)
    return as_strided(
        copies,
        (block.bands, taps * channels * window.kernel[1], batch * columns),
        (apart * copies.strides[0], copies.strides[2], copies.itemsize),
    )
