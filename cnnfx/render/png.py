"""PNG files, written from bands of rows: filtered and deflated in threads while the caller makes the next band.

A PNG file holds one zlib stream of filtered rows. The picture is cut into blocks of rows, which depend only on its
size; each is filtered and deflated on its own, and `cnnfx.render.deflate` joins them into one stream. So the file is
the same, byte by byte, for any number of threads and however the rows were handed over.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.render.deflate import zlib_stream
from cnnfx.system.memory import buffer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from cnnfx.render.deflate import Method

    Bytes = NDArray[np.uint8]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLORS = {"gray": (0, 1), "rgb": (2, 3)}
"""PNG's number for a kind of picture, and how many bytes a pixel has."""
LONGEST = 2**31 - 1
SMALL, LARGE, BLOCKS = 2**20, 2**21, 8
"""The least and the most bytes, about, that are filtered and deflated together, and into how many such blocks a picture
is cut between the two: each costs time of its own, and between the many short steps threads wait for one another."""
PART = 2**18
"""Bytes that are filtered at a time: they stay in the cache."""
NONE, SUB, UP, AVERAGE = range(4)
"""PNG's filters: what is subtracted from each byte. The fifth, Paeth, takes long and wins little on feature maps."""
CODES = None
"""Short codes for frequent bytes, nothing else: by far the fastest, and the best for noisy pictures."""
RUNS = 1, zlib.Z_RLE
"""Runs of equal bytes too."""
REPEATS = 4, zlib.Z_DEFAULT_STRATEGY
"""Any repeated bytes too: for drawings and enlarged pictures."""
SAMPLES, LONG, SPREAD = 64, 128, 40503
"""What suits a block is judged by so many pieces of so many bytes, strewn by the golden ratio of 65,536."""


class Sink(Protocol):
    """What a picture is written to."""

    def write(self, data: Any, /) -> object:
        """Take some bytes."""


def encode_png(pixels: Bytes) -> bytes:
    """A picture as the bytes of a PNG file.

    Parameters
    ----------
    pixels : uint8 array (H, W) or (H, W, 3)

    Raises
    ------
    ArgumentError
        If the array is something else, or has no pixels.
    """
    file = io.BytesIO()
    if pixels.ndim not in (2, 3):
        raise ArgumentError(f"a picture has the shape (H, W) or (H, W, 3), not {pixels.shape}")
    write_png(file, pixels.shape[1], pixels.shape[0], [pixels], color="gray" if pixels.ndim == 2 else "rgb")
    return file.getvalue()


def write_png(file: Sink, width: int, height: int, bands: Iterable[Bytes], *, color: str = "gray") -> None:
    """Write a picture of 8 bits per value as PNG, band by band; only a few bands are held at any time.

    Parameters
    ----------
    file : anything with `write`
        It need not be able to seek.
    width, height : int
        Pixels, 1 to 2³¹ - 1.
    bands : iterable of uint8 arrays (rows, width) or (rows, width, 3)
        The picture from top to bottom, in bands of any heights. Threads read a band while the next is made: it must
        not be changed once it is handed over.
    color : "gray" or "rgb"
        What a pixel is: one value, or three.

    Raises
    ------
    ArgumentError
        If the size, a band's shape or type, or the heights' sum is wrong; a part of the file is written then.
    """
    if color not in COLORS:
        raise ArgumentError(f"a PNG picture is {' or '.join(COLORS)}, not {color!r}")
    if not (1 <= width <= LONGEST and 1 <= height <= LONGEST):
        raise ArgumentError(f"a PNG picture cannot be {width}×{height} pixels large")
    kind, depth = COLORS[color]
    file.write(SIGNATURE)
    write_chunk(file, b"IHDR", struct.pack(">2I5B", width, height, 8, kind, 0, 0, 0))
    blocks = _blocks(_checked(bands, width, height, depth), _rows(width * depth, height))
    for parts in zlib_stream(blocks, lambda block: _filtered(*block, depth)):
        write_chunk(file, b"IDAT", *parts)
    write_chunk(file, b"IEND")


def write_chunk(file: Sink, name: bytes, *parts: bytes) -> None:
    """Write a chunk of a PNG file, whose content is given in parts."""
    file.write(struct.pack(">I", sum(map(len, parts))) + name)
    checksum = zlib.crc32(name)
    for part in parts:
        file.write(part)
        checksum = zlib.crc32(part, checksum)
    file.write(struct.pack(">I", checksum))


