"""The direct method at the boundaries of its blocks and products."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.conv import correlate
from tests.conv.reference import error, reference


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("channels", "filters", "size"), [(1, 1, 15), (3, 32, 7), (3, 8, 15), (1, 40, 9), (5, 3, 3)])
@pytest.mark.parametrize("height", [15, 28, 32, 33, 70])
@pytest.mark.parametrize("width", [15, 28, 130])
def test_small_images_of_any_height_agree_with_scipy(height, width, channels, filters, size):
    image, weights = random(channels, height, width), random(filters, channels, size, size, seed=1)
    half = size // 2
    maps = correlate(image, weights, padding="same", method="direct")
    assert error(maps, reference(image, weights, pads=((half, half), (half, half)))) < 1e-5


@pytest.mark.parametrize(
    ("channels", "filters", "size", "columns"),
    [
        (1, 1, 3, [2000, 2000, 1000]),  # products of the largest size, and the rest
        (64, 8, 7, [39] * 3),  # the most columns of a small product
        (64, 64, 7, [512] * 3),  # the product cannot be small
    ],
)
def test_several_products_for_a_row_agree_with_scipy(channels, filters, size, columns):
    width = sum(columns)
    image, weights = random(channels, size + 1, width + size - 1), random(filters, channels, size, size, seed=1)
    maps, some = correlate(image, weights, method="direct"), slice(filters - 1, None)
    assert error(maps[some], reference(image, weights[some])) < 2e-5
