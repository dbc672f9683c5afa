"""Operators of ONNX that change the axes of tensors or take some of their channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.formats.graph_values import Value
from cnnfx.formats.onnx.maps import Maps
from cnnfx.formats.onnx.node import FLOAT_TYPES, Constant, Node, Operators, Tensor

# Channels


def _taken(node: Node, axis: int, channels: Sequence[int]) -> Maps:
    """Return a tensor with some of its channels, which are those of an axis."""
    maps = node.maps()
    if channels == range(maps.shape[axis]):
        return maps
    if maps.letters(axis) != "C":
        raise ArgumentError("parts of another axis than that of the channels are taken, which is not supported")
    return maps.of(_take(node, maps, channels))


def _take(node: Node, maps: Maps, channels: Sequence[int]) -> Value:
    """Add filters that take some channels, after their memory was counted: a few numbers in a file make many."""
    node.count_weights(len(channels) * maps.value.shape[0])
    return node.builder.take(maps.value, channels, name=node.name)


def _split(node: Node) -> list[Tensor]:
    maps, count = node.maps(), len(node.message.output)
    axis = maps.axis(node.whole("axis", 0))
    total = maps.shape[axis]
    sizes = node.list_of(1) if node.has(1) else node.attribute("split", None)
    if sizes is None:
        part = -(-total // count)
        sizes = [min(part, total - part * index) for index in range(count)]
    if len(sizes) != count or sum(sizes) != total or min(sizes) < 1:
        raise ArgumentError(f"{count} parts of {sum(sizes)} in all, of an axis of {total}")
    ends = list(accumulate(sizes))
    return [_taken(node, axis, range(end - size, end)) for end, size in zip(ends, sizes, strict=True)]


def _gather(node: Node) -> Tensor:
    maps, indexes = node.maps(), node.list_of(1)
    axis = maps.axis(node.whole("axis", 0))
    size = maps.shape[axis]
    if node.constant(1).array.ndim != 1 or not all(-size <= index < size for index in indexes):
        raise ArgumentError(f"{len(indexes)} indexes of an axis of {size} are not supported")
    return _taken(node, axis, [index % size for index in indexes])


def _slice(node: Node) -> Tensor:
    maps = node.maps()
    if node.version < 10:
        starts, ends, axes = (node.attribute(name, None) for name in ("starts", "ends", "axes"))
        steps = None
    else:
        starts, ends, axes, steps = (node.list_of(index) if node.has(index) else None for index in range(1, 5))
    axes = list(range(len(starts or []))) if axes is None else axes
    steps = [1] * len(axes) if steps is None else steps
    if not (starts and ends) or not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise ArgumentError("its starts, ends, axes and steps do not fit")
    changed = []
    for start, end, number, step in zip(starts, ends, axes, steps, strict=True):
        axis = maps.axis(number)
        size = maps.shape[axis]
        last = None if step < 0 and end < -size else end
        if (channels := range(size)[slice(start, last, step)]) != range(size):
            changed.append((axis, channels))
    if len(changed) > 1:
        raise ArgumentError("parts of several axes are taken, which is not supported")
    return _taken(node, *changed[0]) if changed else maps


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
    maps = node.maps().reshape(node.list_of(1), not node.whole("allowzero", 0))
    if not any("DG" in letters for letters in maps.axes):
        return maps
    order = np.arange(maps.value.shape[0]).reshape(maps.groups, -1).T.reshape(-1)  # channels are shuffled
    axes = tuple(letters.replace("DG", "C") for letters in maps.axes)
    return replace(maps, value=_take(node, maps, order.tolist()), axes=axes)


def _transpose(node: Node) -> Tensor:
    maps = node.maps()
    order = node.wholes("perm", len(maps.axes), 0) if node.has_attribute("perm") else range(len(maps.axes))[::-1]
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


AXES: Operators = {
    "Cast": _cast,
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Identity": _same,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""Operators on axes, as functions of the node."""
