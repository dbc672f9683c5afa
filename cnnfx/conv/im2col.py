"""Cross-correlation by matrix products.

For one output row, put each filter's weights in a row of a matrix, and below one another copies of the input rows, each
shifted by the column its weight stands on: their product is the sum that cross-correlation asks for. The copies for the
next output row are the same but for one input row, so every input row is copied once (kw times, shifted), and the
products read the copies where they are, each a stride lower than the one before.

Two filters or more give a product enough to do. A single one, unless its rows are short, is multiplied with p output
rows' copies at a time: the matrix holds it p times, each time one row lower. With a kernel of three rows a, b, c (each
kw wide) and p = 2:

    ⎡ a b c 0 ⎤     ⎡ input row 0, shifted by 0 … kw−1 ⎤     ⎡ output row 0 ⎤
    ⎣ 0 a b c ⎦  ·  ⎢ input row 1, shifted by 0 … kw−1 ⎥  =  ⎣ output row 1 ⎦
                    ⎢ input row 2, shifted by 0 … kw−1 ⎥
                    ⎣ input row 3, shifted by 0 … kw−1 ⎦

Images of a batch stand side by side in the copies, if they are narrow.

A zero of the matrix times an infinity is NaN, though no weight stands there. Such a value spoils every row of the
product at the columns that touch it, so the first row tells; the band is then done again without such zeros.
"""

from __future__ import annotations

import math
import threading
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.conv.padding import inside
from cnnfx.system.memory import buffer
from cnnfx.system.threads import run_in_threads, threads_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Pads, Window
    from cnnfx.conv.padding import Inside, PaddedImages

    Array = NDArray[Any]

COPY, RUN = 8, 350
"""To copy a number costs about as much as so many multiplications in a product; and what a row of a copy costs besides,
be it long or short."""

BAND, THIN = 4, 2
"""Rows of a band for a single filter, and for one whose weights in a column are at most `FLAT`. Bands of an image that
begin at a multiple of these are cut as the whole image is."""

FLAT = 3

LIGHT = 6_000
"""Multiplications for an output row of a single filter that take hardly longer than the call: bands would not pay."""

COPIES = 1 << 21
"""Bytes of copies that a block makes: more would not stay in the cache, fewer would be many calls of NumPy, between
which threads wait for one another."""

SMALL = 1_000_000
"""Multiplications of a product that OpenBLAS does without copying anything, and whose numbers stay in the cache."""

UNDER = 1 << 16
"""Numbers under a product, which the next one reads again: so many stay in the nearest cache but one."""

SHORTEST, SHORT, LONG, LONGEST = 16, 64, 512, 2048
"""Numbers in a row of a product: the fewest for which it may be small, those that it has though more be under it, those
of a product that cannot be small, and the most. Narrow images stand side by side in it."""

INPUT = 1 << 21
"""Bytes of the input under a block: memory is read in long rows, and what has been read stays in the cache."""


class Block(NamedTuple):
    """A part of the output that is made in one go: whole bands of p rows of some images, in products of up to `across`
    columns."""

    batch: slice
    rows: slice
    columns: slice
    p: int
    across: int

    @property
    def bands(self) -> int:
        """The number of bands."""
        return int(self.rows.stop - self.rows.start) // self.p

    def pick(self, chosen: Array) -> Iterator[Block]:
        """The rows of the bands that are `chosen`, an array (bands, batch): each row of each image as a block."""
        for band, n in np.argwhere(chosen).tolist():
            image, first = self.batch.start + n, self.rows.start + band * self.p
            for row in range(first, first + self.p):
                yield Block(slice(image, image + 1), slice(row, row + 1), self.columns, 1, self.across)


class Steps(NamedTuple):
    """Which input rows are copied: every `step`-th; a band reads `taps` of these, the next one begins `apart` later."""

    step: int
    taps: int
    apart: int


