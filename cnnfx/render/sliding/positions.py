"""What a layer does at each position of its filters: the patch of the input under the window, the weights, the sum, and
the value that it becomes. All values are those of the network's own forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv import Window
from cnnfx.errors import UsageError
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Activation, Combination
from cnnfx.nn.network import Network

Floats = NDArray[np.float32]
Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Channel:
    """One output channel.

    Parameters
    ----------
    name : str
    values : array (Ho, Wo)
    weights : array (C, kh, kw), or None for a channel that is combined from several filters
    sees : the input channels that its C kernels lie on
    sums : array (Ho, Wo), of the products alone, without bias and activation; None as weights
    bias : float
    activation : str
    made_of : what a combined channel is made of, in words
    """

    name: str
    values: Floats
    weights: Floats | None = None
    sees: range = range(0)
    sums: Floats | None = None
    bias: float = 0.0
    activation: str = "none"
    made_of: str = ""


@dataclass(frozen=True, eq=False)
class Slide:
    """A layer's filters on one image.

    Parameters
    ----------
    window : how the filters slide
    inputs : array (C, H, W), as the layer sees them: normalized if the network does so
    names : of the input channels
    channels : the output channels to be shown, whose values have one size
    title : what the input is
    """

    window: Window
    inputs: Floats
    names: Sequence[str]
    channels: Sequence[Channel]
    title: str = "input"

    @property
    def size(self) -> Place:
        """Rows and columns of positions."""
        rows, columns = self.channels[0].values.shape
        return rows, columns

    @property
    def positions(self) -> int:
        """How many positions the filters have."""
        return self.size[0] * self.size[1]

    @property
    def padded_size(self) -> Place:
        """Rows and columns of the input with its padding."""
        _, height, width = self.inputs.shape
        (top, bottom), (left, right) = self.window.pads((height, width))
        return top + height + bottom, left + width + right

    @cached_property
    def padded(self) -> Floats:
        """The input with its padding, `(C, Hp, Wp)`."""
        pads = self.window.pads((self.inputs.shape[1], self.inputs.shape[2]))
        mode: Any = self.window.border
        padded: Floats = np.pad(self.inputs, ((0, 0), *pads), mode=mode)
        return padded

    def under(self, row: int, column: int) -> tuple[slice, slice]:
        """The rows and columns of the padded input that the weights lie on at a position."""
        (sv, sh), (dv, dh), (eh, ew) = self.window.stride, self.window.dilation, self.window.extent
        top, left = row * sv, column * sh
        return slice(top, top + eh, dv), slice(left, left + ew, dh)

    def patch(self, channel: Channel, row: int, column: int) -> Floats:
        """What the kernels of a channel lie on at a position, `(C, kh, kw)`."""
        rows, columns = self.under(row, column)
        return self.padded[channel.sees.start : channel.sees.stop, rows, columns]

    def stops(self, steps: int | None) -> list[int]:
        """The position, counted row by row from 0, that each of `steps` frames has come to; each unless given."""
        count = self.positions if steps is None else min(steps, self.positions)
        return [(step + 1) * self.positions // count - 1 for step in range(count)]


def unpooled(network: Network, number: int) -> Network:
    """The network up to a layer, which is not pooled: its filters' maps are as large as they have positions."""
    *below, layer = network.upto(number).layers
    return replace(network.upto(number), layers=(*below, replace(layer, pool=None)))


def slide_of(maps: FeatureMaps, names: Sequence[str], wanted: Sequence[str] = ()) -> Slide:
    """The slide of the last layer whose feature maps (not pooled) these are.

    Parameters
    ----------
    maps : FeatureMaps
    names : of the image's channels
    wanted : the output channels to be shown; all unless given

    Raises
    ------
    UsageError
        If there is none of such a name.
    """
    network, image = maps.network, maps.image
    *below, layer = network.layers
    conv = replace(layer.conv, bias=np.zeros_like(layer.conv.bias))
    bare = replace(layer, conv=conv, combine=(), activation=Activation(), pool=None)
    sums = FeatureMaps(replace(network, layers=(*below, bare)), image).whole()
    chosen = [_index(maps, name) for name in wanted] or range(len(maps.names))
    values = maps.whole()
    channels = [_channel(maps, sums, layer.outputs[index], values[index]) for index in chosen]
    if below:
        inputs, names = FeatureMaps(network.upto(len(below)), image).whole(), below[-1].channel_names
        title = f"output of layer {len(below)}"
    else:
        inputs = network.normalize(image.floats(0, image.shape[1]))
        title = "input" if (network.mean, network.std) == (0.0, 1.0) else "input, normalized"
    return Slide(layer.conv.window, inputs, names, channels, title)


def _index(maps: FeatureMaps, name: str) -> int:
    from difflib import get_close_matches

    if name in maps.names:
        return maps.names.index(name)
    close = get_close_matches(name, maps.names, n=1)
    meant = f' Did you mean "{close[0]}"?' if close else ""
    raise UsageError(f'{maps.network.name} has no filter called "{name}".{meant} It has {", ".join(maps.names)}.')


def _channel(maps: FeatureMaps, sums: Floats, output: Combination, values: Floats) -> Channel:
    layer = maps.network.layers[-1]
    if output.kind != "take":
        words = f"{output.kind} of {', '.join(layer.filter_names[index] for index in output.of)}"
        return Channel(output.name, values, activation=layer.activation.kind, made_of=words)
    (filter,) = output.of
    weights, bias = layer.conv.weights[filter], float(layer.conv.bias[filter])
    depth = weights.shape[0]
    group = filter // (len(layer.filter_names) // layer.conv.groups)
    sees = range(group * depth, (group + 1) * depth)
    return Channel(output.name, values, weights, sees, sums[filter], bias, layer.activation.kind)
