"""The layers of Keras as operations of a graph: what each class of layers computes.

Maps of Keras are (H, W, C), here (C, H, W). After `Flatten`, the features of a map are in the order of its axes there,
which the dense layer that reads them needs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.formats.filter_order import ORDERS
from cnnfx.formats.graph_builder import GraphBuilder, Value
from cnnfx.formats.keras_config import KerasLayer
from cnnfx.nn.pooling import NO_PADS, Pads, Pool
from cnnfx.system.text import shown

Array = NDArray[Any]
Pair = tuple[int, int]

DEFAULT_EPSILON = 1e-3
"""What batch normalization of Keras adds to the variance."""
NORMALIZATION_EPSILON = 1e-7
"""The least standard deviation by which the layer `Normalization` divides."""
LEAKY_SLOPES = {"LeakyReLU": 0.3, "leaky_relu": 0.2}
"""The slope of leaky ReLU as a layer and as a function, unless given."""


class Maps(NamedTuple):
    """The result of a layer.

    Attributes
    ----------
    value : Value
        Maps (C, H, W).
    features : str
        "" for maps; "channels_last" or "channels_first" for a vector of their values, by the order of the axes.
    """

    value: Value
    features: str = ""

    @property
    def is_vector(self) -> bool:
        """Whether there is one value for each channel."""
        return self.value.shape[1:] == (1, 1)


@dataclass
class LayerCall:
    """A call of a layer with the results of others.

    Attributes
    ----------
    layer : KerasLayer
    inputs : sequence of Maps
    builder : GraphBuilder
    channels_first : bool
        Whether the maps of the model are (C, H, W).
    is_keras_3 : bool
    order : str
        The order of the axes of filters in the file, a key of `ORDERS`.
    read : function
        Returns arrays of the layer by their names.
    """

    layer: KerasLayer
    inputs: Sequence[Maps]
    builder: GraphBuilder
    channels_first: bool
    is_keras_3: bool
    order: str
    read: Callable[[KerasLayer, Sequence[str]], Mapping[str, Array]]

    @property
    def name(self) -> str:
        """The name of the layer."""
        return self.layer.name

    @property
    def maps(self) -> Maps:
        """The only input."""
        if len(self.inputs) != 1:
            raise ArgumentError(f"it has {len(self.inputs)} inputs, where one is needed")
        return self.inputs[0]

    def arrays(self, *names: str) -> list[Array]:
        """Return arrays of the layer by their names."""
        found = self.read(self.layer, names)
        return [found[name] for name in names]

    def setting(self, *keys: str, default: Any = None) -> Any:
        """Return a value of the configuration by its name, or its names in several versions of Keras."""
        return next((self.layer.config[key] for key in keys if self.layer.config.get(key) is not None), default)

    def flag(self, *keys: str, default: bool = True) -> bool:
        """Return a setting that is true or false."""
        value = self.setting(*keys, default=default)
        if not isinstance(value, bool):
            raise ArgumentError(f"its {keys[0]} is {shown(value)}; true or false is needed")
        return value

    def number(self, *keys: str, default: float) -> float:
        """Return a setting that is a number."""
        value = self.setting(*keys, default=default)
        if isinstance(value, Mapping):  # Keras 2 writes some numbers as arrays: {"class_name": "__numpy__", …}
            value = value.get("value", value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ArgumentError(f"its {keys[0]} is {shown(value)}; a number is needed")
        return float(value)

    def pair(self, *keys: str, default: Any = 1) -> Pair:
        """Return a setting that is a whole number from 1, or two: vertical, horizontal."""
        value = self.setting(*keys, default=default)
        pair = value if isinstance(value, list | tuple) else [value, value]
        if len(pair) != 2 or not all(type(each) is int and each > 0 for each in pair):
            raise ArgumentError(f"its {keys[0]} is {shown(value)}; one or two whole numbers are needed")
        return pair[0], pair[1]

    def padding(self) -> str:
        """Return "valid" or "same"."""
        value = self.setting("padding", "border_mode", default="valid")
        if value not in ("valid", "same"):
            raise ArgumentError(f"padding {shown(value)} is not supported, only valid and same")
        return str(value)

    def check_axis(self, value: Any, axes: int | None = None) -> None:
        """Check that an axis of the configuration is that of the channels, of maps with `axes` axes."""
        axis = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
        for maps in self.inputs:
            if maps.features and maps.is_vector:
                allowed: tuple[int, ...] = (-1, 1)
            elif maps.features:
                allowed = ()
            else:
                allowed = (1, -3) if self.channels_first else (3, -1)
            if axis not in allowed:
                raise ArgumentError(f"along the axis {shown(value)} it is not supported, only along the channels")


def layer_maps(call: LayerCall) -> Maps:
    """Return the result of a call of a layer.

    Raises
    ------
    ArgumentError
        If the layer, or one of its settings, is not supported or does not fit its input.
    TensorError
        If its weights are not in the file.
    """
    kind = call.layer.kind
    if call.layer.is_operation and not (kind in OPERATIONS and len(call.inputs) > 1):
        raise ArgumentError("it is not supported")
    if kind not in LAYERS:
        reason = REFUSED.get(kind, "it is not supported")
        raise ArgumentError(reason)
    return LAYERS[kind](call)


# Filters


def _conv(call: LayerCall) -> Maps:
    maps = _check_maps(call.maps)
    kernel, bias = _kernel_and_bias(call, "kernel")
    weights = ORDERS[call.order].to_filters(_check_axes(kernel))
    return _filtered(call, maps, weights, bias, int(call.number("groups", default=1)))


def _depthwise_conv(call: LayerCall) -> Maps:
    maps = _check_maps(call.maps)
    kernel, bias = _kernel_and_bias(call, "depthwise_kernel")
    weights = ORDERS["depthwise"].to_filters(_check_axes(kernel))
    return _filtered(call, maps, weights, bias, kernel.shape[2])


def _separable_conv(call: LayerCall) -> Maps:
    maps = _check_maps(call.maps)
    has_bias = call.flag("use_bias", "bias")
    depthwise, pointwise, *biases = call.arrays("depthwise_kernel", "pointwise_kernel", *(["bias"] if has_bias else []))
    weights = ORDERS["depthwise"].to_filters(_check_axes(depthwise))
    value = call.builder.conv(
        maps.value, weights, groups=depthwise.shape[2], name=f"{call.name}/depthwise", **_window(call)
    )
    filters = ORDERS["keras"].to_filters(_check_axes(pointwise))
    return _activated(
        call, Maps(call.builder.conv(value, filters, biases[0] if biases else None, name=_filters_name(call)))
    )


def _filtered(call: LayerCall, maps: Maps, weights: Array, bias: Array | None, groups: int) -> Maps:
    value = call.builder.conv(maps.value, weights, bias, groups=groups, name=_filters_name(call), **_window(call))
    return _activated(call, Maps(value))


def _window(call: LayerCall) -> dict[str, Any]:
    """Return stride, dilation and padding of filters; "same" is that of TensorFlow."""
    return {
        "stride": call.pair("strides", "subsample"),
        "dilation": call.pair("dilation_rate", "atrous_rate"),
        "padding": call.padding(),
    }


def _kernel_and_bias(call: LayerCall, kernel: str) -> tuple[Array, Array | None]:
    if not call.flag("use_bias", "bias"):
        return call.arrays(kernel)[0], None
    weights, bias = call.arrays(kernel, "bias")
    return weights, bias


def _dense(call: LayerCall) -> Maps:
    maps = call.maps
    kernel, bias = _kernel_and_bias(call, "kernel")
    if kernel.ndim != 2:
        raise ArgumentError(f"its kernel has the shape {kernel.shape}, where two axes are needed")
    name = _filters_name(call)
    if maps.features or maps.is_vector:
        channels_last = maps.features != "channels_first"
        value = call.builder.dense(maps.value, kernel.T, bias, channels_last=channels_last, name=name)
    elif call.channels_first:
        raise ArgumentError("a dense layer on the columns of maps is not supported; Flatten is missing before it")
    else:  # the same filters at each position
        value = call.builder.conv(maps.value, kernel.T[:, :, np.newaxis, np.newaxis], bias, name=name)
    return _activated(call, Maps(value, maps.features))


def _check_maps(maps: Maps) -> Maps:
    if maps.features:
        raise ArgumentError("it reads a vector, where maps are needed")
    return maps


def _check_axes(kernel: Array) -> Array:
    if kernel.ndim != 4 or 0 in kernel.shape:
        raise ArgumentError(f"its kernel has the shape {kernel.shape}, where four axes are needed")
    return kernel


# Normalization


def _batch_norm(call: LayerCall) -> Maps:
    maps = call.maps
    call.check_axis(call.setting("axis", default=-1))
    learned = [name for name, key in (("gamma", "scale"), ("beta", "center")) if call.flag(key)]
    found = dict(
        zip([*learned, "mean", "variance"], call.arrays(*learned, "moving_mean", "moving_variance"), strict=True)
    )
    mean, variance = (found[name].astype(np.float64) for name in ("mean", "variance"))
    if variance.size and variance.min() < 0:
        raise ArgumentError("a variance of it is negative, so these are not its values")
    epsilon = call.number("epsilon", default=DEFAULT_EPSILON)
    if epsilon <= 0 and not variance.all():
        raise ArgumentError("a variance of it plus epsilon is not more than 0")
    factor = found.get("gamma", np.ones(1)) / np.sqrt(variance + epsilon)
    offset = found.get("beta", np.zeros(1)) - factor * mean
    return Maps(call.builder.affine(maps.value, factor, offset, name=call.name), maps.features)


def _normalization(call: LayerCall) -> Maps:
    maps = call.maps
    call.check_axis(call.setting("axis", default=-1))
    if call.flag("invert", default=False):
        raise ArgumentError("with invert it is not supported")
    mean, variance = call.setting("mean"), call.setting("variance")
    if mean is None or variance is None:
        mean, variance = call.arrays("mean", "variance")
    means, variances = (_numbers(values, maps.value.shape[0]) for values in (mean, variance))
    deviation = np.maximum(np.sqrt(np.maximum(variances, 0)), NORMALIZATION_EPSILON)
    return Maps(call.builder.affine(maps.value, 1 / deviation, -means / deviation, name=call.name), maps.features)


def _rescaling(call: LayerCall) -> Maps:
    maps, channels = call.maps, call.maps.value.shape[0]
    factor = _numbers(call.setting("scale", default=1.0), channels)
    offset = _numbers(call.setting("offset", default=0.0), channels)
    if max(len(factor), len(offset)) > 1 and (call.channels_first or maps.features):
        raise ArgumentError("one factor for each column is not supported")
    return Maps(call.builder.affine(maps.value, factor, offset, name=call.name), maps.features)


def _numbers(values: Any, channels: int) -> Array:
    """Return numbers of the configuration, or an array of the file, as an array of 1 or `channels` numbers."""
    if isinstance(values, Mapping):
        values = values.get("value")
    try:
        numbers = np.asarray(values, np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise ArgumentError(f"{shown(values)} are no numbers") from None
    if len(numbers) not in (1, channels):
        raise ArgumentError(f"it has {len(numbers)} numbers for {channels} channels")
    return numbers


# Activations

SILU = ("silu", "swish")
"""x · sigmoid(x), which becomes layers of its own."""
FUNCTIONS = {
    "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "tanh": "tanh", "softmax": "softmax",
    "hard_sigmoid": "hard_sigmoid", "hard_silu": "hard_swish", "hard_swish": "hard_swish", "leaky_relu": "leaky_relu",
}  # fmt: skip
"""The activation functions of Keras and their kinds here."""


def _activation_name(call: LayerCall) -> str:
    """Return the name of the activation function of a layer; "linear" if it has none."""
    value = call.setting("activation", default="linear")
    if isinstance(value, Mapping):  # Keras 3 writes some functions as objects
        value = value.get("config") if value.get("class_name") == "function" else value.get("class_name")
    if not isinstance(value, str):
        raise ArgumentError(f"its activation {shown(value)} is not supported")
    return value.rpartition(">")[2]


def _filters_name(call: LayerCall) -> str:
    """Return the name of a layer's filters, which differs from that of the layer if other layers here follow them."""
    return f"{call.name}/filters" if _activation_name(call) in SILU else call.name


