"""PNG and animated PNG files: blocks of rows are filtered and deflated in threads, and written in order.

A PNG file holds one zlib stream of filtered rows. The picture is cut into blocks of rows whose size depends only on the
size of the picture. Each block is filtered and deflated on its own, so that several threads can work, and the
deflated blocks are joined into one zlib stream. The file is therefore the same, byte by byte, for any number of threads
and for bands of any height.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.system.memory import buffer
from cnnfx.system.threads import ordered_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

T = TypeVar("T")

MAX_SIDE = 2**31 - 1
"""The largest width and height that the format allows, in pixels."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOR_TYPES = {"gray": (0, 1), "rgb": (2, 3)}
"""For each kind of picture, its number in the PNG header and its bytes per pixel."""

BLOCK_COUNT = 8
"""How many blocks a picture is cut into, if they are neither too small nor too large. More blocks cost time: each has
its own overhead, and threads wait for each other between short tasks."""
MIN_BLOCK_BYTES = 2**18
"""The approximate size of the smallest blocks."""
MAX_BLOCK_BYTES = 2**19
"""The approximate size of the largest blocks, which bounds the memory in use."""
FILTER_BYTES = 2**18
"""How many bytes are filtered at a time, so that they stay in the processor's cache."""

# PNG's filters subtract a prediction from each byte. The fifth, Paeth, is slow and gains little on feature maps: it is
# not used.
FILTER_NONE = 0
"""Nothing is subtracted."""
FILTER_SUB = 1
"""The byte of the pixel to the left is subtracted."""
FILTER_UP = 2
"""The byte above is subtracted."""
FILTER_AVERAGE = 3
"""The mean of both is subtracted, rounded down."""


class Compression(NamedTuple):
    """How zlib deflates a block: its level, 1 to 9, and its strategy."""

    level: int
    strategy: int


MAP_COMPRESSION = Compression(1, zlib.Z_RLE)
"""For feature maps and photographs. With the default strategy at level 1, files of 9 MB of pixels are 12 to 16 % larger
and take 1.4 to 2 times as long; at level 6 they are 9 to 12 % larger and take 5 times as long or more."""
DRAWING_COMPRESSION = Compression(4, zlib.Z_DEFAULT_STRATEGY)
"""For drawings, text and enlarged pictures, whose rows repeat: half the size that `MAP_COMPRESSION` gives."""
DRAWING_SHARE = 0.55
"""The share of bytes that must equal the byte to their left, and that must equal the byte above, in a drawing."""

SAMPLE_COUNT = 64
"""How many samples of a block decide on its filter and compression."""
SAMPLE_BYTES = 128
"""The length of each sample."""
SAMPLE_STEP = 40503
"""The distance of the samples in 65536ths of the block: 65536 / the golden ratio, which spreads them evenly."""

ZLIB_HEADER = b"\x78\x01"
"""The first bytes of a zlib stream: a window of 32 KiB, fastest compression."""
ZLIB_END = b"\x03\x00"
"""A last deflate block that is empty."""
ADLER_MODULUS = 65521


class Writable(Protocol):
    """An object that bytes are written to. It need not be able to seek."""

    def write(self, data: Any, /) -> object:
        """Write some bytes."""


def write_png(file: Writable, width: int, height: int, bands: Iterable[Bytes], *, color: str = "gray") -> None:
    """Write a picture of 8 bits per value as PNG, band by band. Only a few bands are in memory at any time.

    Parameters
    ----------
    file : object with ``write``
    width, height : int
        Pixels, 1 to 2³¹ - 1.
    bands : iterable of uint8 arrays (rows, width) or (rows, width, 3)
        The picture from top to bottom, in bands of any heights. Threads read a band while the next one is made, so a
        band must not be changed after it is yielded.
    color : "gray" or "rgb"
        The kind of pixel: one value, or three.

    Raises
    ------
    ArgumentError
        If the size, the shape or type of a band, or the sum of the heights is wrong. Part of the file may have been
        written then.
    """
    if color not in COLOR_TYPES:
        raise ArgumentError(f"a PNG picture is {' or '.join(COLOR_TYPES)}, not {color!r}")
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ArgumentError(f"a PNG picture cannot be {width}×{height} pixels large")
    color_type, depth = COLOR_TYPES[color]
    file.write(SIGNATURE)
    _write_chunk(file, b"IHDR", struct.pack(">2I5B", width, height, 8, color_type, 0, 0, 0))
    blocks = _blocks(_checked(bands, width, height, depth), _block_rows(width * depth, height))
    for parts in zlib_stream(blocks, lambda block: _filtered(*block, depth)):
        _write_chunk(file, b"IDAT", *parts)
    _write_chunk(file, b"IEND")


