"""Sources of the images that are searched for top patches: an array, or files of any sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.images import Image, as_floats
from cnnfx.images.image import RGB_NAMES
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import Box, field_size
from cnnfx.system.sizes import counted, size_text
from cnnfx.system.threads import ordered_map

SHARD_IMAGES = 128
"""Images of an array that a thread processes at a time."""

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
    def notes(self) -> Sequence[str]: ...  # noqa: D102 # messages about images, such as those that were skipped

    @property
    def skipped(self) -> int: ...  # noqa: D102 # how many files could not be read, or do not fit the network

    @property
    def unread(self) -> int: ...  # noqa: D102 # how many of the N images `peaks` skipped

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
    notes : sequence of str
        Messages about the images.
    skipped : int
        How many files of the images could not be read.
    """

    unread = 0

    def __init__(self, name: str, images: Array, notes: Sequence[str] = (), skipped: int = 0) -> None:
        self.name, self.images, self.notes, self.skipped = name, images, notes, skipped
        is_color = images.shape[1] == len(RGB_NAMES)
        self.channel_names = RGB_NAMES if is_color else tuple(map(str, range(images.shape[1])))

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
        check_images(network, self.images.shape[1:], self.name)

        def work(first: int) -> Peaks:
            batch = as_floats(self.images[first : first + SHARD_IMAGES])
            if network.is_classifier:
                return _peaks(first, network.scores(batch)[..., np.newaxis, np.newaxis])
            (maps,) = network.forward(batch).values()
            return _peaks(first, maps)

        yield from ordered_map(work, range(0, len(self), SHARD_IMAGES))


class ImageFiles:
    """Images in files, of any sizes. Files that cannot be read or do not fit the network are skipped with a note.

    Parameters
    ----------
    name : str
    paths : sequence of paths
    load : function from a path to an image
    notes : sequence of str
        Messages for the user about the files, to which `peaks` adds those about images.
    """

    def __init__(
        self, name: str, paths: Sequence[Path], load: Callable[[Path], Image], notes: Sequence[str] = ()
    ) -> None:
        self.name, self.paths, self._load, self._file_notes = name, paths, load, tuple(notes)
        self.notes: list[str] = []
        self.skipped = 0
        self._cache: dict[int, Image] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def unread(self) -> int:
        """How many images `peaks` skipped."""
        return self.skipped

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
        self.notes = list(self._file_notes)
        errors: list[CnnfxError] = []
        size = self._size_of_all(network)

        def work(number: int) -> tuple[Peaks | CnnfxError, tuple[str, ...]]:
            try:
                image = self._load(self.paths[number])
                return _peaks_of_image(network, number, image, size), image.notes
            except CnnfxError as error:
                return error, ()

        for number, (found, notes) in enumerate(ordered_map(work, range(len(self.paths)))):
            self.notes += notes
            if isinstance(found, CnnfxError):
                errors.append(found)
                self.notes.append(f"skipped: {found}")
                yield _no_peaks(network, number)
            else:
                yield found
        self.skipped = len(errors)
        if len(errors) == len(self.paths):
            raise errors[0]

    def _size_of_all(self, network: Network) -> tuple[int, ...] | None:
        """Return the size of the first image that fits, if patches are whole images, which all have the same size."""
        if not reads_whole_images(network):
            return None
        for path in self.paths:
            try:
                image = self._load(path)
                check_images(network, image.shape, image.name)
                return image.shape[1:]
            except CnnfxError:
                continue  # `peaks` reports it
        return None


def reads_whole_images(network: Network) -> bool:
    """Return whether outputs of a network's last layer, or its class scores, are computed from all pixels.

    So are those of a classifier, and of layers above a pooling of whole maps.
    """
    pools = (network.layers[number - 1].pool for number in network.needed if number)
    return network.is_classifier or any(pool is not None and pool.is_global for pool in pools)


def _peaks_of_image(network: Network, number: int, image: Image, size: tuple[int, ...] | None) -> Peaks:
    """Return the peaks of an image, which must have the given size (H, W), if there is one."""
    check_images(network, image.shape, image.name)
    if size is not None and image.shape[1:] != size:
        raise ArgumentError(
            f"{image.name}: it has {size_text(image.shape[1:])} pixels, other images {size_text(size)}; "
            f"{network.layer_owner()} reads whole images, which must be of one size."
        )
    if network.is_classifier:
        return _peaks(number, network.scores(image.floats())[np.newaxis, :, np.newaxis, np.newaxis])
    return _peaks_of_bands(number, FeatureMaps(network, image).bands())


def _peaks_of_bands(number: int, bands: Iterable[tuple[int, Array]]) -> Peaks:
    """Return the peaks of an image, from bands `(first row, (K, rows, W))`: photographs have large maps."""
    best: Peaks | None = None
    for first, band in bands:
        peaks = _peaks(number, band[np.newaxis])
        peaks = peaks._replace(rows=peaks.rows + first)
        if best is None:
            best = peaks
        else:
            is_larger = peaks.values > best.values
            best = Peaks(number, *(np.where(is_larger, new, old) for new, old in zip(peaks[1:], best[1:], strict=True)))
    assert best is not None
    return best


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
        field = field_size(network)
        if (height >= field[0] and width >= field[1]) or network.smallest_size(channels) != field:
            raise error.prefixed(name) from error
        raise ArgumentError(
            f"{name}: {width}×{height} pixels are smaller than the receptive field of {network.layer_owner()}, "
            f"{size_text(field)}."
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
    """Return the peaks of the finite values of maps `(N, K, H, W)`; the first of equal values, row by row."""
    flat = maps.reshape(*maps.shape[:2], -1)
    values, positions = _largest(flat)
    if not np.isfinite(values).all():
        values, positions = _largest(np.where(np.isfinite(flat), flat, -np.inf))
    return Peaks(first, values, *np.divmod(positions, maps.shape[3]))


def _largest(values: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return the largest of the last axis and its position; that of the first NaN if there is one."""
    positions = values.argmax(axis=-1)
    return np.take_along_axis(values, positions[..., np.newaxis], axis=-1)[..., 0], positions


def _no_peaks(network: Network, number: int) -> Peaks:
    """Return peaks of −∞ for one image."""
    count = len(network.output_names)
    zeros = np.zeros((1, count), np.int64)
    return Peaks(number, np.full((1, count), -np.inf), zeros, zeros)
