"""Tests that pictures whose pixels end early are refused, never read with black or gray rows."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cnnfx.errors import FileError
from cnnfx.images import load_image
from tests.images.files import encoded, gif

NOISE = np.random.default_rng(9).integers(1, 255, (96, 80, 3), np.uint8)


def refusal(source: bytes | Path) -> str:
    with pytest.raises(FileError) as caught:
        load_image(source)
    return str(caught.value)


# GIF


PIXELS = bytes(range(1, 101))
TRANSPARENT = [b"", b"!\xf9\4\1\0\0\0\0", b"!\xf9\4\1\0\0\x05\0", b"!\xfe\1a\0!\xf9\4\1\0\0\xff\0"]
"""No transparency, the pixels 0, 5 and 255 transparent; the last behind a comment."""


@pytest.mark.parametrize("extension", TRANSPARENT)
@pytest.mark.parametrize("count", [0, 1, 50, 99])
def test_a_gif_whose_pixels_end_early_is_refused(extension: bytes, count: int) -> None:
    assert refusal(gif(10, 10, PIXELS[:count], extension)).startswith("standard input: cannot decode this GIF (")


@pytest.mark.parametrize("extension", TRANSPARENT)
@pytest.mark.parametrize("pixels", [PIXELS, bytes(100), b"\xff" * 100, b"\5" * 100])
def test_a_complete_gif_is_read(extension: bytes, pixels: bytes) -> None:
    assert load_image(gif(10, 10, pixels, extension)).shape == (1, 10, 10)


def test_a_frame_smaller_than_the_screen_of_a_gif_is_complete() -> None:
    content = bytearray(gif(10, 10, PIXELS))
    content[6:10] = struct.pack("<HH", 30, 20)
    assert load_image(bytes(content)).shape == (1, 20, 30)


# JPEG


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize(("share", "rows"), [(0.2, range(20)), (0.5, range(30, 50)), (0.9, range(75, 96))])
def test_a_jpeg_with_an_end_in_the_middle_is_refused(mode: str, share: float, rows: range) -> None:
    content = encoded(PIL.Image.fromarray(NOISE).convert(mode), "JPEG")
    message = refusal(content[: int(share * len(content))] + b"\xff\xd9")
    found, total = message.split("its pixels end after ")[1].split(" rows)")[0].split(" of ")
    assert total == "96"
    assert int(found) in rows


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_gray_jpeg_is_complete(mode: str) -> None:
    content = encoded(PIL.Image.new("L", (40, 40), 128).convert(mode), "JPEG")
    assert (load_image(content).values == 128).all()
    assert (load_image(content + b"anything").values == 128).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_a_jpeg_that_is_cut_off_is_refused(options: dict[str, int], share: float) -> None:
    content = encoded(NOISE, "JPEG", **options)
    assert "cannot decode this JPEG (truncated" in refusal(content[: int(share * len(content))])


# Others


def bmp(compression: int, data: bytes) -> bytes:
    """Return a BMP of 8×8 pixels of 8 bits."""
    header = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 8, compression, len(data), 0, 0, 256, 0)
    palette = b"".join(bytes([level, level, level, 0]) for level in range(256))
    return b"BM" + struct.pack("<IHHI", 1078 + len(data), 0, 0, 1078) + header + palette + data


ROW = b"\x08\x07\0\0"
"""Eight pixels of 7, and the end of a row, in the run lengths of BMP."""


@pytest.mark.parametrize("end", [b"", b"\0\1"])
@pytest.mark.parametrize("rows", [0, 3, 7])
def test_a_bmp_of_run_lengths_that_end_early_is_refused(end: bytes, rows: int) -> None:
    assert "cannot decode this BMP (" in refusal(bmp(1, ROW * rows + end))


def test_a_complete_bmp_of_run_lengths_is_read() -> None:
    assert (load_image(bmp(1, ROW * 8 + b"\0\1")).values == 7).all()


def test_a_small_bmp_of_run_lengths_with_many_pixels_is_refused_at_once() -> None:
    content = bytearray(bmp(1, b"\0\0" * 8))
    content[18:26] = struct.pack("<ii", 1_000_000, 100)
    assert refusal(bytes(content)) == (
        "standard input: cannot decode this BMP (truncated: 1,094 bytes are too few for 1000000×100 pixels). "
        "Get the file again."
    )


@pytest.mark.parametrize("kind", ["BMP", "PCX", "SGI", "QOI", "AVIF", "JPEG2000", "WEBP", "TGA", "ICO", "TIFF"])
@pytest.mark.parametrize("share", [0.4, 0.8, 0.97])
def test_files_of_other_formats_that_are_cut_off_are_refused(kind: str, share: float, tmp_path: Path) -> None:
    content = encoded(NOISE, kind)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(content[: int(share * len(content))])
    assert "cannot decode this" in refusal(path) or "cut off" in refusal(path) or "truncated" in refusal(path)


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("kind", ["BMP", "PCX", "SGI", "GIF", "TGA"])
def test_black_and_white_pictures_are_complete(level: int, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encoded(PIL.Image.new("RGB", (20, 10), (level, level, level)), kind))
    assert (load_image(path).values == level).all()


def test_the_message_says_how_many_rows_were_found() -> None:
    content = encoded(NOISE, "BMP")
    start = len(content) - 96 * 80 * 3
    assert refusal(content[: start + 50 * 240]) == (
        "standard input: cannot decode this BMP (truncated after 50 of 96 rows). Get the file again."
    )
