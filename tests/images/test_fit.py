"""Fitting of photographs to the size that a network reads."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError
from cnnfx.images import Image, as_image
from cnnfx.images.fit import Area, crop_middle, squash


def photograph(height: int = 40, width: int = 60) -> Image:
    rng = np.random.default_rng(1)
    return as_image(rng.integers(0, 256, (3, height, width)).astype(np.uint8))


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(17, 23), (90, 70)])
def test_an_image_is_squashed_as_pillow_resizes_it(method, size) -> None:
    image = photograph()
    whole = PIL.Image.fromarray(np.moveaxis(image.values, 0, -1))
    wanted = np.asarray(whole.resize(size[::-1], PIL.Image.Resampling[method.upper()])) / np.float32(255)
    fitted = squash(image, *size, method)
    np.testing.assert_array_equal(fitted.pixels, np.moveaxis(wanted, -1, 0))
    assert fitted.area == (0, 0, 60, 40)


def test_the_middle_is_cropped_after_the_short_side_is_resized() -> None:
    image = photograph(40, 61)
    whole = PIL.Image.fromarray(np.moveaxis(image.values, 0, -1)).resize((49, 32), PIL.Image.Resampling.BILINEAR)
    wanted = np.asarray(whole.crop((12, 4, 36, 28))) / np.float32(255)
    fitted = crop_middle(image, 24, 24, 32)
    np.testing.assert_array_equal(fitted.pixels, np.moveaxis(wanted, -1, 0))
    assert fitted.area == pytest.approx((12 * 61 / 49, 5, 36 * 61 / 49, 35))


def test_without_a_short_side_the_crop_is_as_large_as_possible() -> None:
    fitted = crop_middle(photograph(40, 60), 20, 20)
    assert fitted.pixels.shape == (3, 20, 20)
    assert fitted.area == (10, 0, 50, 40)


@given(*[st.integers(1, 50)] * 4, st.none() | st.integers(1, 60))
def test_a_crop_has_the_size_asked_for_and_lies_in_the_image(rows, columns, height, width, short_side) -> None:
    fitted = crop_middle(photograph(rows, columns), height, width, short_side)
    assert fitted.pixels.shape == (3, height, width)
    left, top, right, bottom = fitted.area
    assert 0 <= left < right <= columns + 1e-9
    assert 0 <= top < bottom <= rows + 1e-9


def test_an_image_of_the_right_size_is_unchanged() -> None:
    image = photograph()
    for fitted in (squash(image, 40, 60), crop_middle(image, 40, 60, 40)):
        np.testing.assert_array_equal(fitted.pixels, image.floats())
        assert fitted.area == Area(0, 0, 60, 40)


def test_pixels_of_16_bits_keep_their_depth() -> None:
    values = np.array([[[0, 257, 65535]]], np.uint16)
    np.testing.assert_allclose(squash(as_image(values), 1, 3).pixels, [[[0, 1 / 255, 1]]], atol=1e-7)


def test_overshooting_values_are_clipped_with_a_note() -> None:
    fitted = squash(as_image(np.array([[[-0.05, 0.5, 1.05]]], np.float32)), 1, 3)
    np.testing.assert_array_equal(fitted.pixels, [[[0, 0.5, 1]]])
    assert fitted.notes == ("its values, -0.05 to 1.05, were clipped to 0 to 1",)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_array_with_values_that_are_not_finite_is_refused(value) -> None:
    with pytest.raises(ArgumentError, match=r"array: it holds NaN or infinity, 1 of its 2 values\."):
        squash(as_image(np.array([[[value, 1]]], np.float32)), 1, 2)


@pytest.mark.parametrize("values", [[0, 255], [-2.1, 2.6]], ids=["0..255", "normalized"])
@pytest.mark.parametrize("fit", [squash, crop_middle])
def test_an_array_with_values_outside_0_to_1_is_refused(values, fit) -> None:
    with pytest.raises(ArgumentError, match=r"array: its values go from .* to .*. A photograph has values from 0"):
        fit(as_image(np.array([[values]], np.float32)), 1, 2)
