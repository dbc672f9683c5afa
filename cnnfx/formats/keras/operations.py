"""Functions in models of Keras, such as that of "+", which Keras 3 and TensorFlow write beside the layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.formats.keras.activations import FUNCTIONS, LEAKY_SLOPES, SILU, function_maps, sloped
from cnnfx.formats.keras.call import Array, LayerCall, Maps
from cnnfx.formats.keras.config import snake_case
from cnnfx.formats.keras.layers import LAYERS, layer_maps

TENSORFLOW = "TFOpLambda"
"""The class of the functions of TensorFlow, whose names are in their settings: "math.multiply"."""
JOINS = {"add": "Add", "subtract": "Subtract", "multiply": "Multiply"}
"""The layers that compute the same as functions of two results."""
Linear = Callable[[Array], tuple[Array, Array]]
ONE, ZERO = np.ones(1), np.zeros(1)
OF_MAPS_AND_NUMBER: dict[str, Linear] = {
    "add": lambda number: (ONE, number),
    "subtract": lambda number: (ONE, -number),
    "multiply": lambda number: (number, ZERO),
    "truediv": lambda number: (1 / number, ZERO),
}
"""The factor and the offset of a function of maps and a number."""
OF_NUMBER_AND_MAPS: dict[str, Linear] = {
    "add": OF_MAPS_AND_NUMBER["add"],
    "subtract": lambda number: (-ONE, number),
    "multiply": OF_MAPS_AND_NUMBER["multiply"],
}
"""The factor and the offset of a function of a number and maps."""


def call_maps(call: LayerCall) -> Maps:
    """Return the result of a call of a layer or a function.

    Raises
    ------
    ArgumentError
        If it, or one of its settings, is not supported or does not fit its input.
    TensorError
        If the weights of the layer are not in the file.
    """
    kind = call.layer.kind
    if not (call.layer.is_operation or kind == TENSORFLOW):
        if any(argument is not None for argument in call.arguments):
            raise ArgumentError("calls of it with numbers are not supported")
        return layer_maps(call)
    function = str(call.setting("function", default="")) if kind == TENSORFLOW else snake_case(kind)
    name = function.rpartition(".")[2].replace("true_divide", "truediv").replace("divide", "truediv")
    arguments = call.arguments
    if arguments == (None, None) and name in JOINS:
        return LAYERS[JOINS[name]](call)
    if len(arguments) == 2 and arguments[0] is None and name in OF_MAPS_AND_NUMBER:
        return _linear(call, OF_MAPS_AND_NUMBER[name], arguments[1])
    if len(arguments) == 2 and arguments[1] is None and name in OF_NUMBER_AND_MAPS:
        return _linear(call, OF_NUMBER_AND_MAPS[name], arguments[0])
    if arguments == (None,) and name == "leaky_relu":
        return sloped(call, call.number("negative_slope", default=LEAKY_SLOPES[name]))
    if arguments == (None,) and (name in FUNCTIONS or name in SILU):
        if name == "softmax":
            call.check_axis(call.setting("axis", default=-1))
        return function_maps(call, call.maps, name)
    raise ArgumentError(f"the function {name or kind} is not supported with these arguments")


def _linear(call: LayerCall, linear: Linear, numbers: object) -> Maps:
    with np.errstate(divide="ignore", over="ignore"):  # the graph refuses what is not finite
        factor, offset = linear(call.channel_numbers(numbers))
    return call.maps._replace(value=call.builder.affine(call.maps.value, factor, offset, name=call.name))
