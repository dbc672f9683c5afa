"""Operations of a layer between its filters and its pooling on maps `(N, C, H, W)`, with forward and backward passes.

Each is a function y = f(x), computed by `cnnfx.nn`. `backward` takes the gradient with respect to y, written dy, and
returns the gradient with respect to x, written dx.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cnnfx.backprop.layers import DERIVATIVES
from cnnfx.nn.activations import Activation
from cnnfx.nn.combinations import Combination
from cnnfx.nn.layers import Array
from cnnfx.nn.normalization import LocalResponse


class Combine:
    """Combinations of channels; the gradient of a channel is the sum over the outputs that are made from it."""

    def __init__(self, combinations: Sequence[Combination]) -> None:
        self.combinations = combinations

    def forward(self, x: Array) -> Array:
        """Return the combined channels `(N, K', H, W)` of channels `(N, K, H, W)`."""
        self._x = x
        self._y = np.stack([combination.forward(x) for combination in self.combinations], axis=1)
        return self._y

    def backward(self, dy: Array) -> Array:
        """Return dx `(N, K, H, W)`."""
        dx = np.zeros(self._x.shape, dy.dtype)
        for index, combination in enumerate(self.combinations):
            x, y = self._x[np.newaxis, :, list(combination.of)], self._y[np.newaxis, :, index]
            for channel, derivative in zip(combination.of, DERIVATIVES[combination.kind](x, y), strict=True):
                dx[:, channel] += (derivative * dy[np.newaxis, :, index])[0]
        return dx


class Activate:
    """An activation function of each value, so dx = f'(x)·dy."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation

    def forward(self, x: Array) -> Array:
        """Return f(x)."""
        self._x, self._y = x, self.activation.forward(x)
        return self._y

    def backward(self, dy: Array) -> Array:
        """Return f'(x)·dy."""
        slopes = self.activation.slopes(dy.dtype.type)
        dx: Array = dy * ACTIVATION_DERIVATIVES[self.activation.kind](self._x, self._y, slopes)
        return dx


ACTIVATION_DERIVATIVES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "relu": lambda x, y, slopes: y > 0,
    "abs": lambda x, y, slopes: np.sign(x),
    "relu6": lambda x, y, slopes: (y > 0) & (y < 6),
    "leaky_relu": lambda x, y, slopes: np.where(x > 0, slopes.dtype.type(1), slopes),
    "prelu": lambda x, y, slopes: np.where(x > 0, slopes.dtype.type(1), slopes),
    "sigmoid": lambda x, y, slopes: y * (1 - y),
    "tanh": lambda x, y, slopes: 1 - np.square(y),
    "hard_sigmoid": lambda x, y, slopes: ((x > -3) & (x < 3)) * x.dtype.type(1 / 6),
    "hard_swish": lambda x, y, slopes: np.where(x <= -3, 0, np.where(x < 3, x / 3 + x.dtype.type(0.5), 1)),
}
"""The derivative of each kind of activation but "none" and softmax, as a function of x, y and the slope for x ≤ 0.

Where a function has a corner the derivative is that of PyTorch: 0 for ReLU at 0, for |x| at 0, for ReLU6 at 0 and 6,
and for hard sigmoid at −3 and 3; the slope for leaky and parametric ReLU at 0."""


class Rectify:
    """ReLU or ReLU6 in the forward pass; the rectification of a deconvolutional network in the backward pass.

    dx = max(dy, 0), where the gradient would be dx = dy where x > 0 (Zeiler and Fergus, 2013, section 2.1).
    """

    def __init__(self, activation: Activation) -> None:
        self.activation = activation

    def forward(self, x: Array) -> Array:
        """Return f(x)."""
        return self.activation.forward(x)

    def backward(self, dy: Array) -> Array:
        """Return max(dy, 0)."""
        return np.maximum(dy, 0)


class Softmax:
    """y_k = exp(x_k) / Σ_j exp(x_j) over the channels.

    From ∂y_j/∂x_k = y_j·(δ_jk − y_k) follows dx_k = y_k·(dy_k − Σ_j y_j·dy_j).
    """

    def __init__(self, activation: Activation) -> None:
        self.activation = activation

    def forward(self, x: Array) -> Array:
        """Return the softmax over the channels at each position."""
        self._y = self.activation.forward(x)
        return self._y

    def backward(self, dy: Array) -> Array:
        """Return y·(dy − Σ_j y_j·dy_j)."""
        dx: Array = self._y * (dy - (self._y * dy).sum(axis=1, keepdims=True))
        return dx


class NormalizeLocalResponse:
    """Local response normalization, y_c = x_c·u_c^−β with u_c = k + α/n·Σ_j x_j² over the n channels j around c.

    From ∂u_j/∂x_c = 2α/n·x_c for the channels j whose neighborhood contains c:

        dx_c = u_c^−β·dy_c − 2αβ/n·x_c·Σ_j x_j·u_j^(−β−1)·dy_j

    """

    def __init__(self, local_response: LocalResponse) -> None:
        self.local_response = local_response

    def forward(self, x: Array) -> Array:
        """Return the normalized maps."""
        self._x = x
        return self.local_response.forward(x)

    def backward(self, dy: Array) -> Array:
        """Return dx."""
        x, norm = self._x, self.local_response
        u = norm.bases(x)
        shares = dy * u ** dy.dtype.type(-norm.beta)
        others = norm.channel_sums(x * shares / u, transposed=True)
        dx: Array = shares - dy.dtype.type(2 * norm.alpha * norm.beta / norm.size) * x * others
        return dx


class Join:
    """The inputs of a layer, joined: channels side by side, the sum or the product.

    Where maps of 1×1 are added to or multiplied with others, the gradient of their one value is the sum over the maps.
    """

    def __init__(self, join: Callable[[Sequence[Array]], Array], kind: str) -> None:
        self.join, self.kind = join, kind

    def forward(self, inputs: Sequence[Array]) -> Array:
        """Return the joined inputs."""
        self._inputs = inputs
        return self.join(inputs)

    def backward(self, dy: Array) -> list[Array]:
        """Return the gradient of each input."""
        if len(self._inputs) == 1:
            return [dy]
        if self.kind == "concat":
            ends = np.cumsum([x.shape[1] for x in self._inputs])
            return np.split(dy, ends[:-1], axis=1)
        if self.kind == "add":
            return [_sum_to(dy, x.shape) for x in self._inputs]
        return [_sum_to(dy * self._others(index), x.shape) for index, x in enumerate(self._inputs)]

    def _others(self, index: int) -> Array:
        """Return the product of all inputs but one."""
        others = [x for number, x in enumerate(self._inputs) if number != index]
        result = others[0]
        for x in others[1:]:
            result = result * x
        return result


def _sum_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Return the gradient of maps of a shape that were broadcast: the sum over the axes in which they were."""
    axes = tuple(axis for axis in (2, 3) if shape[axis] == 1 != gradient.shape[axis])
    return gradient.sum(axis=axes, keepdims=True) if axes else gradient