def _activated(call: LayerCall, maps: Maps) -> Maps:
    """Return the activation of a layer's maps."""
    return _function(call, maps, _activation_name(call))


def _function(call: LayerCall, maps: Maps, function: str) -> Maps:
    builder, value, name = call.builder, maps.value, call.name
    if function == "linear":
        return maps
    if function in SILU:
        gate = builder.activation(value, "sigmoid", name=f"{name}/sigmoid")
        return maps._replace(value=builder.join([value, gate], "multiply", name=name))
    if function not in FUNCTIONS:
        raise ArgumentError(f"its activation {function} is not supported")
    slope = LEAKY_SLOPES["leaky_relu"] if function == "leaky_relu" else None
    if function == "hard_sigmoid" and not call.is_keras_3:  # min(max(0.2 x + 0.5, 0), 1), not x / 6 + 0.5
        value = builder.affine(value, 1.2, name=f"{name}/scale")
    if function == "softmax":
        _check_channels_last(call, maps)
    return maps._replace(value=builder.activation(value, FUNCTIONS[function], slope, name=name))


def _check_channels_last(call: LayerCall, maps: Maps) -> None:
    """Check that the last axis of the maps is that of the channels."""
    if (maps.features and not maps.is_vector) or (call.channels_first and not maps.features):
        raise ArgumentError("softmax is not supported along this axis, only along the channels")


