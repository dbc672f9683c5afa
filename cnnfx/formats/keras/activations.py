"""The activations of Keras, as functions of layers and as layers of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cnnfx.errors import ArgumentError
from cnnfx.formats.keras.call import LayerCall, Maps
from cnnfx.system.text import shown

LEAKY_SLOPES = {"LeakyReLU": 0.3, "leaky_relu": 0.2}
"""The slope of leaky ReLU as a layer and as a function, unless given."""
SILU = ("silu", "swish")
"""x · sigmoid(x), which becomes layers of its own."""
FUNCTIONS = {
    "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "tanh": "tanh", "softmax": "softmax",
    "hard_sigmoid": "hard_sigmoid", "hard_silu": "hard_swish", "hard_swish": "hard_swish", "leaky_relu": "leaky_relu",
}  # fmt: skip
"""The activation functions of Keras and their kinds here."""


def activation_name(call: LayerCall) -> str:
    """Return the name of the activation function of a layer; "linear" if it has none."""
    value = call.setting("activation", default="linear")
    if isinstance(value, Mapping):  # Keras 3 writes some functions as objects
        value = value.get("config") if value.get("class_name") == "function" else value.get("class_name")
    if not isinstance(value, str):
        raise ArgumentError(f"its activation {shown(value)} is not supported")
    return value.rpartition(">")[2]


def filters_name(call: LayerCall) -> str:
    """Return the name of a layer's filters, which differs from that of the layer if other layers here follow them."""
    return f"{call.name}/filters" if activation_name(call) in SILU else call.name


def activated(call: LayerCall, maps: Maps) -> Maps:
    """Return the activation of a layer's maps."""
    name, value = activation_name(call), call.setting("activation")
    if name in OBJECTS and isinstance(value, Mapping):
        config = value.get("config")
        layer = replace(call.layer, kind=name, config=config if isinstance(config, Mapping) else {})
        return OBJECTS[name](replace(call, layer=layer, inputs=[maps]))
    return function_maps(call, maps, name)


def function_maps(call: LayerCall, maps: Maps, function: str) -> Maps:
    """Return the activation function called `function` of maps."""
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


def activation(call: LayerCall) -> Maps:
    """Return the result of the layer `Activation`."""
    return activated(call, call.maps)


def relu(call: LayerCall) -> Maps:
    """Return the result of the layer `ReLU`."""
    largest = call.setting("max_value")
    slope = call.number("negative_slope", default=0.0)
    if call.number("threshold", default=0.0) != 0 or (
        largest is not None and (call.number("max_value", default=0) != 6 or slope)
    ):
        raise ArgumentError("ReLU with these settings is not supported, only with max_value 6, or a slope")
    if largest is not None:
        return function_maps(call, call.maps, "relu6")
    return sloped(call, slope) if slope else function_maps(call, call.maps, "relu")


def leaky_relu(call: LayerCall) -> Maps:
    """Return the result of the layer `LeakyReLU`."""
    return sloped(call, call.number("negative_slope", "alpha", default=LEAKY_SLOPES["LeakyReLU"]))


def sloped(call: LayerCall, slope: float) -> Maps:
    """Return leaky ReLU of the only input."""
    return call.maps._replace(value=call.builder.activation(call.maps.value, "leaky_relu", slope, name=call.name))


def prelu(call: LayerCall) -> Maps:
    """Return the result of the layer `PReLU`."""
    maps, (alpha,) = call.maps, call.arrays("alpha")
    channels = maps.value.shape[0]
    axis = 0 if call.channels_first and not maps.features else -1
    if alpha.ndim == 0 or alpha.size != channels or alpha.shape[axis] != channels:
        raise ArgumentError(f"slopes of shape {alpha.shape} are not supported, only one for each channel")
    slopes = alpha.reshape(-1).tolist()
    return maps._replace(value=call.builder.activation(maps.value, "prelu", slopes, name=call.name))


def softmax(call: LayerCall) -> Maps:
    """Return the result of the layer `Softmax`."""
    call.check_axis(call.setting("axis", default=-1))
    return call.maps._replace(value=call.builder.activation(call.maps.value, "softmax", name=call.name))


OBJECTS = {"ReLU": relu, "LeakyReLU": leaky_relu, "Softmax": softmax}
"""The layers that can be the activation of another layer."""
