"""Digits drawn by the program itself: by seed, like MNIST's, and readable."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.datasets import draw_digits
from cnnfx.datasets.glyphs import FORMS
from cnnfx.datasets.synthetic_digits import BLOCK, MOST_POINTS, SAMPLES, curves, draw_strokes, load_drawn
from cnnfx.errors import ArgumentError
from cnnfx.system.threads import set_threads

LABELS = np.arange(1000) % 10


@pytest.fixture(scope="module")
def digits():
    return draw_digits(LABELS, seed=3)[:, 0]


def centers(images):
    """The center of mass of each image, row and column."""
    mass = images.sum(axis=(1, 2), dtype=float)
    places = np.arange(28)
    return images.sum(axis=2) @ places / mass, images.sum(axis=1) @ places / mass


def test_they_are_images_of_28_by_28_from_black_to_white(digits):
    assert digits.shape == (1000, 28, 28)
    assert digits.dtype == np.uint8
    assert (digits.min(axis=(1, 2)) == 0).all()
    assert (digits.max(axis=(1, 2)) == 255).all()


def test_they_fill_a_box_of_20_about_their_center_of_mass_as_those_of_mnist(digits):
    rows, columns = ((digits > 127).any(axis=axis).sum(axis=1) for axis in (2, 1))
    assert 18.5 < np.maximum(rows, columns).mean() < 21
    for center in centers(digits):
        assert abs(center.mean() - 14) < 0.1
        assert abs(center - 14).max() < 2.5


def test_the_same_seed_gives_the_same_digits_whatever_the_threads(digits):
    for threads in (1, 3):
        set_threads(threads)
        assert np.array_equal(draw_digits(LABELS, seed=3)[:, 0], digits)
    set_threads(None)


def test_another_seed_gives_others(digits):
    assert not np.array_equal(draw_digits(LABELS, seed=4)[:, 0], digits)


def test_whole_blocks_do_not_depend_on_what_follows(digits):
    assert np.array_equal(draw_digits(LABELS[: 2 * BLOCK], seed=3)[:, 0], digits[: 2 * BLOCK])


def test_no_two_are_alike(digits):
    assert len(np.unique(digits.reshape(1000, -1), axis=0)) == 1000


def test_digits_are_nearer_to_their_own_kind(digits):
    """The simplest of classifiers, the nearest of a thousand others, reads most of them."""
    others = draw_digits(LABELS, seed=9).reshape(1000, -1).astype(np.float32)
    own = digits.reshape(1000, -1).astype(np.float32)
    nearest = ((own**2).sum(axis=1)[:, None] - 2 * own @ others.T + (others**2).sum(axis=1)).argmin(axis=1)
    assert (LABELS[nearest] == LABELS).mean() > 0.7


def test_a_dataset_holds_as_many_of_each_and_none_twice():
    data = load_drawn(5, train=300, test=100)
    assert (data.name, data.classes) == ("drawn", tuple("0123456789"))
    assert np.bincount(data.train_labels).tolist() == [30] * 10
    assert np.bincount(data.test_labels).tolist() == [10] * 10
    assert data.train_labels[:20].tolist() != list(range(10)) * 2
    everything = np.concatenate([data.train_images, data.test_images]).reshape(400, -1)
    assert len(np.unique(everything, axis=0)) == 400


def test_progress_is_told_up_to_the_end():
    told = []
    draw_digits(LABELS[:250], progress=lambda *done: told.append(done))
    assert max(told) == ("digits", 250, 250)


def test_no_digits_are_an_empty_array():
    assert draw_digits([]).shape == (0, 1, 28, 28)


@pytest.mark.parametrize("labels", [[10], [-1], [0.5], [[1, 2]], 3, ["7"]])
def test_what_is_no_digit_is_refused(labels):
    with pytest.raises(ArgumentError, match=r"^labels must be whole numbers of 0 to 9 on one axis\.$"):
        draw_digits(labels)


def test_every_digit_has_several_forms():
    assert np.bincount([form.digit for form in FORMS]).min() >= 3


def test_curves_go_through_the_points_of_their_forms():
    for form, curve in zip(FORMS, curves(), strict=True):
        assert curve.places.shape == curve.steps.shape == (SAMPLES, len(curve.points))
        assert len(curve.points) <= MOST_POINTS, form
        assert np.allclose(curve.places.sum(axis=1), 1, atol=1e-5)
        assert np.allclose(curve.steps.sum(axis=1), 0, atol=1e-5)
        places = curve.places @ curve.points
        gaps = np.hypot(*(places[:, None] - curve.points).transpose(2, 0, 1)).min(axis=0)
        assert gaps.max() < 0.06, form


def test_a_thin_stroke_has_no_gaps():
    """A long one: the diagonal there and back."""
    times = (np.arange(SAMPLES, dtype=np.float32) + 0.5) / SAMPLES
    along = 1 - abs(2 * times - 1)
    places = np.stack([along + times / 4, along - times / 4], axis=1)[None]
    steps = np.gradient(places, axis=1)
    thin = draw_strokes(places, steps, np.float32([0.6]), np.float32([1]))[0]
    assert (thin.max(axis=1)[6:22] > 180).all()


def test_a_straight_stroke_is_drawn_as_wide_as_the_pen():
    """A bar down the middle, its edges where the pen's are."""
    times = (np.arange(SAMPLES, dtype=np.float32) + 0.5) / SAMPLES
    places = np.stack([np.zeros_like(times), times], axis=1)[None]
    steps = np.zeros_like(places)
    steps[..., 1] = 1 / SAMPLES
    bar = draw_strokes(places, steps, np.float32([2]), np.float32([1]))[0]
    assert abs(bar[14].sum() / 255 - 4) < 0.1
    assert bar[14].argmax() in (12, 13, 14, 15)
    assert 18 <= (bar > 127).any(axis=1).sum() <= 20
