"""Cross-correlation by minimal filtering, known as Winograd's: fewer multiplications, for many channels and filters.

`minimal` gives m outputs of a filter with r taps from n = m + r − 1 numbers; along rows and columns, a tile of m×m
outputs takes n² products for each filter and channel, where the plain sums take m²r²: 64 for 400, with 4×4 outputs of
5×5 kernels. The output is cut into pieces of a few tiles (see `pieces`). Along an axis, the transform of a piece is
one small matrix (`lift`), and so is the way back from the products (`land`):

    Y = land_y (U ⊙ (lift_y X lift_xᵀ)) land_xᵀ        U = G_y g G_xᵀ for each kernel g

Many pieces are done at a time, beside one another in the matrices that these are multiplied with; for each of the n²
points, the filters' numbers U (K, C) are multiplied with those of all pieces, which sums over channels. No array is
ever turned around for it: that is left to the matrix products, which read and write where the next one wants it.

Rounding errors are relative to the largest values under a piece, not to each output, and grow with the points and
the channels: in single precision they come to some 3·10⁻⁶ of the outputs' deviation, in double to 10⁻¹⁴.

A value that is not finite spoils all outputs of its piece (even a zero of the matrices makes NaN of it), and so does
one that overflows on the way, so the first output tells; the strip is then done directly. So are, always, the rows
that are left below the last strip if they are fewer than a tile's.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.conv import im2col as bands
from cnnfx.conv.im2col import correlate_direct, fill_block
from cnnfx.conv.padding import BAND_ROWS
from cnnfx.conv.winograd_transforms import POINTS, kernel_transform, land, lift
from cnnfx.system.blas import single_threaded
from cnnfx.system.memory import buffer
from cnnfx.system.threads import run_in_threads, threads_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnnfx.conv.geometry import Window

ROOM = 1 << 19
"""Numbers of a block between two products, at most: more would not stay in the cache."""

GATHERED, LEAST = 1 << 18, 4
"""Numbers of the input under a block, at most; but so many pieces side by side, for short rows are slow to copy."""

TOGETHER = 64
"""Pieces of a block: enough to fill the products."""

WIDER = 1
"""Tiles of so many more outputs than taps lose no more than single precision can spare (10⁻⁵)."""

TILES = 1, 2, 4
"""Tiles of a piece along an axis."""

LIFT, TURNED, LAND, PRODUCT = 5, 40, 5, 2
"""What a number costs beside its multiplications, counted in these: in the transform of the input along columns, in
that along rows, which turns the axes around, in those of the outputs, and in the products over channels."""

VECTOR = 16
"""Numbers that a product makes at a time; what is left over in a row takes as long as these."""

SLACK = 1.75
"""How much longer the transforms take than all that together, as measured beside the direct method: products this small
wait for memory and for one another."""

CALL, COPY = 1_500_000, 8
"""What the calls of NumPy for a column of pieces cost, and a number in a copy."""


class Axis(NamedTuple):
    """The pieces along an axis: `tiles` of `side` outputs each, of a kernel with some `taps`."""

    side: int
    taps: int
    tiles: int

    @property
    def points(self) -> int:
        """Numbers that a tile is transformed to."""
        return self.side + self.taps - 1

    @property
    def outputs(self) -> int:
        """Outputs of a piece."""
        return self.side * self.tiles

    @property
    def inputs(self) -> int:
        """Pixels under a piece."""
        return self.outputs + self.taps - 1

    @property
    def numbers(self) -> int:
        """Numbers that these pixels are transformed to."""
        return self.points * self.tiles


class Pieces(NamedTuple):
    """Pieces of some rows and columns, so many of them `together`, in blocks of up to so many columns `across`."""

    rows: Axis
    columns: Axis
    together: int
    across: int


class Block(NamedTuple):
    """A part of the output that is made in one go: strips of `high` rows of some images."""

    batch: slice
    rows: slice
    columns: slice
    high: int

    @property
    def strips(self) -> int:
        """The number of strips."""
        return int(self.rows.stop - self.rows.start) // self.high


def serves(window: Window) -> bool:
    """Whether minimal filtering can do it: neither stride nor dilation, and a kernel with fewer taps than points."""
    return (*window.stride, *window.dilation) == (1, 1, 1, 1) and max(window.kernel) <= len(POINTS)


@lru_cache(maxsize=256)
def pieces(out: tuple[int, ...], weights: tuple[int, ...]) -> Pieces:
    """The pieces that cost least for an output (N, K, Ho, Wo) of filters (K, C, kh, kw).

    Those of a single image do not depend on its height, for a band of it must be cut the same way.
    """
    if out[0] == 1 and out[2] != BAND_ROWS:
        return pieces((*out[:2], BAND_ROWS, out[3]), weights)
    rows, columns = min(
        product(axes(out[2], weights[2]), axes(out[3], weights[3])), key=lambda way: cost(out, weights, *way)
    )
    many = together(out, weights, rows, columns)
    wide = GATHERED // (weights[1] * many * rows.inputs * columns.outputs)
    return Pieces(rows, columns, many, columns.outputs * max(LEAST, wide))


def winograd_cost(out: tuple[int, ...], weights: tuple[int, ...]) -> float:
    """The cost of the best pieces, as `choose` counts it."""
    cut = pieces(out, weights)
    return cost(out, weights, cut.rows, cut.columns)


def together(out: tuple[int, ...], weights: tuple[int, ...], rows: Axis, columns: Axis) -> int:
    """Pieces that are done at a time: more of them where each is an image, for then the calls take longest."""
    filters, channels = weights[:2]
    numbers = rows.numbers * columns.numbers * (channels + filters) + columns.numbers * rows.outputs * filters
    whole = rows.outputs >= out[2] and columns.outputs >= out[3]
    return max(1, min((2 * ROOM if whole else ROOM) // numbers, TOGETHER))


def axes(length: int, taps: int) -> list[Axis]:
    """The pieces that an axis of so many outputs can be cut into."""
    most = min(len(POINTS) - taps + 1, taps + WIDER, length) if taps > 1 else 1
    sides = range(1, most + 1)
    return [Axis(side, taps, tiles) for side in sides for tiles in TILES if side * (tiles - 1) < length]


def cost(out: tuple[int, ...], weights: tuple[int, ...], rows: Axis, columns: Axis) -> float:
    """Multiplications in such pieces, and all else counted as such."""
    filters, channels = weights[:2]
    strips, across = out[0] * -(-out[2] // rows.outputs), -(-out[3] // columns.outputs)
    numbers, wide = rows.numbers * columns.numbers, _vectors(columns.outputs)
    lifted = rows.inputs * columns.numbers * (columns.inputs + TURNED) + numbers * (rows.inputs + LIFT)
    landed = columns.numbers * rows.outputs * (rows.numbers + LAND) + rows.outputs * wide * (columns.numbers + LAND)
    copied = rows.inputs * columns.outputs * COPY
    transforms = channels * (copied + lifted) + filters * landed
    piece = SLACK * transforms + numbers * _vectors(filters) * (channels + PRODUCT)
    calls = -(-strips // together(out, weights, rows, columns)) * across * CALL
    bank = filters * channels * rows.points * columns.points * (weights[2] * weights[3] + COPY)
    return calls + strips * across * piece + bank


def _vectors(count: int) -> int:
    return -(-count // VECTOR) * VECTOR


def blocks(out: tuple[int, ...], cut: Pieces) -> Iterator[Block]:
    """Cut an output of shape `out` into blocks."""
    batch, _, height, width = out
    for first in range(0, height, BAND_ROWS):
        for rows, high in _strips(first, min(first + BAND_ROWS, height), cut):
            images = _evenly(batch, max(1, cut.together * high // (rows.stop - rows.start)))
            for n, column in product(range(0, batch, images), range(0, width, cut.across)):
                columns = slice(column, min(column + cut.across, width))
                yield Block(slice(n, min(n + images, batch)), rows, columns, high)


def _strips(first: int, last: int, cut: Pieces) -> Iterator[tuple[slice, int]]:
    """Slices of rows in whole strips, and how high these are: less for what is left at the end."""
    high = cut.rows.outputs
    whole = (last - first) // high * high
    each = high * _evenly(max(1, whole // high), cut.together)
    for row in range(first, first + whole, each):
        yield slice(row, min(row + each, first + whole)), high
    if first + whole < last:
        yield slice(first + whole, last), last - first - whole


def _evenly(count: int, most: int) -> int:
    """How many of `count` to do at a time, at most so many: about as many each time."""
    return -(-count // -(-count // most))


if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Window
    from cnnfx.conv.padding import PaddedImages

    Array = NDArray[Any]

SUMMED = 32
"""Channels that are summed in one go: of more, the sum's rounding errors, which are multiplied on the way back, would
be too large."""


def correlate_winograd(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    if serves(window):
        cut = pieces(out.shape, weights.shape)
        with single_threaded(), np.errstate(all="ignore"):  # else BLAS's own threads would be in the way of ours
            bank = transformed(weights, cut)
            finite = math.isfinite(bank.sum())
        if finite:
            _all_blocks(images, weights, bank, bias, window, out, cut)
            return
    correlate_direct(images, weights, bias, window, out)


def transformed(weights: Array, cut: Pieces) -> Array:
    """U for all filters and channels, `(ny, 1, nx, C, K)`."""
    filters, channels, *taps = weights.shape
    kernels = weights.transpose(2, 3, 1, 0).reshape(math.prod(taps), -1)
    numbers = kernel_transform(cut.rows[:2], cut.columns[:2]).astype(weights.dtype) @ kernels
    return numbers.reshape(cut.rows.points, 1, cut.columns.points, channels, filters)


def _all_blocks(
    images: PaddedImages,
    weights: Array,
    bank: Array,
    bias: Array | None,
    window: Window,
    out: Array,
    cut: Pieces,
) -> None:
    threads = threads_for(winograd_cost(out.shape, weights.shape))

    def work(block: Block) -> None:
        if block.high < cut.rows.side:
            fill_block(images, weights, bias, window, _direct(block.batch, block.rows, block.columns), out)
            return
        _fill(images, bank, bias, block, cut, out)
        for strip in _spoiled(block, cut, out):
            fill_block(images, weights, bias, window, strip, out)

    run_in_threads(work, blocks(out.shape, cut), threads)


def _fill(images: PaddedImages, bank: Array, bias: Array | None, block: Block, cut: Pieces, out: Array) -> None:
    """Write a block of the output, one column of pieces after the other."""
    pixels = _pixels(images, block, cut)
    target = out[block.batch, :, block.rows, block.columns]
    batch, filters, _, width = target.shape
    lying = target.reshape(batch, filters, block.strips, block.high, width).transpose(3, 0, 2, 1, 4)
    for first in range(0, width, cut.columns.outputs):
        some = lying[..., first : first + cut.columns.outputs]
        under = pixels[..., first : first + some.shape[4] + cut.columns.taps - 1]
        _land(_products(_lift(under, cut), bank, bias), some, cut)


def _pixels(images: PaddedImages, block: Block, cut: Pieces) -> Array:
    """The input under a block, `(N·strips·C, rows, columns)`: copied unless it lies so in memory."""
    rows, columns = (
        slice(where.start, where.stop + axis.taps - 1)
        for where, axis in ((block.rows, cut.rows), (block.columns, cut.columns))
    )
    part = images.part(block.batch, rows, columns)
    (batch, channels, _, width), high = part.shape, block.high + cut.rows.taps - 1
    if block.strips == 1 and part.flags.c_contiguous:
        return part.reshape(-1, high, width)
    to_n, to_c, to_y, to_x = part.strides
    shape, to = (batch, block.strips, channels, high, width), (to_n, block.high * to_y, to_c, to_y, to_x)
    gathered = buffer("copies", shape, part.dtype)
    gathered[...] = as_strided(part, shape, to)
    return gathered.reshape(-1, high, width)


def _lift(pixels: Array, cut: Pieces) -> Array:
    """V, `(ny·tiles, nx·tiles, pieces·channels)`: of each point, the tiles stand in a row."""
    high, wide = pixels.shape[1] - cut.rows.taps + 1, pixels.shape[2] - cut.columns.taps + 1
    down, across = (
        lift(axis.side, axis.taps, length, pixels.dtype) for axis, length in ((cut.rows, high), (cut.columns, wide))
    )
    rows = buffer("rows", (pixels.shape[1], len(across), len(pixels)), pixels.dtype)
    np.matmul(across, pixels.transpose(1, 2, 0), out=rows)
    lifted = buffer("lifted", (len(down), len(across), len(pixels)), pixels.dtype)
    np.matmul(down, rows.transpose(1, 0, 2), out=lifted.transpose(1, 0, 2))
    return lifted


def _products(lifted: Array, bank: Array, bias: Array | None) -> Array:
    """The products summed over channels, `(ny·tiles, nx·tiles, pieces·K)`; the first points hold the bias."""
    down, _, across, channels, filters = bank.shape
    pieces = lifted.shape[2] // channels
    by_point = lifted.reshape(down, len(lifted) // down, across, -1, channels)
    products = buffer("product", (*by_point.shape[:4], filters), lifted.dtype)
    np.matmul(by_point[..., :SUMMED], bank[..., :SUMMED, :], out=products)
    for first in range(SUMMED, channels, SUMMED):
        some, more = slice(first, first + SUMMED), buffer("more", products.shape, products.dtype)
        products += np.matmul(by_point[..., some], bank[..., some, :], out=more)
    if bias is not None:
        products[0, :, 0] += bias
    return products.reshape(*lifted.shape[:2], pieces * filters)


def _land(products: Array, target: Array, cut: Pieces) -> None:
    """Write the outputs to `target` (rows, N, strips, K, columns)."""
    down, across = (
        land(axis.side, axis.taps, length, products.dtype)
        for axis, length in ((cut.rows, target.shape[0]), (cut.columns, target.shape[4]))
    )
    rows = buffer("landed", (len(target), *products.shape[1:]), products.dtype)
    np.matmul(down.T, products.transpose(1, 0, 2), out=rows.transpose(1, 0, 2))
    if target.shape[2] == 1 and target.strides[1] == target.shape[3] * target.strides[3]:
        target = target.reshape(len(target), 1, 1, -1, target.shape[4])
    np.matmul(np.moveaxis(rows.reshape(len(target), -1, *target.shape[1:4]), 1, 4), across, out=target)


def _spoiled(block: Block, cut: Pieces, out: Array) -> Iterator[bands.Block]:
    """The strips of which the first output of a piece is not finite."""
    first = out[block.batch, :, block.rows, block.columns][:, :, :: block.high, :: cut.columns.outputs]
    if math.isfinite(first.sum()):
        return
    for n, strip in np.argwhere(~np.isfinite(first).all(axis=(1, 3))).tolist():
        image, row = block.batch.start + n, block.rows.start + strip * block.high
        yield _direct(slice(image, image + 1), slice(row, row + block.high), block.columns)


def _direct(batch: slice, rows: slice, columns: slice) -> bands.Block:
    return bands.Block(batch, rows, columns, rows.stop - rows.start, columns.stop - columns.start)
