"""The data of a page: network, image and color scale as JSON, with arrays in base64."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets.digit_preprocessing import reads_digits
from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.nn.classifier import Dense
from cnnfx.nn.layers import Layer
from cnnfx.nn.network import Network
from cnnfx.render.color import COLORMAPS, NORMALIZATIONS, ColorScale, color_table

COLOR_NAMES = {
    "gray": ("black", "mid-gray", "white"),
    "diverging": ("blue", "white", "orange"),
    "heat": ("black", "orange-red", "white"),
    "magma": ("black", "pink", "light yellow"),
    "viridis": ("dark blue", "green", "yellow"),
}
"""The names of the first, the middle and the last color of each color map, for sentences on what the colors mean."""


def page_data(network: Network, image: Image, color_scale: ColorScale, max_pixels: int) -> str:
    """Return the data of a page as JSON.

    The text is ASCII without `<`, `>` and `&`, so nothing in it can end the script element that contains it.

    Parameters
    ----------
    network : Network
        Bound to the image's channels.
    image : Image
    color_scale : ColorScale
        How the feature maps are drawn at first.
    max_pixels : int
        The most pixels of an image that the user opens on the page; larger ones are reduced.
    """
    shape = _training_shape(network)
    trained = shape and {"shape": shape, "digits": reads_digits(shape, network.classes)}
    data = {
        "network": _network_data(network, image.channel_names),
        "image": {
            "name": image.file_name,
            "channels": image.channel_names,
            "isArray": image.is_array,
            "pixels": pack_array(image.values),
        },
        "colorScale": asdict(color_scale),
        "normalizations": list(NORMALIZATIONS),
        "colormaps": {name: pack_array(color_table(name)) for name in COLORMAPS},
        "colorNames": COLOR_NAMES,
        "maxPixels": max_pixels,
        "trained": trained,
        "drawing": trained if shape and shape[0] == 1 else None,
    }
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def pack_array(array: NDArray[Any]) -> dict[str, Any]:
    """Describe an array for JSON: its type, its shape, and its bytes, little-endian, in base64.

    Arrays of uint8 and uint16 keep their type; all others become float32.
    """
    dtype = array.dtype if array.dtype in (np.uint8, np.uint16) else np.dtype(np.float32)
    content = np.ascontiguousarray(array, dtype.newbyteorder("<"))
    return {"type": dtype.name, "shape": array.shape, "data": base64.b64encode(content.data).decode("ascii")}


def _network_data(network: Network, channels: tuple[str, ...]) -> dict[str, Any]:
    inputs = [channels, *(layer.channel_names for layer in network.layers)]
    head = _usable_head(network)
    return {
        "name": network.name,
        "mean": network.input.mean[0],
        "std": network.input.std[0],
        "classes": network.classes,
        "layers": [_layer_data(*both) for both in zip(network.layers, inputs, strict=False)],
        "head": head and {"shape": head.shape, "weights": pack_array(head.weights), "bias": pack_array(head.bias)},
    }


def _usable_head(network: Network) -> Dense | None:
    """Return the classifier head, None if some of the channels that it reads are not computed."""
    head = network.head
    return head if head is not None and head.shape[0] == len(network.layers[-1].outputs) else None


def _layer_data(layer: Layer, inputs: tuple[str, ...]) -> dict[str, Any]:
    return {
        **layer.to_dict(),
        "inputs": inputs,
        "nonNegative": layer.non_negative(),
        "weights": pack_array(layer.conv.weights),
        "bias": pack_array(layer.conv.bias),
    }


def _training_shape(network: Network) -> tuple[int, int, int] | None:
    """Return the shape (C, H, W) of the images that a model was trained on.

    None if the network has no classifier head, or the shape is unknown or does not fit its layers.
    """
    shape = network.training_shape
    if network.head is None or shape is None:
        return None
    try:
        maps_shape = network.output_shapes(shape)[-1]
    except CnnfxError:
        return None
    return shape if maps_shape == tuple(network.head.shape) else None
