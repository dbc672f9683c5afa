"""Tests of the search for pictures in folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cnnfx.errors import FileError
from cnnfx.images import find_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "photos"


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(folder: Path, *, recursive: bool = False) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_images([folder], recursive=recursive)]


def error_message(folder: Path) -> str:
    with pytest.raises(FileError) as caught:
        find_images([folder])
    return str(caught.value)


def test_given_files_are_returned_unchecked() -> None:
    assert find_images(["b.txt", "missing.png", "a.npy"]) == [Path("b.txt"), Path("missing.png"), Path("a.npy")]


def test_the_pictures_of_a_folder_are_in_natural_order(folder: Path) -> None:
    make(folder, "image10.png", "image2.png", "Image1.PNG", "a.jpg")
    assert names(folder) == ["a.jpg", "Image1.PNG", "image2.png", "image10.png"]


@pytest.mark.parametrize(
    "ending", ["png", "jpg", "jpeg", "tif", "tiff", "webp", "bmp", "gif", "pgm", "ppm", "pnm", "JPG"]
)
def test_pictures_are_found_by_their_extension(folder: Path, ending: str) -> None:
    make(folder, f"a.{ending}")
    assert names(folder) == [f"a.{ending}"]


def test_other_files_of_a_folder_are_skipped(folder: Path) -> None:
    make(folder, "a.png", "b.txt", "c.npy", "png", ".hidden.png")
    assert names(folder) == ["a.png"]


def test_paths_keep_the_order_in_which_they_are_given(folder: Path) -> None:
    make(folder, "z.png", "a/1.png")
    assert find_images([folder / "z.png", folder / "a"]) == [folder / "z.png", folder / "a" / "1.png"]


def test_sub_folders_are_skipped_by_default(folder: Path) -> None:
    make(folder, "a.png", "deep/b.png")
    assert names(folder) == ["a.png"]


def test_a_recursive_search_includes_sub_folders(folder: Path) -> None:
    make(folder, "a.png", "deep/b.png", "deep/er/c.png")
    assert names(folder, recursive=True) == ["a.png", "deep/b.png", "deep/er/c.png"]


def test_hidden_sub_folders_are_skipped(folder: Path) -> None:
    make(folder, "a.png", ".cache/b.png")
    assert names(folder, recursive=True) == ["a.png"]


def test_linked_folders_are_skipped(folder: Path) -> None:
    make(folder, "a.png")
    (folder / "again").symlink_to(folder)
    assert names(folder, recursive=True) == ["a.png"]


def test_a_linked_picture_is_found(folder: Path) -> None:
    make(folder, "a.png")
    (folder / "b.png").symlink_to(folder / "a.png")
    assert names(folder) == ["a.png", "b.png"]


def test_a_dangling_link_is_skipped(folder: Path) -> None:
    make(folder, "a.png")
    (folder / "b.png").symlink_to(folder / "gone.png")
    assert names(folder) == ["a.png"]


def test_a_folder_with_the_extension_of_a_picture_is_skipped(folder: Path) -> None:
    make(folder, "a.png", "b.png/c.txt")
    assert names(folder) == ["a.png"]


def test_a_folder_without_pictures_is_refused(folder: Path) -> None:
    make(folder, "a.txt")
    assert error_message(folder) == (
        f"{folder}: it holds no pictures (png, jpg, jpeg, tif, tiff, webp, bmp, gif, pgm, ppm, pnm)."
    )


def test_the_message_mentions_pictures_in_sub_folders(folder: Path) -> None:
    make(folder, "deep/er/a.png")
    assert error_message(folder) == f"{folder}: it holds pictures only in its sub-folders."


def test_a_folder_that_cannot_be_read_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    assert error_message(folder) == f"{folder}: the folder cannot be read: Permission denied."
