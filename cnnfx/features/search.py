"""The patterns of a layer: for each channel its top-9 patches, their deconvolutions, and maximized inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.features.deconvnet import project
from cnnfx.features.images import ImageSource, check_channels
from cnnfx.features.maximization import MaximizedInput, maximize, without_padding
from cnnfx.features.top_patches import TopActivation, TopPatch, cut_patches, find_top_activations
from cnnfx.nn.layers import Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import field_size

Method = Literal["patches", "deconvolution", "maximization"]
"""A kind of visualization."""
METHODS: tuple[Method, ...] = get_args(Method)

CLASSES = "classes"
"""The name of the classifier head, whose channels are the class scores, in place of a layer's number."""

PATCHES = 9
"""Top patches of each channel."""

MAXIMIZED_INPUTS = 4
"""Maximized inputs of each channel."""

Progress = Callable[[str, int, int], None]
"""Called with the unit ("images" or "inputs"), the number processed so far and the total number."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """The pattern that a channel responds to.

    Parameters
    ----------
    number : int
        The number of the channel, 0 … K − 1.
    name : str
    patches : tuple of TopPatch
        The largest activation first; empty for a dead channel, whose activations are all zero or less.
    maximized : tuple of MaximizedInput
        The largest activation first; empty for a dead channel.
    """

    number: int
    name: str
    patches: tuple[TopPatch, ...]
    maximized: tuple[MaximizedInput, ...]

    def __repr__(self) -> str:
        activation = f"{self.patches[0].activation:.3g} at most" if self.patches else "never active"
        return f"<Pattern {self.name}: {activation}>"


@dataclass(frozen=True, eq=False)
class LayerPatterns:
    """The patterns of a layer.

    Parameters
    ----------
    layer : int or "classes"
    size : (int, int)
        Height and width of the receptive field in the image.
    images : int
        The number of images that were searched.
    methods : tuple of str
    patterns : tuple of Pattern
    """

    layer: int | Literal["classes"]
    size: tuple[int, int]
    images: int
    methods: tuple[str, ...]
    patterns: tuple[Pattern, ...]

    def __repr__(self) -> str:
        height, width = self.size
        return f"<LayerPatterns of {len(self.patterns)} filters, {width}×{height}, from {self.images} images>"


def find_patterns(
    network: Network,
    images: ImageSource,
    layer: int | Literal["classes"] | None = None,
    channels: Sequence[int] | None = None,
    *,
    methods: Sequence[str] = METHODS,
    seed: int = 0,
    progress: Progress | None = None,
) -> LayerPatterns:
    """Find the patterns that the channels of a layer respond to.

    Parameters
    ----------
    network : Network
    images : ImageSource
        The images that are searched.
    layer : int or "classes", optional
        1 is the first layer; the last by default.
    channels : sequence of int, optional
        Output channels of the layer, 0 … K − 1; all by default.
    methods : sequence of str
        From `METHODS`. Patches are always computed.
    seed : int
        Seed of the random numbers of maximization.
    progress : callable, optional

    Raises
    ------
    ArgumentError
        If the layer does not exist, or the images do not fit the network.
    """
    network = _bind(network_up_to(network, layer), images)
    names = network.output_names
    channels = range(len(names)) if channels is None else channels
    report = progress or (lambda what, done, total: None)
    top = find_top_activations(network, images, PATCHES, lambda done: report("images", done, len(images)))
    patches = [cut_patches(network, images, top[channel]) for channel in channels]
    if "deconvolution" in methods:
        patches = _with_projections(network, images, channels, top, patches)
    # Class scores are computed from whole images, which all have the same size.
    size = field_size(network) if network.head is None else images.shape(top[0][0].image)[1:]
    maximized: list[list[MaximizedInput]] = [[] for _ in channels]
    if "maximization" in methods:
        maximized = _maximize(network, size, channels, patches, seed, report)
    patterns = tuple(
        Pattern(channel, names[channel], tuple(of_channel), tuple(inputs))
        for channel, of_channel, inputs in zip(channels, patches, maximized, strict=True)
    )
    number: int | Literal["classes"] = "classes" if network.head is not None else len(network.layers)
    return LayerPatterns(number, size, len(images), tuple(methods), patterns)


def network_up_to(network: Network, layer: int | str | None) -> Network:
    """Return the network up to a layer; the classifier head is kept only for the layer "classes".

    Raises
    ------
    ArgumentError
        If the layer does not exist.
    """
    if layer == CLASSES:
        if network.head is None:
            raise ArgumentError(f"{network.name} has no classifier head. Choose a layer by its number.")
        return network
    number = len(network.layers) if layer is None else int(layer)
    return replace(network.upto(number), head=None, classes=())


def _bind(network: Network, images: ImageSource) -> Network:
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
) -> list[list[TopPatch]]:
    """Return the patches with their deconvolutions."""
    flat = [(channel, activation) for channel in channels for activation in top[channel]]
    boxes = [patch.box for of_channel in patches for patch in of_channel]
    projections = iter(project(network, images, [c for c, _ in flat], [a for _, a in flat], boxes))
    return [[replace(patch, projection=next(projections)) for patch in of_channel] for of_channel in patches]


def _maximize(
    network: Network,
    size: tuple[int, int],
    channels: Sequence[int],
    patches: Sequence[Sequence[TopPatch]],
    seed: int,
    progress: Progress,
) -> list[list[MaximizedInput]]:
    """Return the maximized inputs of each channel, an empty list for dead channels."""
    shape = network.layers[0].conv.weights.shape[1], *size
    unpadded = network if network.head is not None else without_padding(network)
    bounds = {
        channel: _norm_bound(of_channel, shape)
        for channel, of_channel in zip(channels, patches, strict=True)
        if of_channel
    }
    total = len(bounds) * MAXIMIZED_INPUTS
    results = maximize(
        unpadded, shape, list(bounds), list(bounds.values()), seed, MAXIMIZED_INPUTS,
        lambda done: progress("inputs", done, total),
    )  # fmt: skip
    maximized = dict(zip(bounds, results, strict=True))
    return [maximized.get(channel, []) for channel in channels]


def _norm_bound(patches: Sequence[TopPatch], shape: Shape) -> float:
    """Return the largest norm of the patches, or the norm of mid-gray if all patches are black."""
    norms = [float(np.sqrt(np.nansum(np.square(patch.pixels)))) for patch in patches]
    return max(norms) or 0.5 * float(np.sqrt(np.prod(shape)))
