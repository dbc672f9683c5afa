"""Pictures of features: their layout, gray levels, and the stripes of filters that are never active."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx.features.maximization import MaximizedInput
from cnnfx.features.search import LayerPatterns, Pattern
from cnnfx.features.top_patches import TopPatch
from cnnfx.nn.receptive_field import Box
from cnnfx.render.features import (
    LARGEST_PATCH,
    OUTSIDE_LEVEL,
    STRIPE_LEVELS,
    best_tiles,
    label,
    patterns_picture,
    stripes,
)
from cnnfx.render.text import text_width

METHODS = ("patches", "deconvolution", "maximization")


def pattern(pixels, projection, maximized, name="f", count=1):
    pixels, projection, maximized = (np.asarray(a, np.float32) for a in (pixels, projection, maximized))
    height, width = pixels.shape[1:]
    patch = TopPatch(1.5, 0, 0, 0, Box(0, 0, height, width), pixels, projection)
    return Pattern(0, name, (patch,) * count, (MaximizedInput(2.25, maximized, 0),))


def layer_patterns(*patterns, methods=METHODS, size=(2, 2)):
    """Return the patterns of layer 1 found in 60 images."""
    return LayerPatterns(1, "", size, 60, methods, patterns)


GRAY = pattern([[[0, 1], [np.nan, 0.2]]], [[[-2, 2], [0, 2]]], [[[0, 0.5], [0.25, 0]]])
INACTIVE = Pattern(1, "inactive", (), ())


def test_the_best_picture_of_each_method_is_drawn_side_by_side():
    tiles = best_tiles(layer_patterns(GRAY))
    (picture,) = tiles.rows(0, 1, 0, 2)
    white = [255, 255]
    patch, projection, maximized = [[0, 255], [OUTSIDE_LEVEL, 51]], [[0, 255], [128, 255]], [[0, 255], [128, 0]]
    expected = np.hstack([patch, np.array([white]).T, projection, np.array([white]).T, maximized])
    np.testing.assert_array_equal(picture, expected[..., None].repeat(3, axis=2))
    assert tiles.labels == ["f: 1.5, maximized 2.25"]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("side", "outliers"), [(10, 2), (31, 28), (40, 7)])
def test_a_few_very_large_values_of_a_deconvolution_leave_the_others_visible(side, outliers, sign):
    values = np.zeros(side * side)
    values[::2], values[1::2] = 1, -1
    values[-outliers:] = sign * 1e6
    zeros = np.zeros((1, side, side))
    drawn = pattern(zeros, values.reshape(1, side, side), zeros)
    tiles = best_tiles(layer_patterns(drawn, methods=METHODS[1:2], size=(side, side)))
    (picture,) = tiles.rows(0, 1, 0, side)
    expected = np.tile([255, 0], side * side)[: side * side]
    expected[-outliers:] = 255 if sign > 0 else 0
    np.testing.assert_array_equal(picture[..., 0].ravel(), expected)


def test_a_deconvolution_of_few_values_that_are_not_zero_is_drawn_by_the_largest():
    projection = np.zeros((1, 20, 20))
    projection[0, 4, 5], projection[0, 9, 9] = 4, -2
    drawn = pattern(np.zeros((1, 20, 20)), projection, np.zeros((1, 20, 20)))
    (picture,) = best_tiles(layer_patterns(drawn, methods=METHODS[1:2], size=(20, 20))).rows(0, 1, 0, 20)
    expected = np.full((20, 20), 128)
    expected[4, 5], expected[9, 9] = 255, 64
    np.testing.assert_array_equal(picture[..., 0], expected)


def test_a_filter_that_is_never_active_is_labeled_and_striped():
    assert label(INACTIVE) == "inactive: never active"
    picture = patterns_picture(layer_patterns(INACTIVE), "title")
    assert set(STRIPE_LEVELS) <= set(np.unique(picture))
    assert (picture == STRIPE_LEVELS[0]).mean() > 0.25
    assert set(np.unique(stripes(9, 9))) == set(STRIPE_LEVELS)


def test_only_the_requested_methods_are_drawn():
    one, three = (
        patterns_picture(layer_patterns(GRAY, methods=methods), "").shape for methods in (METHODS[:1], METHODS)
    )
    assert three[0] == one[0]
    assert three[1] > 2.8 * (one[1] - 50)


def test_the_picture_is_in_color_if_the_images_are():
    assert patterns_picture(layer_patterns(GRAY), "").ndim == 2
    red = np.zeros((3, 2, 2))
    red[0] = 1
    picture = patterns_picture(layer_patterns(pattern(red, red, red, count=9)), "")
    assert picture.ndim == 3
    assert (picture == [255, 0, 0]).all(axis=-1).mean() > 0.1


@pytest.mark.parametrize("columns", [1, 2, 5])
def test_filters_are_drawn_in_the_requested_number_of_columns(columns):
    alone = patterns_picture(layer_patterns(GRAY), "", 1).shape
    height, width = patterns_picture(layer_patterns(*[GRAY] * 5), "", columns).shape
    assert width == pytest.approx(columns * alone[1], abs=14 * columns)
    assert (height > alone[0]) == (columns < 5)


def test_a_patch_is_enlarged_pixel_by_pixel():
    picture = patterns_picture(layer_patterns(pattern([[[0, 1], [1, 0]]], [[[0, 0], [0, 0]]], [[[1, 1], [1, 1]]])), "")
    rows = [row for row in picture if (row == 0).sum() >= 30]
    assert len(rows) >= 60


def test_a_large_patch_is_resized_smoothly_to_fit_the_panel():
    ramp = np.tile(np.linspace(0, 1, 200), (200, 1))[np.newaxis]
    picture = patterns_picture(layer_patterns(pattern(ramp, ramp, ramp, count=9), size=(200, 200)), "")
    assert picture.shape[1] < 3 * (3 * LARGEST_PATCH + 40)
    (row,) = [line for line in picture if (np.diff(line[15 : 15 + LARGEST_PATCH].astype(int)) > 0).sum() > 100][:1]
    np.testing.assert_allclose(row[15 : 15 + LARGEST_PATCH], np.linspace(0, 255, LARGEST_PATCH), atol=3)


def test_a_long_name_is_shortened_and_its_activations_are_not():
    named = replace(GRAY, name="Mexican hairless dog (xoloitzcuintli)")
    assert label(named) == "Mexican hairless dog (xoloitzcuintli): 1.5, maximized 2.25"
    text = label(named, 15, 220)
    assert text.startswith("Mexican")
    assert text.endswith("...: 1.5, maximized 2.25")
    assert text_width(text, 15) <= 220


def test_inputs_that_are_maximized_without_images_are_drawn():
    red = np.zeros((3, 2, 2), np.float32)
    red[0] = 1
    alone = Pattern(0, "f", (), (MaximizedInput(2.25, red, 0),))
    assert label(alone) == "f: maximized 2.25"
    picture = patterns_picture(replace(layer_patterns(alone, methods=METHODS[2:]), images=0), "")
    assert (picture == [255, 0, 0]).all(axis=-1).mean() > 0.1
