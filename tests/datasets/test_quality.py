"""Tests of notes on labeled images that limit what a network learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx.datasets import load_dataset
from cnnfx.datasets.dataset import Dataset
from cnnfx.datasets.quality import plain_images, plain_notes, training_notes
from tests.datasets.idx_files import write_idx

RANDOM = np.random.default_rng(0)


def dataset(counts, test_counts=(), images=None):
    """Return a data set with `counts[k]` random images of class k."""
    labels, test_labels = (np.repeat(np.arange(len(each)), each) for each in (counts, test_counts or counts))
    classes = tuple("abcdefghijklmnopqrstuvwxyz"[: len(counts)])
    random = [RANDOM.integers(0, 256, (len(each), 1, 5, 5), np.uint8) for each in (labels, test_labels)]
    return Dataset("pets", random[0] if images is None else images, labels, random[1], test_labels, classes)


@pytest.mark.parametrize("counts", [(30, 3, 25), (3, 30), (100, 10)])
def test_classes_of_very_different_size_are_noted(counts):
    (note,) = training_notes(dataset(counts, (3, 1, 0)[: len(counts)]))
    largest, smallest = int(np.argmax(counts)), int(np.argmin(counts))
    share = "75.00" if largest == 0 else "25.00"
    assert note == (
        f"pets: its classes differ in size: the largest is {'abc'[largest]} with {counts[largest]} training images, "
        f"the smallest {'abc'[smallest]} with {counts[smallest]}. Always predicting {'abc'[largest]} gives {share} % "
        "accuracy on the test images; compare the accuracy of the network with that."
    )


@pytest.mark.parametrize("counts", [(29, 3, 25), (99, 10), (1, 1), (9, 1)])
def test_classes_of_less_different_size_are_not(counts):
    assert training_notes(dataset(counts)) == ()


def test_a_class_without_training_images_is_noted():
    (note,) = training_notes(dataset((4, 0, 4), (1, 1, 1)))
    assert note.startswith("pets: its classes differ in size: the largest is a with 4 training images, the smallest b ")
    assert "smallest b with none. Always predicting a gives 33.33 % accuracy on the test images;" in note


def test_without_test_images_the_share_is_that_of_the_training_images():
    data = dataset((30, 3))
    (note,) = training_notes(replace(data, test_images=data.test_images[:0], test_labels=data.test_labels[:0]))
    assert "Always predicting a gives 90.91 % accuracy on the training images" in note


def test_a_class_of_equal_images_is_noted():
    data = dataset((3, 3, 1))
    data.train_images[4:6] = data.train_images[3]
    assert training_notes(data) == ("pets: all 3 training images of the class b are equal.",)


def test_of_many_classes_of_equal_images_ten_are_named():
    images = np.arange(12).repeat(2).reshape(-1, 1, 1, 1) * np.ones((1, 1, 5, 5), np.uint8)
    notes = training_notes(dataset(12 * (2,), images=images))
    assert notes[0] == "pets: all 2 training images of the class a are equal."
    assert notes[9:] == (
        "pets: all 2 training images of the class j are equal.", "pets: so are those of 2 more classes.",
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(9, 1, 5, 5), (9, 3, 7, 40), (9, 1, 1, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_of_one_color_are_found(shape, dtype):
    images = RANDOM.integers(0, 2, shape).astype(dtype)
    images[..., -1] = 1 - images[..., 0]  # so that none of them has one color
    images[4] = 1
    images[7] = np.arange(shape[1]).reshape(-1, 1, 1)  # another level in each channel
    assert plain_images(images) == [4, 7]
    images[4, -1, -1, -1] = 0
    assert plain_images(images) == [7]


def test_images_of_one_color_are_numbered():
    data = dataset((9, 9))
    data.train_images[[2, 11]] = 7
    data.test_images[3] = 0
    assert plain_notes(data.train, "training") == (
        "pets: 2 of its 18 training images have one color only: 2 and 11, counted from 0.",
    )
    assert plain_notes(data.test, "test") == (
        "pets: 1 of its 18 test images has one color only: 3, counted from 0.",
    )  # fmt: skip
    data.train_images[:12] = 7
    assert plain_notes(data.train, "training")[0].endswith(": 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more, counted from 0.")
    data.train_images[:] = 7
    assert plain_notes(data.train, "training") == ("pets: all of its 18 training images have one color only.",)


@pytest.mark.parametrize("kind", ["idx", "keras"])
def test_files_of_arrays_get_these_notes(tmp_path, arrays, kind):
    train, _, test, test_labels = arrays
    train = train.copy()
    train[5] = 0
    changed = train, np.where(np.arange(40) < 38, 0, 1), test, test_labels % 2
    if kind == "idx":
        path = write_idx(tmp_path / "pets", changed)
    else:
        path = tmp_path / "pets.npz"
        np.savez(path, **dict(zip(("x_train", "y_train", "x_test", "y_test"), changed, strict=True)))
    first, second = load_dataset(path).notes
    assert first == f"{path.name}: 1 of its 40 training images has one color only: 5, counted from 0."
    assert second.startswith(f"{path.name}: its classes differ in size: the largest is 0 with 38 training images, ")


def test_drawn_digits_get_no_notes():
    assert load_dataset("drawn:100").notes == ()
