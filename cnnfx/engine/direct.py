"""Cross-correlation by products with a banded matrix.

For one output row, put each filter's weights in a row of a matrix, and below one another copies of the input rows, each
shifted by the column its weight stands on: their product is the sum that cross-correlation asks for. For p output rows
at a time the matrix holds every filter p times, each time one row lower. With a kernel of three rows a, b, c (each kw
wide) and p = 2:

    ⎡ a b c 0 ⎤     ⎡ input row 0, shifted by 0 … kw−1 ⎤     ⎡ output row 0 ⎤
    ⎣ 0 a b c ⎦  ·  ⎢ input row 1, shifted by 0 … kw−1 ⎥  =  ⎣ output row 1 ⎦
                    ⎢ input row 2, shifted by 0 … kw−1 ⎥
                    ⎣ input row 3, shifted by 0 … kw−1 ⎦

The zeros cost arithmetic, which matrix products are good at; in return an input row is copied once for p output rows.
The bias is one more column of the matrix, and a row of ones below the input.

A zero of the band times an infinity is NaN, though no weight stands there. Such a value spoils every row of the product
at the columns that touch it, so the first row tells; the band is then done again with p = 1, which has no such zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.engine.bands import Block, band_rows, banded, blocks
from cnnfx.engine.threads import buffer, run_in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.engine.borders import PaddedImages
    from cnnfx.engine.geometry import Window

    Array = NDArray[Any]


def correlate_direct(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    cut = list(blocks(out.shape, weights.shape, window))
    matrices = {p: banded(weights, bias, window, p) for p in {block.p for block in cut}}

    def work(block: Block) -> None:
        spoiled = _fill(images, matrices[block.p], block, window, out)
        if spoiled.any():
            for band in block.pick(spoiled):
                fill_rows(images, weights, bias, window, band, out)

    run_in_threads(work, cut)


def fill_rows(
    images: PaddedImages, weights: Array, bias: Array | None, window: Window, block: Block, out: Array
) -> None:
    """Do a block row by row, so that no weight but the filters' own touches a value."""
    matrix = banded(weights, bias, window, 1)
    for row in block.by_rows():
        _fill(images, matrix, row, window, out)


def _fill(images: PaddedImages, matrix: Array, block: Block, window: Window, out: Array) -> Array:
    """Write a block of the output; tell of each of its bands whether a value that is not finite spoiled it."""
    copies = shifted_copies(images, matrix.shape[1], block, window)
    target = out[block.batch, :, block.rows, block.columns]
    n, filters, _, columns = target.shape
    bands = target.reshape(n, filters, block.bands, block.p, columns).swapaxes(1, 2)
    if filters == 1 or block.p == 1:  # the output lies in memory as a product does
        product = np.matmul(matrix, copies, out=bands[:, :, 0] if filters == 1 else bands[:, :, :, 0])
    else:
        shape = (n, block.bands, len(matrix), columns)
        product = np.matmul(matrix, copies, out=buffer("product", shape, copies.dtype))
        bands[...] = product.reshape(bands.shape)
    if block.p == 1:
        return np.zeros((n, block.bands), bool)
    sums: Array = product[:, :, 0].sum(-1)
    return np.logical_not(np.isfinite(sums))


def shifted_copies(images: PaddedImages, height: int, block: Block, window: Window) -> Array:
    """The input rows under each band, a copy for each column of the kernel, and ones: `(N, bands, height, columns)`."""
    (sh, sw), dw, (eh, ew) = window.stride, window.dilation[1], window.extent
    rows = slice(block.rows.start * sh, (block.rows.stop - 1) * sh + eh)
    columns = block.columns.stop - block.columns.start
    start = block.columns.start * sw
    part = images.part(block.batch, rows, slice(start, start + (columns - 1) * sw + ew))
    step, taps = band_rows(window, block.p)
    (batch, channels), (to_n, to_c, to_y, to_x) = part.shape[:2], part.strides
    view = as_strided(
        part,
        (batch, block.bands, channels, taps, window.kernel[1], columns),
        (to_n, block.p * sh * to_y, to_c, step * to_y, dw * to_x, sw * to_x),
    )
    used = channels * taps * window.kernel[1]
    copies = buffer("copies", (batch, block.bands, height, columns), part.dtype)
    copies[:, :, :used].reshape(view.shape)[...] = view
    copies[:, :, used:] = 1
    return copies
