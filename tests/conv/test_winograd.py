"""The Winograd method: its rounding errors, the blocks of the output, and where it is used."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.conv import BAND_ROWS, choose_method, correlate, window
from cnnfx.conv.winograd import choose_tiling, split_output
from cnnfx.conv.winograd_transforms import MAX_POINTS
from tests.conv.reference import error


def random(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def exact(image, weights, **options):
    return correlate(image.astype(np.float64), weights.astype(np.float64), method="direct", **options)


@pytest.mark.parametrize("channels", [1, 16, 31, 64, 200])
@pytest.mark.parametrize("size", range(2, 9))
def test_float32_errors_are_small_for_many_channels(size, channels):
    image, weights = random(channels, 60, 70), random(16, channels, size, size, seed=1)
    assert error(correlate(image, weights, method="winograd"), exact(image, weights)) < 1e-5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_errors_are_small_for_values_of_very_different_size(dtype):
    image = random(16, 90, 80, dtype=dtype)
    image *= 10 ** np.random.default_rng(1).uniform(-6, 6, image.shape).astype(dtype)
    weights = random(8, 16, 5, 5, dtype=dtype, seed=2)
    limit = 1e-5 if dtype == np.float32 else 1e-12
    assert error(correlate(image, weights, method="winograd"), exact(image, weights)) < limit


@settings(max_examples=60)
@given(
    batch=st.integers(1, 40),
    channels=st.integers(1, 40),
    filters=st.integers(1, 20),
    size=st.tuples(st.integers(1, 40), st.integers(1, 70)),
    kernel=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    seed=st.integers(0, 100),
)
def test_images_of_any_size_agree_with_the_direct_method(batch, channels, filters, size, kernel, seed):
    high, wide = (length + taps - 1 for length, taps in zip(size, kernel, strict=True))
    images = random(batch, channels, high, wide, dtype=np.float64, seed=seed)
    weights, bias = random(filters, channels, *kernel, seed=seed + 1), random(filters, seed=2)
    expected = correlate(images, weights, bias, method="direct")
    assert error(correlate(images, weights, bias, method="winograd"), expected) < 1e-12


@settings(max_examples=100)
@given(
    out=st.tuples(st.integers(1, 90), st.integers(1, 40), st.integers(1, 600), st.integers(1, 400)),
    channels=st.integers(1, 300),
    kernel=st.tuples(st.integers(1, 8), st.integers(1, 8)),
)
def test_each_output_is_in_one_block(out, channels, kernel):
    count = np.zeros((out[0], *out[2:]), int)
    for block in split_output(out, choose_tiling(out, (out[1], channels, *kernel))):
        count[block.images, block.rows, block.columns] += 1
        assert block.rows.start // BAND_ROWS == (block.rows.stop - 1) // BAND_ROWS
        assert block.products * block.rows_per_product == block.rows.stop - block.rows.start
    assert (count == 1).all()


@pytest.mark.parametrize("options", [{"stride": 2}, {"dilation": 2}, {"stride": (1, 2)}, {"dilation": (2, 1)}])
def test_strides_and_dilations_use_the_direct_method(options):
    image, weights = random(8, 40, 240), random(8, 8, 3, 3, seed=1)
    maps = correlate(image, weights, method="winograd", **options)
    np.testing.assert_array_equal(maps, correlate(image, weights, method="direct", **options))


def test_kernels_with_more_taps_than_points_use_the_direct_method():
    image, weights = random(8, 40, 240), random(8, 8, MAX_POINTS + 1, 3, seed=1)
    maps = correlate(image, weights, method="winograd")
    np.testing.assert_array_equal(maps, correlate(image, weights, method="direct"))


def test_inputs_whose_transforms_overflow_use_the_direct_method():
    image, weights = random(4, 40, 60), random(8, 4, 5, 5, seed=1)
    image[:, 20:, 30:] *= np.float32(2e36)
    maps = correlate(image, weights, method="winograd")
    expected = exact(image, weights)
    assert np.isfinite(maps).all()
    assert error(maps, expected) < 1e-5


def test_weights_whose_transforms_overflow_use_the_direct_method():
    image, weights = np.full((1, 12, 12), 1e-30, np.float32), np.full((4, 1, 5, 5), 3e38, np.float32)
    maps = correlate(image, weights, method="winograd")
    np.testing.assert_allclose(maps, 25 * 3e8, rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_nonfinite_value_changes_only_its_own_image_of_a_batch(value):
    images, weights = random(70, 3, 12, 13), random(6, 3, 5, 3, seed=1)
    images[33, 1, 4, 5] = value
    maps = correlate(images, weights, method="winograd")
    nonfinite = np.zeros(maps.shape, bool)
    nonfinite[33, :, 0:5, 3:6] = True
    np.testing.assert_array_equal(~np.isfinite(maps), nonfinite)


def test_an_output_of_one_and_a_half_tiles_has_the_values_computed_by_hand():
    image = np.arange(1.0, 8).reshape(1, 1, 7)
    maps = correlate(image, [[[[1, 0, -1]]]], [0.5], method="winograd")
    np.testing.assert_allclose(maps, [[[-1.5] * 5]], rtol=1e-14)


@pytest.mark.parametrize(
    ("out", "channels", "kernel", "method"),
    [
        ((128, 32, 8, 8), 16, 5, "winograd"),
        ((1, 64, 254, 254), 64, 3, "winograd"),
        ((1, 64, 252, 252), 64, 5, "winograd"),
        ((1, 64, 252, 252), 3, 5, "direct"),
        ((1, 3, 252, 252), 64, 5, "direct"),
        ((1, 8, 254, 254), 8, 3, "direct"),
        ((1, 32, 28, 28), 8, 3, "direct"),
    ],
)
def test_auto_uses_winograd_for_many_channels_and_filters(out, channels, kernel, method):
    weights = np.random.default_rng(0).standard_normal((out[1], channels, kernel, kernel))
    assert choose_method(out, weights, window(kernel)) == method
