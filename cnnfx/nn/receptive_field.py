"""Receptive fields: the pixels that an output of a layer is computed from.

Rows and columns are independent, since kernels and pooled windows are rectangles. Along one axis, a kernel of k
elements at dilation d and stride s, with b positions of padding before the first, reads for output r the inputs

    r·s − b,  r·s − b + d,  …,  r·s − b + (k − 1)·d

and so does a pooling, with d = 1. From the layer down to the image these steps are composed: a field of (size, stride,
offset) = (1, 1, 0) becomes, with each step below,

    size ← (size − 1)·s + (k − 1)·d + 1        stride ← stride·s        offset ← offset·s − b

so that output r has the field that starts at offset + r·stride and is `size` long; parts of it may be in the padding.
Where a layer is read by several, its part of the field is the smallest interval that contains what each of them reads.
The channels of a layer have this field in common; `cnnfx.nn.channel_field` finds the part that a channel reads.
Source: Araujo, Norris and Sim, 2019, "Computing receptive fields of convolutional neural networks".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.padding import OUTSIDE, source_indices
from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Conv, Layer, Pool, Shape
from cnnfx.nn.network import Network

Indexes = NDArray[np.intp]
"""Rows or columns, counted from 0."""

NOMINAL_SIDE = 4096
"""The sides of the image for which `field_size` computes the field: large enough for any network."""


class Box(NamedTuple):
    """Rows `top` to `bottom` and columns `left` to `right` (both ends exclusive); negative in the padding."""

    top: int
    left: int
    bottom: int
    right: int

    def clipped(self, height: int, width: int) -> Box:
        """Return the part inside an image of `height` rows and `width` columns."""
        top, bottom = (min(max(row, 0), height) for row in (self.top, self.bottom))
        left, right = (min(max(column, 0), width) for column in (self.left, self.right))
        return Box(top, left, bottom, right)


@dataclass(frozen=True)
class ReceptiveField:
    """The positions, in the image or in the maps of a layer below, that the outputs of a layer are computed from.

    Output (row, column) reads pixels whose row is in `rows.indexes(row)` and whose column is in
    `columns.indexes(column)`: all of them, except where layers with kernels of different shapes are joined.
    """

    rows: AxisField
    columns: AxisField

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.rows.size, self.columns.size

    @property
    def stride(self) -> tuple[int, int]:
        """The distances between the fields of neighboring outputs (vertical, horizontal)."""
        return self.rows.stride, self.columns.stride

    @property
    def offset(self) -> tuple[int, int]:
        """The (row, column) at which the field of output (0, 0) starts; negative in the padding."""
        return self.rows.offset, self.columns.offset

    def box(self, row: int, column: int) -> Box:
        """Return the field of an output. Parts of it may be in the padding: see `Box.clipped`."""
        (top, bottom), (left, right) = self.rows.interval(row), self.columns.interval(column)
        return Box(top, left, bottom, right)


def receptive_field(network: Network, shape: Shape, layer: int | None = None, of: int = 0) -> ReceptiveField:
    """Return the receptive field of the outputs of a layer, after its pooling if it has one.

    Parameters
    ----------
    network : Network
    shape : (C, H, W)
        The shape of the image, which "same" padding depends on.
    layer : int, optional
        The number of the layer; 1 is the first. By default the last.
    of : int
        0 for the field in the image, or the number of a layer below for the field in its outputs.

    Raises
    ------
    ArgumentError
        If the layers do not exist or are not in this order, or the image is too small for them.
    """
    count = len(network.layers)
    layer = count if layer is None else layer
    if not 0 <= of <= layer <= count:
        raise ArgumentError(
            f"No receptive field of layer {layer} in layer {of}: {network.name} has layers 1 to {count}; "
            "0 is the image."
        )
    length = [shape, *network.output_shapes(shape)][of][1:]
    rows, columns = (
        AxisField(_axis_layers(network, shape, layer, of, axis), layer, of, length[axis]) for axis in (0, 1)
    )
    return ReceptiveField(rows, columns)


def field_size(network: Network) -> tuple[int, int]:
    """Return the (height, width) of the receptive field of a network's last layer, without padding.

    Of a network that reads whole images, it is the size of its input if that is known, otherwise of the smallest image
    that it takes.
    """
    if not network.is_local:
        return network.input.size or network.smallest_size() or (1, 1)
    channels = network.in_channels or len(network.input.mean)
    return receptive_field(network, (channels, NOMINAL_SIDE, NOMINAL_SIDE)).size


@dataclass(frozen=True)
class AxisField:
    """A receptive field along one axis.

    Parameters
    ----------
    layers : tuple of AxisLayer
        The layers through which the outputs read, from the top down.
    layer, of : int
        The numbers of the layer of the outputs, and of the layer whose outputs they read; 0 is the image.
    length : int
        The number of rows or columns of the image, or of the maps of the layer `of`.
    """

    layers: tuple[AxisLayer, ...]
    layer: int
    of: int
    length: int

    @property
    def size(self) -> int:
        """The number of positions from the first to the last that an output is computed from; 0 if it reads none.

        Maps of 1×1 that are joined to larger ones are left out: they are read by all outputs.
        """
        return self._placement[2]

    @property
    def stride(self) -> int:
        """The distance between the fields of neighboring outputs. A map that is pooled whole has its own length."""
        return self._placement[1]

    @property
    def offset(self) -> int:
        """The position at which the field of output 0 starts, of `size` positions; negative in the padding."""
        return self._placement[0]

    @cached_property
    def _placement(self) -> tuple[int, int, int]:
        """Offset, stride and size."""
        first, last = self._read(0, broadcast=False)
        strides = {self.layer: 1}
        for layer in self.layers:
            for source in layer.sources:
                if layer.number in strides and not source.is_broadcast:
                    stride = strides[layer.number] * prod(step.stride for step in layer.steps)
                    # Layers that are read with several strides have a single row or column, or are placed by one.
                    strides[source.number] = min(stride, strides.get(source.number, stride))
        return first, strides.get(self.of, 1), last - first

    def interval(self, output: int) -> tuple[int, int]:
        """Return the start and the end (exclusive) of the field of an output, padding included."""
        return self._read(output, broadcast=True)

    def _read(self, output: int, broadcast: bool) -> tuple[int, int]:
        """Return the field of an output, with or without maps of 1×1 that are joined to larger ones."""
        intervals = {self.layer: (output, output + 1)}
        for layer in self.layers:
            if layer.number not in intervals:
                continue
            start, end = intervals[layer.number]
            for step in layer.steps:
                start, end = start * step.stride - step.before, (end - 1) * step.stride - step.before + step.extent
            for source in layer.sources:
                if broadcast or not source.is_broadcast:
                    part = (0, 1) if source.is_broadcast else (start, end)
                    known = intervals.get(source.number, part)
                    intervals[source.number] = min(part[0], known[0]), max(part[1], known[1])
        return intervals.get(self.of, (0, 0))

    def indexes(self, output: int) -> Indexes:
        """Return exactly the positions that an output reads, sorted: without padding and gaps of a dilation."""
        positions = {self.layer: np.array([output])}
        for layer in self.layers:
            if layer.number not in positions:
                continue
            read = positions[layer.number]
            for step in layer.steps:
                sources = step.sources(read)
                read = np.unique(sources[sources != OUTSIDE])
            for source in layer.sources:
                part = np.array([0]) if source.is_broadcast else read
                positions[source.number] = np.union1d(positions.get(source.number, part), part)
        return positions.get(self.of, np.zeros(0, np.intp))


class AxisLayer(NamedTuple):
    """What a layer reads along one axis.

    Parameters
    ----------
    number : int
    steps : tuple of AxisStep
        Its pooling, then its kernels.
    sources : tuple of AxisSource
        What they are applied to.
    """

    number: int
    steps: tuple[AxisStep, ...]
    sources: tuple[AxisSource, ...]


class AxisSource(NamedTuple):
    """A layer that another one reads, by its number.

    `is_broadcast` is true for maps of 1×1 that are joined to larger ones.
    """

    number: int
    is_broadcast: bool


@dataclass(frozen=True)
class AxisStep:
    """What a kernel or a pooling reads along one axis.

    Parameters
    ----------
    kernel, stride, dilation : int
        `kernel` is the number of elements.
    length : int
        The number of rows or columns of the input.
    before, after : int
        The padding at both ends.
    border : str
        What the padding contains, as in `cnnfx.correlate`.
    """

    kernel: int
    stride: int
    dilation: int = 1
    length: int = 0
    before: int = 0
    after: int = 0
    border: str = "constant"

    @property
    def extent(self) -> int:
        """The number of positions from the first to the last that an output reads."""
        return (self.kernel - 1) * self.dilation + 1

    def positions(self, outputs: Indexes) -> Indexes:
        """Return the positions `(N, kernel)` that N outputs read; negative, or `length` or more, in the padding."""
        return outputs[:, np.newaxis] * self.stride + np.arange(self.kernel) * self.dilation - self.before

    def sources(self, outputs: Indexes) -> Indexes:
        """Return the positions `(N, kernel)` whose values N outputs read.

        In the padding this is the position that the border repeats, or `OUTSIDE` for a zero.
        """
        return source_indices(self.length, self.before, self.after, self.border)[self.positions(outputs) + self.before]


def conv_step(conv: Conv, axis: int, size: tuple[int, int]) -> AxisStep:
    """Return what kernels read along axis 0 (rows) or 1 (columns) of inputs of `size` (H, W)."""
    window = conv.window
    kernel, stride, dilation = window.kernel[axis], window.stride[axis], window.dilation[axis]
    return AxisStep(kernel, stride, dilation, size[axis], *window.pads(size)[axis], window.border)


def pool_step(pool: Pool, axis: int, length: int) -> AxisStep:
    """Return what a pooling reads along axis 0 (rows) or 1 (columns) of maps of `length` rows or columns.

    The stride of a pooling of whole maps is their length.
    """
    windows = pool.windows(axis, length)
    stride = length if pool.is_global else windows.stride
    return AxisStep(windows.size, stride, 1, length, windows.before, windows.after)


def pool_steps(layer: Layer, axis: int, size: tuple[int, int]) -> list[AxisStep]:
    """Return the step of the pooling of a layer, if it has one, for joined inputs of `size` (H, W)."""
    if layer.pool is None:
        return []
    return [
        pool_step(layer.pool, axis, size[axis] if layer.conv is None else layer.conv.window.output_size(size)[axis])
    ]


def _axis_layers(network: Network, shape: Shape, layer: int, of: int, axis: int) -> tuple[AxisLayer, ...]:
    """Return the layers from `layer` down to the readers of `of`."""
    shapes, joined = [shape, *network.output_shapes(shape)], network.joined_shapes(shape)
    layers, needed = [], {layer}
    for number in range(layer, of, -1):
        if number not in needed:
            continue
        size, conv = joined[number - 1][1:], network.layers[number - 1].conv
        steps = pool_steps(network.layers[number - 1], axis, size)
        steps += [] if conv is None else [conv_step(conv, axis, size)]
        sources = [AxisSource(source, shapes[source][1:] != size) for source in network.sources(number) if source >= of]
        layers.append(AxisLayer(number, tuple(steps), tuple(sources)))
        needed.update(source.number for source in sources)
    return tuple(layers)
