"""Tests of datasets of class folders."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cnnfx.datasets import load_dataset
from cnnfx.datasets.image_folder import load_class_folders
from cnnfx.errors import FileError

COLORS = {"cat": (200, 100, 0), "dog": (0, 100, 200), "10": (10, 10, 10), "9": (9, 9, 9)}
LUMA = {"cat": 118, "dog": 82, "10": 10, "9": 9}


def fill(folder, counts, *, size=(12, 10)):
    """Write `counts[name]` images of each class in its color and return the folder. `size` is (width, height)."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            Image.new("RGB", size, COLORS[name]).save(folder / name / f"{index}.png")
    return folder


def error_message(folder, **options):
    with pytest.raises(FileError) as caught:
        load_dataset(folder, **options)
    return str(caught.value)


def test_classes_are_the_folders_sorted_by_number_and_name(tmp_path):
    data = load_dataset(fill(tmp_path / "pets", {"dog": 2, "cat": 2, "10": 2, "9": 2}))
    assert data.name == "pets"
    assert data.classes == ("9", "10", "cat", "dog")
    assert data.train_labels.tolist() == data.test_labels.tolist() == [0, 1, 2, 3]
    assert data.train_images[:, 0, 0, 0].tolist() == [LUMA[name] for name in data.classes]
    assert data.train_images.shape == (4, 1, 10, 12)
    assert (data.train_images.dtype, data.train_labels.dtype) == (np.uint8, np.int64)
    assert data.notes == ()


def test_color_images_have_three_channels(tmp_path):
    data = load_dataset(fill(tmp_path, {"cat": 2, "dog": 2}), channels="rgb")
    assert data.train_images[:, :, 5, 5].tolist() == [[200, 100, 0], [0, 100, 200]]


def test_images_are_resized_with_a_note(tmp_path):
    data = load_dataset(fill(tmp_path, {"cat": 3, "dog": 3}), size=7)
    assert data.train_images.shape == (4, 1, 7, 7)
    assert np.ptp(data.train_images[0]) == 0
    assert data.notes == (f"{tmp_path}: 6 of its 6 images were resized to 7×7.",)


def test_large_images_are_resized_to_28_by_28(tmp_path):
    assert load_dataset(fill(tmp_path, {"cat": 2, "dog": 2}, size=(100, 90))).train_images.shape == (2, 1, 28, 28)


def test_images_are_resized_to_the_size_of_the_first(tmp_path):
    fill(tmp_path, {"cat": 2})
    fill(tmp_path, {"dog": 2}, size=(50, 50))
    data = load_dataset(tmp_path)
    assert data.train_images.shape == (2, 1, 10, 12)
    assert data.notes == (f"{tmp_path}: 2 of its 4 images were resized to 12×10.",)


def test_shrinking_averages_pixels(tmp_path):
    checks = (np.indices((56, 56)).sum(axis=0) % 2 * 254).astype(np.uint8)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for index in range(2):
            Image.fromarray(checks).save(tmp_path / name / f"{index}.png")
    inner = load_dataset(tmp_path, size=28).train_images[:, :, 1:-1, 1:-1]
    assert abs(inner.astype(int) - 127).max() <= 1


def test_one_of_six_of_each_class_is_for_testing_chosen_by_the_seed(tmp_path):
    fill(tmp_path, {"cat": 12, "dog": 7})
    for index, path in enumerate(sorted(tmp_path.glob("*/*.png"))):
        Image.new("L", (4, 4), index).save(path)
    first, again = load_dataset(tmp_path), load_dataset(tmp_path)
    assert np.bincount(first.train_labels).tolist() == [10, 6]
    assert np.bincount(first.test_labels).tolist() == [2, 1]
    levels = [*first.train_images[:, 0, 0, 0], *first.test_images[:, 0, 0, 0]]
    assert sorted(levels) == list(range(19))
    assert np.array_equal(first.test_images, again.test_images)
    assert not np.array_equal(first.test_images, load_dataset(tmp_path, seed=1).test_images)


