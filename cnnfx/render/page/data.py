"""The data of a page: network, image and color scale as JSON, with arrays in base64."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.nn.classifier import Dense
from cnnfx.nn.network import Network
from cnnfx.render.color import COLORMAPS, NORMALIZATIONS, ColorScale, color_table
from cnnfx.render.page.contents import PageContents

MIN_HALVED_BYTES = 1 << 16
"""Weights of fewer bytes are stored as float32 even if float16 holds them."""

COLOR_NAMES = {
    "gray": ("black", "mid-gray", "white"),
    "diverging": ("blue", "white", "orange"),
    "heat": ("black", "orange-red", "white"),
    "magma": ("black", "pink", "light yellow"),
    "viridis": ("dark blue", "green", "yellow"),
}
"""The names of the first, the middle and the last color of each color map, for sentences on what the colors mean."""


def page_data(contents: PageContents, image: Image, color_scale: ColorScale, max_pixels: int) -> str:
    """Return the data of a page as JSON.

    The text is ASCII without `<`, `>` and `&`, so nothing in it can end the script element that contains it.

    Parameters
    ----------
    contents : PageContents
    image : Image
    color_scale : ColorScale
        How the feature maps are drawn at first.
    max_pixels : int
        The most pixels of an image that the user opens on the page; larger ones are reduced.
    """
    trained = _image_preparation(contents)
    data = {
        "network": _network_data(contents, image),
        "image": {
            "name": image.file_name,
            "channels": image.channel_names,
            "isArray": image.is_array,
            "hasOwnRange": image.has_own_range,
            "pixels": pack_array(image.values),
        },
        "colorScale": asdict(color_scale),
        "normalizations": list(NORMALIZATIONS),
        "colormaps": {name: pack_array(color_table(name)) for name in COLORMAPS},
        "colorNames": COLOR_NAMES,
        "maxPixels": max_pixels,
        "isLive": contents.is_live,
        "trained": trained,
        "drawing": trained if trained and trained["shape"][0] == 1 else None,
    }
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def pack_array(array: NDArray[Any]) -> dict[str, Any]:
    """Describe an array for JSON: its type, its shape, and its bytes, little-endian, in base64.

    Arrays of uint8, uint16 and float16 keep their type; all others become float32.
    """
    dtype = array.dtype if array.dtype in (np.uint8, np.uint16, np.float16) else np.dtype(np.float32)
    content = np.ascontiguousarray(array, dtype.newbyteorder("<"))
    return {"type": dtype.name, "shape": array.shape, "data": base64.b64encode(content.data).decode("ascii")}


def pack_weights(weights: NDArray[Any]) -> dict[str, Any]:
    """Describe weights for JSON, in half the bytes if there are many and each is a float16."""
    if weights.nbytes >= MIN_HALVED_BYTES:
        with np.errstate(over="ignore"):
            halved = weights.astype(np.float16)
        if np.array_equal(halved, weights):
            return pack_array(halved)
    return pack_array(weights)


def _network_data(contents: PageContents, image: Image) -> dict[str, Any]:
    network = contents.network
    given = network.forward(image, keep=contents.given) if contents.given else {}
    numbers = range(1, len(network.layers) + 1)
    head, scores_layer = _usable_head(network), _scores_layer(network)
    return {
        "name": network.name,
        "input": {"scale": network.input.scale, "mean": network.input.mean, "std": network.input.std},
        "classes": network.classes,
        "layers": [
            _layer_data(contents, number, image.channel_names, given.get(number)) if number in contents.needed else None
            for number in numbers
        ],
        "head": head and {"shape": head.shape, "weights": pack_array(head.weights), "bias": pack_array(head.bias)},
        "scoresLayer": scores_layer,
        "scoresAreProbabilities": scores_layer is not None and network.layers[-1].activation.kind == "softmax",
    }


def _usable_head(network: Network) -> Dense | None:
    """Return the classifier head, None if some of the channels that it reads are not computed."""
    head = network.head
    return head if head is not None and head.shape[0] == len(network.layers[-1].outputs) else None


def _scores_layer(network: Network) -> int | None:
    """Return the number of the layer whose channels are the scores of the classes; None if there is none."""
    has_scores = network.head is None and network.classes and len(network.layers[-1].outputs) == len(network.classes)
    return len(network.layers) if has_scores else None


def _layer_data(
    contents: PageContents, number: int, channels: tuple[str, ...], given: NDArray[Any] | None
) -> dict[str, Any]:
    """Describe a layer for JSON; `given` are its maps if they are part of the page."""
    network = contents.network
    layer, is_computed = network.layers[number - 1], number in contents.computed
    conv = layer.conv
    data = {
        **layer.to_dict(),
        "number": number,
        "name": layer.name,
        "title": network.layer_title(number),
        "sources": network.sources(number),
        "join": layer.join,
        "inputs": network.input_names(number, channels),
        "nonNegative": network.non_negative(number),
        "isShown": number in contents.shown,
        "isComputed": is_computed,
        "given": None if given is None else pack_array(given),
        "shape": None if conv is None else conv.weights.shape,
        "weights": None,
        "bias": None,
    }
    if conv is not None and is_computed:
        data |= {"weights": pack_weights(conv.weights), "bias": pack_array(conv.bias)}
    return data


def _image_preparation(contents: PageContents) -> dict[str, Any] | None:
    """Return how images are prepared for a classifier: their shape (C, H, W), and the way of fitting them to it.

    None if the page computes no classes, or the shape is unknown or does not fit the layers.
    """
    network = contents.network
    shape, head = network.input_shape, network.head
    if shape is None or not contents.is_live or not network.is_classifier:
        return None
    try:
        maps_shape = network.output_shapes(shape)[-1]
    except CnnfxError:
        return None
    if maps_shape != (tuple(head.shape) if head is not None else (len(network.classes), *maps_shape[1:])):
        return None
    fit = network.input
    return {
        "shape": shape,
        "digits": fit.fit == "digit",
        "fit": fit.fit,
        "resize": fit.resize or max(shape[1:]),
        "resample": fit.resample,
    }
