"""TIFF files from tags, and a mutator for their tags, pages and pixels; EXIF data are such files, too."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from tests.fuzz.mutations import mutate_bytes, mutate_list, number

TYPES = {
    1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I",
    16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
"""The types of values: `struct` codes of one value."""
STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 273, 279, 324, 325
TAGS = (
    254, 255, 256, 257, 258, 259, 262, 263, 266, 270, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 285, 290,
    291, 292, 293, 296, 301, 305, 306, 315, 316, 317, 318, 319, 320, 321, 322, 323, 324, 325, 326, 330, 332, 333,
    334, 336, 337, 338, 339, 340, 341, 342, 343, 347, 512, 513, 514, 529, 530, 531, 532, 700, 33432, 33723, 34377,
    34665, 34675, 34853, 37724, 42112, 42113, 50706, 65535,
)  # fmt: skip
GOOD_VALUES = {
    258: (1, 2, 4, 8, 10, 12, 14, 16, 24, 32, 64),
    259: (1, 2, 3, 4, 5, 6, 7, 8, 9, 32773, 32771, 32946, 34712, 34925, 50000, 50001, 50002),
    262: (0, 1, 2, 3, 4, 5, 6, 8, 9, 32803, 32844, 32845), 266: (1, 2), 274: tuple(range(10)),
    277: (1, 2, 3, 4, 5, 6, 16), 284: (1, 2), 292: (0, 1, 4, 5), 317: (1, 2, 3, 34894), 338: (0, 1, 2, 999),
    339: (1, 2, 3, 4, 5, 6), 530: (1, 2, 4), 532: (0, 15, 255),
}  # fmt: skip
"""Values that tags can have, to try combinations of them."""


class Entry(NamedTuple):
    """A tag with its type and its values as bytes; `count` is the right one if it is None."""

    tag: int
    type: int
    data: bytes
    count: int | None = None


class Directory(NamedTuple):
    """A page: its tags, and the strips or tiles that the offsets in it refer to."""

    entries: tuple[Entry, ...]
    pixels: tuple[bytes, ...] = ()


class Tiff(NamedTuple):
    """A file: its byte order, whether it is a BigTIFF, and its pages."""

    order: str
    is_big: bool
    pages: tuple[Directory, ...]


def parse(data: bytes) -> Tiff:
    """Return the pages of a file."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise ValueError("no TIFF")
    is_big = struct.unpack_from(order + "H", data, 2)[0] == 43
    at = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)[0]
    head, width, inline = ("Q", 20, 8) if is_big else ("H", 12, 4)
    pages = []
    while at and at + 2 < len(data) and len(pages) < 20:
        count = struct.unpack_from(order + head, data, at)[0]
        at += struct.calcsize("<" + head)
        entries, chunks = [], {}
        for index in range(min(count, 200)):
            tag, kind, number_of = struct.unpack_from(order + ("HHQ" if is_big else "HHI"), data, at + width * index)
            size = number_of * struct.calcsize("<" + TYPES.get(kind, "B"))
            place = at + width * index + width - inline
            if size > inline:
                place = struct.unpack_from(order + ("Q" if is_big else "I"), data, place)[0]
            values = data[place : place + min(size, 60_000)]
            if tag in (STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES) and kind in (3, 4, 16):
                code = TYPES[kind]
                chunks[tag] = struct.unpack(f"{order}{len(values) // struct.calcsize('<' + code)}{code}", values)
            entries.append(Entry(tag, kind, values))
        offsets = chunks.get(STRIP_OFFSETS) or chunks.get(TILE_OFFSETS) or ()
        sizes = chunks.get(STRIP_BYTES) or chunks.get(TILE_BYTES) or ()
        pages.append(
            Directory(
                tuple(entries), tuple(data[start : start + size] for start, size in zip(offsets, sizes, strict=False))
            )
        )
        at = struct.unpack_from(order + ("Q" if is_big else "I"), data, at + width * count)[0]
    if not pages:
        raise ValueError("no pages")
    return Tiff(order, is_big, tuple(pages))


