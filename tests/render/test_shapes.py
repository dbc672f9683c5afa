"""Polygons, lines, arrows and frames: which pixels they cover, and how much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.render.shapes import (
    draw_arrow,
    draw_frame,
    draw_line,
    fill_polygons,
    line_pixels,
    line_polygon,
    polygon_coverage,
)


def white(height=20, width=30, channels=()):
    return np.full((height, width, *channels), 255, np.uint8)


def square(left, top, right, bottom):
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def test_a_polygon_on_pixel_borders_covers_exactly_these_pixels():
    picture, expected = white(), white()
    expected[3:8, 5:12] = 0
    fill_polygons(picture, [square(5, 3, 12, 8)], 0)
    np.testing.assert_array_equal(picture, expected)


def test_a_pixel_that_is_half_covered_is_half_as_dark():
    picture = white()
    fill_polygons(picture, [square(5, 3, 7.5, 4)], 0)
    np.testing.assert_allclose(picture[3, 4:9], [255, 0, 0, 127.5, 255], atol=1)


@given(st.lists(st.tuples(st.floats(2, 28), st.floats(2, 18)), min_size=3, max_size=3))
def test_the_coverage_of_a_triangle_adds_up_to_its_area(corners):
    (x1, y1), (x2, y2), (x3, y3) = corners
    area = abs((x2 - x1) * (y3 - y1) - (x3 - x1) * (y2 - y1)) / 2
    sides = sum(np.hypot(a - c, b - d) for (a, b), (c, d) in zip(corners, corners[1:] + corners[:1], strict=True))
    total = float(polygon_coverage([corners], (20, 30))[2].sum())
    assert total == pytest.approx(area, abs=sides / 8 + 0.1)  # one row of samples along each side


def test_alpha_mixes_the_color_with_the_picture():
    picture = white(channels=(3,))
    fill_polygons(picture, [square(5, 3, 12, 8)], (0, 100, 255), alpha=0.4)
    np.testing.assert_array_equal(picture[5, 8], [153, 193, 255])


def test_overlapping_polygons_are_blended_once():
    picture = white()
    fill_polygons(picture, [square(2, 2, 10, 10), square(5, 5, 12, 12)], 0, alpha=0.6)
    assert np.unique(picture).tolist() == [102, 255]


def test_what_lies_outside_the_picture_is_left_out():
    picture = white()
    fill_polygons(picture, [square(-50, -50, 3, 3), square(40, 40, 50, 50)], 0)
    assert (picture == 0).sum() == 9
    draw_line(picture, (-5, 90), (500, 90), 0)
    draw_frame(picture, (-5, 2, 4, 90), 9)
    assert picture.shape == (20, 30)


def test_a_horizontal_line_of_three_pixels_covers_three_rows():
    picture, expected = white(), white()
    expected[4:7, 2:20] = 0
    draw_line(picture, (2, 5.5), (20, 5.5), 0, thickness=3)
    np.testing.assert_array_equal(picture, expected)


def test_an_arrow_is_thin_at_its_start_and_ends_in_a_tip():
    picture = white()
    draw_arrow(picture, (2, 10), (28, 10), 0, thickness=2, head=8)
    darkness = (255 - picture.astype(float)).sum(axis=0) / 255
    np.testing.assert_allclose(darkness[2:20], 2, atol=0.01)  # the shaft
    assert darkness[20] == pytest.approx(7.5, abs=0.3)  # the wide end of the head
    assert darkness[27] == pytest.approx(0.5, abs=0.3)  # its tip
    assert not darkness[28:].any()


def test_an_arrow_without_length_draws_nothing():
    picture = white()
    draw_arrow(picture, (5, 5), (5, 5), 0)
    assert (picture == 255).all()


@pytest.mark.parametrize("background", [0, 255])
def test_a_frame_contrasts_with_black_and_with_white(background):
    picture = np.full((20, 30, 3), background, np.uint8)
    draw_frame(picture, (4, 3, 20, 15))
    column = picture[:, 10].astype(int).sum(axis=1)  # crosses the upper and the lower line
    assert np.abs(np.diff(column)).max() > 380
    assert (picture[3, 4:20] == 0).all()
    assert (picture[4:6, 5:19] == (255, 196, 0)).all()
    assert (picture[6:12, 7:17] == background).all()
    assert (picture[:3] == background).all()
    assert (picture[15:] == background).all()


@given(*[st.tuples(st.floats(1, 39), st.floats(1, 39))] * 2, st.floats(0.5, 4))
def test_the_pixels_of_a_line_are_those_of_the_polygon_that_it_covers(start, end, thickness):
    rows, columns, covered = line_pixels(start, end, thickness)
    assert len({*zip(rows.tolist(), columns.tolist(), strict=True)}) == len(rows)
    picture = np.zeros((50, 50))
    picture[rows + 5, columns + 5] = covered
    corners = [(x + 5, y + 5) for x, y in line_polygon(start, end, thickness)]
    above, beside, expected = polygon_coverage([corners], picture.shape, samples=16)
    picture[above, beside] -= expected
    # They differ at the ends, which are cut along the pixels, and within a pixel by the shape of the edge.
    assert abs(picture.sum()) <= thickness * (thickness + 2)
    middle = (start[0] + end[0]) / 2 + 5, (start[1] + end[1]) / 2 + 5
    if np.hypot(start[0] - end[0], start[1] - end[1]) > 2 * thickness + 4:
        assert abs(picture[int(middle[1]), int(middle[0])]) <= 0.3


def test_a_vertical_line_between_two_columns_covers_half_of_each():
    rows, columns, covered = line_pixels((5, 2), (5, 4))
    assert rows.tolist() == [2, 2, 3, 3]
    assert columns.tolist() == [4, 5, 4, 5]
    assert covered.tolist() == [0.5] * 4
