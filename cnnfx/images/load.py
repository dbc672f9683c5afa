"""Loading of images from files and bytes, whose kind is detected from the content."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike

from cnnfx.errors import ArgumentError, FileError
from cnnfx.images.axes import PIXEL_TYPES, REAL_KINDS, to_channels, without_batch
from cnnfx.images.channels import Background, parse_background
from cnnfx.images.formats import (
    ICO,
    NETPBM,
    PFM,
    PICTURE_EXTENSIONS,
    PNG,
    START_BYTES,
    TIFF,
    FileFormat,
    detect_format,
    is_text,
)
from cnnfx.images.image import MAX_PIXELS, RGB_NAMES, Image, within_float32
from cnnfx.images.pages import check_page, page_name, pages_note
from cnnfx.images.picture_file import PictureFile
from cnnfx.system.arguments import whole_number
from cnnfx.system.limits import MAX_PAGES, MAX_STREAM_BYTES, check_limit
from cnnfx.system.suggest import choose_name, closest_names

Kind = Literal["picture", "npy", "npz", "csv"]
ColorMode = Literal["gray", "rgb"]
"""One channel, the luma, or three: red, green and blue."""
ChannelMode = Literal["auto"] | ColorMode
"""Values of the argument `channels` of `load_image`."""
CHANNEL_MODES: dict[str, tuple[str, ...]] = {"auto": (), "gray": ("grey",), "rgb": ()}
"""These values, and aliases."""

NPY_SIGNATURE = b"\x93NUMPY"
"""The first bytes of a `.npy` file."""
ZIP_SIGNATURE = b"PK"
"""The first bytes of a zip file, and so of a `.npz` file."""
ARRAY_EXTENSIONS: dict[str, Kind] = {".npy": "npy", ".npz": "npz", ".csv": "csv", ".tsv": "csv"}
"""The kinds of array files by extension, used if the content has no known signature."""
CSV_START = re.compile(
    rb"(\xef\xbb\xbf)?"  # the mark of UTF-8
    rb"([0-9+\-.#\x22\s]|\xe2\x88\x92|nan|inf|sep=.|\Z"  # U+2212 is a minus sign
    rb"|[^\r\n]+[\r\n]+[0-9+\-.][0-9+\-.,;eE\x22 \t]*[\r\n])"  # a header and numbers
    rb"|\xff\xfe|\xfe\xff",  # the marks of UTF-16
    re.IGNORECASE,
)
"""The first bytes of a `.csv` file with another extension, or none."""
STREAM_BLOCK = 2**20
"""The bytes that are read from a stream at a time."""
STREAM_NAME = "standard input"
"""The name of an image that is given as bytes."""


def load_image(
    source: str | os.PathLike[str] | bytes,
    *,
    channels: ChannelMode = "auto",
    background: str | None = None,
    page: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Image:
    """Load an image from a file or from its content.

    Parameters
    ----------
    source : path, or bytes
        A picture (PNG, JPEG, TIFF, WebP, GIF, BMP, PBM, PGM, PPM, PAM, PFM, AVIF, JPEG 2000, ICO, PSD, TGA, QOI, PCX,
        SGI), or an array of numbers (`.npy`, `.npz`, `.csv`) of shape (W,), (H, W), (C, H, W) or (H, W, C); see
        `as_image`. The kind is detected from the content.
    channels : "auto", "gray" or "rgb"
        The channels of a picture. "auto": one if the picture is gray, else red, green and blue; "gray": the luma (Rec.
        601); "rgb": red, green and blue. The channels of an array do not change.
    background : str, optional
        The color over which transparent parts are composited: a name such as "white", or "#rrggbb". By default white,
        or black, with a note, if at least 99 % of what is opaque is almost white and would not be seen on white.
    page : int, optional
        The page of a file with several pages or frames, counted from 1. By default the first, with a note of how many
        there are.
    max_pixels : int
        The most pixels of a picture, or numbers of an array, all channels together. It is checked before decoding.

    Returns
    -------
    Image
        `Image.floats` gives the pixels of a picture in 0..1, and the numbers of an array unchanged.

    Raises
    ------
    FileError
        If the file is missing, unreadable, damaged, not an image, or too large, or has no such page.
    ArgumentError
        If the background is not a color, the channels are not known, or the page is less than 1.
    """
    channels = cast(ChannelMode, choose_name("channels", channels, CHANNEL_MODES))
    color = parse_background(background)
    number = 1 if page is None else whole_number("page", page, 1)
    name, stream = _open(source)
    with stream, _reading(name):
        kind, format = _detect_kind(name, source, _read_start(name, stream))
        if format is not None:
            load, _ = _functions_of(format)
            image = load(PictureFile(name, stream, format, channels, color, max_pixels, number))
        else:
            check_page(name, number, 1, "page")
            image = _load_array(kind, name, stream, max_pixels, color)
    if format is None or image.pages == 1:
        return image
    if page is None:
        return replace(image, notes=(pages_note(name, image.pages, format.page), *image.notes))
    return replace(image, name=page_name(name, page, format.page))


def _functions_of(format: FileFormat) -> tuple[Callable[[PictureFile], Image], Callable[[PictureFile], int]]:
    """Return the functions that decode a page of a picture file of a format, and that count its pages.

    Only the modules of the format are imported.
    """
    if format in (NETPBM, PFM):
        from cnnfx.images.netpbm import count_images, load_netpbm

        return load_netpbm, count_images
    if format is PNG:
        from cnnfx.images.png import count_frames, load_png

        return load_png, count_frames
    if format is TIFF:
        from cnnfx.images.tiff import count_tiff_pages, load_tiff

        return load_tiff, count_tiff_pages
    from cnnfx.images import pillow

    if format is ICO:
        from cnnfx.images.ico import load_ico

        return load_ico, pillow.count_pages
    from cnnfx.images.completeness import check_complete

    return partial(pillow.decode, check=check_complete), pillow.count_pages


def _load_array(kind: Kind, name: str, stream: IO[bytes], max_pixels: int, background: Background) -> Image:
    """Read an array file; result and errors are those of `load_image`."""
    from cnnfx.images.arrays import load_npy, load_npz
    from cnnfx.images.csv import load_csv

    if kind == "csv":
        return load_csv(name, stream, max_pixels)
    load = {"npy": load_npy, "npz": load_npz}[kind]
    return load(name, stream, max_pixels, background)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Raise `FileError` if a file cannot be read, or if there is not enough memory, inside the `with` block."""
    try:
        yield
    except OSError as error:
        raise FileError(f"{name}: it cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise FileError(f"{name}: there is not enough memory to read it.") from error


def count_pages(source: str | os.PathLike[str] | bytes, max_pixels: int = MAX_PIXELS) -> int:
    """Return how many pages or frames an image file holds, by its headers.

    Raises
    ------
    FileError
        If it cannot be read, or there are more than `cnnfx.system.limits.MAX_PAGES`.
    """
    name, stream = _open(source)
    with stream, _reading(name):
        _, format = _detect_kind(name, source, _read_start(name, stream))
        if format is None:
            return 1
        _, count = _functions_of(format)
        pages = count(PictureFile(name, stream, format, "auto", None, max_pixels))
    check_limit(name, f"{format.page}s", pages, MAX_PAGES, remedy="page_limit")
    return pages


def picture_kind(source: str | os.PathLike[str] | bytes) -> str:
    """Return the format of an image file, of TIFF also the kind of its numbers: "PFM", "32-bit float TIFF".

    Raises
    ------
    FileError
        If it cannot be read.
    """
    name, stream = _open(source)
    with stream, _reading(name):
        kind, format = _detect_kind(name, source, _read_start(name, stream))
        if format is TIFF:
            from cnnfx.images.tiff_directory import DamagedTiffError, TiffFile, kind_text

            with suppress(DamagedTiffError):
                return f"{kind_text(TiffFile(stream).page(1))} TIFF"
        return kind if format is None else format.name


def load_pages(source: str | os.PathLike[str] | bytes, **options: Any) -> Iterator[Image]:
    """Load each page of an image file; parameters and errors are those of `load_image`.

    The content of a stream that can be read only once must be given as bytes.
    """
    page = pages = 1
    while page <= pages:
        image = load_image(source, page=page, **options)
        yield image
        page, pages = page + 1, image.pages


def as_image(
    source: str | os.PathLike[str] | bytes | Image | ArrayLike,
    *,
    channels: ChannelMode = "auto",
    background: str | None = None,
    page: int | None = None,
    name: str = "array",
) -> Image:
    """Return an image, loaded if it is not one yet.

    Parameters
    ----------
    source : path, bytes, Image, or array (C, H, W), (H, W) or (H, W, C)
        A path or bytes are loaded with `load_image`. In an array, uint8 and uint16 are pixels in 0..255 and 0..65535;
        other numbers become float32 and are not scaled. Its channels are "gray", or red, green and blue, or numbered.
        An array of three axes is (H, W, C), with a note, if the last has 1, 3 or 4 elements and the first more than 4,
        except (K, 1, 1). Of four axes the first, with one element, is left out.
    channels, page
        For a picture; see `load_image`.
    background : str
        For a picture, or an array (H, W, 4), whose last channel is opacity; see `load_image`.
    name : str
        Of an array, for messages.

    Raises
    ------
    FileError
        If it cannot be loaded.
    ArgumentError
        If the array has another shape, is empty, or does not contain real numbers that float32 can hold.
    """
    if isinstance(source, Image):
        return source
    if isinstance(source, str | bytes | os.PathLike):
        return load_image(source, channels=channels, background=background, page=page)
    values = np.asarray(source)
    if len(without_batch(values.shape)) not in (2, 3) or not values.size:
        raise ArgumentError(f"An image must have the shape (C, H, W), (H, W) or (H, W, C), not {values.shape}.")
    if values.dtype.kind not in REAL_KINDS:
        raise ArgumentError(f"An image must contain real numbers, not {values.dtype}.")
    values, names, notes = to_channels(name, values, parse_background(background))
    if values.dtype not in PIXEL_TYPES:
        with within_float32(name, ArgumentError):
            values = values.astype(np.float32, copy=False)
    names = RGB_NAMES if len(values) == len(RGB_NAMES) else names
    return Image(name, values, names, is_array=values.dtype == np.float32, notes=notes)


def read_stream(name: str, stream: IO[bytes]) -> bytes:
    """Return the content of a stream that can be read only once, which is first seen to be an image.

    Raises
    ------
    FileError
        If its first bytes are those of no image that can be read, or it has more than `MAX_STREAM_BYTES`.
    """
    content = io.BytesIO()
    start = stream.read(START_BYTES)
    if start:
        _detect_kind(name, b"", start)
    while start:
        content.write(start)
        check_limit(name, "bytes", content.tell(), MAX_STREAM_BYTES)
        start = stream.read(STREAM_BLOCK)
    return content.getvalue()


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
            return str(source), io.BytesIO(read_stream(str(source), stream))
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
    start = stream.read(START_BYTES)
    stream.seek(0)
    if not start:
        raise FileError(f"{name}: it is empty. The program that made it may have failed.")
    return start


def _detect_kind(name: str, source: str | os.PathLike[str] | bytes, start: bytes) -> tuple[Kind, FileFormat | None]:
    """Return the kind of a file, and the format of a picture, by its first bytes or, if these are unknown, its name.

    Raises
    ------
    FileError
        If it is no image that can be read.
    """
    if start.startswith(NPY_SIGNATURE):
        return "npy", None
    if start.startswith(ZIP_SIGNATURE):
        return "npz", None
    extension = "" if isinstance(source, bytes) else Path(source).suffix.lower()
    format = detect_format(start, extension)
    if format is not None:
        if not format.is_read:
            raise FileError(f"{name}: it is {format.name}, which is not read. {format.advice}")
        return "picture", format
    kind = ARRAY_EXTENSIONS.get(extension)
    if is_text(start):
        begins_as_csv = CSV_START.match(start) is not None and extension not in PICTURE_EXTENSIONS
        kind = kind or ("csv" if begins_as_csv else None)
    elif kind == "csv":
        raise FileError(f"{name}: it is not text. A .csv holds rows of numbers.")
    if kind is None:
        raise FileError(
            f"{name}: it is not an image that can be read. Known are PNG, JPEG, TIFF, WebP, GIF, BMP, PGM, PPM, AVIF "
            "and others, and numbers as .npy, .npz and .csv."
        )
    return kind, None
