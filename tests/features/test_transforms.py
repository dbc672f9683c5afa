"""Shifts, scalings and rotations: known results, and adjoints by dot products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.features.transforms import similarity


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    st.floats(0.5, 2),
    st.floats(-180, 180),
)
def test_the_backward_pass_is_the_adjoint_of_the_forward_pass(height, width, shift, scale, angle):
    random = np.random.default_rng(0)
    x, dy = random.normal(size=(2, 2, 3, height, width))
    transform = similarity((height, width), shift, scale, angle, np.float64)
    assert (transform.forward(x) * dy).sum() == pytest.approx((x * transform.backward(dy)).sum(), abs=1e-9)


def test_a_uniform_image_stays_uniform():
    transform = similarity((6, 7), (0.3, -1.7), 1.1, 8, np.float64)
    np.testing.assert_allclose(transform.forward(np.ones((1, 1, 6, 7))), 1)


def test_a_whole_shift_moves_the_pixels_around_the_sides():
    image = np.arange(20.0).reshape(1, 1, 4, 5)
    shifted = similarity((4, 5), (1, -2), dtype=np.float64).forward(image)
    np.testing.assert_allclose(shifted[0, 0], np.roll(image[0, 0], (1, -2), axis=(0, 1)), atol=1e-12)


def test_half_a_shift_is_the_mean_of_two_pixels():
    image = np.array([[[[0.0, 4, 8, 0]]]])
    np.testing.assert_allclose(
        similarity((1, 4), (0, 0.5), dtype=np.float64).forward(image)[0, 0], [[0, 2, 6, 4]], atol=1e-12
    )


def test_a_quarter_turn_is_clockwise():
    image = np.random.default_rng(0).random((1, 2, 5, 5))
    turned = similarity((5, 5), angle=90, dtype=np.float64).forward(image)
    np.testing.assert_allclose(turned, np.rot90(image, -1, axes=(2, 3)), atol=1e-12)


def test_a_scale_above_1_enlarges():
    image = np.zeros((1, 1, 9, 9))
    image[..., 3:6, 3:6] = 1
    assert similarity((9, 9), scale=1.5).forward(image).sum() == pytest.approx(9 * 1.5**2, rel=0.1)
