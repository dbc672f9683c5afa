"""Tests of TIFF files: all kinds of samples, byte orders, compression and layouts against NumPy and tifffile."""

from __future__ import annotations

import io
from itertools import product

import numpy as np
import PIL.Image
import pytest
import tifffile

from cnnfx.errors import FileError
from cnnfx.images import load_image
from tests.images.tiff_files import DEFLATE, LZMA, LZW, NONE, OLD_DEFLATE, PACKBITS, ZSTD, page, tiff, tiff_pages

RANDOM = np.random.default_rng(11)
KINDS = [
    *(("u", bits) for bits in (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 24, 32, 64)),
    *(("i", bits) for bits in (2, 8, 12, 16, 24, 32, 64)),
    *(("f", bits) for bits in (16, 32, 64)),
]
"""The kinds of samples: unsigned, signed and float, each with its bits."""
COMPRESSIONS = [NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD]
ADVICE = "Save it as TIFF of integers or floats without compression, or as PNG or .npy."


def random_samples(kind, bits, shape):
    """Return random samples of the smallest dtype that holds them, with the smallest and the largest value."""
    if kind == "f":
        return RANDOM.random(shape).astype(f"f{bits // 8}")
    size = 1 if bits <= 8 else 2 if bits <= 16 else 4 if bits <= 32 else 8
    low, high = (0, 2**bits - 1) if kind == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    samples = RANDOM.integers(low, high, shape, f"{kind}{size}", endpoint=True)
    samples.ravel()[:2] = low, high
    return samples


