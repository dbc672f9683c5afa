"""The receptive field: the pixels that an output of a layer is computed from.

Rows and columns are found apart, since kernels and blocks are rectangles. Along one axis, a kernel of k taps at
dilation d and stride s, under b places of padding, reads for output r the inputs

    r·s − b,  r·s − b + d,  …,  r·s − b + (k − 1)·d

and a pooling of p does the same with k = s = p. From the layer down to the image these steps are put together: a field
of (size, stride, offset) = (1, 1, 0) becomes, with each step below,

    size ← (size − 1)·s + (k − 1)·d + 1        stride ← stride·s        offset ← offset·s − b

so that output r stands on the interval from offset + r·stride, `size` long, parts of which may lie in the padding. The
arithmetic is that of Araujo, Norris and Sim, 2019, "Computing receptive fields of convolutional neural networks".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.padding import OUTSIDE, sources
from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Shape
from cnnfx.nn.network import Layer, Network

Places = NDArray[np.intp]


class Box(NamedTuple):
    """Rows `top` to `bottom` and columns `left` to `right`, the latter of both exclusive; negative in the padding."""

    top: int
    left: int
    bottom: int
    right: int

    def clipped(self, height: int, width: int) -> Box:
        """The part that lies in an image of a size."""
        top, bottom = (min(max(place, 0), height) for place in (self.top, self.bottom))
        left, right = (min(max(place, 0), width) for place in (self.left, self.right))
        return Box(top, left, bottom, right)


@dataclass(frozen=True)
class Link:
    """What a kernel or a pooling reads along one axis of `length` places, padded by `before` and `after`."""

    taps: int
    stride: int
    dilation: int
    length: int
    before: int = 0
    after: int = 0
    border: str = "constant"

    @property
    def extent(self) -> int:
        """Places from the first to the last that is read."""
        return (self.taps - 1) * self.dilation + 1

    def read(self, outputs: Places) -> Places:
        """The places that some outputs are computed from, in order: where the border repeats them, those repeated."""
        padded = (outputs[:, np.newaxis] * self.stride + np.arange(self.taps) * self.dilation).ravel()
        found = sources(self.length, self.before, self.after, self.border)[padded]
        return np.unique(found[found != OUTSIDE])


@dataclass(frozen=True)
class Reach:
    """A receptive field along one axis.

    Parameters
    ----------
    links : tuple of Link
        From the layer down.
    length : int
        Of the axis below, in places.
    """

    links: tuple[Link, ...]
    length: int

    @cached_property
    def size(self) -> int:
        """Places from the first to the last that an output is computed from."""
        size = 1
        for link in self.links:
            size = (size - 1) * link.stride + link.extent
        return size

    @cached_property
    def stride(self) -> int:
        """Places by which the fields of neighboring outputs are apart."""
        return int(np.prod([link.stride for link in self.links], dtype=int))

    @cached_property
    def offset(self) -> int:
        """Where the field of output 0 begins; negative in the padding."""
        offset = 0
        for link in self.links:
            offset = offset * link.stride - link.before
        return offset

    def interval(self, position: int) -> tuple[int, int]:
        """Where the field of an output begins and ends (exclusive), whether or not these places are inside."""
        first = self.offset + position * self.stride
        return first, first + self.size

    def places(self, position: int) -> Places:
        """The very places that an output is computed from, in order: no padding, none that a dilation leaves out."""
        found = np.array([position])
        for link in self.links:
            found = link.read(found)
        return found


@dataclass(frozen=True)
class ReceptiveField:
    """What the outputs of a layer are computed from, in the image or in the maps of a layer below.

    Output (row, column) reads every pixel whose row is one of `rows.places(row)` and whose column is one of
    `columns.places(column)`.
    """

    rows: Reach
    columns: Reach

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.rows.size, self.columns.size

    @property
    def stride(self) -> tuple[int, int]:
        """Vertical, horizontal: how far the fields of neighboring outputs are apart."""
        return self.rows.stride, self.columns.stride

    @property
    def offset(self) -> tuple[int, int]:
        """Where the field of output (0, 0) begins: (row, column), negative in the padding."""
        return self.rows.offset, self.columns.offset

    def box(self, row: int, column: int) -> Box:
        """The field of an output, parts of which may lie in the padding: see `Box.clipped`."""
        (top, bottom), (left, right) = self.rows.interval(row), self.columns.interval(column)
        return Box(top, left, bottom, right)


def receptive_field(network: Network, shape: Shape, layer: int | None = None, of: int = 0) -> ReceptiveField:
    """The receptive field of the outputs of a layer: after its pooling, if it has one.

    Parameters
    ----------
    network : Network
    shape : (C, H, W)
        Of the image; some paddings depend on it.
    layer : int, optional
        1 is the first; the last unless given.
    of : int
        In what it is to be found: 0 for the image, or a layer below for its outputs.

    Raises
    ------
    ArgumentError
        If the layers are not there or not in this order, or do not fit the image.
    """
    count = len(network.layers)
    layer = count if layer is None else layer
    if not 0 <= of <= layer <= count:
        raise ArgumentError(
            f"layer {layer} over layer {of}: {network.name} has the layers 1 to {count}, 0 is its image."
        )
    shapes = [shape, *network.output_shapes(shape)]
    links: list[tuple[Link, Link]] = []
    for number in range(layer, of, -1):
        links += _links(network.layers[number - 1], shapes[number - 1])
    rows, columns = (tuple(pair[axis] for pair in links) for axis in (0, 1))
    return ReceptiveField(Reach(rows, shapes[of][1]), Reach(columns, shapes[of][2]))


def _links(layer: Layer, below: Shape) -> list[tuple[Link, Link]]:
    """The links (rows, columns) of a layer over an input of a shape: those of its pooling, then those of its kernel."""
    window, size = layer.conv.window, (below[1], below[2])
    pooled = []
    if layer.pool:
        side = layer.pool.size
        rows, columns = (Link(side, side, 1, length) for length in window.output_size(size))
        pooled = [(rows, columns)]
    pads = window.pads(size)
    down, across = (
        Link(window.kernel[axis], window.stride[axis], window.dilation[axis], size[axis], *pads[axis], window.border)
        for axis in (0, 1)
    )
    return [*pooled, (down, across)]


def field_size(network: Network) -> tuple[int, int]:
    """The (height, width) of the receptive field of a network's last layer: the smallest image that its filters fit
    into without padding."""
    height, width = 1, 1
    for layer in reversed(network.layers):
        side = layer.pool.size if layer.pool else 1
        (sh, sw), (eh, ew) = layer.conv.window.stride, layer.conv.window.extent
        height, width = (height * side - 1) * sh + eh, (width * side - 1) * sw + ew
    return height, width
