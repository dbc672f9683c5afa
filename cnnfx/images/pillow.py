"""Pictures, as Pillow reads them: any depth and color model to gray or RGB, without losing depth where Pillow keeps
it."""

from __future__ import annotations

import importlib
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.images.image import Image, check_size

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


Color = tuple[int, int, int]

GRAY, RGB = ("gray",), ("red", "green", "blue")
GRAYS = ("1", "L", "LA", "La")
"""Pillow's modes of at most 8 bits without a color."""
VIA = {"LAB": "RGB", "HSV": "RGB", "La": "LA", "RGBa": "RGBA"}
"""Pillow's modes that it turns into few others, and what stands for them."""
PIECE = 2**17
"""About so many pixels are taken out of Pillow at a time: they stay in a processor's cache while they are converted,
and no second copy of the picture is ever held."""
LUMINANCE = (0.299, 0.587, 0.114)
"""Rec. 601's weights of red, green and blue."""
DEEP = {"I;16S": 2**15 - 1, "I;16BS": 2**15 - 1, "I;32N": 2**32 - 1, "I;32S": 2**31 - 1, "I;32BS": 2**31 - 1}
"""The largest value of whole numbers that Pillow reads into 32 bits; 16 unsigned bits where nothing else is known."""
ORIENTATIONS = {
    1: (False, 1, 1), 2: (False, 1, -1), 3: (False, -1, -1), 4: (False, -1, 1),
    5: (True, 1, 1), 6: (True, -1, 1), 7: (True, -1, -1), 8: (True, 1, -1),
}  # fmt: skip
"""EXIF orientations: whether rows and columns change places, then the steps of rows and columns."""


def load_picture(name: str, stream: IO[bytes], channels: str, background: str, max_pixels: int) -> Image:
    """A picture as an image; see `cnnfx.load_image`."""
    color = _color(background)
    with QUIET:
        picture = open_picture(name, stream, max_pixels)
        raw, maximum = _coded(picture)
        decode(name, picture)
        notes = _lost_depth(name, picture, raw, maximum)
        if picture.mode.startswith("I") or picture.mode == "F":
            values, names = _deep(picture, color, channels, DEEP.get(raw, 2**16 - 1))
        else:
            values, names = _flat(picture, color, channels)
    return Image(name, values, names, notes=notes)


def _color(background: str) -> Color:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(background)[:3]
    except ValueError:
        raise ArgumentError(
            f"background {background!r} is not a color. Write a name such as white, or #rrggbb."
        ) from None
    return red, green, blue


def _coded(picture: PIL.Image.Image) -> tuple[str, int]:
    """How the file codes its pixels, in Pillow's words ("RGB;16B"), and the largest value if that is told."""
    tiles = getattr(picture, "tile", None)
    args = tiles[0][3] if tiles else ()
    args = (args,) if isinstance(args, str) else tuple(args or ())
    maximum = args[1] if len(args) > 1 and isinstance(args[1], int) else 0
    return str(args[0]) if args else "", maximum


def _lost_depth(name: str, picture: PIL.Image.Image, raw: str, maximum: int) -> tuple[str, ...]:
    """What to say where Pillow reads fewer bits than the file has."""
    deep = maximum > 255 if picture.format == "PPM" else ";16" in raw and picture.format in ("PNG", "TIFF")
    if deep and not picture.mode.startswith("I"):
        return (f"{name}: 8 of its 16 bits per channel are read. Write it as 16-bit gray, or .npy, to keep all.",)
    return ()


def _deep(picture: PIL.Image.Image, color: Color, channels: str, largest: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """One channel of more than 8 bits: 16 whole ones, or floats."""
    values = _gathered(picture, "", {"I": np.int32, "F": np.float32}.get(picture.mode, np.uint16))
    if picture.mode == "I":
        values = _whole(values, largest)
    key = picture.info.get("transparency")
    if isinstance(key, int) and values.dtype == np.uint16:
        return _over(values, key, color, channels)
    return (np.repeat(values, 3, axis=0), RGB) if channels == "rgb" else (values, GRAY)


def _whole(values: NDArray[Any], largest: int) -> NDArray[Any]:
    """32-bit whole numbers: as 16 bits if these hold them, else scaled to 0..1, or −1..1 if they have a sign."""
    if largest > 2**31:
        values = values.view(np.uint32)
    if largest == 2**16 - 1 and values.min() >= 0 and values.max() <= largest:
        return values.astype(np.uint16)
    return (values / largest).astype(np.float32)


def _over(values: NDArray[Any], key: int, color: Color, channels: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """16-bit gray of which one level counts as transparent, over a color."""
    if channels == "gray" or (channels == "auto" and len(set(color)) == 1):
        luminance = sum(weight * value for weight, value in zip(LUMINANCE, color, strict=True))
        return np.where(values == key, np.uint16(round(257 * luminance)), values), GRAY
    return np.where(values == key, np.array(color, np.uint16).reshape(3, 1, 1) * np.uint16(257), values), RGB


def _flat(picture: PIL.Image.Image, color: Color, channels: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Channels of 8 bits: one if the whole picture is gray, or three."""
    clear = picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info
    gray = (picture.mode in GRAYS or _has_gray_palette(picture)) and (not clear or len(set(color)) == 1)
    if channels == "rgb" or not (gray or channels == "gray"):
        return _gathered(picture, "RGB", np.uint8, color if clear else None), RGB
    return _gathered(picture, "L", np.uint8, color if clear else None), GRAY


def _has_gray_palette(picture: PIL.Image.Image) -> bool:
    if picture.mode not in ("P", "PA"):
        return False
    palette = np.array(picture.getpalette("RGB")).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _gathered(picture: PIL.Image.Image, mode: str, dtype: type[np.generic], color: Color | None = None) -> NDArray[Any]:
    """The channels `(C, H, W)` of a picture, upright, laid over a color and converted piece by piece."""
    width, height = picture.size
    swap, down, right = _orientation(picture)
    values = np.empty((3 if mode == "RGB" else 1, *((width, height) if swap else (height, width))), dtype)
    stored = (values.swapaxes(1, 2) if swap else values)[:, ::down, ::right]
    for top, piece in _pieces(picture):
        rows = np.asarray(_converted(piece, mode, color))
        stored[:, top : top + len(rows)] = np.moveaxis(rows.reshape(*rows.shape[:2], -1), -1, 0)
    return values


def _pieces(picture: PIL.Image.Image) -> Iterator[tuple[int, PIL.Image.Image]]:
    """The picture cut into bands of rows, and where each begins."""
    width, height = picture.size
    rows = max(1, PIECE // width)
    for top in range(0, height, rows):
        yield top, picture.crop((0, top, width, min(top + rows, height)))


def _converted(piece: PIL.Image.Image, mode: str, color: Color | None) -> PIL.Image.Image:
    """A piece in a mode, its own for "", laid over a color if one is given."""
    import PIL.Image

    if piece.mode in VIA:
        piece = piece.convert(VIA[piece.mode])
    if color is not None:
        base = PIL.Image.new("RGBA", piece.size, (*color, 255))
        piece = PIL.Image.alpha_composite(base, piece.convert("RGBA"))
    return piece if mode in ("", piece.mode) else piece.convert(mode)


def _orientation(picture: PIL.Image.Image) -> tuple[bool, int, int]:
    """How the picture is to be turned; one whose EXIF data make no sense stays as it is."""
    try:
        return ORIENTATIONS.get(picture.getexif().get(0x0112, 1), ORIENTATIONS[1])
    except DAMAGE:
        return ORIENTATIONS[1]
