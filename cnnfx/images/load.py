"""From a path, or the content of a stream, to an image."""

from __future__ import annotations

import difflib
import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from cnnfx.errors import FileError
from cnnfx.images.image import MAX_PIXELS, Image

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
        raise FileError(f"{folder}: it holds pictures only in its sub-folders.", remedy="subfolders")
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


STREAM = "standard input"
ENDINGS = {".npy": "npy", ".npz": "npz", ".csv": "csv", ".tsv": "csv"}
"""Endings that say what a file without the first bytes of an array is meant to be."""
NUMBERS = b"0123456789+-.# \t\r\nnNiI"
"""What a text of numbers begins with."""
NUMPY, ZIP = b"\x93NUMPY", b"PK"


def load_image(
    source: str | os.PathLike[str] | bytes,
    *,
    channels: str = "auto",
    background: str = "white",
    max_pixels: int = MAX_PIXELS,
) -> Image:
    """Load an image from a file or from the content of one.

    Parameters
    ----------
    source : path, or bytes
        A picture (PNG, JPEG, TIFF, WebP, BMP, GIF, PGM, PPM), or numbers: `.npy`, `.npz` or `.csv`, as (H, W) or
        (C, H, W); one row of numbers is a 1×W image. The kind of bytes is found by looking at them.
    channels : "auto", "gray" or "rgb"
        What a picture's colors become: one channel if it is gray and else three; luminance (Rec. 601); three channels.
        The channels of numbers are taken as they stand.
    background : str
        The color that transparent parts are laid over: a name such as "white", or "#rrggbb".
    max_pixels : int
        Larger images are refused, before they are decoded. An array's limit is on its numbers, over all channels.

    Returns
    -------
    Image
        A picture's values become 0..1 by `Image.floats`; numbers stay as they are.

    Raises
    ------
    FileError
        If the file is missing, unreadable, damaged, not an image, or too large.
    ArgumentError
        If the background is not a color.
    """
    name, stream = _opened(source)
    with stream:
        kind = _kind(source, _start(name, stream))
        try:
            if kind == "picture":
                from cnnfx.images.pillow import load_picture

                return load_picture(name, stream, channels, background, max_pixels)
            from cnnfx.images import arrays

            load = {"npy": arrays.load_npy, "npz": arrays.load_npz, "csv": arrays.load_csv}[kind]
            return load(name, stream, max_pixels)
        except OSError as error:
            raise FileError(f"{name}: it cannot be read: {error.strerror or error}.") from error


def _opened(source: str | os.PathLike[str] | bytes) -> tuple[str, IO[bytes]]:
    if isinstance(source, bytes):
        return STREAM, io.BytesIO(source)
    path = Path(source)
    try:
        stream = path.open("rb")
        if stream.seekable():
            return str(source), stream
        with stream:  # a named pipe, such as a shell's <(…), can be read only once
            return str(source), io.BytesIO(stream.read())
    except FileNotFoundError:
        raise FileError(f"{source}: there is no such file.{_nearest(path)}") from None
    except IsADirectoryError:
        raise FileError(f"{source}: it is a folder, not an image. Give the images in it.") from None
    except OSError as error:
        raise FileError(f"{source}: it cannot be read: {error.strerror}.") from error
    except ValueError:
        raise FileError(f"{str(source)!r} is not the name of a file.") from None


def _start(name: str, stream: IO[bytes]) -> bytes:
    """The first bytes, by which the kind of a file is known."""
    try:
        start = stream.read(len(NUMPY))
        stream.seek(0)
    except OSError as error:
        raise FileError(f"{name}: it cannot be read: {error.strerror}.") from error
    if not start:
        raise FileError(f"{name}: it is empty. The program that made it may have failed.")
    return start


def _nearest(path: Path) -> str:
    """The file of the folder whose name is most like this one, as a question."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, 1)
    return f" Did you mean {path.with_name(near[0])}?" if near else ""


def _kind(source: str | os.PathLike[str] | bytes, start: bytes) -> str:
    """ "picture", "npy", "npz" or "csv", by the content's first bytes and, for text, the name."""
    if start.startswith(NUMPY):
        return "npy"
    if start.startswith(ZIP):
        return "npz"
    ending = "" if isinstance(source, bytes) else Path(source).suffix.lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    text = start.lstrip(b"\xef\xbb\xbf")[:1] in NUMBERS and not start.startswith((b"II*", b"II+"))
    return "csv" if text and ending not in PICTURES else "picture"
