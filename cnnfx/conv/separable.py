"""The separable method: kernels as sums of R outer products, applied to the columns and then to the rows.

The sum of u[i]·v[j]·image[y + i, x + j] over i and j, with a column u and a row v, is computed in two steps: the sum of
u[i]·image[y + i, x] over i gives an intermediate array, and the sum of v[j]·intermediate[y, x + j] over j the output.
This takes kh + kw multiplications instead of kh·kw. Both steps are products with banded matrices, which contain u (or
v) once for each of some output rows (or columns), each time one row lower. With kh = 2 and three output rows:

    ⎡ u₀ u₁ 0  0  ⎤     ⎡ input row 0 ⎤     ⎡ intermediate row 0 ⎤
    ⎢ 0  u₀ u₁ 0  ⎥  ·  ⎢ input row 1 ⎥  =  ⎢ intermediate row 1 ⎥
    ⎣ 0  0  u₀ u₁ ⎦     ⎢ input row 2 ⎥     ⎣ intermediate row 2 ⎦
                        ⎣ input row 3 ⎦

The intermediate array is stored column by column. So the elements of all outer products and input channels that some
output columns read form one matrix without copying, and its product with the rows v sums over all of them.

A zero of the banded matrices times a non-finite value is NaN. All outputs of a tile of `SIDE` rows and columns are then
non-finite, or a row of `SIDE` outputs, if an element of the intermediate array overflows. Tiles with a row whose first
output is non-finite are computed by the direct method.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.conv.direct import correlate_direct
from cnnfx.conv.geometry import OutputBlock
from cnnfx.conv.plain_products import correlate_block
from cnnfx.system.memory import buffer
from cnnfx.system.threads import run_in_threads, threads_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Window
    from cnnfx.conv.padding import PaddedImages

    Array = NDArray[Any]

SIDE = 16
"""Output rows of a product along columns, and output columns of a product along rows. More would add zeros to the
banded matrices; fewer would slow BLAS down. A divisor of `BAND_ROWS`, so that bands and whole images have the same
products."""

ROUNDING_FACTOR = 4
"""The largest remainder of a weight that is ignored, relative to the sum of the magnitudes of its row or its column,
the smaller of them, in units of the float type's machine epsilon. So small weights beside large ones are not ignored,
within a kernel and among those of a bank."""

MAX_WHOLE_WEIGHT = 2**18
"""Kernels of whole numbers below this have factors of whole numbers, where these exist. The elements of a row are
multiples of the inverse of the largest weight, so that rounding errors are far smaller than the distance to a whole
number."""

INTERMEDIATE_ROW_ELEMENTS = 1 << 16
"""Intermediate elements of `SIDE` output rows, at most. Wider images are divided into blocks of columns."""

INTERMEDIATE_ELEMENTS = 1 << 19
"""Intermediate elements of a block, at most. More would not stay in the cache."""

INTERMEDIATE_COST = 16
"""Time to write and read an intermediate element, in multiplications."""

OUTPUT_COST = 10
"""Time to write an output element, in multiplications."""

CALL_COST = 2_200_000
"""Time of the NumPy calls for an image, for each number of rows per product, in multiplications."""


@dataclass(frozen=True, eq=False)
class Factors:
    """Columns (K, C, R, kh) and rows (K, C, R, kw) whose outer products, summed over R, are the kernels."""

    columns: Array
    rows: Array

    @property
    def rank(self) -> int:
        """R, the highest rank of a kernel; at least 1."""
        return int(self.columns.shape[2])


def factorize(weights: Array, max_rank: int) -> Factors | None:
    """Return the factors of `weights` (K, C, kh, kw), or None if a kernel has a higher rank or is non-finite."""
    for kernels in (weights[:1, :1], weights):  # the first kernel is enough to reject most weights
        factors = _factorize(kernels.tobytes(), kernels.shape, kernels.dtype.str, max_rank)
        if factors is None:
            return None
    return factors


@lru_cache(maxsize=32)
def _factorize(data: bytes, shape: tuple[int, ...], dtype: str, max_rank: int) -> Factors | None:
    weights = np.frombuffer(data, dtype).reshape(shape)
    if not np.isfinite(weights).all():
        return None
    remainders = weights.reshape(-1, *shape[2:]).astype(np.float64)
    magnitudes = np.abs(remainders)
    smaller = np.minimum(magnitudes.sum(axis=1, keepdims=True), magnitudes.sum(axis=2, keepdims=True))
    allowed = ROUNDING_FACTOR * np.finfo(weights.dtype).eps * smaller
    pairs = [_subtract_outer_product(remainders)]
    while (np.abs(remainders) > allowed).any():
        if len(pairs) >= max_rank:
            return None
        pairs.append(_subtract_outer_product(remainders))
    columns, rows = (np.stack(each, 1).reshape(*shape[:2], len(pairs), -1) for each in zip(*pairs, strict=True))
    return Factors(columns.astype(dtype), rows.astype(dtype))


def _subtract_outer_product(kernels: Array) -> tuple[Array, Array]:
    """Subtract from each of the kernels (n, kh, kw) the outer product of the column and row of its largest element.

    This is one step of Gaussian elimination with complete pivoting.
    """
    each, size = np.arange(len(kernels)), kernels.shape[2]
    is_whole = np.array_equal(kernels, np.rint(kernels)) and np.abs(kernels).max(initial=0) < MAX_WHOLE_WEIGHT
    pivot = np.abs(kernels).reshape(len(kernels), -1).argmax(axis=1)
    columns, rows = kernels[each, :, pivot % size], kernels[each, pivot // size]
    largest = rows[each, pivot % size][:, np.newaxis]
    rows = np.divide(rows, largest, out=np.zeros_like(rows), where=largest != 0)
    kernels -= columns[:, :, np.newaxis] * rows[:, np.newaxis]
    kernels[each, :, pivot % size] = 0  # as in exact arithmetic
    kernels[each, pivot // size] = 0
    return _whole_factors(columns, rows) if is_whole else (columns, rows)


def _whole_factors(columns: Array, rows: Array) -> tuple[Array, Array]:
    """Return the columns (n, kh) and rows (n, kw) of kernels of whole numbers as whole numbers too, if possible.

    A kernel of rank 1 is the product of a column without common divisor and a row, both of whole numbers. Their sums of
    products with whole numbers are exact (see `cnnfx.conv.integers`).
    """
    divisors = np.maximum(np.gcd.reduce(columns.astype(np.int64), axis=1), 1)[:, np.newaxis]
    multiplied = rows * divisors
    whole = np.rint(multiplied)
    return columns / divisors, np.where(np.abs(multiplied - whole) * MAX_WHOLE_WEIGHT < 0.5, whole, multiplied)


def correlate_separable(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    factors = factorize(weights, min(window.kernel))
    if factors is None:  # non-finite weights
        correlate_direct(images, weights, bias, window, out)
    else:
        correlate_factors(images, weights, factors, bias, window, out)


def correlate_factors(
    images: PaddedImages, weights: Array, factors: Factors, bias: Array | None, window: Window, out: Array
) -> None:
    """Cross-correlate as `correlate_separable`, with the given factors of the weights.

    Kernels of zeros are left out: where filters have some, each is computed from the channels that it reads.
    """
    reads: Array = np.any(weights, axis=(2, 3))
    reads[:, 0] |= ~reads.any(axis=1)
    if not reads.all():
        for k in range(len(weights)):
            one, channels = slice(k, k + 1), np.flatnonzero(reads[k])
            own = Factors(factors.columns[one, channels], factors.rows[one, channels])
            offsets = None if bias is None else bias[one]
            correlate_factors(images.channels(channels), weights[one, channels], own, offsets, window, out[:, one])
        return
    threads = threads_for(separable_cost(out.shape, weights.shape, window, factors.rank))
    blocks = split_output(out.shape, weights.shape[1] * factors.rank, threads)
    matrices = {rows: banded_matrices(factors, window, rows) for rows in {block.rows_per_product for block in blocks}}

    def work(block: OutputBlock) -> None:
        pixels, matrix = _read_input(images, block, window), matrices[block.rows_per_product]
        target = out[block.images.start, :, block.rows, block.columns]
        elements_per_filter = block.products * pixels.shape[2] * matrix.rows.shape[2] * SIDE
        step = max(1, INTERMEDIATE_ELEMENTS // elements_per_filter)
        for k in range(0, len(weights), step):
            filters = slice(k, k + step)
            intermediate = _multiply_columns(pixels, matrix.columns[filters], block, window)
            _multiply_rows(intermediate, matrix.rows[filters], window, target[filters])
        if bias is not None and bias.any():
            target += bias[:, None, None]
        for tile in _nonfinite_tiles(out, block):
            correlate_block(images, weights, bias, window, tile, out)

    run_in_threads(work, blocks, threads)


@lru_cache(maxsize=256)
def split_output(out: tuple[int, ...], maps: int, threads: int) -> tuple[OutputBlock, ...]:
    """Divide an output (N, K, Ho, Wo) into blocks of one image, at least one for each thread if possible.

    `maps` is C·R, the number of intermediate maps per filter. The columns of blocks depend only on the output's width.
    """
    images, _, height, width = out
    parts = -(-width * maps * SIDE // INTERMEDIATE_ROW_ELEMENTS)
    block_columns = SIDE * -(-width // (SIDE * parts))
    products = -(-height // (SIDE * -(-threads // (images * parts))))
    products = max(1, min(products, INTERMEDIATE_ELEMENTS // (SIDE * maps * block_columns)))
    whole = height - height % SIDE
    rows = [slice(row, min(row + SIDE * products, whole)) for row in range(0, whole, SIDE * products)]
    if whole < height:
        rows.append(slice(whole, height))
    columns = [slice(column, min(column + block_columns, width)) for column in range(0, width, block_columns)]
    return tuple(
        OutputBlock(slice(n, n + 1), block_rows, part, min(SIDE, block_rows.stop - block_rows.start))
        for n in range(images)
        for block_rows in rows
        for part in columns
    )


class BandedMatrices(NamedTuple):
    """The banded matrices of both steps.

    Attributes
    ----------
    columns : (K, C, taps, R·rows) array
        Multiplies input columns: from `taps` input rows to the output rows of a product.
    rows : (K, taps, C·R, SIDE) array
        Multiplies intermediate rows: from `taps` input columns to `SIDE` output columns.
    """

    columns: Array
    rows: Array


@lru_cache(maxsize=32)
def banded_matrices(factors: Factors, window: Window, rows_per_product: int) -> BandedMatrices:
    """Return the matrices for products of `rows_per_product` output rows."""
    columns = _banded(factors.columns, rows_per_product, window.stride[0], window.dilation[0])
    rows = _banded(factors.rows, SIDE, window.stride[1], window.dilation[1])
    filters, channels, rank, taps = columns.shape[:4]
    columns = columns.transpose(0, 1, 3, 2, 4).reshape(filters, channels, taps, rank * rows_per_product)
    rows = rows.transpose(0, 3, 1, 2, 4).reshape(filters, -1, channels * rank, SIDE)
    return BandedMatrices(columns, rows)


def _banded(factors: Array, count: int, stride: int, dilation: int) -> Array:
    """Return matrices (K, C, R, taps, count) with the factors (K, C, R, k) in each column, each a stride lower."""
    taps = (count - 1) * stride + (factors.shape[3] - 1) * dilation + 1
    matrices = np.zeros((*factors.shape[:3], taps, count), factors.dtype)
    *outer, to_tap, to_column = matrices.strides
    strides = *outer, dilation * to_tap, stride * to_tap + to_column
    diagonals = np.ndarray((*factors.shape, count), matrices.dtype, buffer=matrices, strides=strides)
    diagonals[...] = factors[..., np.newaxis]
    return matrices


def _read_input(images: PaddedImages, block: OutputBlock, window: Window) -> Array:
    """Return the input (C, rows, columns) of a block, copied if BLAS cannot read its rows in place."""
    to_row, to_column = images.images.strides[2:]
    readable = (
        to_column == images.images.itemsize and to_row >= images.images.shape[3] * to_column and to_row % to_column == 0
    )
    rows, columns = window.input_region(block.rows, block.columns)
    pixels: Array = images.region(block.images, rows, columns, copy=not readable)[0]
    return pixels


def _multiply_columns(pixels: Array, matrices: Array, block: OutputBlock, window: Window) -> Array:
    """Return the intermediate array (K, products, columns, C, R·rows) for some filters' `BandedMatrices.columns`."""
    (filters, channels, taps, maps), columns = matrices.shape, pixels.shape[2]
    to_channel, to_row, to_column = pixels.strides
    to_product = block.rows_per_product * window.stride[0] * to_row
    inputs = as_strided(pixels, (block.products, channels, columns, taps), (to_product, to_channel, to_column, to_row))
    shape = filters, block.products, columns, channels, maps
    intermediate: Array = buffer("separable_intermediate", shape, pixels.dtype)
    np.matmul(inputs, matrices[:, np.newaxis], out=intermediate.swapaxes(2, 3))
    return intermediate


