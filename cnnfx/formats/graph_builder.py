"""A network built from single operations, which is how graphs of ONNX and Keras describe it.

Each method of `GraphBuilder` adds an operation on values before it and returns the value that it gives. `network` makes
layers of the operations: batch normalization and scaling are folded into the filters before them, and activations
belong to the layer whose maps they take, where nothing else reads these maps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.geometry import Border, Pads, Pair
from cnnfx.errors import ArgumentError
from cnnfx.nn.activations import NON_NEGATIVE_ACTIVATIONS, Activation
from cnnfx.nn.input import Input, channels_name
from cnnfx.nn.joins import joined_shape
from cnnfx.nn.layers import INPUT, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.pooling import NO_PADS, Pool
from cnnfx.system.limits import (
    MAX_ALL_CHANNELS,
    MAX_ALL_FILTERS,
    MAX_CHANNELS,
    MAX_LAYER_WEIGHTS,
    MAX_LAYERS,
    MAX_NAME_CHARACTERS,
    limit_text,
)
from cnnfx.system.sizes import shape_text
from cnnfx.system.text import printable, shortened

Array = NDArray[Any]
MapShape = tuple[int, int | None, int | None]
"""Channels, height and width of maps; None for a side that depends on the image."""

RESERVED_NAMES = (INPUT, "all")
"""What a layer cannot be called: the name of the image, and that of all layers."""
LARGE_MEAN, LARGE_STD = 3, 64
"""A network that subtracts a larger mean from its images, or divides by such a number, reads values 0..255."""
PIXEL_MAXIMUM = 255.0
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
        return self.fold_into(_conv_layer(Conv(ones, zeros, groups=count)))

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


class GraphBuilder:
    """Operations on maps, added one by one.

    All methods that add an operation raise `ArgumentError` if its arguments are wrong or do not fit the maps. Arrays
    must be finite, and all methods take the name that the operation's layer gets if it becomes one.

    Parameters
    ----------
    shape : MapShape
        The shape of the images.

    Attributes
    ----------
    image : Value
    """

    def __init__(self, shape: MapShape) -> None:
        self.image = Value(INPUT, None, (), shape)

    def conv(
        self,
        value: Value,
        weights: Array,
        bias: Array | None = None,
        *,
        stride: int | Pair = 1,
        dilation: int | Pair = 1,
        padding: Any = "valid",
        groups: int = 1,
        name: str = "",
    ) -> Value:
        """Add filters `(K, C / groups, kh, kw)` with biases `(K,)`; the other parameters are those of `Conv`."""
        channels, border = value.shape[0], "constant"
        if weights.ndim != 4 or 0 in weights.shape:
            raise ArgumentError(f"filters of shape {weights.shape}, where (K, C, rows, columns) is needed")
        if groups < 1 or len(weights) % groups or weights.shape[1] * groups != channels:
            text = f" in {groups} groups" if groups != 1 else ""
            raise ArgumentError(f"filters of shape {weights.shape}{text} do not fit {channels} input channels")
        bias = np.zeros(len(weights), np.float32) if bias is None else bias
        if bias.shape != (len(weights),):
            raise ArgumentError(f"biases of shape {bias.shape} for {len(weights)} filters")
        if isinstance(value.operation, Padding) and padding in ("valid", 0, NO_PADS):
            (padding, border), value = value.operation, value.sources[0]
        weights, bias = np.asarray(weights, np.float32), np.asarray(bias, np.float32)
        conv = Conv(weights, bias, stride=stride, dilation=dilation, padding=padding, border=border, groups=groups)  # type: ignore[arg-type]
        return self._add("conv", _conv_layer(conv), (value,), name)

    def take(self, value: Value, channels: Sequence[int], *, name: str = "") -> Value:
        """Add filters of 1×1 that take some channels, numbered from 0, in this order."""
        if not channels or min(channels) < 0 or max(channels) >= value.shape[0]:
            raise ArgumentError(f"channels that are not among the {value.shape[0]} of the maps")
        if len(channels) * value.shape[0] > MAX_LAYER_WEIGHTS:
            raise ArgumentError(limit_text("weights", len(channels) * value.shape[0], MAX_LAYER_WEIGHTS))
        weights = np.zeros((len(channels), value.shape[0], 1, 1), np.float32)
        weights[range(len(channels)), list(channels)] = 1
        return replace(self.conv(value, weights, name=name), kind="channels")

    def dense(
        self,
        value: Value,
        weights: Array,
        bias: Array | None = None,
        *,
        channels_last: bool = False,
        name: str = "",
    ) -> Value:
        """Add dense filters `(K, features)`, which read all values of the maps at once.

        They become filters as large as the maps. The features are in the order (C, H, W) of the maps, or (H, W, C) with
        `channels_last`. Maps of unknown size are taken for squares.
        """
        if weights.ndim != 2 or 0 in weights.shape:
            raise ArgumentError(f"dense filters of shape {weights.shape}, where (K, features) is needed")
        count, features = weights.shape
        channels, height, width = value.shape
        if height is None or width is None:
            height = height or (features // (channels * width) if width else round((features / channels) ** 0.5))
            width = width or features // (channels * max(1, height))
        if channels * height * width != features:
            shape = shape_text((channels, height, width))
            raise ArgumentError(f"dense filters of {features} inputs do not fit maps of {shape}")
        if channels_last:
            weights = weights.reshape(count, height, width, channels).transpose(0, 3, 1, 2)
        return replace(self.conv(value, weights.reshape(count, channels, height, width), bias, name=name), kind="dense")

    def affine(
        self, value: Value, factor: float | Array = 1.0, offset: float | Array = 0.0, *, name: str = ""
    ) -> Value:
        """Add y = factor · x + offset, each a number or an array (C,)."""
        channels = value.shape[0]
        with np.errstate(over="ignore", invalid="ignore"):
            pair = [np.asarray(part, np.float64) for part in (factor, offset)]
            if any(part.shape not in ((), (1,), (channels,)) for part in pair):
                raise ArgumentError(f"factors and offsets do not fit {channels} channels")
            added = Affine(*(np.broadcast_to(part, (channels,)) for part in pair))
        if not all(np.isfinite(part).all() for part in added):
            raise ArgumentError("a factor or an offset is not finite")
        if added.is_constant(1, 0):
            return value
        if isinstance(value.operation, Affine) and value.operation.then(added).is_constant(1, 0):
            return value.sources[0]
        return self._add("scale", added, (value,), name)

    def pad(self, value: Value, pads: Pads, border: Border = "constant", *, name: str = "") -> Value:
        """Add padding ((top, bottom), (left, right)); with the border "constant" it is zero."""
        if pads == NO_PADS:
            return value
        return self._add("pad", Padding(pads, border), (value,), name)

    def activation(
        self, value: Value, kind: str, slope: float | Sequence[float] | None = None, *, name: str = ""
    ) -> Value:
        """Add an activation; see `Activation`. relu6(x + 3), a form of hard sigmoid, is recognized."""
        activation = Activation.of(kind, slope)
        if isinstance(activation.slope, tuple) and len(activation.slope) != value.shape[0]:
            raise ArgumentError(f"{len(activation.slope)} slopes for {value.shape[0]} channels")
        if kind == "relu6" and isinstance(value.operation, Affine) and value.operation.is_constant(1, 3):
            return self.affine(self.activation(value.sources[0], "hard_sigmoid", name=name), 6)
        return self._add(kind, Layer(activation=activation), (value,), name)

    def pool(self, value: Value, pool: Pool, *, name: str = "") -> Value:
        """Add a pooling. Padding before it becomes part of it where that is the same."""
        if isinstance(value.operation, Padding) and pool.size is not None and pool.padding == NO_PADS:
            pads, border = value.operation
            source = value.sources[0]
            fits = all(max(pad) < size for pad, size in zip(pads, pool.size, strict=True))
            if fits and border == "constant" and not pool.ceil and (pool.kind == "mean" or _is_non_negative(source)):
                value, pool = source, Pool(pool.kind, pool.size, pool.stride, pads, count_padding=True)
        return self._add("pool", Layer(pool=pool), (value,), name)

    def local_response(self, value: Value, response: LocalResponse, *, name: str = "") -> Value:
        """Add a local response normalization."""
        return self._add("local_response", Layer(local_response=response), (value,), name)

    def join(self, values: Sequence[Value], kind: str, *, name: str = "") -> Value:
        """Add a join of several values: "concat", "add" or "multiply". x · hard_sigmoid(x) becomes hard swish."""
        if len(values) == 1:
            return values[0]
        if len(values) > MAX_LAYERS:
            raise ArgumentError(limit_text("joined inputs", len(values), MAX_LAYERS))
        if kind == "multiply" and len(values) == 2:
            for value, other in (values, values[::-1]):
                gate, factors = other, None
                if isinstance(other.operation, Affine) and not other.operation.offset.any():
                    gate, factors = other.sources[0], other.operation.factor
                if _is_activation(gate, "hard_sigmoid") and gate.sources[0] is value:
                    swish = self.activation(value, "hard_swish", name=name)
                    return swish if factors is None else self.affine(swish, factors)
        return self._add(kind, Layer(join=kind), tuple(values), name)

    def _add(self, kind: str, operation: Layer | Affine | Padding, sources: tuple[Value, ...], name: str) -> Value:
        shape = sources[0].shape
        if not isinstance(operation, Affine):
            shape = _output_shape(_as_layer(operation, shape[0]), [each.shape for each in sources])
        value = Value(kind, operation, sources, shape, name)
        if value.shape[0] > MAX_CHANNELS:
            raise ArgumentError(limit_text("channels", value.shape[0], MAX_CHANNELS))
        return value

    def network(
        self,
        outputs: Sequence[Value],
        *,
        name: str,
        classes: tuple[str, ...] = (),
        description: str = "",
        source: str = "",
    ) -> Network:
        """Return the network that computes some values, and nothing that they do not need.

        A linear function of the image that nothing else reads becomes the normalization of the network's input.

        Parameters
        ----------
        outputs : sequence of Value
            The value of the last layer comes last.
        name, description, source : str
        classes : tuple of str
            The names of the classes, if the last value has their scores.

        Raises
        ------
        ArgumentError
            If there are no layers, or too many.
        """
        values = _needed(outputs)
        uses = Counter([source for value in values for source in value.sources] + list(outputs))
        normalization: Affine | None = None
        groups: dict[Value, _Group | None] = {self.image: None}
        layers: list[_Group] = []
        for value in values:
            below = value.sources[0]
            alone = len(value.sources) == 1 and uses[below] == 1
            group = groups[below]
            if alone and group is None and value not in outputs and _can_normalize(value.operation):
                normalization, groups[value] = _then(normalization, value.operation), None
                continue
            try:
                merged = _merged(group.layer, value.operation) if alone and group is not None else None
                layer = merged or _as_layer(value.operation, value.shape[0])
            except ArgumentError as error:
                raise error.prefixed(value.name or value.kind) from error
            if merged is None or group is None:
                group = _Group(layer, value, [groups[source] for source in value.sources])
                layers.append(group)
            group.layer, groups[value] = layer, group
        _check_totals(layers)
        _, height, width = self.image.shape
        given = Input(channels_name(self.image.shape[0]), None if height is None or width is None else (height, width))
        if normalization is not None:
            given = _normalized_input(given, normalization)
        return Network(_named_layers(layers), name, description, source, input=given, classes=classes)


# Operations


def _conv_layer(conv: Conv) -> Layer:
    return Layer(conv, _numbers(len(conv.weights)))


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(1, count + 1)))


def _as_layer(operation: Layer | Affine | Padding | None, channels: int) -> Layer:
    """Return an operation on maps of some channels as a layer of its own."""
    if isinstance(operation, Affine):
        return operation.to_layer()
    if isinstance(operation, Padding):
        ones, zeros = np.ones((channels, 1, 1, 1), np.float32), np.zeros(channels, np.float32)
        return _conv_layer(Conv(ones, zeros, padding=operation.pads, border=operation.border, groups=channels))
    assert operation is not None
    return operation


def _output_shape(layer: Layer, shapes: Sequence[MapShape]) -> MapShape:
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


def _is_activation(value: Value, kind: str) -> bool:
    return isinstance(value.operation, Layer) and value.operation.activation.kind == kind


def _is_non_negative(value: Value) -> bool:
    return isinstance(value.operation, Layer) and value.operation.activation.kind in NON_NEGATIVE_ACTIVATIONS


# Layers


@dataclass
class _Group:
    """Operations that become one layer: the layer, the value of the first operation, and the groups that it reads.

    None stands for the image.
    """

    layer: Layer
    value: Value
    sources: list[_Group | None]


def _needed(outputs: Iterable[Value]) -> list[Value]:
    """Return all values that some values need, themselves included, in order; without the image."""
    found: dict[Value, None] = {}
    waiting = list(outputs)[::-1]
    while waiting:
        value = waiting[-1]
        missing = [source for source in value.sources if source not in found and source.operation is not None]
        if missing and value not in found:
            waiting += missing[::-1]
            continue
        waiting.pop()
        if value.operation is not None:
            found.setdefault(value)
    return list(found)


def _merged(layer: Layer, operation: Layer | Affine | Padding | None) -> Layer | None:
    """Return a layer followed by an operation as one layer, or None if that needs a layer of its own."""
    if layer.activation.kind != "none" or layer.pool is not None or layer.local_response is not None:
        return None
    if isinstance(operation, Affine):
        return operation.fold_into(layer) if layer.conv is not None else None
    if isinstance(operation, Layer) and operation.activation.kind != "none":
        return replace(layer, activation=operation.activation)
    return None


def _can_normalize(operation: Layer | Affine | Padding | None) -> bool:
    """Return whether an operation on the image can be the normalization of the input, whose `std` is positive."""
    return isinstance(operation, Affine) and bool((operation.factor > 0).all())


def _then(first: Affine | None, second: Any) -> Affine:
    return first.then(second) if first is not None else second


def _normalized_input(given: Input, affine: Affine) -> Input:
    """Return the input with a linear function of the image's channels as its normalization.

    Images are 0..1, but a large mean or standard deviation is that of pixels 0..255.
    """
    factor, offset = affine
    scale = float(factor[0]) if (factor == factor[0]).all() and factor[0] > 1 else 1.0
    mean, std = -offset / factor * scale, scale / factor
    if scale == 1 and (np.abs(mean).max() > LARGE_MEAN or std.min() >= LARGE_STD):
        scale = PIXEL_MAXIMUM
    means, stds = (_one_or_all(tuple(map(float, values + 0.0))) for values in (mean, std))
    return replace(given, scale=scale, mean=means, std=stds)


def _one_or_all(values: tuple[float, ...]) -> tuple[float, ...]:
    return values[:1] if len(set(values)) == 1 else values


def _check_totals(groups: Sequence[_Group]) -> None:
    """Check that there are layers, and not too many."""
    if not groups:
        raise ArgumentError("it has no operations, so there are no layers")
    filters = sum(len(group.layer.filter_names) for group in groups)
    channels = sum(group.value.shape[0] for group in groups)
    for what, count, limit in (
        ("layers", len(groups), MAX_LAYERS),
        ("filters in all layers", filters, MAX_ALL_FILTERS),
        ("channels in all layers", channels, MAX_ALL_CHANNELS),
    ):
        if count > limit:
            raise ArgumentError(limit_text(what, count, limit))


def _named_layers(groups: Sequence[_Group]) -> tuple[Layer, ...]:
    """Return the layers with unique names, and with the names of those that they read."""
    names: dict[int, str] = {}
    counts: Counter[str] = Counter()
    taken = set(RESERVED_NAMES)
    layers: list[Layer] = []
    for number, group in enumerate(groups):
        counts[group.value.kind] += 1
        name = _layer_name(group.value, counts[group.value.kind], taken)
        taken.add(name)
        names[id(group)] = name
        sources = tuple(INPUT if source is None else names[id(source)] for source in group.sources)
        below = layers[-1].name if number else INPUT
        filter_names = group.layer.filter_names or _numbers(group.value.shape[0])
        layers.append(
            replace(group.layer, name=name, filter_names=filter_names, sources=() if sources == (below,) else sources)
        )
    return tuple(layers)


def _layer_name(value: Value, count: int, taken: set[str]) -> str:
    """Return a name for a layer that no other layer has: that of its value, or one like "conv_3"."""
    name = shortened(printable(value.name.strip()), MAX_NAME_CHARACTERS)
    if not name or name.isdecimal() or name in RESERVED_NAMES:
        name = f"{value.kind}_{count}"
    unique, number = name, 1
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique
