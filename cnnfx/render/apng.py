"""Animated PNG, written frame by frame: <https://www.w3.org/TR/png-3/>, "Animation information"."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.png import SIGNATURE, Sink, write_chunk

PALETTE = 3
"""PNG's number for pictures whose pixels are places in a palette."""
KEEP, OVER = 0, 1
"""What becomes of a frame: it stays, and the next is laid over it."""
LEVEL = 6

Part = tuple[NDArray[np.uint8], int, int]
"""A part of a frame, `(rows, columns)` of places, and the row and column at which it lies."""


def write_apng(file: Sink, parts: Iterable[Part], durations: Sequence[int], palette: NDArray[np.uint8]) -> None:
    """Write a moving picture that begins again at its end.

    Parameters
    ----------
    file : anything with `write`
    parts : of each frame, what is laid over the one before; the first is the whole picture
    durations : milliseconds of each frame
    palette : array (N, 3)
        Of at most 256 colours, of which the last is transparent.
    """
    numbers = iter(range(2 * len(durations)))
    for index, ((part, top, left), duration) in enumerate(zip(parts, durations, strict=True)):
        height, width = part.shape
        if index == 0:
            _write_head(file, height, width, len(durations), palette)
        place = struct.pack(">5I", next(numbers), width, height, left, top)
        write_chunk(file, b"fcTL", place, struct.pack(">2H2B", duration, 1000, KEEP, OVER if index else KEEP))
        data = zlib.compress(_rows(part), LEVEL)
        if index == 0:
            write_chunk(file, b"IDAT", data)
        else:
            write_chunk(file, b"fdAT", struct.pack(">I", next(numbers)), data)
    write_chunk(file, b"IEND")


def _write_head(file: Sink, height: int, width: int, frames: int, palette: NDArray[np.uint8]) -> None:
    file.write(SIGNATURE)
    write_chunk(file, b"IHDR", struct.pack(">2I5B", width, height, 8, PALETTE, 0, 0, 0))
    write_chunk(file, b"acTL", struct.pack(">2I", frames, 0))  # 0: for ever
    write_chunk(file, b"PLTE", palette.tobytes())
    write_chunk(file, b"tRNS", b"\xff" * (len(palette) - 1) + b"\0")


def _rows(part: NDArray[np.uint8]) -> bytes:
    """The rows as PNG has them, each behind the number of its filter: none."""
    return np.pad(part, ((0, 0), (1, 0))).tobytes()
