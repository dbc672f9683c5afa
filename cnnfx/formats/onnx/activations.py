"""Activations of ONNX, and local response normalization."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.formats.graph_values import Value
from cnnfx.formats.onnx.node import Constant, Node, Operators, Tensor
from cnnfx.nn.normalization import LocalResponse

LARGE_BOUND = 1_000
"""The largest bound to which values are scaled. Networks of float16 are limited to 65504, its largest number."""


def _activation(kind: str) -> Callable[[Node], Tensor]:
    def add(node: Node) -> Tensor:
        maps = node.maps()
        return maps.of(node.builder.activation(maps.value, kind, name=node.name))

    return add


def _leaky_relu(node: Node) -> Tensor:
    maps = node.maps()
    return maps.of(node.builder.activation(maps.value, "leaky_relu", node.number("alpha", 0.01), name=node.name))


def _prelu(node: Node) -> Tensor:
    maps, given = node.maps(), node.constant(1).floats()
    if node.version < 7 and given.size > 1:  # one for each channel
        given = given.reshape(-1, *[1] * (len(maps.axes) - 2))
    slopes = maps.per_channel(given)
    if isinstance(slopes, float):
        return maps.of(node.builder.activation(maps.value, "leaky_relu", slopes, name=node.name))
    return maps.of(node.builder.activation(maps.value, "prelu", slopes.tolist(), name=node.name))


def _hard_sigmoid(node: Node) -> Tensor:
    """Add max(0, min(1, alpha · x + beta)), which is the hard sigmoid x / 6 + 1/2 of 6·alpha·x + 6·(beta - 1/2)."""
    maps, alpha, beta = node.maps(), node.number("alpha", 0.2), node.number("beta", 0.5)
    scaled = node.builder.affine(maps.value, 6 * alpha, 6 * beta - 3)
    return maps.of(node.builder.activation(scaled, "hard_sigmoid", name=node.name))


def _swish(node: Node) -> Tensor:
    maps = node.maps()
    scaled = node.builder.affine(maps.value, node.number("alpha", 1.0))
    gate = node.builder.activation(scaled, "sigmoid", name=f"{node.name}.sigmoid" if node.name else "")
    return maps.of(node.builder.join([maps.value, gate], "multiply", name=node.name))


def _clip(node: Node) -> Tensor:
    maps = node.maps()
    if node.version < 11:
        low, high = node.attribute("min", -math.inf), node.attribute("max", math.inf)
    else:
        low, high = (
            _bound(node, index) if node.has(index) else default for index, default in ((1, -math.inf), (2, math.inf))
        )
    return maps.of(_clipped(node, maps.value, float(low), float(high)))


def _bound(node: Node, index: int) -> float:
    """Return an input that is one number, which may be infinite."""
    array = node.constant(index).array
    if array.size != 1 or array.dtype.kind not in "fiu":
        raise ArgumentError(f"input {index + 1} is not one number")
    return float(array.reshape(()))


def _largest(node: Node) -> Tensor:
    if len(node.inputs) == 1:
        return node.maps()
    first, second = node.maps_and_other()
    if len(node.inputs) != 2 or not isinstance(second, Constant):
        raise ArgumentError(f"{node.operator} of tensors that depend on the image is not supported")
    bound = float(second.floats().reshape(())) if second.array.size == 1 else math.nan
    if math.isnan(bound) or second.array.ndim > len(first.axes):
        raise ArgumentError(f"{node.operator} with more than one number is not supported")
    limits = (bound, math.inf) if node.operator == "Max" else (-math.inf, bound)
    return first.of(_clipped(node, first.value, *limits))


def _clipped(node: Node, value: Value, low: float, high: float) -> Value:
    """Add min(max(x, low), high), by ReLU and ReLU6 of scaled values.

    Scaling to large bounds would round all other values, so with these it is x + relu(low - x) - relu(x - high).
    Numbers beyond those of float32, such as its largest, are no bounds.
    """
    most = float(np.finfo(np.float32).max)
    builder, has_low, has_high = node.builder, low > -most, high < most
    if math.isnan(low) or math.isnan(high):
        raise ArgumentError(f"values are limited to {low:g} and {high:g}")
    low = min(low, high)  # the higher limit is applied last
    if has_low and has_high and low == high:
        return builder.affine(value, 0.0, low, name=node.name)
    if (has_low and abs(low) > LARGE_BOUND) or (has_high and abs(high) > LARGE_BOUND):
        parts = [value]
        if has_low:
            parts.append(builder.activation(builder.affine(value, -1.0, low), "relu"))
        if has_high:
            parts.append(builder.affine(builder.activation(builder.affine(value, 1.0, -high), "relu"), -1.0))
        return builder.join(parts, "add", name=node.name)
    if has_low and has_high:
        factor = 6 / (high - low)
        scaled = builder.affine(value, factor, -low * factor)
        return builder.affine(builder.activation(scaled, "relu6", name=node.name), 1 / factor, low)
    if has_low:
        return builder.affine(builder.activation(builder.affine(value, 1.0, -low), "relu", name=node.name), 1.0, low)
    if has_high:
        below = builder.activation(builder.affine(value, -1.0, high), "relu", name=node.name)
        return builder.affine(below, -1.0, high)
    return value


def _softmax(node: Node) -> Tensor:
    maps = node.maps()
    axis = maps.axis(node.whole("axis", 1 if node.version < 13 else -1))
    last = len(maps.axes) if node.version < 13 else axis + 1  # older versions normalize over all further axes
    if "".join(maps.letters(each) for each in range(axis, last)) != "C" and maps.value.shape[0] != 1:
        raise ArgumentError("a softmax over another axis than that of the channels is not supported")
    if maps.value.shape[0] == 1 and any(maps.letters(each) for each in range(axis, last)):
        raise ArgumentError("a softmax over another axis than that of the channels is not supported")
    return maps.of(node.builder.activation(maps.value, "softmax", name=node.name))


def _local_response(node: Node) -> Tensor:
    maps, size = node.maps(), node.whole("size")
    if len(maps.axes) < 2 or maps.letters(1) not in ("C", ""):
        raise ArgumentError(f"{maps.title}, where (images, channels, …) is needed")
    if size % 2 == 0:
        raise ArgumentError("a normalization over an even number of channels is not supported")
    numbers = (node.number(name, default) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    return maps.of(node.builder.local_response(maps.value, LocalResponse(size, *numbers), name=node.name))


ACTIVATIONS: Operators = {
    "Abs": _activation("abs"),
    "Clip": _clip,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _activation("hard_swish"),
    "LRN": _local_response,
    "LeakyRelu": _leaky_relu,
    "Max": _largest,
    "Min": _largest,
    "PRelu": _prelu,
    "Relu": _activation("relu"),
    "Sigmoid": _activation("sigmoid"),
    "Softmax": _softmax,
    "Swish": _swish,
    "Tanh": _activation("tanh"),
}
"""Activations and local response normalization, as functions of the node."""
