"""Tests of PNG files: which chunks are read, 16-bit colors, damage, and limits."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import PIL.Image
import pytest
from PIL import PngImagePlugin

from cnnfx.errors import FileError
from cnnfx.images import load_image
from cnnfx.images.load import count_pages
from cnnfx.images.png import COLOR_BYTES
from cnnfx.system.limits import MAX_MEMORY_PER_BYTE, MAX_MEMORY_PER_PIXEL
from tests.images.files import PNG_SIGNATURE, chunk, encoded, png, unfiltered

RANDOM = np.random.default_rng(8)
DEEP = RANDOM.integers(0, 2**16, (5, 7, 3)).astype(np.uint16)
GRAY = np.arange(256, dtype=np.uint8).reshape(16, 16)
ONE = b"\0\x55"
"""The row of a gray picture of one pixel."""


def refusal(content: bytes) -> str:
    with pytest.raises(FileError) as caught:
        load_image(content)
    return str(caught.value).removeprefix("standard input: ")


def damaged(reason: str) -> str:
    return f"cannot decode this PNG ({reason}). Get the file again."


# Chunks


@pytest.mark.parametrize("count", [1, 80])
def test_compressed_texts_of_any_size_are_skipped(count: int) -> None:
    info = PngImagePlugin.PngInfo()
    for number in range(count):
        info.add_text(f"key{number}", "x" * (3_000_000 // count), zip=True)
    content = encoded(GRAY, pnginfo=info)
    tracemalloc.start()
    image = load_image(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(image.values, [GRAY])
    assert peak < 2_000_000  # the texts have 3 MB


@pytest.mark.parametrize("kind", [b"tEXt", b"iTXt", b"zTXt", b"iCCP", b"sBIT", b"pHYs", b"gAMA", b"abCD", b"tIME"])
def test_damaged_chunks_that_pixels_do_not_depend_on_are_skipped(kind: bytes) -> None:
    assert load_image(png(1, 1, 8, 0, ONE, (kind, b"\xff\0\xff"))).values.item() == 0x55


def test_a_color_profile_of_any_size_is_skipped() -> None:
    assert load_image(encoded(GRAY, icc_profile=bytes(3_000_000))).shape == (1, 16, 16)


@pytest.mark.parametrize("kind", [b"ABCD", b"AbCD"], ids=["public", "private"])
def test_an_unknown_chunk_that_pixels_depend_on_is_refused(kind: bytes) -> None:
    assert refusal(png(1, 1, 8, 0, ONE, (kind, b""))) == damaged(f"it has the unknown chunk {kind.decode()}")


def test_a_second_header_is_refused() -> None:
    header = struct.pack(">2I5B", 9, 9, 8, 0, 0, 0, 0)
    assert refusal(png(1, 1, 8, 0, ONE, (b"IHDR", header))) == damaged("it has two headers")


def test_a_header_with_a_wrong_checksum_is_refused() -> None:
    content = bytearray(png(1, 1, 8, 0, ONE))
    content[len(PNG_SIGNATURE) + 8 + 13] ^= 1
    assert refusal(bytes(content)) == damaged("its header is damaged")


@pytest.mark.parametrize(("bits", "color"), [(3, 0), (4, 2), (16, 3), (8, 1), (8, 5), (0, 0)])
def test_a_header_of_no_kind_of_pixels_is_refused(bits: int, color: int) -> None:
    content = PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">2I5B", 1, 1, bits, color, 0, 0, 0))
    reason = f"its header names no kind of pixels: {bits} bits, color type {color}"
    assert refusal(content + chunk(b"IDAT", b"")) == damaged(reason)


@pytest.mark.parametrize("palette", [b"", b"12", bytes(771)])
def test_a_damaged_palette_is_refused(palette: bytes) -> None:
    assert refusal(png(1, 1, 8, 3, ONE, (b"PLTE", palette))) == damaged("its palette is damaged")


def test_a_missing_palette_is_refused() -> None:
    assert refusal(png(1, 1, 8, 3, ONE)) == damaged("its palette is missing")


def test_transparency_of_a_wrong_length_is_ignored() -> None:
    image = load_image(png(1, 1, 8, 3, b"\0\0", (b"PLTE", b"\1\2\3"), (b"tRNS", bytes(999))))
    assert image.values.ravel().tolist() == [1, 2, 3]


def test_pixels_may_be_divided_into_many_chunks() -> None:
    data = zlib.compress(unfiltered(GRAY))
    header = chunk(b"IHDR", struct.pack(">2I5B", 16, 16, 8, 0, 0, 0, 0))
    parts = b"".join(chunk(b"IDAT", data[at : at + 1]) for at in range(len(data)))
    np.testing.assert_array_equal(load_image(PNG_SIGNATURE + header + parts + chunk(b"IEND", b"")).values, [GRAY])


# 16-bit colors


@pytest.mark.parametrize("interlaced", [0, 1])
def test_16_bit_colors_keep_all_bits(interlaced: int) -> None:
    values = DEEP[:1, :1] if interlaced else DEEP  # of one pixel only the first pass has any
    image = load_image(png(*values.shape[1::-1], 16, 2, unfiltered(values), interlaced=interlaced))
    assert image.values.dtype == np.uint16
    assert image.notes == ()
    np.testing.assert_array_equal(image.values, np.moveaxis(values, -1, 0))


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_16_bit_colors_may_be_filtered(kind: int) -> None:
    """Filters work on bytes, so each gives what Pillow decodes, apart from the lower byte."""
    rows = b"".join(bytes([kind]) + RANDOM.bytes(6 * 7) for _ in range(5))
    content = png(7, 5, 16, 2, rows)
    upper = load_image(content).values >> 8
    with PIL.Image.open(io.BytesIO(content)) as picture:
        np.testing.assert_array_equal(np.moveaxis(upper, 0, -1), np.asarray(picture))


def test_the_lower_byte_of_16_bit_colors_follows_its_own_filter() -> None:
    rows = b"\1" + bytes([0, 250, 0, 1, 0, 2]) + bytes([1, 10, 0, 0, 0, 1])  # differences from the pixel at the left
    image = load_image(png(2, 1, 16, 2, rows))
    assert image.values[:, 0].T.tolist() == [[250, 1, 2], [256 + 4, 1, 3]]


def test_16_bit_colors_are_composited_with_all_bits() -> None:
    pixel = np.array([[[1000, 2000, 3000, 2**15]]], np.uint16)
    image = load_image(png(1, 1, 16, 6, unfiltered(pixel)), background="black")
    assert image.values.ravel().tolist() == [round(level * 2**15 / (2**16 - 1)) for level in (1000, 2000, 3000)]


def test_16_bit_gray_with_alpha_keeps_all_bits() -> None:
    pixels = np.array([[[1234, 65535], [777, 0]]], np.uint16)
    image = load_image(png(2, 1, 16, 4, unfiltered(pixels)), background="white")
    assert image.values.tolist() == [[[1234, 65535]]]


def test_a_transparent_16_bit_color_is_replaced() -> None:
    pixels = np.array([[[0x1234, 1, 2], [0x1235, 1, 2]]], np.uint16)
    content = png(2, 1, 16, 2, unfiltered(pixels), (b"tRNS", struct.pack(">3H", 0x1234, 1, 2)))
    assert load_image(content, background="red").values[:, 0].T.tolist() == [[65535, 0, 0], [0x1235, 1, 2]]


def test_16_bit_colors_become_luma_with_all_bits() -> None:
    pixel = np.array([[[10000, 20000, 30000]]], np.uint16)
    image = load_image(png(1, 1, 16, 2, unfiltered(pixel)), channels="gray")
    assert image.values.item() == round(0.299 * 10000 + 0.587 * 20000 + 0.114 * 30000)


def test_16_bit_colors_are_rotated() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    content = png(7, 5, 16, 2, unfiltered(DEEP), (b"eXIf", exif.tobytes()[6:]))
    np.testing.assert_array_equal(load_image(content).values, np.moveaxis(np.rot90(DEEP, -1), -1, 0))


# Damage


@pytest.mark.parametrize("rows", [0, 1, 7, 15])
@pytest.mark.parametrize("level", [0, 9])
def test_pixels_that_end_early_are_refused(rows: int, level: int) -> None:
    content = png(4, 16, 8, 0, (b"\0" + bytes([level] * 4)) * rows + b"\0")
    assert refusal(content) == damaged(f"its pixels end after {rows} of 16 rows")


def test_pixels_that_end_in_the_last_row_are_refused() -> None:
    assert refusal(png(16, 16, 8, 0, unfiltered(GRAY)[:-1])) == damaged("its pixels end after 15 of 16 rows")


def test_black_pictures_are_complete() -> None:
    assert not load_image(png(4, 3, 8, 0, bytes(15))).values.any()
    assert not load_image(png(4, 3, 16, 2, bytes(75))).values.any()


def test_interlaced_pixels_that_end_early_are_refused() -> None:
    assert refusal(png(8, 8, 8, 0, bytes(20), interlaced=1)) == damaged("its pixels end after 25 % of them")


def test_16_bit_colors_that_end_early_are_refused() -> None:
    content = png(7, 5, 16, 2, unfiltered(DEEP)[: 3 * 43])
    assert refusal(content) == damaged("its pixels end after 3 of 5 rows")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_is_cut_off_names_the_last_row(share: float) -> None:
    noise = RANDOM.integers(0, 256, (100, 300), np.uint8)
    content = encoded(noise, compress_level=0)
    start = content.index(b"IDAT") + 4
    kept = int(share * (len(content) - start))
    found = int(refusal(content[: start + kept]).split("after ")[1].split(" of 100")[0])
    assert abs(found - kept / 301) < 2


def test_damaged_pixels_name_the_row() -> None:
    content = bytearray(encoded(RANDOM.integers(0, 256, (100, 300), np.uint8)))
    content[len(content) // 2] ^= 0xFF
    assert "its pixels are damaged after " in refusal(bytes(content))


@pytest.mark.parametrize("end", [8, 20, 33, 40])
def test_a_file_that_is_cut_off_in_front_of_its_pixels_is_refused(end: int) -> None:
    assert refusal(encoded(GRAY)[:end]).startswith("cannot decode this PNG (")


def test_bytes_behind_the_end_are_ignored() -> None:
    assert load_image(encoded(GRAY) + b"anything").shape == (1, 16, 16)


# Limits


@pytest.mark.parametrize("size", [(14_000, 14_000), (1, 199_999_999)])
@pytest.mark.parametrize("color", [2, 4, 6])
def test_a_small_file_that_needs_much_memory_is_refused_at_once(size: tuple[int, int], color: int) -> None:
    tracemalloc.start()
    message = refusal(png(*size, 8, color, b""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.endswith(" of memory, but the file has 65 bytes only; the limit is 800 MB.")
    assert peak < 10_000_000


def test_too_few_bytes_for_the_pixels_are_refused_at_once() -> None:
    message = refusal(png(5000, 5000, 8, 2, b""))
    assert message == damaged("truncated: 8 bytes are too few for 5000×5000 pixels")


def test_a_flat_picture_may_be_large() -> None:
    rows = (b"\0" + bytes(500)) * 4000  # 1 bit
    content = png(4000, 4000, 1, 0, rows)
    assert 1000 * len(content) < 4000**2  # less than the memory
    assert load_image(content, max_pixels=4000**2).shape == (1, 4000, 4000)


def test_frames_without_the_chunk_of_animation_before_the_pixels_are_not_counted() -> None:
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 1, 1, 0, 0, 1, 10, 0, 0))
    animation = chunk(b"acTL", struct.pack(">II", 2, 0))
    header, pixels = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), chunk(b"IDAT", zlib.compress(ONE))
    late = PNG_SIGNATURE + header + pixels + animation + frame + chunk(b"IEND", b"")
    assert (load_image(late).pages, count_pages(late)) == (1, 1)
    assert load_image(late).values.tolist() == [[[0x55]]]


def test_a_small_file_may_need_the_memory_of_the_limit_and_no_more() -> None:
    content = encoded(np.full((400, 1000, 3), 9, np.uint8))
    pixels = 400 * 1000 * COLOR_BYTES // MAX_MEMORY_PER_PIXEL
    assert len(content) * MAX_MEMORY_PER_BYTE < pixels * MAX_MEMORY_PER_PIXEL
    assert load_image(content, max_pixels=pixels).shape == (3, 400, 1000)
    with pytest.raises(FileError, match="of memory, but the file has"):
        load_image(content, max_pixels=pixels - 1)
