"""Cross-correlation with the filters of a layer as a step, in two ways: by the patches of blocks, or by tiles.

A bank is what all that work on a batch share of a layer's filters: the matrices made from them, by `refresh`. `bank` chooses the
way that takes fewer multiplications. Both give the outputs as `(p, p, K, bh, bw, N)`, see `steps`.
"""

from __future__ import annotations

import math

import numpy as np

from cnnfx.layers import Array
from cnnfx.training.blocks import Blocks
from cnnfx.training.memory import Room
from cnnfx.training.tiles import Tiles, cheapest

CACHED = 1 << 21
"""Bytes that stay in a core's second-level cache beside what they are made from."""


class PatchBank:
    """The filters as the matrix of their shifted copies."""

    def __init__(self, blocks: Blocks, weights: Array, bias: Array) -> None:
        self.blocks, self.weights, self.bias = blocks, weights, bias

    def refresh(self) -> None:
        """Make the matrix, at first and after the weights have changed."""
        self.matrix = self.blocks.expand(self.weights, self.bias)

    def step(self, wants_input: bool = True) -> PatchFilters:
        """A step with these filters."""
        return PatchFilters(self, wants_input)


class TileBank:
    """The filters transformed, and the matrices that transform images and outputs."""

    def __init__(self, tiles: Tiles, weights: Array, bias: Array) -> None:
        self.tiles, self.weights, self.bias = tiles, weights, bias
        axes = tiles.rows, tiles.columns
        self.lift = [axis.lift.astype(weights.dtype) for axis in axes]
        self.land = [axis.land.astype(weights.dtype) for axis in axes]

    def refresh(self) -> None:
        """Transform the filters, at first and after the weights have changed."""
        self.transformed = self.tiles.expand(self.weights)

    def step(self, wants_input: bool = True) -> TileFilters:
        """A step with these filters."""
        return TileFilters(self, wants_input)


def bank(blocks: Blocks, weights: Array, bias: Array) -> PatchBank | TileBank:
    """The filters of a layer, to be used in the cheapest way."""
    way = cheapest(blocks, len(weights))
    return TileBank(way, weights, bias) if isinstance(way, Tiles) else PatchBank(way, weights, bias)


