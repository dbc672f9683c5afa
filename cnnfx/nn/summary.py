"""Summary of a network: the output shape and the number of parameters of each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Layer, Shape
from cnnfx.nn.network import Network
from cnnfx.system.sizes import pair_text, shape_text


@dataclass(frozen=True)
class Step:
    """One step of a network: filters, combination, activation, pooling or the classifier head.

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
    """

    name: str
    output: tuple[int, ...] | None
    parameters: int = 0
    trainable: int = 0
    sum: str = ""


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
    bound = network.bind([str(index) for index in range(shape[0])])
    bound.output_shapes(shape)
    steps: list[Step] = []
    for index, layer in enumerate(bound.layers):
        count = len(layer.filter_names) if trainable is None else int(trainable[index].sum())
        steps += _layer_steps(layer, shape, count)
        shape = layer.output_shape(shape)
    if network.head is not None:
        steps.append(_head_step(len(network.head.bias), network.head.shape, shape))
    elif classes:
        steps.append(_head_step(classes, shape, shape))
    return steps


def _layer_steps(layer: Layer, shape: Shape, trainable: int) -> Iterator[Step]:
    filters, channels, height, width = layer.conv.weights.shape
    maps = layer.conv.output_shape(shape)
    parameters = layer.conv.weights.size + filters
    calculation = f"{filters} × {channels} × {width} × {height} + {filters} = {parameters}"
    if trainable < filters:
        calculation += f"; {filters - trainable} of {filters} filters held fixed"
    name = f"{shape_text((filters, height, width), 'filter')}{_nondefault_settings(layer)}"
    yield Step(name, maps, parameters, parameters // filters * trainable, calculation)
    if layer.combine:
        maps = (len(layer.combine), *maps[1:])
        yield Step(f"{len(layer.combine)} channels combined", maps)
    if layer.activation.kind != "none":
        yield Step({"relu": "ReLU"}.get(layer.activation.kind, layer.activation.kind), maps)
    if layer.pool:
        yield Step(f"{layer.pool.kind}-pool {layer.pool.block}×{layer.pool.block}", layer.pool.output_shape(maps))


def _nondefault_settings(layer: Layer) -> str:
    """Return the settings that are not the default of stride, dilation and padding, each after a comma."""
    window = layer.conv.window
    pairs = {"stride": window.stride, "dilation": window.dilation}
    parts = [f", {name} {pair_text(pair)}" for name, pair in pairs.items() if pair != (1, 1)]
    if window.padding != ((0, 0), (0, 0)):
        parts.append(", padding " + str(window.padding).replace(" ", ""))
    return "".join(parts)


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
