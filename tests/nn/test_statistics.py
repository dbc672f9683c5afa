"""Statistics of channels: range, mean, peak and the count of non-finite values."""

from __future__ import annotations

import numpy as np

from cnnfx.nn.statistics import channel_statistics


def test_range_mean_and_peak_are_those_of_the_channel() -> None:
    image = np.arange(24, dtype=np.float32).reshape(1, 4, 6)
    image[0, 1, 4] = 50
    (channel,) = channel_statistics([(0, image)])
    assert (channel.range, channel.peak) == ((0.0, 50.0), (4, 1))
    assert channel.mean == (sum(range(24)) - 10 + 50) / 24


def test_statistics_of_bands_are_those_of_the_whole_maps() -> None:
    image = np.random.default_rng(3).normal(size=(2, 30, 7)).astype(np.float32)
    whole, banded = channel_statistics([(0, image)]), channel_statistics([(0, image[:, :11]), (11, image[:, 11:])])
    for one, other in zip(whole, banded, strict=True):
        assert (one.low, one.high, one.peak, one.count) == (other.low, other.high, other.peak, other.count)
        np.testing.assert_allclose(one.total, other.total, rtol=1e-6)


def test_the_peak_is_the_first_of_equal_values() -> None:
    assert channel_statistics([(0, np.ones((1, 2, 2), np.float32)), (2, np.ones((1, 2, 2), np.float32))])[0].peak == (
        0,
        0,
    )


def test_values_that_are_not_finite_are_counted_and_left_out() -> None:
    image = np.array([[[1, np.nan, 3], [np.inf, 2, -np.inf]]], np.float32)
    (channel,) = channel_statistics([(0, image)])
    assert (channel.range, channel.mean, channel.nonfinite, channel.peak) == ((1.0, 3.0), 2.0, 3, (2, 0))


def test_a_channel_without_any_finite_value_has_no_mean_and_no_peak() -> None:
    (channel,) = channel_statistics([(0, np.full((1, 2, 2), np.nan, np.float32))])
    assert (channel.range, channel.mean, channel.peak, channel.nonfinite) == ((0.0, 0.0), None, None, 4)
