"""Pictures of filters before and after training, in pairs."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.nn.layers import Conv, Layer
from cnnfx.render.filter_pairs import (
    ARROW_LENGTH,
    ARROW_MARGIN,
    filter_norms,
    pair_limits,
    pair_tiles,
    pairs_picture,
    strongest_first,
)
from cnnfx.render.filters import FilterStyle
from cnnfx.render.tiles import FRAME_LEVEL
from tests.golden import assert_golden

PLAIN = FilterStyle(labels=False)


def layer(weights: np.ndarray) -> Layer:
    weights = np.asarray(weights, np.float32)
    return Layer(Conv(weights, np.zeros(len(weights))), tuple("abcdefghijkl"[: len(weights)]))


def constant(*values: float, channels: int = 1) -> Layer:
    """Return filters of 2×2 whose weights all have one value."""
    return layer(np.ones((1, channels, 2, 2)) * np.reshape(values, (-1, 1, 1, 1)))


def random_layer(count: int, channels: int, seed: int = 0) -> Layer:
    return layer(np.random.default_rng(seed).normal(size=(count, channels, 5, 5)))


def test_the_strength_of_a_filter_is_the_norm_of_its_weights() -> None:
    assert filter_norms(layer([[[[3, 0], [0, -4]]], [[[1, 1], [1, 1]]]])) == [5, 2]


def test_the_strongest_filters_come_first_and_equal_ones_in_their_order() -> None:
    assert strongest_first(constant(1, -3, 2, 3)) == [1, 3, 2, 0]
    assert pair_tiles(constant(9, 1, 1, 1), constant(1, -3, 2, 3), ["0"], "channel").labels == ["b", "d", "c", "a"]


def test_each_filter_has_a_range_of_its_own_unless_it_faded_or_all_are_compared() -> None:
    before, after = constant(8, 1, 1), constant(2, -1, 0.01)
    assert pair_limits(before, after, "channel")[0] == pytest.approx([8, 1, 1])
    assert pair_limits(before, after, "channel")[1] == pytest.approx([2, 1, 0.2])
    assert pair_limits(before, after, "all") == ([8, 8, 8], [8, 8, 8])


def test_a_pair_is_before_an_arrow_and_after() -> None:
    before, after = layer([[[[-1, 1]]]]), layer([[[[1, 0]]]])
    picture = pairs_picture(before, after, ["0"], "", PLAIN)
    row = picture[picture.shape[0] // 2].astype(int)
    top = picture[np.flatnonzero((picture < 255).any(axis=1))[0] + 3].astype(int)
    inner = top[np.flatnonzero(top < 255)[0] :]
    kernel, middle = 2 * 40 + 2, 2 * ARROW_MARGIN + ARROW_LENGTH
    assert inner[5] == 0
    assert inner[kernel - 5] == 255
    assert inner[kernel + middle + 5] == 255
    assert inner[2 * kernel + middle - 5] == 128
    assert (inner[kernel : kernel + middle] == 255).all()
    assert row[np.flatnonzero(row < 255)[0] :][kernel + ARROW_MARGIN : kernel + middle - ARROW_MARGIN - 12].max() < 200


def test_filters_of_several_channels_are_a_row_above_another() -> None:
    before, after = constant(-1, channels=5), constant(1, channels=5)
    picture = pairs_picture(before, after, list("vwxyz"), "", PLAIN)
    rows = (picture == 0).any(axis=1)
    assert rows.any()
    assert not rows[np.flatnonzero(rows)[-1] + 1 :].any()
    assert picture.shape[1] > 5 * 2 * 20


def test_filters_on_colors_are_drawn_in_color() -> None:
    red = layer([[[[1.0]], [[0]], [[0]]]])
    picture = pairs_picture(red, red, ["red", "green", "blue"], "", PLAIN)
    assert (picture == (255, 128, 128)).all(axis=-1).sum() > 2 * 70 * 70
    assert pair_tiles(red, red, ["red", "green", "blue"], "channel").color


def test_a_color_map_colors_the_weights() -> None:
    before, after = random_layer(2, 1), random_layer(2, 1, seed=1)
    assert pairs_picture(before, after, ["0"], "", FilterStyle(colormap="diverging")).ndim == 3


def test_the_tiles_for_a_terminal_have_a_pixel_for_each_weight() -> None:
    tiles = pair_tiles(layer([[[[-1, 1]]]]), layer([[[[1, 0]]]]), ["0"], "channel")
    assert next(iter(tiles.rows(0, 1, 0, 1))).tolist() == [[0, 255, FRAME_LEVEL, 255, 128]]


def test_pairs_of_one_channel_look_as_reviewed(tmp_path) -> None:
    before, after = random_layer(6, 1), layer(np.cumsum(random_layer(6, 1, seed=1).conv.weights, axis=2))
    caption = "model, layer 1: 6 filters of 5×5 · before and after training, strongest first"
    assert_golden("filter_pairs", pairs_picture(before, after, ["0"], caption, FilterStyle()), tmp_path)
