"""Normalization of values to levels, and color maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cnnfx.errors import ArgumentError
from cnnfx.render.color import (
    COLORMAPS,
    NONFINITE_COLOR,
    NORMALIZATIONS,
    apply_colormap,
    color_table,
    draw_values,
    linear_scale,
)

VALUES = np.array([-2.0, -1, 0, 0.5, 1], np.float32)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("auto", [0, 64, 128, 159, 191]),
        ("signed", [0, 64, 128, 159, 191]),
        ("minmax", [0, 85, 170, 213, 255]),
        ("positive", [0, 0, 0, 128, 255]),
        ("absolute", [255, 128, 0, 64, 128]),
        ("none", [0, 0, 0, 128, 255]),
    ],
)
def test_each_mode_converts_values_to_its_own_levels(mode: str, expected: list[int]) -> None:
    assert linear_scale(mode, -2, 1).levels(VALUES).tolist() == expected


@given(arrays(np.float32, (3, 5), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_signed_zero_is_mid_gray_and_the_largest_magnitude_black_or_white(values: np.ndarray) -> None:
    levels = linear_scale("signed", float(values.min()), float(values.max())).levels(values)
    assert (levels[values == 0] == 128).all()
    largest = np.abs(values).max()
    if largest > 1e-30:
        assert (levels[values == largest] == 255).all()
        assert (levels[values == -largest] == 0).all()


@pytest.mark.parametrize(("mode", "level"), [("signed", 128), ("minmax", 0), ("positive", 0), ("absolute", 0)])
def test_a_map_without_contrast_is_drawn_in_the_level_of_zero(mode: str, level: int) -> None:
    assert (linear_scale(mode, 0, 0).levels(np.zeros((2, 2), np.float32)) == level).all()


@pytest.mark.parametrize("mode", NORMALIZATIONS)
def test_nan_becomes_black_and_infinity_is_clipped(mode: str) -> None:
    levels = linear_scale(mode, -1, 1).levels(np.array([np.nan, np.inf], np.float32))
    assert levels.tolist() == [0, 255]


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_no_color_map_has_a_color_close_to_that_of_nan(colormap: str) -> None:
    distances = np.abs(color_table(colormap).astype(int) - NONFINITE_COLOR).max(axis=1)
    assert distances.min() > 60


def test_nan_and_infinity_are_drawn_in_a_color_of_their_own() -> None:
    values = np.array([[np.nan, np.inf, 0], [-np.inf, 1, -1]], np.float32)
    picture = draw_values(values, linear_scale("signed", -1, 1), "gray", has_nonfinite=True)
    magenta = list(NONFINITE_COLOR)
    assert picture.tolist() == [[magenta, magenta, [128] * 3], [magenta, [255] * 3, [0] * 3]]


def test_the_error_for_an_unknown_mode_lists_the_modes() -> None:
    with pytest.raises(
        ArgumentError,
        match=r"^There is no normalization called 'sqrt'\. "
        r"Choose one of auto, signed, minmax, positive, absolute, none\.$",
    ):
        linear_scale("sqrt", 0, 1)


@pytest.mark.parametrize("name", COLORMAPS)
def test_a_color_map_begins_and_ends_with_its_first_and_last_anchor(name: str) -> None:
    assert tuple(color_table(name)[0].tolist()) == COLORMAPS[name][0]
    assert tuple(color_table(name)[255].tolist()) == COLORMAPS[name][-1]


def test_the_middle_of_the_diverging_map_is_nearly_white() -> None:
    assert color_table("diverging")[[127, 128]].min() > 240


def test_the_gray_color_map_returns_the_levels_unchanged() -> None:
    levels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert apply_colormap(levels, "gray") is levels
    assert apply_colormap(levels, "heat").shape == (2, 3, 3)


def test_the_error_for_an_unknown_color_map_lists_the_color_maps() -> None:
    with pytest.raises(
        ArgumentError,
        match=r"^There is no color map called 'jet'\. Choose one of gray, diverging, heat, magma, viridis\.$",
    ):
        color_table("jet")
