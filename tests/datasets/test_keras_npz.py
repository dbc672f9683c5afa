"""Tests of the reader of datasets in the format of Keras."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from cnnfx.datasets import load_dataset
from cnnfx.errors import FileError
from tests.datasets.idx_files import PIXELS, equals


def save(path, arrays, **changed):
    """Write the arrays with changes, without those that are None, and return the path."""
    named = dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True)) | changed
    np.savez_compressed(path, **{name: array for name, array in named.items() if array is not None})
    return path


def error_message(path):
    """Return the message of the error for a path, without the path."""
    with pytest.raises(FileError) as caught:
        load_dataset(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mnist.npz"


def test_a_file_is_loaded_as_a_dataset(path, arrays):
    data = load_dataset(save(path, arrays))
    assert equals(data, arrays)
    assert (data.name, data.classes) == ("mnist.npz", tuple("0123456789"))


def test_a_folder_with_such_a_file_is_loaded_as_a_dataset(path, arrays):
    save(path, arrays)
    assert equals(load_dataset(path.parent), arrays)


def test_channels_last_images_and_labels_in_a_column_are_read(path, arrays):
    colored = {
        name: np.stack([x, x // 2, x // 3], axis=-1) for name, x in (("x_train", arrays[0]), ("x_test", arrays[2]))
    }
    data = load_dataset(save(path, arrays, y_train=arrays[1][:, None], **colored))
    assert data.train_images.shape == (40, 3, 28, 28)
    assert np.array_equal(data.train_images[:, 1], arrays[0] // 2)
    assert np.array_equal(data.train_labels, arrays[1])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"y_test": None, "x_test": None},
            "it has no array x_test, y_test. Keras' archives hold x_train, y_train, x_test and y_test.",
        ),
        ({"x_train": np.array([{}])}, "x_train holds object values. Pixels are numbers."),
        ({"x_train": np.ones((40, 28, 28), np.complex64)}, "x_train holds complex64 values. Pixels are numbers."),
        ({"y_train": np.ones(40)}, "y_train holds float64 values. Labels are whole numbers."),
        (
            {"x_train": np.full((40, 28, 28), 1.5)},
            f"x_train holds float64 numbers of 1.5 to 1.5. {PIXELS}",
        ),
        (
            {"x_train": np.full((40, 28, 28), -np.inf)},
            "x_train holds 31360 numbers that are NaN or infinite, in 40 of 40 images, the first in image 0, counted "
            "from 0. Pixels are numbers.",
        ),
        (
            {"x_train": np.full((40, 28, 28), 256)},
            "its training images hold whole numbers up to 256, its test images up to 255. Scale both to the same "
            "range, 0 to 255 or 0 to 65535.",
        ),
        (
            {"x_train": np.zeros((40, 784), np.uint8)},
            "x_train has the shape (40, 784). Images are (N, H, W) or (N, H, W, C), C 1 or 3.",
        ),
        (
            {"x_test": np.zeros((20, 28, 29), np.uint8)},
            "x_train and x_test hold images of the shapes (1, 28, 28) and (1, 28, 29) (C, H, W).",
        ),
        ({"y_train": np.zeros((40, 10), int)}, "y_train has the shape (40, 10). "
         "Labels are one number per image, (N,)."),
        ({"y_train": np.full(40, -1)}, "y_train holds labels of -1 to -1. They count from 0."),
        ({"y_train": np.zeros(39, int)}, "y_train: it holds 39 labels for the 40 images of x_train. "
         "Get both files from the same place."),
        ({"y_test": np.full(20, 12)}, "y_test: it holds the label 12; the training labels end at 9."),
    ],
)  # fmt: skip
def test_unsuitable_arrays_are_refused(path, arrays, changed, message):
    assert error_message(save(path, arrays, **changed)) == message


def test_images_divided_by_255_are_read(path, arrays):
    divided = {"x_train": arrays[0] / 255, "x_test": (arrays[2] / 255).astype(np.float16)}
    data = load_dataset(save(path, arrays, **divided))
    assert data.train_images.dtype == data.test_images.dtype == np.float32
    assert np.abs(data.train_images[:, 0] - arrays[0] / 255).max() < 1e-7
    assert np.abs(data.test_images[:, 0] - arrays[2] / 255).max() < 1e-3


def test_labels_with_gaps_are_numbered_and_named(path, arrays):
    data = load_dataset(save(path, arrays, y_train=2 * arrays[1] + 1, y_test=2 * arrays[3] + 1))
    assert data.classes == ("1", "3", "5", "7", "9", "11", "13", "15", "17", "19")
    assert np.array_equal(data.train_labels, arrays[1])
    assert np.array_equal(data.test_labels, arrays[3])


def test_a_truncated_file_is_refused(path, arrays):
    data = save(path, arrays).read_bytes()
    path.write_bytes(data[:-100])
    assert error_message(path) == "the archive is truncated or damaged. Get the file again."


def test_a_damaged_file_is_refused(path, arrays):
    data = bytearray(save(path, arrays).read_bytes())
    data[2000:2100] = bytes(100)
    path.write_bytes(data)
    assert error_message(path) == "the archive is truncated or damaged. Get the file again."


def save_huge_shape(path, arrays, in_directory):
    """Write images with a huge shape in their header and, if `in_directory`, a huge size in the zip directory."""
    save(path, arrays, x_train=None)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (3000000, 1000, 1000)}
    )
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", header.getvalue() + bytes(1000))
        if in_directory:
            archive.getinfo("x_train.npy").file_size = 3 * 10**12 + 1000
    return path


def test_an_array_shorter_than_its_header_says_is_refused_before_it_is_read(path, arrays):
    assert (
        error_message(save_huge_shape(path, arrays, in_directory=False))
        == "the archive is truncated or damaged. Get the file again."
    )


def test_too_many_images_are_refused_before_they_are_read(path, arrays):
    assert error_message(save_huge_shape(path, arrays, in_directory=True)) == (
        "x_train: it declares 3000000 images of 1000000 bytes, 2794.0 GiB in all; the limit is 2 GiB. "
        "The file is damaged, or the dataset is too large."
    )


@pytest.mark.parametrize("dtype", [np.uint16, np.int64, np.float64, ">u2"])
def test_whole_numbers_of_16_bits_keep_all_of_them_with_a_note(path, arrays, dtype):
    images = [(images.astype(int) * 257 - (images > 0)).astype(dtype) for images in (arrays[0], arrays[2])]
    data = load_dataset(save(path, arrays, x_train=images[0], x_test=images[1]))
    assert data.train_images.dtype == data.test_images.dtype == np.float32
    np.testing.assert_array_equal(np.rint(data.train_images[:, 0].astype(float) * 65535), images[0])
    np.testing.assert_array_equal(np.rint(data.test_images[:, 0].astype(float) * 65535), images[1])
    assert data.notes == (f"{path}: its pixels are whole numbers up to 65534, read as 16 bits: 65535 is white.",)


def test_whole_numbers_of_16_bits_and_fractions_have_the_same_white(path, arrays):
    data = load_dataset(save(path, arrays, x_train=arrays[0].astype(int) * 257, x_test=arrays[2] / 255))
    np.testing.assert_allclose(data.train_images[:, 0], arrays[0] / 255, atol=1e-7)
    np.testing.assert_allclose(data.test_images[:, 0], arrays[2] / 255, atol=1e-7)


def test_true_is_white(path, arrays):
    data = load_dataset(save(path, arrays, x_train=arrays[0] > 99, x_test=arrays[2] > 99))
    assert np.array_equal(data.train_images[:, 0], 255 * (arrays[0] > 99))
    assert data.test_images.dtype == np.uint8


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda x: x.astype(np.float32) * np.float32(0.99), "float32 numbers of 0 to 252.45"),
        (lambda x: x / 128 - 0.5, "float64 numbers of -0.5 to 1.4921875"),
        (lambda x: x.astype(np.int16) - 3, "int16 numbers of -3 to 252"),
        (lambda x: x.astype(np.int64) * 1000, "int64 numbers of 0 to 255000"),
        (lambda x: x.astype(np.float64) * 1000, "float64 numbers of 0 to 255000"),
    ],
)
def test_numbers_that_are_no_pixels_are_refused_with_their_kind(path, arrays, change, found):
    assert error_message(save(path, arrays, x_test=change(arrays[2]))) == f"x_test holds {found}. {PIXELS}"


def test_numbers_that_are_not_finite_are_counted(path, arrays):
    images = arrays[0] / 255
    images[7, 3, 4:6] = np.nan, np.inf
    images[9, 0, 0] = -np.inf
    assert error_message(save(path, arrays, x_train=images)) == (
        "x_train holds 3 numbers that are NaN or infinite, in 2 of 40 images, the first in image 7, counted from 0. "
        "Pixels are numbers."
    )


def test_an_array_without_images_is_refused(path, arrays):
    assert error_message(save(path, arrays, x_test=arrays[2][:0], y_test=arrays[3][:0])) == (
        "x_test holds no images: its shape is (0, 28, 28)."
    )
