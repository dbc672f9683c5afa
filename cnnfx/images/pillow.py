"""Decoding of pictures with Pillow, to gray or RGB.

Pixels keep the bit depth that Pillow supports: 8 bits become uint8, 16-bit gray uint16. Pictures are rotated by their
EXIF orientation, and transparent parts are composited over a background color.
"""

from __future__ import annotations

import importlib
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.channels import BAND_PIXELS, Channels, opacity_without_color, select_channels
from cnnfx.images.formats import PSD
from cnnfx.images.image import GRAY_NAMES, RGB_NAMES, Image
from cnnfx.images.pages import check_page
from cnnfx.images.picture_file import PictureFile

if TYPE_CHECKING:
    import PIL.Image

GRAY_MODES = ("1", "L", "LA", "La")
"""Pillow's modes of at most 8 bits without color."""
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
"""Pillow's modes with an alpha channel."""
INTERMEDIATE_MODES = {"LAB": "RGB", "HSV": "RGB", "La": "LA", "RGBa": "RGBA"}
"""Pillow's modes that it converts only to the given mode, which is converted further."""
MODE_BYTES = {"1": 2, "L": 2, "P": 5, "I;16": 4, "I;16B": 4, "I;16L": 4}
"""The memory of a pixel of Pillow's modes and of its channels here, in bytes, at most; 8 for all others."""
DECODER_BYTES = {"WebP": 16, "AVIF": 16, "JPEG 2000": 20, "JPEG": 6, "QOI": 8}
"""The memory of a pixel that the decoder of a format takes beside the picture, in bytes, at most; 0 for all others."""

MAX_RUN = 255
"""The most pixels for each byte of a BMP of run lengths, which Pillow decodes slowly."""
ORIENTATION_TAG = 0x0112
"""The EXIF tag of the orientation."""
ORIENTATIONS = {
    1: (False, 1, 1), 2: (False, 1, -1), 3: (False, -1, -1), 4: (False, -1, 1),
    5: (True, 1, 1), 6: (True, -1, 1), 7: (True, -1, -1), 8: (True, 1, -1),
}  # fmt: skip
"""By EXIF orientation: whether rows and columns are swapped, the step through rows, and the step through columns."""


def decode(file: PictureFile, check: Callable[[PictureFile, PIL.Image.Image], None]) -> Image:
    """Decode a picture with the plugin of its format.

    Parameters
    ----------
    file : PictureFile
    check : function of the file and the picture
        Checks that all pixels of the decoded first page were in the file, and raises FileError.
    """
    with PILLOW_LIMIT(file.max_pixels):
        picture = open_picture(file)
        pages = _page_count(file, picture)
        check_page(file.name, file.page, pages, file.format.page)
        _check_memory(file, picture)
        for index in range(1, file.page):
            _turn_page(file, picture, index)
            _check_memory(file, picture)
        raw_mode = _raw_mode(picture)
        decode_pixels(file, picture)
        if file.page == 1:
            check(file, picture)
        notes = _depth_notes(file, picture, raw_mode)
        found = (_convert_deep if picture.mode.startswith("I;16") else _convert_8_bit)(file, picture)
    notes = (*notes, *found.notes)
    return Image(file.name, found.values, found.names, notes=notes, page=file.page, pages=pages)


class _PillowLimit:
    """The limit of pixels that Pillow checks itself, in pages and parts of pictures that `check_size` does not see.

    It is global to the process, as are the warnings, which are disabled: the first thread that enters sets both, the
    last one that leaves restores them. Between, the largest limit of all threads holds.
    """

    def __init__(self) -> None:
        self.lock, self.restore = threading.Lock(), ExitStack()
        self.limits: list[int] = []

    @contextmanager
    def __call__(self, max_pixels: int) -> Iterator[None]:
        import PIL.Image

        with self.lock:
            if not self.limits:
                self.restore.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                self.restore.callback(setattr, PIL.Image, "MAX_IMAGE_PIXELS", PIL.Image.MAX_IMAGE_PIXELS)
            self.limits.append(max_pixels)
            self._apply()
        try:
            yield
        finally:
            with self.lock:
                self.limits.remove(max_pixels)
                if self.limits:
                    self._apply()
                else:
                    self.restore.close()

    def _apply(self) -> None:
        import PIL.Image

        PIL.Image.MAX_IMAGE_PIXELS = (max(self.limits) + 1) // 2  # Pillow refuses more than twice as many


PILLOW_LIMIT = _PillowLimit()
"""The only instance, which counts the threads that use Pillow."""


