"""PNG files, written band by band."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KINDS = {"gray": (0, 1), "rgb": (2, 3)}


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture `(H, W)` or `(H, W, 3)` as the bytes of a PNG file."""
    file = io.BytesIO()
    write_png(file, pixels.shape[1], pixels.shape[0], [pixels], color="gray" if pixels.ndim == 2 else "rgb")
    return file.getvalue()


def write_png(
    file: IO[bytes], width: int, height: int, bands: Iterable[NDArray[np.uint8]], *, color: str = "gray"
) -> None:
    """Write a PNG picture given in bands `(rows, width)` or `(rows, width, 3)` from top to bottom."""
    kind, channels = KINDS[color]
    file.write(SIGNATURE)
    file.write(_chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, kind, 0, 0, 0)))
    squeeze, rows = zlib.compressobj(1, strategy=zlib.Z_RLE), 0
    for band in bands:
        lines = np.ascontiguousarray(band).reshape(len(band), width * channels)
        rows += len(lines)
        filtered = np.zeros((len(lines), width * channels + 1), np.uint8)
        filtered[:, 0] = 1
        filtered[:, 1 : channels + 1] = lines[:, :channels]
        np.subtract(lines[:, channels:], lines[:, :-channels], out=filtered[:, channels + 1 :])
        if data := squeeze.compress(filtered):
            file.write(_chunk(b"IDAT", data))
    if rows != height:
        raise ArgumentError(f"the bands have {rows} rows together, the picture {height}")
    file.write(_chunk(b"IDAT", squeeze.flush()))
    file.write(_chunk(b"IEND", b""))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
