"""Operators of ONNX on constants, such as the arithmetic of shapes before a Reshape."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.formats.onnx.node import NUMPY_TYPES, Node

Array = NDArray[Any]
VALUE_BYTES = 8
"""The most bytes of an element of a constant."""


def fold(node: Node, arrays: Sequence[Array]) -> Array:
    """Return the result of an operator on constants.

    Raises
    ------
    ArgumentError
        If the operator is not supported.
    TensorError
        If the result is too large.
    ValueError, IndexError, TypeError, ArithmeticError
        If its inputs are malformed.
    """
    if node.operator not in FOLDED:
        raise ArgumentError("the operator is not supported on constants")
    return np.asarray(FOLDED[node.operator](node, arrays))


def _of_shape(node: Node, shape: Iterable[Any], itemsize: int = VALUE_BYTES) -> tuple[int, ...]:
    """Return a shape as whole numbers, after the memory of an array of this shape was counted."""
    sizes = tuple(map(int, shape))
    if any(size < 0 for size in sizes):
        raise ArgumentError(f"a tensor of shape {sizes}")
    node.reserve(math.prod(sizes) * itemsize)
    return sizes


def _elementwise(function: Callable[..., Any]) -> Callable[[Node, Sequence[Array]], Any]:
    def compute(node: Node, arrays: Sequence[Array]) -> Any:
        _of_shape(node, np.broadcast_shapes(*(array.shape for array in arrays)))
        return function(*arrays)

    return compute


def _divide(first: Array, second: Array) -> Array:
    """Return the quotient; of whole numbers, that toward zero."""
    if first.dtype.kind in "iu" and second.dtype.kind in "iu":
        return np.asarray(np.trunc(first / second)).astype(first.dtype)
    return np.asarray(first / second)


def _constant(node: Node, arrays: Sequence[Array]) -> Any:
    numbers = node.attribute("value_ints", node.attribute("value_int", None))
    if numbers is not None:
        return np.array(numbers, np.int64)
    numbers = node.attribute("value_floats", node.attribute("value_float", None))
    if numbers is not None:
        return np.array(numbers, np.float32)
    raise ArgumentError("a constant that is no tensor and no number")


def _constant_of_shape(node: Node, arrays: Sequence[Array]) -> Any:
    value = node.tensor("value")
    element = np.zeros((), np.float32) if value is None else value.reshape(())
    return np.full(_of_shape(node, arrays[0], element.itemsize), element)


def _cast(node: Node, arrays: Sequence[Array]) -> Any:
    dtype = NUMPY_TYPES.get(node.whole("to", 1))
    if dtype is None:
        raise ArgumentError("a cast to a type that is not supported")
    _of_shape(node, arrays[0].shape)
    return arrays[0].astype(dtype)


def _concat(node: Node, arrays: Sequence[Array]) -> Any:
    node.reserve(sum(array.size for array in arrays) * VALUE_BYTES)
    return np.concatenate(arrays, node.whole("axis"))


def _gather(node: Node, arrays: Sequence[Array]) -> Any:
    values, indexes = arrays
    axis = node.whole("axis", 0)
    size = values.shape[axis]
    _of_shape(node, (values.size // max(1, size), indexes.size))
    return np.take(values, np.where(indexes < 0, indexes + size, indexes), axis)


def _reshape(node: Node, arrays: Sequence[Array]) -> Any:
    values, shape = arrays
    sizes = [int(size) for size in shape]
    if not node.whole("allowzero", 0):
        sizes = [values.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return values.reshape(sizes)


def _squeeze(node: Node, arrays: Sequence[Array]) -> Any:
    axes = node.axes()
    return np.squeeze(arrays[0], None if axes is None else tuple(axes))


def _unsqueeze(node: Node, arrays: Sequence[Array]) -> Any:
    return np.expand_dims(arrays[0], tuple(node.axes() or ()))


def _transpose(node: Node, arrays: Sequence[Array]) -> Any:
    return np.transpose(arrays[0], node.attribute("perm", None))


def _flatten(node: Node, arrays: Sequence[Array]) -> Any:
    values, axis = arrays[0], node.whole("axis", 1)
    axis = axis + values.ndim if axis < 0 else axis
    return values.reshape(math.prod(values.shape[:axis]), -1)


def _slice(node: Node, arrays: Sequence[Array]) -> Any:
    values = arrays[0]
    starts: Any
    ends: Any
    axes: Any
    steps: Any
    if node.version < 10:
        starts, ends = node.attribute("starts", []), node.attribute("ends", [])
        axes, steps = node.attribute("axes", None), None
    else:
        starts, ends, axes, steps = [*arrays[1:], None, None][:4]
    chosen = [slice(None)] * values.ndim
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        last = int(end)
        chosen[int(axis)] = slice(int(start), None if step < 0 and last < -values.shape[axis] else last, int(step))
    return values[tuple(chosen)]


def _expand(node: Node, arrays: Sequence[Array]) -> Any:
    shape = np.broadcast_shapes(arrays[0].shape, tuple(map(int, arrays[1])))
    return np.broadcast_to(arrays[0], _of_shape(node, shape)).copy()


def _tile(node: Node, arrays: Sequence[Array]) -> Any:
    repeats = _of_shape(node, arrays[1])
    node.reserve(arrays[0].size * math.prod(repeats) * VALUE_BYTES)
    return np.tile(arrays[0], repeats)


def _range(node: Node, arrays: Sequence[Array]) -> Any:
    start, limit, delta = (array.reshape(()).item() for array in arrays)
    _of_shape(node, [max(0, math.ceil((limit - start) / delta))])
    return np.arange(start, limit, delta)


def _reduce(function: Callable[..., Any]) -> Callable[[Node, Sequence[Array]], Any]:
    def compute(node: Node, arrays: Sequence[Array]) -> Any:
        axes = node.axes()
        return function(arrays[0], axis=None if axes is None else tuple(axes), keepdims=bool(node.whole("keepdims", 1)))

    return compute


def _power(base: Array, exponent: Array) -> Array:
    return np.asarray(np.power(base.astype(np.float64), exponent)).astype(base.dtype)


FOLDED: dict[str, Callable[[Node, Sequence[Array]], Any]] = {
    "Abs": _elementwise(np.abs),
    "Add": _elementwise(np.add),
    "Cast": _cast,
    "Ceil": _elementwise(np.ceil),
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Div": _elementwise(_divide),
    "Equal": _elementwise(np.equal),
    "Exp": _elementwise(np.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _elementwise(np.floor),
    "Gather": _gather,
    "Greater": _elementwise(np.greater),
    "Identity": lambda node, arrays: arrays[0],
    "Less": _elementwise(np.less),
    "Max": _elementwise(lambda *arrays: np.max(np.broadcast_arrays(*arrays), 0)),
    "Min": _elementwise(lambda *arrays: np.min(np.broadcast_arrays(*arrays), 0)),
    "Mod": _elementwise(np.mod),
    "Mul": _elementwise(np.multiply),
    "Neg": _elementwise(np.negative),
    "Not": _elementwise(np.logical_not),
    "Pow": _elementwise(_power),
    "Range": _range,
    "Reciprocal": _elementwise(np.reciprocal),
    "ReduceMax": _reduce(np.max),
    "ReduceMean": _reduce(np.mean),
    "ReduceMin": _reduce(np.min),
    "ReduceProd": _reduce(np.prod),
    "ReduceSum": _reduce(np.sum),
    "Reshape": _reshape,
    "Round": _elementwise(np.round),
    "Shape": lambda node, arrays: np.array(arrays[0].shape[node.shape_slice(arrays[0].ndim)], np.int64),
    "Size": lambda node, arrays: np.array(arrays[0].size),
    "Slice": _slice,
    "Sqrt": _elementwise(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(np.subtract),
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _elementwise(np.where),
}
"""The operators on constants, as functions of the node and the arrays of its inputs."""
