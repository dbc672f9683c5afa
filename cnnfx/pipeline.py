"""The way of one image: load it, run a network over it, lay out its feature maps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.images import MAX_PIXELS, Image, load_image, reduced
from cnnfx.maps import FeatureMaps, feature_maps
from cnnfx.network import Layer, Network
from cnnfx.render.channels import Look, map_tiles
from cnnfx.render.grid import SMALL, Grid, Levels, Section, Tiles
from cnnfx.render.normalize import line

CHANNELS = ("auto", "gray", "rgb", "each")
"""What a picture's colour channels become: what the filters ask for, luminance, three input channels, each on its
own."""

COLORS = frozenset(("red", "green", "blue"))
"""The channels of a colour picture, as filters may name them."""


class Layout(NamedTuple):
    """How feature maps are laid out on a grid; None where it follows from their sizes."""

    look: Look = Look()
    columns: int | None = None
    scale: int | None = None
    labels: bool = True
    gap: int | None = None
    with_input: bool = False
    with_filters: bool = False


class Pipeline(NamedTuple):
    """What is done to each image.

    Parameters
    ----------
    network : Network
    layers : tuple of int
        Whose output channels are wanted, counted from 1; empty for the last.
    channels : one of `CHANNELS`
    background : colour that transparent parts are laid over
    max_pixels : images with more pixels are refused
    reduce_to : images with more pixels are made smaller, and a note says so; None to leave them as they are
    """

    network: Network
    layers: tuple[int, ...] = ()
    channels: str = "auto"
    background: str = "white"
    max_pixels: int = MAX_PIXELS
    reduce_to: int | None = None

    def load(self, source: str | os.PathLike[str] | bytes) -> Image:
        """The image in the channels that the network is to see.

        Raises
        ------
        FileError
            If it cannot be read.
        """
        channels = {"auto": asked_for(self.network), "each": "auto"}.get(self.channels, self.channels)
        image = load_image(source, channels=channels, background=self.background, max_pixels=self.max_pixels)
        return image if self.reduce_to is None else reduced(image, self.reduce_to)

    def names(self) -> list[tuple[int, tuple[str, ...]]] | None:
        """The wanted layers' numbers and channel names; None where these depend on the image's channels."""
        if self.channels == "each":
            return None
        return [(number, self.network.layers[number - 1].channel_names) for number in self._wanted()]

    def _wanted(self) -> tuple[int, ...]:
        """The numbers of the layers to show."""
        return self.layers or (len(self.network.layers),)

    def maps(self, image: Image) -> list[tuple[int, FeatureMaps]]:
        """The wanted layers, each with its number and feature maps.

        Raises
        ------
        ArgumentError
            If the image's channels or size do not fit the network; the message names the image.
        """
        names, network = image.channel_names, self.network
        try:
            if self.channels == "each":
                network = network.per_channel(names)
            return [(number, feature_maps(network, image, names, number)) for number in self._wanted()]
        except ArgumentError as error:
            raise ArgumentError(f"{image.name}: {str(error).rstrip('.')}.") from error


def asked_for(network: Network) -> str:
    """What a picture's colours are to become for a network: "rgb" if its first layer's filters ask for that, or
    "gray"."""
    conv = network.layers[0].conv
    return "rgb" if conv.depth == 3 or not COLORS.isdisjoint(conv.inputs or ()) else "gray"


def lay_out(image: Image, layers: Sequence[tuple[int, FeatureMaps]], layout: Layout) -> Grid:
    """The grid of feature maps: a section for each layer.

    Raises
    ------
    CnnfxError
        If it would be too large; the message names the image.
    """
    sections = []
    for position, (number, maps) in enumerate(layers):
        tiles: list[Tiles] = []
        if layout.with_input and position == 0:
            tiles.append(input_tiles(image))
        above = _drawn_filters(maps, layout) if layout.with_filters else ()
        tiles.append(map_tiles(maps, layout.look, above))
        title = f"layer {number}" if len(layers) > 1 else ""
        sections.append(Section(tiles, layout.columns or _columns(maps, layout), layout.scale, title))
    try:
        return Grid(sections, layout.labels, layout.gap)
    except CnnfxError as error:
        raise CnnfxError(f"{image.name}: {error}") from error


def _columns(maps: FeatureMaps, layout: Layout) -> int | None:
    """A row for each of the image's channels where they are filtered apart; else what suits the maps."""
    groups = maps.network.layers[-1].conv.groups
    return maps.shape[0] // groups if groups > 1 and not layout.with_input else None


def channel_grids(maps: FeatureMaps, layout: Layout) -> list[Grid]:
    """Each output channel as a picture of its own: no label, no margin, its own size unless enlarged."""
    tiles = map_tiles(maps, layout.look)
    return [
        Grid([Section([tiles.pick(index)], 1, layout.scale or 1)], labels=False, gap=0)
        for index in range(maps.shape[0])
    ]


def input_tiles(image: Image) -> Tiles:
    """The image as the network sees it, as a tile: in colour if it has three channels, else its channels' mean."""

    def rows(_first: int, _last: int, top: int, bottom: int) -> Levels:
        band = image.floats(top, bottom)
        band = np.moveaxis(band, 0, -1) if color else band.mean(axis=0)
        return drawn.levels(band)[None]

    color = image.shape[0] == 3 and not image.is_array
    drawn = line("none", 0, 1)
    if image.is_array:
        values = image.floats()
        finite = values[np.isfinite(values)]
        drawn = line("minmax", float(finite.min(initial=0)), float(finite.max(initial=0)))
    return Tiles(("input",), image.shape[1], image.shape[2], rows, color)


def _drawn_filters(maps: FeatureMaps, layout: Layout) -> list[Levels | None]:
    """A small picture of the filter that makes each output channel, None for a combination of several."""
    from cnnfx.render.filters import draw_filter

    layer: Layer = maps.network.layers[-1]
    width = max(SMALL // 2, maps.shape[2] * (layout.scale or 1))
    return [
        draw_filter(layer.conv.weights[channel.of[0]], width, SMALL // 2) if channel.kind == "take" else None
        for channel in layer.outputs
    ]
