"""Cross-correlation of small images: one product for each, without anything to prepare.

The copies of the input, one for each weight, stand below one another. Where the stride is 1, a copy is read from memory
in one go, on over the ends of the rows: long runs are copied faster. What stands in the product where two rows meet is
not looked at.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnfx.engine.threads import buffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.engine.borders import PaddedImages
    from cnnfx.engine.geometry import Window

    Array = NDArray[Any]

LIGHT = 1 << 18
"""Multiplications that no BLAS would use more than one thread for."""

NARROW = 64
"""Columns of an output whose rows are too short to be copied one by one."""

ROWS = 32
"""Output rows that are done at a time."""


def is_small(out: tuple[int, ...], weights: tuple[int, ...]) -> bool:
    """Whether to do an output of shape (N, K, Ho, Wo) so: by its width, for a band of it must be done the same way."""
    return out[0] == 1 and out[3] <= NARROW and ROWS * out[3] * prod(weights) < LIGHT


def correlate_small(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (1, K, Ho, Wo)."""
    padded = np.ascontiguousarray(images.whole())
    with np.errstate(all="ignore"):
        for row in range(0, out.shape[2], ROWS):
            fill(padded, weights, bias, window, out[:, :, row : row + ROWS], row * window.stride[0])


def fill(part: Array, weights: Array, bias: Array | None, window: Window, target: Array, row: int = 0) -> None:
    """Write to `target` (N, K, rows, columns) the output of the contiguous `part` (N, C, h, w) from a row on."""
    (batch, filters, rows, columns), width, taps = target.shape, part.shape[3], weights[0].size
    (sh, sw), (dh, dw), (to_n, to_c, to_y, to_x) = window.stride, window.dilation, part.strides
    shape, steps = (batch, *weights.shape[1:]), (to_n, to_c, dh * to_y, dw * to_x)
    if sh == sw == 1 and filters < taps:  # the few columns too many in the product cost less than short runs
        apart, length = width, (rows - 1) * width + columns
        view = np.ndarray((*shape, length), part.dtype, part, row * to_y, (*steps, to_x))
    else:
        apart, length = columns, rows * columns
        places = (*shape, rows, columns), (*steps, sh * to_y, sw * to_x)
        view = np.ndarray(places[0], part.dtype, part, row * to_y, places[1])
    copies = buffer("copies", view.shape, part.dtype)
    copies[...] = view
    product = buffer("product", (batch, filters, rows * apart), part.dtype)
    np.matmul(weights.reshape(filters, taps), copies.reshape(batch, taps, length), out=product[:, :, :length])
    target[...] = product.reshape(batch, filters, rows, apart)[..., :columns]
    if bias is not None:
        target += bias[:, None, None]
