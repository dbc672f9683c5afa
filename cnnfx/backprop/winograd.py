"""Tiles of outputs made by minimal filtering, with all that surrounds them in four small matrices.

`engine.minimal` gives m outputs of a filter with r taps from n = m + r − 1 numbers. An image is covered by patches of
n×n pixels that overlap by r − 1, each giving a tile of m×m outputs; applied to rows and to columns, a tile takes n²
products for each filter and channel, where the plain sums take m²r²: 64 for 400, with 4×4 outputs of 5×5 kernels.

Every step along one axis of an image is linear. So padding, cutting into patches and the transform B of each patch
are one matrix, `lift`, from the pixels along the axis to n numbers per tile; the transform Aᵀ of each tile, dropping
what hangs over the edge, and the order that the pooling wants are another, `land`:

    Y = land_y (U ⊙ (lift_y X lift_xᵀ)) land_xᵀ        U = G_y g G_xᵀ for each kernel g

These matrices are mostly zeros, which costs little while images are as small as those that are learned from: they
are few rows for many columns, and nothing is ever copied. For large images, or one input channel, the products that
are saved are not worth the transforms, and `blocks` serves; `Tiles.cost` and `Blocks.cost` tell which is less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from cnnfx.backprop.im2col import Blocks
from cnnfx.conv.padding import OUTSIDE, sources
from cnnfx.conv.winograd_transforms import POINTS, Matrix, kernel_transform, land, lift
from cnnfx.nn.layers import Array
from cnnfx.system.memory import Workspace


@dataclass(frozen=True)
class Axis:
    """The rows of images, or the columns, as tiles.

    Parameters
    ----------
    size, before, after : int
        Pixels, and pixels of padding.
    border : str
    taps : int
        Of the kernel.
    pool, count : int
        Outputs to a block along the axis, and blocks.
    side : int
        m, outputs to a tile.
    """

    size: int
    before: int
    after: int
    border: str
    taps: int
    pool: int
    count: int
    side: int

    @property
    def points(self) -> int:
        """n: numbers in a patch, and as many after each transform."""
        return self.side + self.taps - 1

    @property
    def tiles(self) -> int:
        """Tiles, the last of which may hang over the edge."""
        return -(-self.pool * self.count // self.side)

    @property
    def numbers(self) -> int:
        """Numbers after the transform of all patches."""
        return self.points * self.tiles

    @cached_property
    def lift(self) -> Matrix:
        """From the pixels to the transformed patches, `(n·tiles, size)`; of each point, the tiles stand in a row."""
        padded = lift(self.side, self.taps, self.pool * self.count)
        matrix = np.zeros((self.numbers, self.size))
        for column, place in zip(padded.T, sources(self.size, self.before, self.after, self.border), strict=False):
            if place != OUTSIDE:
                matrix[:, place] += column
        return matrix

    @cached_property
    def land(self) -> Matrix:
        """From the products to the outputs, `(p·count, n·tiles)`: the first output of each block, then the second."""
        outputs = land(self.side, self.taps, self.pool * self.count).T.reshape(self.count, self.pool, self.numbers)
        return np.ascontiguousarray(outputs.swapaxes(0, 1)).reshape(-1, self.numbers)


@dataclass(frozen=True)
class Tiles:
    """The tiles of a layer's outputs.

    Parameters
    ----------
    blocks : Blocks
        Of the same layer, at stride and dilation 1.
    rows, columns : Axis
    """

    blocks: Blocks
    rows: Axis
    columns: Axis

    def expand(self, weights: Array) -> Array:
        """U, `(ny, nx, K, C)`, from weights `(K, C, kh, kw)`."""
        transformed = self._kernel.astype(weights.dtype) @ weights.reshape(-1, math.prod(weights.shape[2:])).T
        return transformed.reshape(self.rows.points, self.columns.points, *weights.shape[:2])

    def fold(self, gradient: Array) -> Array:
        """The gradient of the weights from that of U: as U = G_y g G_xᵀ, dg = G_yᵀ dU G_x."""
        kernels = self._kernel.T.astype(gradient.dtype) @ gradient.reshape(-1, math.prod(gradient.shape[2:]))
        return kernels.T.reshape(*gradient.shape[2:], self.rows.taps, self.columns.taps)

    @cached_property
    def _kernel(self) -> Matrix:
        """The transform of a kernel's rows and columns at once, `(ny·nx, kh·kw)`."""
        return kernel_transform((self.rows.side, self.rows.taps), (self.columns.side, self.columns.taps))

    def cost(self, filters: int) -> int:
        """Multiplications for one image forward, with the zeros of the matrices."""
        rows, columns, channels = self.rows, self.columns, self.blocks.shape[0]
        lifting = rows.numbers * columns.size * (rows.size + columns.numbers)
        landing = rows.pool * rows.count * columns.numbers * (rows.numbers + columns.pool * columns.count)
        return channels * lifting + rows.numbers * columns.numbers * channels * filters + filters * landing


