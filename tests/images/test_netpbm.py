"""Tests of PBM, PGM, PPM, PAM and PFM files: all kinds, depths, comments, several images, and damage."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import pytest

from cnnfx.errors import FileError
from cnnfx.images import count_pages, load_image

RANDOM = np.random.default_rng(6)
COLORS = RANDOM.integers(0, 256, (6, 5, 3), np.uint8)


def refusal(content: bytes, **options: object) -> str:
    with pytest.raises(FileError) as caught:
        load_image(content, **options)  # type: ignore[arg-type]
    return str(caught.value).removeprefix("standard input: ")


def pam(depth: int, maxval: int, kind: str, pixels: bytes, width: int = 1, height: int = 1) -> bytes:
    header = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {maxval}\nTUPLTYPE {kind}\nENDHDR\n"
    return header.encode() + pixels


# Kinds


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_files_that_pillow_writes_give_its_pixels(mode: str) -> None:
    picture = PIL.Image.fromarray(COLORS).convert(mode)
    file = io.BytesIO()
    picture.save(file, "PPM")
    expected = np.atleast_3d(np.asarray(picture.convert("L" if mode == "1" else mode)))
    np.testing.assert_array_equal(load_image(file.getvalue()).values, np.moveaxis(expected, -1, 0))


def test_a_binary_bitmap_has_black_ones_and_padded_rows() -> None:
    image = load_image(b"P4 9 2\n" + bytes([0b10100000, 0b10000000, 0b00000001, 0]))
    assert image.values.tolist() == [[[0, 255, 0, 255, 255, 255, 255, 255, 0], [255] * 7 + [0, 255]]]


@pytest.mark.parametrize("body", [b"010110", b"0 1 0\n1 1 0\n", b"0 1 0 # text 1\n110", b"01\n01\n10"])
def test_a_bitmap_as_text_needs_no_spaces(body: bytes) -> None:
    assert load_image(b"P1\n3 2\n" + body).values.tolist() == [[[255, 0, 255], [0, 0, 255]]]


@pytest.mark.parametrize(
    "body", [b"0 1 2 3 4 5", b"0\n1\t2 3   4 5\n", b"0 1 2 #6 7\r3 4 5 # end", b"00 01 2 3 4 5 5 0"]
)
def test_gray_levels_as_text_are_scaled_to_255(body: bytes) -> None:
    assert load_image(b"P2 3 2 5\n" + body).values.tolist() == [[[0, 51, 102], [153, 204, 255]]]


def test_colors_as_text_are_read() -> None:
    assert load_image(b"P3\n1 2\n255\n1 2 3\n4 5 6\n").values.tolist() == [[[1], [4]], [[2], [5]], [[3], [6]]]


@pytest.mark.parametrize("block", [7, 16, 64])
def test_texts_are_converted_block_by_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnfx.images.netpbm.TEXT_BYTES", block)
    values = RANDOM.integers(0, 256, (4, 6))
    lines = "\n".join(" ".join(map(str, row)) + f" # {row[0]}" for row in values)
    np.testing.assert_array_equal(load_image(f"P2 6 4 255\n{lines}".encode()).values, [values])
    bits = "".join(map(str, (values & 1).ravel()))
    np.testing.assert_array_equal(load_image(f"P1 6 4\n{bits}".encode()).values, [255 * (1 - (values & 1))])


@pytest.mark.parametrize(
    "header",
    [
        b"P5 2 1 255\n",
        b"P5\n#\n# two\n2 1\n255\n",
        b"P5\t2\r\n1\n255 ",
        b"P5 2#width\n 1 255#white\n",
        b"P5 02 1 0255\n",
    ],
)
def test_headers_may_hold_comments_and_any_white_space(header: bytes) -> None:
    assert load_image(header + b"\n#").values.tolist() == [[[10, 35]]]


def test_a_number_sign_after_the_line_of_the_header_is_a_pixel() -> None:
    assert load_image(b"P5 2 1 255\n#\n").values.tolist() == [[[35, 10]]]
    assert load_image(b"P5 2 1 255 # comment\n#\n").values.tolist() == [[[35, 10]]]


# Depth


@pytest.mark.parametrize("maxval", [1, 3, 15, 51, 255])
def test_levels_of_up_to_8_bits_become_uint8_if_they_fit(maxval: int) -> None:
    image = load_image(b"P5 2 1 %d\n" % maxval + bytes([1, maxval]))
    assert image.values.dtype == np.uint8
    assert image.values.tolist() == [[[255 // maxval, 255]]]


@pytest.mark.parametrize("maxval", [100, 254, 256, 1000, 1023, 4095, 16383, 65535])
@pytest.mark.parametrize("kind", ["P5", "P6"])
def test_levels_of_any_maximum_keep_their_depth(maxval: int, kind: str) -> None:
    depth = 3 if kind == "P6" else 1
    levels = np.linspace(0, maxval, 8 * depth).astype(int)
    content = f"{kind} 8 1 {maxval}\n".encode() + levels.astype(">u2" if maxval > 255 else "u1").tobytes()
    image = load_image(content)
    assert image.values.dtype == np.uint16
    np.testing.assert_allclose(image.floats()[:, 0].T.ravel(), levels / maxval, atol=8e-6)
    assert image.floats().max() == 1


def test_16_bit_levels_are_big_endian_and_unchanged() -> None:
    assert load_image(b"P6 1 1 65535\n\1\2\3\4\5\6").values.ravel().tolist() == [0x0102, 0x0304, 0x0506]


def test_a_level_above_the_maximum_is_refused() -> None:
    message = "(a pixel is 200, but its header says that 100 is white). Get the file again."
    assert refusal(b"P5 2 1 100\n\x64\xc8") == f"cannot decode this PGM {message}"
    assert refusal(b"P2 2 1 100\n3 200") == f"cannot decode this PGM {message}"


# PAM


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (pam(1, 255, "GRAYSCALE", b"\x33"), [[[0x33]]]),
        (pam(1, 1, "BLACKANDWHITE", b"\1\0", 2), [[[255, 0]]]),
        (pam(1, 65535, "GRAYSCALE", b"\1\2"), [[[0x0102]]]),
        (pam(3, 255, "RGB", b"\1\2\3"), [[[1]], [[2]], [[3]]]),
        (pam(3, 65535, "RGB", b"\0\1\0\2\0\3"), [[[1]], [[2]], [[3]]]),
        (pam(2, 255, "GRAYSCALE_ALPHA", b"\x33\0\x44\xff", 2), [[[0xFF, 0x44]]]),
        (pam(2, 1, "BLACKANDWHITE_ALPHA", b"\0\0\0\1", 2), [[[0xFF, 0]]]),
        (pam(4, 255, "RGB_ALPHA", b"\1\2\3\xff\1\2\3\0", 2), [[[1, 255]], [[2, 255]], [[3, 255]]]),
        (pam(4, 65535, "RGB_ALPHA", b"\0\1\0\2\0\3\xff\xff"), [[[1]], [[2]], [[3]]]),
        (b"P7 #c\n# comment\nDEPTH 1\nMAXVAL 255\nHEIGHT 1\nTUPLTYPE\nWIDTH 1\nENDHDR\nA", [[[65]]]),
    ],
)
def test_pam_files_of_each_kind_are_read(content: bytes, values: list[object]) -> None:
    assert load_image(content, background="white").values.tolist() == values


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pam(4, 255, "CMYK", b"1234"), "its pixels are 'CMYK'. A PAM of gray or color can be read."),
        (pam(5, 255, "", b"12345"), "it has 5 channels. A PAM of gray or color has 1 to 4; save others as .npy."),
        (b"P7\nWIDTH 1\nENDHDR\n1", "cannot decode this PAM (its header has no height). Get the file again."),
        (b"P7\nCOLOR 1\nENDHDR\n", "cannot decode this PAM (its header has the line 'COLOR'). Get the file again."),
    ],
)
def test_other_pam_files_are_refused(content: bytes, message: str) -> None:
    assert refusal(content) == message


# PFM


@pytest.mark.parametrize(("scale", "order"), [("-1.0", "<"), ("1", ">"), ("-2.5e0", "<")])
@pytest.mark.parametrize("kind", ["Pf", "PF"])
def test_pfm_files_of_either_byte_order_are_read_from_the_bottom(scale: str, order: str, kind: str) -> None:
    values = RANDOM.random((3, 2, 3 if kind == "PF" else 1)).astype(np.float32)
    content = f"{kind}\n2 3\n{scale}\n".encode() + values.astype(f"{order}f4").tobytes()
    image = load_image(content)
    np.testing.assert_array_equal(image.values, np.moveaxis(values[::-1], -1, 0))
    assert not image.is_array


@pytest.mark.parametrize(
    ("values", "is_array"), [([0, 1], False), ([0.5, np.nan], False), ([0, 255], True), ([-1, 0], True)]
)
def test_pfm_files_of_other_numbers_than_brightness_are_drawn_by_their_range(
    values: list[float], is_array: bool
) -> None:
    assert load_image(b"Pf 2 1 -1\n" + np.float32(values).tobytes()).is_array == is_array


def test_colors_of_a_pfm_become_luma() -> None:
    content = b"PF 1 1 -1\n" + np.float32([1, 0.5, 0.25]).tobytes()
    assert load_image(content, channels="gray").values.item() == pytest.approx(0.299 + 0.2935 + 0.0285, abs=1e-5)


@pytest.mark.parametrize("scale", ["0", "nan", "1e", "inf", "-"])
def test_a_scale_that_is_no_number_is_refused(scale: str) -> None:
    message = f"cannot decode this PFM (its header has the scale {scale!r}). Get the file again."
    assert refusal(f"Pf 1 1 {scale}\n1234".encode()) == message


# Several images


def test_each_image_of_a_stream_is_a_page() -> None:
    content = b"P5 2 1 255\nab" + b"P6 1 1 255\ncde" + b"\nP4 1 1\n\x80" + pam(1, 255, "GRAYSCALE", b"f")
    assert count_pages(content) == 4
    image = load_image(content)
    assert image.notes == ("standard input: it holds 4 images; image 1 is read.",)
    assert [load_image(content, page=page).values.ravel().tolist() for page in range(1, 5)] == [
        [97, 98], [99, 100, 101], [0], [102],
    ]  # fmt: skip


@pytest.mark.parametrize("rest", [b"\n", b"end", b"P5", b"P5 2 x", b"P9 1 1 255\na", b"P5 100000 100000 255\n"])
def test_other_bytes_behind_an_image_are_ignored(rest: bytes) -> None:
    image = load_image(b"P5 2 1 255\nab" + rest)
    assert (image.pages, image.notes) == (1, ())


# Damage


@pytest.mark.parametrize("header", ["P5 6 4 255\n", "P6 6 4 255\n", "P5 6 4 1023\n", "P4 6 4\n", "Pf 6 4 1.0\n"])
@pytest.mark.parametrize("rows", [0, 3])
def test_pixels_that_end_early_are_refused(header: str, rows: int) -> None:
    row = {"P5 6 4 255\n": 6, "P6 6 4 255\n": 18, "P5 6 4 1023\n": 12, "P4 6 4\n": 1, "Pf 6 4 1.0\n": 24}[header]
    message = refusal(header.encode() + bytes((rows + 1) * row - 1))
    assert message.endswith(f"(its pixels end after {rows} of 4 rows). Get the file again.")


def test_texts_that_end_early_are_refused() -> None:
    assert refusal(b"P2 2 3 9\n1 2 3") == (
        "cannot decode this PGM (its pixels end after at most 1 of 3 rows). Get the file again."
    )
    assert refusal(b"P2 2 3 9\n1    2 3   4    \n") == (
        "cannot decode this PGM (its pixels end after 2 of 3 rows). Get the file again."
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"P2 2 1 255\n1 -2", "'-' stands among its pixels"),
        (b"P2 2 1 255\n1 2.5 3", "'.' stands among its pixels"),
        (b"P1 2 1\n0 2", "'2' stands among its pixels"),
        (b"P2 1 1 255\n" + b"0" * 30, "a pixel has too many digits"),
        (b"P5 0 1 255\n", "its header has the width '0'"),
        (b"P5 1 -1 255\n", "its header has the height '-1'"),
        (b"P5 1 1 0\n1", "its header has the largest value '0'"),
        (b"P5 1 1 65536\n1", "its header has the largest value 65536; 65535 is the most"),
        (b"P5 1 1", "its header is truncated or damaged"),
        (b"P5 " + b"#" * 70_000 + b"\n1 1 255\n1", "its header is truncated or damaged"),
    ],
)  # fmt: skip
def test_damaged_headers_and_texts_are_refused(content: bytes, reason: str) -> None:
    message = refusal(content).split("(", 1)[1]
    assert message == f"{reason}). Get the file again."


def test_large_sizes_are_refused_before_memory_is_taken() -> None:
    assert refusal(b"P2 20000 20000 9\n1") == "it has 20000×20000 = 400000000 pixels, the limit is 200000000."
    assert refusal(b"P5 10000 10000 255\n1").endswith("(its pixels end after 0 of 10000 rows). Get the file again.")


def test_a_long_comment_among_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnfx.images.netpbm.TEXT_BYTES", 64)
    assert "(a line of its pixels is too long)" in refusal(b"P2 2 1 255\n1 #" + b"x" * 500 + b"\n2")


def test_gray_floats_fill_three_channels() -> None:
    content = b"Pf 1 1 -1\n" + struct.pack("<f", 0.75)
    assert load_image(content, channels="rgb").values.ravel().tolist() == [0.75] * 3
