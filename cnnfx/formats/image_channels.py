"""The channels of the images that a network is written for, in formats in which filters read channels in order."""

from __future__ import annotations

from dataclasses import replace

from cnnfx.images.image import GRAY_NAMES, RGB_NAMES
from cnnfx.nn.input import channels_name
from cnnfx.nn.layers import ALL_CHANNELS
from cnnfx.nn.network import Network


def bound_to_image(network: Network) -> Network:
    """Return a network for images with the channels `image_channels`, with weights `(K, C, kh, kw)` in every layer.

    Raises
    ------
    ArgumentError
        If its filters read channels by names that images do not have.
    """
    names = image_channels(network)
    network_input = network.input
    if network.in_channels is None:
        network_input = replace(network_input, channels=channels_name(len(names)))
    start = network.start and network.start.bind(names)
    return replace(network.bind(names), input=network_input, start=start)


def image_channels(network: Network) -> tuple[str, ...]:
    """Return the names of the channels of the images that a network reads.

    They are red, green and blue if it has filters for three channels or reads colors by name, and gray if it has
    filters for one channel, or for any number. The channels of arrays are numbers from 0.
    """
    normalized = max(len(network.input.mean), len(network.input.std))
    count = network.in_channels or (normalized if normalized > 1 else None)
    named = network.reads_names - {ALL_CHANNELS}
    of_array = bool(named) and all(name.isdecimal() for name in named)
    if count is None and of_array:
        count = 1 + max(map(int, named))
    if count is None:
        count = len(RGB_NAMES) if network.color_mode == "rgb" else len(GRAY_NAMES)
    known = {len(names): names for names in (GRAY_NAMES, RGB_NAMES)}
    return known[count] if count in known and not of_array else tuple(map(str, range(count)))