def cheapest(blocks: Blocks, filters: int) -> Tiles | Blocks:
    """The way that takes the fewest multiplications for so many filters: tiles, and of which size, or blocks."""
    window = blocks.window
    if (*window.stride, *window.dilation) != (1, 1, 1, 1):
        return blocks
    rows, columns = (
        [
            Axis(size, *pads, window.border, taps, blocks.pool, count, side)
            for side in range(1, min(len(POINTS) - taps + 1, blocks.pool * count) + 1)
        ]
        for size, pads, taps, count in zip(blocks.shape[1:], blocks.pads, window.kernel, blocks.count, strict=True)
    )
    ways: list[Tiles | Blocks] = [blocks, *(Tiles(blocks, *both) for both in product(rows, columns))]
    return min(ways, key=lambda way: way.cost(filters))


class TileBank:
    """The filters transformed, and the matrices that transform images and outputs."""

    def __init__(self, tiles: Tiles, weights: Array, bias: Array) -> None:
        self.tiles, self.weights, self.bias = tiles, weights, bias[:, np.newaxis, np.newaxis, np.newaxis]
        self.lift_rows, self.lift_columns = (axis.lift.astype(weights.dtype) for axis in (tiles.rows, tiles.columns))
        self.land_rows, self.land_columns = (axis.land.astype(weights.dtype) for axis in (tiles.rows, tiles.columns))

    def refresh(self) -> None:
        """Transform the filters, at first and after the weights have changed."""
        self.transformed = self.tiles.expand(self.weights)[:, np.newaxis]

    def step(self, wants_input: bool = True) -> TileFilters:
        """A step with these filters."""
        return TileFilters(self, wants_input)


class Workplace:
    """Memory for batches of one size, and views of it: of what is between two matrices, as each of them sees it.

    To make a view takes longer than many a product, and holds up the other threads, so they are made once.

    Attributes
    ----------
    lifted : array (C, n·rows of tiles, n·columns of tiles, N)
        V of `TileFilters`; `products`, of K in place of C, is M.
    lifted_by_point : array (ny, rows of tiles, nx, C, columns of tiles·N)
        For each pair of points, matrices to multiply; `products_by_point` likewise.
    first_products : array (K, rows of tiles, columns of tiles, N)
        Of the first pair of points.
    y : array (p, p, K, bh, bw, N)
        The outputs as the pooling wants them.
    """

    def __init__(
        self, workspace: Workspace, tiles: Tiles, filters: int, batch: int, dtype: np.dtype[np.generic]
    ) -> None:
        (channels, height, width), rows, columns = tiles.blocks.shape, tiles.rows, tiles.columns
        high, wide = rows.pool * rows.count, columns.pool * columns.count
        self.lifted = workspace.spaced_array("lifted", (channels, rows.numbers, columns.numbers, batch), dtype)
        self.products = workspace.spaced_array("products", (filters, rows.numbers, columns.numbers, batch), dtype)
        self.rows_lifted = workspace.array("rows lifted", (channels, rows.numbers, width, batch), dtype)
        self.rows_landed = workspace.array("rows landed", (filters, high, columns.numbers, batch), dtype)
        self.outputs = workspace.array("outputs", (filters, high, wide, batch), dtype)
        self.dx = workspace.array("dx", (channels, height, width, batch), dtype)
        self.of_tiles = workspace.array("of tiles", (rows.points, rows.tiles, columns.points, filters, channels), dtype)
        self.lifted_by_point, self.products_by_point = (
            numbers.reshape(-1, rows.points, rows.tiles, columns.points, columns.tiles * batch).transpose(1, 2, 3, 0, 4)
            for numbers in (self.lifted, self.products)
        )
        self.first_products = self.products[:, : rows.tiles, : columns.tiles]
        split = self.outputs.reshape(filters, rows.pool, rows.count, columns.pool, columns.count, batch)
        self.y = split.transpose(1, 3, 0, 2, 4, 5)