@lru_cache(maxsize=256)
def steps(window: Window, p: int) -> Steps:
    """For bands of p rows: they read the rows ``r·stride + i·dilation``, multiples of the two's greatest divisor."""
    stride, dilation = window.stride[0], window.dilation[0]
    step = math.gcd(stride, dilation)
    return Steps(step, ((p - 1) * stride + (window.kernel[0] - 1) * dilation) // step + 1, p * stride // step)


def banded(weights: Array, window: Window, p: int) -> Array:
    """The matrices `(K, 1, p, taps·C·kw)`: row r holds the filter, r strides lower; all in one, `(K, …)`, if p = 1."""
    (filters, channels, kh, kw), (step, taps, _) = weights.shape, steps(window, p)
    turned = weights.transpose(0, 2, 1, 3)
    if p == 1 and taps == kh:
        return turned.reshape(filters, -1)
    matrix = np.zeros((filters, p, taps, channels, kw), weights.dtype)
    to_k, to_r, to_tap, to_c, to_x = matrix.strides
    lower, apart = window.stride[0] // step * to_tap, window.dilation[0] // step * to_tap
    places = np.ndarray(
        (filters, p, kh, channels, kw), matrix.dtype, matrix, 0, (to_k, to_r + lower, apart, to_c, to_x)
    )
    places[...] = turned[:, np.newaxis]
    return matrix.reshape((filters, -1) if p == 1 else (filters, 1, p, -1))


def blocks(out: tuple[int, ...], weights: tuple[int, ...], window: Window, threads: int) -> Iterator[Block]:
    """Cut an output of shape `out` into blocks, as many as keep `threads` threads busy.

    The products' shapes depend on the kernel and the output's width, on its height only at its lower end, and never on
    the number of threads.
    """
    batch, _, height, width = out
    shape = shape_of_products(weights, window, width, batch)
    images = shape.images
    parts = -(-batch // images) * -(-width // shape.wide)
    for rows, high in _rows(height, shape.p, shape.bands, -(-threads // parts)):
        for n in range(0, batch, images):
            for column in range(0, width, shape.wide):
                some, across = slice(n, min(n + images, batch)), slice(column, min(column + shape.wide, width))
                yield Block(some, rows, across, high, shape.columns)


def _rows(height: int, band: int, most: int, threads: int) -> Iterator[tuple[slice, int]]:
    """Slices of up to `most` bands of rows, and how high each of these is: less for what is left at the end."""
    bands = height // band
    slices = threads * max(1, round(bands / (most * threads)))
    each = band * max(1, -(-bands // slices))
    whole = bands * band
    for row in range(0, whole, each):
        yield slice(row, min(row + each, whole)), band
    if whole < height:
        yield slice(whole, height), height - whole


class Shape(NamedTuple):
    """Of blocks and their products: rows `p` of a band, up to so many `bands` and columns (`wide`) in a block; columns
    and images in a product."""

    p: int
    bands: int
    wide: int
    columns: int
    images: int


@lru_cache(maxsize=256)
def shape_of_products(weights: tuple[int, ...], window: Window, width: int, batch: int) -> Shape:
    """For an output of so many columns and images: the products small ones if they can be, the copies and the input of
    a block in the cache."""
    filters, channels, kh, kw = weights
    light = channels * kh * kw * width <= LIGHT
    p = 1 if filters > 1 or light else THIN if channels * kh <= FLAT else BAND
    _, taps, apart = steps(window, p)
    under = taps * channels * kw
    longest = SMALL // (p * filters * under)
    longest = LONG if longest < SHORTEST else min(longest, max(SHORT, UNDER // under), LONGEST)
    columns = -(-width // -(-width // longest))
    room = COPIES // (4 * channels * kw * columns * 3 * taps)  # else bands would share too few rows
    images = max(1, min(longest // columns, room, batch))
    bands = max((COPIES // (4 * channels * kw * columns * images) - taps) // apart + 1, -(-taps // apart))
    high = ((bands - 1) * apart + taps) * steps(window, p).step
    wide = columns * max(1, INPUT // (4 * channels * high * columns * window.stride[1]))
    return Shape(p, bands, wide, columns, images)


KEPT = 1 << 24
"""Bytes of strips that a thread keeps; what it made last it keeps in any case."""


class Layout:
    """What memory serves: blocks of one size, with as much border beside them, of images of some type and channels."""

    def __init__(self, block: Block, channels: int, window: Window, dtype: np.dtype[Any]) -> None:
        self.block, self.channels, self.window, self.dtype = block, channels, window, dtype

    def copies(self) -> Copies:
        """The memory of the calling thread."""
        return _own.made.get(self) or _own.make(self)


class _Own(threading.local):
    """The memory of a thread, the oldest first."""

    def __init__(self) -> None:
        self.made: dict[Layout, Copies] = {}

    def make(self, layout: Layout) -> Copies:
        new = Copies(layout)
        while self.made and sum(each.strip.nbytes for each in self.made.values()) + new.strip.nbytes > KEPT:
            del self.made[next(iter(self.made))]
        self.made[layout] = new
        return new


_own = _Own()


class Part(NamedTuple):
    """A block, the layout of its memory, the padded rows and columns under it, what of these is not border, and where
    that lies in the images and in the strip."""

    block: Block
    layout: Layout
    rows: slice
    columns: slice
    inside: Inside
    images: tuple[slice, ...]
    strip: tuple[slice, ...]


def parts(
    blocks: Iterable[Block], size: tuple[int, ...], pads: Pads, channels: int, window: Window, dtype: np.dtype[Any]
) -> tuple[Part, ...]:
    """The blocks of the output for images of some size; those that are alike share their layout."""
    layouts: dict[tuple[int, ...], Layout] = {}
    found = []
    for block in blocks:
        rows, columns = window.under(block.rows, block.columns)
        where = inside(size, pads, rows, columns)
        down, across, above, below, before, after = where
        lengths = (part.stop - part.start for part in block[:3])
        key = (*lengths, block.p, before, after)
        if key not in layouts:
            layouts[key] = Layout(block, channels, window, dtype)
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        every = slice(None)
        strip = every, every, slice(above, high - below), slice(before, wide - after)
        images = block.batch, every, down, across
        found.append(Part(block, layouts[key], rows, columns, where, images, strip))
    return tuple(found)


class Piece(NamedTuple):
    """Columns of a block that are made in one product: the input as it is to be copied, (rows, C, kw, N, columns); the
    copies; and these as the matrices of the products, which overlap, (bands, taps·C·kw, N·columns)."""

    columns: slice
    shifted: Array
    copies: Array
    matrices: Array


class Copies:
    """The strip, which is the input under a block (N, C, rows, columns), and the copies of it."""

    def __init__(self, layout: Layout) -> None:
        block, window, dtype = layout.block, layout.window, layout.dtype
        high, wide = (where.stop - where.start for where in window.under(block.rows, block.columns))
        self.block, self.images = block, block.batch.stop - block.batch.start
        self.columns = block.columns.stop - block.columns.start
        self.strip = np.zeros((self.images, layout.channels, high, wide), dtype)
        self.above = self.below = 0  # rows of the strip that hold zeros
        self.part: Part | None = None  # the block that was done last
        _, taps, apart = steps(window, block.p)
        self.gaps = taps != window.kernel[0]  # zeros of the matrices stand where no weight does
        self.shape = ((block.bands - 1) * apart + taps, layout.channels, window.kernel[1], self.images)
        # The copies are made anew each time, so all layouts share one memory, which is large enough for most of them.
        memory = buffer("copies", (max(prod(self.shape) * min(block.across, self.columns), COPIES // 4),), dtype)
        firsts = range(0, self.columns, block.across)
        self.pieces = [self._piece(window, n, min(n + block.across, self.columns), memory) for n in firsts]

    def _piece(self, window: Window, first: int, last: int, memory: Array) -> Piece:
        (step, taps, apart), (_, sw), (_, dw) = steps(window, self.block.p), window.stride, window.dilation
        (to_n, to_c, to_y, to_x), shape = self.strip.strides, (*self.shape, last - first)
        strides = step * to_y, to_c, dw * to_x, to_n, sw * to_x
        shifted = np.ndarray(shape, memory.dtype, self.strip, first * sw * to_x, strides)
        copies = memory[: prod(shape)].reshape(shape)
        to_row, _, to_copy, _, to_one = copies.strides
        under = self.block.bands, taps * prod(shape[1:3]), prod(shape[3:])
        matrices = np.ndarray(under, memory.dtype, copies, 0, (apart * to_row, to_copy, to_one))
        return Piece(slice(first, last), shifted, copies, matrices)

    def lay(self, images: PaddedImages, part: Part) -> None:
        """Write the input under a block to the strip; beside it, and where they already stand, zeros stay."""
        if images.border != "constant":
            images.lay(self.strip, part.block.batch, part.rows, part.columns, part.inside)
            return
        if part is not self.part:
            self._frame(part)
        np.copyto(self.inside, images.images[part.images])

    def _frame(self, part: Part) -> None:
        """Zeros above and below what is not border."""
        above, below = part.inside.above, part.inside.below
        if above > self.above:
            self.strip[:, :, :above] = 0
        if below > self.below:
            self.strip[:, :, -below:] = 0
        self.above, self.below = above, below
        self.part, self.inside = part, self.strip[part.strip]

    def multiply(self, matrix: Array, target: Array) -> None:
        """Multiply the copies of the strip, and write the products to `target` (N, K, rows, columns)."""
        lying = self.lying(target)
        for columns, shifted, copies, matrices in self.pieces:
            np.copyto(copies, shifted)
            if self.images == 1:
                np.matmul(matrix, matrices, out=lying[..., 0, columns])
            else:
                some = lying[..., columns]
                product = buffer("product", (*some.shape[:-2], matrices.shape[2]), matrices.dtype)
                some[...] = np.matmul(matrix, matrices, out=product).reshape(some.shape)

    def lying(self, target: Array) -> Array:
        """The same, as the products lie: (rows, K, N, columns), or (K, bands, p, N, columns)."""
        if self.block.p == 1:
            return target.transpose(2, 1, 0, 3)
        bands = target.reshape(*target.shape[:2], self.block.bands, self.block.p, self.columns)
        return bands.transpose(1, 2, 3, 0, 4)


SINGLE, SINGLE_FILTER = 200_000, 9_000
"""Multiplications of a product, and of that with a single filter, for which OpenBLAS wakes no thread of its own."""


def correlate_direct(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    prepared(images.images.shape[2:], images.pads, out.shape, weights.shape, window)(images, weights, bias, window, out)


class Direct:
    """How to cross-correlate images of one size with filters of one shape: what is looked up once for all calls."""

    def __init__(
        self, size: tuple[int, ...], pads: Pads, out: tuple[int, ...], weights: tuple[int, ...], window: Window
    ) -> None:
        self.size, self.pads, self.out, self.weights, self.window = size, pads, out, weights, window
        self.cost = direct_cost(out, weights, window)
        self.quiet = out[0] == 1 and prod(weights) * out[3] < (SINGLE if weights[0] > 1 else SINGLE_FILTER)
        self.cuts: dict[tuple[int, str], tuple[Part, ...]] = {}

    def __call__(self, images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
        """As `correlate_direct`."""
        threads = threads_for(self.cost)
        cut = self.cuts.get((threads, out.dtype.char)) or self._cut(threads, out.dtype)
        if len(cut) == 1 and self.quiet:
            self._do(cut[0], images, weights, banded(weights, window, cut[0].block.p), bias, out)
        else:
            matrices = {p: banded(weights, window, p) for p in {part.block.p for part in cut}}
            run_in_threads(
                lambda part: self._do(part, images, weights, matrices[part.block.p], bias, out), cut, threads
            )

    def _cut(self, threads: int, dtype: np.dtype[Any]) -> tuple[Part, ...]:
        cut = blocks(self.out, self.weights, self.window, threads)
        found = parts(cut, self.size, self.pads, self.weights[1], self.window, dtype)
        self.cuts[threads, dtype.char] = found
        return found

    @np.errstate(all="ignore")
    def _do(
        self, part: Part, images: PaddedImages, weights: Array, matrix: Array, bias: Array | None, out: Array
    ) -> None:
        """Write a block of the output."""
        block, copies = part.block, part.layout.copies()
        target = out[block.batch, :, block.rows, block.columns]
        copies.lay(images, part)
        copies.multiply(matrix, target)
        if bias is not None and bias.any():
            target += bias[:, None, None]
        if copies.gaps and (spoiled := _not_finite(target[:, 0, :: block.p])) is not None:
            for row in block.pick(spoiled.T):
                fill_block(images, weights, bias, self.window, row, out)


prepared = lru_cache(maxsize=256)(Direct)


def fill_block(
    images: PaddedImages, weights: Array, bias: Array | None, window: Window, block: Block, out: Array
) -> None:
    """Do a block so that no weight but the filters' own touches a value: one product, of a copy for each weight."""
    part = images.part(block.batch, *window.under(block.rows, block.columns))
    target = out[block.batch, :, block.rows, block.columns]
    (n, filters, rows, columns), (to_n, to_c, to_y, to_x) = target.shape, part.strides
    (sh, sw), (dh, dw), (_, channels, kh, kw) = window.stride, window.dilation, weights.shape
    places = to_n, to_c, dh * to_y, dw * to_x, sh * to_y, sw * to_x
    copies = as_strided(part, (n, channels, kh, kw, rows, columns), places).reshape(n, -1, rows * columns)
    target[...] = np.matmul(weights.reshape(filters, -1), copies).reshape(target.shape)
    if bias is not None:
        target += bias[:, None, None]


def _not_finite(rows: Array) -> Array | None:
    """Which rows (N, bands, columns) hold a value that is not finite, if any does: their sums tell."""
    sums = rows @ _ones(rows.shape[2], rows.dtype)
    return None if math.isfinite(sums.sum()) else np.logical_not(np.isfinite(sums))


@lru_cache(maxsize=64)
def _ones(count: int, dtype: np.dtype[Any]) -> Array:
    return np.ones(count, dtype)


def direct_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> float:
    """Multiplications, and copies counted as such."""
    p = shape_of_products(weights, window, out[3], out[0]).p
    taps = steps(window, p).taps * weights[0] + COPY + RUN / out[3]
    return prod(out[:1] + out[2:]) * weights[1] * weights[3] * taps
