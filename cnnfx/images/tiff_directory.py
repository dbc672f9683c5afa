"""Pages of TIFF files and their tags. Every count and offset is checked before it is used.

A TIFF file is a chain of directories, one for each page. A directory is a table of tags. The pixels are in strips or
tiles, whose offsets are tags too. Source: TIFF Revision 6.0 (Adobe, 1992), its supplements, and BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.system.limits import MAX_PAGES, MAX_TAGS, limit_text
from cnnfx.system.sizes import counted

MAX_NO_DATA_BYTES = 64
"""The most bytes of the number that marks missing data, as text."""
BIG_VERSION = 43
"""The version in the header of a BigTIFF file, whose offsets have 8 bytes; that of other TIFF files is 42."""
INTEGER_TYPES = {
    1: "u1", 3: "u2", 4: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8",
}  # fmt: skip
"""The dtypes, without byte order, of the types of tags that are integers."""
ASCII_TYPE, SHORT_TYPE, LONG_TYPE = 2, 3, 4
"""The types of tags that are text, and integers of 16 and of 32 bits."""
TYPE_BYTES = {ASCII_TYPE: 1} | {kind: int(dtype[1]) for kind, dtype in INTEGER_TYPES.items()}
"""The bytes of a value of these types."""


class Tag(IntEnum):
    """The tags that are read."""

    NEW_SUBFILE_TYPE = 254
    SUBFILE_TYPE = 255
    WIDTH = 256
    HEIGHT = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    PLANAR_CONFIGURATION = 284
    PREDICTOR = 317
    COLOR_MAP = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    INK_SET = 332
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    DEPTH = 32997
    TILE_DEPTH = 32998
    GDAL_NO_DATA = 42113


class SampleFormat(IntEnum):
    """What the bits of a sample mean."""

    UNSIGNED = 1
    SIGNED = 2
    FLOAT = 3
    UNDEFINED = 4
    COMPLEX_INTEGER = 5
    COMPLEX_FLOAT = 6


class Photometric(IntEnum):
    """What the samples of a pixel mean."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    MASK = 4
    CMYK = 5
    YCBCR = 6
    CIELAB = 8


class DamagedTiffError(Exception):
    """What is wrong with a file, as a clause for a message."""


class UnsupportedTiffError(Exception):
    """The kind of a TIFF file that cannot be read, such as "64-bit complex TIFF"."""


class Entry(NamedTuple):
    """A tag of a directory, the number of its type, how many values it has, and where they are in the file."""

    tag: int
    kind: int
    length: int
    offset: int


