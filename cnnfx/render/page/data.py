"""What a page knows: network, image and look as JSON, arrays as base64."""

from __future__ import annotations

import base64
import json
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.nn.network import Layer, Network
from cnnfx.render.color import COLORMAPS, NORMALIZATIONS, ColorScale, color_table

DIGITS = tuple("0123456789")
DIGIT_SHAPE = (1, 28, 28)


def page_data(network: Network, image: Image, look: ColorScale) -> str:
    """The data of a page as JSON in ASCII that holds no `<`, `>` or `&`, so that it can stand in a script element.

    Parameters
    ----------
    network : Network
        Bound to the image's channels.
    image : Image
    look : ColorScale
    """
    told = {
        "network": _network(network),
        "image": {
            "name": short_name(image),
            "channels": image.channel_names,
            "isArray": image.is_array,
            "pixels": pack(image.values),
        },
        "look": {"normalize": look.normalize, "scope": look.scope, "colormap": look.colormap},
        "modes": NORMALIZATIONS,
        "colormaps": {name: pack(color_table(name)) for name in COLORMAPS},
        "pen": _pen(network),
    }
    text = json.dumps(told, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def pack(array: NDArray[Any]) -> dict[str, Any]:
    """An array of uint8, uint16 or floats (as float32): type, shape, and its bytes, little-endian, in base64."""
    kind = array.dtype if array.dtype in (np.uint8, np.uint16) else np.dtype(np.float32)
    content = np.ascontiguousarray(array, kind.newbyteorder("<"))
    return {"type": kind.name, "shape": array.shape, "data": base64.b64encode(content.data).decode("ascii")}


def short_name(image: Image) -> str:
    """The image's name without the folders that it lay in: they are nobody else's business."""
    return PurePath(image.name).name or image.name


def _network(network: Network) -> dict[str, Any]:
    head = network.head
    return {
        "name": network.name,
        "mean": network.mean,
        "std": network.std,
        "classes": network.classes,
        "layers": [_layer(layer) for layer in network.layers],
        "head": head and {"shape": head.shape, "weights": pack(head.weights), "bias": pack(head.bias)},
    }


def _layer(layer: Layer) -> dict[str, Any]:
    place = layer.conv.window
    return {
        "filters": layer.filter_names,
        "weights": pack(layer.conv.weights),
        "bias": pack(layer.conv.bias),
        "stride": place.stride,
        "dilation": place.dilation,
        "padding": place.padding,
        "border": place.border,
        "groups": layer.conv.groups,
        "outputs": [{"name": output.name, "kind": output.kind, "of": output.of} for output in layer.outputs],
        "activation": layer.activation.kind,
        "pool": layer.pool and {"kind": layer.pool.kind, "size": layer.pool.size},
    }


def _pen(network: Network) -> dict[str, Any] | None:
    """The cell to draw on: the shape of what a model has learned on, if it tells classes of images of one channel."""
    told = network.meta.get("input")
    if network.head is None or not isinstance(told, list | tuple) or len(told) != 3:
        return None
    shape = tuple(told)
    if shape[0] != 1 or not all(type(size) is int and size > 0 for size in shape):
        return None
    try:
        fits = network.output_shapes(shape)[-1] == tuple(network.head.shape)
    except CnnfxError:
        return None
    digits = shape == DIGIT_SHAPE and network.classes == DIGITS
    return {"shape": shape, "digits": digits} if fits else None
