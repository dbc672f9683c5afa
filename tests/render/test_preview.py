"""Previews of feature maps and pictures in the terminal."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.render.color import NONFINITE_COLOR, ColorScale
from cnnfx.render.preview import (
    FRAME_COLOR,
    MAX_TILE_ROWS,
    balanced_columns,
    framed,
    largest_in_blocks,
    maps_preview,
    pictures_preview,
)
from cnnfx.render.terminal import Terminal
from cnnfx.render.tiles import picture_tiles
from tests.render.text_pictures import columns as columns_of
from tests.render.text_pictures import decoded, plain

COLORS, PLAIN, ASCII = (
    Terminal(80, colors, encoding)
    for colors, encoding in (("truecolor", "utf-8"), ("none", "utf-8"), ("none", "ascii"))
)


def array_maps(*maps, names=None, non_negative=None):
    array = np.array(maps, np.float32)
    return ArrayMaps(array, names or [f"map {index}" for index in range(len(array))], non_negative)


def shown_pixels(text):
    """Return the pixels below the labels."""
    return decoded(text.partition("\n")[2])


# Shrinking


def test_the_value_of_the_largest_magnitude_in_each_block_is_kept() -> None:
    values = np.array([[[1, -2, 0, 0], [0, 0, 0, 3], [-1, 1, 0, 0], [0, 0, -5, 4]]], np.float32)
    assert largest_in_blocks([(0, values)], values.shape, 2, 2).tolist() == [[[-2, 3], [1, -5]]]


@given(data=st.data(), height=st.integers(1, 20), width=st.integers(1, 20))
def test_bands_of_any_height_give_the_same_values(data, height, width) -> None:
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    values = np.random.default_rng(height * 32 + width).normal(size=(2, height, width)).astype(np.float32)
    cuts = sorted({0, height, *data.draw(st.lists(st.integers(0, height), max_size=4))})
    bands = [(first, values[:, first:last]) for first, last in pairwise(cuts)]
    tops, lefts = ([*(np.arange(n) * size // n), size] for n, size in ((rows, height), (columns, width)))
    blocks = [
        [values[:, tops[i] : tops[i + 1], lefts[j] : lefts[j + 1]].reshape(2, -1) for j in range(columns)]
        for i in range(rows)
    ]
    expected = [[[b[k][np.abs(b[k]).argmax()] for b in line] for line in blocks] for k in range(2)]
    np.testing.assert_array_equal(largest_in_blocks(bands, values.shape, rows, columns), expected)


def test_a_block_that_contains_nan_is_nan() -> None:
    values = np.array([[[np.nan, 1, 2, 3]]], np.float32)
    np.testing.assert_array_equal(largest_in_blocks([(0, values)], values.shape, 1, 2), [[[np.nan, 3]]])


@pytest.mark.parametrize("line", [1.0, -1.0])
def test_a_line_of_one_pixel_in_a_large_map_keeps_its_brightness(line) -> None:
    values = np.zeros((1000, 1000))
    values[:, 517] = line
    values[:, 518] = -line / 2
    shown = shown_pixels(maps_preview(array_maps(values), ColorScale("signed"), COLORS))[1:-1, 1:-1]
    column = 517 * shown.shape[1] // 1000
    level = 255 if line > 0 else 0
    assert np.abs(shown[:, column] - level).max() <= 1
    assert np.abs(np.delete(shown, column, axis=1).astype(int) - 127.5).max() <= 0.5


# Maps


def test_maps_stand_side_by_side_in_frames_under_their_names() -> None:
    text = maps_preview(array_maps([[0, 1]], [[0, -1]], names=["a", "second"]), ColorScale("signed"), COLORS)
    assert plain(text).split("\n") == ["a ±1       second ±1", " ▀▀         ▀▀ ", "▀▀▀▀       ▀▀▀▀"]
    assert shown_pixels(text)[1, :, 0].tolist() == [95, 128, 255, 95, *[-1] * 7, 95, 128, 0, 95]


def test_the_frame_has_one_color_on_all_sides() -> None:
    shown = shown_pixels(maps_preview(array_maps(np.ones((4, 6))), ColorScale(), COLORS))
    edges = np.concatenate([shown[0], shown[5], shown[:6, 0], shown[:6, -1]])
    assert (edges == FRAME_COLOR).all()
    assert (shown[1:5, 1:-1] == 255).all()


def test_a_map_that_cannot_be_negative_is_drawn_from_black() -> None:
    maps = array_maps([[0, 1]], [[0, 1]], names=["a", "b"], non_negative=[True, False])
    assert shown_pixels(maps_preview(maps, ColorScale(), COLORS))[1, [1, 2, 8, 9], 0].tolist() == [0, 255, 128, 255]


def test_a_color_map_colors_the_preview() -> None:
    text = maps_preview(array_maps([[-1, 1]]), ColorScale("signed", colormap="diverging"), COLORS)
    blue, orange = shown_pixels(text)[1, 1:3]
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


def test_nan_has_its_own_color() -> None:
    shown = shown_pixels(maps_preview(array_maps([[np.nan, 1]]), ColorScale(), COLORS))
    assert tuple(shown[1, 1]) == NONFINITE_COLOR


def test_a_fixed_range_applies() -> None:
    shown = shown_pixels(maps_preview(array_maps([[0.5, 1]]), ColorScale("minmax", limits=(0, 2)), COLORS))
    assert shown[1, 1:3, 0].tolist() == [64, 128]


def test_without_colors_values_are_signs() -> None:
    maps = array_maps([[-1, 0.29, 0.31]] * 2, names=["x"])
    assert maps_preview(maps, ColorScale(), PLAIN) == "x ±1\n−·+"
    assert maps_preview(maps, ColorScale(), ASCII) == "x +-1\n-.+"


def test_a_map_without_contrast_has_no_signs() -> None:
    assert maps_preview(array_maps(np.zeros((2, 2))), ColorScale(), PLAIN) == "map 0 0\n··"


def test_a_line_of_signs_shows_two_rows() -> None:
    assert maps_preview(array_maps([[0, 1], [-1, 0], [0, 0], [0, 0]]), ColorScale(), PLAIN) == "map 0 ±1\n−+\n··"


def test_a_very_high_map_is_limited_in_height() -> None:
    text = maps_preview(array_maps(np.ones((3000, 30))), ColorScale(), COLORS)
    assert len(text.split("\n")) == 1 + MAX_TILE_ROWS // 2 + 1


@pytest.mark.parametrize("terminal", [COLORS, PLAIN, COLORS._replace(encoding="ascii")])
@given(
    count=st.integers(1, 9), height=st.integers(1, 200), width=st.integers(1, 200), columns=st.integers(8, 120),
    name=st.text("abcé界 ", max_size=30),
)  # fmt: skip
def test_no_line_is_wider_than_the_terminal(terminal, count, height, width, columns, name) -> None:
    maps = array_maps(*np.ones((count, height, width)), names=[name] * count)
    text = maps_preview(maps, ColorScale(), terminal._replace(width=columns))
    assert max(map(columns_of, text.split("\n"))) <= columns


# Rows


@pytest.mark.parametrize(
    ("count", "width", "columns"),
    [(4, 38, 4), (6, 38, 3), (5, 38, 3), (7, 38, 4), (9, 38, 3), (1, 38, 1), (3, 5, 1), (8, 28, 3)],
)
def test_rows_are_few_and_equally_long(count, width, columns) -> None:
    assert balanced_columns(count, 8, width) == columns


# Frames


def test_neighboring_frames_share_a_side() -> None:
    white = np.full((2, 2), 255, np.uint8)
    columns, lines = framed([[white, white], [white, None]], (2, 2), COLORS, (1, 1))
    shown = decoded("\n".join(lines))
    assert columns == 7
    assert (shown[:, :, 0] == 255).sum() == 12
    assert (shown[4:7, 4:] == -1).all()
    assert (shown[:7, 3] == FRAME_COLOR).all()


# Pictures


def test_pictures_are_shrunk_by_averaging_and_enlarged_by_a_whole_factor() -> None:
    picture = np.arange(100, dtype=np.uint8).repeat(2)[None].repeat(2, axis=0)
    text = pictures_preview(picture_tiles(["a"], [picture]), COLORS._replace(width=52))
    assert np.abs(shown_pixels(text)[1, 1:-1, 0] - (np.arange(50) * 2 + 0.5)).max() <= 1
    text = pictures_preview(picture_tiles(["a"], [picture[:, :4]]), COLORS, scale=3)
    assert shown_pixels(text)[1, 1:-1, 0].tolist() == [0] * 6 + [1] * 6


def test_without_colors_pictures_are_digits() -> None:
    tiles = picture_tiles(["a", "b"], [np.array([[0, 255], [26, 128]], np.uint8)] * 2)
    assert pictures_preview(tiles, PLAIN).split("\n") == ["a     b", " 0 9   0 9", " 1 5   1 5"]


def test_a_long_label_is_cut() -> None:
    tiles = picture_tiles(["a very long label"], [np.zeros((2, 2), np.uint8)])
    assert plain(pictures_preview(tiles, COLORS._replace(width=8))).split("\n")[0] == "a very…"
    assert plain(pictures_preview(tiles, COLORS._replace(width=8, encoding="ascii"))).split("\n")[0] == "a ver..."


def test_rows_of_tiles_that_do_not_fit_the_height_are_left_out() -> None:
    tiles = picture_tiles([*"abcde"], [np.zeros((2, 2), np.uint8)] * 5)
    full, low, lower = (
        pictures_preview(tiles, PLAIN._replace(width=20, height=height)).split("\n") for height in (6, 5, 1)
    )
    assert full[::3] == ["a     b     c", "d     e"]
    assert low == [*full[:3], "… 3 of 5 are shown"]
    assert lower == low  # at least one row


def test_in_color_without_half_blocks_a_pixel_is_a_whole_character() -> None:
    text = maps_preview(array_maps([[-1, 1]] * 4), ColorScale("signed"), COLORS._replace(encoding="ascii"))
    assert plain(text).split("\n") == ["map 0 +-1", "    ", "    ", "    ", "    "]
