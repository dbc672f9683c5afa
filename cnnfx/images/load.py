"""Loading of images from files and bytes, and search for image files in folders."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Literal, cast

import numpy as np
from numpy.typing import ArrayLike

from cnnfx.errors import ArgumentError, FileError
from cnnfx.images.image import GRAY_NAMES, MAX_PIXELS, RGB_NAMES, Image
from cnnfx.system.suggest import choose_name, closest_names

Kind = Literal["picture", "npy", "npz", "csv"]
ColorMode = Literal["gray", "rgb"]
"""One channel, the luma, or three: red, green and blue."""
ChannelMode = Literal["auto"] | ColorMode
"""Values of the argument `channels` of `load_image`."""
CHANNEL_MODES: dict[str, tuple[str, ...]] = {"auto": (), "gray": ("grey",), "rgb": ()}
"""These values, and aliases."""

PICTURE_EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".pgm", ".ppm", ".pnm")
"""The file name extensions of the pictures that are found in folders."""
NPY_SIGNATURE = b"\x93NUMPY"
"""The first bytes of a `.npy` file."""
ZIP_SIGNATURE = b"PK"
"""The first bytes of a zip file, and so of a `.npz` file."""
ARRAY_EXTENSIONS: dict[str, Kind] = {".npy": "npy", ".npz": "npz", ".csv": "csv", ".tsv": "csv"}
"""The kinds of array files by extension, used if the content has no known signature."""
CSV_FIRST_BYTES = b"0123456789+-.# \t\r\nnNiI"
"""The bytes that may begin a `.csv` file."""
TIFF_SIGNATURES = (b"II*", b"II+")
"""The first bytes of TIFF files. `I` may also begin a `.csv` file."""
UTF_8_BOM = b"\xef\xbb\xbf"
"""The byte order mark that may precede text."""
STREAM_NAME = "standard input"
"""The name of an image that is given as bytes."""


def load_image(
    source: str | os.PathLike[str] | bytes,
    *,
    channels: ChannelMode = "auto",
    background: str = "white",
    max_pixels: int = MAX_PIXELS,
) -> Image:
    """Load an image from a file or from its content.

    Parameters
    ----------
    source : path, or bytes
        A picture (PNG, JPEG, TIFF, WebP, BMP, GIF, PGM, PPM), or an array of numbers (`.npy`, `.npz`, `.csv`) of shape
        (W,), (H, W) or (C, H, W). The kind is detected from the content.
    channels : "auto", "gray" or "rgb"
        The channels of a picture. "auto": one if the picture is gray, else red, green and blue; "gray": the luma (Rec.
        601); "rgb": red, green and blue. The channels of an array do not change.
    background : str
        The color over which transparent parts are composited: a name such as "white", or "#rrggbb".
    max_pixels : int
        The most pixels of a picture, or numbers of an array, all channels together. It is checked before decoding.

    Returns
    -------
    Image
        `Image.floats` gives the pixels of a picture in 0..1, and the numbers of an array unchanged.

    Raises
    ------
    FileError
        If the file is missing, unreadable, damaged, not an image, or too large.
    ArgumentError
        If the background is not a color, or the channels are not known.
    """
    channels = cast(ChannelMode, choose_name("channels", channels, CHANNEL_MODES))
    name, stream = _open(source)
    with stream:
        try:
            kind = _detect_kind(source, _read_start(name, stream))
            if kind == "picture":
                from cnnfx.images.pillow import load_picture

                return load_picture(name, stream, channels, background, max_pixels)
            from cnnfx.images import arrays

            load = {"npy": arrays.load_npy, "npz": arrays.load_npz, "csv": arrays.load_csv}[kind]
            return load(name, stream, max_pixels)
        except OSError as error:
            raise FileError(f"{name}: it cannot be read: {error.strerror or error}.") from error


def as_image(
    source: str | os.PathLike[str] | bytes | Image | ArrayLike, *, channels: ChannelMode = "auto", name: str = "array"
) -> Image:
    """Return an image, loaded if it is not one yet.

    Parameters
    ----------
    source : path, bytes, Image, or array (C, H, W) or (H, W)
        A path or bytes are loaded with `load_image`. In an array, uint8 and uint16 are pixels in 0..255 and 0..65535;
        other numbers become float32 and are not scaled. Its channels are "gray", or red, green and blue, or numbered.
    channels : "auto", "gray" or "rgb"
        For a picture; see `load_image`.
    name : str
        Of an array, for messages.

    Raises
    ------
    FileError
        If it cannot be loaded.
    ArgumentError
        If the array has another shape, is empty, or does not contain real numbers.
    """
    if isinstance(source, Image):
        return source
    if isinstance(source, str | bytes | os.PathLike):
        return load_image(source, channels=channels)
    values = np.asarray(source)
    if values.ndim not in (2, 3) or not values.size:
        raise ArgumentError(f"An image must have the shape (C, H, W) or (H, W), not {values.shape}.")
    if values.dtype.kind not in "biuf":
        raise ArgumentError(f"An image must contain real numbers, not {values.dtype}.")
    values = values.reshape(-1, *values.shape[-2:])
    if values.dtype not in (np.uint8, np.uint16):
        values = values.astype(np.float32, copy=False)
    names = {1: GRAY_NAMES, 3: RGB_NAMES}.get(len(values), tuple(map(str, range(len(values)))))
    return Image(name, values, names, is_array=values.dtype == np.float32)


def find_images(paths: Sequence[str | os.PathLike[str]], *, recursive: bool = False) -> list[Path]:
    """Return the given files, and the pictures in the given folders.

    Parameters
    ----------
    paths : sequence of paths
        Files and folders. Array files (`.npy`, `.npz`, `.csv`) in folders are not found.
    recursive : bool
        Whether to search sub-folders too. Hidden files, hidden folders and linked folders are skipped.

    Returns
    -------
    list of Path
        In the order of `paths`; the pictures of a folder in natural order, `image2` before `image10`.

    Raises
    ------
    FileError
        If a folder cannot be read or holds no pictures.
    """
    return [
        path
        for given in map(Path, paths)
        for path in (_find_in_folder(given, recursive) if os.path.isdir(given) else [given])
    ]


def _open(source: str | os.PathLike[str] | bytes) -> tuple[str, IO[bytes]]:
    """Return the name of an image and a seekable stream of its content."""
    if isinstance(source, bytes):
        return STREAM_NAME, io.BytesIO(source)
    path = Path(source)
    try:
        stream = path.open("rb")
        if stream.seekable():
            return str(source), stream
        with stream:  # a named pipe, such as <(…) of a shell, can be read only once
            return str(source), io.BytesIO(stream.read())
    except FileNotFoundError:
        raise FileError(f"{source}: there is no such file.{_suggest_file(path)}") from None
    except IsADirectoryError:
        raise FileError(f"{source}: it is a folder, not an image. Give the images in it.") from None
    except OSError as error:
        raise FileError(f"{source}: it cannot be read: {error.strerror}.") from error
    except ValueError:
        raise FileError(f"{str(source)!r} is not the name of a file.") from None


def _suggest_file(path: Path) -> str:
    """Return the question "Did you mean …?" with the most similar file name of the folder, or ""."""
    try:
        closest = closest_names(path.name, os.listdir(path.parent))
    except OSError:
        return ""
    return f" Did you mean {path.with_name(closest[0])}?" if closest else ""


def _read_start(name: str, stream: IO[bytes]) -> bytes:
    """Return the first bytes, from which the kind of a file is detected."""
    start = stream.read(len(NPY_SIGNATURE))
    stream.seek(0)
    if not start:
        raise FileError(f"{name}: it is empty. The program that made it may have failed.")
    return start


def _detect_kind(source: str | os.PathLike[str] | bytes, start: bytes) -> Kind:
    """Return the kind of a file by its first bytes or, if they are no known signature, by its extension."""
    if start.startswith(NPY_SIGNATURE):
        return "npy"
    if start.startswith(ZIP_SIGNATURE):
        return "npz"
    extension = "" if isinstance(source, bytes) else Path(source).suffix.lower()
    if extension in ARRAY_EXTENSIONS:
        return ARRAY_EXTENSIONS[extension]
    is_text = start.removeprefix(UTF_8_BOM)[:1] in CSV_FIRST_BYTES and not start.startswith(TIFF_SIGNATURES)
    return "csv" if is_text and extension not in PICTURE_EXTENSIONS else "picture"


def _find_in_folder(folder: Path, recursive: bool) -> list[Path]:
    try:
        found = sorted(sorted(_walk(folder, recursive)), key=_natural_order)
        if found:
            return found
        only_deeper = not recursive and any(_walk(folder, True))
    except OSError as error:
        raise FileError(f"{error.filename}: the folder cannot be read: {error.strerror}.") from error
    if only_deeper:
        raise FileError(f"{folder}: it holds pictures only in its sub-folders.", remedy="subfolders")
    extensions = ", ".join(extension[1:] for extension in PICTURE_EXTENSIONS)
    raise FileError(f"{folder}: it holds no pictures ({extensions}).")


def _walk(folder: Path, recursive: bool) -> Iterator[Path]:
    """Yield the pictures of a folder. Linked sub-folders are skipped, since they may form cycles."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if recursive and entry.is_dir(follow_symlinks=False):
                yield from _walk(path, recursive)
            elif path.suffix.lower() in PICTURE_EXTENSIONS and entry.is_file():
                yield path


def _natural_order(path: Path) -> list[tuple[int, int | str]]:
    """Return a sort key that puts `image2` before `image10`."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
