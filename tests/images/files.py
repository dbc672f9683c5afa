"""Picture files made by hand, byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encoded(picture: PIL.Image.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    """Return a file that Pillow writes."""
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, bits: int, color: int, rows: bytes, *chunks: tuple[bytes, bytes], interlaced: int = 0
) -> bytes:
    """Return a PNG file of a header, other chunks, and rows, each with the byte of its filter."""
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, bits, color, 0, 0, interlaced))
    middle = b"".join(chunk(*each) for each in chunks)
    return PNG_SIGNATURE + header + middle + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def unfiltered(values: NDArray[Any]) -> bytes:
    """Return the rows of an array (H, W) or (H, W, C) as in a PNG file, each with the byte of no filter."""
    big = values.astype(values.dtype.newbyteorder(">"))
    return b"".join(b"\0" + row.tobytes() for row in big)


def gif(width: int, height: int, pixels: bytes, extension: bytes = b"") -> bytes:
    """Return a GIF whose pixels are not compressed: codes of 9 bits, and a code that clears the table after 100."""
    codes = [256]
    for index, pixel in enumerate(pixels):
        codes += [256] * (index > 0 and index % 100 == 0)
        codes.append(pixel)
    codes.append(257)
    packed = sum(code << 9 * index for index, code in enumerate(codes))
    data = packed.to_bytes((9 * len(codes) + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255))
    palette = b"".join(bytes([level, level, level]) for level in range(256))
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + palette
    return screen + extension + b"," + struct.pack("<HHHHBB", 0, 0, width, height, 0, 8) + blocks + b"\0;"
