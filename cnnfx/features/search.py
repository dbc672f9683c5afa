"""The patterns of a layer: for each channel its top-9 patches, their deconvolutions, and maximized inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.features.deconvnet import project
from cnnfx.features.images import ImageSource, check_channels, reads_whole_images
from cnnfx.features.maximization import MaximizedInput, maximize
from cnnfx.features.top_patches import TopActivation, TopPatch, cut_patches, find_top_activations
from cnnfx.images.image import RGB_NAMES
from cnnfx.nn.layers import Layer, Pool, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import field_size

Method = Literal["patches", "deconvolution", "maximization"]
"""A kind of visualization."""
METHODS: tuple[Method, ...] = get_args(Method)

CLASSES = "classes"
"""Means the class scores of a classifier, in place of a layer."""

PATCHES = 9
"""Top patches of each channel."""

MAXIMIZED_INPUTS = 4
"""Maximized inputs of each channel, unless they are large."""

LARGE_INPUT_SIDE = 128
"""The fewest rows or columns of inputs of which one is computed for each channel, since each takes many seconds."""

Choice = Callable[[Sequence[float]], Sequence[int]]
"""Chooses channels by the largest activation of each."""

Progress = Callable[[str, int, int], None]
"""Called with the unit ("images", "deconvolutions" or "inputs"), the number processed so far and the total number."""

GRAY_LEVEL = 0.5
"""The level of the gray whose norm bounds inputs where there are no patches, or only black ones."""

MAX_BYTES = 2**29
"""The most bytes of the patches, deconvolutions and inputs of all channels."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """The pattern that a channel responds to.

    Parameters
    ----------
    number : int
        The number of the channel, 0 … K − 1.
    name : str
    patches : tuple of TopPatch
        The largest activation first; empty for a dead channel, whose activations are all zero or less, and where no
        images were searched.
    maximized : tuple of MaximizedInput
        The largest activation first; empty for a dead channel.
    """

    number: int
    name: str
    patches: tuple[TopPatch, ...]
    maximized: tuple[MaximizedInput, ...]

    def __repr__(self) -> str:
        activation = "never active"
        if self.patches:
            activation = f"{self.patches[0].activation:.3g} at most"
        elif self.maximized:
            activation = f"maximized {self.maximized[0].activation:.3g}"
        return f"<Pattern {self.name}: {activation}>"

    @property
    def is_active(self) -> bool:
        """Whether an activation was above zero in an image, or can be."""
        return bool(self.patches or self.maximized)


@dataclass(frozen=True, eq=False)
class LayerPatterns:
    """The patterns of a layer.

    Parameters
    ----------
    layer : int or "classes"
    layer_name : str
        "" for a layer without a name.
    size : (int, int)
        Height and width of the receptive field in the image, or of the images where these are read whole.
    images : int
        The number of images that were searched, 0 for maximization alone.
    methods : tuple of str
    patterns : tuple of Pattern
    """

    layer: int | Literal["classes"]
    layer_name: str
    size: tuple[int, int]
    images: int
    methods: tuple[str, ...]
    patterns: tuple[Pattern, ...]

    def __repr__(self) -> str:
        height, width = self.size
        return f"<LayerPatterns of {len(self.patterns)} filters, {width}×{height}, from {self.images} images>"


def find_patterns(
    network: Network,
    images: ImageSource | None,
    layer: int | str | None = None,
    channels: Sequence[int] | Choice | None = None,
    *,
    methods: Sequence[str] = METHODS,
    seed: int = 0,
    progress: Progress | None = None,
) -> LayerPatterns:
    """Find the patterns that the channels of a layer respond to.

    Parameters
    ----------
    network : Network
    images : ImageSource or None
        The images that are searched. Maximization alone needs none: the norm of an input is then at most that of gray.
    layer : int or str, optional
        The number of a layer, 1 for the first, or its name, or "classes"; by default the last that makes maps.
    channels : sequence of int, or function, optional
        Output channels of the layer, 0 … K − 1; all by default. A function is called with the largest activation of
        each channel in the images, and returns them.
    methods : sequence of str
        From `METHODS`. Patches are always computed.
    seed : int
        Seed of the random numbers of maximization.
    progress : callable, optional

    Raises
    ------
    ArgumentError
        If the layer does not exist, the images do not fit the network, or the patterns take more than `MAX_BYTES`.
    """
    network = _bind(network_up_to(network, layer), images)
    report = progress or (lambda what, done, total: None)
    if images is None:
        return _maximized_patterns(network, channels, methods, seed, report)
    names = network.output_names
    if channels is None:
        channels = range(len(names))
    if not callable(channels):
        _check_memory(network, len(channels), methods)
    top = find_top_activations(network, images, PATCHES, lambda done: report("images", done, len(images)))
    if callable(channels):
        channels = channels([of_channel[0].activation if of_channel else 0.0 for of_channel in top])
        _check_memory(network, len(channels), methods)
    patches = [cut_patches(network, images, top[channel]) for channel in channels]
    if "deconvolution" in methods:
        patches = _with_projections(network, images, channels, top, patches, report)
    size = _patch_size(network, images, top)
    maximized: list[list[MaximizedInput]] = [[] for _ in channels]
    if "maximization" in methods:
        shape = len(images.channel_names), *size
        bounds = {
            channel: _norm_bound(of_channel, shape)
            for channel, of_channel in zip(channels, patches, strict=True)
            if of_channel
        }
        maximized = _maximize(network, shape, channels, bounds, seed, report)
    return _layer_patterns(network, size, len(images), methods, channels, patches, maximized)


def _maximized_patterns(
    network: Network, channels: Sequence[int] | Choice | None, methods: Sequence[str], seed: int, progress: Progress
) -> LayerPatterns:
    """Return patterns of maximized inputs alone, for which no images are searched."""
    if callable(channels) or tuple(methods) != ("maximization",):
        raise ArgumentError("Images are needed to search for patches and activations.", remedy="image_data")
    channels = range(len(network.output_names)) if channels is None else channels
    _check_memory(network, len(channels), methods)
    size = _field_size(network)
    shape = _channel_count(network), *size
    bounds = dict.fromkeys(channels, GRAY_LEVEL * float(np.sqrt(np.prod(shape))))
    maximized = _maximize(network, shape, channels, bounds, seed, progress)
    return _layer_patterns(network, size, 0, methods, channels, [[] for _ in channels], maximized)


def _layer_patterns(
    network: Network,
    size: tuple[int, int],
    images: int,
    methods: Sequence[str],
    channels: Sequence[int],
    patches: Sequence[Sequence[TopPatch]],
    maximized: Sequence[Sequence[MaximizedInput]],
) -> LayerPatterns:
    """Return the patterns of the network's last layer, given what was found for each channel."""
    names = network.output_names
    patterns = tuple(
        Pattern(channel, names[channel], tuple(of_channel), tuple(inputs))
        for channel, of_channel, inputs in zip(channels, patches, maximized, strict=True)
    )
    name = "" if network.is_classifier else network.layers[-1].name
    number: int | Literal["classes"] = "classes" if network.is_classifier else len(network.layers)
    return LayerPatterns(number, name, size, images, tuple(methods), patterns)


