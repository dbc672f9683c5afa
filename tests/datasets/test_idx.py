"""Tests of the reader of IDX files."""

from __future__ import annotations

import gzip
import io
import struct
import zlib

import numpy as np
import pytest

from cnnfx.datasets import dataset, load_dataset
from cnnfx.datasets.idx import read_idx
from cnnfx.errors import FileError
from tests.datasets.idx_files import NAMES, PIXELS, equals, idx_bytes, write_idx

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
IMAGES_FILE = idx_bytes(IMAGES)
ADVICE = "Get the file again."


def error_message(data, axes=3):
    with pytest.raises(FileError) as caught:
        read_idx("f", io.BytesIO(data), axes)
    return str(caught.value)


@pytest.mark.parametrize("data", [IMAGES_FILE, gzip.compress(IMAGES_FILE, mtime=0)])
def test_an_image_file_is_read_plain_or_gzipped(data):
    assert np.array_equal(read_idx("f", io.BytesIO(data), 3), IMAGES)


def test_a_label_file_is_read():
    assert read_idx("f", io.BytesIO(idx_bytes(np.array([3, 255]))), 1).tolist() == [3, 255]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", f"f: it is empty. {ADVICE}"),
        (b"<htm", "f: it is not an IDX file: it begins with b'<htm', not with b'\\x00\\x00\\x08\\x03'."),
        (b"\0\0", "f: it is not an IDX file: it begins with b'\\x00\\x00', not with b'\\x00\\x00\\x08\\x03'."),
        (
            idx_bytes(IMAGES.astype(">f4") + 0.5, kind=13),
            f"f: it holds float32 numbers of 0.5 to 23.5. {PIXELS}",
        ),
        (
            idx_bytes(IMAGES.astype(">i2") - 1, kind=11),
            f"f: it holds int16 numbers of -1 to 22. {PIXELS}",
        ),
        (
            idx_bytes(IMAGES.astype(">f8") * np.nan, kind=14),
            "f: it holds 24 numbers that are NaN or infinite, in 2 of 2 images, the first in image 0, counted from 0. "
            "Pixels are numbers.",
        ),
        (idx_bytes(IMAGES[0, 0]), "f: it holds labels, not images."),
        (idx_bytes(IMAGES[0]), "f: it holds an array of 2 axes, not images."),
        (IMAGES_FILE[:9], f"f: it is truncated: it holds fewer bytes than its header says. {ADVICE}"),
        (IMAGES_FILE[:-1], f"f: it is truncated: it holds fewer bytes than its header says. {ADVICE}"),
        (
            gzip.compress(IMAGES_FILE[:-1], mtime=0),
            f"f: it is truncated: it holds fewer bytes than its header says. {ADVICE}",
        ),
        (
            gzip.compress(IMAGES_FILE, mtime=0)[:-9],
            f"f: it is truncated: it holds fewer bytes than its header says. {ADVICE}",
        ),
        (
            gzip.compress(IMAGES_FILE, mtime=0)[:1],
            "f: it is not an IDX file: it begins with b'\\x1f', not with b'\\x00\\x00\\x08\\x03'.",
        ),
        (IMAGES_FILE + b"!", f"f: it is longer than its header says (2×3×4 bytes). {ADVICE}"),
        (
            gzip.compress(IMAGES_FILE + bytes(10**6), mtime=0),
            f"f: it is longer than its header says (2×3×4 bytes). {ADVICE}",
        ),
        (idx_bytes(np.zeros((0, 28, 28))), "f: it holds no images: its sizes are 0×28×28."),
        (
            struct.pack(">4B3I", 0, 0, 8, 3, 2**20, 1024, 1024),
            "f: it declares 1048576 images of 1048576 bytes, 1024.0 GiB in all; "
            "the limit is 2 GiB. The file is damaged, or the dataset is too large.",
        ),
    ],
)
def test_a_malformed_file_is_refused(data, message):
    assert error_message(data) == message


@pytest.mark.parametrize(("kind", "dtype"), [(9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")])
def test_whole_numbers_of_other_types_are_read_as_bytes(kind, dtype):
    images = read_idx("f", io.BytesIO(idx_bytes(IMAGES.astype(dtype), kind=kind)), 3)
    assert images.dtype == np.uint8
    assert np.array_equal(images, IMAGES)


def test_fractions_of_0_to_1_are_read_as_floats():
    images = read_idx("f", io.BytesIO(idx_bytes(IMAGES.astype(">f4") / 23, kind=13)), 3)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, IMAGES / np.float32(23), rtol=1e-6)


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (np.array([-1, 3], "i1"), 9, "f: it holds labels of -1 to 3. They are 0 to 10000."),
        (np.array([70_000, 3], ">i4"), 12, "f: it holds labels of 3 to 70000. They are 0 to 10000."),
        (np.array([0, 1], ">f4"), 13, "f: it holds float32 values. Labels are whole numbers."),
    ],
)
def test_labels_that_count_no_classes_are_refused(labels, kind, message):
    assert error_message(idx_bytes(labels, kind=kind), axes=1) == message