def open_picture(file: PictureFile) -> PIL.Image.Image:
    """Read the header of a picture. Only the plugin of its format is imported."""
    import PIL.Image

    start = file.start()
    importlib.import_module(f"PIL.{file.format.plugin}ImagePlugin")
    key = "DIB" if file.format.plugin == "Bmp" and not start.startswith(b"BM") else file.format.plugin.upper()
    known = PIL.Image.OPEN.get({"JPEG2K": "JPEG2000"}.get(key, key))
    if known is None:
        raise FileError(f"{file.name}: this Pillow cannot read {file.format.name}. Convert it to PNG.")
    factory, accept = known
    try:
        accepted = accept is None or accept(start)
        if isinstance(accepted, str) and "not installed" in accepted:
            raise FileError(f"{file.name}: this Pillow cannot read {file.format.name}. Convert it to PNG.")
        if accepted is not True:
            raise SyntaxError(file.format.name)
        picture: PIL.Image.Image = factory(file.stream, "")
    except FileError:
        raise
    except PIL.Image.DecompressionBombError as error:
        raise _too_large(file) from error
    except Exception as error:  # Pillow's plugins raise many kinds for malformed content
        raise FileError(
            f"{file.name}: cannot decode this {file.format.name} (damaged, or of a kind that is not supported). "
            "Get the file again, or save it as PNG or .npy."
        ) from error
    return picture


def _too_large(file: PictureFile) -> FileError:
    text = f"{file.name}: a part of it has more pixels than the limit of {file.max_pixels}."
    return FileError(text, remedy="pixel_limit")


def count_pages(file: PictureFile) -> int:
    """Return how many pages or frames a picture file holds."""
    with PILLOW_LIMIT(file.max_pixels):
        return _page_count(file, open_picture(file))


def _page_count(file: PictureFile, picture: PIL.Image.Image) -> int:
    """Return the number of pages; 1 if later ones cannot be found. Layers are no pages."""
    if file.format is PSD:
        return 1
    try:
        return max(1, int(getattr(picture, "n_frames", 1)))
    except Exception:  # as in `open_picture`
        return 1


def _turn_page(file: PictureFile, picture: PIL.Image.Image, index: int) -> None:
    import PIL.Image

    try:
        picture.seek(index)
    except PIL.Image.DecompressionBombError as error:
        raise _too_large(file) from error
    except Exception as error:  # as in `open_picture`
        raise file.damaged(f"{file.format.page} {index + 1} is damaged") from error


def _check_memory(file: PictureFile, picture: PIL.Image.Image) -> None:
    """Check the size of the current page before it is decoded."""
    width, height = picture.size
    if not (width and height):
        raise file.damaged("it has no pixels")
    size = file.size()
    if _decoder(picture) == "bmp_rle" and width * height > MAX_RUN * size:
        raise file.damaged(f"truncated: {size:,} bytes are too few for {width}×{height} pixels")
    pixel_bytes = MODE_BYTES.get(picture.mode, 8) + DECODER_BYTES.get(file.format.name, 0)
    file.check_memory((height, width), pixel_bytes)
    _check_rows(file, picture, size)


def decode_pixels(file: PictureFile, picture: PIL.Image.Image) -> None:
    """Decode the current page."""
    import PIL.Image

    try:
        picture.load()
    except PIL.Image.DecompressionBombError as error:
        raise _too_large(file) from error
    except Exception as error:  # as in `open_picture`
        reason = str(error).rstrip(".") or type(error).__name__
        raise file.damaged(_truncated(file, picture) if "truncated" in reason else reason) from error
    if picture.im.size != picture.size:
        raise file.damaged("its size is damaged")


def _truncated(file: PictureFile, picture: PIL.Image.Image) -> str:
    """Return how many rows of a truncated picture have been decoded, if it is known: the others are 0."""
    if file.format.name == "GIF":  # its rows may be interlaced
        return "truncated"
    try:
        _, top, _, bottom = picture.im.getbbox()
    except Exception:  # there are no pixels
        return "truncated"
    rows = bottom - top
    return f"truncated after {rows} of {picture.height} rows" if rows < picture.height else "truncated"


def _check_rows(file: PictureFile, picture: PIL.Image.Image, size: int) -> None:
    """Check that the file of a BMP whose pixels are not compressed has all rows, before memory is allocated."""
    if file.format.name != "BMP" or _decoder(picture) != "raw":
        return
    _, _, offset, (_, row_bytes, _) = picture.tile[0]  # type: ignore[attr-defined] # an ImageFile has it
    rows = max(0, size - offset) // row_bytes
    if rows < picture.height:
        raise file.damaged(f"truncated after {rows} of {picture.height} rows")


def _decoder(picture: PIL.Image.Image) -> str:
    """Return the name of Pillow's decoder for the current page; empty if it is unknown."""
    tiles = getattr(picture, "tile", None)
    return str(tiles[0][0]) if tiles else ""


