"""How an output is cut into pieces of tiles for minimal filtering, and what that costs (see `winograd`)."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from cnnfx.engine.borders import BAND_ROWS
from cnnfx.engine.minimal import POINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnnfx.engine.geometry import Window

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
