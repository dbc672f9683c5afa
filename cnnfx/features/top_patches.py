"""The images that excite each channel most, and where in them: found in one pass over any number of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cnnfx.features.images import Gallery, Peaks
from cnnfx.nn.layers import Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import AxisField, Box, receptive_field

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


def _cut(reaches: Sequence[AxisField], position: int, wraps: bool) -> _Cut:
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


def _before(reaches: Sequence[AxisField], position: int) -> bool:
    """Whether the field of an output begins inside of every layer."""
    return all(reach.interval(position)[0] >= 0 for reach in reaches)


def _after(reaches: Sequence[AxisField], position: int) -> bool:
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


class Place(NamedTuple):
    """Where a channel is excited: its activation, the number of the image, and the output's row and column."""

    activation: float
    image: int
    row: int
    column: int


class Leaders:
    """The `count` largest activations of each of K channels so far, one of each image.

    Of equal ones the earlier image's counts as larger, so the result is that of sorting them all.
    """

    def __init__(self, count: int, channels: int) -> None:
        self.count, self.channels = count, channels
        self._values = np.full((count, channels), -np.inf)
        self._places = np.full((3, count, channels), -1)

    def add(self, peaks: Peaks) -> None:
        """Take in the peaks of images that come after all before."""
        numbers = np.broadcast_to(peaks.first + np.arange(len(peaks.values))[:, np.newaxis], peaks.values.shape)
        values = np.concatenate([self._values, peaks.values])
        places = np.concatenate([self._places, np.stack([numbers, peaks.rows, peaks.columns])], axis=1)
        order = np.argsort(-values, axis=0, kind="stable")[: self.count]
        self._values = np.take_along_axis(values, order, axis=0)
        self._places = np.take_along_axis(places, order[np.newaxis], axis=1)

    def places(self, channel: int, least: float = -np.inf) -> list[Place]:
        """Where a channel is excited most, and by more than `least`; the largest activation first."""
        columns = zip(self._values[:, channel].tolist(), *self._places[:, :, channel].tolist(), strict=True)
        return [Place(*column) for column in columns if column[0] > least]


def find_top(
    network: Network, gallery: Gallery, count: int, progress: Callable[[int], None] | None = None
) -> list[list[Place]]:
    """For each output channel of the last layer, or each class if the network has a head, where it is excited most.

    Parameters
    ----------
    network : Network
        Bound to the gallery's channels.
    gallery : Gallery
    count : int
        So many images at most. Those in which a channel is nowhere above zero do not excite it: they are left out.
    progress : callable, optional
        Called with the number of images that are done.

    Raises
    ------
    ArgumentError
        If the images do not fit the network.
    """
    least = 0.0 if network.head is None else -np.inf  # any score can be the largest one
    leaders = None
    for peaks in gallery.peaks(network):
        leaders = leaders or Leaders(count, peaks.values.shape[1])
        leaders.add(peaks)
        if progress:
            progress(peaks.first + len(peaks.values))
    return [] if leaders is None else [leaders.places(k, least) for k in range(leaders.channels)]
