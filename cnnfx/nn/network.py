"""A network: layers in order, each of which reads the one before it or others, up to the scores of classes.

Filter files, kernels typed on the command line and trained models are all loaded as a `Network`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.images import ColorMode, Image
from cnnfx.images.axes import has_channels_last, to_channels
from cnnfx.images.image import RGB_NAMES
from cnnfx.nn.activations import softmax
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.forward import forward_layers
from cnnfx.nn.graph import check_order, layer_number, layer_sources, needed_layers
from cnnfx.nn.input import CHANNELS, Input
from cnnfx.nn.joins import joined_names, joined_shape
from cnnfx.nn.layers import INPUT, Activation, Array, Layer, Shape
from cnnfx.nn.pixel_conv import pixel_conv_of
from cnnfx.nn.rounding import rounding_errors
from cnnfx.nn.statistics import channel_magnitudes
from cnnfx.system.limits import MAX_MAP_VALUES, limit_text
from cnnfx.system.sizes import size_text
from cnnfx.system.text import printable, printable_names

if TYPE_CHECKING:
    from cnnfx.nn.classifier import Dense

MAX_SHOWN_LAYERS = 6
"""The most layers that the text of a network in an interactive session describes."""
MAX_TRIED_LAYERS = 200_000
"""The most layers whose shape is computed to find the smallest image of a network that joins layers."""
SCORE_BATCH_IMAGES = 256
"""The most images in a batch when scores are computed, which bounds the memory of the feature maps."""


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in order, with the input that they take, the classes of a classifier and a description.

    A layer reads the layer before it, or those that its `sources` name. Layers are numbered from 1; number 0 is the
    image.

    Parameters
    ----------
    layers : tuple of Layer
        Each after all layers that it reads.
    name : str
        A short name, used in file names and labels.
    description, source : str
        What the filters detect, and where they come from.
    input : Input
        Channels and size of the images, and the normalization of their values.
    classes : tuple of str
        The names of the K classes; empty if the network is no classifier. The scores of the classes are those of the
        head, or without one the channels of the last layer, which are then maps of 1×1 pixel.
    head : Dense, optional
        The classifier head of a trained model, which computes a score for each class from the last layer's channels.
    start : Network, optional
        The same network before training.
    meta : mapping
        The training run of a model: dataset, seed, epochs, accuracy and so on.

    Raises
    ------
    ArgumentError
        If two layers have the same name, or a layer reads one that does not exist or comes after it.
    """

    layers: tuple[Layer, ...]
    name: str = "network"
    description: str = ""
    source: str = ""
    input: Input = field(default_factory=Input)
    classes: tuple[str, ...] = ()
    head: Dense | None = None
    start: Network | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for text in ("name", "description", "source"):
            object.__setattr__(self, text, printable(getattr(self, text)))
        object.__setattr__(self, "classes", printable_names(self.classes))
        try:
            check_order(self.layers)
        except ArgumentError as error:
            raise error.prefixed(self.name) from error

    def __repr__(self) -> str:
        layers = [layer.describe() for layer in self.layers]
        if len(layers) > MAX_SHOWN_LAYERS:
            layers[MAX_SHOWN_LAYERS - 1 : -1] = [f"{len(layers) - MAX_SHOWN_LAYERS} more layers"]
        if self.head is not None:
            layers.append(f"{len(self.head.bias)} classes")
        return f"<Network {self.name!r}: {' → '.join(layers)}>"

    @cached_property
    def _sources(self) -> tuple[tuple[int, ...], ...]:
        return layer_sources(self.layers)

    def sources(self, number: int) -> tuple[int, ...]:
        """Return the numbers of the layers that layer `number` reads; 0 is the image."""
        return self._sources[number - 1]

    @cached_property
    def needed(self) -> frozenset[int]:
        """The numbers of the layers that the last layer needs, itself included; 0 is the image."""
        return needed_layers(self._sources, [len(self.layers)])

    @property
    def is_chain(self) -> bool:
        """Whether each layer has filters and reads the one before it."""
        return all(
            layer.conv is not None and sources == (number,)
            for number, (layer, sources) in enumerate(zip(self.layers, self._sources, strict=True))
        )

    @property
    def is_local(self) -> bool:
        """Whether no needed layer reads the whole of its input: by pooling of whole maps, or a border that wraps."""
        layers = [self.layers[number - 1] for number in self.needed if number]
        return not any(
            (layer.pool is not None and layer.pool.is_global)
            or (layer.conv is not None and layer.conv.window.border == "wrap")
            for layer in layers
        )

    def layer_number(self, layer: int | str) -> int:
        """Return the number of a layer, given its name, a unique part of it, or its number, counted from 1.

        Raises
        ------
        ArgumentError
            If there is no such layer, or several have this part in their names; the message suggests names.
        """
        return layer_number(layer, [each.name for each in self.layers], self.name)

    def layer_title(self, number: int) -> str:
        """Return the name of a layer, or "layer 2" if it has none."""
        return self.layers[number - 1].name or f"layer {number}"

    def layer_owner(self, number: int | None = None) -> str:
        """Return what a layer is called in messages, by default the last: "layer 2 of squares"."""
        number = number or len(self.layers)
        return f"layer {self.layers[number - 1].name or number} of {self.name}"

    @property
    def in_channels(self) -> int | None:
        """The number of input channels, or None if the network can be applied to any number."""
        counts = [CHANNELS[self.input.channels]]
        for layer, sources in zip(self.layers, self._sources, strict=True):
            if sources == (0,) and layer.conv is not None:
                counts.append(layer.conv.in_channels)
        return next((count for count in counts if count is not None), None)

    @property
    def color_mode(self) -> ColorMode:
        """The channels in which pictures are loaded: "rgb" if filters read color channels, otherwise "gray"."""
        reads_colors = self.in_channels == len(RGB_NAMES) or not self.reads_names.isdisjoint(RGB_NAMES)
        return "rgb" if reads_colors else "gray"

    @property
    def reads_names(self) -> frozenset[str]:
        """The names of the image's channels that filters read."""
        convs = [layer.conv for layer, read in zip(self.layers, self._sources, strict=True) if 0 in read]
        return frozenset(name for conv in convs if conv is not None for name in conv.inputs or ())

    @property
    def input_shape(self) -> Shape | None:
        """The shape (C, H, W) of the images that a classifier takes; None if it is unknown."""
        count = self.in_channels
        if self.input.size is None or count is None:
            return self.training_shape
        return count, *self.input.size

    @property
    def is_classifier(self) -> bool:
        """Whether the network computes scores of classes."""
        return self.head is not None or bool(self.classes)

    @property
    def maps_layer(self) -> int:
        """The number of the last layer that makes maps, not the scores of classes.

        These, and what they are computed from, are single values for an image of the input's size.
        """
        if not self.classes or self.head is not None:
            return len(self.layers)
        shape = self.input_shape
        if shape is not None:
            shapes = enumerate(self.output_shapes(shape), 1)
            return max((number for number, (_, *size) in shapes if prod(size) > 1), default=len(self.layers))
        single: set[int] = set()  # layers of single values for an image of any size
        for number, (layer, sources) in enumerate(zip(self.layers, self._sources, strict=True), 1):
            if (layer.conv is None and layer.pool and layer.pool.is_global) or single.issuperset(sources):
                single.add(number)
        return max(set(range(1, len(self.layers) + 1)) - single, default=len(self.layers))

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
        return self.classes if self.is_classifier else self.layers[-1].channel_names

    def bind(self, names: Sequence[str]) -> Network:
        """Return this network for input channels `names`, with weights `(K, C, kh, kw)` in every layer.

        Raises
        ------
        ArgumentError
            If the number of channels does not fit, or a filter reads a channel that does not exist.
        """
        wanted = tuple(names)
        if wanted not in self._bound:
            self._bound.clear()
            self._bound[wanted] = self._bind(wanted)
        return self._bound[wanted]

    @cached_property
    def _bound(self) -> dict[tuple[str, ...], Network]:
        """The names and the result of the last call of `bind`."""
        return {}

    def _bind(self, names: tuple[str, ...]) -> Network:
        known = [names]
        bound = []
        for number, layer in enumerate(self.layers, 1):
            sources = self.sources(number)
            below = joined_names(layer.join, [known[each] for each in sources], self._source_names(number))
            try:
                bound.append(layer.bind(below))
            except ArgumentError as error:
                raise error.prefixed(self.layer_owner(number)) from error
            known.append(bound[-1].channel_names)
        return replace(self, layers=tuple(bound))

    def input_names(self, number: int, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the channels that layer `number` reads, for an image with channels `names`."""
        layer, sources = self.layers[number - 1], self.sources(number)
        known = [tuple(names) if each == 0 else self.layers[each - 1].channel_names for each in sources]
        return joined_names(layer.join, known, self._source_names(number))

    def _source_names(self, number: int) -> list[str]:
        return [INPUT if each == 0 else self.layers[each - 1].name or str(each) for each in self.sources(number)]

    def then(self, upper: Network) -> Network:
        """Return a network of these layers followed by those of `upper`.

        Raises
        ------
        ArgumentError
            If `upper` normalizes its input, or its layers read the image by name.
        """
        if upper.input.normalizes:
            raise ArgumentError(f"{upper.name} normalizes its input, so it must be the first network, not a later one.")
        first, *rest = upper.layers
        if first.sources == (INPUT,):
            first = replace(first, sources=())
        if any(INPUT in layer.sources for layer in (first, *rest)):
            raise ArgumentError(f"{upper.name} reads its input in several layers, so it must be the first network.")
        stacked = replace(self, layers=(*self.layers, first, *rest), name=f"{self.name}-{upper.name}")
        return replace(stacked, head=upper.head, classes=upper.classes, start=None)

    def upto(self, number: int) -> Network:
        """Return a network of the first `number` layers; head and classes are kept only with all layers.

        Layers that the last of them does not need are never computed.

        Raises
        ------
        ArgumentError
            If there is no layer `number`; 1 is the first.
        """
        self.check_layer(number)
        if number == len(self.layers):
            return self
        start = self.start and self.start.upto(number)
        return replace(self, layers=self.layers[:number], head=None, classes=(), start=start)

    def only_needed(self) -> Network:
        """Return this network without the layers that the last one does not need."""
        layers = tuple(layer for number, layer in enumerate(self.layers, 1) if number in self.needed)
        return replace(self, layers=layers, start=self.start and self.start.only_needed())

    def check_layer(self, number: int) -> None:
        """Check that there is a layer `number`; 1 is the first.

        Raises
        ------
        ArgumentError
            If not.
        """
        layer_number(number, [each.name for each in self.layers], self.name)

    def normalize(self, image: Array) -> Array:
        """Return the image as the first layer reads it; see `Input.normalize`."""
        return self.input.normalize(image)

    def non_negative(self, number: int | None = None) -> tuple[bool, ...]:
        """Return whether each output channel of a layer, by default the last, cannot be negative, by kinds alone.

        The network must be bound to its input channels, if a layer without filters reads the image.
        """
        number = len(self.layers) if number is None else number
        known = self._known_non_negative
        if number not in known:
            # Filters decide the signs alone, so only layers without filters need those of what they read.
            sources = [
                () if layer.conv or each in known else read
                for each, (layer, read) in enumerate(zip(self.layers, self._sources, strict=True), 1)
            ]
            for each in sorted(needed_layers(sources, [number]) - {0} - known.keys()):
                known[each] = self.layers[each - 1].non_negative(self._inputs_non_negative(each, known))
        return known[number]

    @cached_property
    def _known_non_negative(self) -> dict[int, tuple[bool, ...]]:
        """The results of `non_negative` for layers."""
        return {}

    def _inputs_non_negative(self, number: int, known: Mapping[int, tuple[bool, ...]]) -> tuple[bool, ...]:
        """Return whether each joined input channel of a layer without filters cannot be negative; `known` says it of
        the layers that it reads."""
        layer, sources = self.layers[number - 1], self.sources(number)
        if layer.conv is not None:
            return ()
        count = len(layer.filter_names)
        if layer.join == "concat" and 0 in sources:
            count = (count - sum(len(known[each]) for each in sources if each)) // sources.count(0)
        inputs = [known[each] if each else (not self.input.normalizes,) * count for each in sources]
        return sum(inputs, ()) if layer.join == "concat" else tuple(map(all, zip(*inputs, strict=True)))

    def __call__(self, image: Image | Array) -> ArrayMaps:
        """Return the output channels of the last layer for one image: `maps["top"]`, `maps[0]`, `np.asarray(maps)`.

        Parameters
        ----------
        image : Image or array (C, H, W), or (H, W, C) as in `feature_maps`
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
        return ArrayMaps(
            maps, result.network.layers[-1].channel_names, result.network.non_negative(), result.rounding_errors()
        )

    def feature_maps(self, image: Image | Array, names: Sequence[str] | None = None) -> list[Array]:
        """Return the output channels of every layer, those of the first layer first.

        Parameters
        ----------
        image : Image, or array (C, H, W), (H, W, C) or (N, C, H, W)
            Values usually 0..1. An array of three axes is (H, W, C) where `cnnfx.images.as_image` reads it so, unless
            the network reads as many channels as its first axis has.
        names : sequence of C str, optional
            The names of the channels, for filters that read channels by name. By default those of an `Image`; red,
            green and blue of an array (H, W, 3); "0", "1" and so on of other arrays.

        Returns
        -------
        list of arrays (K, Ho, Wo) or (N, K, Ho, Wo)

        Raises
        ------
        ArgumentError
            If the channels or the size of the image do not fit a layer.
        """
        return self._forward(image, names).maps

    def _forward(
        self, image: Image | Array, names: Sequence[str] | None = None, keep: Collection[int] | None = None
    ) -> _ForwardPass:
        """Compute the output channels of layers; the sums of the first are exact for the pixels of a picture.

        By default those of all layers are returned, otherwise those of the layers with the numbers `keep`.
        """
        if isinstance(image, Image):
            names, image = names or image.channel_names, image.floats()
        image = np.asarray(image)
        if image.ndim == 3 and image.size and has_channels_last(image.shape) and self.in_channels != len(image):
            image, names_of_colors, _ = to_channels("image", image)
            names = names or names_of_colors
        if image.ndim not in (3, 4) or not image.size:
            raise ArgumentError(f"The image must have the shape (C, H, W) or (N, C, H, W), not {image.shape}.")
        bound = self.bind(names or [str(index) for index in range(image.shape[-3])])
        bound.output_shapes((image.shape[-3], image.shape[-2], image.shape[-1]))
        first, known = bound.layers[0], {}
        if not self.input.normalizes and first.conv is not None and bound.sources(1) == (0,):
            found = pixel_conv_of(first.conv, image)
            if found is not None:
                pixels, filters = found
                known[1] = first.finish(filters.forward_band(pixels, first.conv.window.padding))
        wanted = range(1, len(self.layers) + 1) if keep is None else keep
        maps = forward_layers(bound.layers, bound._sources, self.normalize(image), wanted, known)
        return _ForwardPass(bound, image, [maps[number] for number in wanted], bool(known))

    def forward(self, image: Image | Array, keep: Collection[int] | None = None) -> dict[int, Array]:
        """Return the output channels of some layers by their numbers, by default of the last.

        Others are freed as soon as no layer needs them.

        Parameters
        ----------
        image : Image, or array (C, H, W) or (N, C, H, W)
        keep : collection of int, optional
            Numbers of layers, counted from 1.

        Raises
        ------
        ArgumentError
            If the channels or the size of the image do not fit a layer.
        """
        numbers = [len(self.layers)] if keep is None else sorted(set(keep))
        return dict(zip(numbers, self._forward(image, keep=numbers).maps, strict=True))

    def scores(self, images: Array) -> Array:
        """Return the score of each class before softmax: any real number, larger for more probable classes.

        Where the last layer gives maps of scores, as for images larger than the network's input, it is their mean.

        Parameters
        ----------
        images : array (C, H, W) or (N, C, H, W)

        Returns
        -------
        array (K,) or (N, K)

        Raises
        ------
        ArgumentError
            If the network has no classes, or the channels or the size of the images are not those of its input.
        """
        if not self.is_classifier:
            raise ArgumentError(f"{self.name} has no classifier head. Use a model written by cnnfx train.")
        network = self.without_softmax()
        if images.ndim == 3:
            return network._scores(images)
        starts = range(0, max(1, len(images)), SCORE_BATCH_IMAGES)
        return np.concatenate([network._scores(images[first : first + SCORE_BATCH_IMAGES]) for first in starts])

    def _scores(self, images: Array) -> Array:
        (maps,) = self.forward(images).values()
        if self.head is not None:
            return self.head.forward(maps)
        scores: Array = maps.mean(axis=(-2, -1))
        return scores

    def without_softmax(self) -> Network:
        """Return the network without a softmax as the activation of its last layer."""
        *below, last = self.layers
        if last.activation.kind != "softmax":
            return self
        return replace(self, layers=(*below, replace(last, activation=Activation())))

    def probabilities(self, images: Array) -> Array:
        """Return the probability of each class, the softmax of the `scores`, in an array of their shape."""
        return softmax(self.scores(images))

    def output_shapes(self, shape: Shape) -> list[Shape]:
        """Return the shape of every layer's output channels for an input `(C, H, W)`.

        Raises
        ------
        ArgumentError
            If a layer's kernel or pooling is larger than the maps that it reads; the message names the layer.
        """
        if shape in self._last_shapes:
            return list(self._last_shapes[shape])
        try:
            shapes = self._output_shapes(shape)
        except ArgumentError as error:
            smallest = self.smallest_size(shape[0])
            if smallest is None or (shape[1] >= smallest[0] and shape[2] >= smallest[1]):
                raise
            needed = f"The smallest image that {self.name} takes is {size_text(smallest)}."
            raise ArgumentError(f"{str(error).removesuffix('.')}. {needed}") from error
        self._last_shapes.clear()
        self._last_shapes[shape] = shapes
        return list(shapes)

    @cached_property
    def _last_shapes(self) -> dict[Shape, list[Shape]]:
        """The shape of the image and the result of the last call of `output_shapes`."""
        return {}

    def _output_shapes(self, shape: Shape) -> list[Shape]:
        shapes = [shape]
        for number, layer in enumerate(self.layers, 1):
            try:
                if 0 in self.sources(number):
                    self.input.check_channels(shape[0])
                read = [shapes[each] for each in self.sources(number)]
                joined = joined_shape(layer.join, read, self._source_names(number))
                if (values := prod(layer.maps_shape(joined))) > MAX_MAP_VALUES:
                    raise ArgumentError(limit_text("values in its maps", values, MAX_MAP_VALUES))
                shapes.append(layer.output_shape(joined))
            except CnnfxError as error:
                raise error.prefixed(self.layer_owner(number)) from error
        return shapes[1:]

    def smallest_size(self, channels: int | None = None) -> tuple[int, int] | None:
        """Return the height and width of the smallest image that the network takes.

        Parameters
        ----------
        channels : int, optional
            The number of channels of the image; by default those that the network reads.

        Returns
        -------
        (height, width), or None if there is no such size, or only very large ones.
        """
        from cnnfx.nn.image_size import smallest_size  # only for messages and few commands

        count = channels or self.in_channels or len(self.input.mean)
        return smallest_size(
            lambda height, width: self._output_shapes((count, height, width)),
            in_order=all(sources == (number,) for number, sources in enumerate(self._sources)),
            max_side=MAX_TRIED_LAYERS // len(self.layers),
        )

    def joined_shapes(self, shape: Shape) -> list[Shape]:
        """Return the shape of what each layer reads, its sources joined, for an input `(C, H, W)`."""
        shapes = [shape, *self.output_shapes(shape)]
        return [
            joined_shape(layer.join, [shapes[each] for each in self.sources(number)], self._source_names(number))
            for number, layer in enumerate(self.layers, 1)
        ]

    def per_channel(self, names: Sequence[str]) -> Network:
        """Return a network that applies this one to each of the channels `names` separately.

        Its filters and output channels are named by channel and filter: "red top" and so on.

        Raises
        ------
        ArgumentError
            If a layer joins or normalizes channels in a way that cannot be repeated.
        """
        for number, layer in enumerate(self.layers, 1):
            if len(layer.sources) > 1 or layer.local_response or not layer.activation.is_elementwise:
                raise ArgumentError(f"{self.layer_owner(number)} cannot be applied to each channel separately.")
        if max(len(self.input.mean), len(self.input.std)) > 1:
            raise ArgumentError(f"{self.name} normalizes each color, so it cannot be applied to each separately.")
        layers = tuple(_repeat(layer, tuple(names)) for layer in self.bind(["0"]).layers)
        return replace(self, layers=layers, head=None, classes=(), start=None)


class _ForwardPass(NamedTuple):
    """The bound network, the image, the output channels of every layer, and whether sums of the first are exact."""

    network: Network
    image: Array
    maps: list[Array]
    exact_sums: bool

    def rounding_errors(self) -> list[float]:
        """Return bounds of the rounding errors of the last layer's output channels for one image."""
        image, *below = (channel_magnitudes(each) for each in (self.image, *self.maps[:-1]))
        largest = self.network.input.normalized_magnitudes(image)
        layers, sources = self.network.layers, self.network._sources
        errors = rounding_errors(layers, sources, largest, dict(enumerate(below, 1)), [1] if self.exact_sums else [])
        return [error * float(np.finfo(self.maps[-1].dtype).eps / np.finfo(np.float32).eps) for error in errors]


def _repeat(layer: Layer, names: tuple[str, ...]) -> Layer:
    """Return the layer repeated once for each name, as independent groups."""
    count, filters, conv = len(names), len(layer.filter_names), layer.conv
    if conv is not None:
        conv = replace(
            conv,
            weights=np.tile(conv.weights, (count, 1, 1, 1)),
            bias=np.tile(conv.bias, count),
            groups=count * conv.groups,
        )
    combine = tuple(
        channel._replace(name=f"{name} {channel.name}", of=tuple(index + group * filters for index in channel.of))
        for group, name in enumerate(names)
        for channel in layer.combine
    )
    slope = layer.activation.slope
    activation = layer.activation._replace(slope=slope * count) if isinstance(slope, tuple) else layer.activation
    filter_names = tuple(f"{name} {filter_name}" for name in names for filter_name in layer.filter_names)
    return replace(layer, conv=conv, combine=combine, activation=activation, filter_names=filter_names)
