"""The inputs and classes of the networks of `keras.applications`, which are not in their files.

Pixels are prepared outside of most of these networks, by `preprocess_input`. The source of the numbers is its
documentation, https://keras.io/api/applications/.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from cnnfx.formats.toml_input import parse_classes, parse_input, reads_rgb
from cnnfx.formats.toml_schema import Location
from cnnfx.nn.network import Network

IMAGENET = "imagenet.txt"
"""The list of the classes of ImageNet, of which there are `IMAGENET_CLASSES`."""
IMAGENET_CLASSES = 1000
RGB_CHANNELS = 3
BLUE_FIRST = {"channels": "bgr", "scale": 255, "mean": [103.939, 116.779, 123.68]}
SIGNED = {"channels": "rgb", "scale": 255, "mean": 127.5, "std": 127.5}
STANDARDIZED = {"channels": "rgb", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
INPUTS: dict[str, dict[str, Any] | None] = {
    r"vgg(16|19)|resnet(50|101|152)": BLUE_FIRST,
    r"resnet(50|101|152)v2|mobilenet(v2)?_[\d.]+_\d+|inception_v3|inception_resnet_v2|xception": SIGNED,
    r"NASNet|nasnet_(mobile|large)": SIGNED,
    r"densenet(121|169|201)": STANDARDIZED,
    r"efficientnet(b\d|v2-\w+)|(?i:mobilenetv3)\w*": None,
}
"""The `[input]` of networks by their names, a regular expression; None for those that prepare the pixels themselves."""


def with_input(network: Network, name: str) -> Network:
    """Return a network of `keras.applications` with its input, and the names of its classes if these are of ImageNet.

    Parameters
    ----------
    network : Network
    name : str
        The name of the model in its configuration. Networks of other names are returned as they are.

    Raises
    ------
    FileError
        If the last layer reads blue, green and red as separate channels.
    """
    known = [values for pattern, values in INPUTS.items() if re.fullmatch(pattern, name)]
    if not known or network.in_channels != RGB_CHANNELS:
        return network
    location = Location(name)
    if known[0] is not None and not network.input.normalizes:
        given, is_bgr = parse_input(known[0], location)
        layers = network.layers
        if is_bgr:
            layers = tuple(
                reads_rgb(layer, location) if 0 in network.sources(number) else layer
                for number, layer in enumerate(layers, 1)
            )
        network = replace(network, layers=layers, input=replace(given, size=network.input.size))
    if len(network.classes) == IMAGENET_CLASSES:
        network = replace(network, classes=parse_classes(IMAGENET, location))
    return network
