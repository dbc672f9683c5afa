"""What a dataset is: labeled images to learn from, and others to test with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it is done, and how much there is in all, where that is known."""

MAX_BYTES = 2**31
"""Datasets whose images take more memory than this are refused before it is taken."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labeled images.

    Parameters
    ----------
    name : str
        "mnist", "drawn", or the name of the file or folder that it came from.
    train_images, test_images : array (N, C, H, W), uint8
        0 is black, 255 white; what is written is bright.
    train_labels, test_labels : array (N,), int64
        Indices into `classes`.
    classes : tuple of str
    notes : tuple of str
        What its user should be told, such as that it is not the data that was hoped for.
    """

    name: str
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def with_notes(self, notes: tuple[str, ...]) -> Dataset:
        """The same with notes put before its own."""
        return replace(self, notes=(*notes, *self.notes))


def check_pair(images_name: str, images: Images, labels_name: str, labels: Labels) -> None:
    """Refuse images and labels that differ in number.

    Raises
    ------
    FileError
        With both numbers.
    """
    if len(images) != len(labels):
        raise FileError(
            f"{labels_name}: it holds {len(labels)} labels for the {len(images)} images of {images_name}. "
            "Get both files from the same place."
        )


def numbered(name: str, train: Labels, test: Labels) -> tuple[str, ...]:
    """Class names "0", "1" … for labels that are numbers: as many as the labels for training tell of.

    Raises
    ------
    FileError
        If a label for testing is not among them.
    """
    count = int(train.max()) + 1
    if int(test.max()) >= count:
        raise FileError(f"{name}: it holds the label {int(test.max())}, but those for training end at {count - 1}.")
    return tuple(map(str, range(count)))


def check_memory(name: str, count: int, numbers: int) -> None:
    """Refuse images that take too much memory, `numbers` bytes each, before it is taken.

    Raises
    ------
    FileError
        With the size and the limit.
    """
    if count * numbers > MAX_BYTES:
        raise FileError(
            f"{name}: it tells of {count} images of {numbers} bytes, {count * numbers / 2**30:.1f} GiB in all; "
            f"the limit is {MAX_BYTES / 2**30:.0f} GiB. It is damaged, or more than can be learned here."
        )
