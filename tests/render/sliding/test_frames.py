"""Frames of the sliding-window animation: the position and color of each part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.formats import load_network
from cnnfx.render.color import ColorScale, linear_scale
from cnnfx.render.sliding.frames import FrameLayout, draw_frames, suitable_cell_size
from cnnfx.render.sliding.palette import (
    BLUE,
    GRAY,
    GREEN,
    MARKER,
    ORANGE,
    WHITE,
    CellStyle,
    format_cell_number,
    palette,
)
from tests.render.sliding.test_positions import make_image, make_network, slide

CELL = 8
UNCHANGED = linear_scale("none", 0, 1)


def lay_out(sliding, cell=CELL, numbers=False):
    return FrameLayout(sliding, UNCHANGED, ColorScale(), CellStyle(cell, numbers))


def cell_centers(frame, corner, height, width, cell=CELL):
    """Return the middle pixels of the cells of a map or input: neither lines nor markers are drawn there."""
    top, left = corner
    return frame[top + cell // 2 :: cell, left + cell // 2 :: cell][:height, :width]


def is_in(indices, ramp):
    return (indices >= ramp.first) & (indices < ramp.first + ramp.count)


@settings(max_examples=25)
@given(
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["valid", "same", 2]),
)
def test_the_input_is_orange_where_it_is_multiplied_with_weights(stride, dilation, padding):
    sliding = slide(
        make_network(kernel=(3, 2), filters=1, stride=stride, dilation=dilation, padding=padding), make_image()
    )
    layout = lay_out(sliding)
    _, height, width = sliding.padded.shape
    for position, frame in enumerate(draw_frames(layout, range(sliding.position_count))):
        if position == sliding.position_count:
            break
        row, column = divmod(position, sliding.output_size[1])
        under_weights = np.zeros((height, width), bool)
        (sv, sh), (dv, dh) = stride, dilation
        under_weights[row * sv : row * sv + 2 * dv + 1 : dv, column * sh : column * sh + dh + 1 : dh] = True
        np.testing.assert_array_equal(
            is_in(cell_centers(frame, layout.input_corners[0], height, width), ORANGE), under_weights
        )


def test_each_position_has_a_frame_and_the_last_frame_has_no_window():
    sliding = slide(make_network(), make_image())
    frames = list(draw_frames(lay_out(sliding), sliding.frame_positions(None)))
    assert len(frames) == sliding.position_count + 1
    assert MARKER in frames[-2]
    assert MARKER not in frames[-1]


def test_the_output_is_filled_up_to_the_position_and_white_after_it():
    sliding = slide(make_network(filters=1), make_image())
    layout = lay_out(sliding)
    frames = list(draw_frames(layout, [20]))
    filled = is_in(cell_centers(frames[0], layout.map_corners[0], *sliding.output_size), GREEN).ravel()
    assert filled[:21].all()
    assert not filled[21:].any()
    assert (cell_centers(frames[0], layout.map_corners[0], *sliding.output_size).ravel()[21:] == WHITE).all()


def test_the_last_frame_shows_the_feature_maps_that_the_network_computes():
    image = make_image()
    network = load_network("sobel")
    sliding = slide(network, image)
    layout = lay_out(sliding)
    *_, last = draw_frames(layout, sliding.frame_positions(None))
    maps, non_negative = network.feature_maps(image.floats())[-1], network.layers[-1].non_negative
    assert non_negative == (False, False, True)  # the magnitude
    for values, corner, black_zero in zip(maps, layout.map_corners, non_negative, strict=True):
        scale = linear_scale("auto", float(values.min()), float(values.max()), black_zero)
        np.testing.assert_array_equal(
            cell_centers(last, corner, *sliding.output_size), GREEN.indices(scale.levels(values))
        )


def test_the_input_is_blue_and_its_padding_light_gray():
    image = make_image()
    sliding = slide(make_network(filters=1, padding=2), image)
    layout = lay_out(sliding)
    *_, last = draw_frames(layout, [0])
    panel = cell_centers(last, layout.input_corners[0], 13, 15)
    np.testing.assert_array_equal(panel[2:-2, 2:-2], BLUE.indices(UNCHANGED.levels(image.floats()[0])))
    border = np.concatenate([panel[:2].ravel(), panel[-2:].ravel(), panel[:, :2].ravel(), panel[:, -2:].ravel()])
    assert is_in(border, GRAY).all()
    np.testing.assert_allclose(palette()[border], 150, atol=3)


def test_a_single_map_is_centered_above_its_input():
    layout = lay_out(slide(make_network(kernel=(3, 3), filters=1), make_image()))
    (top, left), (below, beside) = layout.map_corners[0], layout.input_corners[0]
    assert left == beside + CELL
    assert top + 7 * CELL < below


def test_all_frames_have_one_size_and_contain_only_palette_indices():
    sliding = slide(make_network(2, padding=1), make_image(2))
    for numbers in (False, True):
        layout = lay_out(sliding, 36 if numbers else 6, numbers)
        for frame in draw_frames(layout, [0, 5, 50]):
            assert frame.shape == layout.shape
            assert frame.max() < len(palette())


def test_only_the_window_and_its_output_change_between_frames():
    sliding = slide(make_network(filters=1), make_image())
    layout = lay_out(sliding)
    first, second, *_ = draw_frames(layout, [0, 1])
    (rows, columns), size = (first != second).nonzero(), CELL
    (top, left), (below, beside) = layout.map_corners[0], layout.input_corners[0]
    in_map = (rows >= top) & (rows < top + size) & (columns >= left) & (columns < left + 2 * size)
    in_input = (rows >= below) & (rows < below + 3 * size) & (columns >= beside) & (columns < beside + 3 * size)
    assert (in_map | in_input).all()


def test_the_result_text_contains_the_sum_and_the_bias():
    sliding = slide(make_network(), make_image())
    text = lay_out(sliding, 36, True).panels[0].result_text(0, 0)
    channel = sliding.channels[0]
    total = float((sliding.patch(channel, 0, 0) * channel.weights).sum())
    sign = "+" if channel.bias > 0 else "-"
    assert text == f"sum {total:.4g} {sign} bias {abs(channel.bias):.4g} = {total + channel.bias:.4g}"


def test_the_patch_in_the_panel_is_drawn_as_the_cells_under_the_window():
    sliding = slide(make_network(kernel=(3, 3), filters=1, dilation=2), make_image())
    layout = lay_out(sliding, 36, True)
    frame = next(draw_frames(layout, [9]))
    row, column = divmod(9, sliding.output_size[1])
    rows, columns = sliding.kernel_slices(row, column)
    top, left = layout.input_corners[0]
    cell = frame[top + (rows.start + 2) * 36 :, left + (columns.start + 2) * 36 :][4:32, 4:32]
    panel_top, panel_left = layout.panel_corners[0]
    np.testing.assert_array_equal(frame[panel_top + 36 :, panel_left + 36 :][4:32, 4:32], cell)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1, "1"), (-1, "-1"), (0.25, ".25"), (-0.5, "-.5"), (0.0039, ".004"), (1e-5, "~0"), (1e-8, "0"),
     (-2.0949, "-2.1"), (123.4, "123")],
)  # fmt: skip
def test_numbers_in_cells_have_at_most_three_decimals(value, text):
    assert format_cell_number(value) == text


def test_cells_of_small_images_are_larger_than_those_of_large_ones():
    small, large = slide(make_network(), make_image()), slide(make_network(), make_image(height=90, width=100))
    assert suitable_cell_size(small, False) > suitable_cell_size(large, False) >= 2
    assert suitable_cell_size(large, True) == 36
