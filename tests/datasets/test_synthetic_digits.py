"""Tests of synthetic digits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cnnfx.datasets import draw_digits
from cnnfx.datasets.glyphs import GLYPHS
from cnnfx.datasets.synthetic import BLOCK_IMAGES
from cnnfx.datasets.synthetic_digits import (
    MAX_CONTROL_POINTS,
    SAMPLES,
    draw_dataset,
    glyph_curves,
    rasterize,
)
from cnnfx.errors import ArgumentError
from cnnfx.system.threads import set_threads

LABELS = np.arange(1000) % 10


@pytest.fixture(scope="module")
def digits():
    return draw_digits(LABELS, seed=3)[:, 0]


def centers(images):
    """Return the row and column of the center of mass of each image."""
    mass = images.sum(axis=(1, 2), dtype=float)
    positions = np.arange(28)
    return images.sum(axis=2) @ positions / mass, images.sum(axis=1) @ positions / mass


def test_digits_are_28_by_28_pixels_from_black_to_white(digits):
    assert digits.shape == (1000, 28, 28)
    assert digits.dtype == np.uint8
    assert (digits.min(axis=(1, 2)) == 0).all()
    assert (digits.max(axis=(1, 2)) == 255).all()


def test_digits_fill_a_box_of_20_pixels_around_their_center_of_mass(digits):
    rows, columns = ((digits > 127).any(axis=axis).sum(axis=1) for axis in (2, 1))
    assert 18.5 < np.maximum(rows, columns).mean() < 21
    for center in centers(digits):
        assert abs(center.mean() - 14) < 0.1
        assert abs(center - 14).max() < 2.5


def test_the_same_seed_gives_the_same_digits_for_any_number_of_threads(digits):
    for threads in (1, 3):
        set_threads(threads)
        assert np.array_equal(draw_digits(LABELS, seed=3)[:, 0], digits)
    set_threads(None)


def test_another_seed_gives_other_digits(digits):
    assert not np.array_equal(draw_digits(LABELS, seed=4)[:, 0], digits)


def test_complete_blocks_do_not_depend_on_further_labels(digits):
    assert np.array_equal(draw_digits(LABELS[: 2 * BLOCK_IMAGES], seed=3)[:, 0], digits[: 2 * BLOCK_IMAGES])


def test_all_digits_differ(digits):
    assert len(np.unique(digits.reshape(1000, -1), axis=0)) == 1000


def test_a_nearest_neighbor_classifier_recognizes_most_digits(digits):
    others = draw_digits(LABELS, seed=9).reshape(1000, -1).astype(np.float32)
    own = digits.reshape(1000, -1).astype(np.float32)
    nearest = ((own**2).sum(axis=1)[:, None] - 2 * own @ others.T + (others**2).sum(axis=1)).argmin(axis=1)
    assert (LABELS[nearest] == LABELS).mean() > 0.7


def test_a_dataset_has_equally_many_of_each_digit_and_no_duplicates():
    data = draw_dataset(5, train=300, test=100)
    assert (data.name, data.classes) == ("drawn", tuple("0123456789"))
    assert np.bincount(data.train_labels).tolist() == [30] * 10
    assert np.bincount(data.test_labels).tolist() == [10] * 10
    assert data.train_labels[:20].tolist() != list(range(10)) * 2
    images = np.concatenate([data.train_images, data.test_images]).reshape(400, -1)
    assert len(np.unique(images, axis=0)) == 400


def test_progress_is_reported_up_to_the_last_digit():
    reports = []
    draw_digits(LABELS[:250], progress=lambda *report: reports.append(report))
    assert max(reports) == ("digits", 250, 250)


def test_no_labels_give_an_empty_array():
    assert draw_digits([]).shape == (0, 1, 28, 28)


@pytest.mark.parametrize("labels", [[10], [-1], [0.5], [[1, 2]], 3, ["7"]])
def test_labels_that_are_not_digits_are_refused(labels):
    with pytest.raises(ArgumentError, match=r"^labels must be whole numbers of 0 to 9 on one axis\.$"):
        draw_digits(labels)


def test_every_digit_has_several_glyphs():
    assert np.bincount([glyph.digit for glyph in GLYPHS]).min() >= 3


def test_only_eights_are_drawn_with_two_loops():
    """The areas that the curves of a glyph enclose are counted on a grid of 60 by 60 pixels, with a pen of 3."""
    for glyph, curve in zip(GLYPHS, glyph_curves(), strict=True):
        pixels = np.zeros((60, 60), bool)
        for x, y in np.rint(5 + 50 * curve.position_weights @ curve.points).astype(int):
            pixels[y - 1 : y + 2, x - 1 : x + 2] = True
        areas = ndimage.label(~pixels)[0]
        loops = sum(np.bincount(areas.ravel())[2:] > 20)
        assert loops < 2 or glyph.digit == 8, glyph


def test_curves_pass_through_the_control_points_of_their_glyphs():
    for glyph, curve in zip(GLYPHS, glyph_curves(), strict=True):
        assert curve.position_weights.shape == curve.step_weights.shape == (SAMPLES, len(curve.points))
        assert len(curve.points) <= MAX_CONTROL_POINTS, glyph
        assert np.allclose(curve.position_weights.sum(axis=1), 1, atol=1e-5)
        assert np.allclose(curve.step_weights.sum(axis=1), 0, atol=1e-5)
        positions = curve.position_weights @ curve.points
        gaps = np.hypot(*(positions[:, None] - curve.points).transpose(2, 0, 1)).min(axis=0)
        assert gaps.max() < 0.06, glyph


def test_a_thin_stroke_has_no_gaps():
    """The stroke is the diagonal there and back."""
    times = (np.arange(SAMPLES, dtype=np.float32) + 0.5) / SAMPLES
    along = 1 - abs(2 * times - 1)
    positions = np.stack([along + times / 4, along - times / 4], axis=1)[None]
    steps = np.gradient(positions, axis=1)
    thin = rasterize(positions, steps, np.float32([0.6]), np.float32([1]))[0]
    assert (thin.max(axis=1)[6:22] > 180).all()


def test_a_straight_stroke_is_as_wide_as_the_pen():
    times = (np.arange(SAMPLES, dtype=np.float32) + 0.5) / SAMPLES
    positions = np.stack([np.zeros_like(times), times], axis=1)[None]
    steps = np.zeros_like(positions)
    steps[..., 1] = 1 / SAMPLES
    bar = rasterize(positions, steps, np.float32([2]), np.float32([1]))[0]
    assert abs(bar[14].sum() / 255 - 4) < 0.1
    assert bar[14].argmax() in (12, 13, 14, 15)
    assert 18 <= (bar > 127).any(axis=1).sum() <= 20
