"""The animation of sliding filters, frame by frame: what is where, and in which color."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.formats import load_network
from cnnfx.render.color import ColorScale, linear_scale
from cnnfx.render.sliding.frames import Scene, frames, suitable_cell
from cnnfx.render.sliding.palette import BLUE, GRAY, GREEN, MARK, ORANGE, WHITE, Cells, palette, short
from tests.render.sliding.test_positions import image, network, slide

CELL = 8
PLAIN = linear_scale("none", 0, 1)


def scene(shown, cell=CELL, numbers=False):
    return Scene(shown, PLAIN, ColorScale(), Cells(cell, numbers))


def middle(frame, place, row, column, cell=CELL):
    """The middle of a cell of a panel that begins at `place`: clear of lines and outlines."""
    top, left = place
    return frame[top + row * cell + cell // 2, left + column * cell + cell // 2]


def middles(frame, place, height, width, cell=CELL):
    top, left = place
    return frame[top + cell // 2 :: cell, left + cell // 2 :: cell][:height, :width]


def within(places, ink):
    return (places >= ink.first) & (places < ink.first + ink.count)


@settings(max_examples=25)
@given(
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["valid", "same", 2]),
)
def test_the_window_is_shaded_where_the_weights_lie(stride, dilation, padding):
    shown = slide(network(kernel=(3, 2), filters=1, stride=stride, dilation=dilation, padding=padding), image())
    drawn = scene(shown)
    _, height, width = shown.padded.shape
    for position, frame in enumerate(frames(drawn, range(shown.positions))):
        if position == shown.positions:
            break
        row, column = divmod(position, shown.size[1])
        lies = np.zeros((height, width), bool)
        (sv, sh), (dv, dh) = stride, dilation
        lies[row * sv : row * sv + 2 * dv + 1 : dv, column * sh : column * sh + dh + 1 : dh] = True
        np.testing.assert_array_equal(within(middles(frame, drawn.input_places[0], height, width), ORANGE), lies)


def test_there_is_a_frame_for_each_position_and_one_without_the_window():
    shown = slide(network(), image())
    shots = list(frames(scene(shown), shown.stops(None)))
    assert len(shots) == shown.positions + 1
    assert MARK in shots[-2]
    assert MARK not in shots[-1]


def test_the_output_is_filled_up_to_the_position_and_white_beyond():
    shown = slide(network(filters=1), image())
    drawn = scene(shown)
    shots = list(frames(drawn, [20]))
    filled = within(middles(shots[0], drawn.map_places[0], *shown.size), GREEN).ravel()
    assert filled[:21].all()
    assert not filled[21:].any()
    assert (middles(shots[0], drawn.map_places[0], *shown.size).ravel()[21:] == WHITE).all()


def test_the_last_frame_shows_the_output_channels_as_apply_draws_them():
    picture = image()
    one = load_network("sobel")
    shown = slide(one, picture)
    drawn = scene(shown)
    *_, last = frames(drawn, shown.stops(None))
    for values, place in zip(one.feature_maps(picture.floats())[-1], drawn.map_places, strict=True):
        (value_line,) = [linear_scale("signed", float(values.min()), float(values.max()))]
        np.testing.assert_array_equal(middles(last, place, *shown.size), GREEN.places(value_line.levels(values)))


def test_the_input_is_blue_and_its_padding_gray_and_pale():
    picture = image()
    shown = slide(network(filters=1, padding=2), picture)
    drawn = scene(shown)
    *_, last = frames(drawn, [0])
    panel = middles(last, drawn.input_places[0], 13, 15)
    np.testing.assert_array_equal(panel[2:-2, 2:-2], BLUE.places(PLAIN.levels(picture.floats()[0])))
    border = np.concatenate([panel[:2].ravel(), panel[-2:].ravel(), panel[:, :2].ravel(), panel[:, -2:].ravel()])
    assert within(border, GRAY).all()
    np.testing.assert_allclose(palette()[border], 150, atol=3)


def test_a_single_map_stands_above_its_input_in_the_middle():
    drawn = scene(slide(network(kernel=(3, 3), filters=1), image()))
    (top, left), (below, beside) = drawn.map_places[0], drawn.input_places[0]
    assert left == beside + CELL
    assert top + 7 * CELL < below


def test_every_frame_has_the_same_size_and_only_places_of_the_palette():
    shown = slide(network(2, padding=1), image(2))
    for numbers in (False, True):
        drawn = scene(shown, 36 if numbers else 6, numbers)
        for frame in frames(drawn, [0, 5, 50]):
            assert frame.shape == drawn.shape
            assert frame.max() < len(palette())


def test_nothing_but_the_window_and_the_output_changes_from_frame_to_frame():
    shown = slide(network(filters=1), image())
    drawn = scene(shown)
    first, second, *_ = frames(drawn, [0, 1])
    (rows, columns), size = (first != second).nonzero(), CELL
    (top, left), (below, beside) = drawn.map_places[0], drawn.input_places[0]
    in_map = (rows >= top) & (rows < top + size) & (columns >= left) & (columns < left + 2 * size)
    in_input = (rows >= below) & (rows < below + 3 * size) & (columns >= beside) & (columns < beside + 3 * size)
    assert (in_map | in_input).all()


def test_the_arithmetic_tells_the_sum_the_bias_and_the_activation():
    shown = slide(network(), image())
    told = scene(shown, 36, True).arithmetic[0].told(0, 0)
    channel = shown.channels[0]
    total = float((shown.patch(channel, 0, 0) * channel.weights).sum())
    sign = "+" if channel.bias > 0 else "-"
    assert told == f"sum {total:.4g} {sign} bias {abs(channel.bias):.4g} = {total + channel.bias:.4g}"


def test_the_cells_of_the_arithmetic_are_those_under_the_window():
    shown = slide(network(kernel=(3, 3), filters=1, dilation=2), image())
    drawn = scene(shown, 36, True)
    frame = next(frames(drawn, [9]))
    row, column = divmod(9, shown.size[1])
    rows, columns = shown.under(row, column)
    top, left = drawn.input_places[0]
    cell = frame[top + (rows.start + 2) * 36 :, left + (columns.start + 2) * 36 :][4:32, 4:32]
    side_top, side_left = drawn.side_places[0]
    np.testing.assert_array_equal(frame[side_top + 36 :, side_left + 36 :][4:32, 4:32], cell)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1, "1"), (-1, "-1"), (0.25, ".25"), (-0.5, "-.5"), (0.0039, ".004"), (1e-5, "~0"), (1e-8, "0"),
     (-2.0949, "-2.1"), (123.4, "123")],
)  # fmt: skip
def test_numbers_are_short(value, text):
    assert short(value) == text


def test_cells_are_as_large_as_the_sizes_allow():
    small, large = slide(network(), image()), slide(network(), image(height=90, width=100))
    assert suitable_cell(small, False) > suitable_cell(large, False) >= 2
    assert suitable_cell(large, True) == 36
