"""Cross-correlation with kernels that are sums of few outer products (see `factors`): down the columns, then along the
rows.

With a column u and a row v, the sum over u[i]·v[j]·x[y + i, x + j] is that over u[i] of the rows, and then that over
v[j] of the columns of what came out: kh + kw multiplications instead of kh·kw. Both are products with banded matrices,
that hold u, and v, once for each of some output rows, or columns, each time one lower. With kh = 2 and three rows:

    ⎡ u₀ u₁ 0  0  ⎤     ⎡ input row 0 ⎤     ⎡ between, row 0 ⎤
    ⎢ 0  u₀ u₁ 0  ⎥  ·  ⎢ input row 1 ⎥  =  ⎢ between, row 1 ⎥
    ⎣ 0  0  u₀ u₁ ⎦     ⎢ input row 2 ⎥     ⎣ between, row 2 ⎦
                        ⎣ input row 3 ⎦

What is between stands column by column, so that for some output columns the numbers of all outer products and input
channels under them are one matrix, read where it lies; its product with v sums them all up. Nothing is ever copied.

A zero of these matrices times a value that is not finite is NaN: it spoils all of a band's rows, and of its columns all
that are made together, of which the first tells. They are done again directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.conv.im2col import Block, correlate_direct, fill_block
from cnnfx.system.memory import buffer
from cnnfx.system.threads import run_in_threads, threads_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Window
    from cnnfx.conv.padding import PaddedImages

    Array = NDArray[Any]

SIDE = 16
"""Output rows of a band of what is separable, and output columns that are made together: few zeros, yet products that
BLAS is fast at. Bands of an image that begin at a multiple of it are cut as the whole image is."""

BETWEEN, EACH, CALLS = 16, 10, 2_200_000
"""What each number between the two products costs besides them, each of the output, and the calls for bands of one
height."""

ROUNDING = 4
"""How many times the float type's precision the sum of what is left out may be, relative to a kernel's sum."""


@dataclass(frozen=True, eq=False)
class Factors:
    """Columns `(K, C, R, kh)` and rows `(K, C, R, kw)` whose outer products sum up, over R, to kernels."""

    columns: Array
    rows: Array

    @property
    def rank(self) -> int:
        """R: of the kernel of the highest rank; at least 1."""
        return int(self.columns.shape[2])


def factorized(weights: Array, most: int) -> Factors | None:
    """The factors of `weights` (K, C, kh, kw), or None if a kernel is not of rank `most` or less, or not finite."""
    for kernels in (weights[:1, :1], weights):  # the first tells of most that it is not worth a look at all
        factors = _factorized(kernels.tobytes(), kernels.shape, kernels.dtype.str, most)
        if factors is None:
            return None
    return factors


@lru_cache(maxsize=32)
def _factorized(data: bytes, shape: tuple[int, ...], dtype: str, most: int) -> Factors | None:
    weights = np.frombuffer(data, dtype).reshape(shape)
    if not np.isfinite(weights).all():
        return None
    kernels = weights.reshape(-1, *shape[2:]).astype(np.float64)
    allowed = ROUNDING * np.finfo(weights.dtype).eps * np.abs(kernels).sum(axis=(1, 2))
    found = [_take_away(kernels)]
    while (np.abs(kernels).sum(axis=(1, 2)) > allowed).any():
        if len(found) >= most:
            return None
        found.append(_take_away(kernels))
    columns, rows = (np.stack(each, 1).reshape(*shape[:2], len(found), -1) for each in zip(*found, strict=True))
    return Factors(columns.astype(dtype), rows.astype(dtype))


def _take_away(kernels: Array) -> tuple[Array, Array]:
    """A column and a row of each of (n, kh, kw) kernels, whose outer product is taken away from it."""
    each, size = np.arange(len(kernels)), kernels.shape[2]
    pivot = np.abs(kernels).reshape(len(kernels), -1).argmax(axis=1)
    columns, rows = kernels[each, :, pivot % size], kernels[each, pivot // size]
    largest = rows[each, pivot % size][:, np.newaxis]
    rows = np.divide(rows, largest, out=np.zeros_like(rows), where=largest != 0)
    kernels -= columns[:, :, np.newaxis] * rows[:, np.newaxis]
    kernels[each, :, pivot % size] = 0  # as exact arithmetic would leave them
    kernels[each, pivot // size] = 0
    return columns, rows


WIDE = 1 << 16
"""Numbers between the two products for a band, at most: wider images are cut into columns."""

ROOM = 1 << 19
"""Numbers between the two products in a block, at most: more would not stay in the cache."""


class Matrices(NamedTuple):
    """For bands of so many rows: `down` (K, C, taps, R·rows), and `along` (K, taps, C·R, columns)."""

    down: Array
    along: Array


def correlate_separable(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    factors = factorized(weights, min(window.kernel))
    if factors is None:  # weights that are not finite
        correlate_direct(images, weights, bias, window, out)
    else:
        correlate_factorized(images, weights, factors, bias, window, out)


def correlate_factorized(
    images: PaddedImages, weights: Array, factors: Factors, bias: Array | None, window: Window, out: Array
) -> None:
    """The same, with the factors of the weights."""
    threads = threads_for(separable_cost(out.shape, weights.shape, window, factors.rank))
    parts = cut(out.shape, weights.shape[1] * factors.rank, threads)
    matrices = {rows: banded(factors, window, rows) for rows in {block.p for block in parts}}

    def work(block: Block) -> None:
        part, matrix = _part(images, block, window), matrices[block.p]
        target = out[block.batch.start, :, block.rows, block.columns]
        each = max(1, ROOM // (block.bands * part.shape[2] * matrix.along.shape[2] * SIDE))
        for k in range(0, len(weights), each):
            some = slice(k, k + each)
            _along(_down(part, matrix.down[some], block, window), matrix.along[some], window, target[some])
        if bias is not None and bias.any():
            target += bias[:, None, None]
        for spoiled in _spoiled(out, block):
            fill_block(images, weights, bias, window, spoiled, out)

    run_in_threads(work, parts, threads)


@lru_cache(maxsize=256)
def cut(out: tuple[int, ...], maps: int, threads: int) -> tuple[Block, ...]:
    """Blocks of an output (N, K, Ho, Wo), for so many maps between the two products: enough for so many threads."""
    return tuple(_blocks(out, maps, threads))


def _blocks(out: tuple[int, ...], maps: int, threads: int) -> Iterator[Block]:
    """Columns by the width alone, whole bands of rows, and what is left below them."""
    images, _, height, width = out
    parts = -(-width * maps * SIDE // WIDE)
    wide = SIDE * -(-width // (SIDE * parts))
    most = -(-height // (SIDE * -(-threads // (images * parts))))
    high = SIDE * max(1, min(most, ROOM // (SIDE * maps * wide)))
    whole = height - height % SIDE
    rows = [slice(row, min(row + high, whole)) for row in range(0, whole, high)]
    rows += [slice(whole, height)] * (whole < height)
    for n in range(images):
        for row in rows:
            for column in range(0, width, wide):
                some = slice(column, min(column + wide, width))
                yield Block(slice(n, n + 1), row, some, min(SIDE, row.stop - row.start), SIDE)


@lru_cache(maxsize=32)
def banded(factors: Factors, window: Window, rows: int) -> Matrices:
    """The matrices for bands of so many rows."""
    down = _repeated(factors.columns, rows, window.stride[0], window.dilation[0])
    along = _repeated(factors.rows, SIDE, window.stride[1], window.dilation[1])
    filters, channels, rank, taps = down.shape[:4]
    down = down.transpose(0, 1, 3, 2, 4).reshape(filters, channels, taps, rank * rows)
    along = along.transpose(0, 3, 1, 2, 4).reshape(filters, -1, channels * rank, SIDE)
    return Matrices(down, along)


def _repeated(factors: Array, count: int, stride: int, dilation: int) -> Array:
    """Factors (K, C, R, k) as the columns of matrices (K, C, R, taps, count), each a stride lower than the one
    before."""
    taps = (count - 1) * stride + (factors.shape[3] - 1) * dilation + 1
    matrices = np.zeros((*factors.shape[:3], taps, count), factors.dtype)
    *outer, to_tap, to_one = matrices.strides
    places = (*factors.shape, count)
    diagonals = np.ndarray(places, matrices.dtype, matrices, 0, (*outer, dilation * to_tap, stride * to_tap + to_one))
    diagonals[...] = factors[..., np.newaxis]
    return matrices


def _part(images: PaddedImages, block: Block, window: Window) -> Array:
    """The input (C, rows, columns) under a block, its rows as BLAS can read them."""
    to_y, to_x = images.images.strides[2:]
    fit = to_x == images.images.itemsize and to_y >= images.images.shape[3] * to_x and to_y % to_x == 0
    part: Array = images.part(block.batch, *window.under(block.rows, block.columns), copied=not fit)[0]
    return part


def _down(part: Array, matrices: Array, block: Block, window: Window) -> Array:
    """What is between, for some filters: (K, bands, columns, C, R·rows)."""
    (filters, channels, taps, maps), columns = matrices.shape, part.shape[2]
    to_c, to_y, to_x = part.strides
    shape = block.bands, channels, columns, taps
    rows = as_strided(part, shape, (block.p * window.stride[0] * to_y, to_c, to_x, to_y))
    between: Array = buffer("between", (filters, block.bands, columns, channels, maps), part.dtype)
    np.matmul(rows, matrices[:, np.newaxis], out=between.swapaxes(2, 3))
    return between


def _along(between: Array, matrices: Array, window: Window, target: Array) -> None:
    """Write some filters' rows and columns of the output, `target` (K, rows, columns)."""
    (filters, bands), (taps, numbers), stride = between.shape[:2], matrices.shape[1:3], window.stride[1]
    p, (many, rest) = target.shape[1] // bands, divmod(target.shape[2], SIDE)
    outer, to_column, size = tuple(between.strides[:2]), between.strides[2], between.itemsize
    if many:
        shape = filters, bands, many, p, taps * numbers
        blocks = as_strided(between, shape, (*outer, SIDE * stride * to_column, size, p * size))
        result = target[..., : many * SIDE].reshape(filters, bands, p, many, SIDE).swapaxes(2, 3)
        np.matmul(blocks, matrices.reshape(filters, 1, 1, -1, SIDE), out=result)
    if rest:
        taps -= (SIDE - rest) * stride
        last = as_strided(
            between[:, :, many * SIDE * stride :], (filters, bands, p, taps * numbers), (*outer, size, p * size)
        )
        result = target[..., many * SIDE :].reshape(filters, bands, p, rest)
        np.matmul(last, matrices[:, :taps, :, :rest].reshape(filters, 1, -1, rest), out=result)


def _spoiled(out: Array, block: Block) -> Iterator[Block]:
    """The rows and columns made together that a value that is not finite may have spoiled."""
    firsts = out[block.batch.start, 0, block.rows, block.columns][:: block.p, ::SIDE]
    for band, some in np.argwhere(~np.isfinite(firsts)).tolist():
        row, column = block.rows.start + band * block.p, block.columns.start + some * SIDE
        columns = slice(column, min(column + SIDE, block.columns.stop))
        yield Block(block.batch, slice(row, row + block.p), columns, block.p, SIDE)


def separable_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window, rank: int) -> float:
    """Two products for each outer product of each kernel."""
    down, along = ((SIDE - 1) * s + e + BETWEEN / 2 for s, e in zip(window.stride, window.extent, strict=True))
    each = weights[1] * rank * (down * window.stride[1] + along) + EACH
    heights = 1 + (out[2] % SIDE > 0)
    return out[0] * (CALLS * heights + prod(out[1:]) * each)
