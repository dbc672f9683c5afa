"""What a layer does to a batch, step by step, forward and backward.

A step is a function y = f(x). `forward` computes y and keeps what `backward` needs; `backward` is given the gradient of
the loss with respect to y, written dy, and gives that with respect to x, dx: the chain rule, one link at a time.
Batches are `(C, H, W, N)`; between the filters (see `filters`) and the pooling, `(p, p, K, H, W, N)`: the p×p outputs
of each block that is pooled to one. A step may overwrite what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from cnnfx.nn.layers import Array, Combination
from cnnfx.system.memory import Workspace


class Step(Protocol):
    """A link of the chain."""

    def forward(self, x: Array) -> Array:
        """y = f(x)."""

    def backward(self, dy: Array) -> Array:
        """dx, from dy."""


class MaxPool:
    """The largest of each block: `(p, p, K, H, W, N)` to `(K, H, W, N)`.

    The outputs in a row are compared in pairs, the larger ones in pairs again, until one is left; then the rows are. Of
    a pair, y = max(a, b), so dy goes to the larger alone, and of equals to the first: db is dy where b > a, else 0, and
    da = dy − db.
    """

    def __init__(self) -> None:
        self._workspace = Workspace()
        self._x = np.empty(0)

    def forward(self, x: Array) -> Array:
        """The largest values, in place of the first."""
        if x is not self._x:  # filters use the same array again and again
            self._x = x
            self._pairs = self._paired(x)
        for first, second, larger in self._pairs:
            np.greater(second, first, out=larger)
            np.maximum(first, second, out=first)
        return x[0, 0]  # type: ignore[no-any-return]

    def backward(self, dy: Array) -> Array:
        """dy where the winners are, zero elsewhere."""
        for number, (first, second, larger) in enumerate(reversed(self._pairs)):
            given = first if number else dy[np.newaxis]  # what the winner has of the pair that it went on to
            np.multiply(given, larger, out=second)
            np.subtract(given, second, out=first)
        return self._x if self._pairs else dy[np.newaxis, np.newaxis]

    def _paired(self, x: Array) -> list[tuple[Array, Array, Array]]:
        """What is compared, in order, and memory for which is larger."""
        pairs: list[tuple[Array, Array, Array]] = []
        for left in (x.swapaxes(0, 1), x[:, 0]):
            while len(left) > 1:
                first, second = left[:-1:2], left[1::2]
                pairs.append((first, second, self._workspace.array(f"pair {len(pairs)}", second.shape, bool)))
                left = left[::2]
        return pairs


class MeanPool:
    """The mean of each block: `(p, p, K, H, W, N)` to `(K, H, W, N)`; y = Σ x_ij / p², so each dx_ij = dy / p²."""

    def forward(self, x: Array) -> Array:
        """The means."""
        self._shape = x.shape
        return x.mean(axis=(0, 1))  # type: ignore[no-any-return]

    def backward(self, dy: Array) -> Array:
        """dy spread over the block."""
        return np.broadcast_to(dy / (self._shape[0] * self._shape[1]), self._shape).copy()


class Unpooled:
    """A block of one output is that output: `(1, 1, K, H, W, N)` to `(K, H, W, N)`."""

    def forward(self, x: Array) -> Array:
        """The outputs."""
        y: Array = x[0, 0]
        return y

    def backward(self, dy: Array) -> Array:
        """The same gradient."""
        return dy[np.newaxis, np.newaxis]


class Relu:
    """y = max(x, 0): its slope is 1 where x is positive, else 0."""

    def __init__(self) -> None:
        self._workspace = Workspace()

    def forward(self, x: Array) -> Array:
        """The positive part."""
        self._on = np.greater(x, 0, out=self._workspace.array("on", x.shape, bool))
        y: Array = np.multiply(x, self._on, out=x)  # faster than the maximum of x and 0
        return y

    def backward(self, dy: Array) -> Array:
        """dy where x was positive."""
        dx: Array = np.multiply(dy, self._on, out=dy)
        return dx


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


class Combine:
    """The output channels `(p, p, K', H, W, N)` of feature maps `(p, p, K, H, W, N)`."""

    def __init__(self, outputs: tuple[Combination, ...]) -> None:
        self.outputs = outputs

    def forward(self, x: Array) -> Array:
        """The combined channels."""
        self._x = x
        channels = np.moveaxis(x, -1, 0)  # a combination takes the third axis from the end
        self._y = np.stack([np.moveaxis(output.forward(channels), 0, -1) for output in self.outputs], axis=2)
        return self._y.copy()

    def backward(self, dy: Array) -> Array:
        """The gradient of the feature maps: a map that serves several channels sums what comes from them."""
        dx = np.zeros_like(self._x)
        for index, output in enumerate(self.outputs):
            slopes = SLOPES[output.kind](self._x[:, :, list(output.of)], self._y[:, :, index])
            for position, channel in enumerate(output.of):
                dx[:, :, channel] += slopes[position] * dy[:, :, index]
        return dx


Slopes = Sequence[Array | float]


def _norm(x: Array, y: Array) -> Slopes:
    safe = np.where(y == 0, 1, y)
    return [x[:, :, index] / safe for index in range(x.shape[2])]


def _max(x: Array, y: Array) -> Slopes:
    winner = x.argmax(axis=2)
    return [(winner == index).astype(y.dtype) for index in range(x.shape[2])]


SLOPES: dict[str, Callable[[Array, Array], Slopes]] = {
    "take": lambda x, y: [1.0],
    "sum": lambda x, y: [1.0] * x.shape[2],
    "mean": lambda x, y: [1.0 / x.shape[2]] * x.shape[2],
    "difference": lambda x, y: [1.0] + [-1.0] * (x.shape[2] - 1),
    "norm": _norm,
    "max": _max,
}
"""dy/dx of each kind, for each of the n channels that it is made from."""
