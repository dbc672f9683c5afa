"""Local response normalization: each value divided by a power of the energy of the channels around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.nn.shapes import Array

MAX_CHANNELS = 10_000
"""The most channels that a normalization sums over."""


@dataclass(frozen=True)
class LocalResponse:
    """Local response normalization across channels.

    With n = `size`, the value of channel c becomes

        y[c] = x[c] / (k + alpha / n · sum of x[j]² over the n channels j around c)^beta

    where j goes from c - n // 2 to c + (n - 1) // 2, and channels that do not exist count as 0. Source: Krizhevsky,
    Sutskever and Hinton, 2012, "ImageNet classification with deep convolutional neural networks"; `alpha` is divided by
    n as in Caffe and PyTorch.

    Parameters
    ----------
    size : int
        1 or more.
    alpha, beta, k : float
        `alpha` and `beta` 0 or more, `k` more than 0.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 1 <= self.size <= MAX_CHANNELS:
            raise ArgumentError(f"the size of a local response normalization must be 1 or more, not {self.size!r}")
        numbers = {"alpha": self.alpha, "beta": self.beta, "k": self.k}
        for name, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < np.inf:
                raise ArgumentError(f"{name} of a local response normalization must be 0 or more, not {value!r}")
        if self.k == 0:
            raise ArgumentError("k of a local response normalization must be more than 0")

    def __str__(self) -> str:
        return f"local response over {self.size} channels"

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, maps: Array) -> Array:
        """Return the normalized maps of maps `(..., K, H, W)`, of their float type."""
        result: Array = maps / self.bases(maps) ** maps.dtype.type(self.beta)
        return result

    def bases(self, maps: Array) -> Array:
        """Return k + alpha / n · (sum of squares of the channels around each one), `(..., K, H, W)`."""
        sums = self.channel_sums(np.square(maps))
        result: Array = sums * maps.dtype.type(self.alpha / self.size) + maps.dtype.type(self.k)
        return result

    def channel_sums(self, values: Array, transposed: bool = False) -> Array:
        """Return the sum of the values `(..., K, H, W)` of the channels around each one.

        With `transposed`, the sum over the channels that each one is around of, for backward passes.
        """
        before, after = self.size // 2, (self.size - 1) // 2
        if transposed:
            before, after = after, before
        result, count = values.copy(), values.shape[-3]
        for distance in range(1, before + 1):
            result[..., distance:, :, :] += values[..., : max(0, count - distance), :, :]
        for distance in range(1, after + 1):
            result[..., : max(0, count - distance), :, :] += values[..., distance:, :, :]
        return result

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> LocalResponse:
        """Return the normalization of a mapping with its four values, which may come from an untrusted file."""
        return cls(*(data[name] for name in ("size", "alpha", "beta", "k")))
