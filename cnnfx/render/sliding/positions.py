"""The positions of a layer's window on an image: at each, the patch of the input and the value; then those of pooling.

All values are those of the network's forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv import Window
from cnnfx.conv.padding import pad_rows_and_columns
from cnnfx.errors import ArgumentError
from cnnfx.nn.explanation import Explanation
from cnnfx.nn.feature_maps import FeatureMaps, Floats
from cnnfx.nn.layers import Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.rounding import without_rounding
from cnnfx.nn.trace import explain

Size = tuple[int, int]
"""(rows, columns)."""


@dataclass(frozen=True, eq=False)
class OutputChannel:
    """One output channel of the layer: the feature map of a filter, or a combination of several.

    Parameters
    ----------
    name : str
    index : int
        Its index among the output channels of the layer.
    values : array (Ho, Wo)
        After the activation, before pooling.
    weights : array (C, kh, kw), optional
        None for a combination.
    input_channels : range
        The C input channels that the filter reads.
    activation : str
    formula : str
        How a combination is computed, such as "norm of x, y"; empty for a filter.
    non_negative : bool
        Whether the values cannot be negative; see `Layer.non_negative`.
    rounding_error : float
        A bound of the rounding errors of the values.
    pooled : array (Hp, Wp), optional
        The values after pooling; None without pooling.
    """

    name: str
    index: int
    values: Floats
    weights: Floats | None = None
    input_channels: range = range(0)
    activation: str = "none"
    formula: str = ""
    non_negative: bool = False
    rounding_error: float = 0.0
    pooled: Floats | None = None


@dataclass(frozen=True, eq=False)
class SlidingWindow:
    """The window of a layer's filters on one image, and the output channels computed from it.

    Parameters
    ----------
    window : Window
        The size of the kernels, and how they slide.
    inputs : array (C, H, W)
        The input of the layer: the normalized image, or the feature maps of the layer below.
    input_names : sequence of C str
    channels : sequence of OutputChannel
        All with values of one size.
    maps : FeatureMaps
        Those of the layer without pooling, from which values are explained.
    title : str
        The title of the inputs, such as "input" or "output of layer 1".
    pool : Pool, optional
        The pooling, whose window slides over the output channels after they are complete.
    """

    window: Window
    inputs: Floats
    input_names: Sequence[str]
    channels: Sequence[OutputChannel]
    maps: FeatureMaps
    title: str = "input"
    pool: Pool | None = None

    @property
    def output_size(self) -> Size:
        """The rows and columns of the output before pooling, which are those of the window's positions."""
        rows, columns = self.channels[0].values.shape
        return rows, columns

    @property
    def pooled_size(self) -> Size:
        """The rows and columns of the output after pooling; (0, 0) without pooling."""
        rows, columns = (0, 0) if self.channels[0].pooled is None else self.channels[0].pooled.shape
        return rows, columns

    @property
    def padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The pixels of padding, ((top, bottom), (left, right))."""
        return self.window.pads((self.inputs.shape[1], self.inputs.shape[2]))

    @property
    def padded_size(self) -> tuple[int, int]:
        """The rows and columns of the padded input."""
        _, height, width = self.inputs.shape
        (top, bottom), (left, right) = self.padding
        return top + height + bottom, left + width + right

    @cached_property
    def padded(self) -> Floats:
        """The padded input, `(C, Hp, Wp)`."""
        return pad_rows_and_columns(self.inputs, self.padding, self.window.border)

    @property
    def is_padding(self) -> NDArray[np.bool_]:
        """Whether each pixel of the padded input is padding, `(Hp, Wp)`."""
        padding = np.ones(self.padded_size, np.bool_)
        (top, bottom), (left, right) = self.padding
        padding[top : padding.shape[0] - bottom, left : padding.shape[1] - right] = False
        return padding

    def kernel_slices(self, row: int, column: int) -> tuple[slice, slice]:
        """Return the rows and columns of the padded input that the weights are multiplied with at a position."""
        rows, columns = self.window.input_region(slice(row, row + 1), slice(column, column + 1))
        vertical, horizontal = self.window.dilation
        return slice(rows.start, rows.stop, vertical), slice(columns.start, columns.stop, horizontal)

    def patch(self, channel: OutputChannel, row: int, column: int) -> Floats:
        """Return the patch `(C, kh, kw)` of the input that a filter is multiplied with at a position."""
        rows, columns = self.kernel_slices(row, column)
        return self.padded[channel.input_channels.start : channel.input_channels.stop, rows, columns]

    def read_inputs(self, most: int) -> list[int]:
        """Return up to `most` input channels of those that the shown filters read, or of all if there are none.

        Of more, they are those with the largest products: the mean magnitude of the input times that of the weights.
        """
        read = sorted({index for channel in self.channels for index in channel.input_channels})
        read = read or list(range(len(self.inputs)))
        if len(read) <= most:
            return read
        sizes = np.abs(self.inputs[read]).mean(axis=(1, 2))
        weights = np.zeros(len(read))
        for channel in self.channels:
            if channel.weights is not None:
                first = read.index(channel.input_channels.start)
                weights[first : first + len(channel.weights)] += np.abs(channel.weights).sum(axis=(1, 2))
        products = sizes * weights if weights.any() else sizes
        return sorted(read[index] for index in np.argsort(-products, kind="stable")[:most])

    def block(self, row: int, column: int) -> tuple[slice, slice]:
        """Return the rows and columns of the output that a pooled value is computed from, without padding."""
        if self.pool is None:
            return slice(row, row + 1), slice(column, column + 1)
        parts = []
        for axis, (index, length) in enumerate(zip((row, column), self.output_size, strict=True)):
            windows = self.pool.windows(axis, length)
            start = index * windows.stride - windows.before
            parts.append(slice(max(0, start), min(length, start + windows.size)))
        return parts[0], parts[1]

    def largest(self, channel: OutputChannel, row: int, column: int) -> Size:
        """Return the row and column of the largest value in the block of a pooled value; the first of equal ones."""
        rows, columns = self.block(row, column)
        values = channel.values[rows, columns]
        down, across = divmod(int(np.argmax(values)), values.shape[1])
        return rows.start + down, columns.start + across

    def largest_product(self, channel: OutputChannel) -> float:
        """Return a magnitude that no finite product of an input value and a weight of a filter exceeds."""
        inputs = np.abs(self.padded[np.isfinite(self.padded)]).max(initial=0)
        return float(inputs) * float(np.abs(channel.weights).max()) if channel.weights is not None else 0.0

    def explain(self, row: int, column: int) -> list[Explanation]:
        """Return the arithmetic of each shown output channel at a position, before pooling."""
        channels = [channel.index for channel in self.channels]
        return explain(self.maps, self.input_names, row, column, channels)

    @cached_property
    def constant(self) -> NDArray[np.bool_]:
        """Whether all values under the window are equal at each position, `(Ho, Wo)`, in every input channel."""
        extent, stride, dilation = self.window.extent, self.window.stride, self.window.dilation
        windows = np.lib.stride_tricks.sliding_window_view(self.padded, extent, axis=(1, 2))
        windows = windows[:, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
        constant: NDArray[np.bool_] = np.all(_are_equal(windows), axis=0)
        return constant

    @cached_property
    def constant_blocks(self) -> NDArray[np.bool_]:
        """Whether all values that are pooled are equal at each position, `(Hp, Wp)`, in every output channel."""
        constant = np.zeros(self.pooled_size, np.bool_)
        values = np.stack([channel.values for channel in self.channels])
        for position in np.ndindex(constant.shape):
            rows, columns = self.block(*position)
            constant[position] = _are_equal(values[:, rows, columns]).all()
        return constant


def _are_equal(blocks: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether the values in the last two axes are equal."""
    equal: NDArray[np.bool_] = blocks.max(axis=(-2, -1)) == blocks.min(axis=(-2, -1))
    return equal