@pytest.mark.parametrize("test", ["test", "val", "Validation"])
def test_folders_called_train_and_test_split_the_dataset(tmp_path, test):
    fill(tmp_path / "train", {"cat": 3, "dog": 1})
    fill(tmp_path / test, {"cat": 1, "dog": 2})
    data = load_dataset(tmp_path)
    assert data.classes == ("cat", "dog")
    assert (data.train_labels.tolist(), data.test_labels.tolist()) == ([0, 0, 0, 1], [0, 1, 1])


def test_progress_is_reported(tmp_path):
    reports = []
    load_class_folders(fill(tmp_path, {"cat": 2, "dog": 2}), progress=lambda *report: reports.append(report))
    assert reports == [("images", done, 4) for done in (1, 2, 3, 4)]


def test_different_classes_for_training_and_testing_are_refused(tmp_path):
    fill(tmp_path / "train", {"cat": 1, "dog": 1})
    fill(tmp_path / "test", {"cat": 1, "9": 1})
    assert error_message(tmp_path) == f"{tmp_path}: train and test do not hold the same classes. In one only: 9, dog."


def test_a_single_class_is_refused(tmp_path):
    assert error_message(fill(tmp_path, {"cat": 2})) == (
        f"{tmp_path}: it holds only the class cat. At least two are needed, each a sub-folder of images."
    )


def test_an_empty_class_is_refused(tmp_path):
    fill(tmp_path, {"cat": 2, "dog": 0})
    assert error_message(tmp_path) == (f"{tmp_path / 'dog'}: it holds no pictures that can be read.")


def test_a_class_of_one_image_is_refused(tmp_path):
    assert error_message(fill(tmp_path, {"cat": 2, "dog": 1})) == (
        f"{tmp_path / 'dog'}: it holds one image. At least two are needed, for training and for testing."
    )


def test_the_message_names_an_image_that_cannot_be_read(tmp_path):
    fill(tmp_path, {"cat": 2, "dog": 2})
    path = tmp_path / "dog" / "0.png"
    path.write_bytes(b"not a picture")
    assert error_message(tmp_path).startswith(f"{path}: it is not an image that can be read.")


def test_a_folder_without_a_dataset_is_refused(tmp_path):
    assert error_message(tmp_path) == (
        f"{tmp_path}: it holds no dataset. Known are four IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte, "
        "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; gzipped or not), Keras' mnist.npz, "
        "or one sub-folder of images per class."
    )


def test_too_much_memory_is_refused_before_it_is_allocated(tmp_path):
    assert error_message(fill(tmp_path, {"cat": 2, "dog": 2}), size=30_000) == (
        f"{tmp_path}: it declares 4 images of 900000000 bytes, 3.4 GiB in all; the limit is 2 GiB. "
        "The file is damaged, or the dataset is too large."
    )


# --- files that cannot be read


def with_bad_files(folder, count=3):
    """Write 12 images of two classes, of which the first `count` of the dogs cannot be read, and return the folder."""
    fill(folder, {"cat": 12, "dog": 12})
    for number in range(count):
        (folder / "dog" / f"{number}.png").write_bytes(b"")
    return folder


EMPTY = "it is empty. The program that made it may have failed"


def test_all_files_that_cannot_be_read_are_named_in_one_message(tmp_path):
    folder = with_bad_files(tmp_path / "pets")
    problems = "; ".join(f"{folder / 'dog' / name}: {EMPTY}" for name in ("0.png", "1.png", "2.png"))
    assert error_message(folder) == f"{folder}: 3 of its 24 images cannot be read: {problems}."


def test_of_many_files_that_cannot_be_read_the_first_ten_are_named(tmp_path):
    message = error_message(with_bad_files(tmp_path / "pets", 12))
    assert message.startswith(f"{tmp_path / 'pets'}: 12 of its 24 images cannot be read: ")
    assert message.count("it is empty") == 10
    assert message.endswith("may have failed; and 2 more.")


