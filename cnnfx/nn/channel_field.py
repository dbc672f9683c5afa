"""Receptive fields of single channels: the part of the field of their layer where weights are not 0."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Conv, Layer, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import AxisStep, Box, conv_step, pool_steps, receptive_field


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
    for step in pool_steps(layer, axis, size):
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
