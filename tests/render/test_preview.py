"""Previews of tiles and tables of filters in the terminal."""

from __future__ import annotations

import re

import numpy as np

from cnnfx.nn.layers import Conv, Layer
from cnnfx.render.preview import filter_table, preview, shrink
from cnnfx.render.terminal import min_pixel_scale
from cnnfx.render.tiles import Tiles


def layer(weights: object, names: tuple[str, ...]) -> Layer:
    array = np.array(weights, np.float32)
    return Layer(Conv(array, np.zeros(len(array))), names)


BLACK_AND_WHITE = layer([[[[1, -1]], [[-1, 1]]], [[[1, 1]], [[-1, -1]]]], ("first", "b"))
"""Two filters of 2×1 on two input channels."""


def test_a_table_has_a_row_for_each_filter_and_a_column_for_each_input_channel() -> None:
    assert filter_table(BLACK_AND_WHITE, ["x", "y"], 80, "none", "utf-8").splitlines() == [
        "      x    y",
        "first ██     ██",
        "",
        "b     ████",
    ]


def test_input_channels_that_do_not_fit_follow_in_a_table_below() -> None:
    assert filter_table(BLACK_AND_WHITE, ["x", "y"], 14, "none", "utf-8").splitlines() == [
        "      x",
        "first ██",
        "",
        "b     ████",
        "",
        "      y",
        "first   ██",
        "",
        "b",
    ]


def test_long_names_are_cut_and_columns_stay_aligned() -> None:
    text = filter_table(BLACK_AND_WHITE, ["magnitude of x", "y"], 80, "none", "utf-8")
    assert text.splitlines()[:2] == ["      magnitude of y", "first ██" + " " * 13 + "██"]


def test_in_color_a_character_shows_two_pixels() -> None:
    text = filter_table(layer(np.ones((2, 3, 5, 5)), ("a", "b")), ["1", "2", "3"], 20, "truecolor", "utf-8")
    lines = [re.sub("\x1b.*?m", "", line) for line in text.splitlines()]
    assert len(lines) == 1 + 2 * 3
    assert lines[0].split() == ["1", "2", "3"]
    assert [line[0] for line in lines[1:]] == list("a  b  ")
    assert {len(line) for line in lines[1:4]} == {1 + 3 * 6}


def test_the_cell_of_an_unused_channel_is_blank() -> None:
    sparse = layer([[[[1, 0]], [[0, 0]]], [[[0, 0]], [[0, 0]]]], ("a", "zero"))
    assert filter_table(sparse, ["x", "y"], 80, "none", "utf-8").splitlines() == [
        "     x    y",
        "a    ██▒▒",
        "",
        "zero ▒▒▒▒ ▒▒▒▒",
    ]


def test_weights_are_enlarged_if_the_table_fits_then() -> None:
    one = layer(np.ones((1, 3, 5, 5)), ("a",))
    wide, narrow = (filter_table(one, ["1", "2", "3"], width, "256", "utf-8").splitlines() for width in (34, 33))
    assert [len(wide), len(narrow)] == [1 + 5, 1 + 3]


def test_filters_can_be_drawn_by_a_common_largest_weight() -> None:
    one = layer([[[[1.0]]], [[[0.5]]]], ("a", "b"))
    own, common = (filter_table(one, ["x"], 80, "none", "utf-8", largest) for largest in (None, 1.0))
    assert own.splitlines()[3] == "b ██"
    assert common.splitlines()[3] == "b ▓▓"


def test_every_pixel_is_visible_at_scale_1_with_half_blocks_and_at_2_without() -> None:
    assert [min_pixel_scale(*given) for given in (("256", "utf-8"), ("none", "utf-8"), ("256", "ascii"))] == [1, 2, 2]


def tiles(*pictures: np.ndarray) -> Tiles:
    height, width = pictures[0].shape[:2]
    labels = [f"tile {index}" for index in range(len(pictures))]
    return Tiles(labels, height, width, lambda first, last, top, bottom: [p[top:bottom] for p in pictures[first:last]])


def test_tiles_are_laid_out_in_rows_under_their_labels() -> None:
    white = np.full((2, 4), 255, np.uint8)
    assert preview(tiles(white, white, white), 16, "none", "utf-8").splitlines() == [
        "tile 0  tile 1",
        "████    ████  ",
        "tile 2",
        "████  ",
    ]


def test_a_tile_is_shrunk_by_the_mean_of_whole_blocks(monkeypatch) -> None:
    monkeypatch.setattr("cnnfx.render.preview.SHRINK_ROWS", 4)
    picture = np.random.default_rng(4).integers(0, 256, (11, 9, 3), np.uint8)
    blocks = picture[:10, :8].reshape(5, 2, 4, 2, 3).astype(int)
    np.testing.assert_array_equal(shrink(tiles(picture), 0, 4), np.rint(blocks.mean(axis=(1, 3))))
