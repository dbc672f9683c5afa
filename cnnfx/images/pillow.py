"""Decoding of pictures with Pillow, to gray or RGB.

Pixels keep the bit depth that Pillow supports: 8 bits become uint8, 16-bit gray uint16, other numbers float32. Pictures
are rotated by their EXIF orientation, and transparent parts are composited over a background color.
"""

from __future__ import annotations

import importlib
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.images.image import GRAY_NAMES, LUMA_WEIGHTS, RGB_NAMES, Image, check_size

if TYPE_CHECKING:
    import PIL.Image

RgbColor = tuple[int, int, int]
"""Red, green and blue in 0..255."""
NamedChannels = tuple[NDArray[Any], tuple[str, ...]]
"""Values (C, H, W) and the names of the C channels."""


class PictureFormat(NamedTuple):
    """A file format: its name, Pillow's plugin for it, and a regular expression for the first bytes of a file."""

    name: str
    plugin: str
    signature: bytes


FORMATS = (
    PictureFormat("PNG", "Png", rb"\x89PNG"),
    PictureFormat("JPEG", "Jpeg", rb"\xff\xd8"),
    PictureFormat("GIF", "Gif", rb"GIF8"),
    PictureFormat("BMP", "Bmp", rb"BM"),
    PictureFormat("TIFF", "Tiff", rb"II[*+]\0|MM\0[*+]"),
    PictureFormat("WebP", "WebP", rb"RIFF....WEBP"),
    PictureFormat("PGM or PPM", "Ppm", rb"P[1-6f]"),
)
"""The formats that can be read."""
SIGNATURE_BYTES = 16
"""The first bytes by which Pillow's plugins accept a file."""
PILLOW_ERRORS = (
    OSError, ValueError, SyntaxError, LookupError, EOFError, OverflowError, TypeError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises for malformed content."""

GRAY_MODES = ("1", "L", "LA", "La")
"""Pillow's modes of at most 8 bits without color."""
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
"""Pillow's modes with an alpha channel."""
INTERMEDIATE_MODES = {"LAB": "RGB", "HSV": "RGB", "La": "LA", "RGBa": "RGBA"}
"""Pillow's modes that it converts only to the given mode, which is converted further."""
MAX_UINT16 = 2**16 - 1
"""The largest value of 16-bit pixels."""
MAX_INTEGERS = {"I;16S": 2**15 - 1, "I;16BS": 2**15 - 1, "I;32N": 2**32 - 1, "I;32S": 2**31 - 1, "I;32BS": 2**31 - 1}
"""The largest integers of raw modes that Pillow decodes to 32 bits. For other raw modes it is `MAX_UINT16`."""
UINT16_PER_UINT8 = 257
"""The factor from the range 0..255 to 0..65535."""
BAND_PIXELS = 2**17
"""Pixels that are converted at a time, about. A band stays in the cache, and no second copy of the whole picture is
needed."""

ORIENTATION_TAG = 0x0112
"""The EXIF tag of the orientation."""
NO_DATA_TAG = 42113
"""The TIFF tag of GDAL with the value of pixels without data, as text."""
ORIENTATIONS = {
    1: (False, 1, 1), 2: (False, 1, -1), 3: (False, -1, -1), 4: (False, -1, 1),
    5: (True, 1, 1), 6: (True, -1, 1), 7: (True, -1, -1), 8: (True, 1, -1),
}  # fmt: skip
"""By EXIF orientation: whether rows and columns are swapped, the step through rows, and the step through columns."""


def load_picture(name: str, stream: IO[bytes], channels: str, background: str, max_pixels: int) -> Image:
    """Decode a picture. Arguments, result and errors are those of `cnnfx.load_image`."""
    color = _parse_color(background)
    with PILLOW_LIMITS_OFF:
        format, picture = _open(name, stream, max_pixels)
        raw_mode, maximum = _raw_mode(picture)
        try:
            picture.load()
        except PILLOW_ERRORS as error:
            reason = "truncated" if "truncated" in str(error) else str(error).rstrip(".") or type(error).__name__
            raise FileError(f"{name}: cannot decode this {format.name} ({reason}). Get the file again.") from error
        notes = _depth_notes(name, picture, raw_mode, maximum)
        if picture.mode.startswith("I") or picture.mode == "F":
            values, names = _convert_deep(picture, color, channels, MAX_INTEGERS.get(raw_mode, MAX_UINT16))
        else:
            values, names = _convert_8_bit(picture, color, channels)
        missing = _missing_values(name, picture, values)
    is_array = values.dtype == np.float32 and (picture.mode == "I" or not _is_brightness(values))
    return Image(name, values, names, is_array, (*notes, *missing))


class _PillowLimitsOff(AbstractContextManager[None]):
    """A context that disables Pillow's warnings and its limit of pixels, which `check_size` replaces.

    Both are global to the process: the first thread that enters disables them, the last one that leaves restores them.
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


PILLOW_LIMITS_OFF = _PillowLimitsOff()
"""The only instance, which counts the threads that use Pillow."""


def _parse_color(background: str) -> RgbColor:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(background)[:3]
    except (ValueError, AttributeError, TypeError):  # the latter two for what is no text
        raise ArgumentError(
            f"background {background!r} is not a color. Write a name such as white, or #rrggbb."
        ) from None
    return red, green, blue


def _open(name: str, stream: IO[bytes], max_pixels: int) -> tuple[PictureFormat, PIL.Image.Image]:
    """Read the header of a picture. Only the plugin of its format is imported."""
    import PIL.Image

    start = stream.read(SIGNATURE_BYTES)
    stream.seek(0)
    format = next((format for format in FORMATS if re.match(format.signature, start, re.DOTALL)), None)
    if format is None:
        raise FileError(
            f"{name}: it is not an image that can be read. Known are PNG, JPEG, TIFF, WebP, BMP, GIF, PGM, PPM, "
            "and numbers as .npy, .npz and .csv."
        )
    importlib.import_module(f"PIL.{format.plugin}ImagePlugin")
    factory, accept = PIL.Image.OPEN[format.plugin.upper()]
    try:
        if accept is None or accept(start) is not True:
            raise SyntaxError(format.name)
        picture: PIL.Image.Image = factory(stream, "")
    except PILLOW_ERRORS as error:
        raise FileError(
            f"{name}: cannot decode this {format.name} (damaged, or of a kind that is not supported). "
            "Get the file again, or save it as PNG or .npy."
        ) from error
    check_size(name, picture.size[::-1], max_pixels)
    return format, picture


def _raw_mode(picture: PIL.Image.Image) -> tuple[str, int]:
    """Return the raw mode of the file's pixels, such as "RGB;16B", and their largest value, 0 if it is unknown.

    Pillow provides both only until the picture is decoded.
    """
    tiles = getattr(picture, "tile", None)
    args = tiles[0][3] if tiles else ()
    args = (args,) if isinstance(args, str) else tuple(args or ())
    maximum = args[1] if len(args) > 1 and isinstance(args[1], int) else 0
    return str(args[0]) if args else "", maximum


def _depth_notes(name: str, picture: PIL.Image.Image, raw_mode: str, maximum: int) -> tuple[str, ...]:
    """Return a note if Pillow has decoded fewer bits than the file has."""
    is_deep = maximum > 255 if picture.format == "PPM" else ";16" in raw_mode and picture.format in ("PNG", "TIFF")
    if is_deep and not picture.mode.startswith("I"):
        return (f"{name}: 8 of its 16 bits per channel are read. Write it as 16-bit gray, or .npy, to keep all.",)
    return ()


def _convert_deep(picture: PIL.Image.Image, color: RgbColor, channels: str, max_integer: int) -> NamedChannels:
    """Convert a gray picture of more than 8 bits to uint16 or float32."""
    values = _extract(picture, "", {"I": np.int32, "F": np.float32}.get(picture.mode, np.uint16))
    if picture.mode == "I":
        values = _convert_integers(values, max_integer)
    transparent_level = picture.info.get("transparency")
    if isinstance(transparent_level, int) and values.dtype == np.uint16:
        return _fill_transparent(values, transparent_level, color, channels)
    return (np.repeat(values, 3, axis=0), RGB_NAMES) if channels == "rgb" else (values, GRAY_NAMES)


def _missing_values(name: str, picture: PIL.Image.Image, values: NDArray[Any]) -> tuple[str, ...]:
    """Replace the value that marks missing data in a GeoTIFF of floats by NaN, in place; return a note if it occurs."""
    try:
        no_data = float(picture.tag_v2[NO_DATA_TAG])  # type: ignore[attr-defined] # of TIFF only
    except (AttributeError, KeyError, TypeError, ValueError):
        return ()
    if values.dtype != np.float32 or picture.mode != "F":
        return ()
    with np.errstate(over="ignore"):  # the largest negative float64 is a usual value
        missing = values == np.float32(no_data)
    count = int(missing[0].sum())
    values[missing] = np.nan
    text = f"{count:,} pixels have" if count > 1 else "1 pixel has"
    return (f"{name}: {text} the no-data value {no_data:g}, read as NaN.",) if count else ()


def _is_brightness(values: NDArray[np.float32]) -> bool:
    """Return whether all finite values are in 0..1, black to white, not measurements such as heights."""
    finite = values[np.isfinite(values)]
    return not finite.size or bool(finite.min() >= 0 and finite.max() <= 1)


def _convert_integers(values: NDArray[Any], max_integer: int) -> NDArray[Any]:
    """Convert 32-bit integers to uint16 if they fit, else scale them to 0..1, or -1..1 if they are signed."""
    if max_integer > 2**31:
        values = values.view(np.uint32)
    if max_integer == MAX_UINT16 and values.min() >= 0 and values.max() <= max_integer:
        return values.astype(np.uint16)
    return (values / max_integer).astype(np.float32)


def _fill_transparent(values: NDArray[Any], transparent_level: int, color: RgbColor, channels: str) -> NamedChannels:
    """Replace the transparent level of 16-bit gray with a color."""
    is_transparent = values == transparent_level
    if channels == "gray" or (channels == "auto" and len(set(color)) == 1):
        luma = sum(weight * value for weight, value in zip(LUMA_WEIGHTS, color, strict=True))
        return np.where(is_transparent, np.uint16(round(UINT16_PER_UINT8 * luma)), values), GRAY_NAMES
    deep_color = np.array(color, np.uint16).reshape(3, 1, 1) * np.uint16(UINT16_PER_UINT8)
    return np.where(is_transparent, deep_color, values), RGB_NAMES


def _convert_8_bit(picture: PIL.Image.Image, color: RgbColor, channels: str) -> NamedChannels:
    """Convert a picture of at most 8 bits per channel to gray or RGB; see `channels` of `cnnfx.load_image`."""
    is_transparent = picture.mode in ALPHA_MODES or "transparency" in picture.info
    is_gray = picture.mode in GRAY_MODES or _has_gray_palette(picture)
    stays_gray = is_gray and (not is_transparent or len(set(color)) == 1)
    background = color if is_transparent else None
    if channels == "gray" or (channels != "rgb" and stays_gray):
        return _extract(picture, "L", np.uint8, background), GRAY_NAMES
    return _extract(picture, "RGB", np.uint8, background), RGB_NAMES


def _has_gray_palette(picture: PIL.Image.Image) -> bool:
    if picture.mode not in ("P", "PA"):
        return False
    palette = np.array(picture.getpalette("RGB")).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _extract(
    picture: PIL.Image.Image, mode: str, dtype: type[np.generic], background: RgbColor | None = None
) -> NDArray[Any]:
    """Return the rotated channels (C, H, W) of a picture, converted band by band to `mode` ("" for its own mode)."""
    width, height = picture.size
    is_swapped, row_step, column_step = _orientation(picture)
    values = np.empty((3 if mode == "RGB" else 1, *((width, height) if is_swapped else (height, width))), dtype)
    as_stored = (values.swapaxes(1, 2) if is_swapped else values)[:, ::row_step, ::column_step]
    for top, band in _bands(picture):
        pixels = np.asarray(_convert_band(band, mode, background))
        as_stored[:, top : top + len(pixels)] = np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0)
    return values


def _bands(picture: PIL.Image.Image) -> Iterator[tuple[int, PIL.Image.Image]]:
    """Yield bands of the picture, each with its first row."""
    width, height = picture.size
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield top, picture.crop((0, top, width, min(top + rows, height)))


def _convert_band(band: PIL.Image.Image, mode: str, background: RgbColor | None) -> PIL.Image.Image:
    """Composite a band over a background color, if one is given, and convert it to `mode` ("" for its own mode)."""
    import PIL.Image

    if band.mode in INTERMEDIATE_MODES:
        band = band.convert(INTERMEDIATE_MODES[band.mode])
    if background is not None:
        base = PIL.Image.new("RGBA", band.size, (*background, 255))
        band = PIL.Image.alpha_composite(base, band.convert("RGBA"))
    return band if mode in ("", band.mode) else band.convert(mode)


def _orientation(picture: PIL.Image.Image) -> tuple[bool, int, int]:
    """Return the entry of `ORIENTATIONS` for a picture; malformed EXIF data are ignored."""
    try:
        return ORIENTATIONS.get(picture.getexif().get(ORIENTATION_TAG, 1), ORIENTATIONS[1])
    except PILLOW_ERRORS:
        return ORIENTATIONS[1]
