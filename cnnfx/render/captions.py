"""Captions: images, networks and layers in one line of text, for the headings of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Layer, Shape

MAX_LISTED_INPUTS = 3
"""More input channels than this are counted."""
ACTIVATION_NAMES = {"relu": "ReLU", "abs": "absolute value"}
"""The activations that are named; all others are called by their kind."""


def picture_caption(image: Image, number: int, maps: FeatureMaps) -> str:
    """Return the caption of a picture of one layer, such as "seven.png 28×28 · edges: 4 filters of 3×3 → ...".

    Parameters
    ----------
    image : Image
    number : int
        The number of the layer, counted from 1.
    maps : FeatureMaps
        Of the layer.
    """
    network = maps.network
    name = f"{network.name}, layer {number}" if len(network.layers) > 1 else network.name
    return f"{image_caption(image)} · {name}: {layer_caption(network.layers[-1], maps.shape)}"


def image_caption(image: Image) -> str:
    """Return the name of an image without its folder, and its size: "seven.png 28×28"."""
    _, height, width = image.shape
    return f"{PurePath(image.name).name or image.name} {width}×{height}"


def layer_caption(layer: Layer, shape: Shape) -> str:
    """Return what a layer does, and its maps of shape `(K, H, W)`: "4 filters of 3×3 · ReLU → 4 maps of 26×26"."""
    parts = [filters_caption(layer)]
    if layer.activation.kind != "none":
        parts.append(ACTIVATION_NAMES.get(layer.activation.kind, layer.activation.kind))
    if layer.pool is not None:
        parts.append(f"{layer.pool.kind} pooling {layer.pool.size}×{layer.pool.size}")
    count, height, width = shape
    return f"{' · '.join(parts)} → {_counted(count, 'map')} of {width}×{height}"


def filters_caption(layer: Layer, inputs: Sequence[str] = ()) -> str:
    """Return the number of filters, their width×height, and a stride or dilation: "4 filters of 3×3, stride 2".

    Where the names of several input channels are given, they are counted or listed, too.
    """
    count, _, height, width = layer.conv.weights.shape
    window = layer.conv.window
    text = f"{_counted(count, 'filter')} of {width}×{height}"
    for name, (vertical, horizontal) in (("stride", window.stride), ("dilation", window.dilation)):
        if (vertical, horizontal) != (1, 1):
            text += f", {name} {vertical if vertical == horizontal else f'{horizontal}×{vertical}'}"
    if len(inputs) > MAX_LISTED_INPUTS:
        text += f" · on {len(inputs)} input channels"
    elif len(inputs) > 1:
        text += f" · on {', '.join(inputs[:-1])} and {inputs[-1]}"
    return text


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
