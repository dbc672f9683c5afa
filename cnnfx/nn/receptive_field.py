"""Receptive fields: the pixels that an output of a layer is computed from.

Rows and columns are independent, since kernels and pooled blocks are rectangles. Along one axis, a kernel of k elements
at dilation d and stride s, with b positions of padding before the first, reads for output r the inputs

    r·s − b,  r·s − b + d,  …,  r·s − b + (k − 1)·d

and a pooling of size p does the same with k = s = p. From the layer down to the image these steps are composed: a field
of (size, stride, offset) = (1, 1, 0) becomes, with each step below,

    size ← (size − 1)·s + (k − 1)·d + 1        stride ← stride·s        offset ← offset·s − b

so that output r has the field that starts at offset + r·stride and is `size` long; parts of it may be in the padding.
The channels of a layer have this field in common. Where weights are 0, a channel reads a part of it: its own field.
Source: Araujo, Norris and Sim, 2019, "Computing receptive fields of convolutional neural networks".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.padding import OUTSIDE, source_indices
from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Conv, Layer, Shape
from cnnfx.nn.network import Network

Indexes = NDArray[np.intp]
"""Rows or columns, counted from 0."""


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

    Output (row, column) reads every pixel whose row is in `rows.indexes(row)` and whose column is in
    `columns.indexes(column)`.
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
    shapes = [shape, *network.output_shapes(shape)]
    numbers = range(layer, of, -1)
    rows, columns = (
        AxisField(
            tuple(
                step
                for number in numbers
                for step in _layer_steps(network.layers[number - 1], axis, shapes[number - 1][1:])
            ),
            shapes[of][1 + axis],
        )
        for axis in (0, 1)
    )
    return ReceptiveField(rows, columns)


class ChannelField(NamedTuple):
    """The receptive field of one output channel: the smallest rectangle with all pixels whose weight is not 0.

    Parameters
    ----------
    first : Box
        The field of output (0, 0).
    stride : (vertical, horizontal)
        The distances between the fields of neighboring outputs.
    """

    first: Box
    stride: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.first.bottom - self.first.top, self.first.right - self.first.left

    def box(self, row: int, column: int) -> Box:
        """Return the field of an output. Parts of it may be in the padding: see `Box.clipped`."""
        down, right = row * self.stride[0], column * self.stride[1]
        top, left, bottom, end = self.first
        return Box(top + down, left + right, bottom + down, end + right)


def channel_field(network: Network, shape: Shape, channel: int) -> ChannelField:
    """Return the receptive field, in the image, of one output channel of the last layer.

    It is that of the layer if all weights of the channel are 0.

    Parameters
    ----------
    network : Network
        Bound to the image's channels (`Network.bind`).
    shape : (C, H, W)
        The shape of the image.
    channel : int
        Counted from 0.

    Raises
    ------
    ArgumentError
        If the image is too small for the network.
    """
    field = receptive_field(network, shape)
    sizes = [shape, *network.output_shapes(shape)]
    intervals = [_channel_interval(network, sizes, channel, axis) for axis in (0, 1)]
    if None in intervals:
        return ChannelField(field.box(0, 0), field.stride)
    (top, bottom), (left, right) = (interval for interval in intervals if interval is not None)
    return ChannelField(Box(top, left, bottom, right), field.stride)


def _channel_interval(network: Network, sizes: Sequence[Shape], channel: int, axis: int) -> tuple[int, int] | None:
    """Return the start and the end (exclusive), along an axis, of what output 0 of a channel reads; None for nothing.

    `first` and `last` are what it reads of each channel of a layer, infinity and minus infinity for nothing.
    """
    first, last = np.full(sizes[-1][0], np.inf), np.full(sizes[-1][0], -np.inf)
    first[channel] = last[channel] = 0
    for layer, size in zip(reversed(network.layers), reversed(sizes[:-1]), strict=True):
        filters = len(layer.filter_names)
        filter_first, filter_last = np.full(filters, np.inf), np.full(filters, -np.inf)
        for output, start, end in zip(layer.outputs, first, last, strict=True):
            of = list(output.of)
            filter_first[of] = np.minimum(filter_first[of], start * layer.pool_size)
            filter_last[of] = np.maximum(filter_last[of], (end + 1) * layer.pool_size - 1)
        step = conv_step(layer.conv, axis, size[1:])
        first_element, last_element = _nonzero_elements(layer.conv, axis)
        starts = filter_first[:, np.newaxis] * step.stride - step.before + first_element * step.dilation
        ends = filter_last[:, np.newaxis] * step.stride - step.before + last_element * step.dilation
        grouped = layer.conv.groups, filters // layer.conv.groups, -1
        first, last = starts.reshape(grouped).min(axis=1).ravel(), ends.reshape(grouped).max(axis=1).ravel()
    start, end = first.min(), last.max()
    return (int(start), int(end) + 1) if start <= end else None


def _nonzero_elements(conv: Conv, axis: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and the last row or column of each kernel `(K, C)` that has a weight other than 0.

    They are infinity and minus infinity for kernels of zeros.
    """
    nonzero = (conv.weights != 0).any(axis=3 - axis)
    present = nonzero.any(axis=2)
    first = np.where(present, nonzero.argmax(axis=2), np.inf)
    last = np.where(present, nonzero.shape[2] - 1 - nonzero[..., ::-1].argmax(axis=2), -np.inf)
    return first, last


