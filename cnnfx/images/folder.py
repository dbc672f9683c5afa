"""Search for pictures in folders, by their extension or, with another one, by their first bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cnnfx.errors import FileError
from cnnfx.images.formats import PICTURE_EXTENSIONS, START_BYTES, detect_format

MAX_NAMED_FILES = 3
"""The most files that a note on files that were passed over names."""


class FoundImages(NamedTuple):
    """The images that paths lead to.

    Parameters
    ----------
    files : list of Path
    notes : tuple of str
        A message for each folder with files that were passed over, for they are no pictures.
    """

    files: list[Path]
    notes: tuple[str, ...] = ()


def find_images(paths: Sequence[str | os.PathLike[str]], *, recursive: bool = False) -> FoundImages:
    """Return the given files, and the pictures in the given folders.

    A file in a folder is a picture if its name has a usual extension, such as `.png`, or its first bytes are those of a
    format that is read. Array files (`.npy`, `.npz`, `.csv`) are passed over, as all other files. Hidden files and
    folders, whose names begin with a dot, are skipped without a note.

    Parameters
    ----------
    paths : sequence of paths
        Files and folders.
    recursive : bool
        Whether to search sub-folders too, also those that are links. Each folder is searched once, even if several
        links lead to it.

    Returns
    -------
    FoundImages
        Its files are in the order of `paths`; the pictures of a folder in natural order, `image2` before `image10`.

    Raises
    ------
    FileError
        If a folder cannot be read or holds no pictures.
    """
    files: list[Path] = []
    notes: list[str] = []
    for path in map(Path, paths):
        if os.path.isdir(path):
            found = _find_in_folder(path, recursive)
            files += found.files
            notes += found.notes
        else:
            files.append(path)
    return FoundImages(files, tuple(notes))


def _find_in_folder(folder: Path, recursive: bool) -> FoundImages:
    files: list[Path] = []
    others: list[Path] = []
    try:
        for path in _walk(folder, recursive):
            (files if _is_picture(path) else others).append(path)
        only_deeper = not files and not recursive and any(map(_is_picture, _walk(folder, True)))
    except OSError as error:
        raise FileError(f"{error.filename}: the folder cannot be read: {error.strerror}.") from error
    if files:
        files.sort(key=natural_order)
        return FoundImages(files, _passed_over(folder, sorted(others, key=natural_order)))
    if only_deeper:
        raise FileError(f"{folder}: it holds pictures only in its sub-folders.", remedy="subfolders")
    raise FileError(f"{folder}: it holds no pictures that can be read.{_named_files(folder, others)}")


def _passed_over(folder: Path, others: list[Path]) -> tuple[str, ...]:
    """Return a note on the files of a folder that are no pictures, if there are any."""
    if not others:
        return ()
    listed = _listed(folder, others)
    if len(others) == 1:
        return (f"{folder}: 1 file passed over: {listed}; not a picture that can be read.",)
    return (f"{folder}: {len(others)} files passed over: {listed}; not pictures that can be read.",)


def _named_files(folder: Path, others: list[Path]) -> str:
    return f" Its files: {_listed(folder, sorted(others, key=natural_order))}." if others else ""


def _listed(folder: Path, files: list[Path]) -> str:
    """Return the names of the first files, relative to the folder."""
    names = [str(file.relative_to(folder)) for file in files[:MAX_NAMED_FILES]]
    return ", ".join(names) + ", …" * (len(files) > MAX_NAMED_FILES)


def _walk(root: Path, recursive: bool) -> Iterator[Path]:
    """Yield the files of a folder, and of its sub-folders if `recursive`, those that are links last."""
    folders, links = [root], list[Path]()
    searched = set()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in searched:
            continue
        searched.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = folder / entry.name
                if entry.name.startswith("."):
                    continue
                if not os.path.isdir(path):  # without errors, as entry.is_dir() raises for a link to itself
                    yield path
                elif recursive:
                    (links if entry.is_symlink() else folders).append(path)


def _is_picture(path: Path) -> bool:
    """Return whether a path is a file with the extension or the first bytes of a picture that can be read."""
    if not os.path.isfile(path):  # a pipe, a socket, or a link that leads nowhere
        return False
    extension = path.suffix.lower()
    if extension in PICTURE_EXTENSIONS:
        return True
    try:
        with path.open("rb") as file:
            format = detect_format(file.read(START_BYTES), extension)
    except OSError:
        return False
    return format is not None and format.is_read


def natural_order(path: Path) -> list[tuple[int, int | str]]:
    """Return a sort key that puts `image2` before `image10`."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
