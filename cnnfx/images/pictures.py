"""Pictures, as Pillow reads them: any depth and colour model to grey or RGB, without losing depth where Pillow keeps
it."""

from __future__ import annotations

import warnings
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.images.image import Image, check_pixels

if TYPE_CHECKING:
    import PIL.Image

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "MPO")
GRAY, RGB = ("gray",), ("red", "green", "blue")
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601's weights of red, green and blue."""
WHOLE_RANGES = {"I;16S": 2**15 - 1, "I;16BS": 2**15 - 1, "I;32N": 2**32 - 1, "I;32S": 2**31 - 1, "I;32BS": 2**31 - 1}
"""The largest value of whole numbers that Pillow reads into 32 bits; 16 unsigned bits where nothing else is known."""


def load_picture(name: str, stream: IO[bytes], channels: str, background: str, max_pixels: int) -> Image:
    """A picture as an image; see `cnnfx.load_image`."""
    color = _color(background)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata and of size, which is checked here
        picture = _open(name, stream)
        check_pixels(name, *picture.size, max_pixels)
        notes = _lost_depth(name, picture)
        largest = _largest(picture)
        _decode(name, picture)
        picture = _upright(picture)
        values, names = _values(_opaque(picture, color), channels, largest)
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

    # The limit that counts is ours; Pillow's own is read when a file is opened.
    PIL.Image.MAX_IMAGE_PIXELS = None
    try:
        return PIL.Image.open(stream, formats=FORMATS)
    except PIL.UnidentifiedImageError:
        raise FileError(
            f"{name}: it is not an image that can be read. Known are PNG, JPEG, TIFF, WebP, BMP, GIF, PGM, PPM, "
            "and numbers as .npy, .npz and .csv."
        ) from None
    except (OSError, ValueError, SyntaxError, OverflowError) as error:
        raise _damaged(name, error) from error


def _decode(name: str, picture: PIL.Image.Image) -> None:
    import struct
    import zlib

    try:
        picture.load()
    except (OSError, ValueError, SyntaxError, IndexError, EOFError, struct.error, zlib.error) as error:
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
    """The picture turned as its EXIF orientation says."""
    if picture.getexif().get(0x0112, 1) == 1:
        return picture
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture)


def _opaque(picture: PIL.Image.Image, color: tuple[int, ...]) -> PIL.Image.Image:
    """The picture laid over a colour where it is transparent."""
    if not (picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info):
        return picture
    if picture.mode.startswith("I") or picture.mode == "F":
        return picture  # a grey level that counts as transparent: no alpha to lay over anything
    import PIL.Image

    layered = picture.convert("RGBA")
    base = PIL.Image.new("RGBA", picture.size, (*color, 255))
    gray = picture.mode in ("L", "LA", "La", "1") and len(set(color)) == 1
    return PIL.Image.alpha_composite(base, layered).convert("L" if gray else "RGB")


def _values(picture: PIL.Image.Image, channels: str, largest: float) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The channels `(C, H, W)` and their names."""
    gray = picture.mode in ("1", "L", "F") or picture.mode.startswith("I") or _is_gray_palette(picture)
    if gray or channels == "gray":
        plane = _gray_values(picture, largest)[None]
        return (np.repeat(plane, 3, axis=0), RGB) if channels == "rgb" else (plane, GRAY)
    planes = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
    return np.ascontiguousarray(np.moveaxis(planes, -1, 0)), RGB


def _is_gray_palette(picture: PIL.Image.Image) -> bool:
    if picture.mode != "P":
        return False
    palette = np.array(picture.getpalette("RGB")).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _gray_values(picture: PIL.Image.Image, largest: float) -> NDArray[Any]:
    if picture.mode == "F":
        return np.asarray(picture)
    if picture.mode == "I":
        values = np.asarray(picture)
        values = values.view(np.uint32) if largest > 2**31 else values
        if largest == 2**16 - 1 and values.min() >= 0 and values.max() <= largest:
            return values.astype(np.uint16)
        return (values / largest).astype(np.float32)
    if picture.mode.startswith("I;16"):
        return np.asarray(picture).astype(np.uint16, copy=False)
    return np.asarray(picture if picture.mode == "L" else picture.convert("L"))
