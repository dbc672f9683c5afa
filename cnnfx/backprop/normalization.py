"""Batch normalization with forward and backward passes, and its folding into the filters.

A normalized layer computes, for each of its channels and over a batch (Ioffe and Szegedy, 2015, "Batch normalization"),

    x̂ = (x − μ) / √(σ² + ε)        y = x̂ + b

μ and σ² are the mean and the variance of the channel over all positions and images. The scale γ of the paper is left
out: it would be redundant before ReLU, since the filters of the next layer scale its channels. b is the bias of the
layer, so a normalized layer has the parameters of one that is not.

After training, μ and σ² are constants. Then y is a cross-correlation again, with the weights w / √(σ² + ε) and the bias
b − μ / √(σ² + ε): the trained network has no normalization.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cnnfx.nn.layers import Array
from cnnfx.nn.network import Network
from cnnfx.system.memory import Workspace

EPSILON = 1e-5
"""ε, which limits the factor of channels that are nearly constant."""


class Moments(NamedTuple):
    """The mean and the variance of each channel of a layer, arrays (K,)."""

    mean: Array
    variance: Array


class BatchNorm:
    """y = (x − μ) / √(σ² + ε) + b, with the mean μ and the variance σ² of each channel of the batch.

    x is `(K, H, W, N)`, or `(p, p, K, H, W, N)` before pooling. With s = 1 / √(σ² + ε) and the means over all values
    of a channel, written ⟨ ⟩,

        db = Σ dy        dx = s (dy − ⟨dy⟩ − x̂ ⟨dy x̂⟩)

    since μ and σ² depend on x, too. `gradient` is db of the last backward pass, `moments` are those of the last forward
    pass.

    Parameters
    ----------
    bias : array (K,)
        May be changed in place.
    """

    def __init__(self, bias: Array) -> None:
        self.bias = bias
        self.gradient: Array = np.empty(0)
        self._workspace = Workspace()

    def forward(self, x: Array) -> Array:
        """Return y, in an array that is reused."""
        channels = np.moveaxis(x, -4, 0)
        rows = channels.reshape(len(channels), -1)
        dtype, count = rows.dtype, rows.shape[1]
        mean = rows @ self._ones(count, dtype)
        self._centered = self._workspace.array("centered", rows.shape, dtype)
        np.subtract(rows, mean[:, np.newaxis], out=self._centered)
        variance = np.vecdot(self._centered, self._centered) / dtype.type(count)
        self.moments = Moments(mean, variance)
        self._factor = 1 / np.sqrt(variance + dtype.type(EPSILON))
        y = self._workspace.array("y", rows.shape, dtype)
        np.multiply(self._centered, self._factor[:, np.newaxis], out=y)
        y += self.bias[:, np.newaxis]
        return np.moveaxis(y.reshape(channels.shape), 0, -4)

    def backward(self, dy: Array) -> Array:
        """Return dx, in place if possible, and store the gradient of the bias."""
        channels = np.moveaxis(dy, -4, 0)
        rows = channels.reshape(len(channels), -1)
        count = dy.dtype.type(rows.shape[1])
        mean = rows @ self._ones(rows.shape[1], dy.dtype)
        self.gradient = mean * count
        slope = np.vecdot(rows, self._centered) * np.square(self._factor) / count  # ⟨dy x̂⟩ s, as x̂ = s (x − μ)
        self._centered *= slope[:, np.newaxis]
        self._centered += mean[:, np.newaxis]
        rows -= self._centered
        rows *= self._factor[:, np.newaxis]
        return np.moveaxis(rows.reshape(channels.shape), 0, -4)

    def _ones(self, count: int, dtype: np.dtype[np.generic]) -> Array:
        """Return the vector (count,) whose product with values is their mean: BLAS sums faster than NumPy."""
        weights = self._workspace.array("mean", (count,), dtype)
        weights[...] = 1 / count
        return weights


def pooled_moments(parts: list[Moments], sizes: list[int]) -> Moments:
    """Return the moments of all values, given those of parts with `sizes` values each."""
    shares = np.array(sizes, np.float64)[:, np.newaxis] / sum(sizes)
    means, variances = (np.stack(values).astype(np.float64) for values in zip(*parts, strict=True))
    mean = (shares * means).sum(axis=0)
    variance = (shares * (variances + (means - mean) ** 2)).sum(axis=0)
    return Moments(mean, variance)


def fold(network: Network, moments: Sequence[Moments | None]) -> Network:
    """Return the network with constant moments of its normalized layers, folded into their filters.

    Parameters
    ----------
    network : Network
    moments : sequence of Moments or None
        For each layer; None if it is not normalized.
    """
    layers = []
    for layer, of_layer in zip(network.layers, moments, strict=True):
        conv = layer.conv
        if conv is not None and of_layer is not None:
            factor = 1 / np.sqrt(of_layer.variance + EPSILON)
            weights = conv.weights * factor[:, np.newaxis, np.newaxis, np.newaxis]
            bias = conv.bias - of_layer.mean * factor
            conv = replace(conv, weights=weights.astype(conv.weights.dtype), bias=bias.astype(conv.bias.dtype))
        layers.append(replace(layer, conv=conv))
    return replace(network, layers=tuple(layers))
