"""Batch normalization folded into filters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.conv import correlate
from cnnfx.errors import ArgumentError
from cnnfx.formats.batch_norm import BatchNorm


def norm_of(random: np.random.Generator, channels: int, epsilon: float = 1e-5) -> BatchNorm:
    gamma, beta, mean = random.normal(size=(3, channels))
    return BatchNorm(gamma, beta, mean, random.uniform(0.1, 4, channels), epsilon)


def normalized(maps: np.ndarray, norm: BatchNorm) -> np.ndarray:
    gamma, beta, mean, variance = (part[:, None, None] for part in norm[:4])
    return gamma * (maps - mean) / np.sqrt(variance + norm.epsilon) + beta


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 3), st.sampled_from([0.0, 1e-5, 0.5]))
def test_folded_filters_compute_the_normalized_maps(seed, channels, inputs, epsilon):
    random = np.random.default_rng(seed)
    weights, bias = random.normal(size=(channels, inputs, 3, 2)), random.normal(size=channels)
    image = random.normal(size=(inputs, 5, 6))
    norm = norm_of(random, channels, epsilon)
    expected = normalized(correlate(image, weights, bias), norm)
    np.testing.assert_allclose(correlate(image, *norm.fold(weights, bias)), expected, rtol=1e-10, atol=1e-10)


def test_the_float_type_of_the_filters_is_kept():
    norm = norm_of(np.random.default_rng(1), 2)
    for dtype in (np.float32, np.float64):
        weights, bias = norm.fold(np.ones((2, 1, 1, 1), dtype), np.ones(2, dtype))
        assert weights.dtype == bias.dtype == dtype


def test_without_filters_it_is_one_filter_for_each_channel():
    random = np.random.default_rng(2)
    norm, maps = norm_of(random, 3), random.normal(size=(3, 4, 5))
    weights, bias = norm.to_filters()
    assert weights.shape == (3, 1, 1, 1)
    np.testing.assert_allclose(correlate(maps, weights, bias, groups=3), normalized(maps, norm), rtol=1e-6, atol=1e-6)


def with_variance(variance: list[float], epsilon: float = 1e-5) -> BatchNorm:
    count = len(variance)
    return BatchNorm(np.ones(count), np.zeros(count), np.zeros(count), np.array(variance), epsilon)


@pytest.mark.parametrize(
    ("norm", "message"),
    [
        (with_variance([1, -0.25]), "the variance of channel 2 is negative (-0.25), so these are not the values of a"),
        (with_variance([1, -1e-6]), "the variance of channel 2 is negative (-1e-06)"),
        (with_variance([1, 0], 0), "the variance of a channel plus epsilon is not more than 0"),
        (with_variance([1, 1], -2), "the variance of a channel plus epsilon is not more than 0"),
        (with_variance([1e-40, 1], 1e-45), "the normalized filters have weights or biases that are too large"),
    ],
)
def test_values_that_no_normalization_has_are_refused(norm, message):
    with pytest.raises(ArgumentError) as caught:
        norm.fold(np.full((2, 1, 1, 1), 1e30, np.float32), np.zeros(2, np.float32))
    assert str(caught.value).startswith(message)
