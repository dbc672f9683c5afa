"""The layers of Keras as operations of a graph: what each class of layers computes.

Maps of Keras are (H, W, C), here (C, H, W). After `Flatten`, the features of a map are in the order of its axes there,
which the dense layer that reads them needs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.formats.batch_norm import BatchNorm
from cnnfx.formats.filter_order import ORDERS
from cnnfx.formats.keras.activations import (
    activated,
    activation,
    filters_name,
    leaky_relu,
    prelu,
    relu,
    softmax,
)
from cnnfx.formats.keras.call import Array, LayerCall, Maps, Pair
from cnnfx.nn.pooling import NO_PADS, Pads, Pool
from cnnfx.system.text import shown

DEFAULT_EPSILON = 1e-3
"""What batch normalization of Keras adds to the variance."""
TRAINING_ONLY = (
    "Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization",
    "Identity", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
)  # fmt: skip
"""The classes of layers that compute nothing after training."""
NORMALIZATION_EPSILON = 1e-7
"""The least standard deviation by which the layer `Normalization` divides."""


def layer_maps(call: LayerCall) -> Maps:
    """Return the result of a call of a layer.

    Raises
    ------
    ArgumentError
        If the layer, or one of its settings, is not supported or does not fit its input.
    TensorError
        If its weights are not in the file.
    """
    if call.layer.kind not in LAYERS:
        raise ArgumentError(REFUSED.get(call.layer.kind, "it is not supported"))
    return LAYERS[call.layer.kind](call)


# Filters


def _conv(call: LayerCall) -> Maps:
    maps = _check_maps(call.maps)
    kernel, bias = _kernel_and_bias(call, "kernel")
    weights = ORDERS[call.order].to_filters(_check_axes(kernel))
    return _filtered(call, maps, weights, bias, call.whole("groups", 1))


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
    return activated(
        call, Maps(call.builder.conv(value, filters, biases[0] if biases else None, name=filters_name(call)))
    )


def _filtered(call: LayerCall, maps: Maps, weights: Array, bias: Array | None, groups: int) -> Maps:
    value = call.builder.conv(maps.value, weights, bias, groups=groups, name=filters_name(call), **_window(call))
    return activated(call, Maps(value))


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
    name = filters_name(call)
    if maps.features or maps.is_vector:
        channels_last = maps.features != "channels_first"
        value = call.builder.dense(maps.value, kernel.T, bias, channels_last=channels_last, name=name)
    elif call.channels_first:
        raise ArgumentError("a dense layer on the columns of maps is not supported; Flatten is missing before it")
    else:  # the same filters at each position
        value = call.builder.conv(maps.value, kernel.T[:, :, np.newaxis, np.newaxis], bias, name=name)
    return activated(call, Maps(value, maps.features))


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
    if call.setting("mode", default=0) != 0:  # of Keras 1: with the mean of the image or of several
        raise ArgumentError(f"its mode {shown(call.setting('mode'))} is not supported, only 0")
    learned = [name for name, key in (("gamma", "scale"), ("beta", "center")) if call.flag(key)]
    names = [*learned, "moving_mean", "moving_variance"]
    arrays = dict(zip(names, call.arrays(*names), strict=True))
    channels = maps.value.shape[0]
    for name, array in arrays.items():
        if array.shape != (channels,):
            raise ArgumentError(f"its {name} has the shape {array.shape}, where ({channels},) is needed")
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    mean, variance = arrays["moving_mean"], arrays["moving_variance"]
    epsilon = call.number("epsilon", default=DEFAULT_EPSILON)
    norm = BatchNorm(arrays.get("gamma", ones), arrays.get("beta", zeros), mean, variance, epsilon)
    return Maps(call.builder.affine(maps.value, *norm.factors(), name=call.name), maps.features)


def _normalization(call: LayerCall) -> Maps:
    maps, axis = call.maps, call.setting("axis", default=-1)
    if axis != []:  # without an axis, all values have the same mean
        call.check_axis(axis)
    if call.flag("invert", default=False):
        raise ArgumentError("with invert it is not supported")
    mean, variance = call.setting("mean"), call.setting("variance")
    if mean is None or variance is None:
        mean, variance = call.arrays("mean", "variance")
    variances = np.maximum(call.channel_numbers(variance), 0)
    deviation = np.maximum(np.sqrt(variances), NORMALIZATION_EPSILON)
    with np.errstate(over="ignore"):  # the graph refuses what is not finite
        factor, offset = 1 / deviation, -call.channel_numbers(mean) / deviation
    return Maps(call.builder.affine(maps.value, factor, offset, name=call.name), maps.features)


def _rescaling(call: LayerCall) -> Maps:
    factor = call.channel_numbers(call.setting("scale", default=1.0))
    offset = call.channel_numbers(call.setting("offset", default=0.0))
    return Maps(call.builder.affine(call.maps.value, factor, offset, name=call.name), call.maps.features)


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
    "Activation": activation,
    "ReLU": relu,
    "LeakyReLU": leaky_relu,
    "PReLU": prelu,
    "Softmax": softmax,
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
    **dict.fromkeys(TRAINING_ONLY, _same),
}  # fmt: skip
"""What each class of layers computes."""
REFUSED = {"Lambda": "it holds code, which is never run"}
"""Why other classes of layers are not supported."""
ABSORBED = frozenset(
    ("BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "Activation", "ReLU", "LeakyReLU", "PReLU",
     "Softmax", *TRAINING_ONLY)
)  # fmt: skip
"""The classes of layers that become part of the layer before them here."""
