"""Pictures, as Pillow reads them: any depth and colour model to grey or RGB, without losing depth where Pillow keeps
it."""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.images.image import Image, check_size

if TYPE_CHECKING:
    import PIL.Image

_opening = threading.Lock()

PLAIN = {"LAB": "RGB", "HSV": "RGB", "La": "LA", "RGBa": "RGBA"}
"""Pillow's colour models that it turns into few others, and what stands for them."""
DAMAGE = (OSError, ValueError, SyntaxError, LookupError, EOFError, OverflowError, TypeError, struct.error, zlib.error)
"""What Pillow raises where a file's content makes no sense."""
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP")
STARTS = {
    "PNG": (b"\x89PNG",),
    "JPEG": (b"\xff\xd8",),
    "GIF": (b"GIF8",),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "WebP": (b"RIFF",),
    "PGM or PPM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
}
"""What a file of each kind begins with."""
GRAY, RGB = ("gray",), ("red", "green", "blue")
ROWS = 64
"""So many rows are taken out of Pillow at a time: they stay in a processor's cache while their channels are parted."""
WHOLE_RANGES = {"I;16S": 2**15 - 1, "I;16BS": 2**15 - 1, "I;32N": 2**32 - 1, "I;32S": 2**31 - 1, "I;32BS": 2**31 - 1}
"""The largest value of whole numbers that Pillow reads into 32 bits; 16 unsigned bits where nothing else is known."""


def load_picture(name: str, stream: IO[bytes], channels: str, background: str, max_pixels: int) -> Image:
    """A picture as an image; see `cnnfx.load_image`."""
    color = _color(background)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata and of size, which is checked here
        picture = _open(name, stream)
        check_size(name, picture.size, max_pixels)
        notes = _lost_depth(name, picture)
        largest = _largest(picture)
        _decode(name, picture)
        values, names = _values(_opaque(_plain(_upright(picture)), color), channels, largest)
    return Image(name, values, names, notes=notes)


def _color(background: str) -> tuple[int, ...]:
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(background)[:3]
    except ValueError:
        raise ArgumentError(
            f"background {background!r} is not a colour. Write a name such as white, or #rrggbb."
        ) from None


def _open(name: str, stream: IO[bytes]) -> PIL.Image.Image:
    import PIL.Image

    # Pillow looks for these two only after it has loaded all of its forty formats.
    from PIL import TiffImagePlugin, WebPImagePlugin  # noqa: F401

    try:
        with _no_limit():
            return PIL.Image.open(stream, formats=FORMATS)
    except PIL.UnidentifiedImageError:
        raise _unknown(name, stream) from None
    except DAMAGE as error:
        raise _damaged(name, error) from error


@contextmanager
def _no_limit() -> Iterator[None]:
    """Without Pillow's own limit of pixels, which it looks at when a file is opened: the one that counts is ours."""
    import PIL.Image

    with _opening:
        limit, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = limit


def _unknown(name: str, stream: IO[bytes]) -> FileError:
    """What to say of a file that Pillow does not know, or knows by its first bytes only."""
    stream.seek(0)
    start = stream.read(4)
    for kind, starts in STARTS.items():
        if start.startswith(starts):
            return FileError(
                f"{name}: it is {kind}, but damaged or of a kind that is not read here. Save it as PNG, or its numbers "
                "as .npy."
            )
    return FileError(
        f"{name}: it is not an image that can be read. Known are PNG, JPEG, TIFF, WebP, BMP, GIF, PGM, PPM, "
        "and numbers as .npy, .npz and .csv."
    )


def _decode(name: str, picture: PIL.Image.Image) -> None:
    try:
        picture.load()
    except DAMAGE as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> FileError:
    return FileError(f"{name}: the image is cut off or damaged ({str(error).rstrip('.')}). Get the file again.")


