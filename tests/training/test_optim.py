"""Adam against its formulas, and the learning rates of the one-cycle schedule."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.training.optim import Adam, one_cycle

RANDOM = np.random.default_rng(3)


def test_the_first_step_has_the_size_of_the_rate_for_any_gradient() -> None:
    parameters = np.zeros(3, np.float32)
    Adam(3).step(parameters, np.array([1e-3, -5, 100], np.float32), 0.1)
    np.testing.assert_allclose(parameters, [-0.1, 0.1, -0.1], rtol=1e-4)


def test_steps_follow_the_formulas_of_the_paper() -> None:
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


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero() -> None:
    rates = np.array([one_cycle(step, 400, 0.5) for step in range(400)])
    peak = rates.argmax()
    assert rates[peak] == pytest.approx(0.5, rel=1e-3)
    assert 0.2 < peak / 400 < 0.3
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()
    assert 0 < rates[-1] < 1e-5
    assert rates[0] < 0.05


def test_a_run_of_one_step_has_a_positive_rate() -> None:
    assert one_cycle(0, 1, 0.1) > 0