def build(tiff: Tiff, keep_offsets: bool = False) -> bytes:
    """Return the file; offsets and sizes of strips or tiles are set right, unless `keep_offsets`."""
    order, is_big, pages = tiff
    offset_code = "Q" if is_big else "I"
    result = bytearray(
        (b"II" if order == "<" else b"MM")
        + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if is_big else struct.pack(order + "HI", 42, 8))
    )
    for index, (entries, pixels) in enumerate(pages):
        width, inline = (20, 8) if is_big else (12, 4)
        head = "Q" if is_big else "H"
        start = len(result)
        outside = start + struct.calcsize("<" + head) + width * len(entries) + struct.calcsize("<" + offset_code)
        body = bytearray()
        offsets = []
        for chunk in pixels:
            offsets.append(outside + len(body))
            body += chunk
        result += struct.pack(order + head, len(entries) % (1 << (64 if is_big else 16)))
        for tag, kind, data, count in entries:
            code = TYPES.get(kind, "B")
            if not keep_offsets and tag in (STRIP_OFFSETS, TILE_OFFSETS) and kind in (4, 16) and pixels:
                data = struct.pack(f"{order}{len(offsets)}{code}", *offsets)
            elif not keep_offsets and tag in (STRIP_BYTES, TILE_BYTES) and kind in (4, 16) and pixels:
                data = struct.pack(f"{order}{len(pixels)}{code}", *map(len, pixels))
            number_of = len(data) // struct.calcsize("<" + code) if count is None else count
            if len(data) > inline:
                value = struct.pack(order + offset_code, outside + len(body))
                body += data
            else:
                value = data.ljust(inline, b"\0")
            result += struct.pack(order + ("HHQ" if is_big else "HHI"), tag, kind % 65_536, number_of) + value
        after = outside + len(body) if index + 1 < len(pages) else 0
        result += struct.pack(order + offset_code, after) + body
    return bytes(result)