def sliding_window(maps: FeatureMaps, channel_names: Sequence[str], only: Sequence[int] = ()) -> SlidingWindow:
    """Return the sliding window of the last layer of a network.

    Parameters
    ----------
    maps : FeatureMaps
        Of that layer.
    channel_names : sequence of str
        The names of the image's channels.
    only : sequence of int
        The indexes of the output channels to show; all if empty.

    Raises
    ------
    ArgumentError
        If the layer has no filters.
    """
    network, number = maps.network, len(maps.network.layers)
    layer = network.layers[-1]
    if layer.conv is None:
        raise ArgumentError(f"{network.layer_owner()} has no filters that slide over its input.")
    unpooled = FeatureMaps(_without_pooling(network), maps.image)
    values = _signal(unpooled)
    channels = [
        replace(_output_channel(layer, index, values[index]), rounding_error=unpooled.rounding_errors[index])
        for index in only or range(len(values))
    ]
    inputs = [_outputs(maps, source) for source in network.sources(number)]
    names, title = network.input_names(number, channel_names), _input_title(network, number)
    return SlidingWindow(layer.conv.window, layer.join_inputs(inputs), names, channels, unpooled, title, layer.pool)


def _outputs(maps: FeatureMaps, number: int) -> Floats:
    """Return the output channels of a layer without rounding errors, or the normalized image for number 0."""
    if number == 0:
        return maps.network.normalize(maps.image.floats(0, maps.image.shape[1]))
    return _signal(FeatureMaps(maps.network.upto(number), maps.image))


def _signal(maps: FeatureMaps) -> Floats:
    """Return the values `(K, H, W)`, with 0 in the channels that are nothing but rounding errors."""
    return without_rounding(maps.whole(), np.array([found == (0, 0) for found in maps.signal_ranges]))


def _input_title(network: Network, number: int) -> str:
    """Return the title of the input of a layer: "input", "input, normalized" or "output of layer 1"."""
    sources = network.sources(number)
    if sources == (0,):
        return "input, normalized" if network.input.normalizes else "input"
    return f"output of {' and '.join(network.layer_title(each) if each else 'the image' for each in sources)}"


def _without_pooling(network: Network) -> Network:
    """Return the network without the pooling of its last layer: its maps have a pixel for each position."""
    *below, layer = network.layers
    return replace(network, layers=(*below, replace(layer, pool=None)))


def _output_channel(layer: Layer, index: int, values: Floats) -> OutputChannel:
    output = layer.outputs[index]
    channel = OutputChannel(
        output.name,
        index,
        values,
        activation=layer.activation.kind,
        non_negative=layer.non_negative()[index],
        pooled=None if layer.pool is None else layer.pool.forward(values[np.newaxis])[0],
    )
    if output.kind != "take":
        names = ", ".join(layer.filter_names[number] for number in output.of)
        return replace(channel, formula=f"{output.kind} of {names}")
    (number,) = output.of
    assert layer.conv is not None
    weights = layer.conv.weights[number]
    depth, filters_per_group = weights.shape[0], len(layer.filter_names) // layer.conv.groups
    first = number // filters_per_group * depth
    return replace(channel, weights=weights, input_channels=range(first, first + depth))
