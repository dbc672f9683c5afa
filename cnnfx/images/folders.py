"""Which files of a folder are images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from cnnfx.errors import FileError

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".pgm", ".ppm", ".pnm")


def find_images(paths: Sequence[str | os.PathLike[str]], *, recursive: bool = False) -> list[Path]:
    """The images that paths name: files as they are given, folders by the picture files in them, in natural order.

    Arrays (`.npy`, `.npz`, `.csv`) count only where they are named themselves.

    Raises
    ------
    FileError
        If a folder cannot be read or holds no pictures.
    """
    return [
        path
        for given in map(Path, paths)
        for path in (_pictures(given, recursive) if os.path.isdir(given) else [given])
    ]


def _pictures(folder: Path, recursive: bool) -> list[Path]:
    try:
        found = sorted(sorted(_walk(folder, recursive)), key=_natural)
        if found:
            return found
        deeper = not recursive and any(_walk(folder, True))
    except OSError as error:
        raise FileError(f"{error.filename}: the folder cannot be read: {error.strerror}.") from error
    if deeper:
        raise FileError(f"{folder}: it holds pictures only in its sub-folders. Add --recursive to take these.")
    raise FileError(f"{folder}: it holds no pictures ({', '.join(ending[1:] for ending in PICTURES)}).")


def _walk(folder: Path, recursive: bool) -> Iterator[Path]:
    """The picture files of a folder; neither what is hidden nor, as they may lead in circles, linked sub-folders."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if recursive and entry.is_dir(follow_symlinks=False):
                yield from _walk(path, recursive)
            elif path.suffix.lower() in PICTURES and entry.is_file():
                yield path


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """A key that puts `image2` before `image10`."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