def test_files_that_cannot_be_read_can_be_left_out_with_a_note(tmp_path):
    folder = with_bad_files(tmp_path / "pets", 2)
    data = load_dataset(folder, skip_bad=True)
    problems = "; ".join(f"{folder / 'dog' / name}: {EMPTY}" for name in ("0.png", "1.png"))
    assert data.notes == (f"{folder}: 2 of its 24 images were skipped: {problems}.",)
    assert data.skipped == 2
    assert len(data.train_images) + len(data.test_images) == 22
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        assert images[:, 0, 0, 0].tolist() == [LUMA[data.classes[label]] for label in labels]
    whole = load_dataset(fill(tmp_path / "whole" / "pets", {"cat": 12, "dog": 12}))
    assert whole.skipped == 0
    assert np.array_equal(whole.test_labels[:2], data.test_labels[:2])  # the same images are for testing


def test_a_class_without_a_readable_image_is_refused(tmp_path):
    folder = with_bad_files(tmp_path / "pets", 12)
    with pytest.raises(FileError) as caught:
        load_dataset(folder, skip_bad=True)
    assert str(caught.value) == (
        f"{folder}: no training image of the class dog can be read. {folder / 'dog' / '0.png'}: {EMPTY}."
    )


def test_notes_of_single_images_are_counted(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            frames = [Image.new("L", (9, 9), 80 * k) for k in range(number + 1)]
            frames[0].save(tmp_path / name / f"{number}.gif", save_all=True, append_images=frames[1:])
        (tmp_path / name / "readme.txt").write_text("text")
    notes = load_dataset(tmp_path).notes
    assert notes[0] == f"{tmp_path / 'cat'}: 1 file passed over: readme.txt; not a picture that can be read."
    assert notes[2].startswith(f"{tmp_path}: 2 of its images: it holds 2 frames")
    assert notes[3].startswith(f"{tmp_path}: 2 of its images: it holds 3 frames")


# --- folders named as parts of a data set


@pytest.mark.parametrize("names", [("train", "bus"), ("test", "exam"), ("val", "peak"), ("train", "test", "bus")])
def test_a_class_may_be_named_as_a_part_of_a_data_set(tmp_path, names):
    for name in names:
        for number in range(2):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.new("L", (4, 4), 9).save(tmp_path / name / f"{number}.png")
    assert load_dataset(tmp_path).classes == tuple(sorted(names))


def test_a_class_called_train_may_hold_its_images_in_sub_folders(tmp_path):
    for name in ("train/steam", "train/electric", "bus"):
        (tmp_path / name).mkdir(parents=True)
        for number in range(2):
            Image.new("L", (4, 4), 9).save(tmp_path / name / f"{number}.png")
    assert load_dataset(tmp_path).classes == ("bus", "train")


def test_parts_without_class_folders_are_refused(tmp_path):
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
        Image.new("L", (4, 4), 9).save(tmp_path / name / "0.png")
    assert error_message(tmp_path) == (
        f"{tmp_path}: its folders test and train are named as parts of a data set, but hold no class folders. Put the "
        "images of each class into a sub-folder of each part."
    )


def test_parts_that_are_not_used_are_named(tmp_path):
    fill(tmp_path / "train", {"cat": 3, "dog": 3})
    fill(tmp_path / "val", {"cat": 1, "dog": 1})
    (tmp_path / "test").mkdir()
    Image.new("L", (4, 4), 9).save(tmp_path / "test" / "0.png")  # without labels, as in competitions
    data = load_dataset(tmp_path)
    assert (len(data.train_labels), len(data.test_labels)) == (6, 2)
    assert data.notes == (f"{tmp_path}: its folder test is not used.",)


def test_a_folder_whose_name_begins_with_an_underscore_is_a_class(tmp_path):
    fill(tmp_path, {"cat": 2, "dog": 2})
    (tmp_path / "dog").rename(tmp_path / "_unknown_")
    (tmp_path / "__MACOSX").mkdir()
    assert load_dataset(tmp_path).classes == ("_unknown_", "cat")
