"""Cross-correlation with the filters of a layer as a step, by the patches of `blocks`."""

from __future__ import annotations

import numpy as np

from cnnfx.layers import Array
from cnnfx.training.blocks import Blocks
from cnnfx.training.memory import Room

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
