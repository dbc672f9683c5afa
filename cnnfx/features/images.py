"""Sources of the images that are searched for top patches: an array, or files of any sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.backprop.network import ReplicaPool, shards
from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.features.activations import ChannelActivations
from cnnfx.images import Image, as_floats
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import Box, field_size
from cnnfx.system.sizes import counted

SHARD_IMAGES = 32
"""Images of an array that a thread processes at a time."""

SHARDS_PER_REPORT = 64
"""Shards that are searched between two reports of progress."""

CACHED_BYTES = 128 * 2**20
"""The most bytes of images from files that are kept in memory."""


class Peaks(NamedTuple):
    """The largest activation of each of K channels in each of N successive images.

    Attributes
    ----------
    first : int
        The number of the first image.
    values : array (N, K)
    rows, columns : arrays (N, K) of int
        The position of the value in the layer's output.
    """

    first: int
    values: Array
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


class ImageSource(Protocol):
    """Images by their number, 0 … N − 1."""

    @property
    def name(self) -> str: ...  # noqa: D102 # of the source, for messages

    @property
    def channel_names(self) -> tuple[str, ...]: ...  # noqa: D102 # of the C channels

    @property
    def notes(self) -> Sequence[str]: ...  # noqa: D102 # messages about images that `peaks` skipped

    def __len__(self) -> int: ...

    def shape(self, number: int) -> Shape:
        """Return (C, H, W) of an image."""

    def crop(self, number: int, box: Box) -> Array:
        """Return the pixels of an image in a box within it, `(C, height, width)`, float32, 0..1, not normalized."""

    def label(self, number: int) -> int | str:
        """Return the image's number, or the name of its file."""

    def peaks(self, network: Network) -> Iterator[Peaks]:
        """Yield the peaks of all images, in order, for a network that is bound to `channel_names`.

        Raises
        ------
        ArgumentError
            If the images do not fit the network.
        """


class ImageArray:
    """Images of one size in an array.

    Parameters
    ----------
    name : str
    images : array (N, C, H, W)
        uint8, or float32 from 0 to 1.
    """

    notes: Sequence[str] = ()

    def __init__(self, name: str, images: Array) -> None:
        self.name, self.images = name, images
        self.channel_names = tuple(map(str, range(images.shape[1])))

    def __len__(self) -> int:
        return len(self.images)

    def shape(self, number: int) -> Shape:
        """Return (C, H, W), which is the same for each image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def crop(self, number: int, box: Box) -> Array:
        """Return the pixels of an image in a box, `(C, height, width)`, float32, 0..1."""
        return as_floats(self.images[number, :, box.top : box.bottom, box.left : box.right])

    def label(self, number: int) -> int | str:
        """Return the number."""
        return number

    def peaks(self, network: Network) -> Iterator[Peaks]:
        """Yield the peaks of all images, in order."""
        shape = self.images.shape[1:]
        check_images(network, shape, self.name)
        pool = ReplicaPool(lambda: ChannelActivations(network, shape))

        def work(activations: ChannelActivations, part: slice) -> Peaks:
            batch = np.ascontiguousarray(self.images[part].transpose(1, 2, 3, 0))
            return _peaks(part.start, activations.forward(as_floats(batch)))

        parts = shards(len(self), SHARD_IMAGES)
        for first in range(0, len(parts), SHARDS_PER_REPORT):
            yield from pool.map(work, parts[first : first + SHARDS_PER_REPORT])


class ImageFiles:
    """Images in files, of any sizes. Files that cannot be read or do not fit the network are skipped with a note.

    Parameters
    ----------
    name : str
    paths : sequence of paths
    load : function from a path to an image
    """

    def __init__(self, name: str, paths: Sequence[Path], load: Callable[[Path], Image]) -> None:
        self.name, self.paths, self._load = name, paths, load
        self.notes: list[str] = []
        self._cache: dict[int, Image] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The channel names of the first image that can be read."""
        errors: list[CnnfxError] = []
        for path in self.paths:
            try:
                return self._load(path).channel_names
            except CnnfxError as error:
                errors.append(error)
        raise errors[0]

    def shape(self, number: int) -> Shape:
        """Return (C, H, W) of an image."""
        return self._image(number).shape

    def crop(self, number: int, box: Box) -> Array:
        """Return the pixels of an image in a box, `(C, height, width)`, float32, 0..1."""
        return self._image(number).floats(box.top, box.bottom)[:, :, box.left : box.right]

    def _image(self, number: int) -> Image:
        """Return an image, cached because the top patches of many filters come from the same images."""
        with self._lock:
            image = self._cache.get(number)
            if image is None:
                image = self._load(self.paths[number])
                if sum(cached.values.nbytes for cached in self._cache.values()) + image.values.nbytes > CACHED_BYTES:
                    self._cache.clear()
                self._cache[number] = image
        return image

    def label(self, number: int) -> int | str:
        """Return the name of the file."""
        return str(self.paths[number])

    def peaks(self, network: Network) -> Iterator[Peaks]:
        """Yield the peaks of all images, in order; values of −∞ for skipped images."""
        self.notes, errors = [], []
        for number, path in enumerate(self.paths):
            try:
                yield self._peaks_of(network, number, self._load(path))
            except CnnfxError as error:
                errors.append(error)
                self.notes.append(f"skipped: {error}")
                yield _no_peaks(network, number)
        if len(errors) == len(self.paths):
            raise errors[0]

    def _peaks_of(self, network: Network, number: int, image: Image) -> Peaks:
        check_images(network, image.shape, image.name)
        if network.head is not None:
            return _peaks(number, network.scores(image.floats())[:, np.newaxis, np.newaxis, np.newaxis])
        channels = FeatureMaps(network, image).statistics  # computed in bands: photographs have large maps
        positions = np.array([channel.peak or (0, 0) for channel in channels])[np.newaxis]
        values = np.array([[channel.range[1] for channel in channels]])
        return Peaks(number, values, positions[..., 1], positions[..., 0])


