"""The statistics of labeled images."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.training.labeled_images import pixel_mean_and_std


def test_mean_and_std_of_integers_equal_those_of_floats() -> None:
    images = np.random.default_rng(3).integers(0, 256, (4, 1, 6, 6)).astype(np.uint8)
    floats = pixel_mean_and_std((images / 255).astype(np.float32))
    assert pixel_mean_and_std(images) == pytest.approx(floats, rel=1e-6)


def test_the_std_of_constant_images_becomes_one() -> None:
    assert pixel_mean_and_std(np.full((1, 1, 2, 2), 255, np.uint8)) == (1, 1)
