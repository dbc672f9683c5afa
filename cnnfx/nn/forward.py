"""The forward pass of a graph of layers on an image or a batch.

The sources of a layer that joins them side by side ("concat") write their maps into one array, so that nothing is
copied to join them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from cnnfx.nn.graph import needed_layers
from cnnfx.nn.layers import Array, Layer
from cnnfx.system.blas import single_threaded


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
    with single_threaded():  # once, instead of in each layer
        for number in needed:
            layer = layers[number - 1]
            if number not in maps:
                read = joined.pop(number, None)
                if read is None:
                    read = layer.join_inputs([maps[each] for each in sources[number - 1]])
                place = places.get(number)
                maps[number] = layer.forward(read, place and _part_of_join(place, joined, layer, read))
            for each in set(sources[number - 1]):
                if last_reader[each] == number and each not in wanted:
                    del maps[each]
    return {number: maps[number] for number in wanted}


class Place(NamedTuple):
    """Where a layer writes its maps: some channels of the input of the layer `reader`, which has `total` channels."""

    reader: int
    channels: slice
    total: int


def joined_places(
    layers: Sequence[Layer], sources: Sequence[Sequence[int]], computed: Sequence[int]
) -> dict[int, Place]:
    """Return the places of those layers whose maps another one joins side by side, by their numbers.

    Only layers with filters have one. Layers that two others join, and inputs that contain anything else, are left out.
    """
    joins = [number for number in computed if len(sources[number - 1]) > 1 and layers[number - 1].join == "concat"]
    uses = Counter(read for number in joins for read in sources[number - 1])
    places = {}
    for number in joins:
        read = sources[number - 1]
        if all(each in computed and uses[each] == 1 and layers[each - 1].conv is not None for each in read):
            ends = list(accumulate(len(layers[each - 1].channel_names) for each in read))
            for each, first, end in zip(read, [0, *ends], ends, strict=False):
                places[each] = Place(number, slice(first, end), ends[-1])
    return places


def _part_of_join(place: Place, joined: dict[int, Array], layer: Layer, read: Array) -> Array:
    """Return the channels of a joined input to which a layer writes its maps of `read`.

    The first source of a join adds the array to `joined`.
    """
    if place.reader not in joined:
        _, height, width = layer.output_shape((read.shape[-3], read.shape[-2], read.shape[-1]))
        dtype = read.dtype if read.dtype == np.float64 else np.float32
        joined[place.reader] = np.empty((*read.shape[:-3], place.total, height, width), dtype)
    return joined[place.reader][..., place.channels, :, :]
