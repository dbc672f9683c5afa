"""The frames of an animation: which position each shows, and how long."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx.formats import load_network
from cnnfx.images import Image
from cnnfx.nn.layers import Pool
from cnnfx.render.sliding.schedule import (
    CONSTANT_SPEED,
    LAST_FRAME_MILLISECONDS,
    Position,
    constant_positions_per_frame,
    default_fps,
    positions,
    schedule,
)
from tests.render.sliding.test_positions import make_image, make_network, slide


def dot(height=6, width=8, row=0, column=0):
    values = np.zeros((1, height, width), np.float32)
    values[0, row, column] = 1
    return Image("dot", values, ("gray",))


def with_pooling(network, pool):
    return replace(network, layers=(replace(network.layers[0], pool=pool),))


def test_the_positions_of_the_pooling_follow_those_of_the_filters():
    sliding = slide(with_pooling(make_network(kernel=(3, 3)), Pool("mean", 2)), make_image(height=5, width=7))
    order = positions(sliding)
    assert order[:6] == [Position("filters", 0, column) for column in range(5)] + [Position("filters", 1, 0)]
    assert order[15:] == [Position("pooling", 0, 0), Position("pooling", 0, 1)]


def test_each_position_has_a_frame_where_nothing_is_constant():
    sliding = slide(make_network(kernel=(3, 3)), make_image(height=5, width=6))
    frames = schedule(sliding, fps=10)
    assert [frame.position for frame in frames] == positions(sliding)
    assert [frame.milliseconds for frame in frames] == [100] * 11 + [LAST_FRAME_MILLISECONDS]


def test_constant_positions_are_shorter():
    frames = schedule(slide(load_network("edges"), dot()), fps=5)
    assert len(frames) == 4 * 6
    # The dot at the corner is under the window at the first position only.
    assert frames[0].milliseconds == 200
    assert {frame.milliseconds for frame in frames[1:-1]} == {20}
    assert frames[-1].milliseconds == LAST_FRAME_MILLISECONDS


def test_at_a_high_rate_constant_positions_of_one_row_share_frames():
    assert constant_positions_per_frame(25) == 4
    frames = schedule(slide(load_network("edges"), dot()), fps=25)
    shown = [(frame.position.row, frame.position.column) for frame in frames]
    assert shown == [(0, 0), (0, 4), (0, 5), (1, 3), (1, 5), (2, 3), (2, 5), (3, 3), (3, 5)]
    assert [frame.milliseconds for frame in frames] == [40] + [20] * 7 + [LAST_FRAME_MILLISECONDS]


def test_the_first_frame_shows_the_first_position():
    flat = Image("flat", np.zeros((1, 3, 9), np.float32), ("gray",))
    frames = schedule(slide(load_network("edges"), flat), fps=25)
    assert [frame.position.column for frame in frames] == [0, 4, 6]
    one = schedule(slide(make_network(kernel=(3, 3)), make_image(height=3, width=3)), fps=25)
    assert [frame.position for frame in one] == [Position("filters", 0, 0)]


@pytest.mark.parametrize("fps", [0.1, 1, 2, 5, 12, 25, 50])
def test_constant_regions_pass_about_eight_times_faster(fps):
    frames = schedule(slide(load_network("edges"), dot(height=4, width=500)), fps)
    constant = frames[1:-1]
    count = constant[-1].position.row * 498 + constant[-1].position.column
    duration = sum(frame.milliseconds for frame in constant) / count
    assert frames[0].milliseconds / duration == pytest.approx(CONSTANT_SPEED, rel=0.35)


def test_a_number_of_steps_spreads_the_frames_evenly_and_ends_at_the_last_position():
    sliding = slide(make_network(kernel=(3, 3)), make_image(height=4, width=5))
    order = positions(sliding)
    for steps, ends in ((3, [1, 3, 5]), (4, [0, 2, 3, 5]), (9, [0, 1, 2, 3, 4, 5])):
        assert [frame.position for frame in schedule(sliding, 5, steps)] == [order[end] for end in ends]


def test_a_step_is_short_only_if_all_its_positions_are_constant():
    frames = schedule(slide(load_network("edges"), dot(column=4)), fps=5, steps=6)
    assert [frame.milliseconds for frame in frames] == [200, 200, 20, 20, 20, LAST_FRAME_MILLISECONDS]


def test_the_default_rate_depends_on_the_positions_that_are_not_constant():
    many, few = slide(make_network(), make_image(height=30, width=30)), slide(make_network(), make_image())
    assert (default_fps(many, numbers=False), default_fps(few, numbers=False)) == (25, 5.833333333333333)
    assert default_fps(slide(load_network("edges"), dot(30, 30)), numbers=False) == pytest.approx(
        (1 + 783 / CONSTANT_SPEED) / 12
    )
    assert default_fps(many, numbers=True) == 2
