"""Bands of an image give the same bits of the output as the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.conv import BAND_ROWS, correlate, window

METHODS = ["direct", "separable", "fft", "winograd"]


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def band(image, geometry, first, last):
    """Return the rows of the vertically padded image that the output rows ``first:last`` read."""
    padded = np.pad(image, ((0, 0), geometry.pads(image.shape[1:])[0], (0, 0)), mode=geometry.border)
    return padded[:, geometry.input_region(slice(first, last), slice(0, 1))[0]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("border", ["constant", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize(("stride", "dilation", "kernel"), [(1, 1, 3), (1, 1, 9), (2, 1, 5), (1, 2, 4), (3, 2, 3)])
@pytest.mark.parametrize("width", [20, 60, 300, 1300])
def test_bands_give_the_same_bits_as_the_whole_image(width, stride, dilation, kernel, border, method):
    image, weights = random(2, 600 * stride, width), random(3, 2, kernel, kernel, seed=1)
    options = {"stride": stride, "dilation": dilation, "border": border}
    whole = correlate(image, weights, padding="same", method=method, **options)
    geometry = window((kernel, kernel), padding="same", **options)
    sides = geometry.pads(image.shape[1:])[1]
    for first in range(0, whole.shape[1], BAND_ROWS):
        last = min(first + BAND_ROWS, whole.shape[1])
        part = band(image, geometry, first, last)
        maps = correlate(part, weights, padding=((0, 0), sides), method=method, **options)
        np.testing.assert_array_equal(maps, whole[:, first:last])


@pytest.mark.parametrize("filters", [1, 2, 5, 32])
@pytest.mark.parametrize("kernel", [1, 3, 8, 15])
@pytest.mark.parametrize("width", [40, 90, 257])
def test_a_short_last_band_gives_the_same_bits_as_the_whole_image(width, kernel, filters):
    image, weights = random(1, 530, width), random(filters, 1, kernel, kernel, seed=1)
    bias = random(filters, seed=2)
    for method in METHODS:
        whole = correlate(image, weights, bias, padding="same", method=method)
        geometry = window((kernel, kernel), padding="same")
        part = band(image, geometry, 512, 530)
        maps = correlate(part, weights, bias, padding=((0, 0), geometry.pads(image.shape[1:])[1]), method=method)
        np.testing.assert_array_equal(maps, whole[:, 512:])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("method", METHODS)
def test_bands_of_an_image_with_a_nonfinite_pixel_give_the_same_bits_as_the_whole_image(method, bad):
    image, weights = random(1, 700, 200), random(3, 1, 5, 5, seed=1)
    image[0, 300, 100] = bad
    whole, geometry = correlate(image, weights, method=method), window((5, 5))
    for first, last in ((0, 256), (256, 512), (512, 696)):
        maps = correlate(band(image, geometry, first, last), weights, method=method)
        np.testing.assert_array_equal(maps, whole[:, first:last])
