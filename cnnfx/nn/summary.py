"""Summary of a network: the output shape and the number of parameters of each step of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.geometry import Pads
from cnnfx.images.image import channel_names
from cnnfx.nn.layers import Conv, Layer, Pool, Shape
from cnnfx.nn.network import Network
from cnnfx.system.sizes import pair_text, shape_text, size_text

ACTIVATION_NAMES = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "leaky ReLU",
    "prelu": "PReLU",
    "hard_sigmoid": "hard sigmoid",
    "hard_swish": "hard swish",
}
"""How activations are written, where not by their kind."""


@dataclass(frozen=True)
class Step:
    """One step of a layer: filters or join, combination, activation, normalization, pooling; or the classifier head.

    Attributes
    ----------
    name : str
        A description: "16 filters of 5×5, stride 2".
    output : tuple of int, optional
        The shape of the output: (C, H, W), or (K,) for the classifier head; None if its input has the wrong shape.
    parameters, trainable : int
        The number of parameters, and of those that training changes.
    sum : str
        The calculation of the number of parameters, such as "16 × 1 × 5 × 5 + 16 = 416", and a note if the input has
        the wrong shape or filters are held fixed.
    layer : int
        The number of the layer, counted from 1; 0 for the classifier head.
    """

    name: str
    output: tuple[int, ...] | None
    parameters: int = 0
    trainable: int = 0
    sum: str = ""
    layer: int = 0


def summarize(
    network: Network, shape: Shape, trainable: Sequence[NDArray[np.bool_]] | None = None, classes: int = 0
) -> list[Step]:
    """Return the steps of a network for an input `(C, H, W)`.

    Parameters
    ----------
    network : Network
    shape : (C, H, W)
    trainable : sequence of arrays (K,) of bool, optional
        For each layer, the filters that are trained; all by default.
    classes : int
        The number of classes of a classifier head that training will add; 0 for none.

    Raises
    ------
    ArgumentError
        If the input's channels or size do not fit a layer; the message names the layer.
    """
    bound = network.bind(channel_names(shape[0]))
    shapes = bound.output_shapes(shape)
    steps: list[Step] = []
    for number, (layer, joined) in enumerate(zip(bound.layers, bound.joined_shapes(shape), strict=True), 1):
        count = len(layer.filter_names) if trainable is None else int(trainable[number - 1].sum())
        sources = [network.layer_title(source) if source else "image" for source in network.sources(number)]
        steps += [replace(step, layer=number) for step in _layer_steps(layer, sources, joined, count)]
    if network.head is not None:
        steps.append(_head_step(len(network.head.bias), network.head.shape, shapes[-1]))
    elif classes:
        steps.append(_head_step(classes, shapes[-1], shapes[-1]))
    return steps


def _layer_steps(layer: Layer, sources: Sequence[str], joined: Shape, trainable: int) -> list[Step]:
    """Return the steps of a layer that reads the layers `sources`, whose joined shape is `joined`."""
    steps, maps = [], joined
    if layer.conv is not None:
        maps = layer.conv.output_shape(joined)
        steps.append(_filter_step(layer.conv, maps, trainable))
    elif len(sources) > 1:
        steps.append(Step(f"{layer.join} of {', '.join(sources)}", maps))
    if layer.combine:
        maps = (len(layer.combine), *maps[1:])
        steps.append(Step(f"{len(layer.combine)} channels combined", maps))
    if layer.activation.kind != "none":
        name, slope = layer.activation.kind, layer.activation.slope
        slopes = len(slope) if isinstance(slope, tuple) else 0
        calculation = f"{slopes} slopes" if slopes else ""
        steps.append(Step(ACTIVATION_NAMES.get(name, name), maps, slopes, slopes, calculation))
    if layer.local_response:
        steps.append(Step(str(layer.local_response), maps))
    if layer.pool:
        steps.append(Step(_pool_name(layer.pool), layer.pool.output_shape(maps)))
    return steps or [Step(f"channels of {sources[0]}", maps)]


def _filter_step(conv: Conv, maps: Shape, trainable: int) -> Step:
    filters, channels, height, width = conv.weights.shape
    parameters = conv.weights.size + filters
    calculation = f"{filters} × {channels} × {width} × {height} + {filters} = {parameters}"
    if trainable < filters:
        calculation += f"; {filters - trainable} of {filters} filters held fixed"
    name = f"{shape_text((filters, height, width), 'filter')}{_nondefault_settings(conv)}"
    return Step(name, maps, parameters, parameters // filters * trainable, calculation)


def _pool_name(pool: Pool) -> str:
    """Return "max-pool 2×2" for adjacent blocks, otherwise the size with what differs: "max-pool 3×3, stride 2"."""
    kind, size = str(pool).split(":", 1)[0], pool.size
    if size is None:
        return f"{kind} of each map"
    _, *settings = str(pool).split(", ")
    return ", ".join([f"{kind}-pool {size_text(size)}", *settings])


def _nondefault_settings(conv: Conv) -> str:
    """Return the settings that are not the default of stride, dilation, padding and groups, each after a comma."""
    window = conv.window
    pairs = {"stride": window.stride, "dilation": window.dilation}
    parts = [f", {name} {pair_text(pair)}" for name, pair in pairs.items() if pair != (1, 1)]
    if window.padding != ((0, 0), (0, 0)):
        parts.append(f", padding {_padding_text(window.padding)}")
    if conv.groups > 1:
        parts.append(f", {conv.groups} groups")
    return "".join(parts)


def _padding_text(padding: Literal["same"] | Pads) -> str:
    """Return "same", one number of pixels, or a pair, of padding that is equal on opposite sides, or all four."""
    if padding == "same":
        return padding
    (top, bottom), (left, right) = padding
    return pair_text((top, left)) if top == bottom and left == right else str(padding).replace(" ", "")


def _head_step(classes: int, wanted: Shape, given: Shape) -> Step:
    parameters = classes * prod(wanted) + classes
    channels, height, width = wanted
    inputs = f"{channels} × {width} × {height}"
    calculation = f"{classes} × ({inputs}) + {classes} = {parameters}"
    if wanted != given:
        calculation += f"; it takes {shape_text(wanted, 'map')}, not {shape_text(given, 'map')}"
    return Step(
        f"dense, {classes} classes", (classes,) if wanted == given else None, parameters, parameters, calculation
    )
