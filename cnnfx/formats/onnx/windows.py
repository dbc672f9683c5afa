"""Operators of ONNX that read windows of maps: filters, pooling and padding."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from cnnfx.conv.geometry import Border, Pads
from cnnfx.errors import ArgumentError
from cnnfx.formats.graph_values import Value
from cnnfx.formats.onnx.maps import NCHW, Maps
from cnnfx.formats.onnx.node import Node, Operators, Tensor
from cnnfx.nn.pooling import Pool

BORDERS: dict[str, Border] = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}
"""The borders of Pad."""


def _images(node: Node, index: int = 0) -> Maps:
    """Return an input whose axes are (N, C, H, W)."""
    maps = node.maps(index)
    if len(maps.axes) != 4 or not maps.has_axes(*NCHW):
        raise ArgumentError(f"{maps.title}, where (images, channels, rows, columns) is needed")
    return replace(maps, axes=NCHW)


def _conv(node: Node) -> Tensor:
    maps, weights = _images(node), node.constant(1).weights()
    if weights.ndim != 4:
        raise ArgumentError(f"filters of shape {weights.shape}, where (K, C, rows, columns) is needed")
    bias = node.constant(2).weights() if node.has(2) else None
    kernel = node.wholes("kernel_shape", 2, 0)
    if node.has_attribute("kernel_shape") and tuple(kernel) != weights.shape[2:]:
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


WINDOWS: Operators = {
    "AveragePool": _pool("mean"),
    "Conv": _conv,
    "GlobalAveragePool": _global_pool("mean"),
    "GlobalMaxPool": _global_pool("max"),
    "MaxPool": _pool("max"),
    "Pad": _pad,
    "ReduceMax": _reduce("max"),
    "ReduceMean": _reduce("mean"),
    "ReduceSum": _reduce("sum"),
}
"""Filters, pooling and padding, as functions of the node."""
