"""Captions: images, networks and layers in one line of text, for the headings of pictures."""

from __future__ import annotations

from collections.abc import Sequence

from cnnfx.conv import Window
from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import INPUT, Layer, Pool, Shape
from cnnfx.nn.network import Network
from cnnfx.system.sizes import pair_text, shape_text, size_text

MAX_LISTED_INPUTS = 3
"""More input channels than this are counted."""
MAX_LISTED_SOURCES = 3
"""More layers than this that a layer joins are counted."""
ACTIVATION_NAMES = {
    "none": "",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "leaky ReLU",
    "prelu": "parametric ReLU",
    "abs": "absolute value",
    "hard_sigmoid": "hard sigmoid",
    "hard_swish": "hard swish",
}
"""The names of activations; all others are called by their kind."""
JOIN_NAMES = {"concat": "{} side by side", "add": "sum of {}", "multiply": "product of {}"}
"""How several layers are joined."""


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
    """Return the name of a layer: "squares, layer 2", "squeezenet, fire9", or that of a network of one layer."""
    alone = len(network.layers) == 1 and not network.layers[0].name
    return network.name if alone else f"{network.name}, {network.layer_title(number)}"


def image_caption(image: Image) -> str:
    """Return the name of an image without its folder, and its size: "seven.png 28×28"."""
    return f"{image.file_name} {size_text(image.shape[1:])}"


def layer_caption(layer: Layer, shape: Shape) -> str:
    """Return what a layer does, and its maps of shape `(K, H, W)`: "4 filters of 3×3 · ReLU → 4 maps of 26×26"."""
    parts = [] if layer.conv is None else [filters_caption(layer)]
    joined = join_caption(layer)
    parts += filter(None, [joined, activation_name(layer.activation.kind)])
    if layer.local_response is not None:
        parts.append("local response normalization")
    if layer.pool is not None:
        parts.append(pool_caption(layer.pool))
    return f"{' · '.join(parts) or 'no filters'} → {shape_text(shape, 'map')}"


def join_caption(layer: Layer) -> str:
    """Return how a layer joins several others: "a and b side by side", "sum of a and b"; empty for one."""
    names = ["the image" if name == INPUT else name for name in layer.sources]
    if len(names) < 2:
        return ""
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) <= MAX_LISTED_SOURCES else f"{len(names)} layers"
    return JOIN_NAMES[layer.join].format(listed)


def pool_caption(pool: Pool) -> str:
    """Return the pooling: "max pooling 2×2", "max pooling 3×3, stride 2", "mean of whole maps"."""
    return f"{pool.kind} of whole maps" if pool.size is None else f"{pool.kind} pooling {window_caption(pool)}"


def window_caption(pool: Pool) -> str:
    """Return the size of the windows of a pooling: "2×2", "3×3, stride 2", "whole maps"."""
    if pool.size is None:
        return "whole maps"
    text = size_text(pool.size)
    return text if pool.stride == pool.size else f"{text}, stride {pair_text(pool.stride)}"


def filters_caption(layer: Layer, inputs: Sequence[str] = ()) -> str:
    """Return the number of filters, their width×height, and a stride or dilation: "4 filters of 3×3, stride 2".

    Where the names of several input channels are given, they are counted or listed, too.
    """
    assert layer.conv is not None
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
