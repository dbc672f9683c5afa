"""Reading of ICO files: the largest of the pictures of an icon."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import NamedTuple

from cnnfx.images.completeness import check_complete
from cnnfx.images.formats import PNG
from cnnfx.images.image import Image
from cnnfx.images.picture_file import PictureFile
from cnnfx.images.pillow import decode
from cnnfx.images.png import SIGNATURE, load_png
from cnnfx.system.sizes import size_text

HEADER_BYTES, ENTRY_BYTES = 6, 16
"""The bytes of the header of a file, and of an entry of its directory."""
LARGEST = 256
"""The side of a picture whose entry says 0, which does not fit into a byte."""


class Entry(NamedTuple):
    """A picture of an icon: its size, the bits of a pixel, and its offset and length in the file."""

    width: int
    height: int
    bits: int
    offset: int
    length: int


def load_ico(file: PictureFile) -> Image:
    """Decode the largest picture of an icon, with a note if there are others. Errors are those of `load_image`."""
    entries = _read_entries(file)
    largest = max(entries, key=lambda entry: (entry.width * entry.height, entry.bits))
    file.stream.seek(largest.offset)
    if file.stream.read(len(SIGNATURE)) == SIGNATURE:
        image = load_png(replace(file.part([(largest.offset, largest.length)]), format=PNG))
    else:
        image = decode(file, check_complete)
    if len(entries) == 1:
        return image
    size = size_text(image.shape[1:])
    note = f"{file.name}: it holds {len(entries)} pictures; the largest, {size}, is read."
    return replace(image, notes=(note, *image.notes))


def _read_entries(file: PictureFile) -> list[Entry]:
    """Return the entries of the directory that lie in the file."""
    size = file.size()
    (count,) = struct.unpack("<4xH", file.stream.read(HEADER_BYTES))
    entries = []
    for _ in range(count):
        data = file.stream.read(ENTRY_BYTES)
        if len(data) < ENTRY_BYTES:
            break
        width, height, bits, length, offset = struct.unpack("<BB4xHII", data)
        if offset + length <= size:
            entries.append(Entry(width or LARGEST, height or LARGEST, bits, offset, length))
    if len(entries) < count:
        raise file.damaged(f"truncated after {len(entries)} of {count} pictures")
    return entries
