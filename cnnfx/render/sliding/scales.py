"""The levels in which the values of the input and the output are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnfx.images import Image
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.statistics import channel_statistics
from cnnfx.render.color import ColorScale, LinearScale, linear_scale
from cnnfx.render.sliding.positions import OutputChannel, SlidingWindow
from cnnfx.render.tiles import Levels

LIGHT_LEVEL = 190
"""The darkest level of padding."""


def input_scale(image: Image, sliding: SlidingWindow) -> LinearScale:
    """Return the scale that maps input values to levels, the same for all channels.

    A picture is drawn from 0 to 1, an array or a picture of 16 bits from its smallest value to its largest, a
    normalized image from its smallest value or 0, and the output of the layer below as the output of the layer itself.
    """
    network = sliding.maps.network
    sources = network.sources(len(network.layers))
    if sources == (0,) and not network.input.normalizes and not image.has_own_range:
        return linear_scale("none", 0, 1)
    ranges = [channel.range for channel in channel_statistics([(0, sliding.inputs)])]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    if 0 not in sources:
        non_negative = all(all(network.non_negative(source)) for source in sources)
        return linear_scale("auto", low, high, non_negative=non_negative)
    if network.input.normalizes:
        low, high = min(low, 0), max(high, 0)
    return linear_scale("minmax", low, high)


def output_scales(color_scale: ColorScale, channels: Sequence[OutputChannel]) -> list[LinearScale]:
    """Return the scale from values to levels of each output channel, before and after pooling."""
    maps = ArrayMaps(
        np.stack([channel.values for channel in channels]),
        [channel.name for channel in channels],
        [channel.non_negative for channel in channels],
        [channel.rounding_error for channel in channels],
    )
    return color_scale.linear_scales(maps)


def lighter_padding(sliding: SlidingWindow, levels: Levels) -> Levels:
    """Return the levels of a padded input channel, with lighter ones in the padding."""
    lighter = LIGHT_LEVEL + (levels.astype(np.uint16) * (255 - LIGHT_LEVEL) // 255).astype(np.uint8)
    return np.where(sliding.is_padding, lighter, levels)
