"""Checks and statistics of labeled images."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.datasets.dataset import LabeledImages
from cnnfx.errors import ArgumentError
from cnnfx.formats.arch import default_arch
from cnnfx.training import Trainer, TrainingSettings
from cnnfx.training.labeled_images import check_labeled_images, check_training_images, pixel_mean_and_std


def test_mean_and_std_of_integers_equal_those_of_floats() -> None:
    images = np.random.default_rng(3).integers(0, 256, (4, 1, 6, 6)).astype(np.uint8)
    floats = pixel_mean_and_std((images / 255).astype(np.float32))
    assert pixel_mean_and_std(images) == pytest.approx(floats, rel=1e-6)


def test_the_std_of_constant_images_becomes_one() -> None:
    assert pixel_mean_and_std(np.full((1, 1, 2, 2), 255, np.uint8)) == (1, 1)


def labeled(images: np.ndarray, labels: list[int]) -> LabeledImages:
    return LabeledImages("pets", images, np.array(labels), ("cat", "dog"))


IMAGES = np.random.default_rng(3).random((4, 1, 9, 9), np.float32)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "pets: its images hold 1 number that is NaN or infinite, in 1 of 4 images, the first in image 2, "
         "counted from 0. Pixels are numbers of 0 to 1."),
        (255, "pets: its images hold float32 numbers of 0 to 255. Pixels are 0 to 1. Scale all of them in the same "
         "way."),
        (-0.5, "pets: its images hold float32 numbers of -0.5 to 1. Pixels are 0 to 1. Scale all of them in the same "
         "way."),
    ],
)  # fmt: skip
def test_floats_that_are_no_pixels_are_refused(value, message) -> None:
    images = IMAGES.copy()
    images[0, 0, 0, :2] = 0, 1
    check_labeled_images(labeled(images, [0, 1, 0, 1]))
    images[2, 0, 3, 3] = value
    with pytest.raises(ArgumentError) as caught:
        check_labeled_images(labeled(images, [0, 1, 0, 1]))
    assert str(caught.value) == message


def test_images_of_one_class_are_refused_for_training_only() -> None:
    data = labeled(IMAGES, [1, 1, 1, 1])
    check_labeled_images(data)
    with pytest.raises(ArgumentError) as caught:
        check_training_images(data)
    assert str(caught.value) == (
        "pets: all 4 training images are of the class dog. At least two classes are needed."
    )  # fmt: skip


@pytest.mark.parametrize("image", [np.full((1, 9, 9), 77, np.uint8), IMAGES[0]], ids=["one color", "random"])
def test_equal_images_are_refused_for_training_only(image) -> None:
    data = labeled(np.stack(4 * [image]), [0, 1, 0, 1])
    check_labeled_images(data)
    with pytest.raises(ArgumentError) as caught:
        Trainer.begin(default_arch((2,), 3), data, settings=TrainingSettings(batch_size=2))
    assert str(caught.value) == (
        "pets: all 4 training images are equal, so there is nothing to learn. Check what the files hold."
    )
