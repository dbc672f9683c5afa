"""Tests of the formats that are detected by the first bytes of a file, and named where they are not read."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cnnfx.errors import FileError
from cnnfx.images import load_image
from cnnfx.images.formats import OTHER_FORMATS, PICTURE_EXTENSIONS, READ_FORMATS, detect_format
from tests.images.files import encoded

COLORS = np.random.default_rng(7).integers(0, 256, (20, 24, 3), np.uint8)


def refusal(source: bytes | Path) -> str:
    with pytest.raises(FileError) as caught:
        load_image(source)
    return str(caught.value).removeprefix("standard input: ")


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000", "QOI", "SGI", "PCX", "BMP", "PPM"]
)
def test_pictures_of_each_format_are_read_from_a_stream(kind: str) -> None:
    content = encoded(COLORS, kind)
    with PIL.Image.open(io.BytesIO(content)) as picture:
        expected = np.moveaxis(np.asarray(picture.convert("RGB")), -1, 0)
    np.testing.assert_array_equal(load_image(content).values, expected)


@pytest.mark.parametrize(("extension", "compression"), [(".tga", None), (".TGA", "tga_rle"), (".vda", None)])
def test_a_tga_file_is_found_by_its_extension(extension: str, compression: str | None, tmp_path: Path) -> None:
    path = tmp_path / f"a{extension}"
    path.write_bytes(encoded(COLORS, "TGA", compression=compression))
    np.testing.assert_array_equal(load_image(path).values, np.moveaxis(COLORS, -1, 0))


def test_a_dib_file_is_found_by_its_extension(tmp_path: Path) -> None:
    path = tmp_path / "a.dib"
    path.write_bytes(encoded(COLORS, "DIB"))
    np.testing.assert_array_equal(load_image(path).values, np.moveaxis(COLORS, -1, 0))


@pytest.mark.parametrize("bitmap_format", ["png", "bmp"])
def test_the_largest_picture_of_an_icon_is_read(bitmap_format: str) -> None:
    picture = PIL.Image.fromarray(np.tile(COLORS, (4, 4, 1))[:64, :64])
    image = load_image(encoded(picture, "ICO", sizes=[(16, 16), (64, 64), (32, 32)], bitmap_format=bitmap_format))
    assert image.notes == ("standard input: it holds 3 pictures; the largest, 64×64, is read.",)
    np.testing.assert_array_equal(image.values, np.moveaxis(np.asarray(picture), -1, 0))


def test_an_icon_of_one_picture_gives_no_note() -> None:
    assert load_image(encoded(COLORS, "ICO", sizes=[(16, 16)])).notes == ()


def test_an_icon_that_is_cut_off_is_refused() -> None:
    content = encoded(COLORS, "ICO", sizes=[(16, 16)])
    assert refusal(content[:-1]) == "cannot decode this ICO (truncated after 0 of 1 pictures). Get the file again."


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50)
STARTS = {
    "HEIC, which is not read. Convert it to PNG, such as with heif-convert.": HEIC,
    "JPEG XL, which is not read. Convert it to PNG, such as with djxl.": b"\xff\x0a" + bytes(9),
    "SVG, which is not read. Draw it as PNG, such as with rsvg-convert.": b'<?xml version="1.0"?>\n<!-- a --><svg/>',
    "PDF, which is not read. Draw its pages as PNG, such as with pdftoppm -png.": b"%PDF-1.4\n",
    "PostScript (EPS), which is not read. Draw it as PNG, such as with Ghostscript or ImageMagick.": b"%!PS-Adobe-3.0",
    "HTML, a web page, which is not read. A download may have failed; get the picture itself.": b"\n<!DOCTYPE html>",
    "OpenEXR, which is not read. Convert it to PFM or TIFF of floats, such as with ImageMagick.": b"v/1\1" + bytes(9),
    "Radiance HDR, which is not read. Convert it to PFM or TIFF of floats, such as with ImageMagick.": b"#?RADIANCE\n",
    "DDS, which is not read. Convert it to PNG, such as with ImageMagick.": b"DDS |\0\0\0",
    "DICOM, which is not read. Convert it to PNG or .npy, such as with pydicom.": bytes(128) + b"DICM",
    "FITS, which is not read. Save its numbers as .npy, such as with Astropy.": b"SIMPLE  =                    T",
    "HDF5, which is not read. Save its numbers as .npy, such as with h5py.": b"\x89HDF\r\n\x1a\n",
    "gzip, which is not read. Unpack it, such as with gunzip.": gzip.compress(b"1,2\n3,4", mtime=0),
    "a video (MP4 or QuickTime), which is not read. Extract its frames as pictures, such as with FFmpeg.": (
        b"\0\0\0\x20ftypisom\0\0\2\0isomiso2mp41"
    ),
    "a pickle, which is not read. It could run a program; save its numbers as .npy with NumPy.": b"\x80\4\x95\0\0\0",
    "XBM, which is not read. Convert it to PNG, such as with ImageMagick.": b"#define a_width 3\n",
}  # fmt: skip


@pytest.mark.parametrize("message", STARTS)
@pytest.mark.parametrize("extension", [".jpg", ".csv", ".png", ""])
def test_other_formats_are_named_with_how_to_convert_them(message: str, extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{extension}"
    path.write_bytes(STARTS[message])
    assert refusal(path) == f"{path}: it is {message}"


@pytest.mark.parametrize("content", [b"1,2\n3,\0", b"\1\2\3", b"1" + bytes(100), b"-\x80\1\2"])
def test_a_binary_file_is_not_read_as_csv(content: bytes, tmp_path: Path) -> None:
    unknown = (
        "it is not an image that can be read. Known are PNG, JPEG, TIFF, WebP, GIF, BMP, PGM, PPM, AVIF and others, "
        "and numbers as .npy, .npz and .csv."
    )
    assert refusal(content) == unknown
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert refusal(path) == f"{path}: it is not text. A .csv holds rows of numbers."


@pytest.mark.parametrize("text", [b"1,2\n3,4\n", b"\xef\xbb\xbf1;2", b" 1\t2", b"# caf\xc3\xa9\n1 2", b"1 2 # caf\xe9"])
def test_text_may_be_csv(text: bytes) -> None:
    assert detect_format(text) is None


def test_no_signature_of_a_format_fits_another() -> None:
    for format in READ_FORMATS:
        starts = (
            [encoded(COLORS, format.plugin.replace("Jpeg2K", "JPEG2000").upper())]
            if format.plugin not in ("", "Psd", "Xbm", "Tga")
            else []
        )
        for start in starts:
            assert detect_format(start) is format
    for start in STARTS.values():
        format = detect_format(start)
        assert format in OTHER_FORMATS
        assert detect_format(start, ".png") is format


def test_every_extension_is_that_of_a_format_that_is_read() -> None:
    assert set(PICTURE_EXTENSIONS.values()) <= {format.name for format in READ_FORMATS}
