"""The arithmetic of the output channels at one position of an image's feature maps."""

from __future__ import annotations

import operator
import os
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnnfx.errors import ArgumentError
from cnnfx.formats.load import load_network
from cnnfx.images import ChannelMode, Image, as_image
from cnnfx.nn.explanation import Explanation
from cnnfx.nn.feature_maps import FeatureMaps, feature_maps
from cnnfx.nn.network import Network
from cnnfx.nn.selection import select_channels
from cnnfx.nn.trace import check_position, values_at
from cnnfx.nn.trace import explain as explain_outputs
from cnnfx.render.explanation import ExplanationWriter, introduction
from cnnfx.render.number_text import format_scale_number
from cnnfx.render.terminal import ColorDepth
from cnnfx.system.arguments import whole_number

TEXT_COLUMNS = 100
"""The width of an explanation as text, in characters, unless another is given."""
MAX_SHOWN_OUTPUTS = 4
"""The most outputs in the text of an explanation in an interactive session."""


@dataclass(frozen=True, eq=False, repr=False)
class PixelExplanation:
    """The arithmetic of one or more outputs at one position. `print` shows it as text.

    Parameters
    ----------
    image : Image
    maps : FeatureMaps
        Of the explained layer.
    x, y : int
        Column and row in the feature maps, after pooling.
    outputs : tuple of Explanation
        One for each output channel.
    """

    image: Image
    maps: FeatureMaps
    x: int
    y: int
    outputs: tuple[Explanation, ...]

    def text(
        self,
        columns: int | None = TEXT_COLUMNS,
        colors: ColorDepth = "none",
        encoding: str | None = "utf-8",
        colormap: str = "gray",
    ) -> str:
        """Return the arithmetic as lines for a terminal, of at most `columns` characters if that is not None."""
        normalization = self.maps.network.input
        writer = ExplanationWriter(columns, colors, encoding, normalization, not self.image.has_own_range, colormap)
        introduced = introduction(self.maps, self.image.name, self.y, self.x)
        lines = [line for text in introduced for line in writer.wrapped(text)]
        for output in self.outputs:
            lines += ["", *writer.lines(output)]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        shown = [f"{output.channel} {format_scale_number(output.value)}" for output in self.outputs]
        more = [f"{len(shown) - MAX_SHOWN_OUTPUTS} more"] if len(shown) > MAX_SHOWN_OUTPUTS else []
        values = ", ".join([*shown[:MAX_SHOWN_OUTPUTS], *more])
        return f"<PixelExplanation {self.image.name!r} at {self.x},{self.y}: {values}>"


def explain(
    image: str | os.PathLike[str] | bytes | Image | ArrayLike,
    network: str | os.PathLike[str] | Network,
    *,
    at: tuple[int, int] | None = None,
    only: str = "all",
    layer: int | str | None = None,
    depth: int = 1,
    channels: ChannelMode | None = None,
) -> PixelExplanation:
    """Explain output channels at one position: the patch times the weights, bias, activation and pooling.

    Parameters
    ----------
    image : path, bytes, Image or array (C, H, W) or (H, W)
        See `cnnfx.images.as_image`.
    network : str, path or Network
        A preset's name, or the path of a filter file or model.
    at : (int, int), optional
        (x, y) in the feature maps, after pooling, from (0, 0). By default where the first of the channels is largest.
    only : str
        The output channels, such as "top,left", "1-3" or "top:3"; see `cnnfx.nn.selection.select_channels`.
    layer : int or str, optional
        The number or the name of the layer, 1 being the first; by default the last that makes maps.
    depth : int
        The number of layers to explain, 1 or more: 2 also explains the largest contributions of the layer below.
    channels : "auto", "gray" or "rgb", optional
        Of a picture. By default what the filters of the network read.

    Raises
    ------
    FileError
        If image or network cannot be read.
    ArgumentError
        If they do not fit together, or there is no such layer, channel or position.

    Examples
    --------
    >>> import numpy as np
    >>> found = explain(np.eye(3), "edges", at=(0, 0), only="top,left")
    >>> found
    <PixelExplanation 'array' at 0,0: top 0, left 0>
    >>> found.outputs[0].value
    0.0
    """
    depth = whole_number("depth", depth, 1)
    loaded_network = network if isinstance(network, Network) else load_network(os.fspath(network))
    loaded = as_image(image, channels=channels or loaded_network.color_mode)
    try:
        number = loaded_network.maps_layer if layer is None else loaded_network.layer_number(layer)
        maps = feature_maps(loaded_network, loaded, loaded.channel_names, number)
    except ArgumentError as error:
        raise error.prefixed(loaded.name) from error
    position = None if at is None else _position(at)
    indexes = select_channels(maps.names, only, strengths=partial(channel_strengths, maps, position))
    x, y = strongest_position(maps, indexes[0], loaded.name) if position is None else position
    return explain_position(loaded, maps, x, y, indexes, depth)


def _position(at: Any) -> tuple[int, int]:
    try:
        x, y = map(operator.index, at)
    except (TypeError, ValueError):
        raise ArgumentError(f"at must be two whole numbers (x, y), not {at!r}.") from None
    return x, y


def explain_position(
    image: Image, maps: FeatureMaps, x: int, y: int, indexes: list[int], depth: int = 1
) -> PixelExplanation:
    """Explain some output channels, by their indexes from 0, at a position of feature maps.

    Raises
    ------
    ArgumentError
        If the position is outside the maps.
    """
    return PixelExplanation(image, maps, x, y, tuple(explain_outputs(maps, image.channel_names, y, x, indexes, depth)))


def strongest_position(maps: FeatureMaps, index: int, name: str) -> tuple[int, int]:
    """Return the (x, y) of the largest value of a channel; `name` is that of the image, for messages.

    Raises
    ------
    ArgumentError
        If no value is finite.
    """
    peak = maps.select([index]).statistics[0].peak
    if peak is None:
        channel = maps.names[index]
        raise ArgumentError(
            f"{name}: no value of {channel} is finite, so it has no strongest position.", remedy="position"
        )
    return peak


def channel_strengths(maps: FeatureMaps, at: tuple[int, int] | None = None) -> list[float]:
    """Return the strength of each channel's response: its output at (x, y), by default the largest of its map."""
    if at is None:
        return [high for _, high in maps.signal_ranges]
    x, y = at
    check_position(maps, y, x)
    outputs = values_at(maps, len(maps.network.layers), np.array([y]), np.array([x])).ravel()
    return [float(value) for value in np.nan_to_num(outputs, nan=-np.inf)]


def largest_outputs(maps: FeatureMaps, x: int, y: int, count: int) -> list[int]:
    """Return the indexes, in order, of the `count` channels whose outputs have the largest magnitude at a position."""
    outputs = values_at(maps, len(maps.network.layers), np.array([y]), np.array([x])).ravel()
    sizes = np.nan_to_num(np.abs(outputs), nan=np.inf)
    return sorted(np.argsort(-sizes, kind="stable")[:count].tolist())
