"""Samples of TIFF pages: strips and tiles are decompressed, unpacked to numbers and put together.

zlib and lzma decompress their kinds; libtiff decompresses LZW, PackBits and Zstandard.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.images.channels import BAND_PIXELS
from cnnfx.images.tiff_directory import (
    DamagedTiffError,
    SampleFormat,
    TiffFile,
    TiffPage,
    UnsupportedTiffError,
    kind_text,
)
from cnnfx.system.sizes import counted

UNCOMPRESSED = 1
DEFLATE = (8, 32946)
LZMA = 34925
BY_LIBTIFF = {5: "LZW", 32773: "PackBits", 50000: "Zstandard"}
"""The kinds of compression that libtiff decompresses."""
COMPRESSIONS = (UNCOMPRESSED, *DEFLATE, LZMA, *BY_LIBTIFF)
"""The kinds of compression that are read here."""
JPEG = 7
JPEG_END, JPEG_TAIL = b"\xff\xd9", 64
"""The marker at the end of a JPEG, and the last bytes of a strip or tile among which it is."""
LZMA_MEMORY = 2**28
"""The most bytes that the decompressor of LZMA may take beside its output."""
HORIZONTAL, FLOATING_POINT = 2, 3
"""The predictors: each sample is stored as its difference to that of the pixel to the left; and the same for the bytes
of floats, the highest bytes of a row first."""
LIBTIFF_PIXELS = 2**20
"""Pixels that libtiff decompresses at a time, about, as a call has a price of its own."""
WHOLE_BITS = (8, 16, 32, 64)
"""The bits of samples that NumPy has a dtype for."""
REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Each byte with its bits in reverse order."""


class _IncompleteError(Exception):
    """Strips or tiles that end early or are damaged.

    Parameters
    ----------
    rows : int
        The complete rows before that.
    what : "truncated" or "damaged"
    """

    def __init__(self, rows: int, what: str) -> None:
        super().__init__(rows, what)
        self.rows, self.what = rows, what


def check_kind(page: TiffPage) -> None:
    """Raise `UnsupportedTiffError` if the samples of a page cannot be read."""
    is_float = page.sample_format == SampleFormat.FLOAT
    is_integer = page.sample_format in (SampleFormat.UNSIGNED, SampleFormat.SIGNED, SampleFormat.UNDEFINED)
    if is_float and page.bits not in (16, 32, 64):
        raise UnsupportedTiffError(f"{kind_text(page)} TIFF")
    least = 2 if page.sample_format == SampleFormat.SIGNED else 1
    if not is_float and not (is_integer and (least <= page.bits <= 32 or page.bits == 64)):
        raise UnsupportedTiffError(f"{kind_text(page)} TIFF")
    if page.compression == UNCOMPRESSED or page.predictor == 1:
        return
    if page.predictor not in (HORIZONTAL, FLOATING_POINT):
        raise UnsupportedTiffError(f"TIFF with predictor {page.predictor}")
    if page.bits not in WHOLE_BITS or (page.predictor == FLOATING_POINT and not is_float):
        raise UnsupportedTiffError(f"{kind_text(page)} TIFF with predictor {page.predictor}")


def memory_bytes(page: TiffPage, used: int) -> int:
    """Return the memory that `read_bands` takes, or the bytes that it decompresses in all, if these are more."""
    rows_bytes = (used if page.is_planar else 1) * page.across * page.row_bytes
    whole = rows_bytes * page.chunk_height * page.down
    band = min(whole, rows_bytes * page.chunk_height * _band_chunks(page))
    unpacked = band * 8 * _sample_bytes(page.bits) // page.bits
    return max(whole, 2 * band + unpacked)


