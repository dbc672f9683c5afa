"""Captions: images, networks and layers in one line of text, for the headings of pictures."""

from __future__ import annotations

from collections.abc import Sequence

from cnnfx.conv import Window
from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Layer, Shape
from cnnfx.nn.network import Network
from cnnfx.system.sizes import pair_text, shape_text, size_text

MAX_LISTED_INPUTS = 3
"""More input channels than this are counted."""
ACTIVATION_NAMES = {"none": "", "relu": "ReLU", "abs": "absolute value"}
"""The names of activations; all others are called by their kind."""


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
    name = layer_name(maps.network, number)
    return f"{image_caption(image)} · {name}: {layer_caption(maps.network.layers[-1], maps.shape)}"


def layer_name(network: Network, number: int) -> str:
    """Return the name of a layer: "squares, layer 2", or that of a network of one layer."""
    return f"{network.name}, layer {number}" if len(network.layers) > 1 else network.name


def image_caption(image: Image) -> str:
    """Return the name of an image without its folder, and its size: "seven.png 28×28"."""
    return f"{image.file_name} {size_text(image.shape[1:])}"


def layer_caption(layer: Layer, shape: Shape) -> str:
    """Return what a layer does, and its maps of shape `(K, H, W)`: "4 filters of 3×3 · ReLU → 4 maps of 26×26"."""
    parts = [filters_caption(layer)]
    parts += filter(None, [activation_name(layer.activation.kind)])
    if layer.pool is not None:
        parts.append(f"{layer.pool.kind} pooling {layer.pool.block}×{layer.pool.block}")
    return f"{' · '.join(parts)} → {shape_text(shape, 'map')}"


def filters_caption(layer: Layer, inputs: Sequence[str] = ()) -> str:
    """Return the number of filters, their width×height, and a stride or dilation: "4 filters of 3×3, stride 2".

    Where the names of several input channels are given, they are counted or listed, too.
    """
    count, _, *size = layer.conv.weights.shape
    text = ", ".join([shape_text((count, *size), "filter"), *steps_captions(layer.conv.window)])
    if len(inputs) > MAX_LISTED_INPUTS:
        text += f" · on {len(inputs)} input channels"
    elif len(inputs) > 1:
        text += f" · on {', '.join(inputs[:-1])} and {inputs[-1]}"
    return text


def steps_captions(window: Window) -> list[str]:
    """Return the stride and the dilation of a window where they are not 1: "stride 2", "dilation 2,1"."""
    pairs = (("stride", window.stride), ("dilation", window.dilation))
    return [f"{name} {pair_text(pair)}" for name, pair in pairs if pair != (1, 1)]


def activation_name(kind: str) -> str:
    """Return the name of an activation for pictures; empty for none."""
    return ACTIVATION_NAMES.get(kind, kind)