class TileFilters:
    """Cross-correlation with K filters by minimal filtering: `(C, H, W, N)` to `(p, p, K, bh, bw, N)`.

    Along rows and columns, x is lifted to V = L_y x L_xᵀ; for each pair of points (i, j) the filters' numbers U_ij
    (K, C) multiply those of the images, M_ij = U_ij·V_ij; and the outputs are Y = O_y M O_xᵀ (see `tiles`). All of it
    is linear in V and in U, so the gradients take the same matrices transposed, in the opposite order:

        dM = O_yᵀ dY O_x        dU_ij = dM_ij·V_ijᵀ        dV_ij = U_ijᵀ·dM_ij        dx = L_yᵀ dV L_x

    The bias is added to the products of the first points, which add to all outputs alike; so its gradient is the sum
    of dM there. `gradient` holds those of weights and bias after `backward`.
    """

    def __init__(self, bank: TileBank, wants_input: bool = True) -> None:
        self.bank, self.wants_input = bank, wants_input
        self.gradient: tuple[Array, Array] = (np.empty(0), np.empty(0))
        self._workspace = Workspace()
        self._places: dict[int, Workplace] = {}

    def forward(self, x: Array) -> Array:
        """The outputs `(p, p, K, bh, bw, N)` of a batch `(C, H, W, N)`; the same array for all batches of a size."""
        bank, place = self.bank, self._place(x)
        np.matmul(bank.lift_rows, _flat(x), out=_flat(place.rows_lifted))
        np.matmul(bank.lift_columns, place.rows_lifted, out=place.lifted)
        np.matmul(bank.transformed, place.lifted_by_point, out=place.products_by_point)
        np.add(place.first_products, bank.bias, out=place.first_products)
        np.matmul(bank.land_rows, _flat(place.products), out=_flat(place.rows_landed))
        np.matmul(bank.land_columns, place.rows_landed, out=place.outputs)
        return place.y

    def backward(self, dy: Array) -> Array:
        """The gradient of the input; those of weights and bias are kept."""
        bank, place = self.bank, self._place(dy)
        if dy is not place.y:
            place.y[...] = dy
        np.matmul(bank.land_columns.T, place.outputs, out=place.rows_landed)
        np.matmul(bank.land_rows.T, _flat(place.rows_landed), out=_flat(place.products))
        np.matmul(place.products_by_point, place.lifted_by_point.swapaxes(-1, -2), out=place.of_tiles)
        self.gradient = bank.tiles.fold(place.of_tiles.sum(axis=1)), place.first_products.sum(axis=(1, 2, 3))
        if not self.wants_input:
            return np.empty(0, dy.dtype)
        np.matmul(bank.transformed.swapaxes(-1, -2), place.products_by_point, out=place.lifted_by_point)
        np.matmul(bank.lift_columns.T, place.lifted, out=place.rows_lifted)
        np.matmul(bank.lift_rows.T, _flat(place.rows_lifted), out=_flat(place.dx))
        return place.dx

    def _place(self, numbers: Array) -> Workplace:
        """Where batches of this size are worked on."""
        batch = numbers.shape[-1]
        if batch not in self._places:
            self._places[batch] = Workplace(self._workspace, self.bank.tiles, len(self.bank.bias), batch, numbers.dtype)
        return self._places[batch]


def _flat(numbers: Array) -> Array:
    """Rows of columns and images: `(C, H, W, N)` as `(C, H, W·N)`."""
    return numbers.reshape(*numbers.shape[:2], -1)