def read_bands(file: TiffFile, page: TiffPage, used: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the samples of a page from top to bottom.

    Parameters
    ----------
    file : TiffFile
    page : TiffPage
    used : int
        The number of the first samples of each pixel that are needed.

    Yields
    ------
    top : int
        The first row of the band.
    samples : array (rows, W, S)
        Unsigned integers, signed integers or floats, at least as wide as the samples; S is at least `used`.

    Raises
    ------
    DamagedTiffError
        If strips or tiles end early.
    """
    if page.compression == UNCOMPRESSED:
        _check_uncompressed(file, page, used)
        if not page.is_tiled and not page.is_planar and _is_contiguous(page):
            yield from _read_contiguous(file, page)
            return
    chunk_rows = _band_chunks(page)
    for first in range(0, page.down, chunk_rows):
        top = first * page.chunk_height
        samples = _read_chunk_rows(file, page, used, first, min(chunk_rows, page.down - first))
        rows = max(1, BAND_PIXELS // page.width)
        for start in range(0, len(samples), rows):  # parts that stay in the cache
            yield top + start, samples[start : start + rows]


def check_stored(file: TiffFile, page: TiffPage) -> None:
    """Raise `DamagedTiffError` if a strip or tile reaches past the end of the file, or is a JPEG without its end.

    Decoders of JPEG and fax fill the pixels that are missing.
    """
    room = np.maximum(np.uint64(file.size), page.offsets) - page.offsets
    outside = np.flatnonzero(page.byte_counts > room)
    if outside.size:
        raise _incomplete(page, _top(page, int(outside[0])), "truncated")
    if page.compression == JPEG:
        for number, (offset, count) in enumerate(zip(page.offsets.tolist(), page.byte_counts.tolist(), strict=True)):
            tail = min(count, JPEG_TAIL)
            if count and JPEG_END not in file.read(offset + count - tail, tail):
                raise DamagedTiffError(f"truncated: the JPEG from row {_top(page, number)} on has no end")


def _top(page: TiffPage, number: int) -> int:
    """Return the first row of a strip or tile."""
    return number // page.across % page.down * page.chunk_height


def _band_chunks(page: TiffPage) -> int:
    """Return how many rows of strips or tiles are decoded at a time."""
    pixels = LIBTIFF_PIXELS if page.compression in BY_LIBTIFF else BAND_PIXELS
    return max(1, pixels // (page.across * page.chunk_width * page.chunk_height))


def _check_uncompressed(file: TiffFile, page: TiffPage, used: int) -> None:
    """Raise `DamagedTiffError` if a strip or tile is shorter than its rows or reaches past the end of the file."""
    rows = np.full(page.down, page.chunk_height)
    if not page.is_tiled:
        rows[-1] = page.height - (page.down - 1) * page.chunk_height
    needed = np.tile(np.repeat(rows * page.row_bytes, page.across), used if page.is_planar else 1)
    offsets, byte_counts = page.offsets[: len(needed)], page.byte_counts[: len(needed)]
    available = np.minimum(byte_counts, np.maximum(np.uint64(file.size), offsets) - offsets)
    is_left_out = (offsets == 0) & (byte_counts == 0)
    short = np.flatnonzero((available < needed.astype(np.uint64)) & ~is_left_out)
    if short.size:
        rows_found = available[short] // np.uint64(page.row_bytes)
        found = min(_top(page, number) + rows for number, rows in zip(short.tolist(), rows_found.tolist(), strict=True))
        raise _incomplete(page, found, "truncated")


def _incomplete(page: TiffPage, rows: int, what: str) -> DamagedTiffError:
    return DamagedTiffError(f"{what} after {min(rows, page.height)} of {counted(page.height, 'row')}")


def _is_contiguous(page: TiffPage) -> bool:
    """Return whether each strip begins where the one before it ends."""
    steps = np.diff(page.offsets)
    return bool(page.offsets[0]) and bool((steps == np.uint64(page.chunk_height * page.row_bytes)).all())


def _read_contiguous(file: TiffFile, page: TiffPage) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the samples of uncompressed strips as if they were one."""
    band = max(1, BAND_PIXELS // page.chunk_width)
    for top in range(0, page.height, band):
        rows = min(band, page.height - top)
        content = file.read(int(page.offsets[0]) + top * page.row_bytes, rows * page.row_bytes)
        yield top, _to_samples(file, page, _reverse_bits(page, content))[:, : page.width]


def _read_chunk_rows(file: TiffFile, page: TiffPage, used: int, first: int, count: int) -> NDArray[Any]:
    """Return the first samples (rows, W, S) of `count` rows of strips or tiles."""
    heights = [page.chunk_height] * count
    if not page.is_tiled:
        heights[-1] = min(page.chunk_height, page.height - (first + count - 1) * page.chunk_height)
    top = first * page.chunk_height
    rows = min(sum(heights), page.height - top)
    planes = used if page.is_planar else 1
    band = None
    for plane in range(planes):
        for column in range(page.across):
            numbers = [(plane * page.down + first + row) * page.across + column for row in range(count)]
            try:
                content = _decompress(file, page, numbers, heights)
            except _IncompleteError as error:
                raise _incomplete(page, top + error.rows, error.what) from error
            samples = _to_samples(file, page, content)
            left_out = [row for row, number in enumerate(numbers) if _is_left_out(page, number)]
            if left_out:
                samples = samples.copy()
                for row in left_out:
                    samples[row * page.chunk_height :][: heights[row]] = _fill_value(page, samples.dtype)
            if planes == page.across == 1:
                return samples[:rows, : page.width]
            if band is None:
                band = np.empty((rows, page.width, planes * samples.shape[2]), samples.dtype)
            left = column * page.chunk_width
            target = band[:, left : left + page.chunk_width, plane : plane + samples.shape[2]]
            target[:] = samples[:rows, : target.shape[1]]
    assert band is not None
    return band


def _is_left_out(page: TiffPage, number: int) -> bool:
    """Return whether a strip or tile is not in the file; all its samples then have the no-data value, or 0."""
    return not page.offsets[number] and not page.byte_counts[number]


def _fill_value(page: TiffPage, dtype: np.dtype[Any]) -> float | int:
    """Return the value of samples that are left out."""
    value = page.no_data or 0
    if dtype.kind == "f":
        return value
    limits = np.iinfo(dtype)
    return int(value) if limits.min <= value <= limits.max else 0


def _decompress(file: TiffFile, page: TiffPage, numbers: list[int], heights: list[int]) -> bytes | NDArray[np.uint8]:
    """Return the bytes of strips or tiles, one after the other. Raises `_IncompleteError`."""
    contents = [_read_chunk(file, page, number, rows) for number, rows in zip(numbers, heights, strict=True)]
    if page.compression in BY_LIBTIFF:
        return _decompress_by_libtiff(page, contents, heights)
    parts = []
    for index, (content, rows) in enumerate(zip(contents, heights, strict=True)):
        needed = rows * page.row_bytes
        part = _inflate(page, content, needed) if content else bytes(needed)
        if part is None:
            raise _IncompleteError(sum(heights[:index]), "damaged")
        if len(part) < needed:
            raise _IncompleteError(sum(heights[:index]) + len(part) // page.row_bytes, "truncated")
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _read_chunk(file: TiffFile, page: TiffPage, number: int, rows: int) -> bytes:
    """Return the content of a strip or tile as it is in the file; empty if it is left out."""
    if _is_left_out(page, number):
        return b""
    needed = rows * page.row_bytes
    offset, count = int(page.offsets[number]), int(page.byte_counts[number])
    # Byte counts may be too large. Compressed data are never much longer than the pixels.
    count = min(count, needed if page.compression == UNCOMPRESSED else 2 * needed + 4096, file.size - offset)
    return _reverse_bits(page, file.read(offset, count)) if count > 0 else b"\0"


def _reverse_bits(page: TiffPage, content: bytes) -> bytes:
    return content.translate(REVERSED_BITS) if page.bits_reversed else content


def _inflate(page: TiffPage, content: bytes, needed: int) -> bytes | None:
    """Return up to `needed` bytes of a strip or tile, fewer if it ends early; None if it is damaged."""
    if page.compression == UNCOMPRESSED:
        return content
    if page.compression in DEFLATE:
        inflater = zlib.decompressobj()
        try:
            part = inflater.decompress(content, needed)
            inflater.decompress(inflater.unconsumed_tail, 1)  # compares the checksum at the end
        except zlib.error:
            return None
        return part
    try:
        import lzma
    except ImportError:  # a part of Python that may be missing
        raise UnsupportedTiffError("TIFF compressed with LZMA") from None
    decompressor = lzma.LZMADecompressor(memlimit=LZMA_MEMORY)
    try:
        part = decompressor.decompress(content, needed)
        if not decompressor.eof and not decompressor.needs_input:
            decompressor.decompress(b"", 1)  # compares the checksum
    except lzma.LZMAError:
        return None
    return part


def _decompress_by_libtiff(page: TiffPage, contents: list[bytes], heights: list[int]) -> NDArray[np.uint8]:
    """Return the decompressed rows (rows, row_bytes) of strips or tiles. Raises `_IncompleteError`."""
    from cnnfx.images.libtiff import decompress_strips

    stored = [index for index, content in enumerate(contents) if content]
    tops = np.cumsum([0, *heights]).tolist()
    result = np.zeros((tops[-1], page.row_bytes), np.uint8)
    if not stored:
        return result
    strips, rows = [contents[index] for index in stored], [heights[index] for index in stored]
    found = decompress_strips(page.compression, page.row_bytes, strips, rows)
    if found is None:  # decompressed one by one, to find the damage
        for index in stored:
            if decompress_strips(page.compression, page.row_bytes, [contents[index]], [heights[index]]) is None:
                raise _IncompleteError(tops[index], "damaged")
        raise _IncompleteError(0, "damaged")
    if len(stored) == len(contents):
        return found
    result[np.repeat([bool(content) for content in contents], heights)] = found
    return result


def _to_samples(file: TiffFile, page: TiffPage, content: bytes | NDArray[np.uint8]) -> NDArray[Any]:
    """Return decompressed rows as samples (rows, chunk width, samples)."""
    rows = np.frombuffer(content, np.uint8).reshape(-1, page.row_bytes)
    band = max(1, BAND_PIXELS // page.chunk_width)
    if len(rows) <= band or (page.bits in WHOLE_BITS and page.predictor == 1):
        return _rows_to_samples(file, page, rows)
    first = _rows_to_samples(file, page, rows[:band])
    samples = np.empty((len(rows), *first.shape[1:]), first.dtype)
    samples[:band] = first
    for top in range(band, len(rows), band):
        samples[top : top + band] = _rows_to_samples(file, page, rows[top : top + band])
    return samples


def _rows_to_samples(file: TiffFile, page: TiffPage, rows: NDArray[np.uint8]) -> NDArray[Any]:
    """Return the samples of a part of the rows; see `_to_samples`."""
    samples = 1 if page.is_planar else page.samples
    shape = (len(rows), page.chunk_width, samples)
    predictor = page.predictor if page.compression != UNCOMPRESSED else 1
    if predictor == FLOATING_POINT:
        return _undo_floating_point(rows, page.bits // 8, samples).reshape(shape)
    numbers = _unpack(rows, page, file.order).reshape(shape)
    if predictor == HORIZONTAL:
        return _running_sums(numbers.view(f"u{numbers.dtype.itemsize}")).view(numbers.dtype)
    return numbers


def _sample_bytes(bits: int) -> int:
    """Return the bytes of the smallest integer that holds a sample."""
    return 1 if bits <= 8 else 2 if bits <= 16 else 4 if bits <= 32 else 8


def _running_sums(differences: NDArray[Any]) -> NDArray[Any]:
    """Return the sum of each value of (N, W, S) and all before it on axis 1, modulo the range of its type.

    The span of the sums doubles in each step. For small integers this is faster than `np.add.accumulate`, which adds
    one by one.
    """
    sums, span = differences, 1
    while span < differences.shape[1]:
        longer = np.empty_like(sums)
        longer[:, :span] = sums[:, :span]
        np.add(sums[:, span:], sums[:, :-span], out=longer[:, span:])
        sums, span = longer, 2 * span
    return sums


def _undo_floating_point(rows: NDArray[np.uint8], size: int, samples: int) -> NDArray[Any]:
    """Return the floats of `size` bytes in rows that the floating-point predictor has encoded.

    A row holds the highest bytes of all its floats, then the next ones, and so on, each byte as the difference to the
    one `samples` before it. Source: Adobe Photoshop TIFF Technical Note 3.
    """
    planes = _running_sums(rows.reshape(len(rows), -1, samples)).reshape(len(rows), size, -1)
    floats = np.ascontiguousarray(planes.swapaxes(1, 2)).view(f">f{size}")
    return floats.astype(f"=f{size}")


def _unpack(rows: NDArray[np.uint8], page: TiffPage, order: str) -> NDArray[Any]:
    """Return the numbers (rows, row samples) that are packed in rows of bytes, in native byte order."""
    bits = page.bits
    kind = {SampleFormat.SIGNED: "i", SampleFormat.FLOAT: "f"}.get(SampleFormat(page.sample_format), "u")
    if bits in WHOLE_BITS:
        numbers = rows.view(f"{order}{kind}{bits // 8}")
        return numbers.astype(numbers.dtype.newbyteorder("="), copy=False)
    size, count = _sample_bytes(bits), page.row_samples
    if bits == 24:  # whole bytes, in the byte order of the file
        wide = np.zeros((len(rows), count, 4), np.uint8)
        wide[..., slice(1, 4) if order == ">" else slice(0, 3)] = rows.reshape(len(rows), count, 3)
        values: NDArray[Any] = wide.view(f"{order}u4")[..., 0].astype(np.uint32)
    elif bits == 1:
        values = np.unpackbits(rows, axis=1, count=count)
    else:
        values = _unpack_bits(rows, bits, count)
    if kind == "u":
        return values
    shift = 8 * size - bits
    return (values << shift).view(f"i{size}") >> shift


def _unpack_bits(rows: NDArray[np.uint8], bits: int, count: int) -> NDArray[Any]:
    """Return `count` unsigned integers of 2 to 31 bits from each row, the highest bit first, in any byte order.

    Eight of them take as many bytes as one has bits. So each of the eight is at the same place in all groups of bytes.
    """
    groups = -(-count // 8)
    whole = np.zeros((len(rows), groups * bits), np.uint8)
    whole[:, : rows.shape[1]] = rows
    packed = whole.reshape(len(rows), groups, bits)
    values = np.empty((len(rows), groups, 8), f"u{_sample_bytes(bits)}")
    for index in range(8):
        first_byte, skipped = divmod(index * bits, 8)
        used_bytes = -(-(skipped + bits) // 8)
        total: NDArray[Any] = packed[..., first_byte].astype(np.uint32 if used_bytes <= 4 else np.uint64)
        for byte in range(first_byte + 1, first_byte + used_bytes):
            total = (total << 8) | packed[..., byte]
        values[..., index] = (total >> (8 * used_bytes - skipped - bits)) & (2**bits - 1)
    return values.reshape(len(rows), -1)[:, :count]