def _activation(call: LayerCall) -> Maps:
    return _activated(call, call.maps)


def _relu(call: LayerCall) -> Maps:
    largest = call.setting("max_value")
    slope = call.number("negative_slope", default=0.0)
    if call.number("threshold", default=0.0) != 0 or (
        largest is not None and (call.number("max_value", default=0) != 6 or slope)
    ):
        raise ArgumentError("ReLU with these settings is not supported, only with max_value 6, or a slope")
    if largest is not None:
        return _function(call, call.maps, "relu6")
    return _leaky(call, slope) if slope else _function(call, call.maps, "relu")


def _leaky_relu(call: LayerCall) -> Maps:
    return _leaky(call, call.number("negative_slope", "alpha", default=LEAKY_SLOPES["LeakyReLU"]))


def _leaky(call: LayerCall, slope: float) -> Maps:
    return call.maps._replace(value=call.builder.activation(call.maps.value, "leaky_relu", slope, name=call.name))


def _prelu(call: LayerCall) -> Maps:
    maps, (alpha,) = call.maps, call.arrays("alpha")
    channels = maps.value.shape[0]
    if alpha.size != channels or max(alpha.shape, default=1) != channels:
        raise ArgumentError(f"slopes of shape {alpha.shape} are not supported, only one for each channel")
    slopes = alpha.reshape(-1).tolist()
    return maps._replace(value=call.builder.activation(maps.value, "prelu", slopes, name=call.name))


