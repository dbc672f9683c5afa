"""Layers as nodes of an ONNX graph. The operators: https://onnx.ai/onnx/operators/

A layer becomes a few nodes, called "conv1/Conv", "conv1/Relu" and so on. The last of them gives the output channels
under the name of the layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from cnnfx.conv.geometry import Pads, Pair, Window
from cnnfx.errors import ArgumentError
from cnnfx.formats.model import as_float32
from cnnfx.nn.activations import DEFAULT_LEAKY_SLOPE, Activation
from cnnfx.nn.combinations import Combination
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Array, Conv, Layer
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.pooling import NO_PADS, Pool

CHANNELS = 1
"""The axis of the channels of maps (N, C, H, W); rows and columns follow."""
BACKWARD_END, FORWARD_END = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)
"""The ends of slices to the first row or column and to the last."""
ANY_SIZE = 10**6
"""A size of images, in pixels, where the padding does not depend on it."""
OPERATORS = {
    "relu": "Relu", "abs": "Abs", "sigmoid": "Sigmoid", "tanh": "Tanh", "hard_swish": "HardSwish",
}  # fmt: skip
"""The operators of activations without attributes."""
REDUCTIONS = {"norm": "ReduceL2", "max": "ReduceMax", "mean": "ReduceMean", "sum": "ReduceSum"}
"""The operators of combinations of channels, except for "take" and "difference"."""
JOINS = {"add": "Add", "multiply": "Mul"}
"""The operators of joins of two values."""


class Nodes:
    """The nodes and constants of a graph, in order.

    Parameters
    ----------
    onnx
        The library.
    taken : sequence of str
        Names of values that no node may give.
    with_weights : bool
        Whether the constants include the weights and biases of layers.
    """

    def __init__(self, onnx: Any, taken: Sequence[str], with_weights: bool = True) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._onnx = onnx
        self._with_weights = with_weights
        self._taken = set(taken)
        self._scope = ""
        self._first = 0

    def start_layer(self, name: str) -> None:
        """Begin a layer, whose nodes are called after it."""
        self._scope = self._unique(name)
        self._first = len(self.nodes)

    def end_layer(self, value: str, name: str = "") -> str:
        """End a layer, whose output is `value`, and return its new name, by default that of the layer."""
        if len(self.nodes) == self._first:
            self.add("Identity", [value])
        self.nodes[-1].output[0] = name or self._scope
        return name or self._scope

    def add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        name = self._unique(f"{self._scope}/{operator}")
        self.nodes.append(self._onnx.helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, name: str, values: Any, dtype: type[np.generic] = np.float32) -> str:
        """Add an array or a number, and return its name, which begins with that of the layer."""
        return self._add_array(self._unique(f"{self._scope}/{name}"), np.array(values, dtype))

    def weights(self, name: str, array: Array) -> str:
        """Add weights or biases of a layer under a name of their own."""
        unique = self._unique(name)
        return self._add_array(unique, array) if self._with_weights else unique

    def _add_array(self, name: str, array: Array) -> str:
        self.constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def integers(self, name: str, *values: int) -> str:
        """Add an array of whole numbers."""
        return self.constant(name, values, np.int64)

    def _unique(self, name: str) -> str:
        unique, number = name, 1
        while unique in self._taken:
            number += 1
            unique = f"{name}_{number}"
        self._taken.add(unique)
        return unique


def add_normalization(nodes: Nodes, image: str, given: Input) -> str:
    """Add (image · scale - mean) / std, without the steps that change nothing."""
    shape = (-1, 1, 1)
    if given.scale != 1:
        image = nodes.add("Mul", [image, nodes.constant("scale", given.scale)])
    if set(given.mean) != {0.0}:
        image = nodes.add("Sub", [image, nodes.constant("mean", np.reshape(given.mean, shape))])
    if set(given.std) != {1.0}:
        image = nodes.add("Div", [image, nodes.constant("std", np.reshape(given.std, shape))])
    return image


def add_layer(
    nodes: Nodes, layer: Layer, sources: Sequence[str], weights: Sequence[str], size: Pair | None, channels: int
) -> str:
    """Add all steps of a bound layer, and return the name of its output channels.

    Parameters
    ----------
    nodes : Nodes
        In which the layer was started.
    layer : Layer
    sources : sequence of str
        The names of the values that it reads.
    weights : sequence of str
        The names for its weights and biases.
    size : (int, int), optional
        Height and width of the maps that it reads, if they are the same for all images.
    channels : int
        The channels that it reads, joined.

    Raises
    ------
    ArgumentError
        If ONNX cannot express a step.
    """
    value = _add_join(nodes, layer.join, sources)
    if layer.conv is not None:
        value = _add_conv(nodes, value, layer.conv, weights, size)
        channels = len(layer.conv.weights)
    if layer.combine:
        value = _add_combinations(nodes, value, layer.combine, channels)
        channels = len(layer.combine)
    value = _add_activation(nodes, value, layer.activation)
    if layer.local_response is not None:
        value = _add_local_response(nodes, value, layer.local_response, channels)
    return value if layer.pool is None else _add_pool(nodes, value, layer.pool)


def _add_join(nodes: Nodes, join: str, sources: Sequence[str]) -> str:
    value, *others = sources
    if others and join == "concat":
        return nodes.add("Concat", sources, axis=CHANNELS)
    for other in others:
        value = nodes.add(JOINS[join], [value, other])
    return value


# Filters


def _add_conv(nodes: Nodes, value: str, conv: Conv, names: Sequence[str], size: Pair | None) -> str:
    window = conv.window
    settings: dict[str, Any] = {"strides": window.stride, "dilations": window.dilation, "group": conv.groups}
    pads = _fixed_pads(window, size)
    if pads is not None and window.border != "constant":
        value, pads = _add_border(nodes, value, pads, window.border), NO_PADS
    settings |= {"auto_pad": "SAME_UPPER"} if pads is None else {"pads": _begins_and_ends(pads)}
    parts = zip(names, (conv.weights, conv.bias), strict=True)
    arrays = [nodes.weights(name, as_float32(array, name)) for name, array in parts]
    return nodes.add("Conv", [value, *arrays], kernel_shape=window.kernel, **settings)


def _fixed_pads(window: Window, size: Pair | None) -> Pads | None:
    """Return the padding if it is the same for all images, otherwise None.

    Raises
    ------
    ArgumentError
        If it is not, and the operator of the border needs it.
    """
    if depends_on_size(window):
        if size is None and window.border != "constant":
            raise ArgumentError(
                f'the padding "same" with a stride and the border "{window.border}" depends on the size of the image, '
                "which ONNX cannot express for any size. Give the network's input a size"
            )
        return None if size is None else window.pads(size)
    return window.pads((ANY_SIZE, ANY_SIZE))


def depends_on_size(window: Window) -> bool:
    """Return whether the padding of filters depends on the size of the maps that they read."""
    return window.padding == "same" and window.stride != (1, 1)


def _begins_and_ends(pads: Pads) -> list[int]:
    """Return ((top, bottom), (left, right)) in the order of ONNX: top, left, bottom, right."""
    return [side for pair in zip(*pads, strict=True) for side in pair]


def _add_border(nodes: Nodes, value: str, pads: Pads, border: str) -> str:
    """Add padding. It must not be wider than the maps if its values are those of pixels."""
    if pads == NO_PADS:
        return value
    if border in ("constant", "edge", "reflect"):
        top, left, bottom, right = _begins_and_ends(pads)
        return nodes.add("Pad", [value, nodes.integers("pads", 0, 0, top, left, 0, 0, bottom, right)], mode=border)
    for axis, (before, after) in enumerate(pads, CHANNELS + 1):
        if border == "symmetric":  # the first and the last pixels, backward
            start, end = slice(before - 1, BACKWARD_END, -1), slice(-1, -after - 1, -1)
        else:  # "wrap": the last pixels, and the first
            start, end = slice(-before, FORWARD_END, 1), slice(0, after, 1)
        parts = [_add_slice(nodes, value, axis, start)] if before else []
        parts += [value, *([_add_slice(nodes, value, axis, end)] if after else [])]
        value = nodes.add("Concat", parts, axis=axis) if len(parts) > 1 else value
    return value


def _add_slice(nodes: Nodes, value: str, axis: int, part: slice) -> str:
    numbers = {"starts": part.start, "ends": part.stop, "axes": axis, "steps": part.step}
    return nodes.add("Slice", [value, *(nodes.integers(name, number) for name, number in numbers.items())])


# Combinations of channels


def _add_combinations(nodes: Nodes, value: str, combinations: Sequence[Combination], channels: int) -> str:
    """Add the output channels, each made from some of `channels` channels."""
    parts = []
    for is_taken, group in groupby(combinations, lambda each: each.kind == "take"):
        if is_taken:
            parts.append(_add_selection(nodes, value, [each.of[0] for each in group], channels))
        else:
            parts += [_add_combination(nodes, value, each, channels) for each in group]
    return nodes.add("Concat", parts, axis=CHANNELS) if len(parts) > 1 else parts[0]


def _add_combination(nodes: Nodes, value: str, combination: Combination, channels: int) -> str:
    first, *others = combination.of
    if combination.kind == "difference":
        value, others_value = (_add_selection(nodes, value, of, channels) for of in ([first], others))
        return nodes.add("Sub", [value, _add_reduction(nodes, others_value, "sum")])
    return _add_reduction(nodes, _add_selection(nodes, value, combination.of, channels), combination.kind)


def _add_reduction(nodes: Nodes, value: str, kind: str) -> str:
    if kind == "sum":  # its axes became an input before those of the others
        return nodes.add("ReduceSum", [value, nodes.integers("axes", CHANNELS)])
    return nodes.add(REDUCTIONS[kind], [value], axes=[CHANNELS])


def _add_selection(nodes: Nodes, value: str, chosen: Sequence[int], channels: int) -> str:
    if list(chosen) == list(range(channels)):
        return value
    return nodes.add("Gather", [value, nodes.integers("channels", *chosen)], axis=CHANNELS)


# Activation, normalization and pooling


def _add_activation(nodes: Nodes, value: str, activation: Activation) -> str:
    kind, slope = activation.kind, activation.slope
    if kind == "none":
        return value
    if kind == "relu6":
        return nodes.add("Clip", [value, nodes.constant("min", 0), nodes.constant("max", 6)])
    if kind == "leaky_relu":
        return nodes.add("LeakyRelu", [value], alpha=DEFAULT_LEAKY_SLOPE if slope is None else slope)
    if kind == "prelu":
        return nodes.add("PRelu", [value, nodes.constant("slope", activation.slopes())])
    if kind == "hard_sigmoid":
        return nodes.add("HardSigmoid", [value], alpha=1 / 6, beta=0.5)
    if kind == "softmax":
        return nodes.add("Softmax", [value], axis=CHANNELS)
    return nodes.add(OPERATORS[kind], [value])


def _add_local_response(nodes: Nodes, value: str, response: LocalResponse, channels: int) -> str:
    if response.size % 2:
        settings = {"alpha": response.alpha, "beta": response.beta, "bias": response.k}
        return nodes.add("LRN", [value], size=response.size, **settings)
    # With an even size, ONNX has the channel more after the middle, not before it. Filters of 1×1 sum the squares.
    sums = response.channel_sums(np.eye(channels, dtype=np.float32)[..., np.newaxis, np.newaxis])
    weights = (sums * (response.alpha / response.size)).transpose(1, 0, 2, 3)
    squares = nodes.add("Mul", [value, value])
    arrays = [nodes.constant("sums", weights), nodes.constant("k", [response.k] * channels)]
    bases = nodes.add("Conv", [squares, *arrays], kernel_shape=(1, 1))
    return nodes.add("Div", [value, nodes.add("Pow", [bases, nodes.constant("beta", response.beta)])])


def _add_pool(nodes: Nodes, value: str, pool: Pool) -> str:
    is_max = pool.kind == "max"
    if pool.size is None:
        return nodes.add("GlobalMaxPool" if is_max else "GlobalAveragePool", [value])
    pads, counts_padding = pool.padding, pool.count_padding and not is_max
    if pool.ceil:  # as further padding: programs differ in the windows that they add
        sides = zip(pads, pool.size, pool.stride, strict=True)
        more = [(before, min(after + stride, size) - 1) for (before, after), size, stride in sides]
        if counts_padding:  # only the padding of the layer itself counts
            value, counts_padding = _add_border(nodes, value, pads, "constant"), False
            more = [(0, new - after) for (_, new), (_, after) in zip(more, pads, strict=True)]
        pads = more[0], more[1]
    settings = {"kernel_shape": pool.size, "strides": pool.stride, "pads": _begins_and_ends(pads)}
    if is_max:
        return nodes.add("MaxPool", [value], **settings)
    return nodes.add("AveragePool", [value], **settings, count_include_pad=int(counts_padding))
