"""Plain products: a block of the output is one matrix product of the filters with the block's im2col matrix.

Each column of the im2col matrix contains the C·kh·kw pixels that one output reads. Every pixel is copied kh·kw times,
which `row_products` avoids, but the products are large also on small maps. A kernel of 1×1 without stride and padding
needs no copy: its matrix is the input. With groups, there is one product for each group, in one call.

Small images of a batch are placed side by side in the matrix. No zeros are added to the filters, so that NaN and
infinity spread only to the outputs whose kernel covers them.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.conv.geometry import OutputBlock
from cnnfx.conv.padding import BAND_ROWS
from cnnfx.system.memory import buffer
from cnnfx.system.threads import SECOND_THREAD_COST, run_in_threads, threads_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import ResultOrder, Window
    from cnnfx.conv.padding import PaddedImages

    Array = NDArray[Any]

MATRIX_ELEMENTS = 1 << 18
"""Elements of a block's im2col matrix, about. More would not stay in the cache."""

MIN_COLUMNS = 128
"""Columns of an im2col matrix below which the images of a batch share one, and `MATRIX_ELEMENTS` is exceeded."""

MAX_ONE_BLOCK_COLUMNS = 256
"""An image with at most this many outputs is one block; its filters are divided instead, for two threads."""

FILTERS_PER_PART = 8
"""The number of filters of a part is a multiple of this, which BLAS computes together."""

UNTHREADED_COST = 200_000
"""Multiplications of a product below which OpenBLAS starts no threads."""


COPY_COST = 16
"""Time to copy an element to an im2col matrix, in multiplications."""

OUTPUT_COST = 18
"""Time to write an output and to add the bias, in multiplications."""

PRODUCT_FILTERS = 4
"""Filters that a product computes at a time. Fewer take the same time."""

GROUP_COST = 20_000
"""Time of the product of a group, in multiplications."""

CALL_COST = 2_000_000
"""Time of the NumPy calls, in multiplications."""

Part = tuple[slice, slice]
"""Some groups, and some filters of each."""

WHOLE: Part = slice(None), slice(None)