def test_fractions_and_images_of_two_levels_are_as_bright_as_bytes(tmp_path, arrays):
    bright = [array / 255 if array.ndim == 3 else array for array in arrays]
    folder = write_idx(tmp_path / "fractions", bright, kind=14)
    assert np.abs(load_dataset(folder).train_images[:, 0] - arrays[0] / 255).max() < 1e-7
    levels = [array > 127 if array.ndim == 3 else array for array in arrays]
    folder = write_idx(tmp_path / "levels", levels)
    assert np.array_equal(load_dataset(folder).train_images[:, 0], 255 * levels[0].astype(np.uint8))


def test_images_are_refused_where_labels_are_expected():
    assert error_message(IMAGES_FILE, axes=1) == "f: it holds images, not labels."


def test_damaged_compression_is_reported():
    damaged = gzip.compress(IMAGES_FILE, mtime=0)[:-8] + bytes(4) + struct.pack("<I", len(IMAGES_FILE))
    checksum = f"CRC check failed 0x0 != 0x{zlib.crc32(IMAGES_FILE):x}"
    assert error_message(damaged) == f"f: its compression is damaged ({checksum}). {ADVICE}"


def test_no_memory_is_allocated_for_more_than_the_file_can_hold(monkeypatch):
    monkeypatch.setattr(np, "empty", lambda *_: pytest.fail("memory was allocated"))
    data = gzip.compress(struct.pack(">4B3I", 0, 0, 8, 3, 1000, 1000, 1000) + bytes(1000))
    assert error_message(data) == f"f: it is truncated: it holds fewer bytes than its header says. {ADVICE}"
    monkeypatch.setattr(dataset, "MAX_DATASET_BYTES", 10**6)
    assert "the limit is 0 GiB" in error_message(data)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_of_four_idx_files_is_loaded_as_a_dataset(tmp_path, arrays, zipped):
    data = load_dataset(write_idx(tmp_path / "fashion", arrays, zipped=zipped))
    assert data.name == "fashion"
    assert equals(data, arrays)
    assert data.train_images.shape == (40, 1, 28, 28)
    assert (data.train_images.dtype, data.train_labels.dtype) == (np.uint8, np.int64)
    assert data.classes == tuple("0123456789")
    assert data.notes == ()


def test_a_file_selects_one_of_several_datasets_in_a_folder(tmp_path, arrays):
    write_idx(tmp_path, arrays, prefix="a-")
    write_idx(tmp_path, (arrays[0][:20], arrays[1][:20], *arrays[2:]), prefix="b-")
    assert len(load_dataset(tmp_path / "b-train-images-idx3-ubyte").train_images) == 20
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: it holds several datasets (a, b). Give the file of training images of one of them."
    )


def test_emnist_is_transposed_back_with_a_note(tmp_path, arrays):
    transposed = (arrays[0].swapaxes(1, 2), arrays[1], arrays[2].swapaxes(1, 2), arrays[3])
    data = load_dataset(write_idx(tmp_path, transposed, prefix="emnist-digits-"))
    assert equals(data, arrays)
    assert data.notes == (f"{tmp_path}: EMNIST's images are transposed in its files; they were transposed back.",)


def test_the_message_names_a_missing_file(tmp_path, arrays):
    write_idx(tmp_path, arrays)
    (tmp_path / NAMES[3]).unlink()
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: there is no t10k-labels-idx1-ubyte (gzipped or not) with the other files of the dataset."
    )


def test_a_different_number_of_labels_and_images_is_refused(tmp_path, arrays):
    write_idx(tmp_path, (arrays[0], arrays[1][:39], *arrays[2:]))
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / NAMES[1]}: it holds 39 labels for the 40 images of {tmp_path / NAMES[0]}. "
        "Get both files from the same place."
    )


def test_a_test_label_that_is_not_in_training_is_refused(tmp_path, arrays):
    write_idx(tmp_path, (*arrays[:3], np.where(arrays[3] == 9, 11, arrays[3])))
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value) == f"{tmp_path / NAMES[3]}: it holds the label 11; the training labels end at 9."


def test_training_and_test_images_of_different_sizes_are_refused(tmp_path, arrays):
    write_idx(tmp_path, (*arrays[:2], arrays[2][:, :20], arrays[3]))
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: the images for training and for testing differ in size: 28×28 and 20×28."
    )


def test_the_message_names_a_file_that_cannot_be_read(tmp_path, arrays):
    write_idx(tmp_path, arrays)
    (tmp_path / NAMES[0]).unlink()
    (tmp_path / NAMES[0]).symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value) == f"{tmp_path / NAMES[0]}: it cannot be read: No such file or directory."


