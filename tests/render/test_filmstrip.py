"""The filmstrip of a training run, and the curves of its loss and accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.render.charts import DOT, HEIGHT, LEFT, WIDTH, Plot, Series, draw_plots, smoothed, ticks
from cnnfx.render.filmstrip import Snapshot, filmstrip_frames, frame_durations, snapshot_steps
from cnnfx.render.filters import kernel_levels


@pytest.mark.parametrize("steps", [1, 2, 39, 41, 469, 100_000])
def test_snapshots_are_closer_together_at_the_start_and_include_the_last_step(steps):
    chosen = snapshot_steps(steps)
    assert (chosen[0], chosen[-1]) == (max(1, -(-steps // 1600)), steps)
    assert len(chosen) <= 40
    gaps = np.diff(chosen)
    assert len(gaps) < 3 or gaps[: len(gaps) // 2].sum() <= gaps[len(gaps) // 2 :].sum()


@pytest.mark.parametrize("count", [1, 2, 30])
def test_the_last_frame_is_shown_longest(count):
    times = frame_durations(count)
    assert len(times) == count
    assert max(times) == times[-1]


def test_each_filter_is_normalized_by_its_own_largest_weight_as_in_show_filters():
    weights = np.random.default_rng(0).normal(size=(6, 1, 5, 5)).astype(np.float32)
    frames = list(
        filmstrip_frames(list("abcdef"), [Snapshot(weights, "random start"), Snapshot(weights * 3, "step 1")])
    )
    assert frames[0].shape == frames[1].shape
    assert not np.array_equal(frames[0][:30], frames[1][:30])  # the captions differ
    np.testing.assert_array_equal(frames[0][40:], frames[1][40:])  # the filters do not: a factor changes nothing
    levels = set(kernel_levels(weights[0]).ravel().tolist())
    assert levels <= set(frames[0].ravel().tolist())


def test_filters_on_three_channels_are_drawn_in_color():
    (frame,) = filmstrip_frames(
        ["a"], [Snapshot(np.random.default_rng(0).normal(size=(1, 3, 5, 5)).astype(np.float32), "")]
    )
    assert frame.ndim == 3


def test_filters_on_many_channels_are_rows_of_kernels():
    (frame,) = filmstrip_frames(["a"], [Snapshot(np.ones((1, 24, 5, 5), np.float32), "")])
    assert frame.ndim == 2
    assert frame.shape[1] > 24 * 5 * 2


def test_smoothing_takes_the_mean_of_neighbors_and_no_more_after_than_before_at_the_start():
    np.testing.assert_allclose(smoothed(np.array([8.0, 2, 2, 4, 6]), 1), [8, 4, 8 / 3, 4, 5])
    np.testing.assert_allclose(smoothed(np.full(9, 3.0), 20), np.full(9, 3))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 4.1, [0, 1, 2, 3, 4]), (90, 100, [90, 92, 94, 96, 98, 100]), (0, 0.7, [0, 0.2, 0.4, 0.6]),
     (0, 938, [0, 200, 400, 600, 800]), (469, 938, [500, 600, 700, 800, 900])],
)  # fmt: skip
def test_ticks_are_round_numbers(low, high, expected):
    assert ticks(low, high) == expected


def test_a_line_goes_through_its_points():
    x, y = np.array([0.0, 50, 100]), np.array([0.0, 1, 0])
    picture = draw_plots([Plot("", [Series("", x, y, (255, 0, 0))], 0, 1)], 0, 100)
    box = picture[picture.shape[0] - HEIGHT - 26 :][:HEIGHT, LEFT : LEFT + WIDTH].astype(int)
    red = (box[..., 0] - box[..., 1]) > 120
    rows, columns = red.nonzero()
    peak = columns[rows == rows.min()].mean()
    assert peak == pytest.approx((WIDTH - 1 - DOT) / 2, abs=3)
    assert columns.min() <= 2
    assert columns.max() == pytest.approx(WIDTH - 1 - DOT, abs=2)


def test_what_lies_outside_the_axes_is_not_drawn_along_them():
    line = Series("", np.array([0.0, 100]), np.array([-5.0, -5]), (255, 0, 0))
    picture = draw_plots([Plot("", [line], 0, 1)], 0, 100).astype(int)
    body = picture[30:, LEFT : LEFT + WIDTH]
    assert not ((body[..., 0] - body[..., 1]) > 120).any()
