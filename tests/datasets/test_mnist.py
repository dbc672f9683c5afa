"""Tests on the real MNIST, from the folder that `CNNFX_DATA` names."""

from __future__ import annotations

import os

import numpy as np
import pytest

from cnnfx.datasets import draw_digits, fit_digit, load_dataset
from cnnfx.datasets.digit_preprocessing import have_mnist_format

FOLDER = os.environ.get("CNNFX_DATA")
pytestmark = [pytest.mark.mnist, pytest.mark.skipif(not FOLDER, reason="CNNFX_DATA names no folder")]


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setenv("CNNFX_DATA", FOLDER)
    return load_dataset("mnist")


def test_mnist_is_complete(data):
    assert (data.name, data.classes, data.notes) == ("mnist", tuple("0123456789"), ())
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert data.test_images.shape == (10_000, 1, 28, 28)
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(data.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_fitting_returns_images_of_mnist_unchanged(data):
    images = data.train_images[:300, 0] / np.float32(255)
    assert np.mean([np.array_equal(fit_digit(image)[0], image) for image in images]) > 0.95


def test_synthetic_digits_are_as_bright_and_as_wide_as_those_of_mnist(data):
    labels = data.train_labels[:5000]
    real, drawn = data.train_images[:5000], draw_digits(labels, seed=0)
    assert abs(real.mean() - drawn.mean()) < 4
    assert abs((real > 127).any(axis=2).sum() - (drawn > 127).any(axis=2).sum()) < 5000


def test_all_images_have_the_format_of_mnist(data):
    for images in (data.train_images, data.test_images):
        assert have_mnist_format(images).all()