class PatchFilters:
    """Cross-correlation with K filters: `(C, H, W, N)` to `(p, p, K, bh, bw, N)`.

    With the patches as columns of P, and a row of ones below them for the bias, and the filters' copies as rows of M,
    the outputs are Y = M·P, a sum of products y_ij = Σ m_ik p_kj. Each m_ik stands in the outputs of row i, times p_kj;
    each p_kj in those of column j, times m_ik. So

        dM = dY·Pᵀ        dP = Mᵀ·dY

    and dx is dP summed where patches overlap. `gradient` holds those of weights and bias after `backward`.
    """

    def __init__(self, bank: PatchBank, wants_input: bool = True) -> None:
        self.bank, self.wants_input = bank, wants_input
        self.gradient: tuple[Array, Array] = (np.empty(0), np.empty(0))
        self._room = Room()

    def forward(self, x: Array) -> Array:
        """The outputs `(p, p, K, bh, bw, N)` of a batch `(C, H, W, N)`."""
        blocks, matrix, batch = self.bank.blocks, self.bank.matrix, x.shape[3]
        columns = blocks.count[0] * blocks.count[1] * batch
        self._patches = self._room("patches", (blocks.numbers + 1, columns), x.dtype)
        blocks.gather(x, self._patches[:-1])
        self._patches[-1] = 1
        product = np.matmul(matrix, self._patches, out=self._room("product", (len(matrix), columns), x.dtype))
        return product.reshape(blocks.pool, blocks.pool, -1, *blocks.count, batch)

    def backward(self, dy: Array) -> Array:
        """The gradient of the input; those of weights and bias are kept."""
        product = dy.reshape(len(self.bank.matrix), -1)
        self.gradient = self.bank.blocks.fold(product @ self._patches.T)
        if not self.wants_input:
            return np.empty(0, dy.dtype)
        blocks = self.bank.blocks
        padded = self._room("dx", (*blocks.padded, dy.shape[-1]), dy.dtype)
        padded[...] = 0
        each = blocks.taps[0] * blocks.taps[1]
        some = max(1, CACHED // (each * product[0].nbytes))
        for first in range(0, blocks.shape[0], some):
            channels = slice(first, min(first + some, blocks.shape[0]))
            rows = self.bank.matrix[:, channels.start * each : channels.stop * each].T
            patches = self._room("d patches", (len(rows), product.shape[1]), dy.dtype)
            blocks.scatter(np.matmul(rows, product, out=patches), channels, padded)
        return blocks.unpad(padded)


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

    def forward(self, x: Array) -> Array:
        """The outputs `(p, p, K, bh, bw, N)` of a batch `(C, H, W, N)`."""
        bank, blocks = self.bank, self.bank.tiles.blocks
        self._lifted = self._along(bank.lift, x, ("halfway in", "lifted"))
        shape = len(bank.bias), *self._lifted.shape[1:]
        self._products = self._room.apart("products", shape, x.dtype)
        np.matmul(bank.transformed[:, None], self._by_point(self._lifted), out=self._by_point(self._products))
        first = self._of_first_points(self._products)
        first += bank.bias[:, None, None, None]
        y = self._along(bank.land, self._products, ("halfway out", "outputs"))
        p, (bh, bw) = blocks.pool, blocks.count
        return y.reshape(-1, p, bh, p, bw, x.shape[3]).transpose(1, 3, 0, 2, 4, 5)

    def backward(self, dy: Array) -> Array:
        """The gradient of the input; those of weights and bias are kept."""
        bank = self.bank
        outputs = dy.transpose(2, 0, 3, 1, 4, 5).reshape(dy.shape[2], len(bank.land[0]), len(bank.land[1]), -1)
        products = self._back_along(bank.land, outputs, ("halfway out", "products"))
        lifted = self._by_point(self._lifted)
        of_tiles = self._room("of tiles", (*lifted.shape[:3], dy.shape[2], lifted.shape[3]), dy.dtype)
        np.matmul(self._by_point(products), lifted.swapaxes(-1, -2), out=of_tiles)
        self.gradient = bank.tiles.fold(of_tiles.sum(axis=1)), self._of_first_points(products).sum(axis=(1, 2, 3))
        if not self.wants_input:
            return np.empty(0, dy.dtype)
        np.matmul(bank.transformed[:, None].swapaxes(-1, -2), self._by_point(products), out=lifted)
        return self._back_along(bank.lift, self._lifted, ("halfway in", "dx"))

    def _along(self, matrices: list[Array], x: Array, names: tuple[str, str]) -> Array:
        """R x Sᵀ for matrices R and S and each channel and image of x `(C, H, W, N)`, in the memory of these names."""
        (rows, columns), (channels, height, width, batch) = matrices, x.shape
        halfway = self._room(names[0], (channels, len(rows), width * batch), x.dtype)
        np.matmul(rows, x.reshape(channels, height, width * batch), out=halfway)
        result = self._room.apart(names[1], (channels, len(rows), len(columns), batch), x.dtype)
        return np.matmul(columns, halfway.reshape(channels, len(rows), width, batch), out=result)

    def _back_along(self, matrices: list[Array], dy: Array, names: tuple[str, str]) -> Array:
        """The gradient of x, where y is what `_along` makes of it: Rᵀ dy S."""
        rows, columns = matrices
        channels, _, _, batch = dy.shape
        halfway = self._room(names[0], (channels, len(rows), columns.shape[1], batch), dy.dtype)
        np.matmul(columns.T, dy, out=halfway)
        dx = self._room(names[1], (channels, rows.shape[1], columns.shape[1], batch), dy.dtype)
        np.matmul(rows.T, halfway.reshape(channels, len(rows), -1), out=dx.reshape(channels, rows.shape[1], -1))
        return dx

    def _by_point(self, numbers: Array) -> Array:
        """A view `(ny, rows of tiles, nx, C, columns of tiles·N)`: for each pair of points, matrices to multiply."""
        rows, columns = self.bank.tiles.rows, self.bank.tiles.columns
        split = numbers.reshape(len(numbers), rows.points, rows.tiles, columns.points, -1)
        return split.transpose(1, 2, 3, 0, 4)

    def _of_first_points(self, numbers: Array) -> Array:
        """A view of the numbers of the first pair of points, `(C, rows of tiles, columns of tiles, N)`."""
        return numbers[:, : self.bank.tiles.rows.tiles, : self.bank.tiles.columns.tiles]
