"""Operators of ONNX on maps, as operations of a network."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cnnfx.conv.geometry import Border, Pads
from cnnfx.errors import ArgumentError
from cnnfx.formats.batch_norm import BatchNorm
from cnnfx.formats.graph_builder import Value
from cnnfx.formats.onnx_maps import NCHW, Maps, aligned
from cnnfx.formats.onnx_node import FLOAT_TYPES, Constant, Node, Tensor
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.pooling import Pool

BORDERS: dict[str, Border] = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}
"""The borders of Pad."""


def _images(node: Node, index: int = 0) -> Maps:
    """Return an input whose axes are (N, C, H, W)."""
    maps = node.maps(index)
    if len(maps.axes) != 4 or not maps.has_axes(*NCHW):
        raise ArgumentError(f"a tensor of shape {maps.shape}, where (images, channels, rows, columns) is needed")
    return replace(maps, axes=NCHW)


# Filters and dense filters


def _conv(node: Node) -> Tensor:
    maps, weights = _images(node), node.constant(1).weights()
    if weights.ndim != 4:
        raise ArgumentError(f"filters of shape {weights.shape}, where (K, C, rows, columns) is needed")
    bias = node.constant(2).weights() if node.has(2) else None
    kernel = node.wholes("kernel_shape", 2, 0)
    if "kernel_shape" in _attributes(node) and tuple(kernel) != weights.shape[2:]:
        raise ArgumentError(f"kernel_shape is {kernel}, but the filters have the shape {weights.shape}")
    stride, dilation = node.wholes("strides", 2, 1), node.wholes("dilations", 2, 1)
    extent = [(size - 1) * step + 1 for size, step in zip(weights.shape[2:], dilation, strict=True)]
    same = node.text("auto_pad", "NOTSET") == "SAME_UPPER"
    return maps.of(
        node.builder.conv(
            maps.value,
            weights,
            bias,
            stride=(stride[0], stride[1]),
            dilation=(dilation[0], dilation[1]),
            padding="same" if same else _pads(node, maps.value, extent, stride),
            groups=node.whole("group", 1),
            name=node.name,
        )
    )


def _attributes(node: Node) -> set[str]:
    return {attribute.name for attribute in node.message.attribute}


def _pads(node: Node, value: Value, extent: list[int], stride: list[int]) -> Pads:
    """Return the padding of filters or a pooling from `pads` or `auto_pad`."""
    mode = node.text("auto_pad", "NOTSET")
    if mode == "VALID":
        return (0, 0), (0, 0)
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        sides = []
        for size, reach, step in zip(value.shape[1:], extent, stride, strict=True):
            if size is None and step != 1:
                raise ArgumentError(f"{mode} depends on the size of the image, which is not known")
            known = reach if size is None else size  # with stride 1 any size gives the same
            missing = max((-(-known // step) - 1) * step + reach - known, 0)
            less, more = missing // 2, missing - missing // 2
            sides.append((less, more) if mode == "SAME_UPPER" else (more, less))
        return sides[0], sides[1]
    if mode not in ("NOTSET", ""):
        raise ArgumentError(f"auto_pad {mode!r} is not known")
    top, left, bottom, right = node.wholes("pads", 4, 0)
    return (top, bottom), (left, right)


def _gemm(node: Node) -> Tensor:
    if node.whole("transA", 0):
        raise ArgumentError("transA is not supported")
    weights = node.constant(1).weights()
    if weights.ndim != 2:
        raise ArgumentError(f"dense filters of shape {weights.shape}, where two axes are needed")
    if (alpha := node.number("alpha", 1.0)) != 1:
        weights = weights * np.float32(alpha)
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
    if len(maps.axes) < 2:
        raise ArgumentError(f"a matrix product of a tensor of shape {maps.shape} is not supported")
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
        raise ArgumentError(f"a matrix product of a tensor of shape {maps.shape} is not supported")
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
        raise ArgumentError(f"dense filters of {weights.shape[1]} inputs do not fit a tensor of shape {maps.shape}")
    axes = [1 + order.index(letter) for letter in "CHW"]
    return weights.reshape(-1, *sizes).transpose(0, *axes).reshape(len(weights), -1)


def _is_part(letters: str, order: str) -> bool:
    """Return whether letters are some of those of `order`, in this order."""
    rest = iter(order)
    return all(letter in rest for letter in letters)


# Functions of each channel


def _batch_norm(node: Node) -> Tensor:
    maps = node.maps()
    if node.whole("training_mode", 0) or not node.whole("spatial", 1):
        raise ArgumentError("a batch normalization in training, or of each position, is not supported")
    if len(maps.axes) < 2 or maps.letters(1) not in ("C", "") or maps.letters(0) not in ("N", ""):
        raise ArgumentError(f"a tensor of shape {maps.shape}, where (images, channels, …) is needed")
    gamma, beta, mean, variance = (node.constant(index).floats() for index in range(1, 5))
    for array in (gamma, beta, mean, variance):
        if array.shape != (maps.value.shape[0],):
            raise ArgumentError(f"parameters of shape {array.shape} for {maps.value.shape[0]} channels")
    factor, offset = BatchNorm(gamma, beta, mean, variance, node.number("epsilon", 1e-5)).factors()
    return maps.of(node.builder.affine(maps.value, factor, offset, name=node.name))


def _add(node: Node) -> Tensor:
    first, second = _two(node)
    if isinstance(second, Constant):
        return first.of(_affine(node, first, offset=_broadcast(node, first, second)))
    return _joined(node, first, second, "add")


def _multiply(node: Node) -> Tensor:
    first, second = _two(node)
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


def _two(node: Node) -> tuple[Maps, Tensor]:
    """Return the two inputs of an operator in which their order does not matter; the first holds maps."""
    first, second = node.input(0), node.input(1)
    if isinstance(first, Maps):
        return first, second
    assert isinstance(second, Maps)
    return second, first


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
    channels = max(value.shape[0] for value in values)
    for index, value in enumerate(values):
        if value.shape[0] == 1 < channels:
            values[index] = node.builder.conv(value, np.ones((channels, 1, 1, 1), np.float32))
    return result.of(node.builder.join(values, kind, name=node.name))


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
    for each in maps:
        others = "".join(each.letters(other) for other in range(len(each.axes)) if other != axis)
        if len(each.axes) != rank or not _is_part(each.letters(axis), "CHW") or "C" in others:
            raise problem
    first = next((each for each in maps if "C" in each.axes[axis]), None)
    if first is None:
        raise problem
    return first.of(node.builder.join([each.value for each in maps], "concat", name=node.name))


# Activations


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
    first, second = _two(node)
    if len(node.inputs) != 2 or not isinstance(second, Constant):
        raise ArgumentError(f"{node.operator} of tensors that depend on the image is not supported")
    bound = float(second.floats().reshape(())) if second.array.size == 1 else math.nan
    if math.isnan(bound) or second.array.ndim > len(first.axes):
        raise ArgumentError(f"{node.operator} with more than one number is not supported")
    limits = (bound, math.inf) if node.operator == "Max" else (-math.inf, bound)
    return first.of(_clipped(node, first.value, *limits))


def _clipped(node: Node, value: Value, low: float, high: float) -> Value:
    """Add min(max(x, low), high), by ReLU and ReLU6 of scaled values.

    Numbers beyond those of float32, such as its largest, are no bounds.
    """
    most = float(np.finfo(np.float32).max)
    builder, has_low, has_high = node.builder, low > -most, high < most
    if math.isnan(low) or math.isnan(high):
        raise ArgumentError(f"values are limited to {low:g} and {high:g}")
    low = min(low, high)  # the higher limit is applied last
    if has_low and has_high and low == high:
        return builder.affine(value, 0.0, low, name=node.name)
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
        raise ArgumentError(f"a tensor of shape {maps.shape}, where (images, channels, …) is needed")
    if size % 2 == 0:
        raise ArgumentError("a normalization over an even number of channels is not supported")
    numbers = (node.number(name, default) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    return maps.of(node.builder.local_response(maps.value, LocalResponse(size, *numbers), name=node.name))


# Pooling and padding


def _pool(kind: str) -> Callable[[Node], Tensor]:
    def add(node: Node) -> Tensor:
        maps, size, stride = _images(node), node.wholes("kernel_shape", 2, 0), node.wholes("strides", 2, 1)
        if any(step != 1 for step in node.wholes("dilations", 2, 1)):
            raise ArgumentError("a pooling with dilation is not supported")
        pads = _pads(node, maps.value, size, stride)
        counts = bool(node.whole("count_include_pad", 0)) if kind == "mean" else False
        pool = Pool(kind, size, stride, pads, bool(node.whole("ceil_mode", 0)), counts)
        return maps.of(node.builder.pool(maps.value, pool, name=node.name))

    return add


def _global_pool(kind: str) -> Callable[[Node], Tensor]:
    def add(node: Node) -> Tensor:
        maps = _images(node)
        return maps.of(node.builder.pool(maps.value, Pool(kind, None), name=node.name))

    return add


def _reduce(kind: str) -> Callable[[Node], Tensor]:
    def add(node: Node) -> Tensor:
        maps, axes = node.maps(), node.axes()
        if not axes and node.whole("noop_with_empty_axes", 0):
            return maps
        axes = [maps.axis(axis) for axis in axes] if axes else list(range(len(maps.axes)))
        letters = {letter for axis in axes for letter in maps.letters(axis)}
        _, height, width = maps.value.shape
        if letters - {"H", "W"}:
            raise ArgumentError("a reduction over other axes than rows and columns is not supported")
        if letters >= {letter for letter in "HW" if maps.size(letter) != 1}:
            pool = Pool(kind if kind != "sum" else "mean", None)
        elif not letters:
            return maps.reduce(axes, bool(node.whole("keepdims", 1)), maps.value)
        elif height is None or width is None:
            raise ArgumentError("a reduction of rows or columns of maps whose size is not known is not supported")
        else:
            pool = Pool(kind if kind != "sum" else "mean", (height, 1) if letters == {"H"} else (1, width))
        value = node.builder.pool(maps.value, pool, name=node.name)
        if kind == "sum":
            if maps.depends_on_image:
                raise ArgumentError("a sum over maps whose size is not known is not supported")
            value = node.builder.affine(value, float(math.prod(maps.size(letter) for letter in letters)))
        return maps.reduce(axes, bool(node.whole("keepdims", 1)), value)

    return add


def _pad(node: Node) -> Tensor:
    maps, mode = node.maps(), node.text("mode", "constant")
    if mode not in BORDERS:
        raise ArgumentError(f"the mode {mode!r} is not known")
    rank = len(maps.axes)
    if node.version < 11:
        numbers, value = node.wholes("pads", 2 * rank, 0), node.number("value", 0.0)
        axes = list(range(rank))
    else:
        numbers, value = node.list_of(1), node.scalar(2) if node.has(2) else 0.0
        axes = [maps.axis(axis) for axis in node.list_of(3)] if node.has(3) else list(range(rank))
    if len(numbers) != 2 * len(axes) or len(set(axes)) != len(axes):
        raise ArgumentError(f"{len(numbers)} sizes of padding for {len(axes)} axes")
    pads = {"H": (0, 0), "W": (0, 0)}
    for index, axis in enumerate(axes):
        pair = numbers[index], numbers[index + len(axes)]
        if pair == (0, 0):
            continue
        if min(pair) < 0 or maps.axes[axis] not in pads:
            raise ArgumentError("padding of other axes than rows and columns, or cropping, is not supported")
        pads[maps.axes[axis]] = pair
    if mode == "constant" and value != 0 and any(map(any, pads.values())):
        raise ArgumentError(f"padding with {value:g}, not 0, is not supported")
    return maps.of(node.builder.pad(maps.value, (pads["H"], pads["W"]), BORDERS[mode], name=node.name))


# Axes


def _same(node: Node) -> Tensor:
    return node.maps()


def _dropout(node: Node) -> Tensor:
    if node.has(2) and node.constant(2).array.any():
        raise ArgumentError("a dropout in training is not supported")
    return node.maps()


def _cast(node: Node) -> Tensor:
    if node.whole("to") not in FLOAT_TYPES:
        raise ArgumentError("maps are rounded to another type than floats, which is not supported")
    return node.maps()


def _flatten(node: Node) -> Tensor:
    return node.maps().flatten(node.whole("axis", 1))


def _reshape(node: Node) -> Tensor:
    return node.maps().reshape(node.list_of(1), not node.whole("allowzero", 0))


def _transpose(node: Node) -> Tensor:
    maps = node.maps()
    order = node.wholes("perm", len(maps.axes), 0) if "perm" in _attributes(node) else range(len(maps.axes))[::-1]
    return maps.transpose(order)


def _squeeze(node: Node) -> Tensor:
    return node.maps().squeeze(node.axes())


def _unsqueeze(node: Node) -> Tensor:
    return node.maps().unsqueeze(node.axes() or [])


def _shape(node: Node) -> Tensor:
    maps = node.maps()
    shape = np.array(maps.shape, np.int64)[node.shape_slice(len(maps.axes))]
    return Constant(shape, depends_on_image=maps.depends_on_image)


def _expand(node: Node) -> Tensor:
    maps, shape = node.maps(), node.list_of(1)
    if np.broadcast_shapes(maps.shape, tuple(shape)) != maps.shape:
        raise ArgumentError("maps are repeated, which is not supported")
    return maps


OPERATORS: dict[str, Callable[[Node], Tensor]] = {
    "Abs": _activation("abs"),
    "Add": _add,
    "AveragePool": _pool("mean"),
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Div": _divide,
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool("mean"),
    "GlobalMaxPool": _global_pool("max"),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _activation("hard_swish"),
    "Identity": _same,
    "LRN": _local_response,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "Max": _largest,
    "MaxPool": _pool("max"),
    "Min": _largest,
    "Mul": _multiply,
    "Neg": _negative,
    "PRelu": _prelu,
    "Pad": _pad,
    "ReduceMax": _reduce("max"),
    "ReduceMean": _reduce("mean"),
    "ReduceSum": _reduce("sum"),
    "Relu": _activation("relu"),
    "Reshape": _reshape,
    "Shape": _shape,
    "Sigmoid": _activation("sigmoid"),
    "Softmax": _softmax,
    "Squeeze": _squeeze,
    "Sub": _subtract,
    "Sum": _sum,
    "Swish": _swish,
    "Tanh": _activation("tanh"),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""The operators on maps, as functions of the node that add it to the builder of the network."""
