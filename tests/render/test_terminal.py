"""Pictures as text for the terminal: escape codes, decoded pixels, sizes, and the colors that a terminal supports."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cnnfx.errors import ArgumentError
from cnnfx.render.terminal import color_depth, half_blocks

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


class FakeStream:
    def __init__(self, terminal):
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def picture(*rows):
    return np.array(rows, np.uint8)


def truecolor(rows, width=80, **options):
    return half_blocks(picture(*rows), width=width, depth="truecolor", **options)


def plain(rows, **options):
    return half_blocks(picture(*rows), width=80, depth="none", **options)


def decoded(text, columns):
    """Return the pixels that a terminal shows: an upper and a lower row for each line; -1 is its background."""
    rows = []
    for line in text.split("\n"):
        fore, back, upper, lower = [-1] * 3, [-1] * 3, [], []
        for codes, character in re.findall(r"\x1b\[([\d;]*)m|([ ▀])", line):
            numbers = [int(code) for code in codes.split(";") if code]
            while numbers:
                target, *numbers = numbers
                if target == 0:
                    fore, back = [-1] * 3, [-1] * 3
                    continue
                assert numbers[0] == 2
                fore, back = (numbers[1:4], back) if target == 38 else (fore, numbers[1:4])
                numbers = numbers[4:]
            if character:
                upper.append(fore if character == "▀" else back)
                lower.append(back)
        assert len(upper) == columns
        rows += [upper, lower]
    return np.array(rows)


def area_means(image, rows, columns):
    """Enlarge by `rows` and `columns`, then average whole blocks, rounded half up, in integers."""
    height, width = image.shape[:2]
    enlarged = image.astype(int).repeat(rows, axis=0).repeat(columns, axis=1)
    sums = enlarged.reshape(rows, height, columns, width, *image.shape[2:]).sum(axis=(1, 3))
    return (2 * sums + height * width) // (2 * height * width)


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
    assert half_blocks(picture([color], [color]), width=9, depth="256") == f"\x1b[48;5;{index}m \x1b[0m"


def test_with_256_colors_no_other_color_is_nearer():
    steps = (0, 95, 135, 175, 215, 255)
    cube = [(red, green, blue) for red in steps for green in steps for blue in steps]
    palette = np.array(cube + [(v, v, v) for v in range(8, 239, 10)])
    colors = np.random.default_rng(3).integers(0, 256, (50, 3))
    for color in colors:
        text = half_blocks(picture([color], [color]), width=9, depth="256")
        shown = palette[int(re.findall(r"48;5;(\d+)m", text)[0]) - 16]
        assert ((shown - color) ** 2).sum() == ((palette - color) ** 2).sum(axis=1).min()


# Sizes


def test_a_picture_that_fits_keeps_its_size():
    assert decoded(truecolor(np.arange(24).reshape(4, 6)), 6).shape == (4, 6, 3)


def test_a_wide_picture_is_shrunk_to_the_columns_and_keeps_its_proportions():
    assert decoded(truecolor(np.zeros((40, 100)), width=20), 20).shape == (8, 20, 3)


def test_a_tall_picture_is_shrunk_to_the_lines():
    assert decoded(truecolor(np.zeros((100, 40)), height=10), 8).shape == (20, 8, 3)


def test_a_thin_picture_is_shrunk_to_no_less_than_one_pixel():
    assert decoded(truecolor(np.zeros((1, 900)), width=9), 9).shape == (2, 9, 3)


def test_shrinking_averages_areas_and_rounds_half_up():
    rows = [[0, 2, 10, 20], [4, 6, 30, 40], [1, 2, 0, 0], [0, 0, 0, 1]]
    assert decoded(truecolor(rows, width=2), 2)[..., 0].tolist() == [[3, 25], [1, 0]]  # 0.75 → 1, 0.25 → 0
    assert decoded(truecolor([[0, 1], [1, 0]], width=1), 1)[0, 0, 0] == 1


def test_shrinking_weights_the_pixels_that_two_areas_share():
    assert decoded(truecolor([[0, 90, 240]] * 3, width=2, height=1), 2)[0, :, 0].tolist() == [30, 190]


def test_a_small_picture_is_enlarged_by_a_whole_factor_on_request():
    rows = [[1, 2], [3, 4]]
    assert decoded(truecolor(rows, width=7), 2)[..., 0].tolist() == rows
    enlarged = decoded(truecolor(rows, width=7, enlarge=8), 6)[..., 0]
    assert enlarged.tolist() == np.kron(rows, np.ones((3, 3), int)).tolist()


def test_enlarging_is_limited_by_the_factor_and_the_lines():
    assert decoded(truecolor([[1, 2], [3, 4]], enlarge=2), 4).shape == (4, 4, 3)
    assert decoded(truecolor([[1, 2], [3, 4]], height=3, enlarge=99), 6).shape == (6, 6, 3)


@given(
    image=st.tuples(st.integers(1, 13), st.integers(1, 13)).flatmap(
        lambda shape: arrays(np.uint8, st.sampled_from([shape, (*shape, 3)]))
    ),
    width=st.integers(1, 15),
    height=st.none() | st.integers(1, 8),
)
def test_decoding_the_escape_codes_gives_the_averaged_pixels(image, width, height):
    text = half_blocks(image, width=width, height=height, depth="truecolor")
    first, *others = text.split("\n")
    columns = first.count("▀") + first.count(" ")
    shown = decoded(text, columns)
    rows = len(shown) - bool((shown[-1] == -1).all())
    assert columns <= width
    assert height is None or len(others) < height
    expected = area_means(image, rows, columns)
    assert np.array_equal(shown[:rows], expected if image.ndim == 3 else np.stack([expected] * 3, axis=-1))
    assert (shown[rows:] == -1).all()


# Without colors and without block characters


def test_without_colors_a_shade_shows_the_mean_of_two_pixels():
    assert plain([[0, 64, 128, 191, 255]] * 2) == " ░▒▓█"
    assert plain([[0, 255], [255, 255]]) == "▒█"  # 127.5 and 255


def test_without_colors_an_odd_last_row_is_not_averaged():
    assert plain([[255], [255], [64]]) == "█\n░"


def test_without_colors_red_is_darker_than_green():
    assert plain([[RED, GREEN, BLUE]]) == "░▒ "


def test_without_colors_and_blocks_ascii_has_ten_shades():
    row = [round(255 * step / 9) for step in range(10)]
    assert plain([row, row], encoding="ascii") == " .:-=+*#%@"
    assert plain([row, row], encoding="cp1252") == " .:-=+*#%@"


def test_an_encoding_with_block_characters_uses_them():
    assert plain([[255]], encoding="cp437") == "█"
    assert plain([[255]], encoding=None) == "█"


def test_an_unknown_encoding_is_treated_as_ascii():
    assert plain([[255]], encoding="no-such") == "@"


def test_without_half_blocks_colors_are_spaces_of_the_mean_color():
    text = truecolor([[RED], [BLUE], [GREEN]], encoding="latin-1")
    assert text == "\x1b[48;2;128;0;128m \x1b[0m\n\x1b[48;2;0;255;0m \x1b[0m"


# Errors


@pytest.mark.parametrize("wrong", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros(3, np.uint8)])
def test_an_array_of_another_type_or_shape_is_an_error(wrong):
    with pytest.raises(ArgumentError, match=re.escape(f"this one is {wrong.dtype} of shape {wrong.shape}.")):
        half_blocks(wrong, width=5, depth="none")


def test_an_empty_picture_is_an_error():
    with pytest.raises(ArgumentError, match=re.escape("The picture is empty: its shape is (0, 3).")):
        half_blocks(np.zeros((0, 3), np.uint8), width=5, depth="none")


@pytest.mark.parametrize("sizes", [{"width": 0}, {"width": 5, "height": 0}, {"width": 5, "enlarge": 0}])
def test_a_size_below_one_is_an_error(sizes):
    with pytest.raises(ArgumentError, match=r"must be at least 1, not 0\."):
        half_blocks(picture([1]), depth="none", **sizes)


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
