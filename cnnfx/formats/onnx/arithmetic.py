"""Operators of ONNX that add, multiply, normalize and join maps, and dense filters."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.formats.batch_norm import BatchNorm
from cnnfx.formats.graph_values import Value, is_activation
from cnnfx.formats.onnx.maps import Maps, aligned
from cnnfx.formats.onnx.node import Constant, Node, Operators, Tensor

# Dense filters


def _gemm(node: Node) -> Tensor:
    if node.whole("transA", 0):
        raise ArgumentError("transA is not supported")
    given = node.constant(1)
    if (alpha := node.number("alpha", 1.0)) != 1:
        given = given._replace(array=given.floats() * alpha)
    weights = given.weights()
    if weights.ndim != 2:
        raise ArgumentError(f"dense filters of shape {weights.shape}, where two axes are needed")
    result = _dense(node, weights if node.whole("transB", 0) else weights.T)
    if not node.has(2):
        return result
    bias = node.constant(2).floats() * node.number("beta", 1.0)
    return result.of(node.builder.affine(result.value, 1.0, result.per_channel(bias)))


def _matmul(node: Node) -> Tensor:
    weights = node.constant(1).weights()
    if weights.ndim != 2:
        raise ArgumentError(f"a matrix product with a tensor of shape {weights.shape} is not supported")
    return _dense(node, weights.T)


def _dense(node: Node, weights: Any) -> Maps:
    """Return the product of the last axis of a tensor with weights (K, features)."""
    maps = node.maps()
    if not weights.flags.c_contiguous:  # they are copied for each node
        node.count_weights(weights.size)
    if len(maps.axes) < 2:
        raise ArgumentError(f"a matrix product of {maps.title} is not supported")
    letters, others = maps.letters(-1), {maps.letters(axis) for axis in range(len(maps.axes) - 1)}
    if letters in ("C", "") and others <= {"N", "H", "W", ""}:  # of each position
        if weights.shape[1] != maps.value.shape[0]:
            raise ArgumentError(f"weights of shape {weights.shape} for {maps.value.shape[0]} channels")
        axes = tuple(part.replace("C", "") for part in maps.axes[:-1])
        value = node.builder.conv(
            maps.value, np.ascontiguousarray(weights)[:, :, np.newaxis, np.newaxis], name=node.name
        )
        return replace(maps, value=value, axes=(*axes, "C"))
    if not others <= {"N", ""}:
        raise ArgumentError(f"a matrix product of {maps.title} is not supported")
    is_last = not _is_part(letters, "CHW") and _is_part(letters, "HWC")
    if not is_last and not _is_part(letters, "CHW"):
        weights = _channels_first(maps, letters, weights)
    value = node.builder.dense(maps.value, np.ascontiguousarray(weights), channels_last=is_last, name=node.name)
    return replace(maps, value=value, axes=(*maps.axes[:-1], "C"))


def _channels_first(maps: Maps, letters: str, weights: Any) -> Any:
    """Return dense filters (K, features) in the order CHW of features, given in that of the axes `letters` of maps."""
    order = letters + "".join(letter for letter in "CHW" if letter not in letters)  # the others are of size 1
    sizes = [maps.size(letter) for letter in order]
    if maps.depends_on_image or math.prod(sizes) != weights.shape[1]:
        raise ArgumentError(f"dense filters of {weights.shape[1]} inputs do not fit {maps.title}")
    axes = [1 + order.index(letter) for letter in "CHW"]
    return weights.reshape(-1, *sizes).transpose(0, *axes).reshape(len(weights), -1)


def _is_part(letters: str, order: str) -> bool:
    """Return whether letters are some of those of `order`, in this order."""
    rest = iter(order)
    return all(letter in rest for letter in letters)


# Functions of each channel, and joins


def _batch_norm(node: Node) -> Tensor:
    maps = node.maps()
    if node.whole("training_mode", 0) or not node.whole("spatial", 1):
        raise ArgumentError("a batch normalization in training, or of each position, is not supported")
    if len(maps.axes) < 2 or maps.letters(1) not in ("C", "") or maps.letters(0) not in ("N", ""):
        raise ArgumentError(f"{maps.title}, where (images, channels, …) is needed")
    gamma, beta, mean, variance = (node.constant(index).floats() for index in range(1, 5))
    for array in (gamma, beta, mean, variance):
        if array.shape != (maps.value.shape[0],):
            raise ArgumentError(f"parameters of shape {array.shape} for {maps.value.shape[0]} channels")
    factor, offset = BatchNorm(gamma, beta, mean, variance, node.number("epsilon", 1e-5)).factors()
    return maps.of(node.builder.affine(maps.value, factor, offset, name=node.name))


def _add(node: Node) -> Tensor:
    first, second = node.maps_and_other()
    if isinstance(second, Constant):
        return first.of(_affine(node, first, offset=_broadcast(node, first, second)))
    return _joined(node, first, second, "add")


def _multiply(node: Node) -> Tensor:
    first, second = node.maps_and_other()
    if isinstance(second, Constant):
        return first.of(_affine(node, first, factor=_broadcast(node, first, second)))
    return _joined(node, first, second, "multiply")


def _subtract(node: Node) -> Tensor:
    first, second = node.input(0), node.input(1)
    if isinstance(first, Maps) and isinstance(second, Constant):
        return first.of(_affine(node, first, offset=-_broadcast(node, first, second)))
    assert isinstance(second, Maps)  # one of them is
    negative = second.of(node.builder.affine(second.value, -1.0))
    if isinstance(first, Constant):
        return second.of(_affine(node, negative, offset=first.floats()))
    return _joined(node, first, negative, "add")


def _divide(node: Node) -> Tensor:
    first, second = node.input(0), node.input(1)
    if not (isinstance(first, Maps) and isinstance(second, Constant)):
        raise ArgumentError("a division by values that depend on the image is not supported")
    divisors = _broadcast(node, first, second)
    if not divisors.all():
        raise ArgumentError("a division by zero")
    return first.of(_affine(node, first, factor=1 / divisors))


def _negative(node: Node) -> Tensor:
    maps = node.maps()
    return maps.of(node.builder.affine(maps.value, -1.0, name=node.name))


def _broadcast(node: Node, maps: Maps, constant: Constant) -> Any:
    """Return a constant as an array that is broadcast as NumPy does, which operators do from version 7 on.

    Before, its axes are those of the tensor from `axis` on.
    """
    array, axis = constant.floats(), node.whole("axis", -1)
    if node.version >= 7 or axis < 0:
        return array
    return array.reshape(*array.shape, *[1] * (len(maps.axes) - axis - array.ndim))


def _affine(node: Node, maps: Maps, factor: Any = None, offset: Any = None) -> Value:
    """Add a factor or an offset that is broadcast with a tensor."""
    return node.builder.affine(
        maps.value,
        1.0 if factor is None else maps.per_channel(factor),
        0.0 if offset is None else maps.per_channel(offset),
        name=node.name,
    )


def _joined(node: Node, first: Maps, second: Maps, kind: str) -> Tensor:
    result = aligned(first, second)
    values = [first.value, second.value]
    if kind == "multiply" and node.name:
        values = [_renamed_gate(node, *values), _renamed_gate(node, *values[::-1])]
    channels = max(value.shape[0] for value in values)
    for index, value in enumerate(values):
        if value.shape[0] == 1 < channels:
            values[index] = node.builder.conv(value, np.ones((channels, 1, 1, 1), np.float32))
    return result.of(node.builder.join(values, kind, name=node.name))


def _renamed_gate(node: Node, gate: Value, other: Value) -> Value:
    """Return the factor sigmoid(x) of x · sigmoid(x) with a name of its own: that of the module is for the product."""
    is_gate = is_activation(gate, "sigmoid") and gate.sources[0] is other and gate.name == node.name
    return replace(gate, name=f"{node.name}.sigmoid") if is_gate else gate


def _sum(node: Node) -> Tensor:
    maps = [node.maps(index) for index in range(len(node.inputs))]
    result = maps[0]
    for each in maps[1:]:
        result = aligned(result, each)
    return result.of(node.builder.join([each.value for each in maps], "add", name=node.name))


def _concat(node: Node) -> Tensor:
    maps = [node.maps(index) for index in range(len(node.inputs))]
    axis, rank = maps[0].axis(node.whole("axis")), len(maps[0].axes)
    problem = ArgumentError("tensors are joined along another axis than that of the channels, which is not supported")
    if any(len(each.axes) != rank or not _is_part(each.letters(axis), "CHW") for each in maps):
        raise problem
    others = {tuple(each.letters(other) for other in range(rank) if other != axis) for each in maps}
    if len(others) != 1 or "C" in "".join(*others):
        raise problem
    first = next((each for each in maps if "C" in each.axes[axis]), None)
    if first is None:
        raise problem
    return first.of(node.builder.join([each.value for each in maps], "concat", name=node.name))


ARITHMETIC: Operators = {
    "Add": _add,
    "BatchNormalization": _batch_norm,
    "Concat": _concat,
    "Div": _divide,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Mul": _multiply,
    "Neg": _negative,
    "Sub": _subtract,
    "Sum": _sum,
}
"""Dense filters, functions of each channel and joins, as functions of the node."""
