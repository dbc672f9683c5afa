"""Products of output rows: the output is divided into blocks, and each is computed by `im2col` matrix products.

The products are small enough that OpenBLAS does not copy their operands, and the input and the column buffer of a block
stay in the cache. Blocks depend only on the shapes of the arguments, so that equal calls give equal bits.
"""

from __future__ import annotations

import math
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfx.conv.geometry import OutputBlock
from cnnfx.conv.im2col import COLUMN_BUFFER_BYTES, block_inputs, column_buffer, filter_matrix, row_pattern
from cnnfx.conv.plain_products import COPY_COST, OUTPUT_COST, correlate_rows
from cnnfx.system.threads import run_in_threads, threads_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Pads, Pair, Window
    from cnnfx.conv.im2col import BlockInput
    from cnnfx.conv.padding import PaddedImages

    Array = NDArray[Any]

ROW_COPY_COST = 210
"""Time to start copying a row to the column buffer, in multiplications."""

PRODUCT_COLUMNS_COST = 11
"""Time that a product of several filters takes to read their weights, in columns of the product."""

ROWS_PER_PRODUCT = 4
"""Output rows per product for a single filter. A divisor of `BAND_ROWS`, so that bands and whole images have the same
products."""

ROWS_PER_PRODUCT_SHORT_FILTER = 2
"""Output rows per product for a single short filter; see `SHORT_FILTER_COLUMN_WEIGHTS`. A divisor of `BAND_ROWS`."""

SHORT_FILTER_COLUMN_WEIGHTS = 3
"""Weights in one column of a short filter, of all channels together, at most."""

CHEAP_ROW_COST = 6_000
"""Multiplications of one output row that take no longer than the call of its product. Several rows per product would be
no faster."""

SMALL_PRODUCT_COST = 1_000_000
"""Multiplications of the largest product that OpenBLAS computes without copying its operands."""

CACHED_MATRIX_ELEMENTS = 1 << 16
"""Elements of an im2col matrix that stay in the second-level cache for the next product."""

SMALL_PRODUCT_MIN_COLUMNS = 16
"""Columns of a small product, at least. With fewer, a product that OpenBLAS copies is faster."""

CACHED_PRODUCT_MIN_COLUMNS = 64
"""`CACHED_MATRIX_ELEMENTS` does not reduce a product to fewer columns than this."""

LARGE_PRODUCT_COLUMNS = 512
"""Columns of a product that exceeds `SMALL_PRODUCT_COST`, at most."""

MAX_PRODUCT_COLUMNS = 2048
"""Columns of a small product, at most. Narrow images are placed side by side in it."""

BLOCK_INPUT_BYTES = 1 << 21
"""Bytes of a block's input, about: its rows are long, and it stays in the cache."""

UNTHREADED_COST = 200_000
"""Multiplications of a product below which OpenBLAS starts no threads."""

UNTHREADED_COST_ONE_FILTER = 9_000
"""Multiplications of a product with a single filter below which OpenBLAS starts no threads."""


