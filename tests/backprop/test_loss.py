"""The cross-entropy loss against values by hand and finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.backprop.loss import smoothed_cross_entropy

RANDOM = np.random.default_rng(3)


def test_large_scores_do_not_overflow() -> None:
    labels = np.array([0, 0])
    _, _, gradient = smoothed_cross_entropy(np.array([[1000.0, 0.0], [1000.0, -1000.0]]), labels)
    probabilities = gradient + np.array([[1, 1], [0, 0]])
    np.testing.assert_array_equal(probabilities, [[0.5, 1], [0.5, 0]])


def test_the_loss_of_equal_scores_is_the_logarithm_of_their_number() -> None:
    loss, cross_entropy, gradient = smoothed_cross_entropy(np.zeros((4, 2)), np.array([0, 3]))
    assert loss == cross_entropy == pytest.approx(2 * np.log(4))
    np.testing.assert_allclose(gradient, [[-0.75, 0.25], [0.25, 0.25], [0.25, 0.25], [0.25, -0.75]])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_gradient_equals_finite_differences(smoothing) -> None:
    scores, labels, step = RANDOM.normal(size=(5, 3)), np.array([1, 4, 0]), 1e-6
    gradient = smoothed_cross_entropy(scores, labels, smoothing).gradient
    for index in np.ndindex(scores.shape):
        moved = scores.copy()
        moved[index] += step
        above = smoothed_cross_entropy(moved, labels, smoothing).loss
        moved[index] -= 2 * step
        below = smoothed_cross_entropy(moved, labels, smoothing).loss
        assert gradient[index] == pytest.approx((above - below) / (2 * step), abs=1e-8)


def test_smoothing_does_not_change_the_cross_entropy_that_is_reported() -> None:
    scores, labels = RANDOM.normal(size=(5, 3)), np.array([1, 4, 0])
    plain, smoothed = (smoothed_cross_entropy(scores, labels, smoothing) for smoothing in (0.0, 0.2))
    assert plain.cross_entropy == pytest.approx(plain.loss)
    assert smoothed.cross_entropy == plain.cross_entropy
    assert smoothed.loss != pytest.approx(plain.loss)


def test_the_smallest_loss_with_smoothing_is_the_entropy_of_the_targets() -> None:
    targets = np.array([0.91] + 9 * [0.01])
    loss, cross_entropy, gradient = smoothed_cross_entropy(np.log(targets)[:, np.newaxis], np.array([0]), 0.1)
    assert loss == pytest.approx(0.5002, abs=1e-4)
    assert cross_entropy == pytest.approx(-np.log(0.91))
    np.testing.assert_allclose(gradient, 0, atol=1e-15)
