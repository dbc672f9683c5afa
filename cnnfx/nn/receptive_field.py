"""Receptive fields: the pixels that an output of a layer is computed from.

Rows and columns are independent, since kernels and pooled windows are rectangles. Along one axis, a kernel of k
elements at dilation d and stride s, with b positions of padding before the first, reads for output r the inputs

    r·s − b,  r·s − b + d,  …,  r·s − b + (k − 1)·d

and so does a pooling, with d = 1. From the layer down to the image these steps are composed: a field of (size, stride,
offset) = (1, 1, 0) becomes, with each step below,

    size ← (size − 1)·s + (k − 1)·d + 1        stride ← stride·s        offset ← offset·s − b

so that output r has the field that starts at offset + r·stride and is `size` long; parts of it may be in the padding.
Where a layer is read by several, its part of the field is the smallest interval that contains what each of them reads.
The channels of a layer have this field in common. Where weights are 0, a channel reads a part of it: its own field.
Source: Araujo, Norris and Sim, 2019, "Computing receptive fields of convolutional neural networks".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
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

    It is that of the layer if all weights of the channel are 0. Maps of 1×1 that are joined to larger ones are left
    out: what they are computed from is the same for all outputs.

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
        (top, left), (height, width) = field.offset, field.size
        return ChannelField(Box(top, left, top + height, left + width), field.stride)
    (top, bottom), (left, right) = (interval for interval in intervals if interval is not None)
    return ChannelField(Box(top, left, bottom, right), field.stride)


class _Intervals(NamedTuple):
    """The first and the last row or column that is read of each of C channels; infinity and -infinity for none."""

    first: NDArray[np.float64]
    last: NDArray[np.float64]

    @classmethod
    def empty(cls, channels: int) -> _Intervals:
        return cls(np.full(channels, np.inf), np.full(channels, -np.inf))

    def join(self, other: _Intervals) -> _Intervals:
        """Return the smallest intervals that contain these and others."""
        return _Intervals(np.minimum(self.first, other.first), np.maximum(self.last, other.last))

    def below(self, step: AxisStep) -> _Intervals:
        """Return what is read of the input of a step, for these outputs of it."""
        start, end = step.stride * self.first - step.before, step.stride * self.last - step.before + step.extent - 1
        return _Intervals(start, end)


def _channel_interval(network: Network, sizes: Sequence[Shape], channel: int, axis: int) -> tuple[int, int] | None:
    """Return the start and the end (exclusive), along an axis, of what output 0 of a channel reads, or None."""
    top = _Intervals.empty(sizes[-1][0])
    top.first[channel] = top.last[channel] = 0
    read = {len(network.layers): top}
    for number in range(len(network.layers), 0, -1):
        if number not in read:
            continue
        sources = network.sources(number)
        height, width = (max(sizes[source][side] for source in sources) for side in (1, 2))
        inputs = _read_inputs(network.layers[number - 1], axis, (height, width), read.pop(number))
        first = 0
        for source in sources:
            channels = sizes[source][0]
            part = _Intervals(*(each[first : first + channels] for each in inputs))
            first += channels if network.layers[number - 1].join == "concat" else 0
            if sizes[source][1:] == (height, width):
                read[source] = part.join(read.get(source, _Intervals.empty(channels)))
    start, end = read[0].first.min(), read[0].last.max()
    return (int(start), int(end) + 1) if start <= end else None


def _read_inputs(layer: Layer, axis: int, size: tuple[int, int], outputs: _Intervals) -> _Intervals:
    """Return what a layer reads of each joined input channel of `size` (H, W), for some of its output channels."""
    for step in _pool_steps(layer, axis, size):
        outputs = outputs.below(step)
    if layer.local_response is not None:
        before, after = layer.local_response.size // 2, (layer.local_response.size - 1) // 2
        count = len(outputs.first)
        around = [slice(max(0, index - after), min(count, index + before + 1)) for index in range(count)]
        outputs = _Intervals(
            np.array([outputs.first[part].min() for part in around]),
            np.array([outputs.last[part].max() for part in around]),
        )
    if not layer.activation.is_elementwise:
        outputs = _Intervals(
            np.full_like(outputs.first, outputs.first.min()), np.full_like(outputs.last, outputs.last.max())
        )
    filters = _Intervals.empty(len(layer.filter_names))
    for output, start, end in zip(layer.outputs, *outputs, strict=True):
        of = list(output.of)
        filters.first[of] = np.minimum(filters.first[of], start)
        filters.last[of] = np.maximum(filters.last[of], end)
    if layer.conv is None:
        return filters
    step = conv_step(layer.conv, axis, size)
    first_element, last_element = _nonzero_elements(layer.conv, axis)
    starts = filters.first[:, np.newaxis] * step.stride - step.before + first_element * step.dilation
    ends = filters.last[:, np.newaxis] * step.stride - step.before + last_element * step.dilation
    grouped = layer.conv.groups, len(layer.filter_names) // layer.conv.groups, -1
    return _Intervals(starts.reshape(grouped).min(axis=1).ravel(), ends.reshape(grouped).max(axis=1).ravel())


@lru_cache(maxsize=64)
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


def _pool_steps(layer: Layer, axis: int, size: tuple[int, int]) -> list[AxisStep]:
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
        steps = _pool_steps(network.layers[number - 1], axis, size)
        steps += [] if conv is None else [conv_step(conv, axis, size)]
        sources = [AxisSource(source, shapes[source][1:] != size) for source in network.sources(number) if source >= of]
        layers.append(AxisLayer(number, tuple(steps), tuple(sources)))
        needed.update(source.number for source in sources)
    return tuple(layers)
