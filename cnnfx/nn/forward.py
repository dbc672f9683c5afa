"""The forward pass of a graph of layers on an image or a batch.

The sources of a layer that joins them side by side ("concat") write their maps into one array, so that nothing is
copied to join them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate

import numpy as np

from cnnfx.nn.graph import needed_layers
from cnnfx.nn.layers import Array, Layer


def forward_layers(
    layers: Sequence[Layer],
    sources: Sequence[Sequence[int]],
    image: Array,
    wanted: Collection[int],
    known: Mapping[int, Array] | None = None,
) -> dict[int, Array]:
    """Return the output channels of some layers; those of others are freed when no layer needs them any more.

    Parameters
    ----------
    layers : sequence of Layer
        Bound to the channels of the image.
    sources : sequence of tuples of int
        For each layer the numbers of those that it reads; 0 is the image.
    image : array (C, H, W) or (N, C, H, W)
        Normalized.
    wanted : collection of int
        Numbers of layers, counted from 1.
    known : mapping, optional
        Output channels of layers that are known already.
    """
    maps: dict[int, Array] = {0: image, **(known or {})}
    needed = sorted(needed_layers(sources, wanted) - {0})
    last_reader = {read: number for number in needed for read in sources[number - 1]}
    places = joined_places(layers, sources, [number for number in needed if number not in maps])
    joined: dict[int, Array] = {}
    for number in needed:
        layer = layers[number - 1]
        if number not in maps:
            read = joined.pop(number, None)
            if read is None:
                read = layer.join_inputs([maps[each] for each in sources[number - 1]])
            out = None
            if number in places:
                reader, channels, count = places[number]
                if reader not in joined:
                    joined[reader] = _empty_maps(layer, read, count)
                out = joined[reader][..., channels, :, :]
            maps[number] = layer.forward(read, out)
        for each in set(sources[number - 1]):
            if last_reader[each] == number and each not in wanted:
                del maps[each]
    return {number: maps[number] for number in wanted}


def joined_places(
    layers: Sequence[Layer], sources: Sequence[Sequence[int]], computed: Sequence[int]
) -> dict[int, tuple[int, slice, int]]:
    """Return where layers write their maps in the joined input of another one.

    Returns
    -------
    dict
        From the numbers of layers with filters to the number of the layer that joins them side by side, the channels in
        its input, and the number of channels of this input. Layers that two others join, and inputs that contain
        anything else, are left out.
    """
    joins = [number for number in computed if len(sources[number - 1]) > 1 and layers[number - 1].join == "concat"]
    uses = Counter(read for number in joins for read in sources[number - 1])
    places = {}
    for number in joins:
        read = sources[number - 1]
        if all(each in computed and uses[each] == 1 and layers[each - 1].conv is not None for each in read):
            ends = list(accumulate(len(layers[each - 1].channel_names) for each in read))
            for each, first, end in zip(read, [0, *ends], ends, strict=False):
                places[each] = number, slice(first, end), ends[-1]
    return places


def _empty_maps(layer: Layer, read: Array, channels: int) -> Array:
    """Return an array for maps of the size that a layer gives for its joined input, with this number of channels."""
    _, height, width = layer.output_shape((read.shape[-3], read.shape[-2], read.shape[-1]))
    dtype = read.dtype if read.dtype == np.float64 else np.float32
    return np.empty((*read.shape[:-3], channels, height, width), dtype)