def _multiply_rows(intermediate: Array, matrices: Array, window: Window, target: Array) -> None:
    """Write the products with some filters' `BandedMatrices.rows` to `target` (K, rows, columns)."""
    (filters, products), (taps, maps), stride = intermediate.shape[:2], matrices.shape[1:3], window.stride[1]
    rows, (whole, rest) = target.shape[1] // products, divmod(target.shape[2], SIDE)
    (*outer, to_column), size = intermediate.strides[:3], intermediate.itemsize
    if whole:
        inputs = as_strided(
            intermediate,
            (filters, products, whole, rows, taps * maps),
            (*outer, SIDE * stride * to_column, size, rows * size),
        )
        outputs = target[..., : whole * SIDE].reshape(filters, products, rows, whole, SIDE).swapaxes(2, 3)
        np.matmul(inputs, matrices.reshape(filters, 1, 1, -1, SIDE), out=outputs)
    if rest:
        taps -= (SIDE - rest) * stride
        inputs = as_strided(
            intermediate[:, :, whole * SIDE * stride :],
            (filters, products, rows, taps * maps),
            (*outer, size, rows * size),
        )
        outputs = target[..., whole * SIDE :].reshape(filters, products, rows, rest)
        np.matmul(inputs, matrices[:, :taps, :, :rest].reshape(filters, 1, -1, rest), out=outputs)


