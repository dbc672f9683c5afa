"""Operations on maps and the values that they give, from which `GraphBuilder` makes a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.geometry import Border, Pads
from cnnfx.errors import ArgumentError
from cnnfx.nn.activations import NON_NEGATIVE_ACTIVATIONS
from cnnfx.nn.joins import joined_shape
from cnnfx.nn.layers import Conv, Layer

Array = NDArray[Any]
MapShape = tuple[int, int | None, int | None]
"""Channels, height and width of maps; None for a side that depends on the image."""
UNKNOWN_SIDE = 10**6
"""The side that stands for an unknown one where shapes are computed."""


class Affine(NamedTuple):
    """A linear function of each channel, y = factor · x + offset; both are arrays (C,) of float64."""

    factor: Array
    offset: Array

    def then(self, other: Affine) -> Affine:
        """Return the function that applies this one, then the other."""
        return Affine(self.factor * other.factor, self.offset * other.factor + other.offset)

    def is_constant(self, factor: float, offset: float) -> bool:
        """Return whether all channels have these two numbers, up to the rounding of float32."""
        return bool(np.allclose(self.factor, factor, 1e-6, 1e-9) and np.allclose(self.offset, offset, 1e-6, 1e-6))

    def to_layer(self) -> Layer:
        """Return the function as a layer of filters of 1×1 on one channel each."""
        count = len(self.factor)
        ones, zeros = np.ones((count, 1, 1, 1), np.float32), np.zeros(count, np.float32)
        return self.fold_into(conv_layer(Conv(ones, zeros, groups=count)))

    def fold_into(self, layer: Layer) -> Layer:
        """Return a layer of filters alone that computes the function of their feature maps.

        Raises
        ------
        ArgumentError
            If a weight or bias is not finite in float32.
        """
        assert layer.conv is not None
        weights = layer.conv.weights
        with np.errstate(over="ignore", invalid="ignore"):
            if (self.factor != 1).any():
                weights = (weights * self.factor[:, np.newaxis, np.newaxis, np.newaxis]).astype(np.float32)
            bias = (layer.conv.bias * self.factor + self.offset).astype(np.float32)
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise ArgumentError("the normalized filters have weights or biases that are not finite")
        return replace(layer, conv=replace(layer.conv, weights=weights, bias=bias))


class Padding(NamedTuple):
    """Pixels added around maps."""

    pads: Pads
    border: Border


@dataclass(frozen=True, eq=False)
class Value:
    """The result of an operation, or the image.

    Attributes
    ----------
    kind : str
        A word for the operation, which a layer without a name is named after.
    operation : Layer, Affine, Padding or None
        The operation; a `Layer` has no name and no sources here. None for the image.
    sources : tuple of Value
        What it reads.
    shape : MapShape
    name : str
        The name for the layer; may be empty.
    """

    kind: str
    operation: Layer | Affine | Padding | None
    sources: tuple[Value, ...]
    shape: MapShape
    name: str = ""


def conv_layer(conv: Conv) -> Layer:
    """Return a layer of filters alone."""
    return Layer(conv, numbers(len(conv.weights)))


def numbers(count: int) -> tuple[str, ...]:
    """Return the names of some channels: "1", "2" and so on."""
    return tuple(map(str, range(1, count + 1)))


def as_layer(operation: Layer | Affine | Padding | None, channels: int) -> Layer:
    """Return an operation on maps of some channels as a layer of its own."""
    if isinstance(operation, Affine):
        return operation.to_layer()
    if isinstance(operation, Padding):
        ones, zeros = np.ones((channels, 1, 1, 1), np.float32), np.zeros(channels, np.float32)
        return conv_layer(Conv(ones, zeros, padding=operation.pads, border=operation.border, groups=channels))
    assert operation is not None
    return operation


def output_shape(layer: Layer, shapes: Sequence[MapShape]) -> MapShape:
    """Return the shape of a layer's output; sides that are unknown in an input are unknown there, too."""
    known = [tuple(UNKNOWN_SIDE if side is None else side for side in shape) for shape in shapes]
    unknown = [any(shape[axis] is None for shape in shapes) for axis in (1, 2)]
    if len(shapes) > 1 and any(unknown):  # only the channels can be compared
        known = [(shape[0], 1, 1) for shape in known]
    joined = joined_shape(layer.join, known, [f"input {number}" for number in range(1, len(known) + 1)])  # type: ignore[arg-type]
    channels, height, width = layer.output_shape(joined)
    if layer.pool is not None and layer.pool.is_global:
        return channels, height, width
    return channels, None if unknown[0] else height, None if unknown[1] else width


def is_activation(value: Value, kind: str) -> bool:
    """Return whether a value is the result of an activation of this kind."""
    return isinstance(value.operation, Layer) and value.operation.activation.kind == kind


def is_non_negative(value: Value) -> bool:
    """Return whether a value cannot be negative, because it is the result of an activation such as ReLU."""
    return isinstance(value.operation, Layer) and value.operation.activation.kind in NON_NEGATIVE_ACTIVATIONS
