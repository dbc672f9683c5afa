"""Legends: ranges as text, and bars of colors with numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.render.color import COLORMAPS, NONFINITE_COLOR, color_table
from cnnfx.render.legend import BAR_EMS, Legend, ScaleBar, draw_nonfinite_marker, range_text, range_texts, scale_bars
from cnnfx.render.text import draw_text, line_height, text_width
from tests.render.test_filters import contains

FLOATS = st.floats(width=32, allow_nan=False)
NOT_CLIPPED = (False, False)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(-2.236, 2.236, "±2.24"), (0, 3.1, "0…3.1"), (-0.5, 1, "−0.5…1"), (0, 0, "0"), (2.5, 2.5, "2.5")],
)
def test_a_range_is_written_with_three_digits(low: float, high: float, text: str) -> None:
    assert range_text(low, high) == text


def test_labels_have_ranges_only_if_these_differ_as_written() -> None:
    assert range_texts([(-1, 1), (0, 3)]) == ["±1", "0…3"]
    assert range_texts([(0, 0.12345), (0, 0.12346)]) == ["", ""]


def test_channels_of_one_range_have_one_bar_with_its_numbers() -> None:
    assert scale_bars([(-2.24, 2.24)] * 3, [NOT_CLIPPED] * 3) == [ScaleBar("−2.24", "2.24", 0.5)]
    assert scale_bars([(0, 3.1)], [NOT_CLIPPED]) == [ScaleBar("0", "3.1")]
    assert scale_bars([(-1, 3)], [NOT_CLIPPED]) == [ScaleBar("−1", "3", 0.25)]


def test_channels_of_different_ranges_have_a_bar_without_their_numbers() -> None:
    assert scale_bars([(-1, 1), (-2, 2)], [NOT_CLIPPED] * 2) == [ScaleBar("−max", "max", 0.5)]
    assert scale_bars([(0, 1), (0, 2)], [NOT_CLIPPED] * 2) == [ScaleBar("0", "max")]
    assert scale_bars([(-3, 1), (-2, 2)], [NOT_CLIPPED] * 2) == [ScaleBar("min", "max")]


def test_signed_channels_and_those_that_cannot_be_negative_have_a_bar_each() -> None:
    bars = scale_bars([(-1, 1), (-2, 2), (0, 3)], [NOT_CLIPPED] * 3, [False, False, True])
    assert bars == [ScaleBar("−max", "max", 0.5), ScaleBar("0", "max")]


def test_bars_of_two_kinds_have_numbers_if_all_channels_of_each_kind_have_one_range() -> None:
    bars = scale_bars([(-1, 1), (-1, 1), (0, 3)], [(True, True), (True, True), (False, True)], [False, False, True])
    assert bars == [ScaleBar("≤ −1", "≥ 1", 0.5), ScaleBar("0", "≥ 3")]


def test_a_bar_says_that_its_ends_stand_for_values_beyond_them() -> None:
    assert scale_bars([(-1, 1)], [(True, True)]) == [ScaleBar("≤ −1", "≥ 1", 0.5)]
    assert scale_bars([(0, 1.2)], [(False, True)]) == [ScaleBar("0", "≥ 1.2")]
    assert scale_bars([(-1, 1), (-2, 2)], [(True, True)] * 2) == [ScaleBar("≤ −limit", "≥ limit", 0.5)]


def test_kinds_without_contrast_are_said_to_be_0_everywhere_once() -> None:
    assert scale_bars([(0, 0), (0, 0)], [(False, False)] * 2, [False, True]) == [ScaleBar("0", "0", None)]


def test_channels_without_contrast_are_not_in_the_bars_of_others() -> None:
    assert scale_bars([(0, 0), (0, 2)], [NOT_CLIPPED] * 2) == [ScaleBar("0", "2")]
    assert scale_bars([(0, 0), (0, 0)], [NOT_CLIPPED] * 2) == [ScaleBar("0", "0")]


def legend(*bars: ScaleBar, colormap: str = "gray") -> Legend:
    return Legend(len(bars), colormap, lambda: bars)


def test_a_bar_shows_all_colors_of_its_color_map_in_order_between_its_numbers() -> None:
    drawn = legend(ScaleBar("0", "3.1"), colormap="viridis").draw(20, 20 * BAR_EMS)
    row = drawn[drawn.shape[0] // 2]
    left, right = text_width("0", 20) + 6 + 1, 20 * BAR_EMS - text_width("3.1", 20) - 6 - 1
    np.testing.assert_allclose(row[left], color_table("viridis")[0], atol=3)
    np.testing.assert_allclose(row[right - 1], color_table("viridis")[-1], atol=3)
    np.testing.assert_allclose(row[(left + right) // 2], color_table("viridis")[128], atol=3)
    assert contains(drawn[..., 0], draw_text("0", 20))
    assert contains(drawn[..., 1], draw_text("3.1", 20))


def test_zero_stands_between_the_negative_and_the_positive_colors() -> None:
    drawn = legend(ScaleBar("−1", "1", 0.5)).draw(13, 13 * BAR_EMS)
    zero = draw_text("0", 13)
    windows = np.lib.stride_tricks.sliding_window_view(drawn, zero.shape)
    _, (column, *_) = np.nonzero((windows == zero).all(axis=(2, 3)))
    middle = drawn[drawn.shape[0] // 2]
    before = middle[text_width("−1", 13) + 5 : column - 5].astype(int)
    after = middle[column + zero.shape[1] + 5 : -text_width("1", 13) - 5].astype(int)
    assert (np.diff(before) >= 0).all()
    assert (np.diff(after) >= 0).all()
    assert before[0] < 10
    assert abs(before[-1] - 127) < 5
    assert abs(after[0] - 128) < 5
    assert after[-1] > 245


def test_a_map_without_contrast_has_a_text_instead_of_a_bar() -> None:
    drawn = legend(ScaleBar("0", "0")).draw(13, 300)
    np.testing.assert_array_equal(drawn[:, : text_width("0 everywhere", 13)], draw_text("0 everywhere", 13))


def test_the_color_and_the_number_of_nan_are_shown_after_the_bar() -> None:
    bars = [ScaleBar("−1", "1", 0.5)]
    without = Legend(1, "gray", lambda: bars).draw(13, 300)
    marked = Legend(1, "gray", lambda: bars, lambda: 12345).draw(13, 400)
    assert without.ndim == 2
    assert (marked == NONFINITE_COLOR).all(axis=-1).sum() >= 11 * 20
    assert contains(marked[..., 0], draw_text("12,345 NaN or infinite", 13))


def test_the_number_of_nan_is_left_out_where_it_does_not_fit() -> None:
    width = 2 * 13 + 4 + text_width("NaN or infinite", 13)
    assert contains(draw_nonfinite_marker(2, 13, width)[..., 0], draw_text("NaN or infinite", 13))
    assert contains(draw_nonfinite_marker(2, 13, width + 20)[..., 0], draw_text("2 NaN or infinite", 13))


def test_a_legend_without_finite_values_has_the_color_of_nan_only() -> None:
    drawn = Legend(1, "gray", list, lambda: 4).draw(13, 300)
    np.testing.assert_array_equal(
        drawn[:, : draw_nonfinite_marker(4, 13, 300).shape[1]], draw_nonfinite_marker(4, 13, 300)
    )


@given(
    st.integers(8, 60),
    st.integers(1, 900),
    st.lists(
        st.tuples(st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False)), min_size=1, max_size=3
    ),
    st.sampled_from(sorted(COLORMAPS)),
    st.sampled_from([0, 1, 1234]),
)
def test_a_legend_of_any_size_and_numbers_has_the_promised_size(size, width, ranges, colormap, nonfinite) -> None:
    limits = [(min(pair), max(pair)) for pair in ranges]
    drawn = Legend(2, colormap, lambda: scale_bars(limits, [(True, True)] * len(limits)), lambda: nonfinite)
    assert drawn.draw(size, width).shape[:2] == (drawn.height(size, width), width)
    assert drawn.height(size, width) in (line_height(size), 2 * line_height(size))
