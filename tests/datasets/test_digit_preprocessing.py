"""Tests of the preprocessing of images of digits."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cnnfx.datasets import draw_digits, fit_digit
from cnnfx.datasets.digit_preprocessing import _center_of_mass, is_mnist_like, is_photograph
from cnnfx.errors import ArgumentError

SEVEN = draw_digits([7], seed=1)[0, 0].astype(np.float32) / 255


def placed_in_larger_image(digit, height, width, scale):
    """Return a `(height, width)` image with the digit, enlarged by `scale`, at row 5 and column 30."""
    picture = Image.fromarray(digit).resize((28 * scale, 28 * scale), Image.Resampling.BICUBIC)
    image = np.zeros((height, width), np.float32)
    image[5 : 5 + 28 * scale, 30 : 30 + 28 * scale] = np.clip(picture, 0, 1)
    return image


def correlation(one, other):
    """Return the correlation coefficient of two images."""
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_a_synthetic_digit_is_returned_unchanged():
    digit, notes = fit_digit(SEVEN)
    assert np.array_equal(digit, SEVEN)
    assert notes == ()


def test_a_digit_in_a_larger_image_is_scaled_and_centered():
    digit, notes = fit_digit(placed_in_larger_image(SEVEN, 200, 300, 5))
    assert digit.shape == (28, 28)
    assert digit.dtype == np.float32
    assert correlation(digit, SEVEN) > 0.95
    assert notes == ("fitted from 300×200 to 28×28, as MNIST was made",)


def test_a_dark_digit_on_a_light_background_is_inverted_with_a_note():
    digit, notes = fit_digit(0.9 - 0.7 * placed_in_larger_image(SEVEN, 200, 300, 5))
    assert correlation(digit, SEVEN) > 0.95
    assert notes == ("dark on light: inverted", "fitted from 300×200 to 28×28, as MNIST was made")


def test_a_noisy_background_does_not_become_strokes():
    noise = np.random.default_rng(0).random((200, 300), np.float32) * 0.1
    digit, _ = fit_digit(0.8 * placed_in_larger_image(SEVEN, 200, 300, 5) + noise)
    assert correlation(digit, SEVEN) > 0.93


@pytest.mark.parametrize(("height", "width"), [(60, 20), (20, 60), (3, 3), (1, 40)])
def test_the_longer_side_becomes_20_pixels_and_the_aspect_is_kept(height, width):
    image = np.zeros((100, 90), np.float32)
    image[10 : 10 + height, 20 : 20 + width] = 1
    digit, _ = fit_digit(image)
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    factor = 20 / max(height, width)
    assert len(rows) == max(1, round(height * factor))
    assert len(columns) == max(1, round(width * factor))
    assert np.allclose(_center_of_mass(digit), 14.5, atol=0.51)


def test_an_off_center_mass_does_not_push_the_strokes_out_of_the_frame():
    image = np.zeros((200, 200), np.float32)
    image[10:190, 100] = 1
    image[170:190, 40:160] = 1
    digit, _ = fit_digit(image)
    assert digit[-1].max() == 0 or digit.any(axis=1).sum() == 20


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((3, 4, 5)), "the image has the shape (3, 4, 5). A digit is (H, W)."),
        (np.zeros((0, 5)), "the image has the shape (0, 5). A digit is (H, W)."),
        (np.full((5, 5), np.nan), "the image holds NaN or infinity. Brightness is a number from 0 to 1."),
        (np.full((5, 5), 0.5), "the image has no contrast: all of it has the same brightness."),
    ],
)
def test_images_without_a_digit_are_refused(image, message):
    with pytest.raises(ArgumentError) as caught:
        fit_digit(image)
    assert str(caught.value) == message


def test_drawn_digits_have_the_format_of_mnist_and_other_images_do_not() -> None:
    digits = draw_digits([*range(10)] * 10, seed=3)
    assert is_mnist_like(digits)
    assert is_mnist_like(digits / np.float32(255))
    assert not is_mnist_like(np.roll(digits, 5, axis=-1))
    assert not is_mnist_like(digits.repeat(3, axis=1))
    assert not is_mnist_like(np.random.default_rng(0).integers(0, 256, digits.shape).astype(np.uint8))
    assert not is_mnist_like(np.zeros_like(digits))
    assert not is_mnist_like(digits[:0])


def test_a_scene_that_fills_the_image_is_a_photograph_and_a_digit_that_touches_the_border_is_not() -> None:
    rows, columns = np.mgrid[:40, :40] / 40
    assert is_photograph(0.5 + 0.3 * np.sin(9 * rows) * np.cos(7 * columns) + 0.2 * rows)
    for digit in draw_digits([*range(10)], seed=3)[:, 0] / np.float32(255):
        assert not is_photograph(digit)
        inked = np.argwhere(digit >= 0.2)
        (top, left), (bottom, right) = inked.min(axis=0), inked.max(axis=0)
        assert not is_photograph(1 - digit[top : bottom + 1, left : right + 1])
