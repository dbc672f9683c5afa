"""A network in figures: what each step makes of its input, and how many parameters it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Shape
from cnnfx.nn.network import Layer, Network


@dataclass(frozen=True)
class Step:
    """One step of a network.

    Attributes
    ----------
    name : str
        What it does, in words.
    output : tuple of int, optional
        The shape of what it makes, (C, H, W), or (K,) for the dense layer; None where its input does not fit it.
    parameters, learnable : int
        How many numbers it has, and how many of them are learned.
    sum : str
        How the number of parameters comes about: "16 × 1 × 5 × 5 + 16 = 416"; or what does not fit.
    """

    name: str
    output: tuple[int, ...] | None
    parameters: int = 0
    learnable: int = 0
    sum: str = ""


def summarize(
    network: Network, shape: Shape, learned: Sequence[NDArray[np.bool_]] | None = None, classes: int = 0
) -> list[Step]:
    """The steps of a network on an input `(C, H, W)`.

    Parameters
    ----------
    network : Network
    shape : (C, H, W)
    learned : sequence of arrays (K,) of bool, optional
        Which filters of each layer are learned; all unless given.
    classes : int
        How many a dense layer that is still to be made will tell; 0 for none.

    Raises
    ------
    ArgumentError
        If the input's channels or size do not fit a layer; the message says which.
    """
    bound = network.bind([str(index) for index in range(shape[0])])
    bound.output_shapes(shape)
    steps: list[Step] = []
    for index, layer in enumerate(bound.layers):
        count = len(layer.filter_names) if learned is None else int(learned[index].sum())
        steps += _layer_steps(layer, shape, count)
        shape = layer.output_shape(shape)
    if network.head is not None:
        steps.append(_dense(len(network.head.bias), network.head.shape, shape))
    elif classes:
        steps.append(_dense(classes, shape, shape))
    return steps


def _layer_steps(layer: Layer, shape: Shape, learned: int) -> Iterator[Step]:
    filters, depth, height, width = layer.conv.weights.shape
    maps = layer.conv.output_shape(shape)
    number = layer.conv.weights.size + filters
    how = f"{filters} × {depth} × {height} × {width} + {filters} = {number}"
    fixed = "" if learned == filters else f"; {filters - learned} of {filters} filters held fixed"
    yield Step(f"{filters} filters {height}×{width}{_settings(layer)}", maps, number, number // filters * learned,
               how + fixed)  # fmt: skip
    if layer.combine:
        maps = (len(layer.combine), *maps[1:])
        yield Step(f"{len(layer.combine)} channels combined", maps)
    if layer.activation.kind != "none":
        yield Step({"relu": "ReLU"}.get(layer.activation.kind, layer.activation.kind), maps)
    if layer.pool:
        yield Step(f"{layer.pool.kind}-pool {layer.pool.size}×{layer.pool.size}", layer.pool.output_shape(maps))


def _settings(layer: Layer) -> str:
    """What of a layer's settings is not the usual."""
    window = layer.conv.window
    pairs = {"stride": window.stride, "dilation": window.dilation}
    told = [f", {name} {'×'.join(map(str, pair))}" for name, pair in pairs.items() if tuple(pair) != (1, 1)]
    padding = str(window.padding).replace(" ", "")
    return "".join(told) + (f", padding {padding}" if padding != "((0,0),(0,0))" else "")


def _dense(classes: int, wanted: Shape, given: Shape) -> Step:
    size = int(np.prod(wanted))
    number = classes * size + classes
    inputs = " × ".join(map(str, wanted))
    fits = wanted == given
    how = f"{classes} × ({inputs}) + {classes} = {number}"
    if not fits:
        how += f"; it takes maps of {inputs.replace(' ', '')}, not {'×'.join(map(str, given))}"
    return Step(f"dense, {classes} classes", (classes,) if fits else None, number, number, how)
