"""Tests of `.npy` and `.npz` files as images."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import FileError
from cnnfx.images import load_image

DAMAGED = "standard input: the array is truncated or damaged. Save it again with numpy.save or numpy.savez."


def npy(array: np.ndarray, version: tuple[int, int] | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version, **options)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def npy_with_header(shape: str, descr: str = "<f4", data: bytes = b"") -> bytes:
    """Return a `.npy` file with any header."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


def error_message(data: bytes, **options: Any) -> str:
    with pytest.raises(FileError) as caught:
        load_image(data, **options)
    return str(caught.value)


# .npy


def test_an_array_of_two_axes_has_one_channel() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    image = load_image(npy(values))
    np.testing.assert_array_equal(image.values, values[None])
    assert image.channel_names == ("gray",)


def test_an_array_of_three_axes_is_channels_height_width() -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    image = load_image(npy(values))
    np.testing.assert_array_equal(image.values, values)
    assert image.channel_names == ("0", "1")


def test_an_array_of_one_axis_is_one_pixel_high() -> None:
    np.testing.assert_array_equal(load_image(npy(np.arange(4.0))).values, [[[0, 1, 2, 3]]])


@pytest.mark.parametrize("channels", ["gray", "rgb"])
def test_the_channels_of_an_array_are_not_converted(channels: str) -> None:
    assert load_image(npy(np.zeros((2, 3, 4))), channels=channels).shape == (2, 3, 4)


def test_an_array_is_marked_as_such() -> None:
    assert load_image(npy(np.zeros((3, 4)))).is_array


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "u1", "<i2", ">u2", "<i4", ">i8", "<u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "g"]
)
def test_real_numbers_of_any_type_become_float32_unscaled(dtype: str) -> None:
    values = np.array([[0, 1], [1, 100]]).astype(dtype)
    image = load_image(npy(values))
    assert image.values.dtype == np.float32
    assert image.values.dtype.isnative
    np.testing.assert_array_equal(image.values, values[None].astype(np.float32))


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(version: tuple[int, int]) -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(load_image(npy(values, version)).values, values[None])


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
def test_fortran_order_is_read(shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    image = load_image(npy(np.asfortranarray(values)))
    np.testing.assert_array_equal(image.values.reshape(shape), values)
    assert image.values.flags.c_contiguous


def test_a_header_written_by_python_2_is_read() -> None:
    assert load_image(npy_with_header("(3L, 4L)", data=bytes(48))).shape == (1, 3, 4)


def test_floats_returns_the_numbers_of_an_array_unscaled() -> None:
    image = load_image(npy(np.array([[-3, 700]])))
    np.testing.assert_array_equal(image.floats(), [[[-3, 700]]])


def test_nan_and_infinity_are_kept() -> None:
    values = np.array([[np.nan, np.inf, -np.inf]])
    np.testing.assert_array_equal(load_image(npy(values)).values, values[None])


def test_numbers_too_large_for_32_bits_are_refused() -> None:
    assert error_message(npy(np.array([[1e39]]))) == (
        "standard input: it holds numbers beyond ±3.4e38, the most for 32 bits. Scale them down."
    )


def test_complex_numbers_are_refused() -> None:
    assert error_message(npy(np.zeros((2, 2), complex))) == (
        "standard input: the array holds complex128 values. An image is made of real numbers."
    )


def test_a_pickle_is_refused_without_reading_it() -> None:
    data = npy(np.array([[print]], dtype=object), allow_pickle=True)
    assert error_message(data) == "standard input: the array holds object values. An image is made of real numbers."


@pytest.mark.parametrize("shape", [(), (1, 1, 1, 2, 2)])
def test_no_axis_or_more_than_three_are_refused(shape: tuple[int, ...]) -> None:
    assert error_message(npy(np.zeros(shape))) == (
        f"standard input: the array has the shape {shape}. An image is (H, W), (C, H, W) or (H, W, C), or one row of "
        "numbers."
    )


def test_several_images_in_an_array_are_refused() -> None:
    assert error_message(npy(np.zeros((3, 1, 6, 5)))) == (
        "standard input: the array has the shape (3, 1, 6, 5), which is 3 images. Save one of them."
    )


def test_names_of_maps_that_are_not_text_in_unicode_are_escaped() -> None:
    image = load_image(npz(maps=np.zeros((1, 3, 4)), names=np.array(["\ud800"])))
    assert image.channel_names == (r"\ud800",)


def test_a_compression_that_unpacks_without_limit_is_refused_by_its_name() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("maps.npy", npy(np.zeros((3, 4))))
    assert error_message(stream.getvalue()) == (
        "standard input: the array maps is compressed by LZMA; only stored and deflated ones are read. Save it again "
        "with numpy.save or numpy.savez."
    )


@pytest.mark.parametrize("shape", [(0,), (0, 4), (3, 0), (0, 3, 4)])
def test_an_empty_array_is_refused(shape: tuple[int, ...]) -> None:
    assert (
        error_message(npy(np.zeros(shape))) == f"standard input: the array has the shape {shape}: it holds no numbers."
    )


def test_a_negative_size_is_refused() -> None:
    assert (
        error_message(npy_with_header("(-1, 4)"))
        == "standard input: the array has the shape (-1, 4): it holds no numbers."
    )


def test_the_limit_counts_the_numbers_of_all_channels() -> None:
    assert error_message(npy(np.zeros((2, 3, 4))), max_pixels=23) == (
        "standard input: it has 2 channels of 4×3 = 24 numbers, the limit is 23."
    )


def test_a_huge_size_in_the_header_is_refused_before_reading() -> None:
    assert error_message(npy_with_header("(1000000000, 1000000000)")) == (
        "standard input: it has 1000000000×1000000000 = 1000000000000000000 numbers, the limit is 200000000."
    )


@pytest.mark.parametrize("header", ["-" * 9000 + "1", "(" * 9000, "(1e3, 2)", "'x'", "(2,)*9**9**9"])
def test_a_malformed_header_is_refused(header: str) -> None:
    assert error_message(npy_with_header(header)) == DAMAGED


# .npz


def test_maps_are_read_with_their_names() -> None:
    image = load_image(npz(maps=np.zeros((2, 3, 4)), names=np.array(["x", "y"]), other=np.zeros(2)))
    assert image.shape == (2, 3, 4)
    assert image.channel_names == ("x", "y")


@pytest.mark.parametrize(
    "names",
    [np.array(["x"]), np.array(["x", "x"]), np.array([1, 2]), np.array([["x", "y"]]), np.array("x")],
    ids=["too few", "twice", "numbers", "two axes", "no axis"],
)
def test_names_that_do_not_fit_are_ignored(names: np.ndarray) -> None:
    assert load_image(npz(maps=np.zeros((2, 3, 4)), names=names)).channel_names == ("0", "1")


def test_pickled_names_are_ignored() -> None:
    stream = io.BytesIO()
    np.savez(stream, maps=np.zeros((2, 3, 4)), names=np.array(["x", print], dtype=object))
    assert load_image(stream.getvalue()).channel_names == ("0", "1")


def test_the_only_array_of_numbers_is_read() -> None:
    values = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(load_image(npz(weights=values, title=np.array("a"))).values, values[None])


def test_the_only_array_may_be_boolean() -> None:
    np.testing.assert_array_equal(load_image(npz(mask=np.array([[True, False]]))).values, [[[1, 0]]])


def test_several_arrays_are_refused_with_their_names() -> None:
    assert error_message(npz(a=np.zeros((2, 2)), b=np.zeros((2, 2)))) == (
        "standard input: it holds 2 arrays (a, b). Save one of them alone, or call it 'maps'."
    )


def test_an_archive_without_numbers_is_refused() -> None:
    assert error_message(npz(title=np.array("a"))) == "standard input: it holds no array of numbers."


def test_an_empty_archive_is_refused() -> None:
    assert error_message(npz()) == "standard input: it holds no array of numbers."


def test_an_archive_of_other_files_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "1 2 3")
    assert error_message(stream.getvalue()) == "standard input: it holds no array of numbers."


