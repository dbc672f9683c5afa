"""The classes `LabeledImages` and `Dataset`, and checks that all readers of datasets use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.system.text import printable_names

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Progress = Callable[[str, int, int | None], None]
"""Called with the name of what is loaded, the amount loaded so far, and the total amount, or None if it is unknown."""

MAX_BYTES = 2**31
"""The most bytes of images of a dataset, in memory."""


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
    """

    name: str
    images: NDArray[Any]
    labels: Labels
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labeled images for training and for testing.

    Parameters
    ----------
    name : str
        "mnist", "drawn", "drawn:N", or the name of a file or folder.
    train_images, test_images : array (N, C, H, W), uint8
        0 is black, 255 white. Digits are white on black.
    train_labels, test_labels : array (N,), int64
        Indices into `classes`.
    classes : tuple of str
        The names of the classes.
    notes : tuple of str
        Messages for the user, such as that MNIST is not available and drawn digits are used.
    """

    name: str
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", printable_names(self.classes))

    @property
    def train(self) -> LabeledImages:
        """The training images."""
        return LabeledImages(self.name, self.train_images, self.train_labels, self.classes)

    @property
    def test(self) -> LabeledImages:
        """The test images; there may be none."""
        return LabeledImages(self.name, self.test_images, self.test_labels, self.classes)

    def with_notes(self, notes: tuple[str, ...]) -> Dataset:
        """Return the dataset with these notes before the existing ones."""
        return replace(self, notes=(*notes, *self.notes))


def check_counts(images_name: str, images: Images, labels_name: str, labels: Labels) -> None:
    """Raise `FileError` if the numbers of images and labels differ."""
    if len(images) != len(labels):
        raise FileError(
            f"{labels_name}: it holds {len(labels)} labels for the {len(images)} images of {images_name}. "
            "Get both files from the same place."
        )


def numbered_classes(name: str, train_labels: Labels, test_labels: Labels) -> tuple[str, ...]:
    """Return the class names "0", "1" … up to the largest training label.

    Raises
    ------
    FileError
        If a test label is not among them.
    """
    count = int(train_labels.max()) + 1
    if int(test_labels.max()) >= count:
        raise FileError(f"{name}: it holds the label {int(test_labels.max())}; the training labels end at {count - 1}.")
    return tuple(map(str, range(count)))


def check_memory(name: str, count: int, image_bytes: int) -> None:
    """Raise `FileError` if `count` images of `image_bytes` bytes each exceed `MAX_BYTES`."""
    if count * image_bytes > MAX_BYTES:
        raise FileError(
            f"{name}: it declares {count} images of {image_bytes} bytes, {count * image_bytes / 2**30:.1f} GiB in all; "
            f"the limit is {MAX_BYTES / 2**30:.0f} GiB. The file is damaged, or the dataset is too large."
        )
