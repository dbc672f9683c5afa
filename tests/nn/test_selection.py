"""Selection of channels by names, numbers and ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError
from cnnfx.nn.selection import depends_on_image, listed_names, select_channels

EDGES = ("top", "left", "bottom", "right")
DIGITS = tuple(map(str, range(10)))
TRAINED = tuple(map(str, range(1, 25)))


def refused(names, text, owner=""):
    with pytest.raises(ArgumentError) as caught:
        select_channels(names, text, owner)
    assert caught.value.remedy == "channel_selection"
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("top", [0]),
        ("bottom,left", [2, 1]),
        (" right , top ", [3, 0]),
        ("2", [1]),
        ("4,1", [3, 0]),
        ("2-4", [1, 2, 3]),
        ("2 - 3", [1, 2]),
        ("3-3", [2]),
        ("right,1-2", [3, 0, 1]),
        ("all", [0, 1, 2, 3]),
        ("ALL", [0, 1, 2, 3]),
    ],
)
def test_names_numbers_and_ranges_are_selected_in_the_order_of_the_list(text, selected):
    assert select_channels(EDGES, text) == selected


def test_a_channel_that_is_listed_twice_is_selected_once():
    assert select_channels(EDGES, "left,top,left,1-2") == [1, 0]


def test_a_name_takes_precedence_over_a_number_a_range_and_all():
    names = ("x", "1", "2-3", "all")
    assert [select_channels(names, text) for text in ("1", "2-3", "all", "2")] == [[1], [2], [3], [1]]


def test_where_all_names_are_numbers_numbers_are_names():
    assert select_channels(DIGITS, "0,7-9") == [0, 7, 8, 9]
    assert refused(DIGITS, "10") == "There is no channel 10. Its channels are 0 to 9."


def test_the_numbers_of_trained_filters_are_counted_from_1():
    assert select_channels(TRAINED, "1,24") == [0, 23]


def test_names_with_commas_dashes_and_spaces_are_found():
    names = ("red over green", "a,b", "a", "top-left", "a,b,c")
    assert select_channels(names, "a,b,c") == [4]
    assert select_channels(names, "a,b,a,top-left, red over green") == [1, 2, 3, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tpo", "There is no channel 'tpo'. Did you mean top?"),
        ("Top", "There is no channel 'Top'. Did you mean top?"),
        ("zzz", "There is no channel 'zzz'. Its channels are top, left, bottom, right."),
        ("top-left", "There is no channel 'top-left'. Did you mean left?"),
        ("5", "There is no channel 5. They are counted from 1 to 4."),
        ("0", "There is no channel 0. They are counted from 1 to 4."),
        ("2-9", "There is no channel 9. They are counted from 1 to 4."),
        ("4-2", "The range 4-2 goes from a larger number to a smaller one. Write 2-4."),
        ("", "'' is not a list of channels, such as 1,4,7-9 or top,left."),
        ("top,", "'top,' is not a list of channels, such as 1,4,7-9 or top,left."),
        (" , ", "' , ' is not a list of channels, such as 1,4,7-9 or top,left."),
        ("-1", "'-1' is not a list of channels. Write a range with both ends, such as 1-4."),
        ("-3", "'-3' is not a list of channels. Write a range with both ends, such as 1-3."),
        ("2-", "'2-' is not a list of channels. Write a range with both ends, such as 2-4."),
        ("1:3", "'1:3' is not a list of channels. Write a range with both ends, such as 1-3."),
        ("1..3", "'1..3' is not a list of channels. Write a range with both ends, such as 1-3."),
        ("²", "There is no channel '²'. Its channels are top, left, bottom, right."),
        ("1-9999999999", "There is no channel '1-9999999999'. Its channels are top, left, bottom, right."),
    ],
)
def test_what_selects_nothing_is_an_error(text, message):
    assert refused(EDGES, text) == message


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("top:1", [2]),
        ("top:3", [2, 0, 3]),
        ("TOP:2", [2, 0]),
        ("top:9", [2, 0, 3, 1]),
        ("top:2,left,top", [2, 0, 1]),
        ("left, top:2", [1, 2, 0]),
    ],
)
def test_the_channels_with_the_strongest_response_come_first_and_equal_ones_in_their_order(text, selected):
    assert select_channels(EDGES, text, strengths=lambda: [0.5, -1.0, 2.0, 0.5]) == selected
    assert depends_on_image(EDGES, text)


def test_a_name_takes_precedence_over_the_strongest_channels():
    names = ("top:2", "b", "top:1,c")
    assert select_channels(names, "top:2") == [0]
    assert select_channels(names, "top:1,c") == [2]
    assert not depends_on_image(names, "top:2,b,top:1,c")


@pytest.mark.parametrize("text", ["top", "1-2", "all", "top:", "top:x", "left,top"])
def test_other_lists_do_not_depend_on_the_image(text):
    assert not depends_on_image(EDGES, text)


def test_the_strongest_channels_are_refused_where_there_is_no_image():
    assert refused(EDGES, "left,top:3") == (
        "top:3 selects the channels with the strongest response to an image. There is none here: name the channels."
    )
    assert refused(EDGES, "top:0") == "top:0 selects no channel. Write top:1 or more."


def test_the_owner_of_the_channels_stands_before_the_message():
    assert (
        refused(EDGES, "9", "layer 1 of edges")
        == "layer 1 of edges: there is no channel 9. They are counted from 1 to 4."
    )


def test_a_message_calls_the_channels_by_their_kind():
    with pytest.raises(ArgumentError, match="There is no filter 9"):
        select_channels(EDGES, "9", kind="filter")


def test_several_similar_names_are_suggested():
    names = ("red top", "green top", "blue top", "x")
    assert refused(names, "top") == "There is no channel 'top'. Did you mean red top, green top or blue top?"


def test_a_letter_in_the_other_case_is_suggested():
    assert refused(("x", "y"), "X") == "There is no channel 'X'. Did you mean x?"


def test_a_message_lists_the_first_of_many_names():
    assert listed_names([f"n{k}" for k in range(14)]) == "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11 and 2 more"


names = st.lists(st.text("ab1-, 2", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=6, unique=True)


@given(names, st.data())
def test_every_channel_can_be_selected_by_its_name(known, data):
    index = data.draw(st.integers(0, len(known) - 1))
    assert select_channels(known, known[index]) == [index]


@given(names, st.text("ab1-, 2", max_size=12))
def test_any_text_selects_distinct_channels_or_is_an_error(known, text):
    try:
        selected = select_channels(known, text)
    except ArgumentError:
        return
    assert len(set(selected)) == len(selected) > 0
    assert all(0 <= index < len(known) for index in selected)