def test_the_message_names_the_array_of_an_archive() -> None:
    assert error_message(npz(maps=np.zeros((2, 2), complex))) == (
        "standard input: its array 'maps' holds complex128 values. An image is made of real numbers."
    )


def deflated_npz(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("maps.npy", content)
    return stream.getvalue()


def test_no_more_is_decompressed_than_the_header_says() -> None:
    image = load_image(deflated_npz(npy(np.ones((2, 3), np.float32)) + bytes(50_000_000)))
    np.testing.assert_array_equal(image.values, np.ones((1, 2, 3)))


def test_a_huge_size_in_an_archive_is_refused_before_decompression() -> None:
    assert error_message(deflated_npz(npy_with_header("(20000, 20000)"))).startswith(
        "standard input: it has 20000×20000 = 400000000 numbers, the limit is 200000000."
    )


def test_a_truncated_array_in_an_archive_is_refused() -> None:
    assert error_message(deflated_npz(npy_with_header("(20, 20)", data=bytes(30)))) == DAMAGED


# Damage


@pytest.mark.parametrize(
    "data",
    [
        npy(np.ones((3, 4))),
        npz(maps=np.ones((2, 3, 4)), names=np.array(["x", "y"])),
        deflated_npz(npy(np.ones((3, 4)))),
    ],
    ids=["npy", "npz", "deflated npz"],
)
def test_an_array_truncated_anywhere_is_refused(data: bytes) -> None:
    for end in range(6, len(data)):
        assert error_message(data[:end]) == DAMAGED


SEEDS = [
    npy(np.ones((3, 4))),
    npz(maps=np.ones((2, 3, 4)), names=np.array(["x", "y"])),
    deflated_npz(npy(np.ones((3, 4)))),
]


@settings(max_examples=300)
@given(seed=st.sampled_from(SEEDS), changes=st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), max_size=5))
def test_a_damaged_array_is_read_or_refused(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for offset, value in changes:
        data[offset % len(data)] = value
    try:
        image = load_image(bytes(data), max_pixels=10**6)
    except FileError:
        return
    assert len(image.channel_names) == len(image.values)


def test_an_array_that_memory_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("cnnfx.images.arrays.to_channels", fail)
    assert error_message(npy(np.zeros((2, 2)))) == "standard input: there is not enough memory to read it."
