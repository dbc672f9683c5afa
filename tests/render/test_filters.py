"""Pictures of filters."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.nn.layers import Conv, Layer
from cnnfx.render.filters import FRAME_LEVEL, KERNEL_GAP, draw_filter, filters_picture, kernel_levels, kernel_tiles
from cnnfx.render.text import BACKGROUND

TOP = np.array([[-1, -1, -1], [1, 1, 1], [0, 0, 0]])


def layer(*shape: int) -> Layer:
    weights = np.random.default_rng(2).normal(size=shape)
    return Layer(Conv(weights, np.zeros(shape[0])), tuple(f"f{k}" for k in range(shape[0])))


def test_minus_one_is_black_zero_gray_and_one_white() -> None:
    assert kernel_levels(TOP).tolist() == [[0] * 3, [255] * 3, [128] * 3]


def test_filters_can_be_drawn_by_a_common_largest_weight() -> None:
    assert kernel_levels(np.array([[1.0, -1.0]]), largest=2).tolist() == [[191, 64]]


def test_a_filter_of_zeros_is_gray() -> None:
    assert (kernel_levels(np.zeros((3, 3))) == 128).all()


def test_a_filter_is_drawn_as_squares_in_a_frame() -> None:
    picture = draw_filter(TOP[None], 32, 32)
    assert picture.shape == (32, 32)
    assert (picture[0] == FRAME_LEVEL).all()
    assert picture[1:11, 1:31].max() == 0
    assert picture[11:21, 1:31].min() == 255


def test_the_kernels_of_a_filter_are_drawn_side_by_side() -> None:
    picture = draw_filter(np.stack([TOP, -TOP]), 66, 40)
    assert (picture[:, 32:34] == BACKGROUND).all()
    assert picture[1, 1] == 0
    assert picture[1, 35] == 255


def test_tiles_have_one_pixel_per_weight() -> None:
    tiles = kernel_tiles(layer(4, 2, 3, 5))
    assert (len(tiles.labels), tiles.height, tiles.width) == (4, 3, 11)
    assert [picture.shape for picture in tiles.rows(1, 3, 0, 2)] == [(2, 11)] * 2


def test_a_table_has_a_row_for_each_filter_and_a_column_for_each_input_channel() -> None:
    narrow = filters_picture(layer(3, 4, 5, 5), ["a", "b", "c", "d"])
    higher = filters_picture(layer(4, 4, 5, 5), ["a", "b", "c", "d"])
    wider = filters_picture(layer(3, 5, 5, 5), ["a", "b", "c", "d", "e"])
    square = 5 * (64 // 5) + 2 + KERNEL_GAP
    assert higher.shape[0] - narrow.shape[0] == square
    assert wider.shape[1] - narrow.shape[1] == square


def test_the_table_of_a_large_layer_fits_a_screen() -> None:
    picture = filters_picture(layer(48, 24, 5, 5), [str(k) for k in range(24)])
    square = 5 * 5 + 2 + 3
    assert picture.shape[0] == 48 * square + 8 + 18 + 3
    assert picture.shape[1] <= 24 * square + 60


def test_a_weight_in_a_very_large_table_is_at_least_four_pixels_wide() -> None:
    higher, lower = (filters_picture(layer(filters, 2, 3, 3), ["a", "b"]) for filters in (401, 400))
    assert higher.shape[0] - lower.shape[0] == 3 * 4 + 2 + 2


def test_three_input_channels_are_also_drawn_in_color() -> None:
    weights = np.zeros((1, 3, 1, 1))
    weights[0, :, 0, 0] = [1, -1, 0]
    picture = filters_picture(Layer(Conv(weights, np.zeros(1)), ("opponent",)), ["red", "green", "blue"])
    assert (picture == [255, 0, 128]).all(axis=-1).sum() == 64 * 64


def test_the_cell_of_an_unused_channel_is_empty() -> None:
    weights = np.zeros((2, 2, 1, 1))
    weights[0, 1] = 1
    picture = filters_picture(Layer(Conv(weights, np.zeros(2)), ("right", "zero")), ["a", "b"])
    assert (picture == 128).sum() == pytest.approx(2 * 64 * 64, rel=0.01)  # both kernels of the zero filter
    assert (picture == FRAME_LEVEL).sum() == pytest.approx(3 * 4 * 65, rel=0.05)


def test_weights_are_written_into_their_squares() -> None:
    one = Layer(Conv(TOP[None, None].astype(float), np.zeros(1)), ("top",))
    without, written = filters_picture(one, ["*"]), filters_picture(one, ["*"], values=True)
    assert without.shape == written.shape
    assert set(np.unique(written[40:80, 10:50])) - set(np.unique(without[40:80, 10:50]))