def _write_chunk(file: Writable, name: bytes, *parts: bytes) -> None:
    """Write a chunk of a PNG file. Its content is given in parts."""
    file.write(struct.pack(">I", sum(map(len, parts))) + name)
    checksum = zlib.crc32(name)
    for part in parts:
        file.write(part)
        checksum = zlib.crc32(part, checksum)
    file.write(struct.pack(">I", checksum))


# Blocks of rows


def _block_rows(row_bytes: int, rows: int) -> int:
    """Return the number of rows of a block, for a picture of `rows` rows of `row_bytes` bytes."""
    target = min(max(row_bytes * rows // BLOCK_COUNT, MIN_BLOCK_BYTES), MAX_BLOCK_BYTES)
    return -(-rows // max(1, round(row_bytes * rows / target)))


def _checked(bands: Iterable[Bytes], width: int, height: int, depth: int) -> Iterator[Bytes]:
    """Check the bands and yield them as rows of bytes, `(rows, width * depth)`."""
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
    """Cut the bands into blocks of `rows` rows, of which the last may have fewer, each with the row above it."""
    parts: list[Bytes] = []
    above: Bytes | None = None
    for band in bands:
        above = np.zeros(band.shape[1], np.uint8) if above is None else above
        while len(band):
            missing = rows - sum(map(len, parts))
            parts.append(band[:missing])
            band = band[missing:]
            if len(parts[-1]) == missing:
                block = parts[0] if len(parts) == 1 else np.concatenate(parts)
                yield block, above
                parts, above = [], block[-1]
    if parts and above is not None:
        yield np.concatenate(parts), above


# PNG's filters


def _filtered(block: Bytes, above: Bytes, depth: int) -> tuple[Bytes, Compression]:
    """Return the filtered rows of a block, each after the number of its filter, and how to deflate them."""
    number, compression = _choose(block if len(block) > 1 else np.stack([above, block[0]]), depth)
    rows, size = block.shape
    result: Bytes = buffer("png_filtered", (rows, size + 1), np.dtype(np.uint8))
    result[:, 0] = number
    _subtract(number, block[:1], above[None], depth, result[:1, 1:])
    step = max(1, FILTER_BYTES // size)
    for first in range(1, rows, step):
        last = min(first + step, rows)
        _subtract(number, block[first:last], block[first - 1 : last - 1], depth, result[first:last, 1:])
    return result, compression


def _subtract(number: int, rows: Bytes, above: Bytes, depth: int, result: Bytes) -> None:
    """Apply a filter to rows, given the rows above them. The pixel to the left of the first one is 0."""
    first, first_above = rows[:, :depth], above[:, :depth]
    body, body_above, left = rows[:, depth:], above[:, depth:], rows[:, :-depth]
    first_result, body_result = result[:, :depth], result[:, depth:]
    if number == FILTER_NONE:
        first_result[:], body_result[:] = first, body
    elif number == FILTER_SUB:
        first_result[:] = first
        np.subtract(body, left, out=body_result)
    elif number == FILTER_UP:
        np.subtract(first, first_above, out=first_result)
        np.subtract(body, body_above, out=body_result)
    else:
        np.subtract(first, first_above >> 1, out=first_result)
        np.subtract(body, _mean(left, body_above), out=body_result)


def _mean(first: Bytes, second: Bytes) -> Bytes:
    """Return half the sum, rounded down, in 8 bits: (a & b) + ((a ^ b) >> 1) never overflows."""
    mean: Bytes = buffer("png_mean", first.shape, first.dtype)
    half: Bytes = buffer("png_half", first.shape, first.dtype)
    np.bitwise_xor(first, second, out=half)
    np.right_shift(half, 1, out=half)
    np.bitwise_and(first, second, out=mean)
    return np.add(mean, half, out=mean)


def _choose(rows: Bytes, depth: int) -> tuple[int, Compression]:
    """Choose the filter that leaves the smallest magnitudes, and the compression that suits them, from samples."""
    here, left, above = _samples(rows, depth)
    filtered = (here, here - left, here - above, here - _mean(left, above))
    number = int(np.argmin([np.minimum(values, -values).sum() for values in filtered]))
    repeated = min(np.count_nonzero(filtered[FILTER_SUB] == 0), np.count_nonzero(filtered[FILTER_UP] == 0))
    # In a smooth photograph most neighbors are equal too, but there the average is the best filter.
    is_drawing = number != FILTER_AVERAGE and repeated > DRAWING_SHARE * here.size
    return number, DRAWING_COMPRESSION if is_drawing else MAP_COMPRESSION


def _samples(rows: Bytes, depth: int) -> tuple[Bytes, Bytes, Bytes]:
    """Return samples of the bytes, the bytes to their left, and the bytes above them, each `(samples, length)`."""
    size, width = rows.size, rows.shape[1]
    length = min(SAMPLE_BYTES, size - width)
    starts = width + (np.arange(SAMPLE_COUNT) * SAMPLE_STEP % 2**16 * (size - width - length) >> 16)
    windows = np.lib.stride_tricks.sliding_window_view(rows.reshape(-1), length)
    return windows[starts], windows[starts - depth], windows[starts - width]


# A zlib stream from blocks that are deflated in parallel


def zlib_stream(blocks: Iterable[T], prepare: Callable[[T], tuple[Bytes, Compression]]) -> Iterator[tuple[bytes, ...]]:
    """Deflate blocks in threads and yield the parts of one zlib stream: those of each block, then the end.

    Parameters
    ----------
    blocks : iterable
    prepare : function from a block to (bytes, compression)
        Called in threads. The bytes are read before the same thread calls it again, so it may reuse its buffer.
    """

    def deflate(block: T) -> tuple[bytes, int, int]:
        data, (level, strategy) = prepare(block)
        compressor = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
        # A full byte ends each block, so that the next can follow.
        deflated = compressor.compress(data.data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return deflated, zlib.adler32(data.data), data.size

    header: tuple[bytes, ...] = (ZLIB_HEADER,)
    checksum = 1
    for deflated, adler, size in ordered_map(deflate, blocks):
        checksum = adler32_combine(checksum, adler, size)
        yield *header, deflated
        header = ()
    yield *header, ZLIB_END, checksum.to_bytes(4)


def adler32_combine(first: int, second: int, size: int) -> int:
    """Return the Adler-32 checksum of data in two parts from the checksum of each; the second part has `size` bytes.

    zlib has a function of the same name, which Python does not expose.
    """
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + ((first & 0xFFFF) - 1) * size
    return high % ADLER_MODULUS << 16 | low % ADLER_MODULUS


# Animated PNG (https://wiki.mozilla.org/APNG_Specification)

PALETTE_TYPE = 3
"""The number in the PNG header of pictures whose pixels are indices into a palette."""
DISPOSE_NONE = 0
"""The frame stays on the canvas."""
BLEND_SOURCE = 0
"""The frame replaces the pixels of the canvas."""
BLEND_OVER = 1
"""Only the opaque pixels of the frame replace those of the canvas."""
ANIMATION_LEVEL = 6
"""The level of zlib for animations, which are small and compress well."""

FrameRegion = tuple["NDArray[np.uint8]", int, int]
"""The part of a frame that differs from the previous one: palette indices `(rows, columns)`, and the top row and left
column of the part."""


def write_apng(
    file: Writable, regions: Iterable[FrameRegion], durations: Sequence[int], palette: NDArray[np.uint8]
) -> None:
    """Write an animated PNG that repeats forever.

    Parameters
    ----------
    file : object with ``write``
    regions : iterable of FrameRegion
        For each frame, the part that differs from the previous frame; the first is the whole picture.
    durations : sequence of int
        Milliseconds of each frame.
    palette : uint8 array (N, 3)
        At most 256 colors; the last is transparent.
    """
    numbers = iter(range(2 * len(durations)))
    for index, ((pixels, top, left), duration) in enumerate(zip(regions, durations, strict=True)):
        height, width = pixels.shape
        if index == 0:
            _write_apng_header(file, height, width, len(durations), palette)
        position = struct.pack(">5I", next(numbers), width, height, left, top)
        timing = struct.pack(">2H2B", duration, 1000, DISPOSE_NONE, BLEND_OVER if index else BLEND_SOURCE)
        _write_chunk(file, b"fcTL", position, timing)
        unfiltered_rows = np.pad(pixels, ((0, 0), (1, 0)), constant_values=FILTER_NONE)
        data = zlib.compress(unfiltered_rows.tobytes(), ANIMATION_LEVEL)
        if index == 0:
            _write_chunk(file, b"IDAT", data)
        else:
            _write_chunk(file, b"fdAT", struct.pack(">I", next(numbers)), data)
    _write_chunk(file, b"IEND")


def _write_apng_header(file: Writable, height: int, width: int, frames: int, palette: NDArray[np.uint8]) -> None:
    file.write(SIGNATURE)
    _write_chunk(file, b"IHDR", struct.pack(">2I5B", width, height, 8, PALETTE_TYPE, 0, 0, 0))
    _write_chunk(file, b"acTL", struct.pack(">2I", frames, 0))  # 0 repeats forever
    _write_chunk(file, b"PLTE", palette.tobytes())
    _write_chunk(file, b"tRNS", b"\xff" * (len(palette) - 1) + b"\0")
