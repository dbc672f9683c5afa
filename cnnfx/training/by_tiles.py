"""Cross-correlation with the filters of a layer as a step, by the `tiles` of minimal filtering."""

from __future__ import annotations

import numpy as np

from cnnfx.layers import Array
from cnnfx.training.memory import Room
from cnnfx.training.tiles import Tiles


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

    def __init__(self, room: Room, tiles: Tiles, filters: int, batch: int, dtype: np.dtype[np.generic]) -> None:
        (channels, height, width), rows, columns = tiles.blocks.shape, tiles.rows, tiles.columns
        high, wide = rows.pool * rows.count, columns.pool * columns.count
        self.lifted = room.apart("lifted", (channels, rows.numbers, columns.numbers, batch), dtype)
        self.products = room.apart("products", (filters, rows.numbers, columns.numbers, batch), dtype)
        self.rows_lifted = room("rows lifted", (channels, rows.numbers, width, batch), dtype)
        self.rows_landed = room("rows landed", (filters, high, columns.numbers, batch), dtype)
        self.outputs = room("outputs", (filters, high, wide, batch), dtype)
        self.dx = room("dx", (channels, height, width, batch), dtype)
        self.of_tiles = room("of tiles", (rows.points, rows.tiles, columns.points, filters, channels), dtype)
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
        self._room = Room()
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
            self._places[batch] = Workplace(self._room, self.bank.tiles, len(self.bank.bias), batch, numbers.dtype)
        return self._places[batch]


def _flat(numbers: Array) -> Array:
    """Rows of columns and images: `(C, H, W, N)` as `(C, H, W·N)`."""
    return numbers.reshape(*numbers.shape[:2], -1)
