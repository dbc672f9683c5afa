"""The classes `LabeledImages` and `Dataset`, and checks that all readers of datasets use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.image import range_text
from cnnfx.system.limits import MAX_CLASSES, MAX_DATASET_BYTES, check_limit
from cnnfx.system.sizes import counted
from cnnfx.system.text import printable_names

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Progress = Callable[[str, int, int | None], None]
"""Called with the name of what is loaded, the amount loaded so far, and the total amount, or None if it is unknown."""

MAX_8_BITS, MAX_16_BITS = 255, 65535
"""White in pixels that are whole numbers of 8 and of 16 bits."""


@dataclass(frozen=True, eq=False)
class LabeledImages:
    """Images and their classes.

    Parameters
    ----------
    name : str
        The name of the dataset, used in messages.
    images : array (N, C, H, W)
        uint8, or float32 from 0 to 1.
    labels : array (N,) of int
        Indices into `classes`.
    classes : tuple of str
        The names of the classes.
    background : str, optional
        The color over which transparent parts were composited, if one was given; see `cnnfx.nn.input.Input`.
    """

    name: str
    images: NDArray[Any]
    labels: Labels
    classes: tuple[str, ...]
    background: str | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labeled images for training and for testing.

    Parameters
    ----------
    name : str
        "mnist", "drawn", "shapes", "drawn:N", "shapes:N", or the name of a file or folder.
    train_images, test_images : array (N, C, H, W), uint8 or float32
        0 is black, 255 white, or 1 as float32. MNIST's digits are white on black.
    train_labels, test_labels : array (N,), int64
        Indices into `classes`.
    classes : tuple of str
        The names of the classes.
    notes : tuple of str
        Messages for the user, such as that MNIST is not available and drawn digits are used.
    background : str, optional
        The color over which transparent parts were composited, if one was given.
    skipped : int
        How many files were left out because they cannot be read.
    is_folder : bool
        Whether the images are those of class folders.
    """

    name: str
    train_images: NDArray[Any]
    train_labels: Labels
    test_images: NDArray[Any]
    test_labels: Labels
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    background: str | None = None
    skipped: int = 0
    is_folder: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", printable_names(self.classes))

    @property
    def train(self) -> LabeledImages:
        """The training images."""
        return LabeledImages(self.name, self.train_images, self.train_labels, self.classes, self.background)

    @property
    def test(self) -> LabeledImages:
        """The test images; there may be none."""
        return LabeledImages(self.name, self.test_images, self.test_labels, self.classes, self.background)

    def with_notes(self, notes: tuple[str, ...]) -> Dataset:
        """Return the dataset with these notes before the existing ones."""
        return replace(self, notes=(*notes, *self.notes))


def check_counts(images_name: str, images: NDArray[Any], labels_name: str, labels: Labels) -> None:
    """Raise `FileError` if the numbers of images and labels differ."""
    if len(images) != len(labels):
        raise FileError(
            f"{labels_name}: it holds {len(labels)} labels for the {len(images)} images of {images_name}. "
            "Get both files from the same place."
        )


def renumbered(
    name: str, train_labels: Labels, test_labels: Labels, names: Mapping[int, str] | None = None
) -> tuple[tuple[str, ...], Labels, Labels]:
    """Return the class names of labels, and the labels renumbered from 0 without gaps.

    Parameters
    ----------
    name : str
        Of the test labels, for messages.
    train_labels, test_labels : arrays (N,)
        Whole numbers of 0 or more.
    names : mapping of int to str, optional
        The names of the labels; by default the numbers as text.

    Raises
    ------
    FileError
        If a test label is larger than all training labels, or there are too many classes.
    """
    largest = int(train_labels.max())
    if int(test_labels.max()) > largest:
        raise FileError(f"{name}: it holds the label {int(test_labels.max())}; the training labels end at {largest}.")
    used = np.union1d(train_labels, test_labels)
    check_limit(name, "classes", len(used), MAX_CLASSES)
    classes = tuple(str(label) if names is None else names[label] for label in used.tolist())
    return classes, np.searchsorted(used, train_labels), np.searchsorted(used, test_labels)


