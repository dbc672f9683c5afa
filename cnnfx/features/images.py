"""The images that patterns are looked for in: an array of them, or files of any sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.features.units import Units, in_shards, shards
from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import Box, field_size

SOME = 2048
"""Images of an array that are worked through between two reports."""

KEPT_BYTES = 128 * 2**20
"""Of images from files, so much is kept."""


class Peaks(NamedTuple):
    """Of some images, the `first` of them and those that follow: the largest activation of each channel, `values`
    `(N, K)`, and where it is in the layer's output, `rows` and `columns` `(N, K)`."""

    first: int
    values: Array
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


class Gallery(Protocol):
    """Images that are asked for by their number."""

    @property
    def name(self) -> str: ...  # noqa: D102 # what they are called together

    @property
    def channel_names(self) -> tuple[str, ...]: ...  # noqa: D102 # of each of the C channels

    @property
    def notes(self) -> Sequence[str]: ...  # noqa: D102 # what was passed over, once the peaks are found

    def __len__(self) -> int: ...

    def shape(self, number: int) -> Shape:
        """(C, H, W) of an image."""

    def part(self, number: int, box: Box) -> Array:
        """What of an image is in a box that lies within it, `(C, height, width)`, float32, as it is shown: 0..1."""

    def label(self, number: int) -> int | str:
        """What an image is called: its number, or its file's name."""

    def peaks(self, network: Network) -> Iterator[Peaks]:
        """The peaks of all images, in their order, for a network that is bound to `channel_names`.

        Raises
        ------
        ArgumentError
            If the images do not fit the network.
        """


class ImageArray:
    """Images in one array.

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
        """(C, H, W), the same of each image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def part(self, number: int, box: Box) -> Array:
        """What of an image is in a box, `(C, height, width)`, float32, 0..1."""
        return _floats(self.images[number, :, box.top : box.bottom, box.left : box.right])

    def label(self, number: int) -> int | str:
        """Its number."""
        return number

    def peaks(self, network: Network) -> Iterator[Peaks]:
        """The peaks of all images, in their order."""
        shape = self.images.shape[1:]
        fitting(network, shape, self.name)
        for first in range(0, len(self), SOME):
            found: dict[int, Peaks] = {}

            def work(units: Units, part: slice, found: dict[int, Peaks] = found) -> None:
                batch = np.ascontiguousarray(self.images[part].transpose(1, 2, 3, 0))
                found[part.start] = _peaks(part.start, units.forward(_floats(batch)))

            some = [slice(first + part.start, first + part.stop) for part in shards(min(SOME, len(self) - first))]
            in_shards(lambda: Units(network, shape), some, work)
            yield from (found[part.start] for part in some)


class ImageFiles:
    """Images in files, each of its own size; one that cannot be read or does not fit is passed over, and noted.

    Parameters
    ----------
    name : str
    paths : sequence of paths
    load : function from a path to an image
    """

    def __init__(self, name: str, paths: Sequence[Path], load: Callable[[Path], Image]) -> None:
        self.name, self.paths, self._load = name, paths, load
        self.notes: list[str] = []
        self._kept: dict[int, Image] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Those of the first image that can be read."""
        errors: list[CnnfxError] = []
        for path in self.paths:
            try:
                return self._load(path).channel_names
            except CnnfxError as error:
                errors.append(error)
        raise errors[0]

    def shape(self, number: int) -> Shape:
        """(C, H, W) of an image."""
        return self._loaded(number).shape

    def part(self, number: int, box: Box) -> Array:
        """What of an image is in a box, `(C, height, width)`, float32, 0..1."""
        return self._loaded(number).floats(box.top, box.bottom)[:, :, box.left : box.right]

    def _loaded(self, number: int) -> Image:
        """An image, which is kept: many filters look at the same ones."""
        with self._lock:
            image = self._kept.get(number)
            if image is None:
                image = self._load(self.paths[number])
                if sum(kept.values.nbytes for kept in self._kept.values()) + image.values.nbytes > KEPT_BYTES:
                    self._kept.clear()
                self._kept[number] = image
        return image

    def label(self, number: int) -> int | str:
        """The name of its file."""
        return str(self.paths[number])

    def peaks(self, network: Network) -> Iterator[Peaks]:
        """The peaks of all images, in their order."""
        self.notes, errors = [], []
        for number, path in enumerate(self.paths):
            try:
                yield self._peaks(network, number, self._load(path))
            except CnnfxError as error:
                errors.append(error)
                self.notes.append(f"passed over: {error}")
                yield _nothing(number, network)
        if len(errors) == len(self.paths):
            raise errors[0]

    def _peaks(self, network: Network, number: int, image: Image) -> Peaks:
        fitting(network, image.shape, image.name)
        if network.head is not None:
            return _peaks(number, network.scores(image.floats())[:, np.newaxis, np.newaxis, np.newaxis])
        measured = FeatureMaps(network, image).statistics  # in bands: photographs have large maps
        places = np.array([channel.peak or (0, 0) for channel in measured])[np.newaxis]
        return Peaks(number, np.array([[channel.range[1] for channel in measured]]), places[..., 1], places[..., 0])


def fitting(network: Network, shape: tuple[int, ...], name: str) -> None:
    """See that an image of a shape (C, H, W), or the images of this name, fit a network.

    Raises
    ------
    ArgumentError
        If they have other channels than the first layer wants, are smaller than what a filter sees, or of another size
        than the head wants.
    """
    channels, height, width = shape
    check_channels(network, channels, name)
    try:
        maps = network.output_shapes((channels, height, width))[-1]
    except CnnfxError as error:
        high, wide = field_size(network)
        if height >= high and width >= wide:
            raise ArgumentError(f"{name}: {str(error).rstrip('.')}.") from error
        raise ArgumentError(
            f"{name}: its {width}×{height} pixels are fewer than the {wide}×{high} that a filter of layer "
            f"{len(network.layers)} of {network.name} sees."
        ) from error
    if network.head is not None:
        try:
            network.head.check(maps)
        except ArgumentError as error:
            raise ArgumentError(f"{name}: {error}") from error


def check_channels(network: Network, count: int, name: str) -> None:
    """See that images have the channels that the first layer wants.

    Raises
    ------
    ArgumentError
        If they have not.
    """
    if network.in_channels not in (None, count):
        given = f"{count} channel{'s' * (count != 1)}"
        raise ArgumentError(f"{name}: it has {given}; the first layer of {network.name} wants {network.in_channels}.")


def _floats(pixels: Array) -> Array:
    return pixels if pixels.dtype == np.float32 else pixels.astype(np.float32) / np.float32(255)


def _peaks(first: int, maps: Array) -> Peaks:
    """The peaks in maps `(K, H, W, N)`; of equals the first, row by row."""
    flat = maps.reshape(maps.shape[0], -1, maps.shape[3])
    places = flat.argmax(axis=1)
    values = np.take_along_axis(flat, places[:, np.newaxis], axis=1)[:, 0]
    rows, columns = np.divmod(places.T, maps.shape[2])
    return Peaks(first, values.T, rows, columns)


def _nothing(number: int, network: Network) -> Peaks:
    """An image that has no peaks."""
    count = len(network.classes) if network.head is not None else len(network.layers[-1].channel_names)
    none = np.zeros((1, count), np.int64)
    return Peaks(number, np.full((1, count), -np.inf), none, none)
