"""Joins: the shapes and names of the joined maps, and their values."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.nn.joins import JOINS, joined_names, joined_shape


def test_channels_stand_side_by_side_or_are_added_or_multiplied() -> None:
    a, b = np.array([[[1.0, 2]], [[3, 4]]]), np.array([[[5.0, 6]], [[7, 8]]])
    assert JOINS["concat"]([a, b]).tolist() == [[[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]]]
    assert JOINS["add"]([a, b]).tolist() == [[[6, 8]], [[10, 12]]]
    assert JOINS["multiply"]([a, b, b]).tolist() == [[[25, 72]], [[147, 256]]]


@pytest.mark.parametrize("join", JOINS)
def test_the_joined_shape_is_that_of_the_values(join) -> None:
    maps = [np.ones((3, 4, 5)), np.ones((3, 4, 5) if join == "concat" else (3, 1, 1))]
    assert joined_shape(join, [each.shape for each in maps], ["a", "b"]) == JOINS[join](maps).shape


@pytest.mark.parametrize(
    ("join", "shapes", "message"),
    [
        ("concat", [(3, 4, 5), (2, 4, 6)], "a has 3 channels of 5×4, b has 2 channels of 6×4"),
        ("concat", [(3, 4, 5), (2, 1, 1)], "a has 3 channels of 5×4, b has 2 channels of 1×1"),
        ("add", [(3, 4, 5), (2, 4, 5)], "a has 3 channels of 5×4, b has 2 channels of 5×4"),
    ],
)
def test_maps_that_do_not_fit_together_are_refused(join, shapes, message) -> None:
    with pytest.raises(ArgumentError) as error:
        joined_shape(join, shapes, ["a", "b"])
    assert str(error.value) == f"its inputs do not fit together ({join}): {message}"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([["x", "y"], ["z"]], ("x", "y", "z")),
        ([["1", "2"], ["1", "2", "3"]], ("1", "2", "3", "4", "5")),
        ([["x", "y"], ["x"]], ("left.x", "left.y", "right.x")),
    ],
)
def test_channels_side_by_side_have_unique_names(names, expected) -> None:
    assert joined_names("concat", names, ["left", "right"]) == expected


def test_added_channels_keep_the_names_of_the_first_source() -> None:
    assert joined_names("add", [["x", "y"], ["1", "2"]], ["left", "right"]) == ("x", "y")