def _raw_mode(picture: PIL.Image.Image) -> str:
    """Return the raw mode of the file's pixels, such as "RGB;16B", which Pillow provides only until it decodes them."""
    tiles = getattr(picture, "tile", None)
    args = tiles[0][3] if tiles else ()
    args = (args,) if isinstance(args, str) else tuple(args or ())
    return str(args[0]) if args else ""


def _depth_notes(file: PictureFile, picture: PIL.Image.Image, raw_mode: str) -> tuple[str, ...]:
    """Return a note if Pillow has decoded fewer bits than the file has."""
    bits = _channel_bits(file, raw_mode)
    if bits <= 8 or picture.mode.startswith("I"):
        return ()
    return (f"{file.name}: 8 of its {bits} bits per channel are read. Write it as 16-bit PNG, or .npy, to keep all.",)


def _channel_bits(file: PictureFile, raw_mode: str) -> int:
    """Return the bits of a channel in the file, for formats that allow more than 8."""
    if file.format.name == "PNG":
        return 16 if ";16" in raw_mode else 8
    start = file.start()
    if file.format.name == "SGI":
        return 8 * start[3]
    if file.format.name == "JPEG 2000":
        found = re.search(rb"\xff\x51.{38}(.)", start, re.DOTALL)  # the marker of the image's size
        return (found[1][0] & 0x7F) + 1 if found else 8
    if file.format.name == "AVIF":
        found = re.search(rb"av1C.{2}(.)", start, re.DOTALL)  # the configuration of the decoder
        flags = found[1][0] if found else 0
        return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    return 8


def _convert_deep(file: PictureFile, picture: PIL.Image.Image) -> Channels:
    """Convert a gray picture of more than 8 bits to uint16."""
    values = extract(picture, "", np.uint16)
    level = picture.info.get("transparency")
    alpha = opacity_without_color(values, level) if isinstance(level, int) else None
    return select_channels(file.name, values, alpha, file.channels, file.background)


def _convert_8_bit(file: PictureFile, picture: PIL.Image.Image) -> Channels:
    """Convert a picture of at most 8 bits per channel to gray or RGB; see `channels` of `cnnfx.load_image`."""
    is_gray = picture.mode in GRAY_MODES or _has_gray_palette(picture)
    if picture.mode in ALPHA_MODES or "transparency" in picture.info:
        values = extract(picture, "RGBA", np.uint8)
        color = values[:1] if is_gray else values[:3]
        return select_channels(file.name, color, values[3], file.channels, file.background)
    if file.channels == "gray" or (file.channels == "auto" and is_gray):
        return Channels(extract(picture, "L", np.uint8), GRAY_NAMES)
    return Channels(extract(picture, "RGB", np.uint8), RGB_NAMES)


def _has_gray_palette(picture: PIL.Image.Image) -> bool:
    if picture.mode not in ("P", "PA"):
        return False
    palette = np.array(picture.getpalette("RGB") or (), np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def extract(picture: PIL.Image.Image, mode: str, dtype: type[np.generic]) -> NDArray[Any]:
    """Return the rotated channels (C, H, W) of a picture, converted band by band to `mode` ("" for its own mode)."""
    width, height = picture.size
    is_swapped, row_step, column_step = _orientation(picture)
    values = np.empty((max(1, len(mode)), *((width, height) if is_swapped else (height, width))), dtype)
    as_stored = (values.swapaxes(1, 2) if is_swapped else values)[:, ::row_step, ::column_step]
    for top, band in bands(picture):
        pixels = np.asarray(_convert_band(band, mode))
        as_stored[:, top : top + len(pixels)] = np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0)
    return values


def bands(picture: PIL.Image.Image) -> Iterator[tuple[int, PIL.Image.Image]]:
    """Yield bands of the picture, each with its first row."""
    width, height = picture.size
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield top, picture.crop((0, top, width, min(top + rows, height)))


def _convert_band(band: PIL.Image.Image, mode: str) -> PIL.Image.Image:
    """Convert a band to `mode` ("" for its own mode)."""
    if band.mode in INTERMEDIATE_MODES:
        band = band.convert(INTERMEDIATE_MODES[band.mode])
    return band if mode in ("", band.mode) else band.convert(mode)


def _orientation(picture: PIL.Image.Image) -> tuple[bool, int, int]:
    """Return the entry of `ORIENTATIONS` for a picture; malformed EXIF data are ignored."""
    try:
        return ORIENTATIONS.get(picture.getexif().get(ORIENTATION_TAG, 1), ORIENTATIONS[1])
    except Exception:  # as in `open_picture`
        return ORIENTATIONS[1]
