"""Palettes: ramps, mixtures of colors, and the contrast of text."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.render.contrast import contrast_ratio
from cnnfx.render.sliding.palette import BLACK, WHITE, Palette, mix, text_color

GRAYS = Palette(((BLACK, WHITE), 256 - 1))


def test_the_indices_of_a_ramp_go_from_its_first_to_its_last_color():
    palette = Palette((((255, 0, 0), (0, 255, 0)), 3), ((BLACK, WHITE), 11))
    first, second = palette.ramps
    levels = np.array([0, 127, 255], np.uint8)
    assert palette.colors[first.indices(levels)].tolist() == [[255, 0, 0], [128, 128, 0], [0, 255, 0]]
    assert second.indices(levels).tolist() == [3, 8, 13]


@given(st.integers(0, 254))
def test_the_nearest_color_of_a_color_of_the_palette_is_itself(index):
    assert GRAYS.index(GRAYS.color(index)) == index


def test_a_mixture_is_the_nearest_color_between_two():
    part = np.full((1, 3), GRAYS.index(BLACK), np.uint8)
    GRAYS.blend(part, np.array([0, 0.25, 1]), WHITE)
    assert GRAYS.colors[part[0], 0].tolist() == [0, 64, 255]


def test_nothing_of_a_color_changes_no_index():
    palette = Palette(((BLACK, BLACK), 4), ((WHITE, WHITE), 4))
    part = np.arange(8, dtype=np.uint8).reshape(1, 8)
    palette.blend(part, np.zeros((1, 8)), WHITE)
    assert part.tolist() == [list(range(8))]


def test_single_pixels_are_blended_as_parts_are():
    part = np.full((4, 4), GRAYS.index(WHITE), np.uint8)
    other = part.copy()
    coverage = np.zeros((4, 4))
    coverage[1, 2], coverage[3, 0] = 0.5, 0.75
    GRAYS.blend(part, coverage, BLACK)
    GRAYS.blend_pixels(other, np.array([1, 3]), np.array([2, 0]), np.array([0.5, 0.75]), BLACK)
    np.testing.assert_array_equal(part, other)


def test_colors_are_mixed_by_their_share():
    assert mix((0, 100, 200), (100, 100, 0), 0.25) == (25, 100, 150)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_text_has_a_contrast_of_at_least_4_5_on_every_color(background):
    assert contrast_ratio(text_color(background), background) >= 4.5
