"""Bands of feature maps: the rows of every layer that some rows of the last are computed from, and their memory.

One pass from the top down finds the rows that each layer must give, through pooling, strides, padding and joins: the
smallest interval that contains what all of its readers need. So each layer is computed once for a band.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import NamedTuple

from cnnfx.conv import Padding, Window
from cnnfx.nn.activations import IN_PLACE
from cnnfx.nn.layers import Layer, Pool, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.pooling import NO_PADS

Rows = tuple[int, int]
"""The first row and the last (exclusive)."""

VALUE_BYTES = 4
"""The size of a value of a feature map, float32."""
MAX_LAYER_BYTES = 64 * 2**20
"""A layer with more bytes of feature maps before its activation and pooling is computed in parts."""
PART_BYTES = 16 * 2**20
"""The approximate size of the feature maps of a part, in bytes."""
MIN_PART_ROWS = 8
"""The fewest rows of the output of a part."""


class LayerPart(NamedTuple):
    """Rows of a layer's output that are computed at a time, and what they are computed from.

    Attributes
    ----------
    outputs : Rows
        The rows of the output.
    pooled : Rows
        The rows of the output that are computed. At the border of the maps these may be more.
    pool : Pool, optional
        The pooling, with the padding of these rows.
    maps : Rows
        The rows of the filters' feature maps that the pooling reads.
    computed : Rows
        The rows of the feature maps that the filters compute. Where a border mirrors, these may be more.
    padding : Padding
        The padding of the filters' input.
    inputs : Rows
        The rows of the joined input.
    """

    outputs: Rows
    pooled: Rows
    pool: Pool | None
    maps: Rows
    computed: Rows
    padding: Padding
    inputs: Rows


class Band(NamedTuple):
    """Rows of some layers, and all that they are computed from.

    Attributes
    ----------
    layers : dict of int to tuple of LayerPart
        The parts of each layer that is computed, by its number, in the order of the layers.
    last_readers : dict of int to int
        The number of the last layer that reads a layer. Layers whose outputs are kept are missing.
    work : float
        The number of multiplications, about.
    peak_bytes : int
        An estimate of the most memory of all arrays at a time. While a layer is computed, these are the outputs of the
        layers below that it or later layers read, its own output, and for one of its parts its joined input, its
        feature maps, and their copies for its other steps. Buffers of the filters and the result of pooled rows make it
        up to about a fifth more.
    """

    layers: dict[int, tuple[LayerPart, ...]]
    last_readers: dict[int, int]
    work: float
    peak_bytes: int


@lru_cache(maxsize=64)
def layer_sizes(network: Network, shape: Shape) -> tuple[Shape, ...]:
    """Return the shape of the image `(C, H, W)`, then of each layer's output channels.

    Raises
    ------
    ArgumentError
        If the image is too small for a layer; the message names the layer.
    """
    return (shape, *network.output_shapes(shape))


@lru_cache(maxsize=64)
def joined_sizes(network: Network, shape: Shape) -> tuple[Shape, ...]:
    """Return the shape of what each layer reads, its sources joined, for an image `(C, H, W)`."""
    return tuple(network.joined_shapes(shape))


@lru_cache(maxsize=256)
def plan_band(network: Network, shape: Shape, wanted: tuple[tuple[int, Rows], ...]) -> Band:
    """Return what is computed for some rows of the outputs of some layers.

    Parameters
    ----------
    network : Network
        Bound to the image's channels.
    shape : (C, H, W)
        The shape of the image.
    wanted : tuple of (number, rows)
        The numbers of the layers, 1 being the first, and the rows of each.
    """
    sizes, inputs, kept = layer_sizes(network, shape), joined_sizes(network, shape), dict(wanted)
    needed = dict(kept)
    layers: dict[int, tuple[LayerPart, ...]] = {}
    last_readers: dict[int, int] = {}
    for number in range(max(needed), 0, -1):
        if number not in needed:
            continue
        joined = inputs[number - 1]
        layers[number] = parts = _parts(network.layers[number - 1], joined, sizes[number], needed[number])
        rows = min(part.inputs[0] for part in parts), max(part.inputs[1] for part in parts)
        for source in network.sources(number):
            # Maps of 1×1 that are joined to larger ones are read for every row.
            first, last = rows if sizes[source][1] == joined[1] else (0, sizes[source][1])
            begin, end = needed.get(source, (first, last))
            needed[source] = min(first, begin), max(last, end)
            if source not in kept:
                last_readers.setdefault(source, number)
    layers = {number: layers[number] for number in sorted(layers)}
    return Band(layers, last_readers, *_costs(network, shape, layers, last_readers))


def _parts(layer: Layer, joined: Shape, output: Shape, rows: Rows) -> tuple[LayerPart, ...]:
    """Return the parts of a layer for rows of its output, for a joined input and an output of these shapes."""
    whole = _part(layer, joined, rows)
    size = _bytes(_maps_shape(layer, joined), whole.computed)
    first, last = rows
    if size <= MAX_LAYER_BYTES or output[1] == 1:
        return (whole,)
    step = max(MIN_PART_ROWS, (last - first) * PART_BYTES // size)
    parts = tuple(_part(layer, joined, (begin, min(begin + step, last))) for begin in range(first, last, step))
    # Where the border reads rows at the other end, each part would compute nearly all.
    computed = sum(end - begin for begin, end in (part.computed for part in parts))
    return parts if computed < 2 * (whole.computed[1] - whole.computed[0]) else (whole,)


def _part(layer: Layer, joined: Shape, outputs: Rows) -> LayerPart:
    """Return what rows of a layer's output are computed from, for a joined input of shape `(C, H, W)`."""
    pooled, pool, maps = _pool_rows(layer.pool, outputs, _maps_shape(layer, joined)[1])
    if layer.conv is None:
        return LayerPart(outputs, pooled, pool, maps, maps, "valid", maps)
    computed, padding, inputs = _filter_rows(layer.conv.window, maps, joined[1:])
    return LayerPart(outputs, pooled, pool, maps, computed, padding, inputs)


