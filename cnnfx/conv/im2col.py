"""im2col: cross-correlation with a block of the output as products of two matrices.

For one output row, each filter's weights form a row of the left matrix. The right matrix, the im2col matrix, contains
the input rows that the output row reads, each kw times, shifted by 0 … kw−1 columns. The matrices of neighboring output
rows share all but one of their input rows. So each input row is copied to the column buffer only once (kw times,
shifted), and the matrices of all output rows are overlapping views of the buffer, each one stride below the previous.

A single filter gives a product of one row, which is slow in BLAS. With p output rows per product the left matrix
contains the filter p times, each time one row lower. With a kernel of three rows a, b, c (each kw wide) and p = 2:

    ⎡ a b c 0 ⎤     ⎡ input row 0, shifted by 0 … kw−1 ⎤     ⎡ output row 0 ⎤
    ⎣ 0 a b c ⎦  ·  ⎢ input row 1, shifted by 0 … kw−1 ⎥  =  ⎣ output row 1 ⎦
                    ⎢ input row 2, shifted by 0 … kw−1 ⎥
                    ⎣ input row 3, shifted by 0 … kw−1 ⎦

Images of a batch are placed side by side in the column buffer if they are narrow.

A zero of the left matrix times infinity is NaN, although the filter has no weight at this position. If
`ColumnBuffer.has_zeros` is true, this can happen, and the direct method checks the outputs.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfx.conv.padding import overlap
from cnnfx.system.memory import buffer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import OutputBlock, Pads, Pair, Window
    from cnnfx.conv.padding import Overlap, PaddedImages

    Array = NDArray[Any]

COLUMN_BUFFER_BYTES = 1 << 21
"""Bytes of the column buffer of one block. More would not stay in the cache; fewer would need more NumPy calls, between
which threads wait for the interpreter lock."""

KEPT_INPUT_BYTES = 1 << 24
"""Bytes of padded input that a thread keeps for later calls. The input of the last block is always kept."""


class RowPattern(NamedTuple):
    """The pattern of input rows that are copied to the column buffer.

    Attributes
    ----------
    step : int
        Distance of the copied rows, in input rows.
    taps : int
        Copied rows that one product reads.
    advance : int
        Copied rows from the first one of a product to the first one of the next product.
    """

    step: int
    taps: int
    advance: int


@lru_cache(maxsize=256)
def row_pattern(window: Window, rows_per_product: int) -> RowPattern:
    """Return the pattern for products of `rows_per_product` output rows.

    Output row r reads the input rows ``r·stride + i·dilation``: multiples of the greatest common divisor of the two.
    """
    stride, dilation = window.stride[0], window.dilation[0]
    step = math.gcd(stride, dilation)
    last_row = (rows_per_product - 1) * stride + (window.kernel[0] - 1) * dilation
    return RowPattern(step, last_row // step + 1, rows_per_product * stride // step)


def filter_matrix(weights: Array, window: Window, rows_per_product: int) -> Array:
    """Return the left matrices for filters (K, C, kh, kw) and p output rows per product.

    Returns
    -------
    (K, taps·C·kw) array if p = 1, else (K, 1, p, taps·C·kw)
        Row r of a filter's matrix contains its weights, r strides lower than row 0.
    """
    p = rows_per_product
    (filters, channels, kh, kw), (step, taps, _) = weights.shape, row_pattern(window, p)
    by_row = weights.transpose(0, 2, 1, 3)
    if p == 1 and taps == kh:
        return by_row.reshape(filters, -1)
    matrix = np.zeros((filters, p, taps, channels, kw), weights.dtype)
    to_filter, to_row, to_tap, to_channel, to_weight = matrix.strides
    # A view of the elements that are weights: each row starts one stride lower, and weights are one dilation apart.
    next_row = to_row + window.stride[0] // step * to_tap
    next_weight = window.dilation[0] // step * to_tap
    strides = to_filter, next_row, next_weight, to_channel, to_weight
    nonzero = np.ndarray((filters, p, kh, channels, kw), matrix.dtype, buffer=matrix, strides=strides)
    nonzero[...] = by_row[:, np.newaxis]
    return matrix.reshape((filters, -1) if p == 1 else (filters, 1, p, -1))


@dataclass(frozen=True, eq=False)  # compared by identity, which is faster
class BufferLayout:
    """The properties that blocks must share to use one column buffer; `block` is the first of these blocks."""

    block: OutputBlock
    product_columns: int
    channels: int
    window: Window
    dtype: np.dtype[Any]


class BlockInput(NamedTuple):
    """A block of the output and the input that it reads.

    Attributes
    ----------
    block : OutputBlock
    layout : BufferLayout
    rows, columns : slice
        Of the padded images.
    overlap : Overlap
        The part of this region that is inside the images.
    image_index, buffer_index : tuple of slices
        The same part as an index of the images (N, C, H, W) and of the buffer's input (N, C, rows, columns).
    """

    block: OutputBlock
    layout: BufferLayout
    rows: slice
    columns: slice
    overlap: Overlap
    image_index: tuple[slice, ...]
    buffer_index: tuple[slice, ...]


def block_inputs(
    blocks: Iterable[OutputBlock],
    product_columns: int,
    size: Pair,
    pads: Pads,
    channels: int,
    window: Window,
    dtype: np.dtype[Any],
) -> tuple[BlockInput, ...]:
    """Return the input of each block, for images of `size` (height, width). Blocks of equal size share a layout."""
    layouts: dict[tuple[int, ...], BufferLayout] = {}
    inputs = []
    for block in blocks:
        rows, columns = window.input_region(block.rows, block.columns)
        where = overlap(size, pads, rows, columns)
        lengths = (part.stop - part.start for part in (block.images, block.rows, block.columns))
        key = (*lengths, block.rows_per_product, where.left, where.right)
        if key not in layouts:
            layouts[key] = BufferLayout(block, product_columns, channels, window, dtype)
        inside_rows = slice(where.above, rows.stop - rows.start - where.below)
        inside_columns = slice(where.left, columns.stop - columns.start - where.right)
        image_index = block.images, slice(None), where.rows, where.columns
        buffer_index = slice(None), slice(None), inside_rows, inside_columns
        inputs.append(BlockInput(block, layouts[key], rows, columns, where, image_index, buffer_index))
    return tuple(inputs)


class ProductViews(NamedTuple):
    """The arrays of the products for some columns of a block.

    Attributes
    ----------
    columns : slice
        Of the block's output.
    shifted : (rows, C, kw, N, columns) array
        A view of the input with each row kw times, shifted.
    copied : (rows, C, kw, N, columns) array
        The column buffer, to which `shifted` is copied.
    matrices : (products, taps·C·kw, N·columns) array
        The im2col matrices: overlapping views of `copied`.
    """

    columns: slice
    shifted: Array
    copied: Array
    matrices: Array


class ColumnBuffer:
    """The padded input of a block (N, C, rows, columns), and the column buffer, for blocks of one layout."""

    def __init__(self, layout: BufferLayout) -> None:
        block, window, dtype = layout.block, layout.window, layout.dtype
        height, width = (part.stop - part.start for part in window.input_region(block.rows, block.columns))
        self.block, self.images = block, block.images.stop - block.images.start
        self.width = block.columns.stop - block.columns.start
        self.input = np.zeros((self.images, layout.channels, height, width), dtype)
        self.zero_rows_above = self.zero_rows_below = 0
        self.last: BlockInput | None = None
        _, taps, advance = row_pattern(window, block.rows_per_product)
        self.has_zeros = taps != window.kernel[0]
        copied_rows = (block.products - 1) * advance + taps
        self.shape = (copied_rows, layout.channels, window.kernel[1], self.images)
        # The contents are computed for each block, so all layouts share one memory, which is large enough for most.
        size = max(prod(self.shape) * min(layout.product_columns, self.width), COLUMN_BUFFER_BYTES // 4)
        memory = buffer("im2col_columns", (size,), dtype)
        starts = range(0, self.width, layout.product_columns)
        self.views = [
            self._views(window, start, min(start + layout.product_columns, self.width), memory) for start in starts
        ]

    def _views(self, window: Window, start: int, stop: int, memory: Array) -> ProductViews:
        step, taps, advance = row_pattern(window, self.block.rows_per_product)
        to_image, to_channel, to_row, to_column = self.input.strides
        stride, dilation = window.stride[1], window.dilation[1]
        shape = (*self.shape, stop - start)
        strides = step * to_row, to_channel, dilation * to_column, to_image, stride * to_column
        offset = start * stride * to_column
        shifted = np.ndarray(shape, memory.dtype, buffer=self.input, offset=offset, strides=strides)
        copied = memory[: prod(shape)].reshape(shape)
        to_copied_row, _, to_matrix_row, _, to_element = copied.strides
        matrices = np.ndarray(
            (self.block.products, taps * prod(shape[1:3]), prod(shape[3:])),
            memory.dtype,
            buffer=copied,
            strides=(advance * to_copied_row, to_matrix_row, to_element),
        )
        return ProductViews(slice(start, stop), shifted, copied, matrices)

    def load(self, images: PaddedImages, block_input: BlockInput) -> None:
        """Copy the input of a block to the buffer. Border rows that are already zero are not written again."""
        if images.border != "constant":
            where = block_input.block.images, block_input.rows, block_input.columns, block_input.overlap
            images.write_region(self.input, *where)
            return
        if block_input is not self.last:
            self._clear_border_rows(block_input.overlap)
            self.last, self.inside = block_input, self.input[block_input.buffer_index]
        np.copyto(self.inside, images.images[block_input.image_index])

    def _clear_border_rows(self, where: Overlap) -> None:
        """Write zeros to the border rows. Border columns stay zero: all blocks of a layout have the same."""
        if where.above > self.zero_rows_above:
            self.input[:, :, : where.above] = 0
        if where.below > self.zero_rows_below:
            self.input[:, :, -where.below :] = 0
        self.zero_rows_above, self.zero_rows_below = where.above, where.below

    def multiply(self, matrix: Array, target: Array) -> None:
        """Write the products of a `filter_matrix` and the im2col matrices to `target` (N, K, rows, columns)."""
        outputs = self._by_product(target)
        for columns, shifted, copied, matrices in self.views:
            np.copyto(copied, shifted)
            if self.images == 1:
                np.matmul(matrix, matrices, out=outputs[..., 0, columns])
            else:
                part = outputs[..., columns]
                product = buffer("im2col_product", (*part.shape[:-2], matrices.shape[2]), matrices.dtype)
                part[...] = np.matmul(matrix, matrices, out=product).reshape(part.shape)

    def _by_product(self, target: Array) -> Array:
        """Return `target` in the shape of products: (rows, K, N, columns), or (K, products, p, N, columns) if p > 1."""
        if self.block.rows_per_product == 1:
            return target.transpose(2, 1, 0, 3)
        shape = *target.shape[:2], self.block.products, self.block.rows_per_product, self.width
        return target.reshape(shape).transpose(1, 2, 3, 0, 4)


class _ThreadBuffers(threading.local):
    """The column buffers of a thread, the oldest first."""

    def __init__(self) -> None:
        self.buffers: dict[BufferLayout, ColumnBuffer] = {}


_thread = _ThreadBuffers()


def column_buffer(layout: BufferLayout) -> ColumnBuffer:
    """Return the calling thread's buffer for blocks of this layout."""
    buffers = _thread.buffers
    return buffers.get(layout) or _new_buffer(layout, buffers)


def _new_buffer(layout: BufferLayout, buffers: dict[BufferLayout, ColumnBuffer]) -> ColumnBuffer:
    new = ColumnBuffer(layout)
    while buffers and sum(each.input.nbytes for each in buffers.values()) + new.input.nbytes > KEPT_INPUT_BYTES:
        del buffers[next(iter(buffers))]
    buffers[layout] = new
    return new
