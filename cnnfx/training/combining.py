"""Combinations of channels, forward and backward: output channels made from others, as in `cnnfx.layers.Combination`.

For one combination of channels x_1 … x_n into y, the slopes are

    take, sum     1                     mean        1 / n
    difference    1 for the first, −1   norm        x_i / y     (0 where all are 0)
    max           1 for the largest, the first of equals, else 0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cnnfx.layers import Array, Combination


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
