"""Tests of the preprocessing of images of digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from cnnfx.datasets import draw_digits, fit_digit
from cnnfx.datasets.digit_preprocessing import _center_of_mass, have_mnist_format, is_mnist_like, is_photograph
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


def bar(top=4, left=12, height=20, width=4, level=1.0, background=0.0):
    """Return a bar in 28×28 pixels; by default its center is half a pixel above and to the left of MNIST's center."""
    image = np.full((1, 1, 28, 28), background, np.float32)
    image[..., top : top + height, left : left + width] = level
    return image


@pytest.mark.parametrize(
    ("image", "fits"),
    [
        (bar(), True),
        (bar(top=12, left=4, height=4, width=20), True),
        (bar(height=18, top=5), True),
        (bar(height=17, top=6), False),
        (bar(height=22, top=3), True),
        (bar(height=23, top=3), False),
        (bar(top=6), True),  # the center is 1.5 pixels below MNIST's
        (bar(top=7), False),
        (bar(top=3), True),
        (bar(top=2), False),
        (bar(left=14), True),
        (bar(left=15), False),
        (bar(level=0.5), True),
        (bar(level=0.49), False),
        (bar(background=0.01), False),
        (bar(level=0.0), False),
        (1 - bar(), False),
        (bar()[..., :27], False),
        (bar().repeat(3, axis=1), False),
        (np.maximum(bar(), 0.09 * bar(top=0, height=28)), True),  # what is hardly visible does not count
        (np.maximum(bar(), 0.11 * bar(top=0, height=28)), False),
        (bar() * np.float32(np.nan), False),
    ],
)
def test_the_format_of_mnist_has_tolerances(image, fits):
    assert have_mnist_format(image).tolist() == [fits]
    if image.max() <= 1:
        assert have_mnist_format(np.rint(255 * image).astype(np.uint8)).tolist() == [fits and image.max() >= 0.5]


def test_a_digit_that_the_border_keeps_from_the_middle_has_the_format():
    heavy = np.maximum(bar(top=0, left=14, width=1), bar(top=16, left=4, height=4, width=20))
    assert _center_of_mass(heavy[0, 0])[0] > 14.5 + 1.5
    for image in (heavy, heavy.swapaxes(2, 3)):
        assert have_mnist_format(image).all()
        assert not have_mnist_format(np.roll(image, 1, axis=(2, 3))).any()
        assert have_mnist_format(image[..., ::-1, ::-1]).all()
        digit, _ = fit_digit(image[0, 0])
        assert np.array_equal(digit, image[0, 0])


def test_nine_of_ten_images_in_the_format_make_a_data_set_of_digits():
    digits = draw_digits([*range(10)] * 10, seed=3)
    fits = have_mnist_format(digits)
    wrong = int(np.count_nonzero(~fits))
    order = np.flatnonzero(fits)
    for count, expected in ((10 - wrong, True), (11 - wrong, False)):
        images = digits.copy()
        images[order[:count]] = np.roll(images[order[:count]], 6, axis=3)
        assert is_mnist_like(images) is expected


@pytest.mark.parametrize("scale", [1, 255, 1e38])
def test_numbers_of_any_range_have_a_contrast(scale):
    digit, notes = fit_digit(placed_in_larger_image(SEVEN, 200, 300, 5) * np.float32(scale) * 3)
    assert correlation(digit, SEVEN) > 0.95
    assert notes == ("fitted from 300×200 to 28×28, as MNIST was made",)


@given(arrays(np.float32, st.tuples(st.integers(1, 60), st.integers(1, 60)), elements=st.floats(0, 1, width=32)))
def test_a_fitted_digit_is_centered_bright_and_at_most_20_pixels_long(image):
    try:
        digit, _ = fit_digit(image)
    except ArgumentError:
        return
    assert digit.shape == (28, 28)
    assert digit.dtype == np.float32
    assert digit.min() >= 0
    assert digit.max() == pytest.approx(1) or have_mnist_format(image[None, None])[0]


def test_a_fitted_digit_is_not_changed_when_it_is_fitted_again():
    for number, (drawn,) in enumerate(draw_digits([*range(10)] * 3, seed=5)):
        image = placed_in_larger_image(drawn / np.float32(255), 150 + number, 140, 3)
        digit, _ = fit_digit(0.9 - 0.6 * image)
        digit = np.rint(255 * digit).astype(np.float32) / np.float32(255)
        again, notes = fit_digit(digit)
        assert np.array_equal(again, digit)
        assert notes == ()


def test_a_scene_that_fills_the_image_is_a_photograph_and_a_digit_that_touches_the_border_is_not() -> None:
    rows, columns = np.mgrid[:40, :40] / 40
    assert is_photograph(0.5 + 0.3 * np.sin(9 * rows) * np.cos(7 * columns) + 0.2 * rows)
    for digit in draw_digits([*range(10)], seed=3)[:, 0] / np.float32(255):
        assert not is_photograph(digit)
        inked = np.argwhere(digit >= 0.2)
        (top, left), (bottom, right) = inked.min(axis=0), inked.max(axis=0)
        assert not is_photograph(1 - digit[top : bottom + 1, left : right + 1])
