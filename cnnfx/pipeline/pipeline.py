"""The pipeline of one image: read it, and compute the feature maps of a network."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from cnnfx.errors import ArgumentError
from cnnfx.images import MAX_PIXELS, ChannelMode, Image, load_image, shrink_to_pixels
from cnnfx.nn.feature_maps import FeatureMaps, feature_maps_of_layers
from cnnfx.nn.network import Network
from cnnfx.nn.selection import Strengths, depends_on_image, select_channels

CHANNELS = ("auto", "gray", "rgb", "each")
"""What the color channels of an image become: what the filters need, luminance, three input channels, or three images
of one channel."""

Layers = list[tuple[int, FeatureMaps]]
"""Layers with their numbers, counted from 1."""


class Pipeline(NamedTuple):
    """The steps that are the same for every image.

    Parameters
    ----------
    network : Network
    layers : tuple of int
        The layers whose output channels are returned, counted from 1; empty for the last.
    channels : str
        One of `CHANNELS`.
    background : str, optional
        The color behind transparent pixels: a name or #rrggbb. By default that of the network's input, or else as
        `cnnfx.load_image` chooses.
    max_pixels : int
        Images with more pixels are refused.
    shrink_to : int, optional
        Images with more pixels are shrunk, and get a note about that.
    only : mapping of int to str
        The output channels of a layer, by its number, as `select_channels` reads them; by default all.
    """

    network: Network
    layers: tuple[int, ...] = ()
    channels: str = "auto"
    background: str | None = None
    max_pixels: int = MAX_PIXELS
    shrink_to: int | None = None
    only: Mapping[int, str] = {}  # it is not changed

    def run(self, source: str | os.PathLike[str] | bytes, page: int | None = None) -> tuple[Image, Layers]:
        """Read an image and return it with the feature maps of the layers; see `load` and `feature_maps`."""
        image = self.load(source, page)
        return image, self.feature_maps(image)

    def load(self, source: str | os.PathLike[str] | bytes, page: int | None = None) -> Image:
        """Read an image, `(C, H, W)`, with the channels that `channels` selects.

        `page` is as in `cnnfx.load_image`.

        Raises
        ------
        FileError
            If it cannot be read.
        """
        mode = {"auto": self.network.color_mode, "each": "auto"}.get(self.channels, self.channels)
        channels = cast(ChannelMode, mode)  # load_image checks it
        background = self.background or self.network.input.background
        image = load_image(source, channels=channels, background=background, page=page, max_pixels=self.max_pixels)
        return image if self.shrink_to is None else shrink_to_pixels(image, self.shrink_to)

    def feature_maps(self, image: Image) -> Layers:
        """Return the feature maps of each layer; they are computed when they are used.

        Raises
        ------
        ArgumentError
            If the channels or the size of the image do not fit the network; the message names the image.
        """
        names, network = image.channel_names, self.network
        try:
            if self.channels == "each":
                network = network.per_channel(names)
            numbers = self.layer_numbers()
            layers = list(zip(numbers, feature_maps_of_layers(network, image, names, numbers), strict=True))
        except ArgumentError as error:
            raise error.prefixed(image.name) from error
        return [(number, self._selected(number, maps)) for number, maps in layers]

    def channel_names(self) -> list[tuple[int, tuple[str, ...]]] | None:
        """Return each layer's number and channel names; None where they depend on the image.

        They do where each of its channels is an image, and where `only` selects the channels with the strongest
        response.

        Raises
        ------
        ArgumentError
            If `only` selects a channel that does not exist.
        """
        if self.channels == "each":
            return None
        named = [(number, self.network.layers[number - 1].channel_names) for number in self.layer_numbers()]
        chosen = [(number, tuple(names[index] for index in self._chosen(number, names))) for number, names in named]
        return None if any(self._depends_on_image(number, names) for number, names in named) else chosen

    def layer_numbers(self) -> tuple[int, ...]:
        """Return the numbers of the layers whose output channels are returned."""
        return self.layers or (len(self.network.layers),)

    def _selected(self, number: int, maps: FeatureMaps) -> FeatureMaps:
        if number not in self.only:
            return maps
        return maps.select(self._chosen(number, maps.names, lambda: [high for _, high in maps.signal_ranges]))

    def _depends_on_image(self, number: int, names: Sequence[str]) -> bool:
        return number in self.only and depends_on_image(names, self.only[number])

    def _chosen(self, number: int, names: Sequence[str], strengths: Strengths | None = None) -> Sequence[int]:
        """Return the indices of the output channels of a layer that are returned, of those with these names.

        The strength of a response is the largest value of a feature map. Without `strengths` all are equal.
        """
        if number not in self.only:
            return range(len(names))
        owner = self.network.layer_owner(number)
        return select_channels(names, self.only[number], owner, strengths=strengths or (lambda: [0.0] * len(names)))
