"""The order of the axes of arrays: channels first, or last."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import cnnfx
from cnnfx.images import load_image
from cnnfx.images.axes import has_channels_last
from cnnfx.images.load import as_image

RANDOM = np.random.default_rng(3)
PIXELS = RANDOM.integers(0, 256, (8, 6, 4), dtype=np.uint8)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def note(shape: str, ending: str = "") -> str:
    return f"standard input: its array of shape {shape} is read as rows, columns and channels{ending}."


@pytest.mark.parametrize("shape", [(5, 6, 1), (5, 6, 3), (640, 480, 4), (5, 1, 3), (5, 3, 3), (5, 2, 4)])
def test_a_last_axis_of_1_3_or_4_after_a_longer_first_one_is_channels(shape: tuple[int, int, int]) -> None:
    assert has_channels_last(shape)


@pytest.mark.parametrize("shape", [(3, 640, 3), (4, 480, 4), (1, 9, 3), (64, 1, 1), (64, 48, 2), (64, 48, 5)])
def test_other_arrays_have_their_channels_first(shape: tuple[int, int, int]) -> None:
    assert not has_channels_last(shape)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
@pytest.mark.parametrize("batch", [False, True])
def test_rows_columns_and_colors_are_read_with_a_note(dtype: type, batch: bool) -> None:
    array = PIXELS[..., :3].astype(dtype)
    image = load_image(npy(array[np.newaxis] if batch else array))
    np.testing.assert_array_equal(image.values, array.transpose(2, 0, 1))
    assert image.values.dtype == np.float32
    assert image.values.flags.c_contiguous
    assert image.channel_names == ("red", "green", "blue")
    assert image.notes == (note("(8, 6, 3)"),)


def test_a_last_axis_of_one_channel_is_gray() -> None:
    image = load_image(npy(PIXELS[..., :1]))
    np.testing.assert_array_equal(image.values, PIXELS[..., :1].transpose(2, 0, 1))
    assert image.channel_names == ("gray",)
    assert image.notes == (note("(8, 6, 1)"),)


def test_a_batch_of_one_image_with_channels_first_is_read() -> None:
    image = load_image(npy(PIXELS.transpose(2, 0, 1)[np.newaxis]))
    np.testing.assert_array_equal(image.values, PIXELS.transpose(2, 0, 1))
    assert image.channel_names == ("0", "1", "2", "3")
    assert image.notes == ()


@pytest.mark.parametrize(("background", "level"), [("white", 255), ("black", 0)])
@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_opacity_is_composited_over_the_background(dtype: type, largest: int, background: str, level: int) -> None:
    array = np.zeros((8, 6, 4), dtype)
    array[..., 0], array[:4, :, 3] = largest, largest
    image = load_image(npy(array), background=background)
    assert image.channel_names == ("red", "green", "blue")
    assert image.notes == (note("(8, 6, 4)", ", the last of them opacity"),)
    np.testing.assert_array_equal(image.values[:, 0, 0], [largest, 0, 0])
    np.testing.assert_allclose(image.values[:, 7, 5], np.full(3, level / 255 * largest))


@pytest.mark.parametrize("array", [PIXELS.astype(np.int32), PIXELS.astype(np.float32)], ids=["int32", "0..255"])
def test_opacity_of_unknown_range_stays_a_channel(array: np.ndarray) -> None:
    image = load_image(npy(array))
    np.testing.assert_array_equal(image.values, array.transpose(2, 0, 1))
    assert image.channel_names == ("red", "green", "blue", "alpha")
    assert image.notes == (note("(8, 6, 4)"),)


def test_the_only_array_of_an_archive_can_have_its_channels_last(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", PIXELS[..., :3])
    assert load_image(tmp_path / "a.npz").shape == (3, 8, 6)


def test_feature_maps_always_have_their_channels_first(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", maps=PIXELS[..., :3])
    image = load_image(tmp_path / "a.npz")
    assert image.shape == (8, 6, 3)
    assert image.notes == ()


def test_an_array_in_memory_can_have_its_channels_last() -> None:
    image = as_image(PIXELS[..., :3], name="photo")
    np.testing.assert_array_equal(image.values, PIXELS[..., :3].transpose(2, 0, 1))
    assert image.values.dtype == np.uint8
    assert not image.is_array
    assert image.notes == ("photo: its array of shape (8, 6, 3) is read as rows, columns and channels.",)
    assert as_image(PIXELS[np.newaxis], background="black").channel_names == ("red", "green", "blue")


def test_pixels_of_the_other_byte_order_are_pixels() -> None:
    pixels = RANDOM.integers(0, 2**16, (8, 6, 4), dtype=np.uint16)
    swapped = pixels.astype(pixels.dtype.newbyteorder("S"))
    image = as_image(swapped[..., 0])
    assert image.values.dtype == np.uint16
    assert not image.is_array
    np.testing.assert_array_equal(image.values, pixels[np.newaxis, ..., 0])
    composited = load_image(npy(pixels)).values
    assert len(composited) == 3
    np.testing.assert_array_equal(load_image(npy(swapped)).values, composited)


def test_feature_maps_of_an_array_with_channels_last_are_those_with_channels_first() -> None:
    colors = cnnfx.load_network("colors")
    array = RANDOM.random((40, 30, 3), np.float32)
    expected = colors.feature_maps(array.transpose(2, 0, 1), ("red", "green", "blue"))[-1]
    np.testing.assert_array_equal(colors.feature_maps(array)[-1], expected)
    np.testing.assert_array_equal(colors(array), expected)


def test_a_network_that_reads_the_first_axis_as_channels_gets_it_so() -> None:
    network = cnnfx.load_network("edges").bind([str(number) for number in range(40)])
    array = RANDOM.random((40, 30, 3), np.float32)
    assert network.feature_maps(array)[0].shape == (4, 28, 1)


def test_a_transparent_pixel_may_be_infinite() -> None:
    array = np.full((8, 6, 4), 0.5, np.float32)
    array[0, 0] = np.inf, 0, 0, 0
    values = load_image(npy(array), background="white").values
    np.testing.assert_array_equal(values[:, 0, 0], [1, 1, 1])
    np.testing.assert_allclose(values[:, 2, 2], 0.75)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_last_channel_that_is_not_finite_is_no_opacity(value: float) -> None:
    array = np.full((8, 6, 4), 0.5, np.float32)
    array[1, 1, 3] = value
    assert load_image(npy(array)).channel_names == ("red", "green", "blue", "alpha")
