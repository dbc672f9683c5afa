"""The part of an image that one output of a layer is computed from, and the network that computes it from this alone.

Along an axis, the part is the receptive field, and nothing is padded. Only where the field of some layer reaches into
the padding, that side's padding is kept, with more of the image at the other side than any border looks up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from cnnfx.layers import Shape
from cnnfx.network import Network
from cnnfx.receptive_field import Box, Reach, receptive_field

Kept = tuple[bool, bool]
"""Whether the padding before and after is kept."""


class Excerpt(NamedTuple):
    """The part `box` of an image, the paddings that are kept (vertical, horizontal), and the output's place there."""

    box: Box
    kept: tuple[Kept, Kept]
    row: int
    column: int


class _Cut(NamedTuple):
    first: int
    last: int
    kept: Kept
    position: int


def excerpt(network: Network, shape: Shape, row: int, column: int) -> Excerpt:
    """The excerpt of an image of a shape for the output (row, column) of the last layer; for the scores, all of it."""
    if network.head is not None:
        return Excerpt(Box(0, 0, *shape[1:]), ((True, True), (True, True)), 0, 0)
    count = len(network.layers)
    fields = [receptive_field(network, shape, count, of) for of in range(count)]
    wraps = any(layer.conv.window.border == "wrap" for layer in network.layers)
    down = _cut([field.rows for field in fields], row, wraps)
    across = _cut([field.columns for field in fields], column, wraps)
    box = Box(down.first, across.first, down.last, across.last)
    return Excerpt(box, (down.kept, across.kept), down.position, across.position)


def _cut(reaches: Sequence[Reach], position: int, wraps: bool) -> _Cut:
    """Where an axis is cut for an output; `reaches` are its fields in the image and in the layers above."""
    image = reaches[0]
    enough = 2 + (2 * image.size + abs(image.offset)) // image.stride
    first = position if _after(reaches, position) else position - enough
    last = position if _before(reaches, position) else position + enough
    before, after = not _before(reaches, first), not _after(reaches, last)
    if wraps and (before or after):
        before = after = True
    begin = 0 if before else image.interval(first)[0]
    end = image.length if after else image.interval(last)[1]
    return _Cut(begin, end, (before, after), position if before else position - first)


def _before(reaches: Sequence[Reach], position: int) -> bool:
    """Whether the field of an output begins inside of every layer."""
    return all(reach.interval(position)[0] >= 0 for reach in reaches)


def _after(reaches: Sequence[Reach], position: int) -> bool:
    """Whether the field of an output ends inside of every layer."""
    return all(reach.interval(position)[1] <= reach.length for reach in reaches)


def of_part(network: Network, shape: Shape, kept: tuple[Kept, Kept]) -> Network:
    """The network for a part of images of a shape: with those of its paddings that are kept."""
    if all(map(all, kept)):
        return network
    layers = []
    for layer, below in zip(network.layers, [shape, *network.output_shapes(shape)], strict=False):
        pads = layer.conv.window.pads(below[1:])
        padding = _kept(pads[0], kept[0]), _kept(pads[1], kept[1])
        layers.append(replace(layer, conv=replace(layer.conv, padding=padding)))
    return replace(network, layers=tuple(layers), head=None)


def _kept(pads: tuple[int, int], kept: Kept) -> tuple[int, int]:
    return pads[0] * kept[0], pads[1] * kept[1]


def without_padding(network: Network) -> Network:
    """The network as it is inside an image, far from its border."""
    layers = [replace(layer, conv=replace(layer.conv, padding="valid")) for layer in network.layers]
    return replace(network, layers=tuple(layers))
