"""Cross-correlation of narrow images: many short output rows side by side in one product.

The copies of the input, one for each weight, are those of `direct` with p = 1. Where the stride is 1, a copy is read from
memory in one go, on over the ends of the rows: long runs are copied faster. What stands in the product where two rows
meet is not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnnfx.engine.threads import buffer, run_in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.engine.borders import PaddedImages
    from cnnfx.engine.geometry import Window

    Array = NDArray[Any]

NARROW = 64
"""Outputs of up to so many columns are narrow; up to so many of their rows are done at a time."""

LIGHT = 1 << 17
"""Multiplications that no BLAS would use more than one thread for."""

SOME = 1 << 20
"""Bytes of copies that are made of some images of a batch at a time."""


def correlate_narrow(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    (batch, _, height, width), (sh, sw), (eh, ew) = out.shape, window.stride, window.extent
    rows = min(NARROW, height)
    some = max(1, SOME // (4 * rows * width * weights[0].size))
    columns = slice(0, (width - 1) * sw + ew)

    def work(corner: tuple[int, int]) -> None:
        n, row = corner
        target = out[n : n + some, :, row : row + rows]
        last = row + target.shape[2] - 1
        part = images.part(slice(n, n + some), slice(row * sh, last * sh + eh), columns)
        fill(np.ascontiguousarray(part), weights, bias, window, target)

    corners = [(n, row) for n in range(0, batch, some) for row in range(0, height, rows)]
    if len(corners) == 1 and rows * width * weights.size < LIGHT:
        with np.errstate(all="ignore"):
            work(corners[0])
    else:
        run_in_threads(work, corners)


def fill(part: Array, weights: Array, bias: Array | None, window: Window, target: Array) -> None:
    """Write to `target` (N, K, rows, columns) the whole output of `part` (N, C, h, w), which lies together in memory."""
    (batch, filters, rows, columns), width = target.shape, part.shape[3]
    (sh, sw), (dh, dw), taps = window.stride, window.dilation, weights[0].size
    if sh == sw == 1 and filters < taps:
        run, used = ((rows - 1) * width + columns,), rows * width
        to_n, to_c, to_y, to_x = part.strides
        steps: tuple[int, ...] = (to_n, to_c, dh * to_y, dw * to_x, to_x)
    else:
        run, used = (rows, columns), rows * columns
        to_n, to_c, to_y, to_x = part.strides
        steps = (to_n, to_c, dh * to_y, dw * to_x, sh * to_y, sw * to_x)
    copies = buffer("copies", (batch, taps, used), part.dtype)
    view = np.ndarray((batch, *weights.shape[1:], *run), part.dtype, part, 0, steps)
    length = used if len(run) == 2 else run[0]
    copies[:, :, :length].reshape(view.shape)[...] = view
    product = buffer("product", (batch, filters, used), part.dtype)
    np.matmul(weights.reshape(filters, taps), copies[:, :, :length], out=product[:, :, :length])
    target[...] = product.reshape(batch, filters, rows, -1)[..., :columns]
    if bias is not None:
        target += bias[:, None, None]
