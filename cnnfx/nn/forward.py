"""The forward pass of a graph of layers on an image or a batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

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
    needed = needed_layers(sources, wanted)
    last_reader = {read: number for number in sorted(needed) if number for read in sources[number - 1]}
    for number in sorted(needed - {0}):
        layer = layers[number - 1]
        if number not in maps:
            maps[number] = layer.forward(layer.join_inputs([maps[read] for read in sources[number - 1]]))
        for read in set(sources[number - 1]):
            if last_reader[read] == number and read not in wanted:
                del maps[read]
    return {number: maps[number] for number in wanted}
