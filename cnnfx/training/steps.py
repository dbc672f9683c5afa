"""What a layer does to a batch, step by step, forward and backward.

A step is a function y = f(x). `forward` computes y and keeps what `backward` needs; `backward` is given the gradient of
the loss with respect to y, written dy, and gives that with respect to x, dx: the chain rule, one link at a time.
Batches are `(C, H, W, N)`; between the filters and the pooling, `(p·p, K, H, W, N)`: the p·p outputs of each block that
is pooled to one (see `blocks`). A step may overwrite what it is given.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from cnnfx.layers import Array
from cnnfx.training.blocks import Blocks

CACHED = 1 << 21
"""Bytes that stay in a core's second-level cache beside what they are made from."""


class Step(Protocol):
    """A link of the chain."""

    def forward(self, x: Array) -> Array:
        """y = f(x)."""

    def backward(self, dy: Array) -> Array:
        """dx, from dy."""


class Bank:
    """The filters of a layer as the matrix of their shifted copies, shared by all that work on a batch."""

    def __init__(self, blocks: Blocks, weights: Array, bias: Array) -> None:
        self.blocks, self.weights, self.bias = blocks, weights, bias
        self.refresh()

    def refresh(self) -> None:
        """Make the matrix anew, after the weights have changed."""
        self.matrix = self.blocks.expand(self.weights, self.bias)


class Filters:
    """Cross-correlation with K filters: `(C, H, W, N)` to `(p·p, K, bh, bw, N)`.

    With the patches as columns of P, and a row of ones below them for the bias, and the filters' copies as rows of M,
    the outputs are Y = M·P, a sum of products y_ij = Σ m_ik p_kj. Each m_ik stands in the outputs of row i, times p_kj;
    each p_kj in those of column j, times m_ik. So

        dM = dY·Pᵀ        dP = Mᵀ·dY

    and dx is dP summed where patches overlap. `gradient` holds dM after `backward`.
    """

    def __init__(self, bank: Bank, wants_input: bool = True) -> None:
        self.bank, self.wants_input = bank, wants_input
        self.gradient: Array = np.empty(0)
        self._room: dict[str, Array] = {}

    def forward(self, x: Array) -> Array:
        """The outputs `(p·p, K, bh, bw, N)` of a batch `(C, H, W, N)`."""
        blocks, matrix, batch = self.bank.blocks, self.bank.matrix, x.shape[3]
        columns = blocks.count[0] * blocks.count[1] * batch
        self._patches = self._own("patches", (blocks.numbers + 1, columns), x.dtype)
        blocks.gather(x, self._patches[:-1])
        self._patches[-1] = 1
        product = np.matmul(matrix, self._patches, out=self._own("product", (len(matrix), columns), x.dtype))
        return product.reshape(blocks.pool**2, -1, *blocks.count, batch)

    def backward(self, dy: Array) -> Array:
        """The gradient of the input; that of the matrix is kept."""
        product = dy.reshape(len(self.bank.matrix), -1)
        self.gradient = product @ self._patches.T
        if not self.wants_input:
            return np.empty(0, dy.dtype)
        blocks = self.bank.blocks
        padded = self._own("dx", (*blocks.padded, dy.shape[-1]), dy.dtype)
        padded[...] = 0
        each = blocks.taps[0] * blocks.taps[1]
        some = max(1, CACHED // (each * product[0].nbytes))
        for first in range(0, blocks.shape[0], some):
            channels = slice(first, min(first + some, blocks.shape[0]))
            rows = self.bank.matrix[:, channels.start * each : channels.stop * each].T
            patches = self._own("d patches", (len(rows), product.shape[1]), dy.dtype)
            blocks.scatter(np.matmul(rows, product, out=patches), channels, padded)
        return blocks.unpad(padded)

    def _own(self, name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
        """Memory that is used again for the next batch: fresh memory is slow."""
        size = int(np.prod(shape))
        room = self._room.get(name)
        if room is None or room.size < size or room.dtype != dtype:
            room = self._room[name] = np.empty(size, dtype)
        return room[:size].reshape(shape)


class MaxPool:
    """The largest of each block: `(p·p, K, H, W, N)` to `(K, H, W, N)`.

    y = x_w for the winner w, so dy goes to the winner alone; of equals the first wins.
    """

    def forward(self, x: Array) -> Array:
        """The largest values."""
        self._x = x
        best: Array = x[0].copy()
        self._better = np.empty((len(x) - 1, *best.shape), bool)
        for better, candidate in zip(self._better, x[1:], strict=True):
            np.greater(candidate, best, out=better)
            np.maximum(candidate, best, out=best)
        return best

    def backward(self, dy: Array) -> Array:
        """dy where the winners are, zero elsewhere."""
        dx, unclaimed = self._x, np.ones(dy.shape, bool)
        for index in range(len(dx) - 1, 0, -1):  # the last one that was better than all before it has won
            better = self._better[index - 1]
            np.multiply(dy, better & unclaimed, out=dx[index])
            np.greater(unclaimed, better, out=unclaimed)  # unclaimed and not better
        np.multiply(dy, unclaimed, out=dx[0])
        return dx


class MeanPool:
    """The mean of each block: `(p·p, K, H, W, N)` to `(K, H, W, N)`; y = Σ x_i / p², so each dx_i = dy / p²."""

    def forward(self, x: Array) -> Array:
        """The means."""
        self._count = len(x)
        return x.mean(axis=0)  # type: ignore[no-any-return]

    def backward(self, dy: Array) -> Array:
        """dy spread over the block."""
        return np.repeat(dy[np.newaxis] / self._count, self._count, axis=0)


class Unpooled:
    """A block of one output is that output: `(1, K, H, W, N)` to `(K, H, W, N)`."""

    def forward(self, x: Array) -> Array:
        """The outputs."""
        y: Array = x[0]
        return y

    def backward(self, dy: Array) -> Array:
        """The same gradient."""
        return dy[np.newaxis]


class Relu:
    """y = max(x, 0): its slope is 1 where x is positive, else 0."""

    def forward(self, x: Array) -> Array:
        """The positive part."""
        self._on = x > 0
        return np.maximum(x, 0, out=x)

    def backward(self, dy: Array) -> Array:
        """dy where x was positive."""
        return np.multiply(dy, self._on, out=dy)


class Absolute:
    """y = |x|: its slope is the sign of x."""

    def forward(self, x: Array) -> Array:
        """The magnitude."""
        self._sign = np.sign(x)
        return np.abs(x, out=x)

    def backward(self, dy: Array) -> Array:
        """dy with the sign of x."""
        return np.multiply(dy, self._sign, out=dy)


class Affine:
    """A dense layer, Y = W·X + b: `(C, H, W, N)`, flattened in this order to F numbers per image, to `(K, N)` scores.

    As for the filters: dW = dY·Xᵀ, dX = Wᵀ·dY; and db is the sum of dY over the batch. `gradient` holds (dW, db).
    """

    def __init__(self, weights: Array, bias: Array) -> None:
        self.weights, self.bias = weights, bias
        self.gradient: tuple[Array, Array] = (np.empty(0), np.empty(0))

    def forward(self, x: Array) -> Array:
        """The scores."""
        self._shape, self._x = x.shape, x.reshape(-1, x.shape[-1])
        return self.weights @ self._x + self.bias[:, np.newaxis]

    def backward(self, dy: Array) -> Array:
        """The gradient of the input; those of the weights and the bias are kept."""
        self.gradient = dy @ self._x.T, dy.sum(axis=1)
        return (self.weights.T @ dy).reshape(self._shape)
