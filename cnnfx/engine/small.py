"""Cross-correlation of small images: one product for each, without anything to prepare.

The copies of the input, one for each weight, stand below one another. Where the stride is 1, a copy is read from memory
in one go, on over the ends of the rows: long runs are copied faster. What stands in the product where two rows meet is
not looked at.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.engine.threads import buffer, run_in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.engine.borders import PaddedImages
    from cnnfx.engine.geometry import Window

    Array = NDArray[Any]

LIGHT = 1 << 18
"""Multiplications that a product may have."""

ROWS = 32
"""Output rows that are done at a time."""


def is_small(out: tuple[int, ...], weights: tuple[int, ...]) -> bool:
    """Whether to do an output of shape (N, K, Ho, Wo) so: by its width, for a band of it must be done the same way."""
    return out[0] == 1 and ROWS * out[3] * prod(weights) < LIGHT


def correlate_small(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (1, K, Ho, Wo)."""
    padded, stride = np.ascontiguousarray(images.whole()), window.stride[0]

    def work(row: int) -> None:
        part = padded[:, :, row * stride : (row + ROWS - 1) * stride + window.extent[0]]
        fill(part, weights, bias, window, out[:, :, row : row + ROWS])

    run_in_threads(work, range(0, out.shape[2], ROWS), 1)


def fill(part: Array, weights: Array, bias: Array | None, window: Window, target: Array) -> None:
    """Write to `target` (N, K, rows, columns) the output of `part` (N, C, h, w), whose rows lie one after another."""
    (batch, filters, rows, columns), width, taps = target.shape, part.shape[3], weights[0].size
    (sh, sw), (dh, dw), (to_n, to_c, to_y, to_x) = window.stride, window.dilation, part.strides
    shape, steps = (batch, *weights.shape[1:]), (to_n, to_c, dh * to_y, dw * to_x)
    if sh == sw == 1 and filters < taps:  # the few columns too many in the product cost less than short runs
        apart, length = width, (rows - 1) * width + columns
        view = as_strided(part, (*shape, length), (*steps, to_x))
    else:
        apart, length = columns, rows * columns
        view = as_strided(part, (*shape, rows, columns), (*steps, sh * to_y, sw * to_x))
    copies = buffer("copies", view.shape, part.dtype)
    copies[...] = view
    product = buffer("product", (batch, filters, rows * apart), part.dtype)
    np.matmul(weights.reshape(filters, taps), copies.reshape(batch, taps, length), out=product[:, :, :length])
    target[...] = product.reshape(batch, filters, rows, apart)[..., :columns]
    if bias is not None:
        target += bias[:, None, None]
