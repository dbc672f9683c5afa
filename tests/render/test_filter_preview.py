"""Filters in the terminal: tiles, and tables of filters and input channels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.nn.layers import Conv, Layer
from cnnfx.render.filter_preview import filter_table, filters_preview
from cnnfx.render.filters import FilterStyle
from cnnfx.render.preview import FRAME_COLOR
from cnnfx.render.terminal import Terminal
from tests.render.text_pictures import columns as columns_of
from tests.render.text_pictures import decoded, plain

COLORS, PLAIN, ASCII = Terminal(80, "truecolor"), Terminal(80, "none"), Terminal(80, "none", "ascii")


def layer(weights: object, names: tuple[str, ...]) -> Layer:
    array = np.array(weights, np.float32)
    return Layer(Conv(array, np.zeros(len(array))), names)


PAIRS = layer([[[[1, -1]], [[-1, 1]]], [[[1, 1]], [[-1, -1]]]], ("first", "b"))
"""Two filters of 2×1 on two input channels."""
FRACTIONS = [[-1 / 3, 0.01, 1 / 7]]


# Tiles


def test_a_small_filter_in_color_has_a_frame_and_pixels_of_the_enlarged_weights() -> None:
    text = filters_preview(layer([[[[-1, 1], [0, 1]]]], ("corner",)), COLORS, scale=2)
    assert text.split("\n")[0] == "corner"
    shown = decoded(text.partition("\n")[2])
    assert shown.shape == (6, 6, 3)
    assert shown[1:5, 1:5, 0].tolist() == [[0, 0, 255, 255]] * 2 + [[128, 128, 255, 255]] * 2
    shown[1:5, 1:5] = FRAME_COLOR
    assert (shown == FRAME_COLOR).all()


def test_short_weights_are_numbers_without_colors() -> None:
    sobel = [[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]]
    assert filters_preview(layer([sobel, sobel], ("x", "again")), PLAIN) == (
        "x         again\n-1  0  1  -1  0  1\n-2  0  2  -2  0  2\n-1  0  1  -1  0  1"
    )


def test_long_weights_are_signs_without_colors() -> None:
    assert filters_preview(layer([[FRACTIONS]], ("a",)), PLAIN) == "a\n− · +"
    assert filters_preview(layer([[FRACTIONS]], ("a",)), ASCII) == "a\n- . +"


def test_signs_stand_closer_where_a_kernel_is_too_wide() -> None:
    wide = layer([[FRACTIONS * 2]], ("a",))
    assert filters_preview(wide, PLAIN._replace(width=5)) == "a\n− · +\n− · +"
    assert filters_preview(wide, PLAIN._replace(width=4)) == "a\n−·+\n−·+"


def test_a_kernel_that_is_too_wide_is_shrunk() -> None:
    wide = layer([[[[1 / 3, 0, 0, 0, 0, -1 / 3]]]], ("a",))
    assert filters_preview(wide, PLAIN._replace(width=3)) == "a\n+·−"
    shown = decoded(filters_preview(wide, COLORS._replace(width=5)).partition("\n")[2])
    assert shown[1, 1:4, 0].tolist() == [255, 128, 0]


def test_filters_can_be_drawn_by_a_common_largest_weight() -> None:
    two = layer([[[[1 / 3, 1 / 7]]], [[[0.03, 1 / 300]]]], ("a", "b"))
    own, common = (filters_preview(two, PLAIN, FilterStyle(scope)) for scope in ("channel", "all"))
    assert own == "a    b\n+ +  + ·"
    assert common == "a    b\n+ +  · ·"


def test_the_kernels_of_a_filter_stand_side_by_side() -> None:
    assert filters_preview(PAIRS, PLAIN) == "first         b\n 1 -1  -1  1   1  1  -1 -1"


def test_a_color_map_colors_the_weights() -> None:
    text = filters_preview(layer([[[[-1, 1]]]], ("a",)), COLORS, FilterStyle(colormap="diverging"), scale=1)
    blue, orange = decoded(text.partition("\n")[2])[1, 1:3]
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


# Tables


def test_a_table_has_a_row_for_each_filter_and_a_column_for_each_input_channel() -> None:
    assert filter_table(PAIRS, ["x", "y"], PLAIN).split("\n") == [
        "      x      y",
        "first  1 -1  -1  1",
        "",
        "b      1  1  -1 -1",
    ]


def test_in_color_the_kernels_of_a_table_share_frames() -> None:
    lines = filter_table(PAIRS, ["x", "y"], COLORS).split("\n")
    assert [plain(line)[:6].rstrip() for line in lines] == ["", "first", "", "b", ""]
    assert plain(lines[0]) == "      x    y"
    shown = decoded("\n".join(line.removeprefix(plain(line)[:6]) for line in lines[1:]))
    assert shown.shape == (8, 11, 3)
    assert shown[1, :, 0].tolist() == [95, 255, 255, 0, 0, 95, 0, 0, 255, 255, 95]
    assert (shown[[0, 3, 6]] == FRAME_COLOR).all()
    assert (shown[7] == -1).all()


def test_input_channels_that_do_not_fit_follow_in_a_table_below() -> None:
    assert filter_table(PAIRS, ["x", "y"], PLAIN._replace(width=16)).split("\n") == [
        "      x",
        "first  1 -1",
        "",
        "b      1  1",
        "",
        "      y",
        "first -1  1",
        "",
        "b     -1 -1",
    ]


def test_long_names_are_cut_and_columns_stay_aligned() -> None:
    lines = filter_table(PAIRS, ["magnitude of x", "y"], PLAIN).split("\n")
    assert lines[:2] == ["      magnitude o…  y", "first  1 -1         -1  1"]


@pytest.mark.parametrize("terminal", [COLORS, PLAIN])
def test_the_cell_of_an_unused_channel_is_blank(terminal) -> None:
    sparse = layer([[[[1, 0]], [[0, 0]]], [[[0, 0]], [[0, 0]]]], ("a", "zero"))
    lines = filter_table(sparse, ["x", "y"], terminal).split("\n")
    if terminal.colors == "none":
        assert lines == ["     x    y", "a    1 0", "", "zero 0 0  0 0"]
        return
    shown = decoded("\n".join(line.removeprefix(plain(line)[:5]) for line in lines[1:]))
    assert (shown[:3, 6:] == -1).all()
    assert (shown[4, 6:10, 0] == [128, 128, 128, 128]).all()


def test_three_input_channels_are_also_one_picture_in_color() -> None:
    red = layer([[[[1]], [[-1]], [[0]]]], ("r",))
    lines = filter_table(red, ["red", "green", "blue"], COLORS).split("\n")
    assert plain(lines[0]).split() == ["red", "green", "blue", "color"]
    shown = decoded("\n".join(line.removeprefix(plain(line)[:2]) for line in lines[1:]))
    assert shown[1, 19].tolist() == [255, 0, 128]
    assert "color" not in filter_table(red, ["red", "green", "blue"], PLAIN)


def test_weights_are_enlarged_if_the_table_fits_then() -> None:
    one = layer(np.ones((1, 4, 5, 5)), ("a",))
    wide, narrow = (
        filter_table(one, ["1", "2", "3", "4"], COLORS._replace(width=width)).split("\n") for width in (47, 46)
    )
    assert [len(wide), len(narrow)] == [1 + 6, 1 + 4]


def test_a_name_stands_beside_the_first_row_of_its_kernels() -> None:
    lines = filter_table(layer(np.ones((2, 2, 5, 5)), ("a", "b")), ["1", "2"], COLORS._replace(width=16)).split("\n")
    assert [plain(line)[0] for line in lines] == [" ", *"a  b  ", " "]


@pytest.mark.parametrize("colors", ["truecolor", "256", "none"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@given(
    filters=st.integers(1, 4), channels=st.integers(1, 40), height=st.integers(1, 4), width=st.integers(1, 40),
    columns=st.integers(20, 100), name=st.text("ab 界", max_size=20), weight=st.sampled_from([1, 1 / 3]),
)  # fmt: skip
def test_no_line_is_wider_than_the_terminal(
    colors, encoding, filters, channels, height, width, columns, name, weight
) -> None:
    terminal = Terminal(columns, colors, encoding)
    one = layer(np.full((filters, channels, height, width), weight), tuple(f"{k}{name}" for k in range(filters)))
    for text in (filters_preview(one, terminal), filter_table(one, [name] * channels, terminal)):
        assert max(map(columns_of, text.split("\n"))) <= columns
