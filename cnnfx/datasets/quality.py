"""Notes on labeled images that can be used, but limit what a network learns or how its accuracy is to be read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets.dataset import Dataset, LabeledImages
from cnnfx.system.sizes import counted

MAX_SIZE_RATIO = 10
"""The least ratio of the largest class to the smallest that is noted.

Below it, always predicting the largest of two classes is correct for less than 91 % of the images, so that an accuracy
near 100 % still says that the network distinguishes them."""
MAX_NAMED = 10
"""The most images or classes that a note names."""
PROBED_PIXELS = 16
"""The pixels of each image that are compared first, about: in nearly all images they differ."""


def plain_images(images: NDArray[Any]) -> list[int]:
    """Return which of the images `(N, C, H, W)` have one color only, all pixels of each channel being equal.

    Images of a single pixel are none of them.
    """
    pixels = images.reshape(*images.shape[:2], -1)
    count = pixels.shape[2]
    if count < 2:
        return []
    probes = pixels[..., :: max(1, count // PROBED_PIXELS)]
    found = np.flatnonzero((probes == probes[..., :1]).all(axis=(1, 2))).tolist()
    return [index for index in found if (pixels[index] == pixels[index][:, :1]).all()]


def plain_notes(data: LabeledImages, part: str) -> tuple[str, ...]:
    """Return a note on images of one color only; `part` is "training" or "test"."""
    found = plain_images(data.images)
    if not found:
        return ()
    numbers = f"{listed([str(index) for index in found])}, counted from 0"
    return (plain_note(data.name, len(found), counted(len(data.images), f"{part} image"), numbers),)


def plain_note(name: str, count: int, images: str, names: str) -> str:
    """Return a note that `count` of the images of a data set, such as "9 test images", have one color only.

    `names` says which, unless it is all of them.
    """
    if images.startswith(f"{count} "):
        return f"{name}: all of its {images} have one color only."
    return f"{name}: {count} of its {images} {'has' if count == 1 else 'have'} one color only: {names}."


def training_notes(data: Dataset) -> tuple[str, ...]:
    """Return notes on classes of very different size, or without training images, or whose training images are equal.

    "cats: its classes differ in size: the largest is cat with 900 training images, the smallest dog with 10. Always
    predicting cat gives 98.90 % accuracy on the test images; compare the accuracy of the network with that."
    """
    return (*_size_notes(data), *_equality_notes(data))


def listed(names: list[str]) -> str:
    """Return names for a note: "3, 7 and 9", of many only the first."""
    more = len(names) - MAX_NAMED
    if more > 0:
        return f"{', '.join(names[:MAX_NAMED])} and {more} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _size_notes(data: Dataset) -> tuple[str, ...]:
    counts = np.bincount(data.train_labels, minlength=len(data.classes))
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    if counts[largest] < MAX_SIZE_RATIO * counts[smallest]:
        return ()
    labels, part = (data.test_labels, "test") if len(data.test_labels) else (data.train_labels, "training")
    share = float((labels == largest).mean())
    return (
        f"{data.name}: its classes differ in size: the largest is {data.classes[largest]} with "
        f"{counts[largest]} training images, the smallest {data.classes[smallest]} with {counts[smallest] or 'none'}. "
        f"Always predicting {data.classes[largest]} gives {100 * share:.2f} % accuracy on the {part} images; compare "
        "the accuracy of the network with that.",
    )


def _equality_notes(data: Dataset) -> tuple[str, ...]:
    if are_equal(data.train_images, range(len(data.train_images))):
        return ()  # an error where a network is trained on them
    order = np.argsort(data.train_labels, kind="stable")
    ends = np.cumsum(np.bincount(data.train_labels, minlength=len(data.classes)))
    notes = []
    for name, indices in zip(data.classes, np.split(order, ends[:-1]), strict=True):
        if len(indices) > 1 and are_equal(data.train_images, indices.tolist()):
            notes.append(f"{data.name}: all {len(indices)} training images of the class {name} are equal.")
    if len(notes) > MAX_NAMED:
        return (*notes[:MAX_NAMED], f"{data.name}: so are those of {len(notes) - MAX_NAMED} more classes.")
    return tuple(notes)


def are_equal(images: NDArray[Any], indices: list[int] | range) -> bool:
    """Return whether the images of some indices are equal."""
    first = images[indices[0]]
    return all(np.array_equal(images[index], first) for index in indices)
