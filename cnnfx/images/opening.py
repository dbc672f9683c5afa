"""From a picture file to Pillow's decoded picture: the format by its first bytes, the size before decoding."""

from __future__ import annotations

import importlib
import re
import struct
import threading
import warnings
import zlib
from contextlib import AbstractContextManager, ExitStack
from typing import IO, TYPE_CHECKING, Any

from cnnfx.errors import FileError
from cnnfx.images.image import check_size

if TYPE_CHECKING:
    import PIL.Image

DAMAGE = (OSError, ValueError, SyntaxError, LookupError, EOFError, OverflowError, TypeError, struct.error, zlib.error)
"""What Pillow raises where a file's content makes no sense."""
FORMATS = {
    "PNG": ("Png", rb"\x89PNG"),
    "JPEG": ("Jpeg", rb"\xff\xd8"),
    "GIF": ("Gif", rb"GIF8"),
    "BMP": ("Bmp", rb"BM"),
    "TIFF": ("Tiff", rb"II[*+]\0|MM\0[*+]"),
    "WebP": ("WebP", rb"RIFF....WEBP"),
    "PGM or PPM": ("Ppm", rb"P[1-6f]"),
}
"""The formats that are read: Pillow's module for each, and a pattern of what a file of it begins with."""
PREFIX = 16
"""So many first bytes Pillow looks at."""


class _Quiet(AbstractContextManager[None]):
    """Without Pillow's warnings of odd metadata and without its own limit of pixels: the one that counts is ours.

    Both belong to the whole process: the first thread that enters changes them, the last that leaves restores them.
    """

    def __init__(self) -> None:
        self.lock, self.users, self.restore = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        import PIL.Image

        with self.lock:
            if not self.users:
                self.restore.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                self.restore.callback(setattr, PIL.Image, "MAX_IMAGE_PIXELS", PIL.Image.MAX_IMAGE_PIXELS)
                PIL.Image.MAX_IMAGE_PIXELS = None
            self.users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self.restore.close()


QUIET = _Quiet()
"""Entered around all that Pillow does with a file."""


def open_picture(name: str, stream: IO[bytes], max_pixels: int) -> PIL.Image.Image:
    """A picture whose header is read and whose pixels are not.

    Raises
    ------
    FileError
        If it is no picture, a damaged one, or too large.
    """
    start = stream.read(PREFIX)
    stream.seek(0)
    kind = next((kind for kind, (_, form) in FORMATS.items() if re.match(form, start, re.DOTALL)), None)
    if kind is None:
        raise FileError(
            f"{name}: it is not an image that can be read. Known are PNG, JPEG, TIFF, WebP, BMP, GIF, PGM, PPM, "
            "and numbers as .npy, .npz and .csv."
        )
    factory, accept = _reader(kind)
    try:
        if accept(start) is not True:
            raise SyntaxError(kind)
        picture: PIL.Image.Image = factory(stream, "")
    except DAMAGE as error:
        raise FileError(
            f"{name}: it is {kind}, but damaged or of a kind that is not read here. Get the file again, or save it as "
            "PNG or .npy."
        ) from error
    check_size(name, picture.size, max_pixels)
    return picture


def _reader(kind: str) -> tuple[Any, Any]:
    """What makes a picture of a stream, and what says whether it can; only the module of this format is loaded."""
    import PIL.Image

    importlib.import_module(f"PIL.{FORMATS[kind][0]}ImagePlugin")
    factory, accept = PIL.Image.OPEN[FORMATS[kind][0].upper()]
    return factory, accept


def decode(name: str, picture: PIL.Image.Image) -> None:
    """Read a picture's pixels.

    Raises
    ------
    FileError
        If they are cut off or damaged.
    """
    try:
        picture.load()
    except DAMAGE as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise FileError(f"{name}: the image is cut off or damaged ({reason}). Get the file again.") from error