def _softmax(call: LayerCall) -> Maps:
    call.check_axis(call.setting("axis", default=-1))
    return call.maps._replace(value=call.builder.activation(call.maps.value, "softmax", name=call.name))


# Pooling and padding


def _pool(kind: str) -> Callable[[LayerCall], Maps]:
    def pool(call: LayerCall) -> Maps:
        maps = _check_maps(call.maps)
        size = call.pair("pool_size", default=2)
        stride = call.pair("strides", default=list(size))
        pads, ceil = NO_PADS, False
        if call.padding() == "same":
            pads, ceil = _same_padding(maps.value.shape[1:], size, stride)
        return Maps(call.builder.pool(maps.value, Pool(kind, size, stride, pads, ceil), name=call.name))

    return pool


def _same_padding(shape: Sequence[int | None], size: Pair, stride: Pair) -> tuple[Pads, bool]:
    """Return the padding of a pooling with padding "same", and whether windows may extend over the end."""
    pads = []
    for side, length, step in zip(shape, size, stride, strict=True):
        if side is None and step > 1 and (length, step) != (2, 2):
            raise ArgumentError('padding "same" is not supported for images of any size, which it depends on')
        rest = 0 if side is None or step == 1 else (-side) % step
        missing = max(length - step + rest, 0)
        # With blocks of 2×2, the only row or column that may be missing is at the end.
        pads.append((0, 0) if (length, step) == (2, 2) else (missing // 2, missing - missing // 2))
    return (pads[0], pads[1]), True


def _global_pool(kind: str) -> Callable[[LayerCall], Maps]:
    def pool(call: LayerCall) -> Maps:
        maps = _check_maps(call.maps)
        features = "" if call.flag("keepdims", default=False) else "channels_last"
        return Maps(call.builder.pool(maps.value, Pool(kind, None), name=call.name), features)

    return pool


def _zero_padding(call: LayerCall) -> Maps:
    maps, value = _check_maps(call.maps), call.setting("padding", default=1)
    match value:
        case int():
            pads = ((value, value), (value, value))
        case [int(rows), int(columns)]:
            pads = ((rows, rows), (columns, columns))
        case [[int(top), int(bottom)], [int(left), int(right)]] | [int(top), int(bottom), int(left), int(right)]:
            pads = ((top, bottom), (left, right))
        case _:
            raise ArgumentError(f"its padding is {shown(value)}; whole numbers are needed")
    return Maps(call.builder.pad(maps.value, pads, name=call.name))


# Joins


def _join(kind: str) -> Callable[[LayerCall], Maps]:
    def join(call: LayerCall) -> Maps:
        if kind == "concat":
            call.check_axis(call.setting("axis", "concat_axis", default=-1))
        value = call.builder.join([maps.value for maps in call.inputs], kind, name=call.name)
        return Maps(value, _common_features(call.inputs))

    return join


def _average(call: LayerCall) -> Maps:
    joined = _join("add")(call)
    return joined._replace(value=call.builder.affine(joined.value, 1 / len(call.inputs), name=call.name))


def _subtract(call: LayerCall) -> Maps:
    if len(call.inputs) != 2:
        raise ArgumentError(f"it has {len(call.inputs)} inputs, where two are needed")
    first, second = (maps.value for maps in call.inputs)
    negative = call.builder.affine(second, -1.0, name=f"{call.name}/negative")
    return Maps(call.builder.join([first, negative], "add", name=call.name), _common_features(call.inputs))


def _merge(call: LayerCall) -> Maps:
    mode = call.setting("mode", default="sum")
    kinds = {"sum": "add", "mul": "multiply", "concat": "concat"}
    if mode == "ave":
        return _average(call)
    if mode not in kinds:
        raise ArgumentError(f"its mode {shown(mode)} is not supported")
    return _join(kinds[mode])(call)


def _common_features(inputs: Sequence[Maps]) -> str:
    """Return the order of the features of joined vectors; "" if one of them are maps."""
    features = {maps.features for maps in inputs}
    if len(features) == 1:
        return features.pop()
    if all(maps.is_vector for maps in inputs if maps.features):
        return ""
    raise ArgumentError("vectors of maps and maps cannot be joined")


# Shapes


def _flatten(call: LayerCall) -> Maps:
    maps = call.maps
    if maps.features:
        return maps
    # With channels_first, the layer puts the channels last.
    first = call.channels_first and call.setting("data_format") != "channels_first"
    return Maps(maps.value, "channels_first" if first else "channels_last")


def _reshape(call: LayerCall) -> Maps:
    maps, target = call.maps, call.setting("target_shape")
    if not isinstance(target, list) or not all(type(side) is int for side in target):
        raise ArgumentError(f"its target_shape is {shown(target)}; whole numbers are needed")
    channels, *size = maps.value.shape
    own = [channels, *size] if call.channels_first else [*size, channels]
    order = "channels_first" if call.channels_first else "channels_last"
    if len(target) == 1:
        return Maps(maps.value, maps.features or order)
    same = len(target) == 3 and all(side in (-1, known) for side, known in zip(target, own, strict=True))
    if same and (not maps.features or maps.is_vector or maps.features == order):
        return Maps(maps.value)
    raise ArgumentError(f"a change of the shape {own} to {target} is not supported".replace("None", "any"))


def _same(call: LayerCall) -> Maps:
    return call.maps


LAYERS: dict[str, Callable[[LayerCall], Maps]] = {
    **dict.fromkeys(("Conv2D", "Convolution2D", "AtrousConvolution2D"), _conv),
    "DepthwiseConv2D": _depthwise_conv,
    **dict.fromkeys(("SeparableConv2D", "SeparableConvolution2D"), _separable_conv),
    "Dense": _dense,
    **dict.fromkeys(("BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2"), _batch_norm),
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "PReLU": _prelu,
    "Softmax": _softmax,
    "MaxPooling2D": _pool("max"),
    "AveragePooling2D": _pool("mean"),
    "GlobalMaxPooling2D": _global_pool("max"),
    "GlobalAveragePooling2D": _global_pool("mean"),
    "ZeroPadding2D": _zero_padding,
    "Concatenate": _join("concat"),
    "Add": _join("add"),
    "Multiply": _join("multiply"),
    "Average": _average,
    "Subtract": _subtract,
    "Merge": _merge,
    "Flatten": _flatten,
    "Reshape": _reshape,
    **dict.fromkeys(
        ("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization",
         "Identity", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast",
         "RandomBrightness"), _same
    ),
}  # fmt: skip
"""What each class of layers computes; those that are for training only compute nothing."""
OPERATIONS = ("Add", "Multiply", "Subtract")
"""The functions that compute the same as the layers of their names, if all arguments are results of layers."""
REFUSED = {
    "Lambda": "it holds code, which is never run",
    "TFOpLambda": "functions of TensorFlow are not supported",
}
"""Why other classes of layers are not supported."""
ABSORBED = frozenset(
    ("BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "Activation", "ReLU", "LeakyReLU", "PReLU",
     "Softmax", "Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "Identity",
     "ActivityRegularization")
)  # fmt: skip
"""The classes of layers that become part of the layer before them here."""
