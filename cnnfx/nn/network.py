"""A network: layers in order, where the output channels of one are the input channels of the next.

A filter file, a kernel typed on the command line and a trained model are all this one thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.nn.layers import Array, Dense, Shape, softmax
from cnnfx.nn.layers import Layer as Layer

SCORE_BATCH = 256
"""The images whose feature maps are held at a time where only the scores are wanted."""


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in order, and what is known about them.

    Parameters
    ----------
    layers : tuple of Layer
    name : str
        A short name, used in file names and labels.
    description, source : str
        What the filters detect, and where they come from.
    mean, std : float
        The input's normalization: the first layer sees `(image - mean) / std`.
    classes : tuple of str
        The names of the K classes that the head tells apart; empty without a head.
    head : Dense, optional
        What makes a score for each class of the last layer's output channels.
    start : Network, optional
        The same network as it was before it learned.
    meta : mapping
        What else a model tells of itself: dataset, seed, epochs, accuracy.
    """

    layers: tuple[Layer, ...]
    name: str = "network"
    description: str = ""
    source: str = ""
    mean: float = 0.0
    std: float = 1.0
    classes: tuple[str, ...] = field(default=())
    head: Dense | None = None
    start: Network | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def in_channels(self) -> int | None:
        """The input channels that the first layer wants, or None if it takes any number."""
        return self.layers[0].conv.in_channels

    def bind(self, names: Sequence[str]) -> Network:
        """This network for an image with the input channels `names`; every layer's weights are then `(K, C, kh, kw)`.

        Raises
        ------
        ArgumentError
            If the number of channels does not fit, or a filter asks for a channel that is not there.
        """
        below = tuple(names)
        bound = []
        for number, layer in enumerate(self.layers, 1):
            try:
                bound.append(layer.bind(below))
            except ArgumentError as error:
                raise ArgumentError(f"layer {number} of {self.name}: {error}") from error
            below = layer.channel_names
        return replace(self, layers=tuple(bound))

    def then(self, upper: Network) -> Network:
        """This network with the layers of another stacked on it."""
        if (upper.mean, upper.std) != (0.0, 1.0):
            raise ArgumentError(f"{upper.name} normalizes its input, so it must be the first network, not a later one.")
        stacked = replace(self, layers=self.layers + upper.layers, name=f"{self.name}-{upper.name}")
        return replace(stacked, head=upper.head, classes=upper.classes, start=None)

    def upto(self, number: int) -> Network:
        """The first `number` layers; the head only with all of them."""
        head = self.head if number >= len(self.layers) else None
        return replace(self, layers=self.layers[:number], head=head, start=self.start and self.start.upto(number))

    def normalize(self, image: Array) -> Array:
        """The image as the first layer sees it."""
        if (self.mean, self.std) == (0.0, 1.0):
            return image
        return ((image - self.mean) / self.std).astype(image.dtype)

    def feature_maps(self, image: Array, names: Sequence[str] | None = None) -> list[Array]:
        """The output channels of every layer, first layer first.

        Parameters
        ----------
        image : array (C, H, W) or (N, C, H, W)
            Values usually 0..1.
        names : sequence of C str, optional
            The names of the channels, for filters that ask for them by name; "0", "1" and so on unless given.

        Returns
        -------
        list of arrays (K, Ho, Wo) or (N, K, Ho, Wo)
        """
        bound = self.bind(names or [str(index) for index in range(image.shape[-3])])
        maps, results = self.normalize(image), []
        for layer in bound.layers:
            maps = layer.forward(maps)
            results.append(maps)
        return results

    def scores(self, images: Array) -> Array:
        """How much each class is favored, `(K,)` for an image `(C, H, W)` or `(N, K)` for a batch `(N, C, H, W)`; any
        real numbers.

        Raises
        ------
        ArgumentError
            If the network has no head, or the images' channels or size are not those that it has learned on.
        """
        if self.head is None:
            raise ArgumentError(f"{self.name} has no classifier head. Use a model written by cnnfx train.")
        if images.ndim == 3:
            return self.head.forward(self.feature_maps(images)[-1])
        starts = range(0, max(1, len(images)), SCORE_BATCH)
        batches = [images[first : first + SCORE_BATCH] for first in starts]
        return np.concatenate([self.head.forward(self.feature_maps(batch)[-1]) for batch in batches])

    def probabilities(self, images: Array) -> Array:
        """The probability of each class, 0..1, adding up to 1: the softmax of the `scores`, of the same shape."""
        return softmax(self.scores(images))

    def output_shapes(self, shape: Shape) -> list[Shape]:
        """The shape of every layer's output channels for an input `(C, H, W)`.

        Raises
        ------
        ArgumentError
            If a layer's kernel or pooling is larger than what it is given; the message says which layer.
        """
        shapes = []
        for number, layer in enumerate(self.layers, 1):
            try:
                shape = layer.output_shape(shape)
            except CnnfxError as error:
                raise ArgumentError(f"layer {number} of {self.name}: {error}") from error
            shapes.append(shape)
        return shapes

    def per_channel(self, names: Sequence[str]) -> Network:
        """A network that applies this one to each of the channels `names` apart; its maps are named "red top" and so
        on."""
        layers = tuple(_repeat(layer, tuple(names)) for layer in self.bind(["0"]).layers)
        return replace(self, layers=layers, head=None, start=None)


def _repeat(layer: Layer, names: tuple[str, ...]) -> Layer:
    """The layer once for each name, as groups that do not see one another."""
    count, filters = len(names), layer.conv.weights.shape[0]
    conv = replace(
        layer.conv,
        weights=np.tile(layer.conv.weights, (count, 1, 1, 1)),
        bias=np.tile(layer.conv.bias, count),
        groups=count * layer.conv.groups,
    )
    combine = tuple(
        channel._replace(name=f"{name} {channel.name}", of=tuple(index + group * filters for index in channel.of))
        for group, name in enumerate(names)
        for channel in layer.combine
    )
    return replace(
        layer, conv=conv, combine=combine, filter_names=tuple(f"{n} {f}" for n in names for f in layer.filter_names)
    )
