"""Tests of datasets of class folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnfx.datasets import load_dataset
from cnnfx.datasets.bad_files import grouped_names
from cnnfx.datasets.image_folder import load_class_folders
from cnnfx.errors import FileError

COLORS = {"cat": (200, 100, 0), "dog": (0, 100, 200), "10": (10, 10, 10), "9": (9, 9, 9)}
LUMA = {"cat": 118, "dog": 82, "10": 10, "9": 9}


def fill(folder, counts, *, size=(12, 10)):
    """Write images of each class in its color and return the folder.

    There are `counts[name]` images of a class; the last pixel of each is another. `size` is (width, height).
    """
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            image = Image.new("RGB", size, COLORS[name])
            image.putpixel((size[0] - 1, size[1] - 1), (255, 0, 0) if index % 2 else (0, 255, 255))
            image.save(folder / name / f"{index}.png")
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
    assert np.ptp(data.train_images[0, :, :-1, :-1]) == 0
    assert data.notes == (f"{tmp_path}: 6 of its 6 images were resized to 7×7.",)


def test_large_images_are_resized_to_28_by_28(tmp_path):
    assert load_dataset(fill(tmp_path, {"cat": 2, "dog": 2}, size=(100, 90))).train_images.shape == (2, 1, 28, 28)


def test_images_are_resized_to_the_size_of_the_first(tmp_path):
    fill(tmp_path, {"cat": 2})
    fill(tmp_path, {"dog": 2}, size=(20, 20))
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


def test_all_classes_of_one_image_are_named(tmp_path):
    assert error_message(fill(tmp_path, {"cat": 1, "dog": 1, "9": 2, "10": 1})) == (
        f"{tmp_path / '10'}: it holds one image. At least two are needed, for training and for testing. "
        "So do cat and dog."
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


def test_of_many_files_that_cannot_be_read_all_are_named_by_folder(tmp_path):
    folder = with_bad_files(tmp_path / "pets", 12)
    (folder / "cat" / "9.png").write_bytes(b"")
    names = ", ".join(f"{number}.png" for number in range(12))
    assert error_message(folder) == (
        f"{folder}: 13 of its 24 images cannot be read: 1 of 12 in cat (9.png), all 12 in dog ({names}). "
        f"The first is {folder / 'cat' / '9.png'}: {EMPTY}."
    )


def test_each_of_ten_files_that_cannot_be_read_is_explained(tmp_path):
    message = error_message(with_bad_files(tmp_path / "pets", 10))
    assert message.count("it is empty") == 10


def test_five_hundred_files_that_cannot_be_read_are_named_in_one_message(tmp_path):
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(125):
                (tmp_path / part / name / f"{number}.png").write_bytes(b"")
    message = error_message(tmp_path)
    assert message.startswith(f"{tmp_path}: 500 of its 500 images cannot be read: all 125 in test/cat (0.png, 1.png, ")
    assert message.count(".png") == 501
    assert [f"all 125 in {part}/{name} (" in message for part in ("test", "train") for name in ("cat", "dog")] == 4 * [
        True
    ]
    assert len(message) < 7000


def test_more_than_a_thousand_names_are_counted():
    folder = Path("pets")
    files = [folder / name / f"{number}.png" for name in ("cat", "dog") for number in range(700)]
    text = grouped_names(folder, files, files)
    assert text.startswith("all 700 in cat (0.png, 1.png, ")
    assert text.endswith(", 299.png, 400 more)")


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


def test_a_class_without_a_readable_training_image_is_left_out_with_a_note(tmp_path):
    folder = with_bad_files(tmp_path / "pets", 12)
    fill(folder, {"9": 2, "10": 2})
    data = load_dataset(folder, skip_bad=True)
    assert data.classes == ("9", "10", "cat")
    assert (data.train_labels.tolist(), data.test_labels.tolist()) == ([0, 1, *10 * [2]], [0, 1, 2, 2])
    assert data.train_images[:, 0, 0, 0].tolist() == [LUMA[data.classes[label]] for label in data.train_labels]
    assert data.notes[0] == f"{folder}: the class dog is left out: no training image of it can be read."
    assert data.skipped == 12


def test_a_class_in_the_test_folder_alone_is_left_out_too(tmp_path):
    for part in ("train", "test"):
        fill(tmp_path / part, {"cat": 2, "dog": 2, "9": 2})
    for number in range(2):
        (tmp_path / "train" / "cat" / f"{number}.png").write_bytes(b"")
    data = load_dataset(tmp_path, skip_bad=True)
    assert data.classes == ("9", "dog")
    assert data.train_labels.tolist() == data.test_labels.tolist() == [0, 0, 1, 1]
    assert data.test_images[:, 0, 0, 0].tolist() == [9, 9, LUMA["dog"], LUMA["dog"]]


def test_a_class_without_a_readable_test_image_is_kept(tmp_path):
    for part in ("train", "test"):
        fill(tmp_path / part, {"cat": 1, "dog": 1})
    (tmp_path / "test" / "cat" / "0.png").write_bytes(b"")
    data = load_dataset(tmp_path, skip_bad=True)
    assert data.classes == ("cat", "dog")
    assert (data.train_labels.tolist(), data.test_labels.tolist()) == ([0, 1], [1])


def test_one_class_with_readable_images_is_refused(tmp_path):
    folder = with_bad_files(tmp_path / "pets", 12)
    with pytest.raises(FileError) as caught:
        load_dataset(folder, skip_bad=True)
    names = ", ".join(f"{number}.png" for number in range(12))
    assert str(caught.value) == (
        f"{folder}: training images can be read only of the class cat. At least two classes are needed. {folder}: 12 "
        f"of its 24 images cannot be read: all 12 in dog ({names}). The first is {folder / 'dog' / '0.png'}: {EMPTY}."
    )


def test_no_class_with_readable_images_is_refused(tmp_path):
    fill(tmp_path, {"cat": 2, "dog": 2})
    for path in tmp_path.glob("*/*.png"):
        path.write_bytes(b"")
    with pytest.raises(FileError) as caught:
        load_dataset(tmp_path, skip_bad=True)
    assert str(caught.value).startswith(
        f"{tmp_path}: no training image can be read. At least two classes are needed. {tmp_path}: 4 of its 4 "
    )


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "gif", "webp", "ppm"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9])
def test_cut_off_pictures_of_all_kinds_are_named_and_left_out(tmp_path, kind, share):
    for name, level in (("cat", 3), ("dog", 5), ("eel", 7)):
        (tmp_path / name).mkdir()
        for number in range(3):
            pixels = np.random.default_rng([level, number]).integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.{kind}")
    whole = {path: path.read_bytes() for path in tmp_path.glob("eel/*")}
    for path, content in whole.items():
        path.write_bytes(content[: int(share * len(content))])
    message = error_message(tmp_path)
    assert message.startswith(f"{tmp_path}: 3 of its 9 images cannot be read: ")
    assert all(str(path) in message for path in whole)
    data = load_dataset(tmp_path, skip_bad=True)
    assert (data.classes, data.skipped, len(data.train_labels)) == (("cat", "dog"), 3, 4)


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


def test_classes_that_differ_in_case_only_are_two_with_a_note(tmp_path):
    fill(tmp_path, {"cat": 2, "dog": 2})
    (tmp_path / "dog").rename(tmp_path / "Cat")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("the file system does not distinguish upper and lower case")
    data = load_dataset(tmp_path)
    assert data.classes == ("Cat", "cat")
    assert data.notes == (f"{tmp_path}: its classes Cat and cat differ in upper and lower case only.",)


def test_of_two_folders_for_training_one_is_used_and_the_other_named(tmp_path):
    for part in ("train", "Training", "val"):
        fill(tmp_path / part, {"cat": 1, "dog": 1})
    assert load_dataset(tmp_path).notes == (f"{tmp_path}: its folder Training is not used.",)


def test_a_link_to_itself_is_no_class(tmp_path):
    fill(tmp_path, {"cat": 2, "dog": 2})
    (tmp_path / "loop").symlink_to("loop")
    assert load_dataset(tmp_path).classes == ("cat", "dog")


# --- images of one color


def test_images_of_one_color_are_named(tmp_path):
    fill(tmp_path, {"cat": 3, "dog": 3})
    for name in ("cat/0.png", "dog/2.png"):
        Image.new("RGB", (12, 10), (1, 2, 3)).save(tmp_path / name)
    note = f"{tmp_path}: 2 of its 6 images have one color only: 1 of 3 in cat (0.png), 1 of 3 in dog (2.png)."
    for channels in ("gray", "rgb"):
        assert load_dataset(tmp_path, channels=channels).notes == (note,)


def test_an_image_of_one_pixel_is_not_one_of_one_color(tmp_path):
    assert load_dataset(fill(tmp_path, {"cat": 2, "dog": 2}), size=1).notes == (
        f"{tmp_path}: 4 of its 4 images were resized to 1×1.",
    )


# --- numbers of other kinds than 8 bits


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


LEVELS = np.arange(120).reshape(10, 12)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (LEVELS.astype(np.float32), "from 0 to 119: 1 of 2 in cat (1.tif). 1.tif is a 32-bit float TIFF"),
        (LEVELS.astype(np.float32) / 100, "from 0 to 1.19: 1 of 2 in cat (1.tif). 1.tif is a 32-bit float TIFF"),
        (LEVELS.astype(np.float32) / 128 - np.float32(0.25), "from -0.25 to 0.6796875: 1 of 2 in cat (1.tif). 1.tif "
         "is a 32-bit float TIFF"),
        (LEVELS.astype(np.int32) * 2**20 - 2**25, "from -0.015625 to 0.04248047: 1 of 2 in cat (1.tif). 1.tif is a "
         "32-bit signed integer TIFF"),
    ],
    ids=["0..119", "overshooting", "negative", "signed"],
)  # fmt: skip
def test_numbers_outside_of_0_to_1_are_refused_with_their_kind_also_if_bad_files_are_skipped(tmp_path, values, kind):
    for name in ("cat", "dog"):
        for number in range(2):
            save(tmp_path / name / f"{number}.tif", (LEVELS / np.float32(130)).astype(np.float32))
    save(tmp_path / "cat" / "1.tif", values)
    for skip_bad in (False, True):
        assert error_message(tmp_path, skip_bad=skip_bad) == (
            f"{tmp_path}: 1 of its 4 images has numbers outside of 0 (black) to 1 (white), {kind}. "
            "Scale all images in the same way, or save them with 8 or 16 bits."
        )


def test_a_pfm_outside_of_0_to_1_is_refused_with_its_kind(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(2):
            (tmp_path / name / f"{number}.pfm").write_bytes(b"Pf 12 10 -1\n" + LEVELS.astype("<f4").tobytes())
    assert ". 0.pfm is a PFM. Scale all images" in error_message(tmp_path)


def test_floats_that_are_not_finite_are_refused_with_their_count_or_left_out(tmp_path):
    for name in ("cat", "dog", "eel"):
        for number in range(2):
            save(tmp_path / name / f"{number}.tif", (LEVELS / np.float32(130) + number / 20).astype(np.float32))
    bad = (LEVELS / np.float32(130)).astype(np.float32)
    bad[3, 4:6] = np.nan, np.inf
    for number in range(2):
        save(tmp_path / "dog" / f"{number}.tif", bad)
    message = error_message(tmp_path)
    assert message.startswith(f"{tmp_path}: 2 of its 6 images cannot be read: {tmp_path / 'dog' / '0.tif'}: it holds")
    assert message.count("it holds NaN or infinity, 2 of its 120 values") == 2
    assert load_dataset(tmp_path, skip_bad=True).classes == ("cat", "eel")


@pytest.mark.parametrize("kind", ["png", "tif", "pgm"])
def test_pixels_of_16_bits_keep_all_of_them(tmp_path, kind):
    for name, level in (("cat", 40000), ("dog", 1)):
        for number in range(2):
            save(tmp_path / name / f"{number}.{kind}", (level + LEVELS + number).astype(np.uint16))
    data = load_dataset(tmp_path)
    assert data.train_images.dtype == np.float32
    for image, label in zip(data.train_images, data.train_labels, strict=True):
        whole = np.rint(image[0].astype(float) * 65535).astype(int) - LEVELS
        assert whole.min() == whole.max()
        assert whole[0, 0] // 2 * 2 == (40000, 0)[label] or whole[0, 0] in (1, 2, 40001)


def test_pixels_of_12_bits_are_scaled_by_the_white_of_their_header(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(2):
            (tmp_path / name / f"{number}.pgm").write_bytes(
                b"P5 12 10 4095\n" + (34 * LEVELS + 49).astype(">u2").tobytes()
            )
    images = load_dataset(tmp_path).train_images
    np.testing.assert_allclose(images[0, 0], (34 * LEVELS + 49) / 4095, atol=1e-5)


def test_pictures_of_8_and_of_16_bits_have_the_same_white(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / name / "0.png", LEVELS.astype(np.uint8))
        save(tmp_path / name / "1.png", (257 * LEVELS).astype(np.uint16))
    data = load_dataset(tmp_path)
    for images in (data.train_images, data.test_images):
        np.testing.assert_allclose(images, np.broadcast_to(LEVELS / 255, images.shape), atol=1e-7)
