"""Tests of decoding pictures: formats, depth, channels, transparency, orientation and damage."""

from __future__ import annotations

import contextlib
import io
import struct
import threading
import warnings
import zlib

import numpy as np
import PIL.Image
import pytest
from PIL import ImageOps, TiffImagePlugin

from cnnfx.errors import ArgumentError, FileError
from cnnfx.images import channels, load_image, pillow

RANDOM = np.random.default_rng(5)
COLORS = RANDOM.integers(0, 256, (9, 13, 3), np.uint8)
DEEP = RANDOM.integers(0, 2**16, (9, 13)).astype(np.uint16)
ORIENTATION = 0x0112


def encoded(picture, kind="PNG", **options):
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def decoded(content, mode):
    """Decode a whole picture with Pillow to (C, H, W)."""
    with PIL.Image.open(io.BytesIO(content)) as picture:
        values = np.asarray(picture.convert(mode))
    return np.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0)


def png(width, height, bits, kind, rows, *chunks):
    """Return a PNG file of the given header, rows and further chunks."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, bits, kind, 0, 0, 0))
    middle = b"".join(chunk(*each) for each in chunks)
    return b"\x89PNG\r\n\x1a\n" + header + middle + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(values, bits, sample_format, order=">"):
    """Return an uncompressed gray TIFF file of any type of numbers."""
    height, width = values.shape
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 4, height), (279, 4, len(data)), (339, 3, sample_format)]
    entries = b"".join(
        struct.pack(order + "HHI", tag, kind, 1) + struct.pack(order + ("I" if kind == 4 else "Hxx"), value)
        for tag, kind, value in tags
    )
    mark = b"MM\0*" if order == ">" else b"II*\0"
    start = struct.pack(order + "I", 8 + len(data))
    return mark + start + data + struct.pack(order + "H", len(tags)) + entries + bytes(4)


@pytest.fixture
def small_bands(monkeypatch):
    """Divide small pictures into several bands."""
    monkeypatch.setattr(pillow, "BAND_PIXELS", 30)
    monkeypatch.setattr(channels, "BAND_PIXELS", 30)


class TestFormats:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "MPO"])
    def test_color_pictures_have_red_green_and_blue_channels(self, kind):
        content = encoded(COLORS, kind)
        image = load_image(content)
        assert image.channel_names == ("red", "green", "blue")
        assert not image.is_array
        assert image.notes == ()
        np.testing.assert_array_equal(image.values, decoded(content, "RGB"))

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "PPM"])
    def test_gray_pictures_have_one_channel(self, kind):
        content = encoded(COLORS[:, :, 0], kind)
        image = load_image(content)
        assert image.channel_names == ("gray",)
        np.testing.assert_array_equal(image.values, decoded(content, "L"))

    @pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
    def test_compressed_tiff_files_are_read(self, compression):
        image = load_image(encoded(COLORS, "TIFF", compression=compression))
        np.testing.assert_array_equal(image.values, np.moveaxis(COLORS, -1, 0))

    @pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
    @pytest.mark.parametrize("channels", ["auto", "gray"])
    def test_other_color_models_are_converted_to_rgb_or_luma(self, mode, channels):
        content = encoded(PIL.Image.fromarray(COLORS).convert(mode), "TIFF")
        rgb = decoded(content, "RGB")
        direct = mode != "LAB"  # Pillow converts Lab only to RGB
        gray = decoded(content if direct else encoded(np.moveaxis(rgb, 0, -1).copy()), "L")
        np.testing.assert_array_equal(
            load_image(content, channels=channels).values, gray if channels == "gray" else rgb
        )

    def test_a_color_palette_gives_rgb(self):
        content = encoded(PIL.Image.fromarray(COLORS).quantize(16))
        np.testing.assert_array_equal(load_image(content).values, decoded(content, "RGB"))

    def test_a_gray_palette_gives_one_channel(self):
        gray = PIL.Image.fromarray(np.array([[0, 1, 2, 3]], np.uint8), "L").convert("P")
        gray.putpalette([value for level in (0, 80, 160, 255) for value in (level,) * 3])
        assert load_image(encoded(gray)).values.tolist() == [[[0, 80, 160, 255]]]

    def test_the_first_frame_of_an_animation_is_read(self):
        frames = [PIL.Image.new("L", (4, 3), level) for level in (10, 200)]
        content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
        assert set(load_image(content).values.ravel()) == {10}

    @pytest.mark.parametrize("kind", ["WEBP", "TIFF", "PNG", "MPO"])
    def test_the_first_of_several_pictures_is_read(self, kind):
        frames = [PIL.Image.new("RGB", (8, 8), color) for color in ("red", "lime")]
        options = {"lossless": True} if kind == "WEBP" else {}
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_allclose(load_image(content).values[:, 4, 4], [255, 0, 0], atol=2)

    @pytest.mark.parametrize("mode", ["L", "RGB"])
    def test_bands_give_the_same_values_as_the_whole_picture(self, mode, small_bands):
        content = encoded(PIL.Image.fromarray(COLORS).convert(mode))
        np.testing.assert_array_equal(load_image(content).values, decoded(content, mode))


class TestDepth:
    def test_one_bit_pixels_are_0_or_255(self):
        assert load_image(png(8, 1, 1, 0, b"\0\x35")).values.ravel().tolist() == [0, 0, 255, 255, 0, 255, 0, 255]

    def test_two_bit_pixels_are_scaled_to_255(self):
        assert load_image(png(4, 1, 2, 0, b"\0\x1b")).values.ravel().tolist() == [0, 85, 170, 255]

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_16_bit_gray_keeps_all_bits(self, kind):
        image = load_image(encoded(DEEP, kind))
        assert image.values.dtype == np.uint16
        np.testing.assert_array_equal(image.values[0], DEEP)

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_16_bit_tiff_files_of_either_byte_order_are_read(self, order):
        np.testing.assert_array_equal(load_image(tiff(DEEP, 16, 1, order)).values[0], DEEP)

    def test_16_bit_pgm_files_are_read(self):
        image = load_image(b"P5\n2 1\n65535\n" + bytes([1, 2, 255, 254]))
        assert image.values.dtype == np.uint16
        assert image.values.ravel().tolist() == [0x0102, 0xFFFE]

    def test_a_10_bit_pgm_is_scaled_to_the_range(self):
        image = load_image(b"P5\n3 1\n1023\n" + struct.pack(">3H", 0, 512, 1023))
        np.testing.assert_allclose(image.floats().ravel(), [0, 512 / 1023, 1], atol=1e-5)

    def test_float_tiff_keeps_its_values(self):
        values = np.float32([[-3.5, 0, 1e6], [np.nan, np.inf, 0.1]])
        image = load_image(tiff(values, 32, 3))
        assert image.values.dtype == np.float32
        np.testing.assert_array_equal(image.values[0], values)
        np.testing.assert_array_equal(image.floats()[0], values)

    @pytest.mark.parametrize(
        ("dtype", "sample_format", "order"),
        [(np.int16, 2, "<"), (np.int16, 2, ">"), (np.uint32, 1, "<"), (np.int32, 2, "<"), (np.int32, 2, ">")],
    )
    def test_other_integers_are_scaled_by_the_largest_of_their_type(self, dtype, sample_format, order):
        largest = np.iinfo(dtype).max
        values = np.array([[0, largest // 2, largest]], dtype)
        image = load_image(tiff(values, values.itemsize * 8, sample_format, order))
        np.testing.assert_allclose(image.floats().ravel(), [0, 0.5, 1], atol=1e-4)

    @pytest.mark.parametrize(
        ("values", "sample_format"),
        [
            (np.float32([[0, 255]]), 3),
            (np.float32([[1300, 1700]]), 3),
            (np.float32([[-0.1, 1]]), 3),
            (np.array([[0, 7]], np.int32), 2),
            (np.array([[-1000, 3000]], np.int16), 2),
        ],
        ids=["0 to 255", "heights", "negative", "32-bit integers", "signed integers"],
    )
    def test_numbers_other_than_brightness_are_drawn_by_their_own_range(self, values, sample_format):
        assert load_image(tiff(values, values.itemsize * 8, sample_format)).is_array

    @pytest.mark.parametrize("values", [[[0, 1]], [[0.2, np.nan]], [[np.nan, np.nan]]])
    def test_floats_from_0_to_1_are_brightness(self, values):
        assert not load_image(tiff(np.float32(values), 32, 3)).is_array

    def test_the_no_data_value_of_a_geotiff_becomes_nan(self):
        heights = np.float32([[250, -9999, 300], [-9999, 200, 100]])
        file, tags = io.BytesIO(), TiffImagePlugin.ImageFileDirectory_v2()
        tags[42113] = "-9999"
        PIL.Image.fromarray(heights).save(file, "TIFF", tiffinfo=tags)
        image = load_image(file.getvalue())
        np.testing.assert_array_equal(image.values[0], [[250, np.nan, 300], [np.nan, 200, 100]])
        assert image.notes == ("standard input: 2 pixels have the no-data value -9999, read as NaN.",)

    def test_8_bit_color_gives_no_note(self):
        assert load_image(b"P6\n1 1\n255\n" + bytes(3)).notes == ()

    def test_16_bits_for_all_channels_together_give_no_note(self):
        header = struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 16, 0, 4, 0, 0, 0, 0)
        image = load_image(b"BM" + struct.pack("<IHHI", 58, 0, 0, 54) + header + b"\xff\x7f\0\0")
        assert image.values.ravel().tolist() == [255, 255, 255]
        assert image.notes == ()

    def test_signed_integers_are_scaled_to_minus_1_to_1(self):
        image = load_image(tiff(np.array([[-32767, 0, 32767]], np.int16), 16, 2))
        assert image.values.ravel().tolist() == [-1, 0, 1]


class TestFloats:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_pixels_are_scaled_to_0_to_1_and_correctly_rounded(self, dtype):
        largest = np.iinfo(dtype).max
        levels = np.arange(largest + 1).astype(dtype)
        image = load_image(encoded(levels.reshape(16, -1)))
        np.testing.assert_array_equal(image.floats().ravel(), (levels / largest).astype(np.float32))

    def test_a_range_of_rows_can_be_converted(self):
        image = load_image(encoded(COLORS))
        assert image.shape == (3, 9, 13)
        np.testing.assert_array_equal(image.floats(2, 5), image.floats()[:, 2:5])
        np.testing.assert_array_equal(image.floats(7), image.floats()[:, 7:])


class TestChannels:
    def test_gray_is_the_luma_of_pillow(self):
        image = load_image(encoded(COLORS), channels="gray")
        np.testing.assert_array_equal(image.values[0], np.asarray(PIL.Image.fromarray(COLORS).convert("L")))
        assert image.channel_names == ("gray",)

    @pytest.mark.parametrize("values", [COLORS[:, :, 0], DEEP], ids=["8 bits", "16 bits"])
    def test_rgb_repeats_a_gray_channel(self, values):
        image = load_image(encoded(values), channels="rgb")
        assert image.channel_names == ("red", "green", "blue")
        np.testing.assert_array_equal(image.values, [values] * 3)


class TestTransparency:
    def test_a_picture_is_composited_over_white_by_default(self):
        transparent = np.dstack([COLORS, np.zeros((9, 13), np.uint8)])
        assert (load_image(encoded(transparent)).values == 255).all()

    def test_a_picture_is_composited_over_the_given_background(self):
        transparent = np.dstack([COLORS, np.zeros((9, 13), np.uint8)])
        image = load_image(encoded(transparent), background="#102030")
        assert [set(plane.ravel()) for plane in image.values] == [{0x10}, {0x20}, {0x30}]

    def test_a_half_transparent_pixel_is_half_background(self):
        pixel = np.uint8([[[0, 0, 255, 128]]])
        assert load_image(encoded(pixel)).values.ravel().tolist() == [127, 127, 255]

    def test_gray_over_a_gray_background_has_one_channel(self):
        image = load_image(encoded(PIL.Image.new("LA", (2, 2), (0, 0))), background="silver")
        assert (image.channel_names, set(image.values.ravel())) == (("gray",), {192})

    def test_gray_over_a_color_has_three_channels(self):
        image = load_image(encoded(PIL.Image.new("LA", (1, 1), (0, 0))), background="red")
        assert image.values.ravel().tolist() == [255, 0, 0]

    def test_a_transparent_palette_entry_is_replaced_by_the_background(self):
        picture = PIL.Image.new("P", (2, 1))
        picture.putpalette([9, 8, 7, 1, 2, 3])
        picture.putpixel((1, 0), 1)
        image = load_image(encoded(picture, transparency=0))
        assert image.values[:, 0].T.tolist() == [[255, 255, 255], [1, 2, 3]]

    def test_a_gray_palette_with_a_transparent_entry_has_one_channel(self):
        picture = PIL.Image.new("P", (2, 1))
        picture.putpalette([9, 9, 9, 200, 200, 200])
        picture.putpixel((1, 0), 1)
        image = load_image(encoded(picture, transparency=0), background="#404040")
        assert image.values.tolist() == [[[0x40, 200]]]

    def test_palette_entries_with_alpha_are_blended(self):
        picture = PIL.Image.new("P", (2, 1))
        picture.putpalette([0, 0, 0, 0, 200, 0])
        picture.putpixel((1, 0), 1)
        image = load_image(encoded(picture, transparency=bytes([51, 255])))
        assert image.values[:, 0].T.tolist() == [[204, 204, 204], [0, 200, 0]]

    def test_premultiplied_alpha_is_blended(self):
        content = encoded(PIL.Image.new("RGBA", (1, 1), (51, 0, 0, 51)), "TIFF")
        plain, premultiplied = (struct.pack("<HHIHH", 338, 3, 1, kind, 0) for kind in (2, 1))
        assert plain in content
        image = load_image(content.replace(plain, premultiplied))
        assert image.values.ravel().tolist() == [255, 204, 204]

    def test_luma_is_computed_after_blending(self):
        transparent = PIL.Image.new("RGBA", (1, 1), (200, 0, 0, 0))
        assert load_image(encoded(transparent), background="#102030", channels="gray").values.tolist() == [[[0x1D]]]

    def test_a_transparent_gray_level_is_replaced_by_the_background(self):
        content = encoded(PIL.Image.new("L", (1, 1), 7), transparency=7)
        assert load_image(content, background="blue").values.ravel().tolist() == [0, 0, 255]

    def test_a_transparent_color_is_replaced_by_the_background(self):
        image = load_image(png(2, 1, 8, 2, b"\0\1\2\3\4\5\6", (b"tRNS", b"\0\1\0\2\0\3")))
        assert image.values[:, 0].T.tolist() == [[255, 255, 255], [4, 5, 6]]

    @pytest.mark.parametrize(("background", "value"), [("white", 65535), ("black", 0), ("#808080", 0x8080)])
    def test_a_transparent_16_bit_level_is_replaced_by_the_background(self, background, value):
        content = png(2, 1, 16, 0, b"\0\x12\x34\x12\x35", (b"tRNS", b"\x12\x34"))
        assert load_image(content, background=background).values.ravel().tolist() == [value, 0x1235]

    def test_a_transparent_16_bit_level_over_a_color_gives_three_channels(self):
        content = png(2, 1, 16, 0, b"\0\x12\x34\x12\x35", (b"tRNS", b"\x12\x34"))
        image = load_image(content, background="red")
        assert image.values[:, 0].T.tolist() == [[65535, 0, 0], [0x1235] * 3]

    @pytest.mark.parametrize("background", ["whit", "#12", "", "1 2 3"])
    def test_a_background_that_is_not_a_color_is_refused(self, background):
        with pytest.raises(ArgumentError) as caught:
            load_image(encoded(COLORS), background=background)
        assert str(caught.value) == (
            f"background {background!r} is not a color. Write a name such as white, or #rrggbb."
        )


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("values", [COLORS, COLORS[:, :, 0], DEEP], ids=["rgb", "gray", "16 bits"])
    def test_a_picture_is_rotated_by_its_exif_orientation(self, orientation, values, small_bands):
        exif = PIL.Image.Exif()
        exif[ORIENTATION] = orientation
        content = encoded(values, exif=exif)
        with PIL.Image.open(io.BytesIO(content)) as picture:
            expected = np.asarray(ImageOps.exif_transpose(picture))
        image = load_image(content)
        np.testing.assert_array_equal(image.values, np.moveaxis(np.atleast_3d(expected), -1, 0))
        assert image.values.flags.c_contiguous

    @pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP"])
    def test_other_formats_are_rotated_once(self, kind):
        exif = PIL.Image.Exif()
        exif[ORIENTATION] = 6
        assert load_image(encoded(COLORS, kind, exif=exif)).shape == (3, 13, 9)

    @pytest.mark.parametrize(
        "entry",
        [struct.pack("<HIHH", 3, 1, 0, 0), struct.pack("<HIHH", 3, 1, 9, 0), b"\2\0\3\0\0\0up\0\0"],
        ids=["0", "9", "text"],
    )
    def test_an_invalid_orientation_is_ignored(self, entry):
        exif = b"Exif\0\0II*\0" + struct.pack("<IHH", 8, 1, ORIENTATION) + entry + struct.pack("<I", 0)
        np.testing.assert_array_equal(load_image(encoded(DEEP, exif=exif)).values, [DEEP])

    @pytest.mark.parametrize("data", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
    def test_damaged_exif_data_are_ignored(self, data):
        assert load_image(encoded(COLORS, "JPEG", exif=data)).shape == (3, 9, 13)


class TestDamage:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM"])
    def test_a_truncated_picture_is_refused(self, kind):
        noise = RANDOM.integers(0, 256, (90, 130, 3), np.uint8)
        content = encoded(noise, kind)
        reason = (
            "damaged, or of a kind that is not supported"
            if kind == "WEBP"
            else r"(truncated|its pixels end)( after \d\d of 90 rows)?"
        )
        with pytest.raises(
            FileError, match=rf"^standard input: cannot decode this .* \({reason}\)\. Get the file again"
        ):
            load_image(content[: len(content) // 2])

    def test_the_message_names_the_file_and_its_format(self, tmp_path):
        path = tmp_path / "cut.png"
        path.write_bytes(encoded(RANDOM.integers(0, 256, (90, 130), np.uint8))[:5000])
        with pytest.raises(FileError) as caught:
            load_image(path)
        assert str(caught.value) == (
            f"{path}: cannot decode this PNG (its pixels end after 37 of 90 rows). Get the file again."
        )

    def test_an_invalid_header_is_refused(self):
        with pytest.raises(FileError) as caught:
            load_image(png(0, 0, 8, 0, b""))
        assert str(caught.value) == (
            "standard input: cannot decode this PNG (its header has the size 0×0). Get the file again."
        )

    def test_content_that_is_not_an_image_is_refused(self):
        with pytest.raises(FileError) as caught:
            load_image(b"<!DOCTYPE html>")
        assert str(caught.value) == (
            "standard input: it is HTML, a web page, which is not read. A download may have failed; get the picture "
            "itself."
        )

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM"])
    def test_a_changed_byte_raises_no_other_error(self, kind):
        exif = PIL.Image.Exif()
        exif[ORIENTATION] = 6
        content = encoded(COLORS, kind, **({} if kind in ("BMP", "GIF", "PPM") else {"exif": exif}))
        for _ in range(150):
            damaged = bytearray(content)
            damaged[RANDOM.integers(len(content))] = RANDOM.integers(256)
            with contextlib.suppress(FileError):
                load_image(bytes(damaged), max_pixels=10**6)


class TestPixelLimit:
    def test_the_limit_is_checked_before_decoding(self):
        content = png(100_000, 50_000, 8, 0, b"")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(FileError) as caught:
                load_image(content)
        assert str(caught.value) == ("standard input: it has 100000×50000 = 5000000000 pixels, the limit is 200000000.")

    def test_a_picture_at_the_limit_is_read(self):
        assert load_image(encoded(COLORS), max_pixels=9 * 13).shape == (3, 9, 13)
        with pytest.raises(FileError):
            load_image(encoded(COLORS), max_pixels=9 * 13 - 1)

    def test_the_limit_of_pillow_is_ignored_and_restored(self, monkeypatch):
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
        assert load_image(encoded(COLORS)).shape == (3, 9, 13)
        with pytest.raises(FileError):
            load_image(encoded(COLORS)[:60])
        assert PIL.Image.MAX_IMAGE_PIXELS == 10

    def test_threads_restore_the_limit_and_the_warnings_of_pillow(self, monkeypatch):
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
        content, shapes = encoded(COLORS), []
        threads = [
            threading.Thread(target=lambda: shapes.extend(load_image(content).shape for _ in range(20)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert shapes == [(3, 9, 13)] * 160
        assert PIL.Image.MAX_IMAGE_PIXELS == 10
        with pytest.raises(UserWarning, match="still an error"):
            warnings.warn("still an error", stacklevel=1)
