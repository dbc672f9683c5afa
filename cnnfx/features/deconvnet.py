"""What in a patch excites a channel: its activation projected back to the pixels.

The deconvolutional network of Zeiler and Fergus, 2013, "Visualizing and Understanding Convolutional Networks", section
2.1, runs a network in reverse. All activations but one are set to zero; then, layer by layer down,

    unpooling       the signal goes to where the largest value of each block was (the switches of the forward pass)
    rectification   s ← max(s, 0)
    filtering       s ← Σ_k w_k transposed: each weight times the signal, added where the weight lay

The first and the last are also what the gradient does; the rectification is not: the gradient lets pass what was
positive on the way up, the deconvolutional network what is positive on the way down. So its result holds what speaks
for the channel, made of parts that speak for it too. A network that only rectifies above all its signals and a gradient
agree; in general they do not.

Of what the paper does not know, mean-pooling spreads the signal over its block, magnitudes (`abs`) and combinations
of channels go back as their gradient, and a dense layer is a filter as large as its input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnnfx.features.images import Gallery
from cnnfx.features.top_patches import Excerpt, Kept, Place, excerpt, of_part
from cnnfx.features.units import Units, in_shards, shards
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import Box

WORK = 2**22
"""About how many numbers of the images, all together, one thread works on at a time."""


class Excited(NamedTuple):
    """A channel, and a place where it is excited."""

    channel: int
    place: Place


class _Kind(NamedTuple):
    """What excerpts have in common that go through one network together."""

    image: Shape
    part: Shape
    kept: tuple[Kept, Kept]


def project(network: Network, gallery: Gallery, excited: Sequence[Excited], boxes: Sequence[Box]) -> list[Array]:
    """The projection of each activation to the pixels of its box.

    Parameters
    ----------
    network : Network
        Bound to the gallery's channels; the activations are those of its last layer, or its scores if it has a head.
    gallery : Gallery
    excited : sequence of Excited
    boxes : sequence of Box
        The receptive field of each.

    Returns
    -------
    list of arrays (C, height, width)
        Any real numbers: positive where light speaks for the channel, negative where dark does; 0 outside the image.
    """
    groups: dict[_Kind, list[tuple[int, Excerpt]]] = {}
    for index, (_, place) in enumerate(excited):
        shape = gallery.shape(place.image)
        cut = excerpt(network, shape, place.row, place.column)
        part = shape[0], cut.box.bottom - cut.box.top, cut.box.right - cut.box.left
        kind = _Kind(shape, shape if all(map(all, cut.kept)) else part, cut.kept)
        groups.setdefault(kind, []).append((index, cut))
    results: dict[int, Array] = {}
    for kind, members in groups.items():
        _project_alike(network, gallery, excited, kind, members, results)
    return [_framed(results[index], cut, boxes[index]) for index, cut in _in_order(groups)]


def _in_order(groups: dict[_Kind, list[tuple[int, Excerpt]]]) -> list[tuple[int, Excerpt]]:
    return sorted((member for members in groups.values() for member in members), key=lambda member: member[0])


def _project_alike(
    network: Network,
    gallery: Gallery,
    excited: Sequence[Excited],
    kind: _Kind,
    members: Sequence[tuple[int, Excerpt]],
    results: dict[int, Array],
) -> None:
    """The projections of excerpts of one size, each `(C, height, width)` of the excerpt, into `results`."""
    alone = of_part(network, kind.image, kind.kept)

    def work(units: Units, part: slice) -> None:
        some = members[part]
        pixels = [gallery.part(excited[index].place.image, cut.box) for index, cut in some]
        activations = units.forward(np.stack(pixels, axis=-1))
        signal = np.zeros_like(activations)
        for n, (index, cut) in enumerate(some):
            at = (excited[index].channel, cut.row, cut.column, n)
            signal[at] = activations[at]
        back = units.backward(signal)
        results.update((index, back[..., n]) for n, (index, _) in enumerate(some))

    together = max(1, min(32, WORK // int(np.prod(kind.part))))
    in_shards(lambda: Units(alone, kind.part, deconvolve=True), shards(len(members), together), work)


def _framed(projection: Array, cut: Excerpt, box: Box) -> Array:
    """The projection of an excerpt, as the box shows it."""
    framed = np.zeros((len(projection), box.bottom - box.top, box.right - box.left), projection.dtype)
    top, left, bottom, right = (
        max(cut.box.top, box.top), max(cut.box.left, box.left),
        min(cut.box.bottom, box.bottom), min(cut.box.right, box.right),
    )  # fmt: skip
    framed[:, top - box.top : bottom - box.top, left - box.left : right - box.left] = projection[
        :, top - cut.box.top : bottom - cut.box.top, left - cut.box.left : right - cut.box.left
    ]
    return framed
