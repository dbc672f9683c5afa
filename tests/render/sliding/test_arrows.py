"""Arrows between matrices."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.render.sliding.arrows import draw_arrow, side
from cnnfx.render.sliding.palette import BLACK, GOLD, GOLD_EDGE, WHITE, Palette

PALETTE = Palette(((BLACK, WHITE), 64), ((GOLD_EDGE, GOLD, WHITE), 31))


def drawn(points, bold):
    frame = np.full((60, 100), PALETTE.index(WHITE), np.uint8)
    draw_arrow(frame, PALETTE, points, bold)
    return PALETTE.colors[frame].astype(int)


@pytest.mark.parametrize("bold", [True, False])
@pytest.mark.parametrize("points", [[(5, 30), (90, 30)], [(5, 10), (30, 10), (60, 40), (90, 40)]])
def test_an_arrow_reaches_its_tip_and_not_farther(points, bold):
    inked = (drawn(points, bold).sum(axis=2) < 600).nonzero()
    x, y = points[-1]
    assert inked[1].min() == 5
    assert x - 2 <= inked[1].max() <= x + 1
    head = inked[0][(inked[1] > x - 8) & (inked[1] <= x)]
    assert head.max() - head.min() >= 4  # wider than the line
    assert head.min() < y < head.max()


def test_the_head_is_not_lost_where_the_last_corner_is_at_the_tip():
    with_corner = drawn([(5, 10), (60, 40), (90, 40), (90, 40)], True)
    without = drawn([(5, 10), (60, 40), (90, 40)], True)
    np.testing.assert_array_equal(with_corner, without)


def test_an_arrow_without_length_draws_nothing():
    assert (drawn([(5, 5), (5, 5)], True) == 255).all()


def test_an_arrow_starts_and_ends_at_the_middle_of_a_side():
    assert side((10, 20, 40, 50), "right") == (40, 35)
    assert side((10, 20, 40, 50), "left") == (10, 35)


def test_between_numbers_an_arrow_is_at_the_lower_edge_of_the_middle_row():
    assert side((10, 20, 40, 50), "right", cell=10) == (40, 40)  # of three rows, the second
    assert side((10, 20, 40, 40), "left", cell=10) == (10, 30)  # of two rows, the first
    assert side((10, 20, 20, 30), "left", cell=10) == (10, 30)  # of one row
