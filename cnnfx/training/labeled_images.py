"""Checks, statistics and checksums of labeled images."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from cnnfx.datasets import LabeledImages
from cnnfx.datasets.dataset import non_finite_text
from cnnfx.datasets.quality import are_equal
from cnnfx.errors import ArgumentError
from cnnfx.images.image import range_text
from cnnfx.nn.layers import Array
from cnnfx.system.sizes import shape_text

COUNTED_AT_ONCE = 2**22
"""The pixels that are counted at a time: NumPy copies them to integers of 8 bytes."""


def check_labeled_images(data: LabeledImages, batch_size: int | None = None) -> None:
    """Check that there are images of numbers in 0..1, a valid label for each, and enough of them for a batch.

    Raises
    ------
    ArgumentError
        If not.
    """
    images, labels = data.images, data.labels
    if images.ndim != 4 or images.dtype not in (np.uint8, np.float32):
        raise ArgumentError(
            f"{data.name}: images must be (N, C, H, W) of uint8 or float32, not {images.dtype}{images.shape}."
        )
    if labels.shape != images.shape[:1]:
        raise ArgumentError(f"{data.name}: there are {len(images)} images, but {len(labels)} labels.")
    if len(labels) == 0:
        raise ArgumentError(f"{data.name}: there are no images.")
    if images.dtype == np.float32 and images.size:
        if problem := non_finite_text(images):
            raise ArgumentError(f"{data.name}: its images hold {problem}. Pixels are numbers of 0 to 1.")
        low, high = images.min(), images.max()
        if low < 0 or high > 1:
            raise ArgumentError(
                f"{data.name}: its images hold float32 numbers of {range_text(low, high)}. Pixels are 0 to 1. Scale "
                "all of them in the same way."
            )
    if labels.min() < 0 or labels.max() >= len(data.classes):
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise ArgumentError(
            f"{data.name}: label {wrong} is not one of the {len(data.classes)} classes, 0 to {len(data.classes) - 1}."
        )
    if batch_size is not None and batch_size > len(labels):
        raise ArgumentError(
            f"{data.name}: a batch of {batch_size} is larger than the data, {len(labels)} images. Choose a smaller one."
        )


def check_training_images(data: LabeledImages, batch_size: int | None = None) -> None:
    """Check that a network can be trained on images: `check_labeled_images`, two classes, and images that differ.

    Raises
    ------
    ArgumentError
        If not.
    """
    check_labeled_images(data, batch_size)
    images, labels = data.images, data.labels
    if (labels == labels[0]).all():
        raise ArgumentError(
            f"{data.name}: all {len(labels)} training images are of the class {data.classes[labels[0]]}. At least two "
            "classes are needed."
        )
    if are_equal(images, range(len(images))):
        raise ArgumentError(
            f"{data.name}: all {len(images)} training images are equal, so there is nothing to learn. Check what the "
            "files hold."
        )


def check_test_images(test: LabeledImages, train: LabeledImages) -> None:
    """Check that a network trained on `train` can be tested on `test`.

    Raises
    ------
    ArgumentError
        If the images differ in shape or the classes differ, or `check_labeled_images` fails.
    """
    check_labeled_images(test)
    if test.images.shape[1:] != train.images.shape[1:]:
        sizes = [shape_text(data.images.shape[1:]) for data in (test, train)]
        raise ArgumentError(f"{test.name}: the test images have {sizes[0]}, the training images {sizes[1]}.")
    if tuple(test.classes) != tuple(train.classes):
        raise ArgumentError(f"{test.name}: the classes of the test images are not those of the training images.")


def pixel_mean_and_std(images: Array) -> tuple[float, float]:
    """Return the mean and the standard deviation of all pixels, on the scale 0..1; 1 in place of a deviation of 0."""
    if images.dtype == np.uint8:  # from the histogram: exact, and the same on every machine
        levels = np.arange(256) / 255
        pixels = images.ravel()
        parts = (pixels[first : first + COUNTED_AT_ONCE] for first in range(0, pixels.size, COUNTED_AT_ONCE))
        frequencies = np.sum([np.bincount(part, minlength=256) for part in parts], axis=0) / pixels.size
        mean = float(frequencies @ levels)
        std = float(np.sqrt(frequencies @ np.square(levels - mean)))
    else:
        mean, std = float(images.mean(dtype=np.float64)), float(images.std(dtype=np.float64))
    return mean, std or 1.0


def fingerprint(data: LabeledImages) -> str:
    """Return a text that identifies images and labels: the number of images and CRC-32 checksums."""
    checksums = (crc32(np.ascontiguousarray(array).data) for array in (data.images, data.labels.astype(np.int64)))
    return f"{len(data.labels)}-" + "-".join(f"{value:08x}" for value in checksums)
