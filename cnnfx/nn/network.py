"""A network: layers in order, the output channels of each being the input channels of the next.

Filter files, kernels typed on the command line and trained models are all loaded as a `Network`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.images import Image
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.layers import Array, Layer, Shape
from cnnfx.nn.pixel_conv import pixel_conv_of
from cnnfx.nn.rounding import rounding_errors
from cnnfx.nn.statistics import channel_statistics, largest_magnitudes
from cnnfx.system.sizes import counted

if TYPE_CHECKING:
    from cnnfx.nn.classifier import Dense

MAX_SHOWN_LAYERS = 6
"""The most layers that the text of a network in an interactive session describes."""
SCORE_BATCH_IMAGES = 256
"""The most images in a batch when scores are computed, which bounds the memory of the feature maps."""


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in order, with the normalization of the input, the classifier head and a description.

    Parameters
    ----------
    layers : tuple of Layer
    name : str
        A short name, used in file names and labels.
    description, source : str
        What the filters detect, and where they come from.
    mean, std : float
        The normalization of the input: the first layer reads `(image - mean) / std`.
    classes : tuple of str
        The names of the K classes; empty without a head.
    head : Dense, optional
        The classifier head, which computes a score for each class from the last layer's output channels.
    start : Network, optional
        The same network before training.
    meta : mapping
        The training run of a model: dataset, seed, epochs, accuracy and so on.
    """

    layers: tuple[Layer, ...]
    name: str = "network"
    description: str = ""
    source: str = ""
    mean: float = 0.0
    std: float = 1.0
    classes: tuple[str, ...] = ()
    head: Dense | None = None
    start: Network | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        layers = [layer.describe() for layer in self.layers]
        if len(layers) > MAX_SHOWN_LAYERS:
            layers[MAX_SHOWN_LAYERS - 1 : -1] = [f"{len(layers) - MAX_SHOWN_LAYERS} more layers"]
        if self.head is not None:
            layers.append(f"{len(self.head.bias)} classes")
        return f"<Network {self.name!r}: {' → '.join(layers)}>"

    @property
    def in_channels(self) -> int | None:
        """The number of input channels, or None if the network can be applied to any number."""
        return self.layers[0].conv.in_channels

    @property
    def training_shape(self) -> Shape | None:
        """The shape (C, H, W) of the images that a model was trained on; None if it is unknown."""
        shape = self.meta.get("input")
        if not isinstance(shape, list | tuple) or len(shape) != 3:
            return None
        if not all(type(size) is int and size > 0 for size in shape):
            return None
        channels, height, width = shape
        return channels, height, width

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the classes, or of the last layer's output channels if there is no head."""
        return self.classes if self.head is not None else self.layers[-1].channel_names

    def bind(self, names: Sequence[str]) -> Network:
        """Return this network for input channels `names`, with weights `(K, C, kh, kw)` in every layer.

        Raises
        ------
        ArgumentError
            If the number of channels does not fit, or a filter reads a channel that does not exist.
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
        """Return a network of these layers followed by those of `upper`.

        Raises
        ------
        ArgumentError
            If `upper` normalizes its input.
        """
        if (upper.mean, upper.std) != (0.0, 1.0):
            raise ArgumentError(f"{upper.name} normalizes its input, so it must be the first network, not a later one.")
        stacked = replace(self, layers=self.layers + upper.layers, name=f"{self.name}-{upper.name}")
        return replace(stacked, head=upper.head, classes=upper.classes, start=None)

    def upto(self, number: int) -> Network:
        """Return a network of the first `number` layers; the head is kept only with all layers.

        Raises
        ------
        ArgumentError
            If there is no layer `number`; 1 is the first.
        """
        self.check_layer(number)
        head = self.head if number == len(self.layers) else None
        return replace(self, layers=self.layers[:number], head=head, start=self.start and self.start.upto(number))

    def check_layer(self, number: int) -> None:
        """Check that there is a layer `number`; 1 is the first.

        Raises
        ------
        ArgumentError
            If not.
        """
        count = len(self.layers)
        if not 1 <= number <= count:
            message = f"There is no layer {number}: {self.name} has {counted(count, 'layer')}."
            raise ArgumentError(message, remedy="layer_number")

    @property
    def normalizes(self) -> bool:
        """Whether the first layer reads other values than those of the image; see `normalize`."""
        return (self.mean, self.std) != (0.0, 1.0)

    def normalize(self, image: Array) -> Array:
        """Return the image as the first layer reads it: `(image - mean) / std`, of the image's float type."""
        if not self.normalizes:
            return image
        return ((image - self.mean) / self.std).astype(image.dtype if image.dtype.kind == "f" else np.float32)

    def normalized_magnitudes(self, magnitudes: Array) -> Array:
        """Return the largest magnitudes that the values of a normalized image can have, given those of the image."""
        largest: Array = (magnitudes + abs(self.mean)) / self.std
        return largest

    def __call__(self, image: Image | Array) -> ArrayMaps:
        """Return the output channels of the last layer for one image: `maps["top"]`, `maps[0]`, `np.asarray(maps)`.

        Parameters
        ----------
        image : Image or array (C, H, W)
            Values usually 0..1.

        Raises
        ------
        ArgumentError
            If the channels or the size of the image do not fit a layer, or it is a batch.
        """
        result = self._forward(image)
        maps = result.maps[-1]
        if maps.ndim != 3:
            raise ArgumentError(
                f"The image must have the shape (C, H, W), not {np.shape(image)}. For a batch (N, C, H, W), "
                "feature_maps returns the output channels of each layer."
            )
        return ArrayMaps(maps, self.layers[-1].channel_names, self.layers[-1].non_negative, result.rounding_errors())

    def feature_maps(self, image: Image | Array, names: Sequence[str] | None = None) -> list[Array]:
        """Return the output channels of every layer, those of the first layer first.

        Parameters
        ----------
        image : Image, or array (C, H, W) or (N, C, H, W)
            Values usually 0..1.
        names : sequence of C str, optional
            The names of the channels, for filters that read channels by name. By default those of an `Image`, "0", "1"
            and so on of an array.

        Returns
        -------
        list of arrays (K, Ho, Wo) or (N, K, Ho, Wo)

        Raises
        ------
        ArgumentError
            If the channels or the size of the image do not fit a layer.
        """
        return self._forward(image, names).maps

    def _forward(self, image: Image | Array, names: Sequence[str] | None = None) -> _ForwardPass:
        """Compute the output channels of every layer; the sums of the first are exact for the pixels of a picture."""
        if isinstance(image, Image):
            names, image = names or image.channel_names, image.floats()
        image = np.asarray(image)
        if image.ndim not in (3, 4) or not image.size:
            raise ArgumentError(f"The image must have the shape (C, H, W) or (N, C, H, W), not {image.shape}.")
        bound = self.bind(names or [str(index) for index in range(image.shape[-3])])
        first, *others = bound.layers
        found = None if self.normalizes else pixel_conv_of(first.conv, image)
        if found is None:
            maps = [first.forward(self.normalize(image))]
        else:
            pixels, filters = found
            maps = [first.finish(filters.forward_band(pixels, first.conv.window.padding))]
        for layer in others:
            maps.append(layer.forward(maps[-1]))
        return _ForwardPass(bound, image, maps, found is not None)

    def scores(self, images: Array) -> Array:
        """Return the score of each class before softmax: any real number, larger for more probable classes.

        Parameters
        ----------
        images : array (C, H, W) or (N, C, H, W)

        Returns
        -------
        array (K,) or (N, K)

        Raises
        ------
        ArgumentError
            If the network has no head, or the channels or the size of the images are not those of the training images.
        """
        if self.head is None:
            raise ArgumentError(f"{self.name} has no classifier head. Use a model written by cnnfx train.")
        if images.ndim == 3:
            return self.head.forward(self.feature_maps(images)[-1])
        starts = range(0, max(1, len(images)), SCORE_BATCH_IMAGES)
        batches = [images[first : first + SCORE_BATCH_IMAGES] for first in starts]
        return np.concatenate([self.head.forward(self.feature_maps(batch)[-1]) for batch in batches])

    def probabilities(self, images: Array) -> Array:
        """Return the probability of each class, the softmax of the `scores`, in an array of their shape."""
        from cnnfx.nn.classifier import softmax  # not needed for feature maps

        return softmax(self.scores(images))

    def output_shapes(self, shape: Shape) -> list[Shape]:
        """Return the shape of every layer's output channels for an input `(C, H, W)`.

        Raises
        ------
        ArgumentError
            If a layer's kernel or pooling is larger than the maps that it reads; the message names the layer.
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
        """Return a network that applies this one to each of the channels `names` separately.

        Its filters and output channels are named by channel and filter: "red top" and so on.
        """
        layers = tuple(_repeat(layer, tuple(names)) for layer in self.bind(["0"]).layers)
        return replace(self, layers=layers, head=None, start=None)


class _ForwardPass(NamedTuple):
    """The bound network, the image, the output channels of every layer, and whether sums of the first are exact."""

    network: Network
    image: Array
    maps: list[Array]
    exact_sums: bool

    def rounding_errors(self) -> list[float]:
        """Return bounds of the rounding errors of the last layer's output channels for one image."""
        image, *below = (channel_statistics([(0, each)]) for each in (self.image, *self.maps[:-1]))
        ranges = [[channel.range for channel in layer] for layer in below]
        largest = self.network.normalized_magnitudes(largest_magnitudes(image))
        errors = rounding_errors(self.network.layers, largest, ranges, self.exact_sums)
        return [error * float(np.finfo(self.maps[-1].dtype).eps / np.finfo(np.float32).eps) for error in errors]


def _repeat(layer: Layer, names: tuple[str, ...]) -> Layer:
    """Return the layer repeated once for each name, as independent groups."""
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
