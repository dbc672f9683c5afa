"""The way of one image: load it, run a network over it, lay out its feature maps."""

from __future__ import annotations

import os
from typing import NamedTuple

from cnnfx.errors import ArgumentError
from cnnfx.images import MAX_PIXELS, Image, load_image, shrink_to_pixels
from cnnfx.nn.feature_maps import FeatureMaps, feature_maps
from cnnfx.nn.network import Network

CHANNELS = ("auto", "gray", "rgb", "each")
"""What a picture's color channels become: what the filters ask for, luminance, three input channels, each on its
own."""

COLORS = frozenset(("red", "green", "blue"))
"""The channels of a color picture, as filters may name them."""


class Pipeline(NamedTuple):
    """What is done to each image.

    Parameters
    ----------
    network : Network
    layers : tuple of int
        Whose output channels are wanted, counted from 1; empty for the last.
    channels : one of `CHANNELS`
    background : color that transparent parts are laid over
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
        return image if self.reduce_to is None else shrink_to_pixels(image, self.reduce_to)

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
            raise error.prefixed(image.name) from error


def asked_for(network: Network) -> str:
    """What a picture's colors are to become for a network: "rgb" if its first layer's filters ask for that, or
    "gray"."""
    conv = network.layers[0].conv
    return "rgb" if conv.in_channels == 3 or not COLORS.isdisjoint(conv.inputs or ()) else "gray"
