"""Check that all pixels of a picture were in its file, for formats of which Pillow accepts files that end early."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import IO, TYPE_CHECKING

import numpy as np

from cnnfx.images.picture_file import PictureFile
from cnnfx.images.pillow import bands, decode_pixels, open_picture

if TYPE_CHECKING:
    import PIL.Image

BYTE_FORMATS = ("BMP", "PCX", "SGI", "TGA")
"""The formats whose missing pixels are 0 after Pillow has decoded them, as memory was before."""
JPEG_GRAYS = (127, 128)
"""The levels of missing pixels of a JPEG, of ink and of light."""
JPEG_SCAN, JPEG_END = b"\xff\xda", b"\xff\xd9"
"""The markers of a JPEG in front of its compressed pixels, and behind them."""
JPEG_FILLING = bytes(range(1, 255)) * 8
"""Bytes that a decoder takes for compressed pixels, if some are missing."""
GIF_HEADER_BYTES = 13
"""The bytes of a GIF before its palette."""


def check_complete(file: PictureFile, picture: PIL.Image.Image) -> None:
    """Check that all pixels of the first page of a decoded picture were in its file.

    Where the format allows doubt, the picture is decoded again, into memory that held another value before.

    Raises
    ------
    FileError
        If some were not; the message says in which row they end.
    """
    if file.format.name == "GIF":
        _check_written(replace(file, stream=io.BytesIO(_opaque_gif(file.stream))), picture)
    elif file.format.name == "JPEG":
        _check_jpeg(file, picture)
    elif file.format.name in BYTE_FORMATS and _has_zero_corner(picture):
        _check_written(file, picture)


def _has_zero_corner(picture: PIL.Image.Image) -> bool:
    """Return whether a pixel in a corner is 0; decoders write one of them last."""
    right, bottom = picture.width - 1, picture.height - 1
    return any(not np.any(picture.getpixel(corner)) for corner in ((0, 0), (right, 0), (0, bottom), (right, bottom)))


def _check_written(file: PictureFile, picture: PIL.Image.Image) -> None:
    """Check that decoding into memory of 255, or of 0 where the last pixel is 255, gives the same pixels."""
    import PIL.Image

    again = open_picture(file)
    box = again.tile[0][1] if again.tile else (0, 0, *picture.size)  # type: ignore[attr-defined] # an ImageFile has it
    last = np.array(picture.getpixel((picture.width - 1, picture.height - 1)))
    level = 0 if (last == 255).all() else 255
    count = len(picture.getbands())
    again.im = PIL.Image.new(again.mode, again.size, level if count == 1 else (level,) * count).im
    decode_pixels(file, again)
    _check_equal(file, picture.crop(box), again.crop(box))


def _check_jpeg(file: PictureFile, picture: PIL.Image.Image) -> None:
    """Check that a JPEG whose last pixel is mid-gray does not change if further compressed pixels are added.

    Those of a complete picture are ignored. Of a progressive JPEG, which may lack details only, nothing is known.
    """
    last = np.array(picture.getpixel((picture.width - 1, picture.height - 1)))
    if not any((last == level).all() for level in JPEG_GRAYS):
        return
    file.stream.seek(0)
    content = file.stream.read()
    end = content.find(JPEG_END, _scan_offset(content))
    if end >= 0:
        again = open_picture(replace(file, stream=io.BytesIO(content[:end] + JPEG_FILLING + content[end:])))
        decode_pixels(file, again)
        _check_equal(file, picture, again)


def _check_equal(file: PictureFile, picture: PIL.Image.Image, again: PIL.Image.Image) -> None:
    """Check that a picture that was decoded again has the same pixels; rows that differ were not in the file."""
    rows = [np.zeros(0, np.bool_)]
    for top, band in bands(picture):
        other = again.crop((0, top, picture.width, top + band.height))
        different = np.asarray(band) != np.asarray(other)
        rows.append(different.reshape(len(different), -1).any(axis=1))
    differs = np.concatenate(rows)
    if differs.any():
        # From the first row that differs on, unless they are at the top: a picture may be stored from the bottom.
        missing = int(differs.sum()) if differs[0] else len(differs) - int(differs.argmax())
        raise file.damaged(f"its pixels end after {len(differs) - missing} of {len(differs)} rows")


def _scan_offset(content: bytes) -> int:
    """Return where the compressed pixels of a JPEG start, behind its headers."""
    at = 2
    while at + 4 <= len(content) and content[at : at + 2] != JPEG_SCAN:
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big") if content[at] == 0xFF else 1
    return at


def _opaque_gif(stream: IO[bytes]) -> bytes:
    """Return the content of a GIF without the transparency of its first frame."""
    stream.seek(0)
    content = bytearray(stream.read())
    flags = content[10]
    at = GIF_HEADER_BYTES + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while content[at : at + 1] == b"!":
        if content[at + 1 : at + 3] == b"\xf9\4":
            content[at + 3] &= ~1
        at += 2
        while at < len(content) and content[at]:
            at += 1 + content[at]
        at += 1
    return bytes(content)
