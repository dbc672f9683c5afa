"""Tests of transparency: the background that is chosen by the pixels, and compositing at every depth."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from cnnfx.images import load_image
from cnnfx.images.channels import luma, select_channels
from tests.images.files import encoded, png, unfiltered

NOTE = "standard input: its pixels are almost white, so its transparent parts are read as black, not as white."
CLEAR = (0, 0, 0, 0)


def stroke(color: str | tuple[int, ...], clear: tuple[int, int, int, int] = CLEAR) -> PIL.Image.Image:
    """Return a thick line of a color on transparent ground."""
    picture = PIL.Image.new("RGBA", (40, 40), clear)
    PIL.ImageDraw.Draw(picture).line([(8, 8), (30, 30)], color, 6)
    return picture


@pytest.mark.parametrize("color", ["white", "#f4f4f4", (255, 255, 255, 120)])
@pytest.mark.parametrize("clear", [CLEAR, (255, 255, 255, 0)])
def test_white_pixels_are_read_on_black(color: str, clear: tuple[int, int, int, int]) -> None:
    image = load_image(encoded(stroke(color, clear)))
    assert image.notes == (NOTE,)
    assert (image.values[:, 0, 0] == 0).all()
    assert image.values[:, 20, 20].min() > 100


@pytest.mark.parametrize("color", ["black", "#808080", "red", "yellow", "#d0d0d0", (0, 0, 0, 120)])
def test_other_pixels_are_read_on_white(color: str) -> None:
    image = load_image(encoded(stroke(color)))
    assert image.notes == ()
    assert (image.values[:, 0, 0] == 255).all()


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("AVIF", {})])
def test_white_pixels_are_read_on_black_in_every_format(kind: str, options: dict[str, bool]) -> None:
    image = load_image(encoded(stroke("white"), kind, **options))
    assert image.notes == (NOTE,)
    assert image.values[0, 0, 0] == 0


def test_white_pixels_of_a_palette_are_read_on_black() -> None:
    picture = PIL.Image.new("P", (4, 4))
    picture.putpalette([9, 9, 9, 255, 255, 255])
    picture.putpixel((1, 1), 1)
    for kind in ("PNG", "GIF"):
        image = load_image(encoded(picture, kind, transparency=0))
        assert image.notes == (NOTE,)
        assert (image.values[0, 0, 0], image.values[0, 1, 1]) == (0, 255)


def test_white_16_bit_pixels_are_read_on_black() -> None:
    pixels = np.array([[[65535, 65535], [7, 0]]], np.uint16)
    image = load_image(png(2, 1, 16, 4, unfiltered(pixels)))
    assert image.values.tolist() == [[[65535, 0]]]
    assert image.notes == (NOTE,)


def test_a_dark_mark_on_a_white_sheet_with_a_transparent_margin_stays_on_white() -> None:
    picture = PIL.Image.new("RGBA", (50, 50), CLEAR)
    draw = PIL.ImageDraw.Draw(picture)
    draw.rectangle((5, 5, 45, 45), "white")
    draw.line((20, 10, 20, 40), "black", 3)
    image = load_image(encoded(picture))
    assert image.notes == ()
    assert image.values[0, 0, 0] == 255


@pytest.mark.parametrize("alpha", [0, 255])
def test_pictures_that_are_wholly_transparent_or_opaque_give_no_note(alpha: int) -> None:
    image = load_image(encoded(PIL.Image.new("RGBA", (4, 4), (255, 255, 255, alpha))))
    assert image.notes == ()
    assert (image.values == 255).all()


def test_a_given_background_is_not_replaced() -> None:
    image = load_image(encoded(stroke("white")), background="white")
    assert image.notes == ()
    assert (image.values == 255).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("count", [1, 3])
def test_compositing_rounds_the_blend_of_pixel_and_background(dtype: type, count: int) -> None:
    random = np.random.default_rng(4)
    largest = 1 if dtype is np.float32 else np.iinfo(dtype).max
    values = (random.random((count, 9, 11)) * largest).astype(dtype)
    alpha = (random.random((9, 11)) * largest).astype(dtype)
    share = alpha / largest
    expected = values * share + 51 / 255 * largest * (1 - share)
    found = select_channels("a", values.copy(), alpha, "auto", (51, 51, 51))
    tolerance = 1e-6 if dtype is np.float32 else 0.51
    np.testing.assert_allclose(found.values, expected, atol=tolerance)
    assert found.values.dtype == dtype


def test_luma_of_8_bits_is_that_of_pillow() -> None:
    colors = np.random.default_rng(5).integers(0, 256, (30, 40, 3), np.uint8)
    np.testing.assert_array_equal(
        luma(np.moveaxis(colors, -1, 0))[0], np.asarray(PIL.Image.fromarray(colors).convert("L"))
    )


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_luma_of_white_is_white(dtype: type) -> None:
    white = 1 if dtype is np.float32 else 2**16 - 1
    assert luma(np.full((3, 2, 2), white, dtype)) == pytest.approx(white)
