"""Tests of loading datasets by name or path, and of the locations of MNIST."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
from contextlib import contextmanager

import numpy as np
import pytest

from cnnfx.datasets import load_dataset, mnist
from cnnfx.datasets import synthetic_digits as drawn
from cnnfx.datasets.download import RemoteFile
from cnnfx.datasets.load import MAX_DRAWN
from cnnfx.errors import ArgumentError, FileError
from cnnfx.system import folders
from cnnfx.system.limits import MAX_DATASET_BYTES
from tests.datasets.idx_files import NAMES, equals, idx_bytes, write_idx
from tests.datasets.web_server import send

KEYS = ("train_images", "train_labels", "test_images", "test_labels")


@pytest.fixture(autouse=True)
def small_drawn_dataset(monkeypatch):
    monkeypatch.setattr(drawn.draw_dataset, "__kwdefaults__", {"train": 30, "test": 20, "progress": None})


@pytest.fixture(autouse=True)
def small_mnist(arrays, monkeypatch):
    """Replace MNIST by forty drawn digits."""
    files = {}
    for key, name, array in zip(KEYS, NAMES, arrays, strict=True):
        data = idx_bytes(array)
        files[key] = RemoteFile(f"{name}.gz", len(data), hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(mnist, "FILES", files)


@pytest.fixture
def cache():
    return folders.cache_folder() / "mnist"


@pytest.fixture
def mirror(server, arrays, monkeypatch):
    """Return a server whose second folder of two in `$CNNFX_MIRRORS` has MNIST."""
    for name, array in zip(NAMES, arrays, strict=True):
        data = gzip.compress(idx_bytes(array))
        server.answers[f"/mnist/{name}.gz"] = lambda handler, _, data=data: send(handler, data)
    monkeypatch.setenv("CNNFX_MIRRORS", f"{server.url}/gone {server.url}/mnist")
    return server


def request_count(server):
    return sum(server.requests.values())


def test_mnist_is_loaded_from_the_folder_that_the_variable_names(tmp_path, arrays, monkeypatch, mirror):
    monkeypatch.setenv("CNNFX_DATA", str(write_idx(tmp_path, arrays)))
    data = load_dataset("mnist")
    assert equals(data, arrays)
    assert (data.name, data.classes, data.notes) == ("mnist", tuple("0123456789"), ())
    assert request_count(mirror) == 0


def test_the_variable_may_name_the_root_of_torchvision(tmp_path, arrays, monkeypatch, mirror):
    write_idx(tmp_path / "MNIST" / "raw", arrays)
    write_idx(tmp_path / "FashionMNIST" / "raw", [array[:10] for array in arrays])
    monkeypatch.setenv("CNNFX_DATA", str(tmp_path))
    assert equals(load_dataset("mnist"), arrays)
    assert request_count(mirror) == 0


@pytest.mark.parametrize("name", ["a" * 300, f"{'a' * 300}/b", "a\x01b"])
def test_a_name_that_no_file_can_have_is_refused(name, tmp_path, monkeypatch):
    for variable in (False, True):
        monkeypatch.setenv("CNNFX_DATA", str(tmp_path / name))
        with pytest.raises(FileError) as caught:
            load_dataset("mnist" if variable else tmp_path / name)
        assert f"{tmp_path / name}: " in str(caught.value)


def test_mnist_is_downloaded_once_and_cached(mirror, arrays, cache):
    reports = []
    first = load_dataset("mnist", progress=lambda *report: reports.append(report))
    assert sorted(path.name for path in cache.iterdir()) == sorted(f"{name}.gz" for name in NAMES)
    assert {name for name, _, _ in reports} == {f"{name}.gz" for name in NAMES}
    count = request_count(mirror)
    again = load_dataset("mnist")
    assert equals(first, arrays)
    assert equals(again, arrays)
    assert again.train_labels.dtype == np.int64
    assert request_count(mirror) == count == 5  # the first mirror is asked once, since it failed


@pytest.mark.parametrize("damage", [b"", b"<html>", gzip.compress(idx_bytes(np.zeros(40)), mtime=0)])
def test_a_damaged_file_in_the_cache_is_downloaded_again(mirror, arrays, cache, damage):
    load_dataset("mnist")
    (cache / f"{NAMES[1]}.gz").write_bytes(damage)
    assert equals(load_dataset("mnist"), arrays)
    assert request_count(mirror) == 7  # a mirror that fails is asked once in a run
    assert (cache / f"{NAMES[1]}.gz").read_bytes() != damage


def test_data_that_cannot_be_cached_are_used_with_a_note(mirror, arrays, cache):
    cache.parent.parent.mkdir(parents=True, exist_ok=True)
    cache.parent.write_text("a file where the folder should be")
    data = load_dataset("mnist")
    assert equals(data, arrays)
    assert data.notes == (
        f"{cache}: MNIST was downloaded but cannot be cached here (Not a directory); the next run downloads it "
        "again. Free some space or allow writing, or name another folder for caches with $XDG_CACHE_HOME.",
    )


def test_a_full_disk_leaves_no_partial_file_in_the_cache(mirror, arrays, cache, monkeypatch):
    real = mnist.atomic_write

    @contextmanager
    def full(path):
        with real(path) as file:
            yield file
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(mnist, "atomic_write", full)
    data = load_dataset("mnist")
    assert equals(data, arrays)
    assert len(data.notes) == 1
    assert "cannot be cached here (No space left on device)" in data.notes[0]
    assert list(cache.iterdir()) == []


def test_mnist_is_downloaded_if_the_variable_names_no_dataset(tmp_path, mirror, arrays, monkeypatch):
    monkeypatch.setenv("CNNFX_DATA", str(tmp_path / "gone"))
    data = load_dataset("mnist")
    assert equals(data, arrays)
    assert data.notes == (
        f"$CNNFX_DATA: {tmp_path / 'gone'}: there is no such file or folder. "
        "Datasets known by name are mnist, drawn, shapes.",
    )


def test_other_content_is_not_accepted_as_mnist(tmp_path, arrays, monkeypatch):
    monkeypatch.setenv("CNNFX_DATA", str(write_idx(tmp_path, (255 - arrays[0], *arrays[1:]))))
    with pytest.raises(FileError) as caught:
        load_dataset("mnist")
    assert str(caught.value) == (
        f"MNIST is not available. $CNNFX_DATA: {tmp_path}: its content is not MNIST's. Name its path as the dataset "
        "to use it. train-images-idx3-ubyte.gz cannot be downloaded. No mirror is given. Put its four IDX files or "
        "Keras' mnist.npz into a folder and name that with $CNNFX_DATA, or name mirrors that can be reached with "
        "$CNNFX_MIRRORS."
    )


def test_drawn_digits_with_a_note_are_the_default_if_mnist_is_not_available():
    data = load_dataset()
    assert data.name == "drawn"
    assert data.train_images.shape == (30, 1, 28, 28)
    assert data.notes == (
        "Digits that cnnfx draws itself are used instead of MNIST. MNIST is not available. "
        "train-images-idx3-ubyte.gz cannot be downloaded. No mirror is given. Put its four IDX files or "
        "Keras' mnist.npz into a folder and name that with "
        "$CNNFX_DATA, or name mirrors that can be reached with $CNNFX_MIRRORS.",
    )


def test_mnist_is_the_default_if_it_is_available(mirror, arrays):
    assert equals(load_dataset(), arrays)


def test_drawn_digits_are_loaded_by_name_and_depend_on_the_seed():
    assert load_dataset("drawn").notes == ()
    assert not np.array_equal(load_dataset("drawn").train_images, load_dataset("drawn", seed=1).train_images)


def test_shapes_are_loaded_by_name_in_color_and_depend_on_the_seed():
    data = load_dataset("shapes:60")
    assert (data.name, data.train_images.shape, data.test_images.shape) == (
        "shapes:60",
        (60, 3, 32, 32),
        (10, 3, 32, 32),
    )
    assert not np.array_equal(data.train_images, load_dataset("shapes:60", seed=1).train_images)
    assert np.array_equal(data.train_images, load_dataset("shapes:60", channels="rgb").train_images)


def test_drawn_images_have_a_test_image_for_six_training_images():
    data = load_dataset("shapes:120")
    assert (len(data.train_labels), len(data.test_labels)) == (120, 20)


@pytest.mark.parametrize("name", ["drawn", "shapes"])
@pytest.mark.parametrize("count", ["9", "600001", "1e3", "-20", "", "²"])
def test_a_wrong_number_of_drawn_images_is_refused(name, count):
    what = {"drawn": "digits", "shapes": "shapes"}[name]
    with pytest.raises(ArgumentError) as caught:
        load_dataset(f"{name}:{count}")
    assert str(caught.value) == (
        f"{name}:{count}: {count!r} is not a number of {what}, 10 to 600000, as in {name}:6000."
    )


def test_the_largest_number_of_drawn_images_fits_the_limit_of_memory():
    assert MAX_DRAWN * load_dataset("shapes:10").train_images[0].nbytes <= MAX_DATASET_BYTES


def test_a_misspelled_name_is_recognized():
    with pytest.raises(FileError) as caught:
        load_dataset("shape")
    assert str(caught.value) == 'shape: there is no such file or folder. Did you mean "shapes"?'


def test_a_name_is_preferred_to_a_folder_of_this_name_with_a_note(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawn").mkdir()
    assert load_dataset("drawn").notes == (
        "drawn: the data set of this name is used, not the file or folder. Write ./drawn for that.",
    )


def test_training_and_test_images_have_the_name_and_the_classes_of_the_dataset():
    data = load_dataset("drawn:20")
    for part, images, labels in (
        (data.train, data.train_images, data.train_labels),
        (data.test, data.test_images, data.test_labels),
    ):
        assert (part.name, part.classes) == (data.name, data.classes)
        assert part.images is images
        assert part.labels is labels


def test_an_unknown_path_is_refused():
    with pytest.raises(FileError) as caught:
        load_dataset("fashion")
    assert (
        str(caught.value)
        == "fashion: there is no such file or folder. Datasets known by name are mnist, drawn, shapes."
    )


def test_a_file_without_a_dataset_is_refused(tmp_path):
    (tmp_path / "data.txt").write_text("1 2 3")
    with pytest.raises(FileError, match=r"data\.txt: it holds no dataset\. Known are four IDX files"):
        load_dataset(tmp_path / "data.txt")


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("drawn", {"size": 0}, "size is 0. Images are at least 1 pixel high and wide."),
        ("drawn", {"size": 14}, "drawn: a size can be given for folders of images only."),
        (
            "mnist",
            {"channels": "rgb"},
            "mnist: channels rgb can be given for folders of images only.",
        ),
        ("shapes:20", {"size": 28}, "shapes:20: a size can be given for folders of images only."),
    ],
)
def test_a_size_or_color_for_other_datasets_than_class_folders_is_refused(spec, options, message):
    with pytest.raises(ArgumentError) as caught:
        load_dataset(spec, **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"XDG_CACHE_HOME": "/c"}, "/c/cnnfx"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/ann/.cache/cnnfx"),
        ("linux", {"XDG_CACHE_HOME": ""}, "/home/ann/.cache/cnnfx"),
        ("darwin", {}, "/home/ann/Library/Caches/cnnfx"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/cnnfx"),
        ("win32", {"LOCALAPPDATA": ""}, "/home/ann/AppData/Local/cnnfx"),
    ],
)
def test_the_cache_folder_follows_the_platform(monkeypatch, platform, variables, folder):
    monkeypatch.setenv("HOME", "/home/ann")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(folders.sys, "platform", platform)
    assert str(folders.cache_folder()) == folder
