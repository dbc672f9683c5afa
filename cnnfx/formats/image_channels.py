"""The channels of the images that a network is written for, in formats in which filters read channels in order."""

from __future__ import annotations

from dataclasses import replace

from cnnfx.errors import ArgumentError
from cnnfx.images.image import GRAY_NAMES, RGB_NAMES
from cnnfx.nn.input import channels_name
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

    Raises
    ------
    ArgumentError
        If its filters read channels by names that images do not have.
    """
    preferred = len(RGB_NAMES) if network.color_mode == "rgb" else len(GRAY_NAMES)
    normalized = max(len(network.input.mean), len(network.input.std))
    known = network.in_channels or (normalized if normalized > 1 else None)
    if known is not None:
        return _names(known)
    numbers = [int(name) for name in network.reads_names if name.isdecimal()]
    if numbers:  # the channels of arrays
        return tuple(map(str, range(max(numbers) + 1)))
    # The first layers have no filters: those of deeper layers show how many channels there are.
    counts = [layer.conv.in_channels for layer in network.layers if layer.conv is not None]
    error = None
    for count in dict.fromkeys((preferred, *(count for count in counts if count is not None))):
        try:
            network.bind(_names(count))
            return _names(count)
        except ArgumentError as found:
            error = error or found
    assert error is not None
    raise error


def _names(count: int) -> tuple[str, ...]:
    known = {len(names): names for names in (GRAY_NAMES, RGB_NAMES)}
    return known.get(count) or tuple(map(str, range(count)))
