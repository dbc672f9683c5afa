"""Percentiles in passes over bands against `numpy.percentile`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cnnfx.nn.percentiles import channel_percentiles

VALUES = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(1, 7)),
    elements=st.one_of(
        st.floats(-(2.0**100), 2.0**100, width=32), st.sampled_from([0.0, -0.0, 1.0, 1.0000001, -1.0, 1e-40])
    ),
)


def two_bands(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    yield 0, values[:, :1]
    yield 1, values[:, 1:]


@given(VALUES, st.floats(0, 100).filter(lambda percentage: percentage == 0 or percentage > 1e-290), st.booleans())
def test_percentiles_of_channels_are_those_of_numpy(values: np.ndarray, percentage: float, magnitudes: bool) -> None:
    sorted_values = np.abs(values) if magnitudes else values
    expected = [np.percentile(channel.astype(np.float64), percentage) for channel in sorted_values]
    found = channel_percentiles(lambda: two_bands(values), percentage, magnitudes=magnitudes)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


@given(VALUES, st.floats(0, 100).filter(lambda percentage: percentage == 0 or percentage > 1e-290), st.booleans())
def test_a_pooled_percentile_is_that_of_all_values(values: np.ndarray, percentage: float, magnitudes: bool) -> None:
    expected = np.percentile((np.abs(values) if magnitudes else values).astype(np.float64), percentage)
    found = channel_percentiles(lambda: two_bands(values), percentage, magnitudes=magnitudes, pooled=True)
    np.testing.assert_allclose(found, [expected] * len(values), rtol=1e-12, atol=0)


def test_values_that_are_not_finite_are_left_out() -> None:
    values = np.array([[[1, np.nan, 3], [np.inf, 2, -np.inf]]], np.float32)
    assert channel_percentiles(lambda: two_bands(values), 50) == [2]
    assert channel_percentiles(lambda: two_bands(values), 100) == [3]


def test_the_percentile_of_a_channel_without_finite_values_is_zero() -> None:
    values = np.array([[[np.nan], [np.inf]], [[1], [2]]], np.float32)
    assert channel_percentiles(lambda: two_bands(values), 100) == [0, 2]


@pytest.mark.parametrize("percentage", [50.5, 99.5, 100])
def test_percentiles_of_many_values_are_exact(percentage: float) -> None:
    values = np.random.default_rng(2).normal(size=(2, 300, 400)).astype(np.float32)
    found = channel_percentiles(lambda: two_bands(values), percentage, magnitudes=True)
    expected = np.percentile(np.abs(values).reshape(2, -1).astype(np.float64), percentage, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_bands_are_read_once_for_each_digit() -> None:
    reads = []

    def read() -> Iterator[tuple[int, np.ndarray]]:
        reads.append(None)
        return two_bands(np.ones((1, 2, 2), np.float32))

    channel_percentiles(read, 99)
    assert len(reads) == 3
