"""Writing of TIFF files of all kinds, for tests: sample formats, bits, byte orders, compression, strips and tiles."""

from __future__ import annotations

import io
import lzma
import struct
import zlib
from typing import Any

import numpy as np
import PIL.Image

NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD = 1, 5, 8, 32946, 32773, 34925, 50000
PILLOW_NAMES = {LZW: "tiff_lzw", PACKBITS: "packbits", ZSTD: "zstd"}
FORMATS = {"u": 1, "i": 2, "f": 3}
TYPES = {"B": 1, "s": 2, "H": 3, "I": 4, "Q": 16}


def tiff(
    samples: np.ndarray,
    *,
    bits: int | None = None,
    photometric: int = 1,
    order: str = "<",
    compression: int = NONE,
    predictor: int = 1,
    planar: int = 1,
    rows: int | None = None,
    tile: tuple[int, int] | None = None,
    big: bool = False,
    fill_order: int = 1,
    extra: tuple[int, ...] = (),
    tags: dict[int, tuple[str, Any]] | None = None,
) -> bytes:
    """Return a TIFF file with one page.

    Parameters
    ----------
    samples : array (H, W) or (H, W, S) of integers or floats
    bits : int, optional
        Of a sample, if fewer than those of the dtype.
    rows : int, optional
        Of a strip; all by default.
    tile : (rows, columns), optional
    extra : tuple of int
        The tag ExtraSamples.
    tags : dict
        More tags, or other values of the tags: the `struct` format of one value ("s" for text), and the values; None
        takes a tag away.
    """
    return tiff_pages([page(samples, bits, photometric, order, compression, predictor, planar, rows, tile, fill_order,
                            extra, tags)], order, big)  # fmt: skip


def page(samples, bits=None, photometric=1, order="<", compression=NONE, predictor=1, planar=1, rows=None, tile=None,
         fill_order=1, extra=(), tags=None):  # fmt: skip
    """Return the tags of a page, and its strips or tiles; see `tiff`."""
    samples = samples.reshape(*samples.shape[:2], -1)
    height, width, count = samples.shape
    bits = bits or samples.dtype.itemsize * 8
    chunk_rows, chunk_columns = tile or (min(rows or height, height), width)
    strips = []
    for plane in np.split(samples, count, axis=2) if planar == 2 else [samples]:
        for top in range(0, height, chunk_rows):
            for left in range(0, width, chunk_columns):
                part = plane[top : top + chunk_rows, left : left + chunk_columns]
                if tile:
                    missing = (chunk_rows - part.shape[0], chunk_columns - part.shape[1])
                    part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
                content = compress(encode(part, bits, order, predictor), compression)
                strips.append(reverse_bits(content) if fill_order == 2 else content)
    offsets, counts = (324, 325) if tile else (273, 279)
    entries = {
        256: ("I", [width]), 257: ("I", [height]), 258: ("H", [bits] * count), 259: ("H", [compression]),
        262: ("H", [photometric]), 266: ("H", [fill_order]), 277: ("H", [count]), 284: ("H", [planar]),
        317: ("H", [predictor]), 339: ("H", [FORMATS[samples.dtype.kind]] * count), offsets: ("I", []),
        counts: ("I", [len(strip) for strip in strips]),
    }  # fmt: skip
    if tile:
        entries |= {322: ("I", [chunk_columns]), 323: ("I", [chunk_rows])}
    else:
        entries[278] = ("I", [chunk_rows])
    if extra:
        entries[338] = ("H", list(extra))
    entries |= tags or {}
    return {tag: entry for tag, entry in entries.items() if entry is not None}, strips


def tiff_pages(pages, order="<", big=False):
    """Return a TIFF file with these pages. An empty list of offsets stands for the offsets of the strips."""
    word, entry_bytes, inline = ("Q", 20, 8) if big else ("I", 12, 4)
    content = bytearray(b"II" if order == "<" else b"MM")
    content += struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 0) if big else (42, 0)))
    link = len(content) - (8 if big else 4)

    def append(data):
        start = len(content)
        content.extend(data + b"\0" * (len(data) % 2))
        return start

    for entries, strips in pages:
        offsets = [append(strip) for strip in strips]
        table = b""
        for tag, (kind, values) in sorted(entries.items()):
            if tag in (273, 324) and not values:
                values = offsets
            data = values if kind == "s" else struct.pack(f"{order}{len(values)}{kind}", *values)
            place = data.ljust(inline, b"\0") if len(data) <= inline else struct.pack(order + word, append(data))
            table += struct.pack(f"{order}HH{word}", tag, TYPES[kind], len(values)) + place
        directory = append(struct.pack(order + ("Q" if big else "H"), len(entries)) + table + bytes(inline))
        struct.pack_into(order + word, content, link, directory)
        link = directory + (8 if big else 2) + entry_bytes * len(entries)
    return bytes(content)


def encode(samples, bits, order, predictor):
    """Return the bytes of samples (rows, columns, S) as they are before compression."""
    rows, _, count = samples.shape
    size = samples.dtype.itemsize
    if predictor == 2:
        whole = samples.view(f"u{size}")
        samples = np.concatenate([whole[:, :1], whole[:, 1:] - whole[:, :-1]], axis=1).view(samples.dtype)
    elif predictor == 3:
        planes = samples.astype(f">f{size}").reshape(rows, -1, 1).view(np.uint8).swapaxes(1, 2).reshape(rows, -1)
        differences = planes.copy()
        differences[:, count:] -= planes[:, :-count]
        return differences.tobytes()
    if bits == 8 * size:
        return samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    if bits == 24:
        wide = samples.astype(order + samples.dtype.kind + "4").reshape(-1, 1).view(np.uint8)
        return (wide[:, 1:] if order == ">" else wide[:, :3]).tobytes()
    digits = np.unpackbits(samples.astype(f">{samples.dtype.kind}{size}").reshape(rows, -1, 1).view(np.uint8), axis=2)
    return np.packbits(digits[..., -bits:].reshape(rows, -1), axis=1).tobytes()


def compress(content, compression):
    """Return compressed bytes; libtiff, by way of Pillow, compresses what Python cannot."""
    if compression == NONE:
        return content
    if compression in (DEFLATE, OLD_DEFLATE):
        return zlib.compress(content)
    if compression == LZMA:
        return lzma.compress(content)
    picture = PIL.Image.frombytes("L", (len(content), 1), content)
    file = io.BytesIO()
    picture.save(file, "TIFF", compression=PILLOW_NAMES[compression])
    with PIL.Image.open(file) as written:
        (start,), (count,) = written.tag_v2[273], written.tag_v2[279]
    return file.getvalue()[start : start + count]


def reverse_bits(content):
    """Return bytes with their bits in reverse order."""
    return np.packbits(np.unpackbits(np.frombuffer(content, np.uint8)).reshape(-1, 8)[:, ::-1]).tobytes()
