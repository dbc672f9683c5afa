"""Values of very different size: in one image, and in the filters of one call."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.conv import BAND_ROWS, correlate
from cnnfx.conv.dynamic_range import exceeds_range, largest_magnitude, root_mean_square
from tests.conv.reference import random

METHODS = ["direct", "separable", "fft", "winograd"]
KERNELS = [(3, 3), (5, 5), (17, 17)]
SIZES = [1e4, 1e6, 1e9, 1e15, 1e30, -3.4e38]
"""Values that stand for missing data beside values of 0 to 1."""


def relative_errors(image, weights, maps):
    """Return the error of each output relative to the sum of the magnitudes of its own products."""
    exact = correlate(image.astype(np.float64), weights.astype(np.float64), method="direct")
    magnitudes = correlate(np.abs(image).astype(np.float64), np.abs(weights).astype(np.float64), method="direct")
    assert maps.shape == exact.shape
    with np.errstate(invalid="ignore"):
        return np.abs(maps - exact) / magnitudes


def full_rank(filters, channels, kernel, seed=1):
    return random(filters, channels, *kernel, dtype=np.float32, seed=seed)


def low_rank(filters, channels, kernel):
    column, row = random(filters, channels, kernel[0], 1), random(filters, channels, 1, kernel[1], seed=1)
    return (column * row).astype(np.float32)


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("value", SIZES)
def test_one_large_value_loses_only_the_outputs_whose_kernel_covers_it(value, kernel, method):
    image = np.random.default_rng(0).random((4, 90, 300), dtype=np.float32)
    weights = (low_rank if method == "separable" else full_rank)(4, 4, kernel)
    image[1, 40, 130] = value
    maps = correlate(image, weights, method=method)
    covered = np.zeros(maps.shape, bool)
    covered[:, 41 - kernel[0] : 41, 131 - kernel[1] : 131] = True
    assert np.isfinite(maps[~covered]).all()
    errors = relative_errors(image, weights, maps)
    assert errors[~covered].max() < 1e-5
    np.testing.assert_array_equal(np.isfinite(maps), np.isfinite(correlate(image, weights, method="direct")))


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("value", [1e9, -3.4e38])
def test_large_values_in_half_of_the_image_lose_only_the_outputs_that_read_them(value, method):
    image = np.random.default_rng(0).random((4, 90, 300), dtype=np.float32)
    weights = (low_rank if method == "separable" else full_rank)(4, 4, (5, 5))
    image[:, :, 163:] = value
    maps = correlate(image, weights, method=method)[..., : 163 - 4]
    assert relative_errors(image[..., :163], weights, maps).max() < 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_one_large_value_in_double_precision_loses_only_the_outputs_whose_kernel_covers_it(method):
    image, weights = np.random.default_rng(0).random((4, 60, 70)), random(4, 4, 5, 5, seed=1)
    image[2, 30, 35] = 1e30
    maps, small = correlate(image, weights, method=method), image.copy()
    small[2, 30, 35] = 0
    expected = correlate(small, weights, method="direct")
    covered = np.zeros(maps.shape, bool)
    covered[:, 26:31, 31:36] = True
    np.testing.assert_allclose(maps[~covered], expected[~covered], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("low_rank_filters", [True, False])
def test_each_filter_of_a_bank_is_as_exact_as_alone(low_rank_filters, method):
    image = random(4, 70, 90, dtype=np.float32)
    weights = (low_rank if low_rank_filters else full_rank)(6, 4, (5, 5))
    sizes = np.array([1e-9, 1, 1e9, 1e-4, 32, 1e4], np.float32)[:, None, None, None]
    maps = correlate(image, weights * sizes, method=method)
    assert relative_errors(image, weights * sizes, maps).max() < 1e-5


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_a_small_kernel_of_full_rank_beside_a_large_one_of_rank_one_is_not_simplified(method):
    kernels = np.stack([np.outer(np.arange(1, 10), np.arange(2, 11)) * 1e6, random(9, 9, seed=3)])
    image, weights = 1 + random(1, 64, 70, dtype=np.float32), kernels[:, None].astype(np.float32)
    maps = correlate(image, weights, method=method)
    assert relative_errors(image, weights, maps).max() < 1e-5


@pytest.mark.parametrize("method", ["auto", "direct", "separable"])
def test_a_small_weight_beside_a_large_one_acts_where_the_large_one_reads_zero(method):
    image = np.zeros((1, 40, 40), np.float32)
    image[0, 20, 20:] = 1e6
    maps = correlate(image, np.array([[[[1e8, 0, 0], [0, 0, 0], [0, 0, 1]]]]), method=method)
    assert maps[0, 18, 20] == pytest.approx(1e6)


def test_values_whose_squares_overflow_are_summed():
    image, weights = np.full((1, 70, 80), 1e25, np.float32), random(1, 1, 17, 17, dtype=np.float32)
    maps = correlate(image, weights, method="fft")
    np.testing.assert_allclose(maps, weights.sum(dtype=np.float64) * 1e25, rtol=1e-4)


def test_weights_whose_transforms_overflow_in_single_precision_are_summed():
    image, weights = np.full((1, 70, 80), 1e-9, np.float32), np.full((1, 1, 17, 17), 3e35, np.float32)
    np.testing.assert_allclose(correlate(image, weights, method="fft"), 289 * 3e26, rtol=1e-5)


@pytest.mark.parametrize("method", ["fft", "winograd"])
def test_bands_with_a_large_value_have_the_same_bits_as_the_whole_image(method):
    image = np.random.default_rng(0).random((4, 2 * BAND_ROWS + 50, 60), dtype=np.float32)
    image[1, 200, 30] = 1e9
    weights = full_rank(4, 4, (5, 5))
    whole = correlate(image, weights, method=method)
    for first in range(0, whole.shape[1], BAND_ROWS):
        last = min(first + BAND_ROWS, whole.shape[1])
        band = correlate(image[:, first : last + 4], weights, method=method)
        np.testing.assert_array_equal(band, whole[:, first:last])


@given(st.floats(1, 1e12), st.floats(0, 1), st.integers(0, 100))
def test_images_of_one_size_with_black_areas_do_not_exceed_the_range(size, black, seed):
    generator = np.random.default_rng(seed)
    values = generator.random((3, 64, 64), dtype=np.float32) * np.float32(size)
    values *= generator.random((64, 64)) >= black
    assert not exceeds_range(values, root_mean_square(values), 2.0**-8)
    assert not exceeds_range(values, largest_magnitude(values), 2.0**-10)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_tiles_with_a_value_that_is_not_finite_exceed_the_range(value):
    values = np.ones((1, 8, 8), np.float32)
    values[0, 3, 3] = value
    with np.errstate(invalid="ignore"):
        assert exceeds_range(values, root_mean_square(values), 2.0**-8)
        assert exceeds_range(values, largest_magnitude(values), 2.0**-10)