def _lost_depth(name: str, picture: PIL.Image.Image) -> tuple[str, ...]:
    """What to say where Pillow reads fewer bits than the file has."""
    raw, maximum = _coded(picture)
    if picture.mode in ("RGB", "RGBA", "LA", "RGBX") and (";16" in raw or (picture.format == "PPM" and maximum > 255)):
        return (f"{name}: 8 of its 16 bits per channel are read. Write it as 16-bit grey, or .npy, to keep all.",)
    return ()


def _largest(picture: PIL.Image.Image) -> float:
    """The value that is 1.0 in a picture of 32-bit whole numbers."""
    return float(WHOLE_RANGES.get(_coded(picture)[0], 2**16 - 1))


def _coded(picture: PIL.Image.Image) -> tuple[str, int]:
    """How the file codes its pixels, in Pillow's words ("RGB;16B"), and the largest value if that is told."""
    tiles = getattr(picture, "tile", None)
    args = tiles[0][3] if tiles else ()
    args = (args,) if isinstance(args, str) else tuple(args or ())
    maximum = args[1] if len(args) > 1 and isinstance(args[1], int) else 0
    return str(args[0]) if args else "", maximum


def _upright(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The picture turned as its EXIF orientation says; one whose EXIF data make no sense stays as it is."""
    try:
        if picture.getexif().get(0x0112, 1) == 1:
            return picture
        from PIL import ImageOps

        return ImageOps.exif_transpose(picture)
    except DAMAGE:
        return picture


def _plain(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The picture in a colour model that Pillow turns into luminance and lays over others."""
    plain = PLAIN.get(picture.mode)
    return picture.convert(plain) if plain else picture


def _opaque(picture: PIL.Image.Image, color: tuple[int, ...]) -> PIL.Image.Image:
    """The picture laid over a colour where it is transparent."""
    if not (picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info):
        return picture
    if picture.mode.startswith("I") or picture.mode == "F":
        return picture  # a grey level that counts as transparent: no alpha to lay over anything
    import PIL.Image

    layered = picture.convert("RGBA")
    base = PIL.Image.new("RGBA", picture.size, (*color, 255))
    gray = picture.mode in ("L", "LA", "1") and len(set(color)) == 1
    return PIL.Image.alpha_composite(base, layered).convert("L" if gray else "RGB")


def _values(picture: PIL.Image.Image, channels: str, largest: float) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The channels `(C, H, W)` and their names."""
    gray = picture.mode in ("1", "L", "F") or picture.mode.startswith("I") or _is_gray_palette(picture)
    if gray or channels == "gray":
        plane = _gray_values(picture, largest)
        return (np.repeat(plane, 3, axis=0), RGB) if channels == "rgb" else (plane, GRAY)
    return _planes(picture if picture.mode == "RGB" else picture.convert("RGB")), RGB


def _planes(picture: PIL.Image.Image) -> NDArray[np.uint8]:
    """The bytes of a picture `(C, H, W)`, without a second copy of the whole on the way."""
    width, height = picture.size
    planes = np.empty((len(picture.getbands()), height, width), np.uint8)
    for top in range(0, height, ROWS):
        bottom = min(top + ROWS, height)
        with _no_limit():
            part = picture.crop((0, top, width, bottom))
        rows = np.asarray(part)
        planes[:, top:bottom] = np.moveaxis(rows.reshape(bottom - top, width, -1), -1, 0)
    return planes


def _is_gray_palette(picture: PIL.Image.Image) -> bool:
    if picture.mode != "P":
        return False
    palette = np.array(picture.getpalette("RGB")).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _gray_values(picture: PIL.Image.Image, largest: float) -> NDArray[Any]:
    if picture.mode == "F":
        return np.asarray(picture)[None]
    if picture.mode == "I":
        values = np.asarray(picture)[None]
        values = values.view(np.uint32) if largest > 2**31 else values
        if largest == 2**16 - 1 and values.min() >= 0 and values.max() <= largest:
            return values.astype(np.uint16)
        return (values / largest).astype(np.float32)
    if picture.mode.startswith("I;16"):
        return np.asarray(picture)[None].astype(np.uint16, copy=False)
    return _planes(picture if picture.mode == "L" else picture.convert("L"))
