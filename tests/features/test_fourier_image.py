"""Images from Fourier coefficients: the transform, the gradient, natural spectra and colors."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.features.fourier_image import FourierImages, color_matrix, hartley

SHAPES = [(1, 5, 8), (3, 7, 4), (2, 6, 6)]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_hartley_transform_is_orthonormal_and_its_own_inverse(shape):
    images = np.random.default_rng(0).normal(size=(2, *shape))
    transformed = hartley(images)
    np.testing.assert_allclose(hartley(transformed), images, atol=1e-12)
    np.testing.assert_allclose((transformed**2).sum(), (images**2).sum(), rtol=1e-12)


def test_the_hartley_transform_is_the_sum_of_cosines_and_sines():
    images = np.random.default_rng(1).normal(size=(1, 1, 3, 4))
    for row, column in np.ndindex(3, 4):
        phase = 2 * np.pi * (row * np.arange(3)[:, np.newaxis] / 3 + column * np.arange(4) / 4)
        expected = (images[0, 0] * (np.cos(phase) + np.sin(phase))).sum() / np.sqrt(12)
        assert hartley(images)[0, 0, row, column] == pytest.approx(expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_of_the_coefficients_equals_finite_differences(shape):
    random = np.random.default_rng(2)
    images = FourierImages(shape, 0.3, np.float64)
    coefficients, d_pixels = random.normal(size=(2, *shape)), random.normal(size=(2, *shape))
    images.pixels(coefficients)
    gradient = images.backward(d_pixels)
    for _ in range(20):
        index = tuple(random.integers(coefficients.shape))
        step = np.zeros_like(coefficients)
        step[index] = 1e-5
        above, below = (images.pixels(coefficients + sign * step) for sign in (1, -1))
        assert gradient[index] == pytest.approx(((above - below) * d_pixels).sum() / 2e-5, rel=1e-6, abs=1e-9)


def test_pixels_are_between_0_and_1_and_uniform_without_coefficients():
    images = FourierImages((3, 8, 8), 0.2)
    np.testing.assert_allclose(images.pixels(np.zeros((1, 3, 8, 8), np.float32)), 0.2, rtol=1e-6)
    extreme = images.pixels(np.full((1, 3, 8, 8), 1e4, np.float32))
    assert extreme.min() >= 0
    assert extreme.max() <= 1


def test_coefficients_of_equal_variance_make_images_whose_spectrum_falls_with_frequency():
    images = FourierImages((1, 64, 64), 0.5, np.float64)
    pixels = images.pixels(np.random.default_rng(3).normal(0, 0.1, (50, 1, 64, 64)))
    values = np.log(pixels / (1 - pixels))[:, 0]
    power = (np.abs(np.fft.fft2(values, norm="ortho")) ** 2).mean(axis=0)
    slopes = np.diff(np.log(power[0, [2, 4, 8, 16]])) / np.log(2)  # 1/f in amplitude is 1/f² in power
    np.testing.assert_allclose(slopes, -2, atol=0.5)


def test_the_colors_have_the_covariance_of_the_color_axes():
    images = FourierImages((3, 32, 32), 0.5, np.float64)
    pixels = images.pixels(np.random.default_rng(4).normal(0, 0.1, (50, 3, 32, 32)))
    colors = np.moveaxis(np.log(pixels / (1 - pixels)), 1, 0).reshape(3, -1)
    covariance = np.cov(colors)
    expected = color_matrix() @ color_matrix().T
    np.testing.assert_allclose(covariance / covariance.trace(), expected / expected.trace(), atol=0.02)


def test_the_same_seed_makes_the_same_coefficients():
    images = FourierImages((1, 4, 4), 0.5)
    first, again, other = images.random([(0, 1), (0, 1), (0, 2)])
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