def scaled(samples, kind, bits):
    """Return the values (C, H, W) of samples (H, W, C) that are read."""
    samples = np.moveaxis(samples.reshape(*samples.shape[:2], -1), 2, 0)
    if kind == "u" and bits in (1, 2, 4, 8):
        return (samples.astype(int) * 255 // (2**bits - 1)).astype(np.uint8)
    if kind == "u" and bits == 16:
        return samples
    largest = 1 if kind == "f" else 2 ** (bits - (kind == "i")) - 1
    return (samples / float(largest)).astype(np.float32)


def assert_read(content, values, **options):
    image = load_image(content, **options)
    assert image.values.dtype == values.dtype
    assert image.values.flags.c_contiguous
    assert image.notes == ()
    np.testing.assert_array_equal(image.values, values)


def written_by_tifffile(samples, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, samples, metadata=None, **options)
    return file.getvalue()


class TestMatrix:
    @pytest.mark.parametrize("compression", COMPRESSIONS)
    @pytest.mark.parametrize(("kind", "bits"), KINDS)
    def test_all_kinds_of_samples_are_read_exactly(self, kind, bits, compression):
        layouts = [{}, {"rows": 5}, {"tile": (16, 16)}]
        predictors = [1]
        if compression != NONE and bits in (8, 16, 32, 64):
            predictors += [2, 3] if kind == "f" else [2]
        everything = list(product("<>", (1, 2), layouts, predictors))
        # Each test takes every third of them, another third for the next kind and compression.
        for order, planar, layout, predictor in everything[(bits + COMPRESSIONS.index(compression)) % 3 :: 3]:
            samples = random_samples(kind, bits, (13, 19, 3))
            content = tiff(
                samples, bits=bits, photometric=2, order=order, compression=compression, predictor=predictor,
                planar=planar, big=planar == 2, **layout,
            )  # fmt: skip
            assert_read(content, scaled(samples, kind, bits))

    @pytest.mark.parametrize(("kind", "bits"), KINDS)
    def test_gray_and_its_inverse_are_read_exactly(self, kind, bits):
        for order, rows, fill_order in product("<>", (None, 4), (1, 2)):
            samples = random_samples(kind, bits, (9, 21))
            values = scaled(samples, kind, bits)
            options = {"bits": bits, "order": order, "rows": rows, "fill_order": fill_order}
            assert_read(tiff(samples, **options), values)
            white = 1 if values.dtype == np.float32 else np.iinfo(values.dtype).max
            inverse = (white - values).astype(values.dtype)
            assert_read(tiff(samples, photometric=0, **options), inverse)

    @pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"])
    def test_files_of_tifffile_are_read_exactly(self, dtype):
        kind, bits = dtype[0], 8 * int(dtype[1])
        everything = list(
            product("<>", (False, True), (None, (16, 32)), ("contig", "separate"), (None, "zlib", "lzma"))
        )
        for order, big, tile, planar, compression in everything[bits // 8 % 5 :: 5]:
            for shape, photometric in (((20, 37), "minisblack"), ((20, 37, 3), "rgb")):
                samples = random_samples(kind, bits, shape)
                planes = np.moveaxis(samples, -1, 0) if photometric == "rgb" and planar == "separate" else samples
                options = {"planarconfig": planar} if photometric == "rgb" else {}
                predictor = 2 if compression and kind != "f" and bits <= 32 else None
                content = written_by_tifffile(
                    planes, byteorder=order, bigtiff=big, tile=tile, photometric=photometric, compression=compression,
                    predictor=predictor, rowsperstrip=None if tile else 7, **options,
                )  # fmt: skip
                assert_read(content, scaled(samples, kind, bits))

    @pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f2", "f4", "f8", "i2"])
    def test_tifffile_reads_the_same_samples(self, dtype):
        """The files of these tests are valid: another reader agrees."""
        everything = list(product("<>", (1, 2), (False, True), (None, (16, 16)), (NONE, DEFLATE)))
        for order, planar, big, tile, compression in everything[::5]:
            samples = random_samples(dtype[0], 8 * int(dtype[1]), (13, 19, 3))
            content = tiff(
                samples, photometric=2, order=order, planar=planar, big=big, tile=tile, compression=compression
            )
            read = tifffile.imread(io.BytesIO(content))
            np.testing.assert_array_equal(np.moveaxis(read, 0, 2) if planar == 2 else read, samples)


class TestValues:
    def test_twelve_bits_are_scaled_by_their_largest_value(self):
        image = load_image(tiff(np.uint16([[0, 1, 4095]]), bits=12))
        np.testing.assert_array_equal(image.values, np.float32([[[0, 1 / 4095, 1]]]))
        assert not image.is_array

    def test_sixteen_bit_colors_keep_all_bits_without_a_note(self):
        samples = np.uint16([[[1, 256, 65535]]])
        assert_read(tiff(samples, photometric=2), samples.reshape(3, 1, 1))

    @pytest.mark.parametrize("dtype", ["u4", "u8", "i1", "i2", "i4", "i8"])
    def test_large_and_signed_integers_are_numbers(self, dtype):
        assert load_image(tiff(np.zeros((2, 2), dtype))).is_array

    def test_floats_of_color_outside_0_to_1_are_numbers(self):
        assert load_image(tiff(np.float32([[[0, 0.5, 1.5]]]), photometric=2)).is_array
        assert not load_image(tiff(np.float32([[[0, 0.5, 1]]]), photometric=2)).is_array

    def test_doubles_beyond_float32_are_refused(self):
        with pytest.raises(FileError) as caught:
            load_image(tiff(np.array([[1e39]])))
        assert str(caught.value) == (
            "standard input: it holds numbers beyond ±3.4e38, the most for 32 bits. Scale them down."
        )

    def test_infinity_and_nan_stay(self):
        samples = np.array([[np.inf, -np.inf, np.nan, 2]])
        assert_read(tiff(samples), samples.astype(np.float32)[None])

    def test_measurements_with_white_as_zero_are_not_inverted(self):
        image = load_image(tiff(np.float32([[0, 1500]]), photometric=0))
        assert image.values.ravel().tolist() == [0, 1500]
        assert image.notes == (
            "standard input: its white is 0, but its floats are not all in 0 to 1, so they are not inverted.",
        )

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
    def test_gray_is_the_luma_of_colors(self, dtype):
        colors = random_samples(np.dtype(dtype).kind, 8 * np.dtype(dtype).itemsize, (7, 9, 3))
        weights = np.array([19595, 38470, 7471]) / 65536
        luma = (colors.astype(float) @ weights)[None]
        image = load_image(tiff(colors, photometric=2), channels="gray")
        assert image.channel_names == ("gray",)
        if dtype is np.float32:
            np.testing.assert_allclose(image.values, luma, rtol=1e-6)
        else:
            np.testing.assert_array_equal(image.values, np.floor(luma + 0.5).astype(dtype))

    def test_rgb_repeats_a_gray_channel(self):
        samples = random_samples("f", 64, (3, 4))
        assert_read(tiff(samples), np.stack([samples.astype(np.float32)] * 3), channels="rgb")

    def test_a_predictor_without_compression_has_no_effect(self):
        samples = random_samples("u", 8, (5, 6))
        assert_read(tiff(samples, tags={317: ("H", [2])}), samples[None])

    def test_missing_tags_have_the_defaults_of_the_standard(self):
        """One bit, one sample, no compression, one strip; and no photometric: gray, black is 0."""
        bits = random_samples("u", 1, (5, 16))
        defaults = (258, 259, 262, 266, 277, 278, 279, 284, 317, 339)
        assert_read(tiff(bits, bits=1, tags=dict.fromkeys(defaults)), bits[None] * np.uint8(255))

    def test_samples_with_one_value_of_bits_for_all_are_read(self):
        samples = random_samples("u", 16, (5, 6, 3))
        assert_read(tiff(samples, photometric=2, tags={258: ("H", [16]), 339: None}), scaled(samples, "u", 16))

    def test_byte_counts_that_are_too_large_have_no_effect(self):
        samples = random_samples("u", 8, (5, 60))
        for compression in (NONE, DEFLATE, LZW):
            assert_read(tiff(samples, compression=compression, tags={279: ("I", [400])}) + bytes(400), samples[None])

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("layout", [{"rows": 2}, {"tile": (16, 16)}])
    def test_pixels_are_rotated_by_the_orientation(self, orientation, layout):
        samples = random_samples("u", 16, (5, 7, 3))
        image = PIL.Image.fromarray(np.arange(35, dtype=np.uint8).reshape(5, 7))
        image.getexif()[0x0112] = orientation
        order = np.asarray(PIL.ImageOps.exif_transpose(image))
        expected = np.moveaxis(samples.reshape(35, 3)[order], 2, 0)
        assert_read(tiff(samples, photometric=2, tags={274: ("H", [orientation])}, **layout), expected)

    def test_a_picture_of_many_bands_is_read_whole(self):
        samples = random_samples("u", 8, (700, 500))
        for options in ({}, {"rows": 3}, {"compression": LZW, "rows": 3}, {"compression": DEFLATE}, {"tile": (64, 48)}):
            assert_read(tiff(samples, **options), samples[None])


class TestAlpha:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("count", [2, 4])
    @pytest.mark.parametrize("planar", [1, 2])
    def test_opacity_composites_over_the_background(self, dtype, count, planar):
        largest = np.iinfo(dtype).max
        samples = random_samples("u", 8 * np.dtype(dtype).itemsize, (6, 5, count))
        colors, alpha = samples[..., :-1].astype(float), samples[..., -1:] / largest
        level = largest * 0x40 / 255
        expected = np.moveaxis(np.floor(colors * alpha + level * (1 - alpha) + 0.5), 2, 0)
        content = tiff(samples, photometric=2 if count == 4 else 1, extra=(2,), planar=planar)
        assert_read(content, expected.astype(dtype), background="#404040")

    def test_opacity_of_floats_composites_over_the_background(self):
        samples = np.float32([[[0.25, 0.5], [1, 0]]])
        image = load_image(tiff(samples, extra=(2,)), background="black")
        np.testing.assert_allclose(image.values.ravel(), [0.125, 0], atol=1e-7)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_colors_that_are_multiplied_by_the_opacity_are_composited(self, dtype):
        largest = np.iinfo(dtype).max
        alpha = random_samples("u", 8 * np.dtype(dtype).itemsize, (16, 16, 1))
        colors = (RANDOM.random((16, 16, 3)) * alpha).astype(dtype)
        expected = np.moveaxis(colors + float(largest) - alpha, 2, 0)
        image = load_image(tiff(np.concatenate([colors, alpha], 2), photometric=2, extra=(1,)), background="white")
        assert image.values.dtype == dtype
        assert np.abs(image.values - expected).max() <= 1  # divided and multiplied again

    def test_transparent_colors_that_are_multiplied_by_floats_are_the_background(self):
        image = load_image(tiff(np.float32([[[0, 0], [0.25, 0.5]]]), extra=(1,)), background="white")
        np.testing.assert_allclose(image.values.ravel(), [1, 0.75])

    def test_inverted_gray_is_composited_after_it_is_inverted(self):
        samples = np.uint8([[[255, 255], [255, 0], [0, 255]]])
        image = load_image(tiff(samples, photometric=0, extra=(2,)), background="gray")
        assert image.values.ravel().tolist() == [0, 128, 255]

    def test_a_fourth_sample_without_a_meaning_is_opacity(self):
        """OpenCV writes such files."""
        assert load_image(tiff(np.uint8([[[9, 9, 9, 0]]]), photometric=2), background="white").values.max() == 255

    @pytest.mark.parametrize(
        ("photometric", "count", "extra", "note"),
        [
            (1, 2, (0,), "1 more channel is"),
            (1, 5, (), "4 more channels are"),
            (2, 4, (0,), "1 more channel is"),
            (2, 6, (0, 2, 0), "2 more channels are"),
        ],
    )
    def test_channels_of_unspecified_meaning_are_left_out_with_a_note(self, photometric, count, extra, note):
        samples = random_samples("u", 8, (4, 5, count))
        samples[..., 4:] = 255  # opaque
        for planar in (1, 2):
            image = load_image(tiff(samples, photometric=photometric, extra=extra, planar=planar))
            np.testing.assert_array_equal(image.values, scaled(samples, "u", 8)[: 3 if photometric == 2 else 1])
            assert image.notes == (f"standard input: {note} of no specified color, and not read.",)


class TestColorModels:
    @pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
    @pytest.mark.parametrize("compression", [NONE, DEFLATE])
    def test_a_palette_gives_its_colors(self, bits, compression):
        table = RANDOM.integers(0, 2**16, (3, 2**bits), np.uint16)
        indices = random_samples("u", bits, (9, 14))
        content = tiff(indices, bits=bits, photometric=3, compression=compression, tags={320: ("H", table.ravel())})
        assert_read(content, table[:, indices])

    @pytest.mark.parametrize("factor", [1, 256, 257])
    def test_a_palette_of_8_bits_gives_8_bits(self, factor):
        table = RANDOM.integers(0, 256, (3, 256)).astype(np.uint16)
        indices = random_samples("u", 8, (9, 14))
        content = tiff(indices, photometric=3, tags={320: ("H", (table * factor).ravel())})
        assert_read(content, table[:, indices].astype(np.uint8))

    def test_a_palette_of_gray_gives_one_channel(self):
        table = np.tile(np.arange(0, 256)[::-1] * 257, 3)
        indices = random_samples("u", 8, (9, 14))
        assert_read(tiff(indices, photometric=3, tags={320: ("H", table)}), 255 - indices[None])

    def test_a_palette_gives_its_luma(self):
        table = RANDOM.integers(0, 256, (3, 256)).astype(np.uint16)
        indices = random_samples("u", 8, (9, 14))
        content = tiff(indices, photometric=3, tags={320: ("H", (table * 257).ravel())})
        colors = load_image(content).values.transpose(1, 2, 0)
        luma = np.asarray(PIL.Image.fromarray(np.ascontiguousarray(colors)).convert("L"))
        np.testing.assert_array_equal(load_image(content, channels="gray").values[0], luma)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
    def test_inks_become_red_green_and_blue(self, dtype):
        inks = random_samples(np.dtype(dtype).kind, 8 * np.dtype(dtype).itemsize, (6, 7, 4))
        largest = 1 if dtype is np.float32 else np.iinfo(dtype).max
        light = largest - inks[..., 3:].astype(float)
        covered = inks[..., :3] * light / largest
        expected = np.moveaxis(light - (covered if dtype is np.float32 else np.floor(covered + 0.5)), 2, 0)
        image = load_image(tiff(inks, photometric=5))
        if dtype is np.float32:
            np.testing.assert_allclose(image.values, expected, atol=1e-6)
        else:
            np.testing.assert_array_equal(image.values, expected.astype(dtype))

    @pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
    @pytest.mark.parametrize("mode", ["CMYK", "RGBA", "LA", "P", "1", "YCbCr", "LAB"])
    def test_files_of_pillow_are_read_as_pillow_reads_them(self, mode, compression):
        colors = RANDOM.integers(0, 256, (20, 30, 4 if mode in ("RGBA", "CMYK") else 3), np.uint8)
        picture = PIL.Image.fromarray(colors, mode if colors.shape[2] == 4 else None).convert(mode)
        file = io.BytesIO()
        picture.save(file, "TIFF", compression=compression)
        if mode in ("RGBA", "LA"):
            base = PIL.Image.new("RGBA", picture.size, (255, 255, 255, 255))
            picture = PIL.Image.alpha_composite(base, picture.convert("RGBA"))
        expected = np.moveaxis(np.asarray(picture.convert("RGB")).astype(int), 2, 0)
        read = load_image(file.getvalue(), channels="rgb", background="white").values
        assert np.abs(read - expected).max() <= (1 if mode in ("RGBA", "LA", "YCbCr") else 0)  # rounded otherwise

    @pytest.mark.parametrize(
        ("mode", "compression"), [("RGB", "jpeg"), ("L", "jpeg"), ("1", "group3"), ("1", "group4")]
    )
    def test_jpeg_and_fax_in_tiff_are_read_by_pillow(self, mode, compression):
        y, x = np.mgrid[:40, :60]
        smooth = np.stack([x * 4, y * 6, x + y], -1).astype(np.uint8)
        picture = PIL.Image.fromarray(smooth).convert(mode)
        file = io.BytesIO()
        picture.save(file, "TIFF", compression=compression)
        read = load_image(file.getvalue(), channels="rgb").values
        expected = np.moveaxis(np.asarray(picture.convert("RGB")).astype(int), 2, 0)
        assert np.abs(read - expected).max() <= (0 if mode == "1" else 25)


class TestNoData:
    def tags(self, text):
        return {42113: ("s", text.encode() + b"\0")}

    def test_the_no_data_value_of_integers_becomes_nan(self):
        image = load_image(tiff(np.int16([[250, -9999, 300]]), tags=self.tags("-9999")))
        np.testing.assert_array_equal(image.values, np.float32([[[250 / 32767, np.nan, 300 / 32767]]]))
        assert image.notes == ("standard input: 1 pixel has the no-data value -9999, read as NaN.",)

    def test_the_no_data_value_of_8_bits_becomes_nan(self):
        image = load_image(tiff(np.uint8([[255, 0, 0, 51]]), tags=self.tags("0")))
        np.testing.assert_array_equal(image.values, np.float32([[[1, np.nan, np.nan, 0.2]]]))
        assert not image.is_array
        assert image.notes == ("standard input: 2 pixels have the no-data value 0, read as NaN.",)

    def test_a_color_has_no_data_if_all_its_channels_have_the_value(self):
        image = load_image(tiff(np.uint8([[[0, 0, 0], [0, 255, 0]]]), photometric=2, tags=self.tags("0")))
        np.testing.assert_array_equal(image.values[:, 0].T, [[np.nan] * 3, [0, 1, 0]])

    def test_each_float_with_the_no_data_value_becomes_nan(self):
        image = load_image(tiff(np.float32([[[-1, 0.5, 1], [0, 0, 0]]]), photometric=2, tags=self.tags("-1")))
        np.testing.assert_array_equal(image.values[:, 0].T, [[np.nan, 0.5, 1], [0, 0, 0]])
        assert image.notes == ("standard input: 1 pixel has the no-data value -1, read as NaN.",)

    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_the_largest_negative_float_may_mark_missing_data(self, dtype):
        lowest = np.finfo(dtype).min
        image = load_image(tiff(np.array([[lowest, 2]], dtype), tags=self.tags(repr(float(lowest)))))
        np.testing.assert_array_equal(image.values, [[[np.nan, 2]]])

    @pytest.mark.parametrize("text", ["-9999", "nan", "0.5", "1e400", "none", "300"])
    def test_a_no_data_value_that_no_pixel_can_have_changes_nothing(self, text):
        samples = random_samples("u", 8, (5, 6))
        assert_read(tiff(samples, tags=self.tags(text)), samples[None])

    def test_missing_data_are_found_where_white_is_zero(self):
        image = load_image(tiff(np.uint8([[0, 255]]), photometric=0, tags=self.tags("0")))
        np.testing.assert_array_equal(image.values, [[[np.nan, 0]]])

    def test_tiles_that_are_left_out_have_the_no_data_value(self):
        entries, strips = page(random_samples("u", 8, (16, 32)), tile=(16, 16))
        entries[324], entries[325] = ("I", [0, 8]), ("I", [0, 256])
        image = load_image(tiff_pages([(entries | self.tags("7"), strips[1:])]))
        assert np.isnan(image.values[0, :, :16]).all()
        assert not np.isnan(image.values[0, :, 16:]).all()

    @pytest.mark.parametrize("compression", [NONE, DEFLATE, PACKBITS])
    def test_strips_that_are_left_out_are_zero(self, compression):
        samples = random_samples("u", 8, (6, 9))
        entries, strips = page(samples, rows=2, compression=compression)
        offsets, counts = [8, 0, 0], [len(strips[0]), 0, 0]
        offsets[2], counts[2] = 8 + len(strips[0]) + len(strips[0]) % 2, len(strips[2])
        entries[273], entries[279] = ("I", offsets), ("I", counts)
        samples[2:4] = 0
        assert_read(tiff_pages([(entries, [strips[0], strips[2]])]), samples[None])


class TestPages:
    def pages(self, *kinds):
        """Return a file with a page of one gray level 10, 20, … for each value of the tag NewSubfileType."""
        return tiff_pages([
            page(np.full((2, 3), 10 * number, np.uint8), tags={254: ("I", [kind])})
            for number, kind in enumerate(kinds, 1)
        ])  # fmt: skip

    def test_pages_are_counted_and_chosen(self):
        for number in (1, 2, 3):
            image = load_image(self.pages(0, 0, 0), page=number)
            assert (image.page, image.pages) == (number, 3)
            assert set(image.values.ravel()) == {10 * number}

    def test_reduced_copies_and_masks_are_no_pages(self):
        content = self.pages(0, 1, 4, 2, 5)
        assert load_image(content).pages == 2
        assert set(load_image(content, page=2).values.ravel()) == {40}

    @pytest.mark.parametrize("order", "<>")
    @pytest.mark.parametrize(("kind", "pages"), [(1, 2), (2, 1), (3, 2)], ids=["whole", "reduced", "of several pages"])
    def test_old_files_say_with_another_tag_that_a_page_is_a_reduced_copy(self, kind, pages, order):
        parts = [page(np.zeros((2, 3), np.uint8), order=order, tags={255: ("H", [each])}) for each in (1, kind)]
        assert load_image(tiff_pages(parts, order)).pages == pages

    def test_a_page_that_does_not_exist_is_refused(self):
        with pytest.raises(FileError, match=r"^standard input: it holds 3 pages, so there is no page 4\."):
            load_image(self.pages(0, 0, 0), page=4)

    def test_a_file_of_reduced_copies_only_is_read_with_a_note(self):
        image = load_image(self.pages(1))
        assert set(image.values.ravel()) == {10}
        assert image.notes == ("standard input: it holds only reduced copies or masks of a picture that is not in it.",)

    def test_pages_that_pillow_decodes_are_chosen_by_the_same_number(self):
        file = io.BytesIO()
        frames = [PIL.Image.new("L", (16, 16), level) for level in (10, 100, 200)]
        frames[0].save(file, "TIFF", compression="jpeg", save_all=True, append_images=frames[1:])
        image = load_image(file.getvalue(), page=2)
        assert (image.page, image.pages) == (2, 3)
        assert abs(int(image.values[0, 8, 8]) - 100) <= 1

    def test_a_list_of_pages_that_loops_ends_with_a_note(self):
        content = bytearray(self.pages(0, 0))
        first = int.from_bytes(content[4:8], "little")
        content[-4:] = first.to_bytes(4, "little")
        image = load_image(bytes(content), page=1)
        assert image.pages == 2
        assert image.notes == ("standard input: its list of pages is damaged after page 2.",)


class TestRefusal:
    @pytest.mark.parametrize(
        ("samples", "options", "kind"),
        [
            (np.zeros((2, 2), "u8"), {"tags": {339: ("H", [6])}}, "64-bit complex TIFF"),
            (np.zeros((2, 2), "u4"), {"tags": {339: ("H", [5])}}, "32-bit complex integer TIFF"),
            (np.zeros((2, 2), "u4"), {"bits": 24, "tags": {339: ("H", [3])}}, "24-bit float TIFF"),
            (np.zeros((2, 2), "u1"), {"tags": {259: ("H", [34887])}}, "TIFF compressed with LERC"),
            (np.zeros((2, 2), "u1"), {"tags": {259: ("H", [34712])}}, "TIFF compressed with JPEG 2000"),
            (np.zeros((2, 2), "u1"), {"tags": {259: ("H", [999])}}, "TIFF compressed with method 999"),
            (np.zeros((2, 2), "u1"), {"tags": {32997: ("I", [2])}}, "volumetric TIFF"),
            (np.zeros((2, 2), "u2"), {"tags": {259: ("H", [7])}}, "16-bit integer TIFF compressed with JPEG"),
            (np.zeros((2, 2), "u1"), {"photometric": 32803}, "TIFF of color filter array (raw sensor) pixels"),
            (np.zeros((2, 2), "u1"), {"photometric": 999}, "TIFF of photometric 999 pixels"),
            (np.zeros((2, 2, 3), "u2"), {"photometric": 6}, "16-bit integer 3-channel YCbCr TIFF"),
            (np.zeros((4, 2), "u1"), {"photometric": 6, "tags": {277: ("H", [3])}},
             "YCbCr TIFF with subsampled colors and without compression"),
            (np.zeros((2, 2, 3), "u1"), {"photometric": 2, "tags": {258: ("H", [5, 6, 5])}},
             "TIFF with different bits per sample (5, 6, 5)"),
            (np.zeros((2, 2, 2), "u1"), {"tags": {339: ("H", [1, 2])}},
             "TIFF with different formats of samples (1, 2)"),
            (np.zeros((2, 2), "u1"), {"compression": DEFLATE, "predictor": 9}, "TIFF with predictor 9"),
            (np.zeros((2, 2), "u2"), {"compression": DEFLATE, "tags": {317: ("H", [3])}},
             "16-bit integer TIFF with predictor 3"),
            (np.zeros((2, 2), "u2"), {"bits": 12, "compression": DEFLATE, "tags": {317: ("H", [2])}},
             "12-bit integer TIFF with predictor 2"),
            (np.zeros((2, 2, 4), "u1"), {"photometric": 5, "tags": {332: ("H", [2])}},
             "TIFF of inks that are not cyan, magenta, yellow and black"),
            (np.zeros((2, 2), "i1"), {"photometric": 3, "tags": {320: ("H", [0] * 768)}},
             "8-bit signed integer palette TIFF"),
        ],
    )  # fmt: skip
    def test_what_is_not_read_is_named(self, samples, options, kind):
        with pytest.raises(FileError) as caught:
            load_image(tiff(samples, **options))
        assert str(caught.value) == f"standard input: {kind} is not read. {ADVICE}"
