"""Feature maps with names, in an array."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.nn.array_maps import ArrayMaps

ARRAY = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
MAPS = ArrayMaps(ARRAY, ("top", "left", "x"), (True, False, True))


def test_selected_channels_of_an_array_keep_their_names_and_kinds() -> None:
    maps = ArrayMaps(ARRAY, "abc", (True, False, True)).select([2, 1])
    assert (maps.names, maps.non_negative, maps.shape) == (("c", "b"), (True, False), (2, 4, 5))


def test_a_map_is_found_by_its_name_and_by_its_number() -> None:
    np.testing.assert_array_equal(MAPS["left"], ARRAY[1])
    np.testing.assert_array_equal(MAPS[1], ARRAY[1])
    np.testing.assert_array_equal(MAPS[-1], ARRAY[2])


def test_in_tells_whether_there_is_a_map_of_a_name() -> None:
    assert "left" in MAPS
    assert "bottom" not in MAPS
    assert 1 not in MAPS


def test_a_slice_keeps_names_and_kinds() -> None:
    part = MAPS[::-2]
    assert (part.names, part.non_negative) == (("x", "top"), (True, True))
    np.testing.assert_array_equal(np.asarray(part), ARRAY[[2, 0]])


def test_the_maps_are_iterated_and_counted() -> None:
    assert len(MAPS) == 3
    for found, expected in zip(MAPS, ARRAY, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_numpy_takes_the_maps_as_an_array() -> None:
    assert np.asarray(MAPS) is ARRAY
    assert np.array(MAPS) is not ARRAY
    assert np.asarray(MAPS, np.float64).dtype == np.float64
    assert np.mean(MAPS) == pytest.approx(29.5)


def test_an_unknown_name_suggests_a_similar_one() -> None:
    with pytest.raises(ArgumentError, match=r"There is no map called 'lefty'. Did you mean left\?"):
        MAPS["lefty"]
    with pytest.raises(ArgumentError, match=r"There is no map called 'eyes'. The maps are top, left, x."):
        MAPS["eyes"]
    with pytest.raises(IndexError):
        MAPS[3]


def test_maps_are_shown_in_a_line_without_their_values() -> None:
    assert repr(MAPS) == "<3 maps of 5×4: top, left, x>"
    assert repr(MAPS[:1]) == "<1 map of 5×4: top>"