def network_up_to(network: Network, layer: int | str | None) -> Network:
    """Return the network up to a layer, or up to the class scores, one of each class, for the layer "classes".

    Only the latter is a classifier.

    Raises
    ------
    ArgumentError
        If the layer does not exist.
    """
    if layer != CLASSES:
        number = network.maps_layer if layer is None else network.layer_number(layer)
        return replace(network.upto(number), head=None, classes=())
    if not network.is_classifier:
        raise ArgumentError(f"{network.name} has no classifier head. Choose a layer by its number.")
    network = network.without_softmax()
    last = network.layers[-1].pool
    if network.head is not None or (last is not None and last.is_global):
        return network
    mean = Layer(pool=Pool("mean", None))  # of the scores at each position of an image larger than the input
    return replace(network, layers=(*network.layers, mean))


def _check_memory(network: Network, channels: int, methods: Sequence[str]) -> None:
    """Check that the patterns of a number of channels do not take too much memory.

    Raises
    ------
    ArgumentError
        If they take more than `MAX_BYTES`.
    """
    pictures = PATCHES * (1 + ("deconvolution" in methods)) + MAXIMIZED_INPUTS * ("maximization" in methods)
    height, width = _field_size(network)
    needed = channels * pictures * _channel_count(network) * height * width * np.dtype(np.float32).itemsize
    if needed > MAX_BYTES:
        raise ArgumentError(
            f"The patterns of {channels} filters of {network.layer_owner()} take {needed / 2**30:.1f} GB of memory, "
            f"more than {MAX_BYTES / 2**30:.1f} GB.",
            remedy="fewer_filters",
        )


