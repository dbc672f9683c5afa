"""Adam against its formulas, the learning rates of the one-cycle schedule, and the decay of roughness."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.training.optim import Adam, decay_roughness, grid_laplacian, one_cycle

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


def roughness(weights: np.ndarray) -> float:
    return (np.square(np.diff(weights, axis=-2)).sum() + np.square(np.diff(weights, axis=-1)).sum()) / 2


def test_the_laplacian_of_a_small_kernel_is_the_one_computed_by_hand() -> None:
    kernel = np.array([[1.0, 2, 4], [0, 5, 3]])
    #   1 - 2 + 1 - 0    2 - 1 + 2 - 4 + 2 - 5    4 - 2 + 4 - 3
    #   0 - 5 + 0 - 1    5 - 0 + 5 - 3 + 5 - 2    3 - 5 + 3 - 4
    np.testing.assert_array_equal(grid_laplacian(kernel), [[0, -4, 3], [-6, 10, -3]])


def test_the_laplacian_of_a_single_weight_is_the_stencil_of_four_neighbors() -> None:
    impulse = np.zeros((5, 5))
    impulse[2, 2] = 1
    np.testing.assert_array_equal(grid_laplacian(impulse)[1:4, 1:4], [[0, -1, 0], [-1, 4, -1], [0, -1, 0]])


def test_each_kernel_has_a_laplacian_of_its_own() -> None:
    weights = RANDOM.normal(size=(3, 2, 4, 5))
    each = [[grid_laplacian(kernel) for kernel in kernels] for kernels in weights]
    np.testing.assert_array_equal(grid_laplacian(weights), each)


def test_a_kernel_of_one_weight_and_a_constant_kernel_have_no_roughness() -> None:
    assert not grid_laplacian(np.full((2, 3, 1, 1), 7.0)).any()
    assert not grid_laplacian(np.full((5, 5), -2.0)).any()
    np.testing.assert_array_equal(decay_roughness(np.full((1, 1, 1, 1), 7.0), 0.01, 1.0), [[[[7]]]])


@pytest.mark.parametrize("shape", [(5, 5), (2, 3, 4, 6), (1, 7), (7, 1)])
def test_the_laplacian_is_the_gradient_of_half_the_sum_of_squared_differences(shape) -> None:
    weights, epsilon = RANDOM.normal(size=shape), 1e-5
    numeric = np.empty(shape)
    for index in np.ndindex(*shape):
        step = np.zeros(shape)
        step[index] = epsilon
        numeric[index] = (roughness(weights + step) - roughness(weights - step)) / (2 * epsilon)
    np.testing.assert_allclose(grid_laplacian(weights), numeric, rtol=1e-6, atol=1e-8)


def test_the_eigenvalues_of_the_laplacian_are_between_zero_and_eight() -> None:
    matrix = np.array([grid_laplacian(unit.reshape(6, 7)).ravel() for unit in np.eye(42)])
    eigenvalues = np.linalg.eigvalsh(matrix)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert abs(eigenvalues[0]) < 1e-12
    assert (eigenvalues[1:] > 0.1).all()
    assert 7 < eigenvalues[-1] < 8


@pytest.mark.parametrize("smoothness", [0.1, 1.0, 12.5, 1e6])
def test_a_step_of_the_decay_lowers_the_roughness_and_keeps_the_mean(smoothness) -> None:
    checkerboard = np.indices((5, 5)).sum(axis=0) % 2 - 0.5
    for weights in (RANDOM.normal(size=(5, 5)), checkerboard):
        after = decay_roughness(weights, 0.01, smoothness)
        assert roughness(after) < roughness(weights)
        assert after.mean() == pytest.approx(weights.mean())


def test_a_step_of_the_decay_subtracts_the_laplacian_times_rate_and_smoothness() -> None:
    kernel = np.array([[1.0, 2, 4], [0, 5, 3]])
    expected = kernel - 0.02 * np.array([[0, -4, 3], [-6, 10, -3]])
    np.testing.assert_allclose(decay_roughness(kernel, 0.01, 2.0), expected)
    assert decay_roughness(kernel.astype(np.float32), 0.01, 2.0).dtype == np.float32


def test_the_roughest_component_keeps_its_sign_for_any_rate() -> None:
    # The eigenvectors of the Laplacian of a row are cosines (those of the discrete cosine transform).
    wave = np.cos(np.pi * 4 * (np.arange(5) + 0.5) / 5)
    roughest = np.outer(wave, wave)
    for rate in (0.01, 0.2, 50.0):
        after = decay_roughness(roughest, rate, 1.0)
        np.testing.assert_allclose(after, roughest * (1 - min(rate, 1 / 8) * 4 * (1 + np.cos(np.pi / 5))), atol=1e-12)
        assert (after * roughest >= 0).all()