def _maps_shape(layer: Layer, joined: Shape) -> Shape:
    return joined if layer.conv is None else layer.conv.output_shape(joined)


def _pool_rows(pool: Pool | None, outputs: Rows, height: int) -> tuple[Rows, Pool | None, Rows]:
    """Return the output rows that a pooling computes, its padding for these, and the rows of the maps that it reads."""
    if pool is None:
        return outputs, None, outputs
    axis = pool.windows(0, height)
    begin, end = outputs[0] * axis.stride - axis.before, (outputs[1] - 1) * axis.stride - axis.before + axis.size
    # A window that reaches over the border is computed with all others that do, as the padding is a whole one.
    at_top, at_bottom = begin < 0, end > height
    pooled = 0 if at_top else outputs[0], axis.number if at_bottom else outputs[1]
    if pool.padding != ((0, 0), (0, 0)):
        (top, bottom), sides = pool.padding
        pool = replace(pool, padding=((top if at_top else 0, bottom if at_bottom else 0), sides))
    return pooled, pool, (0 if at_top else begin, height if at_bottom else end)


def _filter_rows(window: Window, maps: Rows, size: tuple[int, int]) -> tuple[Rows, Padding, Rows]:
    """Return the rows of the feature maps that filters compute, their padding, and the rows that they read."""
    height = size[0]
    rows = window.output_size(size)[0]
    (top, bottom), sides = window.pads(size)
    # A border that mirrors reads image rows, so a band at the edge must be high enough to contain them.
    need = window.input_rows(*maps, height)
    enough = 0 if window.border in ("constant", "edge") else top + bottom + window.extent[0]
    begin = max(0, min(maps[0], rows - enough)) if need.bottom else maps[0]
    end = min(rows, max(maps[1], enough)) if need.top else maps[1]
    need = window.input_rows(begin, end, height)
    if window.border == "wrap" or need.last - need.first <= max(need.top, need.bottom):
        # The border reads rows at the other end, or more rows than the band has: use the whole input.
        return (0, rows), ((top, bottom), sides), (0, height)
    return (begin, end), ((need.top, need.bottom), sides), (need.first, need.last)


def _costs(
    network: Network,
    shape: Shape,
    layers: dict[int, tuple[LayerPart, ...]],
    last_readers: dict[int, int],
) -> tuple[float, int]:
    """Return the number of multiplications and the peak of the memory of a band."""
    sizes, inputs = layer_sizes(network, shape), joined_sizes(network, shape)
    work, peak, live = 0.0, 0, dict[int, int]()
    for number, parts in layers.items():
        layer, sources = network.layers[number - 1], network.sources(number)
        joined = inputs[number - 1]
        maps = _maps_shape(layer, joined)
        live[number] = _bytes(sizes[number], (parts[0].outputs[0], parts[-1].outputs[1]))
        own = max(_temporary_bytes(layer, sources, part, joined, maps) for part in parts)
        peak = max(peak, sum(live.values()) + own)
        for source in sources:
            if last_readers.get(source) == number:
                live.pop(source, None)
        products = prod(layer.conv.weights.shape[1:]) if layer.conv is not None else 1
        work += products * sum(_bytes(maps, part.computed) for part in parts) / VALUE_BYTES
    return work, peak


def _temporary_bytes(layer: Layer, sources: tuple[int, ...], part: LayerPart, joined: Shape, maps: Shape) -> int:
    """Return the size of the arrays for a part of a layer, other than its output, which is the last of them."""
    inputs, feature_maps = _bytes(joined, part.inputs), _bytes(maps, part.computed)
    read = [inputs] if len(sources) > 1 or 0 in sources else []
    filtered = [feature_maps] if layer.conv is not None else read
    kind, pool = layer.activation.kind, layer.pool
    copied = kind != "none" and (not filtered or kind not in IN_PLACE)
    made = filtered + [feature_maps] * (bool(layer.combine) + copied + (layer.local_response is not None))
    made += [feature_maps] if pool else []
    of_activation = kind not in IN_PLACE and kind != "none"  # such as the branch for negative values
    of_normalization = 2 * (layer.local_response is not None)  # squares and their sums
    of_pooling = 0
    if pool and not pool.is_global:
        of_pooling = 1 + (pool.ceil or pool.padding != NO_PADS)  # pooled rows, and padded maps
    finishing = sum(made[:-1]) + max(of_activation, of_normalization, of_pooling) * feature_maps
    if layer.conv is None:
        return finishing
    return max(sum(read) + (feature_maps if len(made) > 1 else 0), finishing)


def _bytes(shape: Shape, rows: Rows) -> int:
    """Return the size of some rows of maps of this shape."""
    return shape[0] * (rows[1] - rows[0]) * shape[2] * VALUE_BYTES
