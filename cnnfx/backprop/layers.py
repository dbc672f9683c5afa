"""Layers with forward and backward passes on batches: activations, pooling, channel combinations, linear.

Each operation is a function y = f(x). `forward` computes y and keeps what `backward` needs; `backward` takes the
gradient of the loss with respect to y, written dy, and returns the gradient with respect to x, written dx (the chain
rule). Cross-correlation is in `im2col` and `winograd`.

Batches are arrays `(C, H, W, N)`: the same pixel of all N images is contiguous in memory. Between a cross-correlation
and the pooling that follows it they are `(p, p, K, H, W, N)`: the p×p values of each pooling block, p = 1 without
pooling. An operation may overwrite its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from cnnfx.nn.layers import Array, Combination, Layer, Pool
from cnnfx.system.memory import Workspace


class Operation(Protocol):
    """A function of a batch with a forward and a backward pass."""

    def forward(self, x: Array) -> Array:
        """Return y = f(x)."""

    def backward(self, dy: Array) -> Array:
        """Return dx, given dy."""


def operations_after_filters(layer: Layer, norm: Operation | None = None) -> list[Operation]:
    """Return the operations of a layer that follow its filters: combination, normalization, activation, pooling.

    Normalization and ReLU are applied after max pooling: they increase with x, so max(f(x)) = f(max(x)), and the pooled
    maps have p² times fewer values. The normalization is then that of the pooled values.

    Parameters
    ----------
    layer : Layer
    norm : Operation, optional
        The normalization; none by default.
    """
    kind = layer.activation.kind
    combine: list[Operation] = [Combine(layer.combine)] if layer.combine else []
    activation = [*([norm] if norm else []), *([ACTIVATIONS[kind]()] if kind != "none" else [])]
    pool: Operation = NoPool() if layer.pool is None else pooling(layer.pool)
    if isinstance(pool, MaxPool) and kind == "relu":
        return [*combine, pool, *activation]
    return [*combine, *activation, pool]


def pooling(pool: Pool) -> Operation:
    """Return the operation of a pooling of adjacent blocks or of whole maps."""
    return GLOBAL_POOLS[pool.kind]() if pool.is_global else POOLS[pool.kind]()


class ReLU:
    """y = max(x, 0), so dx = dy where x > 0, else 0."""

    def __init__(self) -> None:
        self._workspace = Workspace()

    def forward(self, x: Array) -> Array:
        """Return max(x, 0), in place."""
        self._positive = np.greater(x, 0, out=self._workspace.array("positive", x.shape, bool))
        y: Array = np.multiply(x, self._positive, out=x)  # faster than np.maximum(x, 0)
        return y

    def backward(self, dy: Array) -> Array:
        """Return dy where x > 0, else 0, in place."""
        dx: Array = np.multiply(dy, self._positive, out=dy)
        return dx


class Abs:
    """y = |x|, so dx = sign(x)·dy."""

    def forward(self, x: Array) -> Array:
        """Return |x|, in place."""
        self._sign = np.sign(x)
        return np.abs(x, out=x)

    def backward(self, dy: Array) -> Array:
        """Return sign(x)·dy, in place."""
        return np.multiply(dy, self._sign, out=dy)


class MaxPool:
    """The maximum of each block: `(p, p, K, H, W, N)` to `(K, H, W, N)`.

    The maximum of each row of a block, and then of the rows, is computed by comparing pairs. For one pair,
    y = max(a, b), so dy goes to the larger value, and to the first of equal values: db = dy where b > a, else 0, and
    da = dy − db.
    """

    def __init__(self) -> None:
        self._workspace = Workspace()
        self._x = np.empty(0)

    def forward(self, x: Array) -> Array:
        """Return the maximum of each block, in an array that is reused. x is overwritten."""
        if x is not self._x:  # the cross-correlation usually returns the same array for every batch
            self._x = x
            self._pairs = self._make_pairs(x)
        y = self._workspace.array("y", x.shape[2:], x.dtype)
        for number, (first, second, second_is_larger) in enumerate(self._pairs, 1):
            np.greater(second, first, out=second_is_larger)
            np.maximum(first, second, out=first if number < len(self._pairs) else y.reshape(first.shape))
        return y if self._pairs else x[0, 0]

    def backward(self, dy: Array) -> Array:
        """Return dy at the maximum of each block, 0 elsewhere."""
        for number, (first, second, second_is_larger) in enumerate(reversed(self._pairs)):
            gradient = first if number else dy.reshape(first.shape)  # of the maximum of the pair
            np.copyto(second, second_is_larger)
            second *= gradient  # faster than one product of bool and float
            np.subtract(gradient, second, out=first)
        return self._x if self._pairs else dy[np.newaxis, np.newaxis]

    def _make_pairs(self, x: Array) -> list[tuple[Array, Array, Array]]:
        """Return the views of `x` to compare, in order, each pair with a buffer for the result of the comparison."""
        pairs: list[tuple[Array, Array, Array]] = []
        joined = x.reshape(*x.shape[:3], -1)
        if np.may_share_memory(joined, x):  # a view. With fewer axes, NumPy sees that in-place operations need no copy.
            x = joined
        for values in (x.swapaxes(0, 1), x[:, 0]):
            while len(values) > 1:
                first, second = values[:-1:2], values[1::2]
                pairs.append((first, second, self._workspace.array(f"pair {len(pairs)}", second.shape, bool)))
                values = values[::2]
        return pairs


class MeanPool:
    """The mean of each block: `(p, p, K, H, W, N)` to `(K, H, W, N)`; y = Σ x_ij / p², so dx_ij = dy / p²."""

    def forward(self, x: Array) -> Array:
        """Return the mean of each block."""
        self._shape = x.shape
        return x.mean(axis=(0, 1))  # type: ignore[no-any-return]

    def backward(self, dy: Array) -> Array:
        """Return dy / p² for every value of a block."""
        return np.broadcast_to(dy / (self._shape[0] * self._shape[1]), self._shape).copy()


class GlobalMeanPool:
    """The mean of whole maps: `(1, 1, K, H, W, N)` to `(K, 1, 1, N)`; y = Σ x_ij / (H·W), so dx_ij = dy / (H·W)."""

    def forward(self, x: Array) -> Array:
        """Return the mean of each map."""
        self._shape = x.shape
        return x[0, 0].mean(axis=(1, 2), keepdims=True)  # type: ignore[no-any-return]

    def backward(self, dy: Array) -> Array:
        """Return dy / (H·W) for every value of a map."""
        return np.broadcast_to(dy / dy.dtype.type(self._shape[3] * self._shape[4]), self._shape).copy()


class GlobalMaxPool:
    """The maximum of whole maps: `(1, 1, K, H, W, N)` to `(K, 1, 1, N)`. dy goes to the first of the largest values."""

    def forward(self, x: Array) -> Array:
        """Return the maximum of each map."""
        self._shape = x.shape
        maps = x.reshape(x.shape[2], -1, x.shape[-1])
        self._largest = maps.argmax(axis=1)[:, np.newaxis]
        return np.take_along_axis(maps, self._largest, axis=1)[:, np.newaxis]

    def backward(self, dy: Array) -> Array:
        """Return dy at the maximum of each map, 0 elsewhere."""
        channels, batch = self._shape[2], self._shape[-1]
        dx = np.zeros((channels, self._shape[3] * self._shape[4], batch), dy.dtype)
        np.put_along_axis(dx, self._largest, dy[:, 0], axis=1)
        return dx.reshape(self._shape)


class NoPool:
    """No pooling: `(1, 1, K, H, W, N)` to `(K, H, W, N)`."""

    def forward(self, x: Array) -> Array:
        """Return x without its first two axes."""
        y: Array = x[0, 0]
        return y

    def backward(self, dy: Array) -> Array:
        """Return dy with two axes of length 1 before the others."""
        return dy[np.newaxis, np.newaxis]


class Linear:
    """The classifier head, Y = W·X + b: feature maps `(C, H, W, N)` to scores `(K, N)`.

    X is x with the first three axes flattened, `(C·H·W, N)`. Then dW = dY·Xᵀ, dX = Wᵀ·dY, and db is the sum of dY over
    the batch. `gradient` is (dW, db) of the last backward pass.
    """

    def __init__(self, weights: Array, bias: Array) -> None:
        self.weights, self.bias = weights, bias
        self.gradient: tuple[Array, Array] = (np.empty(0), np.empty(0))

    def forward(self, x: Array) -> Array:
        """Return the scores `(K, N)`."""
        self._shape, self._x = x.shape, x.reshape(-1, x.shape[-1])
        return self.weights @ self._x + self.bias[:, np.newaxis]

    def backward(self, dy: Array) -> Array:
        """Return dx `(C, H, W, N)`, and store the gradients of weights and bias."""
        self.gradient = dy @ self._x.T, dy.sum(axis=1)
        return (self.weights.T @ dy).reshape(self._shape)


class Combine:
    """Combinations of feature maps: `(p, p, K, H, W, N)` to `(p, p, K', H, W, N)`.

    Each of the K' outputs is a function of some of the K maps; see `cnnfx.nn.layers.Combination`. The gradient of a map
    is the sum over the outputs that use it.
    """

    def __init__(self, combinations: tuple[Combination, ...]) -> None:
        self.combinations = combinations

    def forward(self, x: Array) -> Array:
        """Return the combined maps."""
        self._x = x
        channels = np.moveaxis(x, -1, 0)  # Combination.forward takes the third axis from the end for the channels
        combined = [np.moveaxis(combination.forward(channels), 0, -1) for combination in self.combinations]
        self._y = np.stack(combined, axis=2)
        return self._y.copy()

    def backward(self, dy: Array) -> Array:
        """Return the gradient of the maps."""
        dx = np.zeros_like(self._x)
        for index, combination in enumerate(self.combinations):
            derivatives = DERIVATIVES[combination.kind](self._x[:, :, list(combination.of)], self._y[:, :, index])
            for channel, derivative in zip(combination.of, derivatives, strict=True):
                dx[:, :, channel] += derivative * dy[:, :, index]
        return dx


Derivatives = Sequence[Array | float]


def _norm_derivatives(x: Array, y: Array) -> Derivatives:
    """y = √Σ x_i², so ∂y/∂x_i = x_i / y; 0 where y is 0."""
    nonzero = np.where(y == 0, 1, y)
    return [x[:, :, index] / nonzero for index in range(x.shape[2])]


def _max_derivatives(x: Array, y: Array) -> Derivatives:
    """y = max x_i, so ∂y/∂x_i is 1 for the first largest x_i, else 0."""
    largest = x.argmax(axis=2)
    return [(largest == index).astype(y.dtype) for index in range(x.shape[2])]


DERIVATIVES: dict[str, Callable[[Array, Array], Derivatives]] = {
    "take": lambda x, y: [1.0] + [0.0] * (x.shape[2] - 1),
    "sum": lambda x, y: [1.0] * x.shape[2],
    "mean": lambda x, y: [1.0 / x.shape[2]] * x.shape[2],
    "difference": lambda x, y: [1.0] + [-1.0] * (x.shape[2] - 1),
    "norm": _norm_derivatives,
    "max": _max_derivatives,
}
"""The functions from the n maps x `(p, p, n, H, W, N)` of a combination and its output y `(p, p, H, W, N)` to the n
derivatives ∂y/∂x_i."""

ACTIVATIONS: dict[str, Callable[[], Operation]] = {"relu": ReLU, "abs": Abs}
"""The activation functions by their names in `cnnfx.nn.layers`; "none" is no operation."""

POOLS: dict[str, Callable[[], Operation]] = {"max": MaxPool, "mean": MeanPool}
"""The kinds of pooling of blocks by their names in `cnnfx.nn.layers`."""

GLOBAL_POOLS: dict[str, Callable[[], Operation]] = {"max": GlobalMaxPool, "mean": GlobalMeanPool}
"""The kinds of pooling of whole maps."""
