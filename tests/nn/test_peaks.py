"""Peaks: by hand, and compared with the definition on random maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.peaks import Peak, find_peaks


def peaks_of(values, count=100, radius=(1, 1), minimum=0.5):
    array = np.array(values, np.float32, ndmin=3)
    maps = ArrayMaps(array, [str(index) for index in range(len(array))])
    return find_peaks(maps, count, [radius] * len(array), [minimum] * len(array))


def test_the_largest_value_of_a_neighborhood_is_a_peak():
    assert peaks_of([[0, 1, 0, 0, 0], [0, 2, 0, 0, 3]]) == [Peak(0, 1, 4, 3.0), Peak(0, 1, 1, 2.0)]


def test_the_neighborhood_can_be_higher_than_wide():
    values = [[1, 0, 2], [0, 0, 0], [3, 0, 0]]
    assert [(peak.row, peak.column) for peak in peaks_of(values, radius=(2, 1))] == [(2, 0), (0, 2)]
    assert [(peak.row, peak.column) for peak in peaks_of(values, radius=(0, 2))] == [(2, 0), (0, 2)]


def test_an_area_of_equal_values_is_one_peak_in_its_middle():
    values = np.zeros((7, 9))
    values[2:5, 3:8] = 1
    assert peaks_of(values) == [Peak(0, 3, 5, 1.0)]


def test_of_equal_peaks_that_are_close_the_first_is_kept():
    assert [peak.column for peak in peaks_of([[1, 0, 1, 0, 1]], radius=(0, 2))] == [0, 4]
    assert [peak.column for peak in peaks_of([[1, 0, 1, 0, 1]], radius=(0, 1))] == [0, 2, 4]


def test_each_channel_has_its_own_peaks_and_the_strongest_come_first():
    maps = ArrayMaps(np.array([[[1.0, 0, 4]], [[3, 0, 2]]]), ["a", "b"])
    assert find_peaks(maps, 1, [(0, 1)] * 2, [0.5, 0.5]) == [Peak(0, 0, 2, 4.0), Peak(1, 0, 0, 3.0)]
    assert [peak.value for peak in find_peaks(maps, 9, [(0, 1)] * 2, [1.5, 2.0])] == [4.0, 3.0, 2.0]


def test_nan_and_infinity_are_no_peaks_and_hide_none():
    assert peaks_of([[np.nan, 1, np.inf, 2, -np.inf]]) == [Peak(0, 0, 3, 2.0), Peak(0, 0, 1, 1.0)]
    assert peaks_of([[np.nan, np.nan]]) == []


MAPS = st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
RADII = st.tuples(st.integers(0, 4), st.integers(0, 4))


@given(MAPS, RADII, st.booleans())
def test_no_two_peaks_of_a_channel_are_in_each_others_neighborhood(shape, radius, ties):
    *shape, seed = shape
    random = np.random.default_rng(seed)
    maps = random.integers(0, 4, shape) if ties else random.random(shape)
    found = peaks_of(maps, radius=radius)
    assert [peak.value for peak in found] == sorted((peak.value for peak in found), reverse=True)
    for index, first in enumerate(found):
        for second in found[:index]:
            assert (
                first.channel != second.channel
                or abs(first.row - second.row) > radius[0]
                or abs(first.column - second.column) > radius[1]
            )


@given(MAPS, RADII, st.integers(1, 5))
def test_the_peaks_of_distinct_values_are_the_largest_of_their_neighborhoods(shape, radius, count):
    *shape, seed = shape
    maps = np.random.default_rng(seed).permutation(int(np.prod(shape))).reshape(shape).astype(np.float32)
    minimum = maps.size / 2
    expected = []
    for channel, values in enumerate(maps):
        highest = []
        for row, column in np.ndindex(values.shape):
            top, left = max(row - radius[0], 0), max(column - radius[1], 0)
            value = values[row, column]
            if value >= minimum and value == values[top : row + radius[0] + 1, left : column + radius[1] + 1].max():
                highest.append(Peak(channel, row, column, float(value)))
        expected += sorted(highest, key=lambda peak: -peak.value)[:count]
    assert peaks_of(maps, count, radius, minimum) == sorted(expected, key=lambda peak: -peak.value)


@pytest.mark.parametrize("radius", [(0, 0), (3, 2), (40, 1)])
def test_large_maps_are_searched_in_bands_with_the_same_result(radius, monkeypatch):
    maps = np.random.default_rng(1).random((2, 90, 7))
    whole = peaks_of(maps, radius=radius)
    monkeypatch.setattr(ArrayMaps, "band_height", 8)
    assert peaks_of(maps, radius=radius) == whole