def field_size(network: Network) -> tuple[int, int]:
    """Return the (height, width) of the receptive field of a network's last layer.

    It is the smallest image that the filters fit into without padding.
    """
    height, width = (
        AxisField(tuple(step for layer in reversed(network.layers) for step in _layer_steps(layer, axis)), 0).size
        for axis in (0, 1)
    )
    return height, width


@dataclass(frozen=True)
class AxisField:
    """A receptive field along one axis.

    Parameters
    ----------
    steps : tuple of AxisStep
        From the layer down.
    length : int
        The number of rows or columns of the image, or of the maps of the layer below.
    """

    steps: tuple[AxisStep, ...]
    length: int

    @cached_property
    def size(self) -> int:
        """The number of positions from the first to the last that an output is computed from."""
        size = 1
        for step in self.steps:
            size = (size - 1) * step.stride + step.extent
        return size

    @cached_property
    def stride(self) -> int:
        """The distance between the fields of neighboring outputs."""
        return prod(step.stride for step in self.steps)

    @cached_property
    def offset(self) -> int:
        """The position at which the field of output 0 starts; negative in the padding."""
        offset = 0
        for step in self.steps:
            offset = offset * step.stride - step.before
        return offset

    def interval(self, output: int) -> tuple[int, int]:
        """Return the start and the end (exclusive) of the field of an output, padding included."""
        first = self.offset + output * self.stride
        return first, first + self.size

    def indexes(self, output: int) -> Indexes:
        """Return exactly the positions that an output reads, sorted: without padding and gaps of a dilation."""
        positions = np.array([output])
        for step in self.steps:
            sources = step.sources(positions)
            positions = np.unique(sources[sources != OUTSIDE])
        return positions


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


def conv_step(conv: Conv, axis: int, size: tuple[int, int] | None = None) -> AxisStep:
    """Return what kernels read along axis 0 (rows) or 1 (columns).

    Parameters
    ----------
    conv : Conv
    axis : int
    size : (H, W), optional
        The size of the input. Without it the padding is left out.
    """
    window = conv.window
    kernel, stride, dilation = window.kernel[axis], window.stride[axis], window.dilation[axis]
    if size is None:
        return AxisStep(kernel, stride, dilation)
    return AxisStep(kernel, stride, dilation, size[axis], *window.pads(size)[axis], window.border)


def pool_step(layer: Layer, length: int = 0) -> AxisStep:
    """Return what the pooling of a layer reads along either axis, of `length` rows or columns."""
    return AxisStep(layer.pool_size, layer.pool_size, length=length)


def _layer_steps(layer: Layer, axis: int, size: tuple[int, int] | None = None) -> list[AxisStep]:
    """Return the steps of a layer along an axis, from the top: its pooling, then its kernels."""
    length = layer.conv.window.output_size(size)[axis] if size else 0
    return [pool_step(layer, length), conv_step(layer.conv, axis, size)]
