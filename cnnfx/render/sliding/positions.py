"""The positions of a layer's window on an image: at each, the patch of the input, the sum of products and the value.

All values are those of the network's forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from cnnfx.conv import Window
from cnnfx.errors import ArgumentError
from cnnfx.nn.feature_maps import FeatureMaps, Floats
from cnnfx.nn.layers import Activation, Layer
from cnnfx.nn.network import Network
from cnnfx.system.suggest import did_you_mean


@dataclass(frozen=True, eq=False)
class OutputChannel:
    """One output channel of the layer: the feature map of a filter, or a combination of several.

    Parameters
    ----------
    name : str
    values : array (Ho, Wo)
        After the activation.
    weights : array (C, kh, kw), optional
        None for a combination.
    input_channels : range
        The C input channels that the filter reads.
    sums : array (Ho, Wo), optional
        The sums of products, without bias and activation. None for a combination.
    bias : float
    activation : str
    formula : str
        How a combination is computed, such as "norm of x, y"; empty for a filter.
    non_negative : bool
        Whether the values cannot be negative; see `Layer.non_negative`.
    """

    name: str
    values: Floats
    weights: Floats | None = None
    input_channels: range = range(0)
    sums: Floats | None = None
    bias: float = 0.0
    activation: str = "none"
    formula: str = ""
    non_negative: bool = False


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
    title : str
        The title of the inputs, such as "input" or "output of layer 1".
    """

    window: Window
    inputs: Floats
    input_names: Sequence[str]
    channels: Sequence[OutputChannel]
    title: str = "input"

    @property
    def output_size(self) -> tuple[int, int]:
        """The rows and columns of the output, which are those of the window's positions."""
        rows, columns = self.channels[0].values.shape
        return rows, columns

    @property
    def position_count(self) -> int:
        """The number of positions of the window."""
        rows, columns = self.output_size
        return rows * columns

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
        mode: Any = self.window.border
        padded: Floats = np.pad(self.inputs, ((0, 0), *self.padding), mode=mode)
        return padded

    def kernel_slices(self, row: int, column: int) -> tuple[slice, slice]:
        """Return the rows and columns of the padded input that the weights are multiplied with at a position."""
        rows, columns = self.window.input_region(slice(row, row + 1), slice(column, column + 1))
        vertical, horizontal = self.window.dilation
        return slice(rows.start, rows.stop, vertical), slice(columns.start, columns.stop, horizontal)

    def patch(self, channel: OutputChannel, row: int, column: int) -> Floats:
        """Return the patch `(C, kh, kw)` of the input that a filter is multiplied with at a position."""
        rows, columns = self.kernel_slices(row, column)
        return self.padded[channel.input_channels.start : channel.input_channels.stop, rows, columns]

    def frame_positions(self, frames: int | None) -> list[int]:
        """Return the position shown by each frame, counted row by row from 0; the last position is always shown.

        There is one frame for each position if `frames` is None or larger than the number of positions.
        """
        count = self.position_count if frames is None else min(frames, self.position_count)
        return [(frame + 1) * self.position_count // count - 1 for frame in range(count)]


def without_pooling(network: Network, number: int) -> Network:
    """Return the first `number` layers, the last one without pooling: its maps have a pixel for each position."""
    *below, layer = network.upto(number).layers
    return replace(network.upto(number), layers=(*below, replace(layer, pool=None)))


def sliding_window(maps: FeatureMaps, channel_names: Sequence[str], wanted: Sequence[str] = ()) -> SlidingWindow:
    """Return the sliding window of the last layer of a network.

    Parameters
    ----------
    maps : FeatureMaps
        Of that layer, without pooling (see `without_pooling`).
    channel_names : sequence of str
        The names of the image's channels.
    wanted : sequence of str
        The names of the output channels to show; all if empty.

    Raises
    ------
    ArgumentError
        If there is no output channel of such a name.
    """
    network, image = maps.network, maps.image
    *below, layer = network.layers
    values, sums = maps.whole(), _sums(maps)
    indices = [_channel_index(maps, name) for name in wanted] or range(len(maps.names))
    channels = [_output_channel(layer, index, values[index], sums) for index in indices]
    if below:
        inputs = FeatureMaps(network.upto(len(below)), image).whole()
        title = f"output of layer {len(below)}"
        return SlidingWindow(layer.conv.window, inputs, below[-1].channel_names, channels, title)
    inputs = network.normalize(image.floats(0, image.shape[1]))
    title = "input" if (network.mean, network.std) == (0.0, 1.0) else "input, normalized"
    return SlidingWindow(layer.conv.window, inputs, channel_names, channels, title)


def _channel_index(maps: FeatureMaps, name: str) -> int:
    if name in maps.names:
        return maps.names.index(name)
    suggestion = did_you_mean(name, maps.names)
    sentences = [f'{maps.network.name} has no filter called "{name}".', suggestion, f"It has {', '.join(maps.names)}."]
    raise ArgumentError(" ".join(filter(None, sentences)), remedy="filter_name")


def _sums(maps: FeatureMaps) -> Floats:
    """Return the sums of products of the last layer's filters, `(K, Ho, Wo)`: no bias, combination or activation."""
    *below, layer = maps.network.layers
    conv = replace(layer.conv, bias=np.zeros_like(layer.conv.bias))
    only_products = replace(layer, conv=conv, combine=(), activation=Activation(), pool=None)
    return FeatureMaps(replace(maps.network, layers=(*below, only_products)), maps.image).whole()


def _output_channel(layer: Layer, number: int, values: Floats, sums: Floats) -> OutputChannel:
    output, non_negative = layer.outputs[number], layer.non_negative[number]
    if output.kind != "take":
        formula = f"{output.kind} of {', '.join(layer.filter_names[index] for index in output.of)}"
        return OutputChannel(
            output.name, values, activation=layer.activation.kind, formula=formula, non_negative=non_negative
        )
    (index,) = output.of
    weights = layer.conv.weights[index]
    depth, filters_per_group = weights.shape[0], len(layer.filter_names) // layer.conv.groups
    first = index // filters_per_group * depth
    return OutputChannel(
        output.name,
        values,
        weights,
        input_channels=range(first, first + depth),
        sums=sums[index],
        bias=float(layer.conv.bias[index]),
        activation=layer.activation.kind,
        non_negative=non_negative,
    )
