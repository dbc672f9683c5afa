"""Tests of the lookup of names and of the suggestion of similar ones."""

from __future__ import annotations

import pytest

from cnnfx.errors import ArgumentError
from cnnfx.system.suggest import choose_name, closest_names, did_you_mean

BORDERS = {"constant": ("zero", "BORDER_CONSTANT"), "edge": ("nearest",)}


@pytest.mark.parametrize("given", ["constant", "Constant", "zero", "border-constant", "BORDERCONSTANT"])
def test_a_name_is_found_by_its_aliases_in_any_spelling(given: str) -> None:
    assert choose_name("border", given, BORDERS) == "constant"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("neares", 'border must be one of "constant", "edge" or a number, not \'neares\'; did you mean "edge"?'),
        ("qqq", 'border must be one of "constant", "edge" or a number, not \'qqq\''),
        (3, 'border must be one of "constant", "edge" or a number, not 3'),
    ],
)
def test_an_unknown_name_is_refused_with_the_closest(given: object, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        choose_name("border", given, BORDERS, "or a number")
    assert str(caught.value) == message


def test_a_close_name_is_suggested() -> None:
    assert did_you_mean("strid", ["stride", "padding"], "Allowed are") == 'Did you mean "stride"?'


def test_all_names_are_listed_if_none_is_close() -> None:
    assert did_you_mean("x", ["stride", "padding"], "Allowed are") == "Allowed are stride, padding."
    assert did_you_mean("x", ["stride", "padding"]) == ""


def test_of_many_names_the_first_are_listed() -> None:
    names = [f"layer-{index}" for index in range(30)]
    assert did_you_mean("x", names, "There are") == f"There are {', '.join(names[:24])} and 6 more."


def test_the_closest_names_come_first() -> None:
    assert closest_names("botom", ["top", "bottom", "bottoms"], 2) == ["bottom", "bottoms"]
