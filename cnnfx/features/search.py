"""All that is looked for in a layer, filter by filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.features.deconvnet import Excited, project
from cnnfx.features.images import Gallery, check_channels
from cnnfx.features.maximization import Climb, maximize
from cnnfx.features.top_patches import Place, find_top, without_padding
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import Box, field_size, receptive_field

METHODS = ("patches", "deconvolution", "maximization")
CLASSES = "classes"
"""The layer that is not one: the scores of the classes."""
PATCHES, SEEDS = 9, 4
"""So many patches of each filter, and inputs from so many seeds."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is in all."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Where a filter is excited.

    Parameters
    ----------
    activation : float
    image : int or str
        The image's number or file.
    row, column : int
        Of the output in its feature map.
    box : Box
        The receptive field, parts of which may lie outside the image.
    pixels : array (C, height, width)
        The image in the box, 0..1; NaN outside of it.
    projection : array (C, height, width), optional
        Its deconvolution.
    """

    activation: float
    image: int | str
    row: int
    column: int
    box: Box
    pixels: Array
    projection: Array | None = None


@dataclass(frozen=True, eq=False)
class Pattern:
    """What a filter looks for; without patches it is dead: nowhere in any image above zero.

    Parameters
    ----------
    number : int
        The channel's, from 0 on.
    name : str
    patches : tuple of Patch
        The most exciting first.
    climbs : tuple of Climb
        The inputs that were made to excite it, the most exciting first; none for a dead one.
    """

    number: int
    name: str
    patches: tuple[Patch, ...]
    climbs: tuple[Climb, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """The patterns of a layer.

    Parameters
    ----------
    layer : int or "classes"
    size : (int, int)
        Height and width of the receptive field in the image.
    images : int
        How many were looked through.
    methods : tuple of str
    patterns : tuple of Pattern
    """

    layer: int | Literal["classes"]
    size: tuple[int, int]
    images: int
    methods: tuple[str, ...]
    patterns: tuple[Pattern, ...]


def choose_layer(network: Network, layer: int | str | None) -> Network:
    """The network up to a layer, which is its last; the head stays for the layer "classes" only.

    Raises
    ------
    ArgumentError
        If the layer is not there.
    """
    count = len(network.layers)
    if layer == CLASSES:
        if network.head is None:
            raise ArgumentError(f"{network.name} tells no classes: it has filters only. Choose a layer by its number.")
        return network
    number = count if layer is None else int(layer)
    if not 1 <= number <= count:
        raise ArgumentError(f"There is no layer {layer}: {network.name} has {count} layer{'s' * (count > 1)}.")
    return replace(network.upto(number), head=None, classes=())


def unit_names(network: Network) -> tuple[str, ...]:
    """The names of the classes, or of the last layer's output channels where there is no head."""
    return network.classes if network.head is not None else network.layers[-1].channel_names


def find_patterns(
    network: Network,
    gallery: Gallery,
    layer: int | Literal["classes"] | None = None,
    channels: Sequence[int] | None = None,
    *,
    methods: Sequence[str] = METHODS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Found:
    """What the filters of a layer look for.

    Parameters
    ----------
    network : Network
    gallery : Gallery
        The images that are looked through.
    layer : int or "classes", optional
        1 is the first layer; the last unless given.
    channels : sequence of int, optional
        Which of its output channels, from 0 on; all unless given.
    methods : of `METHODS`
    seed : int
        Of maximization.
    progress : callable, optional

    Raises
    ------
    ArgumentError
        If the layer is not there, or the images do not fit the network.
    """
    chosen = _bound_to(choose_layer(network, layer), gallery)
    names = unit_names(chosen)
    channels = range(len(names)) if channels is None else channels
    tell = progress or (lambda what, done, total: None)
    top = find_top(chosen, gallery, PATCHES, lambda done: tell("images", done, len(gallery)))
    patches = [[_patch(chosen, gallery, place) for place in top[k]] for k in channels]
    if "deconvolution" in methods:
        patches = _projected(chosen, gallery, channels, top, patches)
    size = _size(chosen, gallery, top)
    climbs: list[list[Climb]] = [[] for _ in channels]
    if "maximization" in methods:
        climbs = _climbed(chosen, size, channels, patches, seed, tell)
    patterns = [Pattern(k, names[k], tuple(p), tuple(c)) for k, p, c in zip(channels, patches, climbs, strict=True)]
    number: int | Literal["classes"] = "classes" if chosen.head is not None else len(chosen.layers)
    return Found(number, size, len(gallery), tuple(methods), tuple(patterns))


def _bound_to(network: Network, gallery: Gallery) -> Network:
    """The network on the gallery's channels."""
    check_channels(network, len(gallery.channel_names), gallery.name)
    try:
        return network.bind(gallery.channel_names)
    except ArgumentError as error:
        raise ArgumentError(f"{gallery.name}: {error}.") from error


def _patch(network: Network, gallery: Gallery, place: Place) -> Patch:
    channels, height, width = gallery.shape(place.image)
    if network.head is not None:
        box = Box(0, 0, height, width)
    else:
        box = receptive_field(network, (channels, height, width)).box(place.row, place.column)
    inside = box.clipped(height, width)
    pixels = np.full((channels, box.bottom - box.top, box.right - box.left), np.nan, np.float32)
    rows = slice(inside.top - box.top, inside.bottom - box.top)
    columns = slice(inside.left - box.left, inside.right - box.left)
    pixels[:, rows, columns] = gallery.part(place.image, inside)
    return Patch(place.activation, gallery.label(place.image), place.row, place.column, box, pixels)


def _size(network: Network, gallery: Gallery, top: Sequence[Sequence[Place]]) -> tuple[int, int]:
    """The receptive field's; a class sees the whole image."""
    if network.head is None:
        return field_size(network)
    _, height, width = gallery.shape(top[0][0].image)
    return height, width


def _projected(
    network: Network,
    gallery: Gallery,
    channels: Sequence[int],
    top: Sequence[Sequence[Place]],
    patches: Sequence[Sequence[Patch]],
) -> list[list[Patch]]:
    """The patches with their deconvolutions."""
    excited = [Excited(k, place) for k in channels for place in top[k]]
    boxes = [patch.box for some in patches for patch in some]
    projections = iter(project(network, gallery, excited, boxes))
    return [[replace(patch, projection=next(projections)) for patch in some] for some in patches]


def _climbed(
    network: Network,
    size: tuple[int, int],
    channels: Sequence[int],
    patches: Sequence[Sequence[Patch]],
    seed: int,
    tell: Progress,
) -> list[list[Climb]]:
    """The inputs that excite each channel that is not dead; none has a larger norm than all of its patches."""
    shape = network.layers[0].conv.weights.shape[1], *size
    alone = network if network.head is not None else without_padding(network)
    alive = [(k, _bound(some, shape)) for k, some in zip(channels, patches, strict=True) if some]
    total = len(alive) * SEEDS
    found = maximize(
        alone,
        shape,
        [k for k, _ in alive],
        [bound for _, bound in alive],
        seed,
        SEEDS,
        lambda done: tell("inputs", done, total),
    )
    climbs = dict(zip((k for k, _ in alive), found, strict=True))
    return [climbs.get(k, []) for k in channels]


def _bound(patches: Sequence[Patch], shape: Shape) -> float:
    """The largest norm of the patches; that of mid-gray where there are none, or all are black."""
    norms = [float(np.sqrt(np.nansum(np.square(patch.pixels)))) for patch in patches]
    return max(norms, default=0.0) or 0.5 * float(np.sqrt(np.prod(shape)))