def check_images(network: Network, shape: tuple[int, ...], name: str) -> None:
    """Check that images of a shape (C, H, W) fit a network; messages begin with `name`.

    Raises
    ------
    ArgumentError
        If the number of channels is not that of the first layer, the images are smaller than the receptive field, or
        the classifier head reads maps of another size.
    """
    channels, height, width = shape
    check_channels(network, channels, name)
    try:
        maps = network.output_shapes((channels, height, width))[-1]
    except CnnfxError as error:
        field_height, field_width = field_size(network)
        if height >= field_height and width >= field_width:
            raise error.prefixed(name) from error
        raise ArgumentError(
            f"{name}: {width}×{height} pixels are smaller than the receptive field of layer {len(network.layers)} of "
            f"{network.name}, {field_width}×{field_height}."
        ) from error
    if network.head is not None:
        try:
            network.head.check(maps)
        except ArgumentError as error:
            raise error.prefixed(name) from error


def check_channels(network: Network, count: int, name: str) -> None:
    """Check that the first layer reads images of `count` channels; messages begin with `name`.

    Raises
    ------
    ArgumentError
        If not.
    """
    if network.in_channels not in (None, count):
        given = counted(count, "channel")
        raise ArgumentError(f"{name}: it has {given}; the first layer of {network.name} takes {network.in_channels}.")


def _peaks(first: int, maps: Array) -> Peaks:
    """Return the peaks of maps `(K, H, W, N)`; the first of equal values, row by row."""
    flat = maps.reshape(maps.shape[0], -1, maps.shape[3])
    positions = flat.argmax(axis=1)
    values = np.take_along_axis(flat, positions[:, np.newaxis], axis=1)[:, 0]
    rows, columns = np.divmod(positions.T, maps.shape[2])
    return Peaks(first, values.T, rows, columns)


def _no_peaks(network: Network, number: int) -> Peaks:
    """Return peaks of −∞ for one image."""
    count = len(network.output_names)
    zeros = np.zeros((1, count), np.int64)
    return Peaks(number, np.full((1, count), -np.inf), zeros, zeros)
