"""Depthwise convolution: each filter reads one channel of its own (groups = C).

Neighboring outputs share no products, so a matrix product has only one row, and the sum over the kh·kw taps is computed
by `numpy.einsum`, in blocks whose input stays in the cache:

    out[y, x, c] = sum over i, j of  input[y·s + i·d, x·s + j·d, c] · weights[i, j, c]

Channels are the last axis here, so that the innermost loop multiplies many elements of adjacent memory. Where there are
few channels, it takes several columns at a time. The result has the same order in memory if the caller gives no array:
its transpose would take as long as the sums. Products with 1×1 kernels, which follow in networks, read it in place.

A filter for each of m·C outputs (a channel multiplier m) reads copies of its channel. A kernel of 1×1 without padding
scales each channel.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.conv.geometry import OutputBlock
from cnnfx.conv.padding import BAND_ROWS, overlap
from cnnfx.system.memory import buffer
from cnnfx.system.threads import SECOND_THREAD_COST, run_in_threads, threads_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.conv.geometry import ResultOrder, Window
    from cnnfx.conv.padding import PaddedImages

    Array = NDArray[Any]

INPUT_ELEMENTS = 1 << 17
"""Elements of a block's input, about. More would not stay in the cache."""

LOOP_ELEMENTS = 512
"""Elements of the innermost loop, at least if possible. Each loop takes as long to start as 200 elements."""

TAP_COST = 7
"""Time to add the product of an input and a weight to an output, in multiplications of a large matrix product."""

TAP_LOOP_COST = 1400
"""Time to start an innermost loop, in multiplications."""

COPY_COST = 30
"""Time to copy an input element, in multiplications."""

CALL_COST = 500_000
"""Time of the NumPy calls of a block, in multiplications."""


