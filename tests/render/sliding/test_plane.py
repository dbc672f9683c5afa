"""Tilted planes: the projection of cells, computed by hand, and which pixels they cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.render.sliding.plane import BORDER, CONVERGENCE, TILT, Plane

# 10 rows of 20 cells of 8 pixels: 10·8·0.58 = 46.4 pixels high.
PLANE = Plane(10, 20, 8)
HEIGHT = 10 * 8 * TILT


def test_the_corners_are_where_the_perspective_puts_them():
    center = PLANE.shape[1] / 2
    far, near = 10 * 8 / (1 + CONVERGENCE), 10 * 8 / (1 - CONVERGENCE)  # half the width at the back and at the front
    back_left, back_right, front_right, front_left = PLANE.corners(slice(0, 10), slice(0, 20))
    assert back_left == pytest.approx((center - far, BORDER))
    assert back_right == pytest.approx((center + far, BORDER))
    assert front_right == pytest.approx((center + near, BORDER + HEIGHT))
    assert front_left == pytest.approx((center - near, BORDER + HEIGHT))


def test_the_middle_row_is_drawn_to_scale():
    (left, y), (right, same_y) = PLANE.point(7, 5), PLANE.point(11, 5)
    assert right - left == pytest.approx(4 * 8)
    # t = 1/2 has the distance 1, so it is w(1)/2 = 0.435 of the height below the back edge.
    assert y == same_y == pytest.approx(BORDER + HEIGHT * (1 - CONVERGENCE) / 2)


@given(st.floats(0, 20), st.floats(0, 10), st.floats(0, 20), st.floats(0, 10), st.floats(0, 1))
def test_straight_lines_stay_straight(x, y, other_x, other_y, share):
    (x1, y1), (x2, y2) = PLANE.point(x, y), PLANE.point(other_x, other_y)
    x3, y3 = PLANE.point(x + share * (other_x - x), y + share * (other_y - y))
    assert abs((x2 - x1) * (y3 - y1) - (y2 - y1) * (x3 - x1)) < 1e-6


def test_the_middle_of_each_cell_is_a_pixel_of_this_cell():
    for row, column in np.ndindex(10, 20):
        x, y = PLANE.middle(slice(row, row + 1), slice(column, column + 1))
        pixel = int(y), int(x)
        assert PLANE.cell_rows[pixel[0], 0] == row
        assert PLANE.cell_columns[pixel] == column


def test_the_plane_covers_the_area_of_its_trapezoid():
    area = HEIGHT * 10 * 8 * (1 / (1 - CONVERGENCE) + 1 / (1 + CONVERGENCE))
    whole = PLANE.coverage(slice(0, 10), slice(0, 20), (slice(None), slice(None)))
    assert whole.sum() == pytest.approx(area, rel=0.01)
    assert whole[:, :BORDER].max() == 0


@pytest.mark.parametrize(("rows", "columns"), [(slice(0, 3), slice(0, 3)), (slice(7, 10), slice(16, 20))])
def test_a_part_contains_its_cells_and_the_line_around_them(rows, columns):
    part = PLANE.part(rows, columns)
    everywhere = slice(None), slice(None)
    line = PLANE.outline(rows, columns, everywhere, 4)
    np.testing.assert_array_equal(PLANE.outline(rows, columns, part, 4), line[part])
    assert line.sum() == pytest.approx(line[part].sum())
    mask = PLANE.mask(rows, columns, everywhere)
    assert mask.sum() == mask[part].sum()


def test_a_mask_with_a_step_leaves_the_cells_between_out():
    part = PLANE.part(slice(2, 7), slice(4, 9))
    mask = PLANE.mask(slice(2, 7, 2), slice(4, 9, 2), part)
    rows, columns = PLANE.cell_rows[part[0]], PLANE.cell_columns[part]
    inside = (rows % 2 == 0) & (columns % 2 == 0) & (rows >= 2) & (rows < 7) & (columns >= 4) & (columns < 9)
    np.testing.assert_array_equal(mask, inside)


def test_lines_between_cells_are_one_pixel_thick_and_dashed_ones_have_gaps():
    plane = Plane(3, 4, 40)
    solid, dashed = plane.lines(np.zeros((3, 4), bool)), plane.lines(np.ones((3, 4), bool))
    x, y = plane.point(1, 1.5)  # the middle of a side between two cells
    assert solid[int(y)].sum() == pytest.approx(5, abs=0.1)  # five lines cross this row of pixels
    assert solid[int(y), int(x) - 1 : int(x) + 2].sum() == pytest.approx(1, abs=0.05)
    assert dashed[int(y), int(x) - 1 : int(x) + 2].sum() == 0
    x, y = plane.point(1, 1.1)  # near the corner of a cell
    assert dashed[int(y), int(x) - 1 : int(x) + 2].sum() > 0.5
