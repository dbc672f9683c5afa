"""Pictures of filters."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.nn.layers import Conv, Layer
from cnnfx.render.color import color_table
from cnnfx.render.filters import (
    FONT_SIZE,
    KERNEL_GAP,
    MARGIN,
    UNUSED_FRAME_LEVEL,
    FilterStyle,
    color_picture,
    draw_filter,
    filters_picture,
    kernel_levels,
    small_picture,
)
from cnnfx.render.text import BACKGROUND, draw_text, text_width
from cnnfx.render.tiles import FRAME_LEVEL

TOP = np.array([[-1, -1, -1], [1, 1, 1], [0, 0, 0]])


BARE = FilterStyle(labels=False)


def contains(picture: np.ndarray, part: np.ndarray) -> bool:
    """Return whether a part, a text for example, is somewhere in a gray picture."""
    rows, height, width = [row.tobytes() for row in picture.astype(np.uint8)], *part.shape
    darkest = int(part.sum(axis=1).argmin())
    wanted = part[darkest].astype(np.uint8).tobytes()
    for top in range(len(rows) - height + 1):
        left = rows[top + darkest].find(wanted)
        while left >= 0:
            if (picture[top : top + height, left : left + width] == part).all():
                return True
            left = rows[top + darkest].find(wanted, left + 1)
    return False


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


def test_a_table_has_a_row_for_each_filter_and_a_column_for_each_input_channel() -> None:
    narrow = filters_picture(layer(3, 4, 5, 5), ["a", "b", "c", "d"])
    higher = filters_picture(layer(4, 4, 5, 5), ["a", "b", "c", "d"])
    wider = filters_picture(layer(3, 5, 5, 5), ["a", "b", "c", "d", "e"])
    square = 5 * (64 // 5) + 2 + KERNEL_GAP
    assert higher.shape[0] - narrow.shape[0] == square
    assert wider.shape[1] - narrow.shape[1] == square


def test_the_table_of_a_large_layer_fits_a_screen() -> None:
    picture = filters_picture(layer(48, 24, 5, 5), [str(k) for k in range(24)], style=BARE)
    square = 5 * 5 + 2 + 3
    assert picture.shape == (48 * square - 3 + 2 * MARGIN, 24 * square - 3 + 2 * MARGIN)


def test_a_weight_in_a_very_large_table_is_at_least_four_pixels_wide() -> None:
    higher, lower = (filters_picture(layer(filters, 2, 3, 3), ["a", "b"]) for filters in (401, 400))
    assert higher.shape[0] - lower.shape[0] == 3 * 4 + 2 + 2


OPPONENT = np.array([1, -1, 0]).reshape(1, 3, 1, 1)
COLORS = ["red", "green", "blue"]


def test_a_filter_on_red_green_and_blue_is_drawn_as_one_color_picture() -> None:
    picture = filters_picture(Layer(Conv(OPPONENT, np.zeros(1)), ("opponent",)), COLORS, style=BARE)
    assert picture.shape[:2] == (132 + 2 + 2 * 6, 132 + 2 + 2 * 6)
    assert (picture[7:-7, 7:-7] == [255, 0, 128]).all()


def test_the_colors_are_those_of_the_names_in_any_order() -> None:
    assert color_picture(OPPONENT[0], ["blue", "red", "green"]).tolist() == [[[0, 128, 255]]]


def test_the_written_weights_of_a_filter_on_colors_stand_beside_its_color_picture() -> None:
    style = FilterStyle(values=True, legend=False)
    picture = filters_picture(Layer(Conv(OPPONENT, np.zeros(1)), ("opponent",)), COLORS, style=style)
    assert (picture == [255, 0, 128]).all(axis=-1).sum() == 64 * 64
    gray = (picture == picture[..., :1]).all(axis=-1)
    assert gray[:, :-80].all()
    names = [draw_text(name, 13) for name in ("red", "green", "blue", "color")]
    assert all(contains(picture[..., 0], name) for name in names)


def test_a_small_picture_has_the_height_of_two_lines_and_several_rows_of_many_kernels() -> None:
    single = small_picture(TOP[None], ["*"], 182, 36)
    assert single.shape == (35, 35)
    assert (single[0] == FRAME_LEVEL).all()
    assert (single[1:12, 1:34], single[12:23, 1:34]) == (pytest.approx(0), pytest.approx(255))
    many = small_picture(np.stack([TOP] * 24), [str(k) for k in range(24)], 182, 36)
    assert many.shape == (2 * (3 * 3 + 2) + 2, 12 * (3 * 3 + 2) + 11 * 2)


def test_a_small_picture_on_colors_is_one_color_picture() -> None:
    assert small_picture(OPPONENT[0], COLORS, 182, 36).shape == (36, 36, 3)
    assert small_picture(OPPONENT[0], ["a", "b", "c"], 182, 36).shape == (36, 36 * 3 + 4)


def test_kernels_that_do_not_fit_into_a_small_picture_are_left_out() -> None:
    picture = small_picture(np.ones((100, 9, 9)), [str(k) for k in range(100)], 50, 36)
    assert picture.shape == (2 * 11 + 2, 4 * 11 + 3 * 2)


def test_the_place_of_an_unused_channel_in_a_small_picture_is_empty_in_a_light_frame() -> None:
    picture = small_picture(np.stack([TOP, np.zeros((3, 3))]), ["a", "b"], 182, 36)
    assert (picture[1:-1, 38:-1] == BACKGROUND).all()
    assert (picture[0, 37:] == UNUSED_FRAME_LEVEL).all()
    assert (picture[0, :35] == FRAME_LEVEL).all()


def test_the_cell_of_an_unused_channel_is_empty() -> None:
    weights = np.zeros((2, 2, 1, 1))
    weights[0, 1] = 1
    picture = filters_picture(Layer(Conv(weights, np.zeros(2)), ("right", "zero")), ["a", "b"], style=BARE)
    assert (picture == 128).sum() == pytest.approx(2 * 64 * 64, rel=0.01)  # both kernels of the zero filter
    assert (picture == FRAME_LEVEL).sum() == pytest.approx(3 * 4 * 65, rel=0.05)


def test_weights_are_written_into_their_squares() -> None:
    one = Layer(Conv(TOP[None, None].astype(float), np.zeros(1)), ("top",))
    without, written = filters_picture(one, ["*"]), filters_picture(one, ["*"], style=FilterStyle(values=True))
    assert without.shape == written.shape
    assert (without[-139:-95, 7:139] == 0).all()
    squares = [written[-139:-95, 7 + 44 * column : 51 + 44 * column] for column in range(3)]
    assert all((square == squares[0]).all() for square in squares)
    assert squares[0].max() == 255  # white text on black


def test_the_squares_of_written_weights_are_as_wide_as_their_numbers() -> None:
    weights = np.full((1, 1, 5, 5), -0.00390625)
    written = filters_picture(Layer(Conv(weights, np.zeros(1)), ("mean",)), ["*"], style=FilterStyle(values=True))
    side = text_width("−.00391", FONT_SIZE - 2) + 4
    assert written.shape[1] >= 5 * side + 2


def test_the_caption_and_the_range_of_the_weights_are_written_above() -> None:
    one = Layer(Conv(2 * TOP[None, None], np.zeros(1)), ("top",))
    picture = filters_picture(one, ["*"], "edges: 1 filter of 3×3")
    assert contains(picture, draw_text("edges: 1 filter of 3×3", 16))
    assert contains(picture, draw_text("−2", 13))
    assert contains(picture, draw_text("top", 13))


def test_filters_of_different_ranges_have_them_in_their_labels() -> None:
    weights = np.stack([TOP[None], 3 * TOP[None]])
    picture = filters_picture(Layer(Conv(weights, np.zeros(2)), ("a", "b")), ["*"])
    same = filters_picture(Layer(Conv(weights, np.zeros(2)), ("a", "b")), ["*"], style=FilterStyle(scope="all"))
    assert contains(picture, draw_text("−max", 13))
    assert contains(same, draw_text("−3", 13))
    assert not contains(same, draw_text("−max", 13))


def test_weights_are_drawn_in_the_colors_of_a_color_map() -> None:
    one = Layer(Conv(TOP[None, None], np.zeros(1)), ("top",))
    picture = filters_picture(one, ["*"], style=FilterStyle(colormap="diverging", labels=False))
    colors = color_table("diverging")
    assert {tuple(color) for color in picture[8:-8, 40].tolist()} == {tuple(colors[k].tolist()) for k in (0, 128, 255)}