class RowProducts:
    """The products for images of one size and filters of one shape. Later calls reuse the division into blocks."""

    def __init__(self, size: Pair, pads: Pads, out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> None:
        self.size, self.pads, self.out, self.weights, self.window = size, pads, out, weights, window
        self.cost = row_cost(out, weights, window)
        unthreaded = UNTHREADED_COST if weights[0] > 1 else UNTHREADED_COST_ONE_FILTER
        self.unthreaded = out[0] == 1 and prod(weights) * out[3] < unthreaded
        self.inputs: dict[tuple[int, str], tuple[BlockInput, ...]] = {}

    def __call__(self, images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
        """Cross-correlate `images` with `weights`, add `bias` (K,), and write it to `out`."""
        threads = threads_for(self.cost)
        inputs = self.inputs.get((threads, out.dtype.char)) or self._inputs(threads, out.dtype)
        if len(inputs) == 1 and self.unthreaded:
            matrix = filter_matrix(weights, window, inputs[0].block.rows_per_product)
            self._compute(inputs[0], images, weights, matrix, bias, out)
            return
        heights = {each.block.rows_per_product for each in inputs}
        matrices = {rows: filter_matrix(weights, window, rows) for rows in heights}

        def work(block_input: BlockInput) -> None:
            matrix = matrices[block_input.block.rows_per_product]
            self._compute(block_input, images, weights, matrix, bias, out)

        run_in_threads(work, inputs, threads)

    def _inputs(self, threads: int, dtype: np.dtype[Any]) -> tuple[BlockInput, ...]:
        blocking = choose_blocking(self.weights, self.window, self.out[3], self.out[0])
        blocks = split_output(self.out, blocking, threads)
        inputs = block_inputs(
            blocks, blocking.product_columns, self.size, self.pads, self.weights[1], self.window, dtype
        )
        self.inputs[threads, dtype.char] = inputs
        return inputs

    @np.errstate(all="ignore")
    def _compute(
        self,
        block_input: BlockInput,
        images: PaddedImages,
        weights: Array,
        matrix: Array,
        bias: Array | None,
        out: Array,
    ) -> None:
        """Write one block of the output."""
        block, columns = block_input.block, column_buffer(block_input.layout)
        target = out[block.images, :, block.rows, block.columns]
        columns.load(images, block_input)
        columns.multiply(matrix, target)
        if bias is not None and bias.any():
            target += bias[:, None, None]
        if columns.has_zeros:
            # A non-finite pixel makes all rows of a product non-finite in its column, so checking the first is enough.
            nonfinite = _nonfinite_rows(target[:, 0, :: block.rows_per_product])
            if nonfinite is not None:
                correlate_rows(images, weights, bias, self.window, block, nonfinite.T, out)


row_products = lru_cache(maxsize=256)(RowProducts)
"""Return the `RowProducts` of these arguments, new ones or those of an earlier call."""


def _nonfinite_rows(rows: Array) -> Array | None:
    """Return a mask (N, products) of the rows (N, products, columns) whose sum is non-finite, or None if none is."""
    sums = rows @ _ones(rows.shape[2], rows.dtype)
    return None if math.isfinite(sums.sum()) else np.logical_not(np.isfinite(sums))


@lru_cache(maxsize=64)
def _ones(count: int, dtype: np.dtype[Any]) -> Array:
    return np.ones(count, dtype)


class Blocking(NamedTuple):
    """The sizes of blocks and products.

    Attributes
    ----------
    rows_per_product : int
    products : int
        Products of a block from top to bottom, at most.
    block_columns, product_columns : int
        Output columns of a block and of a product, at most.
    images : int
        Images of a block and of a product, at most.
    """

    rows_per_product: int
    products: int
    block_columns: int
    product_columns: int
    images: int


@lru_cache(maxsize=256)
def choose_blocking(weights: tuple[int, ...], window: Window, width: int, batch: int) -> Blocking:
    """Return the blocking for filters (K, C, kh, kw) and an output of `width` columns and `batch` images.

    The blocking does not depend on the output's height or the number of threads.
    """
    filters, channels, kh, kw = weights
    rows_per_product = 1
    if filters == 1 and channels * kh * kw * width > CHEAP_ROW_COST:
        short = channels * kh <= SHORT_FILTER_COLUMN_WEIGHTS
        rows_per_product = ROWS_PER_PRODUCT_SHORT_FILTER if short else ROWS_PER_PRODUCT
    step, taps, advance = row_pattern(window, rows_per_product)
    matrix_rows = taps * channels * kw
    longest = SMALL_PRODUCT_COST // (rows_per_product * filters * matrix_rows)
    if longest < SMALL_PRODUCT_MIN_COLUMNS:
        longest = LARGE_PRODUCT_COLUMNS
    else:
        cached = max(CACHED_PRODUCT_MIN_COLUMNS, CACHED_MATRIX_ELEMENTS // matrix_rows)
        longest = min(longest, cached, MAX_PRODUCT_COLUMNS)
    columns = -(-width // -(-width // longest))
    row_bytes = 4 * channels * kw * columns  # of one row in the column buffer
    most_images = COLUMN_BUFFER_BYTES // (row_bytes * 3 * taps)  # more would leave too few rows for products to share
    images = max(1, min(longest // columns, most_images, batch))
    products = max((COLUMN_BUFFER_BYTES // (row_bytes * images) - taps) // advance + 1, -(-taps // advance))
    input_rows = ((products - 1) * advance + taps) * step
    input_bytes = 4 * channels * input_rows * columns * window.stride[1]
    return Blocking(rows_per_product, products, columns * max(1, BLOCK_INPUT_BYTES // input_bytes), columns, images)


def split_output(out: tuple[int, ...], blocking: Blocking, threads: int) -> Iterator[OutputBlock]:
    """Divide an output (N, K, Ho, Wo) into blocks, at least one for each thread if possible.

    The shapes of the products do not depend on the number of threads, and on the output's height only in its last rows.
    """
    batch, _, height, width = out
    side_by_side = -(-batch // blocking.images) * -(-width // blocking.block_columns)
    for rows, rows_per_product in _row_ranges(height, blocking, -(-threads // side_by_side)):
        for n in range(0, batch, blocking.images):
            for column in range(0, width, blocking.block_columns):
                images = slice(n, min(n + blocking.images, batch))
                columns = slice(column, min(column + blocking.block_columns, width))
                yield OutputBlock(images, rows, columns, rows_per_product)


def _row_ranges(height: int, blocking: Blocking, min_ranges: int) -> Iterator[tuple[slice, int]]:
    """Yield the rows of each block and its rows per product, at least `min_ranges` times if possible.

    Remaining rows at the end, fewer than `blocking.rows_per_product`, form one block with one product.
    """
    p = blocking.rows_per_product
    products = height // p
    ranges = min_ranges * max(1, round(products / (blocking.products * min_ranges)))
    rows = p * max(1, -(-products // ranges))
    whole = products * p
    for row in range(0, whole, rows):
        yield slice(row, min(row + rows, whole)), p
    if whole < height:
        yield slice(whole, height), height - whole


def row_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> float:
    """Return the cost for an output (N, K, Ho, Wo) and weights (K, C, kh, kw), in multiplications.

    Each output pixel takes ``taps·C·kw`` multiplications per filter and C·kw copied elements, and each product as long
    as one of `PRODUCT_COLUMNS_COST` more columns.
    """
    (batch, _, height, width), (filters, channels, _, kw) = out, weights
    blocking = choose_blocking(weights, window, width, batch)
    multiplied: float = row_pattern(window, blocking.rows_per_product).taps * filters
    if filters > 1:
        multiplied *= 1 + PRODUCT_COLUMNS_COST / (blocking.product_columns * blocking.images)
    per_element = multiplied + COPY_COST + ROW_COPY_COST / width
    return batch * height * width * (channels * kw * per_element + filters * OUTPUT_COST)