def test_a_folder_with_the_name_of_a_file_does_not_replace_it(tmp_path, arrays):
    write_idx(tmp_path, arrays)
    (tmp_path / NAMES[0]).unlink()
    (tmp_path / NAMES[0]).mkdir()
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: there is no {NAMES[0]} (gzipped or not) with the other files of the dataset."
    )


# --- archives as they are found


def write_twins(folder, arrays):
    """Write the files of a dataset as Kaggle's archive holds them: with a dot, and in folders of their own names."""
    write_idx(folder / "plain", arrays)
    for name in NAMES:
        (folder / name).mkdir()
        (folder / "plain" / name).rename(folder / name / name)
        (folder / name.replace("-idx", ".idx")).write_bytes((folder / name / name).read_bytes())
    (folder / "plain").rmdir()
    return folder


def test_files_with_a_dot_and_in_folders_of_their_names_are_found(tmp_path, arrays):
    folder = write_twins(tmp_path / "kaggle", arrays)
    for path in (folder, folder / "train-images.idx3-ubyte", folder / NAMES[0], folder / NAMES[0] / NAMES[0]):
        assert equals(load_dataset(path), arrays), path
    for name in NAMES:
        (folder / name.replace("-idx", ".idx")).unlink()
    for path in (folder, folder / NAMES[0], folder / NAMES[0] / NAMES[0]):
        assert equals(load_dataset(path), arrays), path


def test_the_files_of_torchvision_are_found_in_its_root(tmp_path, arrays):
    write_idx(tmp_path / "data" / "MNIST" / "raw", arrays)
    for path in ("data", "data/MNIST", "data/MNIST/raw"):
        data = load_dataset(tmp_path / path)
        assert equals(data, arrays)
        assert data.name == path.rpartition("/")[2]


def test_of_several_datasets_in_a_root_one_must_be_named(tmp_path, arrays):
    for name in ("MNIST", "FashionMNIST"):
        write_idx(tmp_path / name / "raw", arrays)
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path)
    fashion, mnist = tmp_path / "FashionMNIST" / "raw", tmp_path / "MNIST" / "raw"
    assert str(caught.value) == f"{tmp_path}: it holds several datasets: {fashion}, {mnist}. Name one of them."


# --- labels and their names

LETTERS = "".join(f"{number} {64 + number} {96 + number}\n" for number in range(1, 27))


def write_letters(folder, arrays, mapping=LETTERS):
    images = [np.concatenate([array] * 3)[:52] for array in (arrays[0], arrays[2])]
    labels = np.arange(52) % 26 + 1
    prefix = "emnist-letters-"
    write_idx(folder, (images[0], labels, images[1], labels), prefix=prefix)
    if mapping is not None:
        (folder / f"{prefix}mapping.txt").write_text(mapping)
    return folder


def test_labels_are_named_by_the_mapping_beside_them(tmp_path, arrays):
    data = load_dataset(write_letters(tmp_path, arrays))
    assert "".join(data.classes) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert data.train_labels.tolist() == data.test_labels.tolist() == [*range(26)] * 2


def test_without_a_mapping_labels_are_named_by_their_numbers(tmp_path, arrays):
    data = load_dataset(write_letters(tmp_path, arrays, None))
    assert data.classes == tuple(map(str, range(1, 27)))
    assert data.train_labels.tolist() == [*range(26)] * 2


def test_gaps_in_the_labels_are_closed(tmp_path, arrays):
    data = load_dataset(write_idx(tmp_path, (arrays[0], arrays[1] * 3, arrays[2], arrays[3] * 3)))
    assert data.classes == ("0", "3", "6", "9", "12", "15", "18", "21", "24", "27")
    assert np.array_equal(data.train_labels, arrays[1])
    assert np.array_equal(data.test_labels, arrays[3])


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("1 65 97\n2 66\n\n3 x", "line 4 is not a new label and the codes of its characters, such as 1 65 97."),
        ("1 65\n1 66", "line 2 is not a new label and the codes of its characters, such as 1 65 97."),
        ("1", "line 1 is not a new label and the codes of its characters, such as 1 65 97."),
        ("1 10", "line 1 is not a new label and the codes of its characters, such as 1 65 97."),
        ("1 55296", "line 1 is not a new label and the codes of its characters, such as 1 65 97."),
        ("1 99999999", "line 1 is not a new label and the codes of its characters, such as 1 65 97."),
        (f"1 {'9' * 5000}", "line 1 is not a new label and the codes of its characters, such as 1 65 97."),
        ("1 65", "it does not name the label 2 of emnist-letters-train-labels-idx1-ubyte."),
        (LETTERS.replace("66", "65"), "it gives two labels the same name."),
        ("\x00\xff", "line 1 is not a new label and the codes of its characters, such as 1 65 97."),
    ],
)
def test_a_damaged_mapping_is_refused(tmp_path, arrays, mapping, message):
    with pytest.raises(FileError) as caught:
        load_dataset(write_letters(tmp_path, arrays, mapping))
    assert str(caught.value) == f"{tmp_path / 'emnist-letters-mapping.txt'}: {message}"
