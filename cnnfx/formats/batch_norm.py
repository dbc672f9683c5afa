"""Batch normalization folded into the filters before it (Ioffe and Szegedy, 2015, "Batch normalization").

A trained normalization is a linear function of each channel, y = gamma · (x - mean) / sqrt(variance + epsilon) + beta,
so the filters that make x can compute y. Without filters, it becomes filters of 1×1 on one channel each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError

DEFAULT_EPSILON = 1e-5
"""What is added to the variance; PyTorch's default."""

Array = NDArray[Any]


class BatchNorm(NamedTuple):
    """A batch normalization of K channels, as after training.

    Attributes
    ----------
    gamma, beta : array (K,)
        The learned factor and offset, called weight and bias in PyTorch.
    mean, variance : array (K,)
        The running mean and variance.
    epsilon : float
    """

    gamma: Array
    beta: Array
    mean: Array
    variance: Array
    epsilon: float = DEFAULT_EPSILON

    def factors(self) -> tuple[Array, Array]:
        """Return arrays (K,) of float64, factor and offset, with y = factor · x + offset.

        Raises
        ------
        ArgumentError
            If a variance is negative, or 0 together with `epsilon`.
        """
        variance = self.variance.astype(np.float64)
        if variance.min() < 0:
            channel = int(variance.argmin())
            raise ArgumentError(
                f"the variance of channel {channel + 1} is negative ({variance[channel]:.6g}), so these are not the "
                "values of a batch normalization"
            )
        if (variance + self.epsilon).min() <= 0:
            raise ArgumentError("the variance of a channel plus epsilon is not more than 0")
        factor = self.gamma / np.sqrt(variance + self.epsilon)
        return factor, self.beta - factor * self.mean

    def fold(self, weights: Array, bias: Array) -> tuple[Array, Array]:
        """Return the weights `(K, C, kh, kw)` and biases `(K,)` of filters followed by the normalization.

        The float type of the weights is kept.

        Raises
        ------
        ArgumentError
            As `factors`, or if a result is too large for the float type.
        """
        factor, offset = self.factors()
        folded, biases = weights * factor[:, np.newaxis, np.newaxis, np.newaxis], bias * factor + offset
        with np.errstate(over="ignore"):
            result = folded.astype(weights.dtype), biases.astype(bias.dtype)
        if not all(np.isfinite(array).all() for array in result):
            raise ArgumentError("the normalized filters have weights or biases that are too large")
        return result

    def to_filters(self) -> tuple[Array, Array]:
        """Return weights `(K, 1, 1, 1)` and biases `(K,)` of filters that normalize one channel each.

        Raises
        ------
        ArgumentError
            As `fold`.
        """
        count = len(self.mean)
        return self.fold(np.ones((count, 1, 1, 1), np.float32), np.zeros(count, np.float32))
