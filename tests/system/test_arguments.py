"""Checks of arguments."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.system.arguments import whole_number


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_whole_number_of_python_or_numpy_becomes_an_int(value) -> None:
    assert whole_number("top", value, 1) == 3
    assert type(whole_number("top", value, 3)) is int


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (2.0, "2.0"), (True, "True"), ("3", "'3'"), (None, "None")])
def test_other_values_are_refused_with_the_name_of_the_argument(value, text) -> None:
    with pytest.raises(ArgumentError, match=rf"^top must be a whole number, 1 or more, not {text}\.$"):
        whole_number("top", value, 1)
