"""Activation functions: ReLU and its variants, sigmoid, tanh and others of one value, and softmax over the channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.nn.shapes import Array

DEFAULT_LEAKY_SLOPE = 0.01
"""The slope of leaky ReLU for negative values, unless given; that of PyTorch."""


class Activation(NamedTuple):
    """An activation function; `kind` is a key of `ACTIVATIONS`.

    Parameters
    ----------
    kind : str
    slope : float or tuple of float, optional
        The slope for negative values: of "leaky_relu" a number, 0.01 by default; of "prelu" a number for each channel.
    """

    kind: str = "none"
    slope: float | tuple[float, ...] | None = None

    @classmethod
    def of(cls, kind: str, slope: float | Sequence[float] | None = None) -> Activation:
        """Return an activation after a check of kind and slope.

        Raises
        ------
        ArgumentError
            If the kind is unknown, or the slope does not fit it.
        """
        if kind not in ACTIVATIONS:
            raise ArgumentError(f"activation {kind!r} is not known")
        if kind == "prelu":
            if slope is None or isinstance(slope, int | float):
                raise ArgumentError("prelu needs a slope for each channel")
            return cls(kind, tuple(map(float, slope)))
        if slope is not None and (kind != "leaky_relu" or not isinstance(slope, int | float)):
            raise ArgumentError("a slope is a number for leaky_relu, or one number for each channel for prelu")
        return cls(kind, None if slope is None else float(slope))

    @property
    def is_elementwise(self) -> bool:
        """Whether each value of the result depends on one value only; false for softmax."""
        return self.kind != "softmax"

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, maps: Array, overwrite: bool = False) -> Array:
        """Return the function of maps `(..., K, H, W)`, of their float type; `overwrite` allows to use their memory."""
        if overwrite and self.kind in IN_PLACE:
            return IN_PLACE[self.kind](maps, maps)
        return ACTIVATIONS[self.kind](maps, self.slopes(maps.dtype.type))

    def slopes(self, dtype: type[np.generic] = np.float32) -> Array:
        """Return the slope for negative values, `(K, 1, 1)` for "prelu", otherwise one number."""
        if isinstance(self.slope, tuple):
            return np.array(self.slope, dtype)[:, np.newaxis, np.newaxis]
        return np.array(DEFAULT_LEAKY_SLOPE if self.slope is None else self.slope, dtype)

    def select(self, channels: Sequence[int]) -> Activation:
        """Return the activation of some of the channels."""
        if not isinstance(self.slope, tuple):
            return self
        return self._replace(slope=tuple(self.slope[channel] for channel in channels))


def _sigmoid(maps: Array, slopes: Array) -> Array:
    """Return 1 / (1 + exp(-x)), written with tanh, which cannot overflow."""
    result: Array = np.tanh(maps * maps.dtype.type(0.5)) * maps.dtype.type(0.5) + maps.dtype.type(0.5)
    return result


@np.errstate(over="ignore", invalid="ignore")
def softmax(scores: Array, axis: int = -1) -> Array:
    """Return probabilities from scores: p_k = exp(s_k) / Σ_j exp(s_j), which add up to 1 along `axis`.

    The largest score is subtracted first. It cancels out, and keeps exp from overflowing.
    """
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)  # type: ignore[no-any-return]


def _hard_sigmoid(maps: Array, slopes: Array) -> Array:
    result: Array = np.clip(maps / 6 + maps.dtype.type(0.5), 0, 1)
    return result


IN_PLACE: dict[str, Callable[[Array, Array | None], Array]] = {
    "relu": lambda maps, out: np.maximum(maps, 0, out=out),
    "abs": lambda maps, out: np.abs(maps, out=out),
    "relu6": lambda maps, out: np.clip(maps, 0, 6, out=out),
    "tanh": lambda maps, out: np.tanh(maps, out=out),
}
"""The activations of one NumPy function, of maps and the array for the result, which may be the maps; None for a new
one. New memory takes longer to write than the maps themselves, which are often still in the cache."""

ACTIVATIONS: dict[str, Callable[[Array, Array], Array]] = {
    "none": lambda maps, slopes: maps,
    "relu": lambda maps, slopes: IN_PLACE["relu"](maps, None),
    "abs": lambda maps, slopes: IN_PLACE["abs"](maps, None),
    "relu6": lambda maps, slopes: IN_PLACE["relu6"](maps, None),
    "leaky_relu": lambda maps, slopes: np.where(maps > 0, maps, slopes * maps),
    "prelu": lambda maps, slopes: np.where(maps > 0, maps, slopes * maps),
    "sigmoid": _sigmoid,
    "tanh": lambda maps, slopes: IN_PLACE["tanh"](maps, None),
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": lambda maps, slopes: maps * _hard_sigmoid(maps, slopes),
    "softmax": lambda maps, slopes: softmax(maps, axis=-3),
}
"""Each kind of activation as a function of maps `(..., K, H, W)` and the slope for negative values.

Hard sigmoid is min(max(x / 6 + 1/2, 0), 1), and hard swish x times that (Howard et al., 2019, "Searching for
MobileNetV3"); parametric ReLU is leaky ReLU with a slope for each channel (He et al., 2015, "Delving deep into
rectifiers")."""

NON_NEGATIVE_ACTIVATIONS = frozenset(("relu", "relu6", "abs", "sigmoid", "hard_sigmoid", "softmax"))
"""The kinds of activation whose results are never negative."""