class Depthwise:
    """Depthwise filters (K, 1, kh, kw) for C channels and outputs (N, K, Ho, Wo). Later calls reuse the division."""

    def __init__(self, out: tuple[int, ...], weights: tuple[int, ...], window: Window, channels: int) -> None:
        self.result_order: ResultOrder = "image" if window.kernel == (1, 1) else "channels last"
        self.cost = depthwise_cost(out, weights, window)
        self.multiplier = weights[0] // channels
        self.blocks = split_output(out, window, 2 if out[0] == 1 and self.cost > SECOND_THREAD_COST else 1)
        self.loop_columns = loop_columns(out[3], weights[0], window)

    def __call__(self, images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
        """Cross-correlate `images` with `weights`, add `bias` (K,), and write it to `out`."""
        offsets = None if bias is None or not bias.any() else bias
        is_scale = window.kernel == (1, 1) and not any(map(any, images.pads)) and self.multiplier == 1
        compute = _scale if is_scale else self._compute
        by_tap = np.tile(np.ascontiguousarray(weights[:, 0].transpose(1, 2, 0)), self.loop_columns)

        def work(block: OutputBlock) -> None:
            target = out[block.images.start, :, block.rows].transpose(1, 2, 0)
            compute(block, images, by_tap, window, target)
            if offsets is not None:
                target += offsets

        run_in_threads(work, self.blocks, threads_for(self.cost))

    def _compute(self, block: OutputBlock, images: PaddedImages, weights: Array, window: Window, target: Array) -> None:
        """Write the outputs of filters (kh, kw, K·loop_columns) to `target` (rows, Wo, K)."""
        pixels = _read_input(images, block, window, self.multiplier)
        (rows, columns, filters), wide, size = target.shape, self.loop_columns, target.itemsize
        in_place = target.strides[1:] == (filters * size, size)
        outputs = target if in_place else buffer("depthwise_output", target.shape, target.dtype)
        by_loop = outputs.reshape(rows, columns // wide, wide * filters)
        for phase in range(min(len(pixels), window.kernel[1])):
            total = buffer("depthwise_phase", by_loop.shape, target.dtype) if phase else by_loop
            self._add_taps(pixels[phase], weights[:, phase :: len(pixels)], window, len(pixels), total)
            if phase:
                by_loop += total
        if not in_place:
            target[...] = outputs

    def _add_taps(self, pixels: Array, weights: Array, window: Window, phases: int, total: Array) -> None:
        """Write the sums of the taps of one phase, of pixels (rows, columns, K), to `total`, divided into loops."""
        to_row, to_column, size = pixels.strides
        across, step = (1, 1) if phases > 1 else (window.dilation[1], window.stride[1])
        strides = (
            window.dilation[0] * to_row, across * to_column,
            window.stride[0] * to_row, step * self.loop_columns * to_column, size,
        )  # fmt: skip
        taps = as_strided(pixels, (*weights.shape[:2], *total.shape), strides)
        np.einsum("ijyxc,ijc->yxc", taps, weights, out=total)


depthwise = lru_cache(maxsize=256)(Depthwise)
"""Return the `Depthwise` filters of these arguments, new ones or those of an earlier call."""


def _scale(block: OutputBlock, images: PaddedImages, weights: Array, window: Window, target: Array) -> None:
    """Write the products with a number (1, 1, K·loop_columns) for each channel to `target` (rows, Wo, K)."""
    (rows, columns, filters), (sh, sw) = target.shape, window.stride
    pixels = images.images[block.images.start, :, block.rows.start * sh :: sh, ::sw]
    np.multiply(pixels[:, :rows, :columns].transpose(1, 2, 0), weights[0, 0, :filters], out=target)


def _read_input(images: PaddedImages, block: OutputBlock, window: Window, multiplier: int) -> Array:
    """Return the input of a block, (1, rows, columns, C·multiplier), or with a stride s its s `column_phases`."""
    rows, columns = window.input_region(block.rows, block.columns)
    shape = rows.stop - rows.start, columns.stop, images.images.shape[1], multiplier
    pixels = buffer("depthwise_input", shape, images.images.dtype)
    first = pixels[np.newaxis, ..., 0].transpose(0, 3, 1, 2)
    images.write_region(first, block.images, rows, columns, overlap(images.size, images.pads, rows, columns))
    pixels[..., 1:] = pixels[..., :1]
    joined, phases = pixels.reshape(*shape[:2], -1), column_phases(window)
    if phases == 1:
        return joined[np.newaxis]
    count = -(-shape[1] // phases)
    split = buffer("depthwise_phases", (phases, shape[0], count, joined.shape[2]), joined.dtype)
    for phase, part in enumerate(split):
        own = joined[:, phase::phases]
        part[:, : own.shape[1]] = own
    return split


def column_phases(window: Window) -> int:
    """Return the number s of parts into which the columns of the input are sorted: columns 0, s, 2s … are the first.

    With a stride s, neighboring outputs then read adjacent memory, and one loop can compute several.
    """
    return window.stride[1] if window.dilation[1] == 1 else 1


def split_output(out: tuple[int, ...], window: Window, least: int) -> list[OutputBlock]:
    """Divide an output (N, K, Ho, Wo) into blocks that do not cross a multiple of `BAND_ROWS`.

    `least` is the least number of blocks of an image, if possible.
    """
    batch, filters, height, width = out
    row_elements = filters * width * prod(window.stride)
    blocks = []
    for band in range(0, height, BAND_ROWS):
        last = min(band + BAND_ROWS, height)
        rows = -(-(last - band) // max(least, round((last - band) * row_elements / INPUT_ELEMENTS)))
        for image, row in product(range(batch), range(band, last, rows)):
            columns = slice(0, width)
            blocks.append(OutputBlock(slice(image, image + 1), slice(row, min(row + rows, last)), columns, 1))
    return blocks


def loop_columns(width: int, filters: int, window: Window) -> int:
    """Return the number of columns of the innermost loop: the least divisor of `width` that gives `LOOP_ELEMENTS`."""
    if window.stride[1] > column_phases(window):
        return 1
    divisors = (n for n in range(1, width + 1) if width % n == 0)
    return next((n for n in divisors if n * filters >= LOOP_ELEMENTS), width)


def depthwise_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> float:
    """Return the cost for an output (N, K, Ho, Wo) and weights (K, 1, kh, kw), in multiplications."""
    if weights[2:] == (1, 1):
        return float(prod(out) * TAP_COST)
    loop = weights[0] * loop_columns(out[3], weights[0], window)
    per_output = prod(weights[2:]) * (TAP_COST + TAP_LOOP_COST / loop)
    return prod(out) * (per_output + prod(window.stride) * COPY_COST)
