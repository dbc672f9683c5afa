"""The classes `LabeledImages` and `Dataset`, and checks that all readers of datasets use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import CnnfxError, FileError
from cnnfx.system.limits import MAX_CLASSES, MAX_DATASET_BYTES, check_limit
from cnnfx.system.text import printable_names, shortened

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Progress = Callable[[str, int, int | None], None]
"""Called with the name of what is loaded, the amount loaded so far, and the total amount, or None if it is unknown."""

MAX_NAMED_FILES = 10
"""The most unreadable files that a message names."""
MAX_PROBLEM_CHARACTERS = 300
"""The most characters about one of them."""


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
        "mnist", "drawn", "drawn:N", or the name of a file or folder.
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
    """Return numbers as pixels: uint8 if they are whole numbers in 0..255, float32 if they are fractions in 0..1.

    Raises
    ------
    FileError
        If they are neither.
    """
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 255):  # also for NaN
        raise FileError(f"{name} holds numbers of {low} to {high}. Pixels are 0 to 255, or fractions of 0 to 1.")
    if array.dtype.kind == "f" and not bool((array == np.floor(array)).all()):
        if high > 1:
            raise FileError(f"{name} holds fractions of {low} to {high}. Pixels are 0 to 255, or fractions of 0 to 1.")
        return array.astype(np.float32)
    return array.astype(np.uint8, copy=False)


def alike_pixels(train: NDArray[Any], test: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return images for training and for testing with the same scale, uint8 in 0..255 or float32 in 0..1.

    If no number is above 1, 1 is white, as in images of two levels.
    """
    if not train.dtype == test.dtype == np.uint8:
        return _as_fractions(train), _as_fractions(test)
    return (train, test) if max(train.max(), test.max()) > 1 else (255 * train, 255 * test)


def _as_fractions(images: NDArray[Any]) -> NDArray[np.float32]:
    """Return images in 0..1; whole numbers above 1 count as 0..255."""
    fractions: NDArray[np.float32] = images.astype(np.float32)
    return fractions / np.float32(255) if images.max() > 1 else fractions


def check_memory(name: str, count: int, image_bytes: int) -> None:
    """Raise `FileError` if `count` images of `image_bytes` bytes each exceed `MAX_DATASET_BYTES`."""
    if count * image_bytes > MAX_DATASET_BYTES:
        raise FileError(
            f"{name}: it declares {count} images of {image_bytes} bytes, {count * image_bytes / 2**30:.1f} GiB in all; "
            f"the limit is {MAX_DATASET_BYTES / 2**30:.0f} GiB. The file is damaged, or the dataset is too large."
        )


def bad_files(name: str, errors: Sequence[CnnfxError], count: int) -> FileError:
    """Return one error about all files that cannot be read, of `count` files of a data set."""
    if len(errors) == 1:
        return FileError(str(errors[0]), remedy="bad_images")
    return FileError(
        f"{name}: {len(errors)} of its {count} images cannot be read: {_named(errors)}.", remedy="bad_images"
    )


def skipped_note(name: str, errors: Sequence[CnnfxError], count: int) -> str:
    """Return a note on the files that were skipped, of `count` files of a data set."""
    verb = "was" if len(errors) == 1 else "were"
    return f"{name}: {len(errors)} of its {count} images {verb} skipped: {_named(errors)}."


def _named(errors: Sequence[CnnfxError]) -> str:
    """Return the messages of the first errors, and how many there are beside them."""
    shown = [shortened(str(error).rstrip("."), MAX_PROBLEM_CHARACTERS) for error in errors[:MAX_NAMED_FILES]]
    more = len(errors) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)
