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
        (folder / name).write_bytes(b"text")


def names(folder: Path, *, recursive: bool = False) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_images([folder], recursive=recursive).files]


def error_message(folder: Path) -> str:
    with pytest.raises(FileError) as caught:
        find_images([folder])
    return str(caught.value)


def test_given_files_are_returned_unchecked() -> None:
    assert find_images(["b.txt", "missing.png", "a.npy"]).files == [Path("b.txt"), Path("missing.png"), Path("a.npy")]


def test_the_pictures_of_a_folder_are_in_natural_order(folder: Path) -> None:
    make(folder, "image10.png", "image2.png", "Image1.PNG", "a.jpg")
    assert names(folder) == ["a.jpg", "Image1.PNG", "image2.png", "image10.png"]


ENDINGS = (
    "png apng jpg jpeg jpe jfif tif tiff webp bmp dib gif pbm pgm ppm pnm pam pfm avif jp2 ico psd tga qoi pcx sgi JPG"
)


@pytest.mark.parametrize("ending", ENDINGS.split())
def test_pictures_are_found_by_their_extension(folder: Path, ending: str) -> None:
    make(folder, f"a.{ending}")
    assert names(folder) == [f"a.{ending}"]


def test_other_files_of_a_folder_are_skipped(folder: Path) -> None:
    make(folder, "a.png", "b.txt", "c.npy", "png", ".hidden.png")
    assert names(folder) == ["a.png"]


def test_paths_keep_the_order_in_which_they_are_given(folder: Path) -> None:
    make(folder, "z.png", "a/1.png")
    assert find_images([folder / "z.png", folder / "a"]).files == [folder / "z.png", folder / "a" / "1.png"]


def test_sub_folders_are_skipped_by_default(folder: Path) -> None:
    make(folder, "a.png", "deep/b.png")
    assert names(folder) == ["a.png"]


def test_a_recursive_search_includes_sub_folders(folder: Path) -> None:
    make(folder, "a.png", "deep/b.png", "deep/er/c.png")
    assert names(folder, recursive=True) == ["a.png", "deep/b.png", "deep/er/c.png"]


def test_hidden_sub_folders_are_skipped(folder: Path) -> None:
    make(folder, "a.png", ".cache/b.png")
    assert names(folder, recursive=True) == ["a.png"]


def test_a_linked_folder_is_searched_once(folder: Path, tmp_path: Path) -> None:
    make(folder, "a.png")
    make(tmp_path / "elsewhere", "b.png", "deep/c.png")
    (folder / "first").symlink_to(tmp_path / "elsewhere")
    (folder / "second").symlink_to(tmp_path / "elsewhere" / "deep")
    assert names(folder, recursive=True) == ["a.png", "first/b.png", "first/deep/c.png"]
    assert names(folder) == ["a.png"]


def test_links_that_form_a_cycle_are_followed_once(folder: Path) -> None:
    make(folder, "a.png", "deep/b.png")
    (folder / "again").symlink_to(folder)
    (folder / "deep" / "up").symlink_to("..")
    (folder / "itself").symlink_to("itself")
    assert names(folder, recursive=True) == ["a.png", "deep/b.png"]


def test_the_folders_themselves_are_searched_before_links_to_them(folder: Path) -> None:
    make(folder, "z/a.png")
    (folder / "b").symlink_to("z")
    assert names(folder, recursive=True) == ["z/a.png"]


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
    assert error_message(folder) == f"{folder}: it holds no pictures that can be read. Its files: a.txt."


def test_an_empty_folder_is_refused(folder: Path) -> None:
    folder.mkdir()
    assert error_message(folder) == f"{folder}: it holds no pictures that can be read."


def test_a_picture_with_another_extension_is_found_by_its_first_bytes(folder: Path) -> None:
    make(folder, "a.txt")
    for name in ("b", "c.dat", "d.12"):
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    assert names(folder) == ["b", "c.dat", "d.12"]


def test_a_note_names_the_files_that_are_passed_over(folder: Path) -> None:
    make(folder, "a.png", "notes.txt")
    assert find_images([folder]).notes == (f"{folder}: 1 file passed over: notes.txt; not a picture that can be read.",)
    make(folder, "labels.csv", "x10.npy", "x9.npy", "deep/b.txt", ".hidden")
    (folder / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert find_images([folder]).notes == (
        f"{folder}: 5 files passed over: IMG_1.HEIC, labels.csv, notes.txt, …; not pictures that can be read.",
    )
    assert find_images([folder], recursive=True).notes == (
        f"{folder}: 6 files passed over: deep/b.txt, IMG_1.HEIC, labels.csv, …; not pictures that can be read.",
    )


def test_a_folder_of_pictures_only_gives_no_note(folder: Path) -> None:
    make(folder, "a.png", ".DS_Store", "deep/b.txt")
    assert find_images([folder]).notes == ()


def test_pipes_and_links_to_nothing_are_passed_over(folder: Path) -> None:
    make(folder, "a.png")
    os.mkfifo(folder / "b.png")
    (folder / "c.png").symlink_to(folder / "gone.png")
    found = find_images([folder])
    assert [file.name for file in found.files] == ["a.png"]
    assert found.notes == (f"{folder}: 2 files passed over: b.png, c.png; not pictures that can be read.",)


def test_the_message_mentions_pictures_in_sub_folders(folder: Path) -> None:
    make(folder, "deep/er/a.png")
    assert error_message(folder) == f"{folder}: it holds pictures only in its sub-folders."


def test_a_folder_that_cannot_be_read_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    assert error_message(folder) == f"{folder}: the folder cannot be read: Permission denied."