def picture(
    width: int,
    height: int,
    bits: Sequence[int],
    *,
    photometric: int = 1,
    compression: int = 1,
    sample_format: int = 1,
    order: str = "<",
    is_big: bool = False,
    planar: int = 1,
    predictor: int = 1,
    tile: tuple[int, int] | None = None,
    rows_per_strip: int | None = None,
    more: Sequence[Entry] = (),
    pages: int = 1,
) -> bytes:
    """Return a TIFF file whose pixels have a pattern: none, deflate and PackBits compressions."""
    samples = len(bits)
    block_width, block_height = tile or (width, rows_per_strip or height)
    across, down = -(-width // block_width), -(-height // block_height)
    chunks = []
    for block in range(across * down * (samples if planar == 2 else 1)):
        rows = block_height if tile else min(block_height, height - block % down * block_height)
        row_bits = block_width * (bits[0] if planar == 2 else sum(bits))
        size = -(-row_bits // 8) * rows
        if sample_format == 3 and bits[0] in (32, 64):
            code = "f" if bits[0] == 32 else "d"
            count = size // (bits[0] // 8)
            raw = struct.pack(f"{order}{count}{code}", *(index % 7 / 6 for index in range(count)))
        else:
            raw = bytes(index * 37 % 251 for index in range(size))
        chunks.append(
            zlib.compress(raw, 6) if compression in (8, 32946) else _packbits(raw) if compression == 32773 else raw
        )
    short, long = order + "H", order + "I"
    sizes = (322, 323) if tile else (None, 278)
    entries = [
        Entry(256, 3, struct.pack(short, width)), Entry(257, 3, struct.pack(short, height)),
        Entry(258, 3, struct.pack(f"{order}{samples}H", *bits)), Entry(259, 3, struct.pack(short, compression)),
        Entry(262, 3, struct.pack(short, photometric)),
        Entry(TILE_OFFSETS if tile else STRIP_OFFSETS, 4, b"\0" * 4 * len(chunks)),
        Entry(277, 3, struct.pack(short, samples)),
        Entry(TILE_BYTES if tile else STRIP_BYTES, 4, b"\0" * 4 * len(chunks)),
        Entry(284, 3, struct.pack(short, planar)), Entry(317, 3, struct.pack(short, predictor)),
        Entry(339, 3, struct.pack(f"{order}{samples}H", *([sample_format] * samples))), *more,
    ]  # fmt: skip
    for tag, side in zip(sizes, (block_width, block_height), strict=True):
        if tag:
            entries.append(Entry(tag, 4, struct.pack(long, side)))
    if photometric == 3:
        entries.append(
            Entry(
                320, 3, struct.pack(f"{order}{3 << bits[0]}H", *(index * 7 % 65_536 for index in range(3 << bits[0])))
            )
        )
    if samples in (2, 4) and photometric != 5:
        entries.append(Entry(338, 3, struct.pack(short, 2)))
    page = Directory(tuple(sorted(entries)), tuple(chunks))
    return build(Tiff(order, is_big, (page,) * pages))


def _packbits(data: bytes) -> bytes:
    return b"".join(bytes([len(data[at : at + 128]) - 1]) + data[at : at + 128] for at in range(0, len(data), 128))


def tiff_seeds() -> list[bytes]:
    """Return files of many sample formats, bits, byte orders, layouts, and what Pillow writes with libtiff."""
    made = [
        picture(5, 4, [8]), picture(5, 4, [1], photometric=0), picture(5, 4, [2]), picture(5, 4, [4], photometric=3),
        picture(5, 4, [8], photometric=3), picture(7, 3, [12]), picture(5, 4, [16], order=">"),
        picture(5, 4, [16], photometric=0), picture(5, 4, [32]), picture(5, 4, [32], sample_format=2, order=">"),
        picture(5, 4, [32], sample_format=3), picture(5, 4, [64], sample_format=3, order=">"),
        picture(5, 4, [16], sample_format=3), picture(5, 4, [16], sample_format=2),
        picture(5, 4, [8, 8, 8], photometric=2), picture(5, 4, [8] * 4, photometric=2),
        picture(5, 4, [16] * 3, photometric=2), picture(5, 4, [8] * 3, photometric=2, planar=2),
        picture(5, 4, [32] * 3, photometric=2, sample_format=3), picture(5, 4, [8] * 4, photometric=5),
        picture(5, 4, [8, 8]), picture(5, 4, [8] * 3, photometric=6), picture(5, 4, [8] * 3, photometric=8),
        picture(5, 4, [16, 16], order=">"), picture(5, 4, [8], compression=8, predictor=2),
        picture(5, 4, [16] * 3, photometric=2, compression=8, predictor=2),
        picture(5, 4, [32], sample_format=3, compression=8, predictor=3),
        picture(9, 6, [8], compression=32773, rows_per_strip=2), picture(40, 20, [8], tile=(16, 16)),
        picture(40, 20, [8] * 3, photometric=2, tile=(16, 16), compression=8, planar=2),
        picture(5, 4, [8], is_big=True), picture(5, 4, [8], pages=3),
        picture(5, 4, [16], compression=32946, rows_per_strip=1),
        picture(5, 4, [8], more=[Entry(274, 3, struct.pack("<H", 6))]),
        picture(5, 4, [32], sample_format=3, more=[Entry(42113, 2, b"-9999\0")]), picture(5, 4, [10]),
        picture(5, 4, [8] * 5),
    ]  # fmt: skip
    return made + _written()


def _written() -> list[bytes]:
    import io

    import PIL.Image

    ramp = PIL.Image.linear_gradient("L").resize((20, 12))
    found = []
    for mode, compressions in (
        ("1", ("group3", "group4", "tiff_ccitt", "packbits")),
        ("L", ("tiff_lzw", "jpeg", "packbits", "tiff_adobe_deflate")),
        ("RGB", ("jpeg", "tiff_lzw", "zstd", "lzma", "webp")),
        ("YCbCr", ("raw", "jpeg")),
        ("CMYK", ("tiff_lzw",)),
        ("P", ("raw",)),
        ("RGBA", ("tiff_lzw",)),
        ("I;16", ("tiff_lzw",)),
        ("F", ("tiff_lzw",)),
    ):
        image = ramp.convert(mode)
        for compression in compressions:
            file = io.BytesIO()
            try:
                image.save(file, "TIFF", compression=compression)
            except (OSError, ValueError, KeyError):  # this libtiff lacks the codec
                continue
            found.append(file.getvalue())
    return found


def mutate_tiff(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change tags, pages, strips, the byte order, or any bytes."""
    if rng.random() < 0.12:
        return mutate_bytes(rng, data)
    try:
        tiff = parse(data)
        other = parse(rng.choice(seeds)).pages[0] if seeds and rng.random() < 0.1 else None
    except (ValueError, struct.error):
        return mutate_bytes(rng, data)
    kind = rng.randrange(20)
    pages = list(tiff.pages)
    at = rng.randrange(len(pages))
    page = pages[at]
    if kind == 0:
        tiff = tiff._replace(order="<" if tiff.order == ">" else ">")
    elif kind == 1:
        tiff = tiff._replace(is_big=not tiff.is_big)
    elif kind == 2:
        pages = pages * rng.choice((2, 3, 50)) if len(data) < 1_500 else pages[:-1] or pages
    elif kind < 6 and page.pixels:
        pages[at] = page._replace(pixels=tuple(mutate_list(rng, page.pixels, mutate_bytes)))
    elif kind == 6 and other:
        pages[at] = page._replace(pixels=other.pixels)
    else:
        entries = mutate_list(
            rng, page.entries, lambda rng, entry: _mutate_entry(rng, entry, tiff.order), other.entries if other else ()
        )
        pages[at] = page._replace(
            entries=tuple(entries if rng.random() < 0.1 else sorted(entries, key=lambda entry: entry.tag))
        )
    return build(tiff._replace(pages=tuple(pages)), keep_offsets=rng.random() < 0.05)


def _mutate_entry(rng: Random, entry: Entry, order: str) -> Entry:
    kind = rng.randrange(10)
    code = TYPES.get(entry.type, "B")
    size = struct.calcsize("<" + code)
    if entry.tag in GOOD_VALUES and kind < 5 and entry.type in (3, 4):
        value = rng.choice(GOOD_VALUES[entry.tag])
        count = max(1, len(entry.data) // size)
        return entry._replace(data=struct.pack(f"{order}{count}{code}", *[value % (1 << 8 * size)] * count))
    if kind == 5:
        return entry._replace(tag=rng.choice(TAGS))
    if kind == 6:
        return entry._replace(type=rng.choice((*TYPES, 0, 14, 15, 19, 255, 65_535)))
    if kind == 7:
        return entry._replace(count=number(rng, len(entry.data) // size, 32))
    if kind == 8:
        return Entry(rng.choice(TAGS), entry.type, entry.data * rng.choice((1, 1, 2, 100)))
    if len(code) == 1 and code in "BHIQ" and len(entry.data) >= size:
        data = bytearray(entry.data)
        place = rng.randrange(len(data) // size) * size
        value = (
            rng.randrange(40)
            if rng.random() < 0.3
            else number(rng, struct.unpack_from(order + code, data, place)[0], 8 * size)
        )
        struct.pack_into(order + code, data, place, value % (1 << 8 * size))
        return entry._replace(data=bytes(data))
    return entry._replace(data=mutate_bytes(rng, entry.data))
