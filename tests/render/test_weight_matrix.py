"""The weights of filters on many input channels as one matrix."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import CnnfxError
from cnnfx.nn.layers import Conv, Layer
from cnnfx.render.filters import MAX_TABLE_CHANNELS, FilterStyle, filters_picture
from cnnfx.render.heading import Heading
from cnnfx.render.text import BACKGROUND, draw_text, text_width
from cnnfx.render.tiles import FRAME_LEVEL
from cnnfx.render.weight_matrix import FONT_SIZE, MARGIN, MAX_MATRIX_WIDTH, weight_matrix
from tests.render.test_filters import contains


def numbers(count: int, first: int = 1) -> list[str]:
    return [str(number) for number in range(first, first + count)]


def layer(*shape: int) -> Layer:
    weights = np.random.default_rng(5).normal(size=shape).astype(np.float32)
    return Layer(Conv(weights, np.zeros(shape[0], np.float32)), tuple(numbers(shape[0])))


def test_each_weight_of_a_1x1_kernel_is_a_square_in_its_row_and_column() -> None:
    levels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1)
    picture = weight_matrix(levels, ["a", "b"], ["x", "y", "z"], labels=False)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert picture.shape == (2 * 12, 3 * 12)
    assert picture[::12, ::12].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (picture == picture[::12, ::12].repeat(12, axis=0).repeat(12, axis=1)).all()


def test_larger_kernels_have_a_line_between_them() -> None:
    levels = np.zeros((2, 2, 1, 3), np.uint8)
    picture = weight_matrix(levels, ["a", "b"], ["x", "y"], labels=False)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert picture.shape == (2 * 12 + 1, 2 * 36 + 1)
    assert (picture[12] == BACKGROUND).all()
    assert (picture[:, 36] == BACKGROUND).all()
    assert (picture == BACKGROUND).sum() == 73 + 25 - 1


def test_many_weights_are_drawn_smaller() -> None:
    picture = weight_matrix(np.zeros((4, 512, 1, 1), np.uint8), numbers(4), numbers(512), labels=False)
    assert picture.shape[1] - 2 * MARGIN == 512 * 3 <= MAX_MATRIX_WIDTH


def test_names_that_would_overlap_are_left_out_and_round_numbers_stay() -> None:
    picture = weight_matrix(np.zeros((40, 512, 1, 1), np.uint8), numbers(40), numbers(512))
    for shown in ("10", "500", "510"):
        assert contains(picture, draw_text(shown, FONT_SIZE))
    assert not contains(picture, draw_text("511", FONT_SIZE))
    ticks = (picture[MARGIN + draw_text("1", FONT_SIZE).shape[0]] == FRAME_LEVEL).sum()
    assert ticks == 51


def test_every_name_is_written_where_there_is_space() -> None:
    names = ["first", "second", "third"]
    picture = weight_matrix(np.zeros((3, 3, 2, 40), np.uint8), names, names)
    for name in names:
        assert contains(picture, draw_text(name, FONT_SIZE, text_width(name, FONT_SIZE)))


@pytest.mark.parametrize("labels", [True, False])
def test_a_heading_is_above_the_matrix(labels) -> None:
    levels = np.zeros((3, 5, 20, 40), np.uint8)
    picture = weight_matrix(levels, list("abc"), list("vwxyz"), heading=Heading("The layer"), labels=labels)
    text = Heading("The layer").draw(FONT_SIZE, picture.shape[1] - 2 * MARGIN)
    np.testing.assert_array_equal(picture[MARGIN : MARGIN + len(text), MARGIN : MARGIN + text.shape[1]], text)


def test_a_table_with_too_many_channels_or_kernels_is_a_matrix_without_frames() -> None:
    bare = FilterStyle(labels=False)
    table = filters_picture(layer(2, MAX_TABLE_CHANNELS, 1, 1), numbers(MAX_TABLE_CHANNELS), style=bare)
    matrix = filters_picture(layer(2, MAX_TABLE_CHANNELS + 1, 1, 1), numbers(MAX_TABLE_CHANNELS + 1), style=bare)
    many = filters_picture(layer(257, 16, 3, 3), numbers(16), style=bare)
    assert (table[MARGIN] == FRAME_LEVEL).sum() == 64 * (18 + 2)
    assert matrix.shape == (2 * 12 + 2 * MARGIN, 65 * 12 + 2 * MARGIN)
    assert many.shape == (257 * (3 * 3 + 1) - 1 + 2 * MARGIN, 16 * (3 * 3 + 1) - 1 + 2 * MARGIN)


def test_each_filter_is_drawn_by_its_own_largest_weight() -> None:
    weights = np.ones((2, 100, 1, 1), np.float32)
    weights[1] = -0.001
    shown = Layer(Conv(weights, np.zeros(2, np.float32)), ("a", "b"))
    picture = filters_picture(shown, numbers(100), style=FilterStyle(labels=False))
    assert picture[MARGIN, MARGIN] == 255
    assert picture[-MARGIN - 1, MARGIN] == 0


def test_a_color_map_colors_the_matrix() -> None:
    style = FilterStyle(labels=False, colormap="diverging")
    assert filters_picture(layer(2, 100, 1, 1), numbers(100), style=style).ndim == 3


def test_too_many_weights_are_not_written() -> None:
    with pytest.raises(CnnfxError, match=r"^51,200 weights cannot be written into a picture; the limit is 20,000\.$"):
        filters_picture(layer(100, 512, 1, 1), numbers(512), style=FilterStyle(values=True))
