"""Cross-correlation of narrow images: many short output rows side by side in one product.

The copies of the input, one for each weight, are those of `direct` with p = 1. Where the stride is 1, a copy is read
from memory in one go, on over the ends of the rows: long runs are copied faster. What stands in the product where two
rows meet is not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnnfx.engine.bands import NARROW
from cnnfx.engine.threads import buffer, run_in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.engine.borders import PaddedImages
    from cnnfx.engine.geometry import Window

    Array = NDArray[Any]

LIGHT = 1 << 17
"""Multiplications that no BLAS would use more than one thread for."""

SOME = 1 << 20
"""Bytes of copies that are made of some images of a batch at a time."""


def correlate_narrow(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    (batch, _, height, width), taps = out.shape, weights[0].size
    some = max(1, SOME // (4 * min(NARROW, height) * width * taps))
    if batch <= some and height <= NARROW and height * width * weights.size < LIGHT:
        with np.errstate(all="ignore"):
            fill(np.ascontiguousarray(images.whole()), weights, bias, window, out)
        return
    corners = [
        (slice(n, min(n + some, batch)), slice(row, min(row + NARROW, height)))
        for n in range(0, batch, some)
        for row in range(0, height, NARROW)
    ]
    run_in_threads(lambda corner: _work(images, weights, bias, window, out, corner), corners)


def _work(
    images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array, corner: tuple[slice, slice]
) -> None:
    """Do some rows of some images."""
    (some, rows), (sh, sw), (eh, ew) = corner, window.stride, window.extent
    part = images.part(some, slice(rows.start * sh, (rows.stop - 1) * sh + eh), slice(0, (out.shape[3] - 1) * sw + ew))
    fill(np.ascontiguousarray(part), weights, bias, window, out[some, :, rows])


def fill(part: Array, weights: Array, bias: Array | None, window: Window, target: Array) -> None:
    """Write to `target` (N, K, rows, columns) the output of `part` (N, C, h, w), which is contiguous."""
    (batch, filters, rows, columns), width, taps = target.shape, part.shape[3], weights[0].size
    (sh, sw), (dh, dw), (to_n, to_c, to_y, to_x) = window.stride, window.dilation, part.strides
    shape, steps = (batch, *weights.shape[1:]), (to_n, to_c, dh * to_y, dw * to_x)
    if sh == sw == 1 and filters < taps:  # the few columns too many in the product cost less than short runs
        apart, length = width, (rows - 1) * width + columns
        view = np.ndarray((*shape, length), part.dtype, part, 0, (*steps, to_x))
    else:
        apart, length = columns, rows * columns
        view = np.ndarray((*shape, rows, columns), part.dtype, part, 0, (*steps, sh * to_y, sw * to_x))
    copies = buffer("copies", view.shape, part.dtype)
    copies[...] = view
    product = buffer("product", (batch, filters, rows * apart), part.dtype)
    np.matmul(weights.reshape(filters, taps), copies.reshape(batch, taps, length), out=product[:, :, :length])
    target[...] = product.reshape(batch, filters, rows, apart)[..., :columns]
    if bias is not None:
        target += bias[:, None, None]