class PlainProducts:
    """The products for outputs (N, K, Ho, Wo) and filters (K, C/groups, kh, kw). Later calls reuse the division."""

    def __init__(self, out: tuple[int, ...], weights: tuple[int, ...], window: Window, groups: int) -> None:
        self.groups = groups
        self.result_order: ResultOrder = "image" if window.kernel == (1, 1) else "C"
        self.cost = plain_cost(out, weights, window, groups)
        self.unthreaded = prod(out) * prod(weights[1:]) < UNTHREADED_COST
        self.blocks = list(split_output(out, weights, groups))
        parts = split_filters(weights[0], groups)
        self.tasks = [
            (block, part) for block in self.blocks for part in (parts if _is_divided(block, weights) else [WHOLE])
        ]

    def __call__(self, images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
        """Cross-correlate `images` with `weights`, add `bias` (K,), and write it to `out`."""
        factors = weights.reshape(self.groups, len(weights) // self.groups, -1)
        offsets = None if bias is None or not bias.any() else bias.reshape(self.groups, -1, 1, 1)

        def compute(task: tuple[OutputBlock, Part]) -> None:
            _multiply(factors, *self._operands(task[0], images, window, out), offsets, task[1])

        if self.unthreaded:
            with np.errstate(all="ignore"):
                for task in self.tasks:
                    compute(task)
        elif len(self.blocks) > 1:
            run_in_threads(compute, self.tasks, threads_for(self.cost))
        else:
            operands = self._operands(self.blocks[0], images, window, out)
            run_in_threads(
                lambda task: _multiply(factors, *operands, offsets, task[1]), self.tasks, threads_for(self.cost)
            )

    def _operands(self, block: OutputBlock, images: PaddedImages, window: Window, out: Array) -> tuple[Array, Array]:
        """Return a block's im2col matrices (groups, …, columns) and outputs (N, groups, K/groups, rows, Wo)."""
        target = out[block.images, :, block.rows, block.columns]
        n, _, *size = target.shape
        matrix = im2col_matrix(images, window, block)
        return matrix.reshape(self.groups, -1, matrix.shape[-1]), target.reshape(n, self.groups, -1, *size)


plain_products = lru_cache(maxsize=256)(PlainProducts)
"""Return the `PlainProducts` of these arguments, new ones or those of an earlier call."""


def im2col_matrix(images: PaddedImages, window: Window, block: OutputBlock) -> Array:
    """Return the im2col matrix (C·kh·kw, N·rows·columns) of a block: a view of the images, or a buffer."""
    pixels = images.region(block.images, *window.input_region(block.rows, block.columns))
    if window.kernel == (1, 1) == window.stride and len(pixels) == 1 and _rows_are_adjacent(pixels):
        return pixels.reshape(pixels.shape[1], -1)
    shifted = _shifted(pixels, window, block).transpose(1, 2, 3, 0, 4, 5)
    matrix = buffer("plain_matrix", shifted.shape, pixels.dtype)
    np.copyto(matrix, shifted)
    return matrix.reshape(prod(shifted.shape[:3]), -1)


def _shifted(pixels: Array, window: Window, block: OutputBlock) -> Array:
    """Return the pixels that each element of the kernel reads for a block's outputs: (N, C, kh, kw, rows, columns).

    It is a view of the block's input (N, C, H, W).
    """
    (sh, sw), (dh, dw) = window.stride, window.dilation
    rows, columns = (part.stop - part.start for part in (block.rows, block.columns))
    to_image, to_channel, to_row, to_column = pixels.strides
    shape = *pixels.shape[:2], *window.kernel, rows, columns
    return as_strided(pixels, shape, (to_image, to_channel, dh * to_row, dw * to_column, sh * to_row, sw * to_column))


def _rows_are_adjacent(array: Array) -> bool:
    """Return whether the elements of the last two axes have one distance in memory, so that a reshape is a view."""
    return bool(array.strides[-2] == array.shape[-1] * array.strides[-1])


def _multiply(factors: Array, matrix: Array, target: Array, offsets: Array | None, part: Part) -> None:
    """Write the products of some groups and filters to `target` (N, groups, K/groups, rows, columns)."""
    outputs = target[:, *part]
    n, groups, filters, rows, columns = outputs.shape
    if n == 1 and _rows_are_adjacent(outputs):
        np.matmul(factors[part], matrix[part[0]], out=outputs.reshape(groups, filters, -1))
    else:
        product = buffer("plain_product", (groups, filters, matrix.shape[2]), target.dtype)
        np.matmul(factors[part], matrix[part[0]], out=product)
        outputs[...] = product.reshape(groups, filters, n, rows, columns).transpose(2, 0, 1, 3, 4)
    if offsets is not None:
        outputs += offsets[part]


def split_output(out: tuple[int, ...], weights: tuple[int, ...], groups: int) -> Iterator[OutputBlock]:
    """Divide an output (N, K, Ho, Wo) into blocks that do not cross a multiple of `BAND_ROWS`."""
    batch, _, height, width = out
    columns = slice(0, width)
    for band in range(0, height, BAND_ROWS):
        last = min(band + BAND_ROWS, height)
        count = _row_blocks((last - band) * width, weights, groups)
        rows = -(-(last - band) // count)
        side_by_side = min(batch, max(1, MIN_COLUMNS * 2 // (rows * width)))
        for first in range(band, last, rows):
            for n in range(0, batch, side_by_side):
                images = slice(n, min(n + side_by_side, batch))
                yield OutputBlock(images, slice(first, min(first + rows, last)), columns, 1)


def _row_blocks(outputs: int, weights: tuple[int, ...], groups: int) -> int:
    """Return the number of blocks of one image: an even number for two threads, if they pay."""
    if outputs <= MAX_ONE_BLOCK_COLUMNS:
        return 1
    count = min(outputs * groups * prod(weights[1:]) // MATRIX_ELEMENTS, outputs // MIN_COLUMNS)
    return max(1, count) if outputs * prod(weights) < SECOND_THREAD_COST else 2 * max(1, round(count / 2))


def _is_divided(block: OutputBlock, weights: tuple[int, ...]) -> bool:
    """Return whether the filters of a block are divided: if it is a whole small image, and two threads pay."""
    outputs = (block.rows.stop - block.rows.start) * (block.columns.stop - block.columns.start)
    return bool(outputs <= MAX_ONE_BLOCK_COLUMNS and outputs * prod(weights) >= SECOND_THREAD_COST)


def split_filters(filters: int, groups: int) -> list[Part]:
    """Divide the groups, or the filters of a single group, into two parts if possible."""
    if groups > 1:
        return [(slice(0, groups // 2), WHOLE[1]), (slice(groups // 2, groups), WHOLE[1])]
    half = -(-filters // (2 * FILTERS_PER_PART)) * FILTERS_PER_PART
    return [(WHOLE[0], slice(first, min(first + half, filters))) for first in range(0, filters, half)]


def plain_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window, groups: int) -> float:
    """Return the cost for an output (N, K, Ho, Wo) and weights (K, C/groups, kh, kw), in multiplications."""
    filters, matrix_rows = weights[0] // groups, prod(weights[1:])
    multiplied = matrix_rows * (-(-filters // PRODUCT_FILTERS) * PRODUCT_FILTERS)
    copied = 0 if window.kernel == (1, 1) == window.stride else COPY_COST * matrix_rows
    per_group = out[0] * prod(out[2:]) * (multiplied + copied + OUTPUT_COST * filters) + GROUP_COST
    return CALL_COST + groups * per_group


def correlate_rows(
    images: PaddedImages,
    weights: Array,
    bias: Array | None,
    window: Window,
    block: OutputBlock,
    chosen: Array,
    out: Array,
) -> None:
    """Compute the rows of some products of a block by `correlate_block`; `chosen` is a mask (products, images)."""
    for product, n in np.argwhere(chosen).tolist():
        image, first = block.images.start + n, block.rows.start + product * block.rows_per_product
        for row in range(first, first + block.rows_per_product):
            one_row = OutputBlock(slice(image, image + 1), slice(row, row + 1), block.columns, 1)
            correlate_block(images, weights, bias, window, one_row, out)


def correlate_block(
    images: PaddedImages, weights: Array, bias: Array | None, window: Window, block: OutputBlock, out: Array
) -> None:
    """Compute a block by one product with the full im2col matrix (C·kh·kw, rows·columns).

    No zeros are added to the filters, so that NaN and infinity spread only to the outputs whose kernel covers them.
    """
    pixels = images.region(block.images, *window.input_region(block.rows, block.columns))
    target = out[block.images, :, block.rows, block.columns]
    n, filters, rows, columns = target.shape
    matrix = _shifted(pixels, window, block).reshape(n, -1, rows * columns)
    target[...] = np.matmul(weights.reshape(filters, -1), matrix).reshape(target.shape)
    if bias is not None:
        target += bias[:, None, None]
