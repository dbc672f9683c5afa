"""Cross-correlation by matrix products.

For one output row, put each filter's weights in a row of a matrix, and below one another copies of the input rows, each
shifted by the column its weight stands on: their product is the sum that cross-correlation asks for. The copies for the
next output row are the same but for one input row, so every input row is copied once (kw times, shifted), and the
products read the copies where they are, each a stride lower than the one before.

Two filters or more give a product enough to do. A single one, unless its rows are short, is multiplied with p output
rows' copies at a time: the matrix holds it p times, each time one row lower. With a kernel of three rows a, b, c (each
kw wide) and p = 2:

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
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.engine.bands import Block, banded, blocks
from cnnfx.engine.choose import direct_cost, threads_for
from cnnfx.engine.copies import Part, parts
from cnnfx.engine.threads import run_in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.engine.borders import PaddedImages
    from cnnfx.engine.geometry import Pads, Window

    Array = NDArray[Any]

SINGLE, SINGLE_FILTER = 200_000, 9_000
"""Multiplications of a product, and of that with a single filter, for which OpenBLAS wakes no thread of its own."""


def correlate_direct(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    prepared(images.images.shape[2:], images.pads, out.shape, weights.shape, window)(images, weights, bias, window, out)


class Direct:
    """How to cross-correlate images of one size with filters of one shape: what is looked up once for all calls."""

    def __init__(
        self, size: tuple[int, ...], pads: Pads, out: tuple[int, ...], weights: tuple[int, ...], window: Window
    ) -> None:
        self.size, self.pads, self.out, self.weights, self.window = size, pads, out, weights, window
        self.cost = direct_cost(out, weights, window)
        self.quiet = out[0] == 1 and prod(weights) * out[3] < (SINGLE if weights[0] > 1 else SINGLE_FILTER)
        self.cuts: dict[tuple[int, str], tuple[Part, ...]] = {}

    def __call__(self, images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
        """As `correlate_direct`."""
        threads = threads_for(self.cost)
        cut = self.cuts.get((threads, out.dtype.char)) or self._cut(threads, out.dtype)
        if len(cut) == 1 and self.quiet:
            self._do(cut[0], images, weights, banded(weights, window, cut[0].block.p), bias, out)
        else:
            matrices = {p: banded(weights, window, p) for p in {part.block.p for part in cut}}
            run_in_threads(
                lambda part: self._do(part, images, weights, matrices[part.block.p], bias, out), cut, threads
            )

    def _cut(self, threads: int, dtype: np.dtype[Any]) -> tuple[Part, ...]:
        cut = blocks(self.out, self.weights, self.window, threads)
        found = parts(cut, self.size, self.pads, self.weights[1], self.window, dtype)
        self.cuts[threads, dtype.char] = found
        return found

    @np.errstate(all="ignore")
    def _do(
        self, part: Part, images: PaddedImages, weights: Array, matrix: Array, bias: Array | None, out: Array
    ) -> None:
        """Write a block of the output."""
        block, copies = part.block, part.layout.copies()
        target = out[block.batch, :, block.rows, block.columns]
        copies.lay(images, part)
        copies.multiply(matrix, target)
        if bias is not None and bias.any():
            target += bias[:, None, None]
        if copies.gaps and (spoiled := _not_finite(target[:, 0, :: block.p])) is not None:
            for row in block.pick(spoiled.T):
                fill_block(images, weights, bias, self.window, row, out)


prepared = lru_cache(maxsize=256)(Direct)


def fill_block(
    images: PaddedImages, weights: Array, bias: Array | None, window: Window, block: Block, out: Array
) -> None:
    """Do a block so that no weight but the filters' own touches a value: one product, of a copy for each weight."""
    part = images.part(block.batch, *window.under(block.rows, block.columns))
    target = out[block.batch, :, block.rows, block.columns]
    (n, filters, rows, columns), (to_n, to_c, to_y, to_x) = target.shape, part.strides
    (sh, sw), (dh, dw), (_, channels, kh, kw) = window.stride, window.dilation, weights.shape
    places = to_n, to_c, dh * to_y, dw * to_x, sh * to_y, sw * to_x
    copies = as_strided(part, (n, channels, kh, kw, rows, columns), places).reshape(n, -1, rows * columns)
    target[...] = np.matmul(weights.reshape(filters, -1), copies).reshape(target.shape)
    if bias is not None:
        target += bias[:, None, None]


def _not_finite(rows: Array) -> Array | None:
    """Which rows (N, bands, columns) hold a value that is not finite, if any does: their sums tell."""
    sums = rows @ _ones(rows.shape[2], rows.dtype)
    return None if math.isfinite(sums.sum()) else np.logical_not(np.isfinite(sums))


@lru_cache(maxsize=64)
def _ones(count: int, dtype: np.dtype[Any]) -> Array:
    return np.ones(count, dtype)
