"""Pictures as text for the terminal: escape codes, decoded pixels, sizes, and the colors that a terminal supports."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cnnfx.errors import ArgumentError
from cnnfx.render.terminal import Terminal, color_depth, digits, half_blocks, signs
from tests.render.text_pictures import decoded, plain

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


class FakeStream:
    def __init__(self, terminal):
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def picture(*rows):
    return np.array(rows, np.uint8)


def truecolor(rows, **options):
    return half_blocks(picture(*rows), "truecolor", **options)


# Escape codes


def test_two_pixels_one_above_the_other_are_one_half_block():
    assert truecolor([[RED], [BLUE]]) == "\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[0m"


def test_only_a_color_that_changes_is_written():
    text = truecolor([[RED, RED, GREEN, GREEN], [BLUE, BLUE, BLUE, RED]])
    assert text == "\x1b[38;2;255;0;0;48;2;0;0;255m▀▀\x1b[38;2;0;255;0m▀\x1b[48;2;255;0;0m▀\x1b[0m"


def test_two_equal_pixels_are_a_space_on_their_color():
    assert truecolor([[RED, GREEN], [RED, GREEN]]) == "\x1b[48;2;255;0;0m \x1b[48;2;0;255;0m \x1b[0m"


def test_each_line_sets_its_colors_and_resets_them_at_the_end():
    assert truecolor([[7]] * 4) == "\x1b[48;2;7;7;7m \x1b[0m\n\x1b[48;2;7;7;7m \x1b[0m"


def test_below_an_odd_last_row_the_background_of_the_terminal_is_shown():
    assert truecolor([[7, 9]]) == "\x1b[38;2;7;7;7m▀\x1b[38;2;9;9;9m▀\x1b[0m"
    assert truecolor([[7], [7], [9]]) == "\x1b[48;2;7;7;7m \x1b[0m\n\x1b[38;2;9;9;9m▀\x1b[0m"


def test_gray_is_the_same_as_equal_red_green_and_blue():
    gray = np.arange(12, dtype=np.uint8).reshape(4, 3)
    assert truecolor(gray) == truecolor(np.stack([gray] * 3, axis=-1))


@pytest.mark.parametrize(
    ("color", "index"),
    [
        (RED, 196),
        ((0, 0, 0), 16),
        ((255, 255, 255), 231),
        ((95, 135, 175), 67),
        ((8, 8, 8), 232),
        ((130, 128, 126), 244),
    ],
)
def test_with_256_colors_the_nearest_of_cube_and_grays_is_used(color, index):
    assert half_blocks(picture([color], [color]), "256") == f"\x1b[48;5;{index}m \x1b[0m"


def test_with_256_colors_no_other_color_is_nearer():
    steps = (0, 95, 135, 175, 215, 255)
    cube = [(red, green, blue) for red in steps for green in steps for blue in steps]
    palette = np.array(cube + [(v, v, v) for v in range(8, 239, 10)])
    colors = np.random.default_rng(3).integers(0, 256, (50, 3))
    for color in colors:
        text = half_blocks(picture([color], [color]), "256")
        shown = palette[int(re.findall(r"48;5;(\d+)m", text)[0]) - 16]
        assert ((shown - color) ** 2).sum() == ((palette - color) ** 2).sum(axis=1).min()


@given(
    image=st.tuples(st.integers(1, 13), st.integers(1, 13)).flatmap(
        lambda shape: arrays(np.uint8, st.sampled_from([shape, (*shape, 3)]))
    )
)
def test_decoding_the_escape_codes_gives_the_pixels(image):
    shown = decoded(half_blocks(image, "truecolor"))
    assert np.array_equal(shown[: len(image)], image if image.ndim == 3 else np.stack([image] * 3, axis=-1))
    assert (shown[len(image) :] == -1).all()


@given(
    pair=st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
        lambda shape: st.tuples(arrays(np.uint8, shape, elements=st.integers(0, 2)), arrays(bool, shape))
    )
)
def test_pixels_that_are_not_shown_have_the_background_of_the_terminal(pair):
    image, drawn = pair
    shown = decoded(half_blocks(image, "truecolor", shown=drawn))
    assert np.array_equal(shown[: len(image), :, 0], np.where(drawn, image.astype(int), -1))


def test_a_lower_pixel_alone_is_a_lower_half_block():
    text = truecolor([[1, 2], [RED[0], 9]], shown=np.array([[False, True], [True, False]]))
    assert text == "\x1b[38;2;255;255;255m▄\x1b[38;2;2;2;2m▀\x1b[0m"


# Without half blocks


def test_without_half_blocks_colors_are_spaces_of_the_mean_color():
    text = truecolor([[RED], [BLUE], [GREEN]], encoding="latin-1")
    assert text == "\x1b[48;2;128;0;128m \x1b[0m\n\x1b[48;2;0;255;0m \x1b[0m"


def test_an_unknown_encoding_is_treated_as_ascii():
    assert plain(truecolor([[7], [9]], encoding="no-such")) == " "


@pytest.mark.parametrize(
    ("terminal", "rows"),
    [
        (Terminal(80, "256"), 1),
        (Terminal(80, "256", None), 1),
        (Terminal(80, "256", "cp437"), 1),
        (Terminal(80, "256", "ascii"), 2),
        (Terminal(80, "none"), 2),
    ],
)
def test_a_character_shows_two_rows_of_pixels_only_as_colored_half_blocks(terminal, rows):
    assert terminal.pixel_rows == rows


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("utf-8", "größer ±1…2"), (None, "größer ±1…2"), ("ascii", "gr??er +-1..2"), ("x", "gr??er +-1..2")],
)
def test_what_an_encoding_lacks_is_replaced(encoding, text):
    assert Terminal(80, "none", encoding).encodable("größer ±1…2") == text


# Without colors


def test_values_are_signs():
    values = np.array([[-1, -0.13, -0.12, 0], [0.12, 0.13, 1, np.nan], [np.inf, -np.inf, 2, -2]])
    assert signs(values, 1.0) == [list("−−··"), list("·++?"), list("+−+−")]


def test_where_all_values_are_zero_there_is_no_sign():
    assert signs(np.array([[0.0, -0.0]]), 0.0) == [["·", "·"]]


def test_an_encoding_without_these_signs_gets_ascii():
    assert [signs(np.array([[-1, 0, 1]]), 1, encoding) for encoding in ("ascii", "cp437", None)] == [
        [list("-.+")], [list("-.+")], [list("−·+")],
    ]  # fmt: skip


def test_levels_are_digits():
    assert digits(picture([0, 25, 26, 128, 255])) == [" 0 0 1 5 9"]
    assert digits(picture([RED, GREEN, BLUE])) == [" 2 5 1"]


# Errors


@pytest.mark.parametrize("wrong", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros(3, np.uint8)])
def test_an_array_of_another_type_or_shape_is_an_error(wrong):
    with pytest.raises(ArgumentError, match=re.escape(f"this one is {wrong.dtype} of shape {wrong.shape}.")):
        half_blocks(wrong, "256")


def test_an_empty_picture_is_an_error():
    with pytest.raises(ArgumentError, match=re.escape("The picture is empty: its shape is (0, 3).")):
        half_blocks(np.zeros((0, 3), np.uint8), "256")


# The colors of a terminal


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"COLORTERM": "truecolor", "TERM": "xterm"}, "truecolor"),
        ({"COLORTERM": "24bit"}, "truecolor"),
        ({"WT_SESSION": "1a2b"}, "truecolor"),
        ({"TERM": "xterm-kitty"}, "truecolor"),
        ({"TERM": "xterm-direct"}, "truecolor"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "screen-256color", "COLORTERM": ""}, "256"),
        ({"TERM": "xterm"}, "none"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, "none"),
        ({}, "none"),
        ({"COLORTERM": "truecolor", "NO_COLOR": "1"}, "none"),
        ({"COLORTERM": "truecolor", "NO_COLOR": ""}, "truecolor"),
        ({"COLORTERM": "truecolor", "FORCE_COLOR": "0"}, "none"),
        ({"COLORTERM": "truecolor", "FORCE_COLOR": "2"}, "256"),
    ],
)
def test_the_colors_of_a_terminal_depend_on_the_environment(environ, depth):
    assert color_depth(FakeStream(True), environ) == depth


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"COLORTERM": "truecolor", "TERM": "xterm-256color"}, "none"),
        ({"COLORTERM": "truecolor", "FORCE_COLOR": "1"}, "truecolor"),
        ({"FORCE_COLOR": "1"}, "256"),
        ({"FORCE_COLOR": "3", "TERM": "dumb"}, "truecolor"),
        ({"FORCE_COLOR": "3", "NO_COLOR": "1"}, "none"),
    ],
)
def test_a_stream_that_is_not_a_terminal_has_colors_only_with_force_color(environ, depth):
    assert color_depth(FakeStream(False), environ) == depth
    assert color_depth(None, environ) == depth


def test_a_closed_stream_is_not_a_terminal(tmp_path):
    with (tmp_path / "out.txt").open("w") as stream:
        pass
    assert color_depth(stream, {"COLORTERM": "truecolor"}) == "none"
