"""Tests of cropping and resizing images."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.images import Image
from cnnfx.images.image import crop, shrink_to_pixels, shrink_to_side

WIDE = Image("wide.png", np.arange(48, dtype=np.uint8).reshape(1, 6, 8), ("gray",))


def test_a_crop_starts_at_its_top_left_pixel():
    np.testing.assert_array_equal(crop(WIDE, 2, 1, 3, 2).values, [[[10, 11, 12], [18, 19, 20]]])


@pytest.mark.parametrize("region", [(6, 0, 3, 1), (0, 5, 1, 2), (9, 9, 1, 1)])
def test_a_region_outside_the_image_is_refused(region):
    with pytest.raises(ArgumentError) as caught:
        crop(WIDE, *region)
    text = ",".join(map(str, region))
    assert str(caught.value) == (f"wide.png: the region {text} reaches outside the image, which has 8×6 pixels.")


def test_an_image_is_shrunk_by_box_averages():
    small = shrink_to_side(WIDE, 4)
    assert small.shape == (1, 3, 4)
    means = WIDE.floats().reshape(1, 3, 2, 4, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(small.floats(), means, rtol=1e-6)


def test_a_small_image_is_returned_unchanged():
    assert shrink_to_side(WIDE, 8) is WIDE


def test_a_side_has_at_least_one_pixel():
    narrow = Image("narrow", np.ones((1, 2, 500), np.float32), ("gray",))
    assert shrink_to_side(narrow, 20).shape == (1, 1, 20)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_an_image_is_shrunk_to_a_number_of_pixels_in_its_own_dtype(kind):
    ramp = np.linspace(0, 1 if kind == "float32" else np.iinfo(kind).max, 300)
    stored = (ramp if kind == "float32" else np.rint(ramp)).astype(kind)
    image = Image("a", np.broadcast_to(stored, (2, 200, 300)), ("x", "y"))
    small = shrink_to_pixels(image, 6000)
    assert small.values.dtype == kind
    assert small.shape == (2, 63, 94)
    assert small.notes == ("a: reduced from 300×200 to 94×63 for the page.",)
    wanted = (np.arange(94) + 0.5) / 94
    np.testing.assert_allclose(small.floats()[1, 30, 2:-2], wanted[2:-2], atol=0.005)


def test_an_image_with_few_enough_pixels_is_returned_unchanged():
    image = Image("a", np.zeros((1, 20, 30), np.uint8), ("x",))
    assert shrink_to_pixels(image, 600) is image


@pytest.mark.parametrize("shape", [(1, 1, 100_000), (1, 100_000, 1), (1, 3, 50_000)])
def test_a_narrow_image_is_shrunk_to_at_least_one_row_and_column(shape):
    small = shrink_to_pixels(Image("a", np.zeros(shape, np.uint8), ("x",)), 1000)
    assert small.shape[1] * small.shape[2] <= 1000
    assert min(small.shape) >= 1


def test_an_image_is_shown_in_a_line_without_its_values() -> None:
    color = Image("photo.jpg", np.zeros((3, 480, 640), np.uint8), ("red", "green", "blue"))
    assert repr(color) == "<Image 'photo.jpg': 640×480, red, green, blue, uint8>"
    many = Image("maps.npy", np.zeros((24, 5, 6), np.float32), tuple(map(str, range(24))))
    assert repr(many) == "<Image 'maps.npy': 6×5, 24 channels, float32>"


@pytest.mark.parametrize(("dtype", "maximum"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, None)])
def test_pixels_keep_their_numbers_and_know_the_value_of_white(dtype: type, maximum: int | None) -> None:
    values = np.arange(12).reshape(1, 4, 3).astype(dtype)
    image = Image("image", values, ("gray",))
    assert image.maximum == maximum
    assert image.pixels(1, 3).dtype == np.float32
    np.testing.assert_array_equal(image.pixels(1, 3), values[:, 1:3])


@pytest.mark.parametrize(("name", "file_name"), [("photos/a.png", "a.png"), ("a.png", "a.png"), ("/", "/"), ("", "")])
def test_the_file_name_is_the_name_without_folders(name, file_name) -> None:
    assert Image(name, np.zeros((1, 1, 1), np.uint8), ("gray",)).file_name == file_name
