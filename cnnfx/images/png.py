"""Reading of PNG files: a check of their chunks, and decoding of 16-bit colors with all bits.

Only the chunks that pixels depend on are read. Others, such as texts and color profiles, are skipped without being
decompressed. See https://www.w3.org/TR/png-3/.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.channels import opacity_without_color, select_channels
from cnnfx.images.image import Image
from cnnfx.images.picture_file import PictureFile, merged_parts
from cnnfx.images.pillow import PILLOW_LIMIT, decode, extract
from cnnfx.system.sizes import size_text

if TYPE_CHECKING:
    import PIL.Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""The first bytes of a PNG file."""
SMALL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"acTL", b"fcTL", b"IEND")
"""The chunks that are read, beside those of pixels: header, palette, transparency, orientation, animation, end."""
PIXEL_CHUNKS = (b"IDAT", b"fdAT")
"""The chunks of compressed pixels, those of frames second."""
ANIMATION_CHUNKS = (b"acTL", b"fcTL", b"fdAT")
"""The chunks of an animation."""
MAX_SMALL_BYTES = 2**16
"""The most bytes of one of the `SMALL_CHUNKS`."""
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""The channels of a pixel, by color type: gray, RGB, palette, gray and alpha, RGB and alpha."""
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""The bits of a channel that are allowed, by color type."""
PALETTE = 3
"""The color type of pixels that are entries of a palette."""
TRANSPARENT_BYTES = {0: (2,), 2: (6,), PALETTE: range(1, 257)}
"""The bytes of the chunk of transparency, by color type."""
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""The passes of interlaced pixels: first row and column, and steps between rows and columns."""
GRAY_BYTES, COLOR_BYTES, DEEP_BYTES = 2, 8, 24
"""The memory of a pixel while it is decoded, in bytes, at most: gray of 8 bits or less, others, colors of 16 bits."""
MAX_RATIO = 1032
"""How many bytes deflate makes of one, at most."""
READ_BYTES = 2**16
"""Compressed bytes that are read at a time, where pixels are counted."""


class Chunk(NamedTuple):
    """A chunk of a PNG file.

    Parameters
    ----------
    kind : bytes
    offset : int
        Of its length, the first field, in the file.
    length : int
        The bytes of its content that are in the file.
    content : bytes or None
        Of one of the `SMALL_CHUNKS`; None if it is too long or does not match its checksum.
    """

    kind: bytes
    offset: int
    length: int
    content: bytes | None

    @property
    def end(self) -> int:
        """The offset behind the chunk; its checksum has 4 bytes."""
        return self.offset + 8 + self.length + 4


class Header(NamedTuple):
    """The header of a PNG file: size, bits of a channel, color type, and whether pixels are interlaced."""

    width: int
    height: int
    bits: int
    color: int
    interlaced: bool

    @property
    def is_deep_color(self) -> bool:
        """Whether it has several channels of 16 bits."""
        return self.bits == 16 and CHANNELS[self.color] > 1

    def rows(self) -> list[tuple[int, int]]:
        """Return the number of rows, and the bytes of a row, of the picture, or of each pass of an interlaced one."""
        passes = PASSES if self.interlaced else ((0, 0, 1, 1),)
        sizes = [
            (len(range(top, self.height, down)), len(range(left, self.width, across)))
            for top, left, down, across in passes
        ]
        bits = CHANNELS[self.color] * self.bits
        # A byte in front of each row names its filter.
        return [(height, 1 + (width * bits + 7) // 8) for height, width in sizes if height and width]


class Png(NamedTuple):
    """The parts of a PNG file that are read.

    Parameters
    ----------
    header : Header
    chunks : tuple of Chunk
    """

    header: Header
    chunks: tuple[Chunk, ...]

    def pixels(self) -> list[tuple[int, int]]:
        """Return the offset and length of each part of the compressed pixels."""
        return [(chunk.offset + 8, chunk.length) for chunk in self.chunks if chunk.kind == b"IDAT"]

    def content(self, kind: bytes) -> bytes:
        """Return the content of the first chunk of a kind; empty if there is none."""
        return next((chunk.content or b"" for chunk in self.chunks if chunk.kind == kind), b"")

    def page_count(self) -> int:
        """Return the number of frames, with a first picture that is not a part of the animation.

        The chunk acTL must be before the pixels; otherwise it is no animation.
        """
        kinds = [chunk.kind for chunk in self.chunks]
        if b"fcTL" not in kinds or b"acTL" not in kinds[: kinds.index(b"IDAT")]:
            return 1
        return kinds.count(b"fcTL") + (kinds.index(b"fcTL") > kinds.index(b"IDAT"))


def load_png(file: PictureFile) -> Image:
    """Decode a PNG picture. The result and errors are those of `cnnfx.load_image`."""
    png = _read_png(file)
    header = png.header
    shape = (header.height, header.width)
    file.check_memory(shape, _memory_bytes(png))
    compressed = sum(length for _, length in png.pixels())
    if _pixel_bytes(header) > MAX_RATIO * (compressed + 1):
        raise file.damaged(f"truncated: {compressed:,} bytes are too few for {size_text(shape)} pixels")
    if header.is_deep_color and file.page == 1:
        image = _load_deep_color(file, png)
        if image is not None:
            return image
    parts = merged_parts([(0, len(SIGNATURE)), *((chunk.offset, chunk.end - chunk.offset) for chunk in png.chunks)])
    read = file if len(parts) == 1 else file.part(parts)
    try:
        return decode(read, lambda _, picture: _check_complete(file, png, picture))
    except FileError:
        if file.page == 1:
            _check_pixels(file, png)  # its message says where they end
        raise


def count_frames(file: PictureFile) -> int:
    """Return how many frames a file holds."""
    return _read_png(file).page_count()


def _read_png(file: PictureFile) -> Png:
    """Read the chunks of a file, without the pixels.

    Raises
    ------
    FileError
        If the header or the palette is damaged, or there is an unknown chunk that pixels depend on.
    """
    header = None
    chunks: list[Chunk] = []
    kinds: set[bytes] = set()
    for chunk in _walk(file):
        kind, content = chunk.kind, chunk.content
        if header is None:
            header = _parse_header(file, chunk)
        elif kind == b"IHDR":
            raise file.damaged("it has two headers")
        elif kind == b"PLTE" and not _is_palette(content, kinds):
            raise file.damaged("its palette is damaged")
        elif kind == b"tRNS" and (
            b"IDAT" in kinds or len(content or b"") not in TRANSPARENT_BYTES.get(header.color, ())
        ):
            continue
        elif kind not in (*SMALL_CHUNKS, *PIXEL_CHUNKS):
            if kind[:1].isupper():
                raise file.damaged(f"it has the unknown chunk {kind.decode()}")
            continue
        elif kind in SMALL_CHUNKS and content is None and kind != b"IEND":
            continue
        chunks.append(chunk)
        kinds.add(kind)
    if header is None or b"IDAT" not in kinds:
        raise file.damaged("truncated: it has no pixels")
    if header.color == PALETTE and b"PLTE" not in kinds:
        raise file.damaged("its palette is missing")
    return Png(header, _without_damaged_animation(chunks))


def _walk(file: PictureFile) -> Iterator[Chunk]:
    """Yield the chunks of a file, up to its end or to a damaged one behind pixels."""
    stream, size = file.stream, file.size()
    if stream.read(len(SIGNATURE)) != SIGNATURE:
        raise file.damaged("its signature is damaged")
    at, has_pixels = len(SIGNATURE), False
    while at + 8 <= size:
        stream.seek(at)
        length, kind = struct.unpack(">I4s", stream.read(8))
        if not kind.isalpha():
            if has_pixels:
                return
            raise file.damaged("a chunk has no name")
        content = None
        if kind in SMALL_CHUNKS and length <= MAX_SMALL_BYTES:
            content = stream.read(length)
            if stream.read(4) != struct.pack(">I", zlib.crc32(kind + content)):
                content = None
        chunk = Chunk(kind, at, min(length, size - at - 8), content)
        yield chunk
        if kind == b"IEND":
            return
        has_pixels = has_pixels or kind in PIXEL_CHUNKS
        at = at + 8 + length + 4


def _parse_header(file: PictureFile, chunk: Chunk) -> Header:
    if chunk.kind != b"IHDR" or chunk.content is None or len(chunk.content) != 13:
        raise file.damaged("its header is damaged")
    width, height, bits, color, compression, filtering, interlacing = struct.unpack(">2I5B", chunk.content)
    if bits not in DEPTHS.get(color, ()) or compression or filtering or interlacing > 1:
        raise file.damaged(f"its header names no kind of pixels: {bits} bits, color type {color}")
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise file.damaged(f"its header has the size {width}×{height}")
    return Header(width, height, bits, color, bool(interlacing))


def _is_palette(content: bytes | None, kinds: set[bytes]) -> bool:
    """Return whether a chunk is a palette of 1 to 256 colors, in front of the pixels, and the only one."""
    valid = content is not None and len(content) % 3 == 0 and 3 <= len(content) <= 768
    return valid and not kinds & {b"PLTE", b"IDAT"}


def _without_damaged_animation(chunks: list[Chunk]) -> tuple[Chunk, ...]:
    """Return the chunks, without those of an animation whose header does not name the number of its frames."""
    headers = [chunk.content or b"" for chunk in chunks if chunk.kind == b"acTL"]
    frames = sum(chunk.kind == b"fcTL" for chunk in chunks)
    if len(headers) == 1 and frames and headers[0][:4] == struct.pack(">I", frames):
        return tuple(chunks)
    return tuple(chunk for chunk in chunks if chunk.kind not in ANIMATION_CHUNKS)


def _load_deep_color(file: PictureFile, png: Png) -> Image | None:
    """Decode a picture of several 16-bit channels; None if Pillow refuses it.

    Pillow keeps 8 of the 16 bits. So the pixels are decoded twice, for the upper and for the lower bytes: in the bytes
    of big-endian numbers, the lower ones are where little-endian numbers have the upper ones.
    """
    import PIL.Image

    header = png.header
    data = b"".join(_read_parts(file.stream, png.pixels()))

    def decoded(mode: str, raw_mode: str) -> NDArray[Any]:
        picture = PIL.Image.frombytes(mode, (header.width, header.height), data, "zip", raw_mode, header.interlaced)
        _check_complete(file, png, picture)
        picture.info["exif"] = png.content(b"eXIf")
        return extract(picture, mode, np.uint8).astype(np.uint16)

    try:
        with PILLOW_LIMIT(file.max_pixels):
            if CHANNELS[header.color] == 2:
                pairs = decoded("RGBA", "RGBA")  # two bytes of gray, two of alpha
                values = pairs[::2] << 8 | pairs[1::2]
            else:
                mode = "RGB" if CHANNELS[header.color] == 3 else "RGBA"
                values = decoded(mode, f"{mode};16B") << 8
                values |= decoded(mode, f"{mode};16L")
    except ValueError:
        return None
    alpha = None
    if CHANNELS[header.color] in (2, 4):
        values, alpha = values[:-1], values[-1]
    elif transparent := png.content(b"tRNS"):
        alpha = opacity_without_color(values, np.frombuffer(transparent, ">u2").reshape(3, 1, 1))
    found = select_channels(file.name, values, alpha, file.channels, file.background)
    return Image(file.name, found.values, found.names, notes=found.notes, pages=png.page_count())


def _check_complete(file: PictureFile, png: Png, picture: PIL.Image.Image) -> None:
    """Check that all pixels were in the file; missing ones are 0 after Pillow has decoded them from a part of it."""
    last = picture.getpixel((picture.width - 1, picture.height - 1))
    if png.header.interlaced or not np.any(last):
        _check_pixels(file, png)


def _check_pixels(file: PictureFile, png: Png) -> None:
    """Check that the compressed pixels are complete.

    Raises
    ------
    FileError
        If they are not; the message says where they end.
    """
    total, found = _pixel_bytes(png.header), 0
    decompress = zlib.decompressobj()
    reason = "its pixels end"
    try:
        for data in _read_parts(file.stream, png.pixels()):
            while data and found < total:
                found += len(decompress.decompress(data, READ_BYTES))
                data = decompress.unconsumed_tail
        found += len(decompress.flush())
    except zlib.error:
        reason = "its pixels are damaged"
    if found >= total:
        return
    if png.header.interlaced:
        raise file.damaged(f"{reason} after {100 * found // total} % of them")
    ((count, length),) = png.header.rows()
    raise file.damaged(f"{reason} after {found // length} of {count} rows")


def _memory_bytes(png: Png) -> int:
    """Return the memory of a pixel while it is decoded, in bytes."""
    if png.header.is_deep_color:
        return DEEP_BYTES
    is_gray = png.header.color == 0 and png.header.bits <= 8 and not png.content(b"tRNS")
    return GRAY_BYTES if is_gray else COLOR_BYTES


def _pixel_bytes(header: Header) -> int:
    """Return the bytes of all pixels, decompressed."""
    return sum(count * length for count, length in header.rows())


def _read_parts(stream: IO[bytes], parts: list[tuple[int, int]]) -> Iterator[bytes]:
    """Yield the content of parts of a stream, given by offset and length, in blocks."""
    for offset, length in parts:
        for at in range(offset, offset + length, READ_BYTES):
            stream.seek(at)
            yield stream.read(min(READ_BYTES, offset + length - at))
