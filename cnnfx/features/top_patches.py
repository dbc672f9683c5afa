"""Top-k patches: the patches of images with the largest activations of each channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cnnfx.features.images import ImageSource, Peaks, reads_whole_images
from cnnfx.nn.layers import Array
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import Box, receptive_field
from cnnfx.nn.rounding import rounding_errors

MAX_ROUNDING_ERROR = 1e-4
"""Larger bounds are those of deep networks, far larger than the errors."""


class TopActivation(NamedTuple):
    """A large activation of a channel: its value, the number of the image, and the output's row and column."""

    activation: float
    image: int
    row: int
    column: int


@dataclass(frozen=True, eq=False)
class TopPatch:
    """The patch of an image that an activation is computed from.

    Parameters
    ----------
    activation : float
    image : int or str
        The number or the file of the image.
    row, column : int
        The position of the output in the feature map.
    box : Box
        The receptive field, parts of which may lie outside of the image.
    pixels : array (C, height, width)
        The image in the box, 0..1; NaN outside of the image.
    projection : array (C, height, width), optional
        The deconvolution of the activation; see `cnnfx.features.deconvnet`.
    """

    activation: float
    image: int | str
    row: int
    column: int
    box: Box
    pixels: Array
    projection: Array | None = None


def find_top_activations(
    network: Network, images: ImageSource, count: int, progress: Callable[[int], None] | None = None
) -> list[list[TopActivation]]:
    """Find the largest activations of each output channel of the last layer, or of each class of a classifier.

    Parameters
    ----------
    network : Network
        Bound to the channels of the images.
    images : ImageSource
    count : int
        The most activations of each channel, at most one in each image. Images in which all activations of a channel
        are zero or less, or nothing but rounding errors, are left out.
    progress : callable, optional
        Called with the number of images searched so far.

    Returns
    -------
    list of K lists of TopActivation
        The largest first.

    Raises
    ------
    ArgumentError
        If the images do not fit the network.
    """
    top = None
    for peaks in images.peaks(network):
        top = top or _TopK(count, peaks.values.shape[1])
        top.add(peaks)
        if progress:
            progress(peaks.first + len(peaks.values))
    if top is None:
        return []
    if network.is_classifier:  # class scores may be negative
        return [top.activations(channel, -np.inf) for channel in range(top.channels)]
    return [top.activations(channel, error) for channel, error in enumerate(_rounding_errors(network, images))]


def _rounding_errors(network: Network, images: ImageSource) -> list[float]:
    """Return the bound of the rounding errors of each output channel for images of 0..1; 0 where it is of no use."""
    largest = network.input.normalized_magnitudes(np.ones(len(images.channel_names)))
    sources = [network.sources(number) for number in range(1, len(network.layers) + 1)]
    errors = rounding_errors(network.layers, sources, largest, {})
    return [error if error <= MAX_ROUNDING_ERROR else 0.0 for error in errors]


class _TopK:
    """The k largest activations of each of K channels so far, at most one for each image.

    The earlier of equal activations is kept, so the result is the same as that of a stable sort of all activations.
    """

    def __init__(self, count: int, channels: int) -> None:
        self.count, self.channels = count, channels
        self._values = np.full((count, channels), -np.inf)
        self._positions = np.full((3, count, channels), -1)  # image, row, column

    def add(self, peaks: Peaks) -> None:
        """Add the peaks of further images."""
        numbers = np.broadcast_to(peaks.first + np.arange(len(peaks.values))[:, np.newaxis], peaks.values.shape)
        values = np.concatenate([self._values, peaks.values])
        positions = np.concatenate([self._positions, np.stack([numbers, peaks.rows, peaks.columns])], axis=1)
        order = np.argsort(-values, axis=0, kind="stable")[: self.count]
        self._values = np.take_along_axis(values, order, axis=0)
        self._positions = np.take_along_axis(positions, order[np.newaxis], axis=1)

    def activations(self, channel: int, above: float) -> list[TopActivation]:
        """Return the largest activations of a channel that are larger than `above`, the largest first."""
        columns = zip(self._values[:, channel].tolist(), *self._positions[:, :, channel].tolist(), strict=True)
        return [TopActivation(*column) for column in columns if column[0] > above]


def cut_patches(network: Network, images: ImageSource, activations: Sequence[TopActivation]) -> list[TopPatch]:
    """Return the patches of activations: their receptive fields, or whole images where these are read."""
    return [_cut_patch(network, images, top) for top in activations]


def _cut_patch(network: Network, images: ImageSource, top: TopActivation) -> TopPatch:
    channels, height, width = images.shape(top.image)
    if reads_whole_images(network):
        box = Box(0, 0, height, width)
    else:
        box = receptive_field(network, (channels, height, width)).box(top.row, top.column)
    inside = box.clipped(height, width)
    pixels = np.full((channels, box.bottom - box.top, box.right - box.left), np.nan, np.float32)
    rows = slice(inside.top - box.top, inside.bottom - box.top)
    columns = slice(inside.left - box.left, inside.right - box.left)
    pixels[:, rows, columns] = images.crop(top.image, inside)
    return TopPatch(top.activation, images.label(top.image), top.row, top.column, box, pixels)
