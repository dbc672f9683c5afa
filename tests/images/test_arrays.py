"""Arrays of numbers, as `.npy` and `.npz`, are read as they stand; what is no image is refused."""

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

DAMAGED = "standard input: the array is cut off or damaged. Save it again with numpy.save or numpy.savez."


def npy(array: np.ndarray, version: tuple[int, int] | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version, **options)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def headed(shape: str, descr: str = "<f4", data: bytes = b"") -> bytes:
    """A `.npy` whose header says what it likes."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


def refusal(data: bytes, **options: Any) -> str:
    with pytest.raises(FileError) as caught:
        load_image(data, **options)
    return str(caught.value)


# .npy


def test_a_matrix_is_one_channel() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    image = load_image(npy(values))
    np.testing.assert_array_equal(image.values, values[None])
    assert image.channel_names == ("gray",)


def test_three_axes_are_channels_height_width() -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    image = load_image(npy(values))
    np.testing.assert_array_equal(image.values, values)
    assert image.channel_names == ("0", "1")


def test_a_row_of_numbers_is_one_pixel_high() -> None:
    np.testing.assert_array_equal(load_image(npy(np.arange(4.0))).values, [[[0, 1, 2, 3]]])


@pytest.mark.parametrize("channels", ["gray", "rgb"])
def test_the_channels_of_an_array_are_taken_as_they_stand(channels: str) -> None:
    assert load_image(npy(np.zeros((2, 3, 4))), channels=channels).shape == (2, 3, 4)


def test_an_array_says_that_it_is_one() -> None:
    assert load_image(npy(np.zeros((3, 4)))).is_array


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "u1", "<i2", ">u2", "<i4", ">i8", "<u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "g"]
)
def test_any_real_numbers_become_float32_as_they_stand(dtype: str) -> None:
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


def test_a_header_that_python_2_wrote_is_read() -> None:
    assert load_image(headed("(3L, 4L)", data=bytes(48))).shape == (1, 3, 4)


def test_floats_of_an_array_are_its_numbers() -> None:
    image = load_image(npy(np.array([[-3, 700]])))
    np.testing.assert_array_equal(image.floats(), [[[-3, 700]]])


def test_nan_and_infinity_are_kept() -> None:
    values = np.array([[np.nan, np.inf, -np.inf]])
    np.testing.assert_array_equal(load_image(npy(values)).values, values[None])


def test_numbers_too_large_for_32_bits_are_refused() -> None:
    assert refusal(npy(np.array([[1e39]]))) == (
        "standard input: it holds numbers beyond ±3.4e38, the most for 32 bits. Scale them down."
    )


def test_complex_numbers_are_refused() -> None:
    assert refusal(npy(np.zeros((2, 2), complex))) == (
        "standard input: the array holds complex128 values. An image is made of real numbers."
    )


def test_a_pickle_is_refused_unread() -> None:
    data = npy(np.array([[print]], dtype=object), allow_pickle=True)
    assert refusal(data) == "standard input: the array holds object values. An image is made of real numbers."


@pytest.mark.parametrize("shape", [(), (1, 1, 2, 2)])
def test_other_counts_of_axes_are_refused(shape: tuple[int, ...]) -> None:
    assert refusal(npy(np.zeros(shape))) == (
        f"standard input: the array has the shape {shape}. An image is (H, W) or (C, H, W), or one row of numbers."
    )


@pytest.mark.parametrize("shape", [(0,), (0, 4), (3, 0), (0, 3, 4)])
def test_an_empty_array_is_refused(shape: tuple[int, ...]) -> None:
    assert refusal(npy(np.zeros(shape))) == f"standard input: the array has the shape {shape}: it holds no numbers."


def test_a_negative_size_is_refused() -> None:
    assert refusal(headed("(-1, 4)")) == "standard input: the array has the shape (-1, 4): it holds no numbers."


def test_the_limit_counts_the_numbers_of_all_channels() -> None:
    assert refusal(npy(np.zeros((2, 3, 4))), max_pixels=23) == (
        "standard input: it has 2×3×4 = 24 numbers, the limit is 23."
    )


def test_a_huge_size_in_the_header_is_refused_before_reading() -> None:
    assert refusal(headed("(1000000000, 1000000000)")) == (
        "standard input: it has 1000000000×1000000000 = 1000000000000000000 numbers, the limit is 200000000."
    )


@pytest.mark.parametrize("header", ["-" * 9000 + "1", "(" * 9000, "(1e3, 2)", "'x'", "(2,)*9**9**9"])
def test_a_header_that_makes_no_sense_is_refused(header: str) -> None:
    assert refusal(headed(header)) == DAMAGED


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
def test_names_that_do_not_fit_are_passed_over(names: np.ndarray) -> None:
    assert load_image(npz(maps=np.zeros((2, 3, 4)), names=names)).channel_names == ("0", "1")


def test_names_that_are_pickled_are_passed_over() -> None:
    stream = io.BytesIO()
    np.savez(stream, maps=np.zeros((2, 3, 4)), names=np.array(["x", print], dtype=object))
    assert load_image(stream.getvalue()).channel_names == ("0", "1")


def test_the_only_array_of_numbers_is_read() -> None:
    values = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(load_image(npz(weights=values, title=np.array("a"))).values, values[None])


def test_the_only_array_may_be_boolean() -> None:
    np.testing.assert_array_equal(load_image(npz(mask=np.array([[True, False]]))).values, [[[1, 0]]])


def test_several_arrays_are_refused_by_name() -> None:
    assert refusal(npz(a=np.zeros((2, 2)), b=np.zeros((2, 2)))) == (
        "standard input: it holds 2 arrays (a, b). Save one of them alone, or call it 'maps'."
    )


def test_an_archive_without_numbers_is_refused() -> None:
    assert refusal(npz(title=np.array("a"))) == "standard input: it holds no array of numbers."


def test_an_empty_archive_is_refused() -> None:
    assert refusal(npz()) == "standard input: it holds no array of numbers."


def test_an_archive_of_other_files_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "1 2 3")
    assert refusal(stream.getvalue()) == "standard input: it holds no array of numbers."


def test_an_array_of_an_archive_is_named_where_it_is_refused() -> None:
    assert refusal(npz(maps=np.zeros((2, 2), complex))) == (
        "standard input: its array 'maps' holds complex128 values. An image is made of real numbers."
    )


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("maps.npy", content)
    return stream.getvalue()


def test_no_more_is_unpacked_than_the_header_says() -> None:
    image = load_image(zipped(npy(np.ones((2, 3), np.float32)) + bytes(50_000_000)))
    np.testing.assert_array_equal(image.values, np.ones((1, 2, 3)))


def test_an_archive_whose_header_says_too_much_is_refused_before_unpacking() -> None:
    assert refusal(zipped(headed("(20000, 20000)"))).startswith(
        "standard input: it has 20000×20000 = 400000000 numbers, the limit is 200000000."
    )


def test_an_archive_whose_array_is_cut_off_is_refused() -> None:
    assert refusal(zipped(headed("(20, 20)", data=bytes(30)))) == DAMAGED


# Damage


@pytest.mark.parametrize(
    "data",
    [npy(np.ones((3, 4))), npz(maps=np.ones((2, 3, 4)), names=np.array(["x", "y"])), zipped(npy(np.ones((3, 4))))],
    ids=["npy", "npz", "deflated npz"],
)
def test_an_array_cut_off_anywhere_is_refused(data: bytes) -> None:
    for end in range(6, len(data)):
        assert refusal(data[:end]) == DAMAGED


SEEDS = [
    npy(np.ones((3, 4))),
    npz(maps=np.ones((2, 3, 4)), names=np.array(["x", "y"])),
    zipped(npy(np.ones((3, 4)))),
]


@settings(max_examples=300)
@given(seed=st.sampled_from(SEEDS), changes=st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), max_size=5))
def test_a_damaged_array_is_read_or_refused(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    try:
        image = load_image(bytes(data), max_pixels=10**6)
    except FileError:
        return
    assert len(image.channel_names) == len(image.values)