@dataclass(frozen=True)
class TiffPage:
    """The tags of a page.

    Parameters
    ----------
    index : int
        The number of its directory in the chain, from 0.
    width, height : int
        In pixels.
    bits : int
        Of a sample.
    sample_format : int
        See `SampleFormat`.
    samples : int
        The samples of a pixel: colors and extra samples.
    extra_samples : tuple of int
        The meaning of the last samples: 0 unspecified, 1 alpha that colors are multiplied by, 2 other alpha.
    compression, photometric, predictor, orientation : int
        The values of the tags. A missing `photometric` is derived from the number of samples.
    bits_reversed : bool
        Whether the first pixel is in the lowest bits of a byte.
    is_planar : bool
        Whether each sample has strips or tiles of its own.
    is_multi_ink : bool
        Whether inks are not cyan, magenta, yellow and black.
    color_map : array (3, 2**bits), uint16, or None
        Red, green and blue by index.
    no_data : float or None
        The value of pixels without data.
    is_tiled : bool
    chunk_width, chunk_height : int
        The size of a tile, or of a strip.
    offsets, byte_counts : array (N,), uint64
        Of the strips or tiles: rows of them from top to bottom, and so for each sample if `is_planar`.
    """

    index: int
    width: int
    height: int
    bits: int
    sample_format: int
    samples: int
    extra_samples: tuple[int, ...]
    compression: int
    photometric: int
    predictor: int
    orientation: int
    bits_reversed: bool
    is_planar: bool
    is_multi_ink: bool
    color_map: NDArray[np.uint16] | None
    no_data: float | None
    is_tiled: bool
    chunk_width: int
    chunk_height: int
    offsets: NDArray[np.uint64]
    byte_counts: NDArray[np.uint64]

    @property
    def across(self) -> int:
        """The number of strips or tiles side by side."""
        return -(-self.width // self.chunk_width)

    @property
    def down(self) -> int:
        """The number of strips or tiles one above the other."""
        return -(-self.height // self.chunk_height)

    @property
    def row_samples(self) -> int:
        """The number of samples in a row of a strip or tile."""
        return self.chunk_width * (1 if self.is_planar else self.samples)

    @property
    def row_bytes(self) -> int:
        """The number of bytes in a row of a strip or tile."""
        return -(-self.row_samples * self.bits // 8)


class TiffFile:
    """The header of a TIFF file, and its directories.

    Parameters
    ----------
    stream : binary file, seekable

    Attributes
    ----------
    size : int
        In bytes.
    order : "<" or ">"
        The byte order.
    page_offsets : list of (int, int)
        The number of the directory in the chain, and its offset, of each page. Reduced copies and masks of a page are
        no pages, unless the file holds nothing else.
    has_only_reduced : bool
        Whether the file holds nothing else.
    ends_early : bool
        Whether the chain of directories is damaged after the last one that was found.

    Raises
    ------
    DamagedTiffError
        If the header or the first directory is damaged, or there are too many directories.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.size = stream.seek(0, 2)
        self.order = "<" if self.read(0, 2) == b"II" else ">"
        (version,) = struct.unpack(self.order + "H", self.read(2, 2))
        self.is_big = version == BIG_VERSION
        count_format, word = ("Q", "Q") if self.is_big else ("H", "I")
        self._word = struct.Struct(self.order + word)
        self._count = struct.Struct(self.order + count_format)
        self._entry = struct.Struct(f"{self.order}HH{word}{word}")
        self.ends_early = False
        directories = list(self._walk())
        self.has_only_reduced = not any(is_page for _, is_page in directories)
        self.page_offsets = [
            (index, offset) for index, (offset, is_page) in enumerate(directories) if is_page or self.has_only_reduced
        ]

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes of the file. Raises `DamagedTiffError` if it ends before them."""
        if offset + count > self.size:
            raise DamagedTiffError("truncated")
        self.stream.seek(offset)
        content = self.stream.read(count)
        if len(content) < count:
            raise DamagedTiffError("truncated")
        return content

    def page(self, number: int) -> TiffPage:
        """Return the tags of a page, counted from 1. Raises `DamagedTiffError` and `UnsupportedTiffError`."""
        index, offset = self.page_offsets[number - 1]
        return _PageReader(self, self._entries(offset)).read(index)

    def integers(self, entry: Entry, count: int) -> NDArray[np.uint64]:
        """Return the first `count` values of a tag that has unsigned integers."""
        kind = INTEGER_TYPES.get(entry.kind)
        if kind is None:
            raise DamagedTiffError(f"its tag {entry.tag} holds no integers")
        if entry.length < count:
            raise DamagedTiffError(f"its tag {entry.tag} holds {counted(entry.length, 'number')} instead of {count:,}")
        dtype = np.dtype(self.order + kind)
        values = np.frombuffer(self.read(entry.offset, count * dtype.itemsize), dtype)
        if dtype.kind == "i" and values.size and values.min() < 0:
            raise DamagedTiffError(f"its tag {entry.tag} is negative")
        return values.astype(np.uint64)

    def _walk(self) -> Iterator[tuple[int, bool]]:
        """Yield the offset of each directory in the chain, and whether it is a page, up to the end or a damage.

        A directory of before is a damage too: the chain would never end.
        """
        next_at, seen = (8 if self.is_big else 4), set[int]()
        while True:
            try:
                (offset,) = self._word.unpack(self.read(next_at, self._word.size))
                if not offset and seen:
                    return
                first, count = self._table(offset)
                next_at = first + count * self._entry.size
                is_page = self._is_page(self.read(first, count * self._entry.size))
            except DamagedTiffError:
                if not seen:
                    raise
                self.ends_early = True
                return
            if offset in seen:
                self.ends_early = True
                return
            if len(seen) == MAX_PAGES:
                raise DamagedTiffError(f"it has over {MAX_PAGES:,} pages, the limit")
            seen.add(offset)
            yield offset, is_page

    def _table(self, offset: int) -> tuple[int, int]:
        """Return the offset of the first tag of a directory, and the number of tags."""
        if offset < self._word.size:
            raise DamagedTiffError("it has no directory of tags")
        (count,) = self._count.unpack(self.read(offset, self._count.size))
        if not count:
            raise DamagedTiffError("its directory has no tags")
        if count > MAX_TAGS:
            raise DamagedTiffError(limit_text("tags in a directory", count, MAX_TAGS))
        return offset + self._count.size, count

    def _is_page(self, table: bytes) -> bool:
        """Return whether the directory with this table of tags is neither a reduced copy of a page nor a mask."""
        for position in range(0, min(2 * self._entry.size, len(table)), self._entry.size):
            # Tags are sorted, and these two are the lowest. Their values are in the table itself.
            tag, kind, _, value = self._entry.unpack_from(table, position)
            if self.order == ">" and kind == SHORT_TYPE:
                value >>= 8 * (self._word.size - 2)
            if (tag == Tag.NEW_SUBFILE_TYPE and value & 0b101) or (tag == Tag.SUBFILE_TYPE and value & 0xFFFF == 2):
                return False
        return True

    def _entries(self, offset: int) -> dict[int, Entry]:
        """Return the entries of a directory by tag. The first of several with one tag counts."""
        first, count = self._table(offset)
        table = self.read(first, count * self._entry.size)
        entries: dict[int, Entry] = {}
        for position in range(0, len(table), self._entry.size):
            tag, kind, length, start = self._entry.unpack_from(table, position)
            if length * TYPE_BYTES.get(kind, 8) <= self._word.size:
                start = first + position + self._entry.size - self._word.size
            entries.setdefault(tag, Entry(tag, kind, length, start))
        return entries


class _PageReader:
    """The tags of one directory."""

    def __init__(self, file: TiffFile, entries: dict[int, Entry]) -> None:
        self.file, self.entries = file, entries

    def read(self, index: int) -> TiffPage:
        """Return the page."""
        width, height = self._integer(Tag.WIDTH, 0), self._integer(Tag.HEIGHT, 0)
        if not width or not height:
            raise DamagedTiffError("it has no size")
        if self._integer(Tag.DEPTH, 1) > 1 or self._integer(Tag.TILE_DEPTH, 1) > 1:
            raise UnsupportedTiffError("volumetric TIFF")
        samples = self._integer(Tag.SAMPLES_PER_PIXEL, 1)
        if not 0 < samples < 2**16:
            raise DamagedTiffError(f"it has {samples} samples per pixel")
        bits = self._same_for_all(Tag.BITS_PER_SAMPLE, samples, 1, "bits per sample")
        sample_format = self._same_for_all(Tag.SAMPLE_FORMAT, samples, 1, "formats of samples")
        photometric = self._integer(Tag.PHOTOMETRIC, Photometric.RGB if samples >= 3 else Photometric.BLACK_IS_ZERO)
        is_tiled = Tag.TILE_WIDTH in self.entries
        is_planar = self._integer(Tag.PLANAR_CONFIGURATION, 1) == 2 and samples > 1
        if is_tiled:
            chunk_width, chunk_height = self._integer(Tag.TILE_WIDTH, 0), self._integer(Tag.TILE_HEIGHT, 0)
        else:
            chunk_width, chunk_height = width, min(self._integer(Tag.ROWS_PER_STRIP, height), height)
        if not chunk_width or not chunk_height:
            raise DamagedTiffError("its strips or tiles have no size")
        compression = self._integer(Tag.COMPRESSION, 1)
        chunks = -(-width // chunk_width) * -(-height // chunk_height) * (samples if is_planar else 1)
        offsets, byte_counts = self._chunks(is_tiled, chunks)
        extra_samples = tuple(map(int, self._all(Tag.EXTRA_SAMPLES, samples)))
        return TiffPage(
            index=index,
            width=width,
            height=height,
            bits=bits,
            sample_format=sample_format,
            samples=samples,
            extra_samples=extra_samples,
            compression=compression,
            photometric=photometric,
            predictor=self._integer(Tag.PREDICTOR, 1),
            orientation=self._integer(Tag.ORIENTATION, 1),
            bits_reversed=self._integer(Tag.FILL_ORDER, 1) == 2,
            is_planar=is_planar,
            is_multi_ink=self._integer(Tag.INK_SET, 1) == 2,
            color_map=self._color_map(bits) if photometric == Photometric.PALETTE else None,
            no_data=self._no_data(),
            is_tiled=is_tiled,
            chunk_width=chunk_width,
            chunk_height=chunk_height,
            offsets=offsets,
            byte_counts=byte_counts,
        )

    def _all(self, tag: Tag, limit: int) -> NDArray[np.uint64]:
        """Return all values of a tag, at most `limit`; none if it is missing."""
        entry = self.entries.get(tag)
        return np.zeros(0, np.uint64) if entry is None else self.file.integers(entry, min(entry.length, limit))

    def _integer(self, tag: Tag, default: int) -> int:
        """Return the first value of a tag, or the default if it is missing."""
        values = self._all(tag, 1)
        return int(values[0]) if values.size else int(default)

    def _same_for_all(self, tag: Tag, samples: int, default: int, what: str) -> int:
        """Return the value of a tag that is given for each sample, or once for all."""
        values = self._all(tag, samples)
        if values.size and (values != values[0]).any():
            kinds = ", ".join(map(str, values[:5]))
            raise UnsupportedTiffError(f"TIFF with different {what} ({kinds})")
        return int(values[0]) if values.size else default

    def _chunks(self, is_tiled: bool, chunks: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Return the offsets and byte counts of strips or tiles."""
        offsets_tag, counts_tag = (
            (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS) if is_tiled else (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
        )
        if offsets_tag not in self.entries:
            raise DamagedTiffError("it has no strips or tiles")
        offsets = self.file.integers(self.entries[offsets_tag], chunks)
        if counts_tag in self.entries:
            return offsets, self.file.integers(self.entries[counts_tag], chunks)
        # Old writers leave the byte counts out: a strip then ends where the file ends at the latest.
        return offsets, np.maximum(np.uint64(self.file.size), offsets) - offsets

    def _color_map(self, bits: int) -> NDArray[np.uint16]:
        """Return the color map (3, 2**bits)."""
        if bits > 16:
            raise UnsupportedTiffError(f"{bits}-bit palette TIFF")
        if Tag.COLOR_MAP not in self.entries:
            raise DamagedTiffError("it has no color map")
        values = self.file.integers(self.entries[Tag.COLOR_MAP], 3 * 2**bits)
        return (values & np.uint64(0xFFFF)).astype(np.uint16).reshape(3, -1)

    def _no_data(self) -> float | None:
        """Return the number that marks pixels without data; None if it is missing or no number."""
        entry = self.entries.get(Tag.GDAL_NO_DATA)
        if entry is None or entry.kind != ASCII_TYPE or entry.length > MAX_NO_DATA_BYTES:
            return None
        try:
            return float(self.file.read(entry.offset, entry.length).rstrip(b"\0 ").decode("ascii"))
        except (DamagedTiffError, ValueError):
            return None


def kind_text(page: TiffPage) -> str:
    """Return the kind of numbers of a page, such as "16-bit float"."""
    kinds: dict[int, Any] = {
        SampleFormat.SIGNED: "signed integer",
        SampleFormat.FLOAT: "float",
        SampleFormat.COMPLEX_INTEGER: "complex integer",
        SampleFormat.COMPLEX_FLOAT: "complex",
    }
    kind = kinds.get(page.sample_format, "integer")
    return f"{page.bits}-bit {kind}"
