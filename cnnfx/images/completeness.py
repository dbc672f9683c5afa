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

BYTE_FORMATS = ("BMP", "PCX", "SGI", "TGA", "DDS")
"""The formats whose missing pixels are 0 after Pillow has decoded them, as memory was before."""
JPEG_GRAY = 128
"""The level of missing pixels of a JPEG."""
JPEG_END = b"\xff\xd9"
"""The marker at the end of a JPEG."""
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
    mode = again.mode
    last = np.array(picture.getpixel((picture.width - 1, picture.height - 1)))
    again.im = PIL.Image.new(mode, again.size, _filled(mode, 0 if (last == 255).all() else 255)).im
    decode_pixels(file, again)
    missing = 0
    for top, band in bands(again.crop(box)):
        before = picture.crop((box[0], box[1] + top, box[2], box[1] + top + band.height))
        different = np.asarray(band) != np.asarray(before)
        missing += int(different.reshape(len(different), -1).any(axis=1).sum())
    if missing:
        height = box[3] - box[1]
        raise file.damaged(f"its pixels end after {height - missing} of {height} rows")


def _filled(mode: str, value: int) -> int | tuple[int, ...]:
    """Return the color of which all channels have a value."""
    import PIL.Image

    count = len(PIL.Image.new(mode, (1, 1)).getbands())
    return value if count == 1 else (value,) * count


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
