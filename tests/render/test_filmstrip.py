"""The filmstrip of a training run."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.render.filmstrip import Snapshot, filmstrip_frames, frame_durations, snapshot_steps
from cnnfx.render.filters import kernel_levels


@pytest.mark.parametrize("steps", [1, 2, 39, 41, 469, 100_000])
def test_snapshots_are_evenly_spaced_and_include_the_last_step(steps):
    chosen = snapshot_steps(steps)
    assert (chosen[0], chosen[-1]) == (-(-steps // 40), steps)
    assert len(chosen) == min(steps, 40)
    gaps = np.diff([0, *chosen])
    assert gaps.max() - gaps.min() <= 1


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


def test_the_title_is_above_the_caption_of_every_frame():
    weights = np.random.default_rng(0).normal(size=(6, 1, 5, 5)).astype(np.float32)
    snapshots = [Snapshot(weights, "random start"), Snapshot(weights, "step 1")]
    plain, titled = (list(filmstrip_frames(list("abcdef"), snapshots, title)) for title in ("", "layer 1"))
    line = titled[0].shape[0] - plain[0].shape[0]
    assert line > 10
    np.testing.assert_array_equal(titled[0][: 8 + line], titled[1][: 8 + line])
    for before, after in zip(plain, titled, strict=True):
        np.testing.assert_array_equal(after[8 + line :], before[8:])


def test_a_filter_that_has_faded_is_gray():
    weights = np.concatenate([np.ones((1, 1, 5, 5)), np.full((1, 1, 5, 5), 0.001)]).astype(np.float32)
    (frame,) = filmstrip_frames(["1", "2"], [Snapshot(weights, "")])
    assert (frame[40:] == 129).sum() == 25 * 20 * 20