def _channel_count(network: Network) -> int:
    """Return the number of channels of the images that a network reads; one if it can be applied to any number."""
    return network.in_channels or 1


def _field_size(network: Network) -> tuple[int, int]:
    """Return the size of the receptive field, or of the images that a network reads whole."""
    if reads_whole_images(network) and network.input_shape is not None:
        _, height, width = network.input_shape
        return height, width
    return field_size(network)


def _patch_size(network: Network, images: ImageSource, top: Sequence[Sequence[TopActivation]]) -> tuple[int, int]:
    """Return the size of the receptive field, or of the images where these are read whole: they have the same size."""
    if not reads_whole_images(network):
        return field_size(network)
    found = next((of_channel[0].image for of_channel in top if of_channel), 0)
    _, height, width = images.shape(found)
    return height, width


def _bind(network: Network, images: ImageSource | None) -> Network:
    if images is None:
        count = _channel_count(network)
        return network.bind(RGB_NAMES if count == len(RGB_NAMES) else [str(index) for index in range(count)])
    check_channels(network, len(images.channel_names), images.name)
    try:
        return network.bind(images.channel_names)
    except ArgumentError as error:
        raise error.prefixed(images.name) from error


def _with_projections(
    network: Network,
    images: ImageSource,
    channels: Sequence[int],
    top: Sequence[Sequence[TopActivation]],
    patches: Sequence[Sequence[TopPatch]],
    report: Progress,
) -> list[list[TopPatch]]:
    """Return the patches with their deconvolutions."""
    flat = [(channel, activation) for channel in channels for activation in top[channel]]
    boxes = [patch.box for of_channel in patches for patch in of_channel]
    projections = iter(
        project(
            network, images, [c for c, _ in flat], [a for _, a in flat], boxes,
            lambda done: report("deconvolutions", done, len(flat)),
        )
    )  # fmt: skip
    return [[replace(patch, projection=next(projections)) for patch in of_channel] for of_channel in patches]


def _maximize(
    network: Network,
    shape: Shape,
    channels: Sequence[int],
    bounds: Mapping[int, float],
    seed: int,
    progress: Progress,
) -> list[list[MaximizedInput]]:
    """Return the maximized inputs of each channel, an empty list for channels without a bound of the norm."""
    count = MAXIMIZED_INPUTS if max(shape[1:]) < LARGE_INPUT_SIDE else 1
    total = len(bounds) * count
    results = maximize(
        network, shape, list(bounds), list(bounds.values()), seed, count, lambda done: progress("inputs", done, total)
    )
    maximized = dict(zip(bounds, results, strict=True))
    return [maximized.get(channel, []) for channel in channels]


def _norm_bound(patches: Sequence[TopPatch], shape: Shape) -> float:
    """Return the largest norm of the patches, or the norm of mid-gray if all patches are black."""
    norms = [float(np.sqrt(np.nansum(np.square(patch.pixels)))) for patch in patches]
    return max(norms) or GRAY_LEVEL * float(np.sqrt(np.prod(shape)))