def _nonfinite_tiles(out: Array, block: OutputBlock) -> Iterator[OutputBlock]:
    """Yield the tiles of a block, each of one product, with a row whose first output is not finite."""
    first = out[block.images.start, :, block.rows, block.columns][..., ::SIDE]
    if math.isfinite(first.sum()):
        return
    finite = np.isfinite(first).all(axis=0).reshape(block.products, block.rows_per_product, -1).all(axis=1)
    for product, column_product in np.argwhere(~finite).tolist():
        row = block.rows.start + product * block.rows_per_product
        column = block.columns.start + column_product * SIDE
        rows = slice(row, row + block.rows_per_product)
        columns = slice(column, min(column + SIDE, block.columns.stop))
        yield OutputBlock(block.images, rows, columns, block.rows_per_product)


def separable_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window, rank: int) -> float:
    """Return the cost for an output (N, K, Ho, Wo) and weights (K, C, kh, kw) of rank `rank`, in multiplications."""
    taps_down, taps_across = (
        (SIDE - 1) * stride + extent for stride, extent in zip(window.stride, window.extent, strict=True)
    )
    columns = (taps_down + INTERMEDIATE_COST / 2) * window.stride[1]
    per_output = weights[1] * rank * (columns + taps_across + INTERMEDIATE_COST / 2) + OUTPUT_COST
    heights = 1 + (out[2] % SIDE > 0)
    return out[0] * (CALL_COST * heights + prod(out[1:]) * per_output)