def _rows(width: int, height: int) -> int:
    """Rows of a block of a picture of so many bytes and rows: all blocks are about equally large."""
    block = min(max(width * height // BLOCKS, SMALL), LARGE)
    return -(-height // max(1, round(width * height / block)))


def _checked(bands: Iterable[Bytes], width: int, height: int, depth: int) -> Iterator[Bytes]:
    """The bands as rows of bytes, `(rows, width * depth)`."""
    shape, total = (width,) if depth == 1 else (width, depth), 0
    for band in bands:
        if band.dtype != np.uint8 or band.shape[1:] != shape or band.ndim != len(shape) + 1:
            wanted = ", ".join(map(str, ("rows", *shape)))
            raise ArgumentError(f"a band must be uint8 of shape ({wanted}), not {band.dtype} of shape {band.shape}")
        total += len(band)
        if total > height:
            break
        yield np.ascontiguousarray(band).reshape(len(band), width * depth)
    if total != height:
        raise ArgumentError(f"the bands have {total} rows{' or more' * (total > height)}, the picture has {height}")


def _blocks(bands: Iterable[Bytes], rows: int) -> Iterator[tuple[Bytes, Bytes]]:
    """The bands cut anew into blocks of so many rows (the last may have fewer), each with the row above it."""
    held: list[Bytes] = []
    above: Bytes | None = None
    for band in bands:
        above = np.zeros(band.shape[1], np.uint8) if above is None else above
        while len(band):
            missing = rows - sum(map(len, held))
            held.append(band[:missing])
            band = band[missing:]
            if len(held[-1]) == missing:
                block = held[0] if len(held) == 1 else np.concatenate(held)
                yield block, above
                held, above = [], block[-1]
    if held and above is not None:
        yield np.concatenate(held), above


def _filtered(block: Bytes, above: Bytes, depth: int) -> tuple[Bytes, Method]:
    """A block's rows, filtered, each after its filter's number, and how to deflate them."""
    kind, method = _choose(block if len(block) > 1 else np.stack([above, block[0]]), depth)
    rows, size = block.shape
    result: Bytes = buffer("png_filtered", (rows, size + 1), np.dtype(np.uint8))
    result[:, 0] = kind
    _subtract(kind, block[:1], above[None], depth, result[:1, 1:])
    step = max(1, PART // size)
    for first in range(1, rows, step):
        last = min(first + step, rows)
        _subtract(kind, block[first:last], block[first - 1 : last - 1], depth, result[first:last, 1:])
    return result, method


def _subtract(kind: int, rows: Bytes, above: Bytes, depth: int, result: Bytes) -> None:
    """What a filter leaves of rows, given the rows above them."""
    left, first = rows[:, :-depth], result[:, :depth]
    result, body = result[:, depth:], rows[:, depth:]
    if kind == NONE:
        first[:], result[:] = rows[:, :depth], body
    elif kind == SUB:
        first[:] = rows[:, :depth]
        np.subtract(body, left, out=result)
    elif kind == UP:
        np.subtract(rows[:, :depth], above[:, :depth], out=first)
        np.subtract(body, above[:, depth:], out=result)
    else:
        np.subtract(rows[:, :depth], above[:, :depth] >> 1, out=first)
        np.subtract(body, _mean(left, above[:, depth:]), out=result)


def _mean(first: Bytes, second: Bytes) -> Bytes:
    """Half the sum, rounded down, without more than 8 bits on the way."""
    mean: Bytes = buffer("png_mean", first.shape, first.dtype)
    half: Bytes = buffer("png_half", first.shape, first.dtype)
    np.bitwise_xor(first, second, out=half)
    np.right_shift(half, 1, out=half)
    np.bitwise_and(first, second, out=mean)
    return np.add(mean, half, out=mean)


def _choose(rows: Bytes, depth: int) -> tuple[int, Method]:
    """The filter that leaves the smallest numbers, and the fastest way to deflate that serves well, by a sample."""
    here, left, above = _sample(rows, depth)
    rests = (here, here - left, here - above, here - _mean(left, above))
    kind = int(np.argmin([np.minimum(rest, -rest).sum() for rest in rests]))
    same = min(np.count_nonzero(rests[SUB] == 0), np.count_nonzero(rests[UP] == 0))
    if (
        kind != AVERAGE and same > 0.55 * here.size
    ):  # in a smooth photograph too most are the same, but the mean is best
        return kind, REPEATS
    ends = np.flatnonzero(rests[kind][:, 1:] != rests[kind][:, :-1])
    lengths = np.diff(ends)
    return kind, RUNS if lengths[lengths > 16].sum() > 0.1 * here.size else CODES


def _sample(rows: Bytes, depth: int) -> tuple[Bytes, Bytes, Bytes]:
    """Some bytes, those to the left of them and those above them, each `(pieces, length)`."""
    size, width = rows.size, rows.shape[1]
    length = min(LONG, size - width)
    starts = width + (np.arange(SAMPLES) * SPREAD % 2**16 * (size - width - length) >> 16)
    pieces = np.lib.stride_tricks.sliding_window_view(rows.reshape(-1), length)
    return pieces[starts], pieces[starts - depth], pieces[starts - width]


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
        Of at most 256 colors, of which the last is transparent.
    """
    numbers = iter(range(2 * len(durations)))
    for index, ((part, top, left), duration) in enumerate(zip(parts, durations, strict=True)):
        height, width = part.shape
        if index == 0:
            _write_head(file, height, width, len(durations), palette)
        place = struct.pack(">5I", next(numbers), width, height, left, top)
        write_chunk(file, b"fcTL", place, struct.pack(">2H2B", duration, 1000, KEEP, OVER if index else KEEP))
        data = zlib.compress(_rows_apng(part), LEVEL)
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


def _rows_apng(part: NDArray[np.uint8]) -> bytes:
    """The rows as PNG has them, each behind the number of its filter: none."""
    return np.pad(part, ((0, 0), (1, 0))).tobytes()
