"""A network built from single operations, which is how graphs of ONNX and Keras describe it.

Each method of `GraphBuilder` adds an operation on values before it and returns the value that it gives. `network` makes
layers of the operations: batch normalization and scaling are folded into the filters before them, and activations
belong to the layer whose maps they take, where nothing else reads these maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.geometry import Border, Pads, Pair
from cnnfx.errors import ArgumentError
from cnnfx.formats.graph_layers import layers_of, normalized_input
from cnnfx.formats.graph_values import (
    Affine,
    MapShape,
    Padding,
    Value,
    as_layer,
    conv_layer,
    is_activation,
    is_non_negative,
    output_shape,
)
from cnnfx.nn.activations import Activation
from cnnfx.nn.input import Input, channels_name
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
    limit_text,
)
from cnnfx.system.sizes import shape_text

Array = NDArray[Any]


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
        self._filters = self._factors = 0

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
        self._filters += len(weights)  # each has a name, which takes memory even where operations share weights
        if self._filters > MAX_ALL_FILTERS:
            raise ArgumentError(limit_text("filters in all operations", self._filters, MAX_ALL_FILTERS))
        weights, bias = np.asarray(weights, np.float32), np.asarray(bias, np.float32)
        conv = Conv(weights, bias, stride=stride, dilation=dilation, padding=padding, border=border, groups=groups)  # type: ignore[arg-type]
        return self._add("conv", conv_layer(conv), (value,), name)

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
        self._count_factors(channels)
        if isinstance(value.operation, Affine) and value.operation.then(added).is_constant(1, 0):
            return value.sources[0]
        if (order := self._image_order(value)) is not None:  # before the reordering, it can normalize the input
            before = np.argsort(order)
            scaled = self.affine(value.sources[0], added.factor[before], added.offset[before], name=name)
            return self.take(scaled, order, name=value.name)
        return self._add("scale", added, (value,), name)

    def _count_factors(self, count: int) -> None:
        """Count the factors or slopes of an operation, which are kept for each channel."""
        self._factors += count
        if self._factors > MAX_ALL_CHANNELS:
            raise ArgumentError(limit_text("factors and slopes in all operations", self._factors, MAX_ALL_CHANNELS))

    def _image_order(self, value: Value) -> list[int] | None:
        """Return the order of the image's channels if a value is the image, normalized or not, with them reordered."""
        if value.kind != "channels" or not isinstance(value.operation, Layer) or value.operation.conv is None:
            return None
        source, conv = value.sources[0], value.operation.conv
        while isinstance(source.operation, Affine):
            source = source.sources[0]
        if source is not self.image or conv.window.padding != NO_PADS:  # padding would be normalized, too
            return None
        order: list[int] = conv.weights[:, :, 0, 0].argmax(axis=1).tolist()
        return order if sorted(order) == list(range(self.image.shape[0])) else None

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
        self._count_factors(value.shape[0] if isinstance(activation.slope, tuple) else 0)
        if kind == "relu6" and isinstance(value.operation, Affine) and value.operation.is_constant(1, 3):
            return self.affine(self.activation(value.sources[0], "hard_sigmoid", name=name), 6)
        return self._add(kind, Layer(activation=activation), (value,), name)

    def pool(self, value: Value, pool: Pool, *, name: str = "") -> Value:
        """Add a pooling. Padding before it becomes part of it where that is the same."""
        if isinstance(value.operation, Padding) and pool.size is not None and pool.padding == NO_PADS:
            pads, border = value.operation
            source = value.sources[0]
            fits = all(max(pad) < size for pad, size in zip(pads, pool.size, strict=True))
            if fits and border == "constant" and not pool.ceil and (pool.kind == "mean" or is_non_negative(source)):
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
                if is_activation(gate, "hard_sigmoid") and gate.sources[0] is value:
                    swish = self.activation(value, "hard_swish", name=name)
                    return swish if factors is None else self.affine(swish, factors)
        return self._add(kind, Layer(join=kind), tuple(values), name)

    def _add(self, kind: str, operation: Layer | Affine | Padding, sources: tuple[Value, ...], name: str) -> Value:
        shape = sources[0].shape
        if not isinstance(operation, Affine):
            shape = output_shape(as_layer(operation, shape[0]), [each.shape for each in sources])
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
        layers, normalization = layers_of(self.image, outputs)
        _, height, width = self.image.shape
        given = Input(channels_name(self.image.shape[0]), None if height is None or width is None else (height, width))
        if normalization is not None:
            given = normalized_input(given, normalization)
        return Network(layers, name, description, source, input=given, classes=classes)
