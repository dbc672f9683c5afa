"""Loss, optimizer, schedule, augmentation, initialization: each against what it should be by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.backprop.loss import cross_entropy, softmax
from cnnfx.backprop.parameters import he
from cnnfx.training.batches import RandomShift
from cnnfx.training.optim import Adam, one_cycle
from cnnfx.training.settings import brightness

RANDOM = np.random.default_rng(3)


def test_softmax_gives_probabilities_whatever_the_scores_size() -> None:
    probabilities = softmax(np.array([[1000.0, 0.0], [1000.0, -1000.0]]))
    np.testing.assert_array_equal(probabilities, [[0.5, 1], [0.5, 0]])


def test_the_loss_of_even_scores_is_the_logarithm_of_their_number() -> None:
    loss, gradient = cross_entropy(np.zeros((4, 2)), np.array([0, 3]))
    assert loss == pytest.approx(2 * np.log(4))
    np.testing.assert_allclose(gradient, [[-0.75, 0.25], [0.25, 0.25], [0.25, 0.25], [0.25, -0.75]])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_s_gradient_is_that_of_finite_differences(smoothing) -> None:
    scores, labels, step = RANDOM.normal(size=(5, 3)), np.array([1, 4, 0]), 1e-6
    _, gradient = cross_entropy(scores, labels, smoothing)
    for index in np.ndindex(scores.shape):
        moved = scores.copy()
        moved[index] += step
        rise = cross_entropy(moved, labels, smoothing)[0]
        moved[index] -= 2 * step
        assert gradient[index] == pytest.approx(
            (rise - cross_entropy(moved, labels, smoothing)[0]) / (2 * step), abs=1e-8
        )


def test_the_first_step_is_as_large_as_the_rate_whatever_the_gradient() -> None:
    parameters = np.zeros(3, np.float32)
    Adam(3).step(parameters, np.array([1e-3, -5, 100], np.float32), 0.1)
    np.testing.assert_allclose(parameters, [-0.1, 0.1, -0.1], rtol=1e-4)


def test_steps_follow_the_paper() -> None:
    parameters, optimizer = np.ones(2, np.float32), Adam(2, (0.9, 0.99), np.array([0.1, 0.0], np.float32))
    expected, mean, square = np.ones(2), np.zeros(2), np.zeros(2)
    for count in range(1, 6):
        gradient, rate = RANDOM.normal(size=2), 0.01 * count
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.99 * square + 0.01 * gradient**2
        change = mean / (1 - 0.9**count) / (np.sqrt(square / (1 - 0.99**count)) + 1e-8)
        expected -= rate * (change + [0.1, 0.0] * expected)
        optimizer.step(parameters, gradient.astype(np.float32), rate)
    np.testing.assert_allclose(parameters, expected, rtol=1e-5)


def test_the_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = np.array([one_cycle(step, 400, 0.5) for step in range(400)])
    peak = rates.argmax()
    assert rates[peak] == pytest.approx(0.5, rel=1e-3)
    assert 0.2 < peak / 400 < 0.3
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()
    assert 0 < rates[-1] < 1e-5
    assert rates[0] < 0.05


def test_a_run_of_one_step_has_a_rate() -> None:
    assert one_cycle(0, 1, 0.1) > 0


def test_shifted_images_are_the_images_moved_with_their_edges_repeated() -> None:
    images = RANDOM.integers(0, 256, (9, 2, 5, 4)).astype(np.uint8)
    drawn = np.array([(y, x) for y in range(3) for x in range(3)])
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    chosen = np.array([4, 0, 8, 2, 2, 7, 1, 3, 5])
    shifted = RandomShift(1).apply(images, chosen, drawn)
    assert shifted.shape == (2, 5, 4, 9)
    for number, (image, (y, x)) in enumerate(zip(chosen, drawn, strict=True)):
        np.testing.assert_array_equal(shifted[..., number], padded[image, :, y : y + 5, x : x + 4])


def test_all_shifts_are_drawn() -> None:
    drawn = RandomShift(2).draw(np.random.default_rng(0), 1000)
    assert len({tuple(shift) for shift in drawn.tolist()}) == 25
    assert (drawn.min(), drawn.max()) == (0, 4)


def test_no_shift_leaves_the_images() -> None:
    images = RANDOM.integers(0, 256, (3, 1, 5, 4))
    shift = RandomShift(0)
    drawn = shift.draw(np.random.default_rng(0), 3)
    np.testing.assert_array_equal(shift.apply(images, np.arange(3), drawn), np.moveaxis(images, 0, -1))


def test_random_weights_keep_the_size_of_what_passes_through() -> None:
    weights = he(np.random.default_rng(0), (200, 8, 5, 5))
    assert weights.dtype == np.float32
    assert weights.var() == pytest.approx(2 / 200, rel=0.05)


def test_brightness_of_whole_numbers_is_that_of_floats() -> None:
    images = RANDOM.integers(0, 256, (4, 1, 6, 6)).astype(np.uint8)
    floats = brightness((images / 255).astype(np.float32))
    assert brightness(images) == pytest.approx(floats, rel=1e-6)
    assert brightness(np.full((1, 1, 2, 2), 255, np.uint8)) == (1, 1)