def as_pixels(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as pixels.

    Whole numbers become uint8 if they are in 0..255, or uint16 if they are in 0..65535; fractions in 0..1 become
    float32.

    Parameters
    ----------
    name : str
        Of the numbers, for messages.
    array : array (N, ...) of bool, integers or floats

    Raises
    ------
    FileError
        If they are none of these.
    """
    low, high = array.min(), array.max()
    if problem := non_finite_text(array):
        raise FileError(f"{name} holds {problem}. Pixels are numbers.")
    is_whole = array.dtype.kind != "f" or bool((array == np.floor(array)).all())
    if low < 0 or high > (MAX_16_BITS if is_whole else 1):
        raise FileError(
            f"{name} holds {array.dtype.name} numbers of {range_text(low, high)}. Pixels are whole numbers of 0 to 255 "
            "or 0 to 65535, or fractions of 0 to 1. Scale all of them in the same way."
        )
    if not is_whole:
        return array.astype(np.float32)
    return array.astype(np.uint8 if high <= MAX_8_BITS else np.uint16, copy=False)


def non_finite_text(array: NDArray[Any]) -> str:
    """Return how many numbers of images `(N, ...)` are NaN or infinite, and in which image the first is; "" if none."""
    if array.dtype.kind != "f" or np.isfinite([array.min(), array.max()]).all():
        return ""
    counts = (~np.isfinite(array)).reshape(len(array), -1).sum(axis=1)
    bad = np.flatnonzero(counts)
    return (
        f"{counted(int(counts.sum()), 'number')} that {'is' if counts.sum() == 1 else 'are'} NaN or infinite, in "
        f"{len(bad)} of {counted(len(array), 'image')}, the first in image {bad[0]}, counted from 0"
    )


def alike_pixels(
    name: str, train: NDArray[Any], test: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], tuple[str, ...]]:
    """Return images for training and for testing with the same scale, uint8 in 0..255 or float32 in 0..1.

    If no number is above 1, 1 is white, as in images of two levels; if whole numbers are above 255, 65535 is white,
    with a note.

    Raises
    ------
    FileError
        If one part has whole numbers above 255 and the other has none, or floats need too much memory.
    """
    if train.dtype == test.dtype == np.uint8:
        return (train, test, ()) if max(train.max(), test.max()) > 1 else (255 * train, 255 * test, ())
    if {train.dtype, test.dtype} == {np.dtype(np.uint8), np.dtype(np.uint16)}:
        raise FileError(
            f"{name}: its training images hold whole numbers up to {train.max()}, its test images up to {test.max()}. "
            "Scale both to the same range, 0 to 255 or 0 to 65535."
        )
    notes: tuple[str, ...] = ()
    if np.uint16 in (train.dtype, test.dtype):
        high = max(int(images.max()) for images in (train, test) if images.dtype == np.uint16)
        notes = (f"{name}: its pixels are whole numbers up to {high}, read as 16 bits: {MAX_16_BITS} is white.",)
    for images in (train, test):
        check_memory(name, len(images), images[0].size * np.dtype(np.float32).itemsize)
    return _as_fractions(train), _as_fractions(test), notes


def _as_fractions(images: NDArray[Any]) -> NDArray[np.float32]:
    """Return images in 0..1; whole numbers count as 0..65535 if they are uint16, else as 0..255 if one is above 1."""
    white = MAX_16_BITS if images.dtype == np.uint16 else MAX_8_BITS if images.max() > 1 else 1
    fractions: NDArray[np.float32] = images.astype(np.float32)
    return fractions if white == 1 else fractions / np.float32(white)


def check_memory(name: str, count: int, image_bytes: int) -> None:
    """Raise `FileError` if `count` images of `image_bytes` bytes each exceed `MAX_DATASET_BYTES`."""
    if count * image_bytes > MAX_DATASET_BYTES:
        raise FileError(
            f"{name}: it declares {count} images of {image_bytes} bytes, {count * image_bytes / 2**30:.1f} GiB in all; "
            f"the limit is {MAX_DATASET_BYTES / 2**30:.0f} GiB. The file is damaged, or the dataset is too large."
        )
