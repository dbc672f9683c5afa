"""Mutators for PNG, JPEG, GIF, BMP, WebP and the formats of Netpbm; TIFF has a module of its own.

Each takes a file apart into its chunks, segments, blocks or words, changes some, and puts them together again with
right lengths and checksums, in most cases. A file that cannot be taken apart is changed as bytes.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from tests.fuzz.mutations import Mutator, mutate_bytes, mutate_list, mutate_text, number, number_text, times
from tests.fuzz.tiff import mutate_tiff


class Part(NamedTuple):
    """A chunk, segment or block: its kind and its content."""

    kind: bytes
    data: bytes


class Structure(NamedTuple):
    """How files of a format are taken apart, put together, and how a part is changed."""

    split: Callable[[bytes], list[Part]]
    join: Callable[[Sequence[Part]], bytes]
    change: Callable[[Random, Part], Part]

    def mutate(self, rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
        """Return a changed file."""
        if rng.random() < 0.1:
            return mutate_bytes(rng, data)
        try:
            parts = self.split(data)
            others = self.split(rng.choice(seeds)) if seeds and rng.random() < 0.2 else ()
        except (ValueError, IndexError, struct.error):
            return mutate_bytes(rng, data)
        result = self.join(mutate_list(rng, parts, self.change, others))
        return mutate_bytes(rng, result, 1) if rng.random() < 0.03 else result

    def split_bytes(self, data: bytes) -> list[bytes]:
        """Return the parts of a file as bytes, to make it small."""
        try:
            return [struct.pack("<H", len(part.kind)) + part.kind + part.data for part in self.split(data)]
        except (IndexError, struct.error) as error:
            raise ValueError(str(error)) from error

    def join_bytes(self, parts: Sequence[bytes]) -> bytes:
        """Return the file of parts as bytes; parts that are too short are left out."""
        kept = []
        for part in parts:
            size = int.from_bytes(part[:2], "little")
            if len(part) >= 2 + size:
                kept.append(Part(part[2 : 2 + size], part[2 + size :]))
        return self.join(kept)


def change_fields(rng: Random, data: bytes, layout: str) -> bytes:
    """Change one or two numbers at the start of the data, which are laid out as `struct` has it."""
    if len(data) < struct.calcsize(layout):
        return mutate_bytes(rng, data)
    values = list(struct.unpack_from(layout, data))
    codes = re.findall(r"[a-zA-Z]", layout)
    for _ in range(rng.choice((1, 1, 2))):
        index = rng.randrange(len(values))
        bits = 8 * struct.calcsize("<" + codes[index])
        value = rng.randrange(40) if rng.random() < 0.3 else number(rng, values[index] % 2**bits, bits)
        values[index] = value % 2**bits - (
            2**bits if codes[index].islower() and value % 2**bits >= 2 ** (bits - 1) else 0
        )
    return struct.pack(layout, *values) + data[struct.calcsize(layout) :]


# PNG

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KINDS = (
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"tEXt", b"zTXt", b"iTXt",
    b"bKGD", b"pHYs", b"sBIT", b"sPLT", b"hIST", b"tIME", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"cICP", b"abcD",
    b"ABCD", b"\0\0\0\0",
)  # fmt: skip


def split_png(data: bytes) -> list[Part]:
    """Return the chunks of a PNG file; one of the kind b"" has what is no chunk."""
    if not data.startswith(PNG_SIGNATURE):
        raise ValueError("no PNG")
    parts, at = [], len(PNG_SIGNATURE)
    while at + 8 <= len(data):
        length = struct.unpack_from(">I", data, at)[0]
        parts.append(Part(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return parts


def join_png(parts: Sequence[Part]) -> bytes:
    """Return a PNG file of chunks."""
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return PNG_SIGNATURE + b"".join(chunks)


def _change_png(rng: Random, part: Part) -> Part:
    kind, data = part
    choice = rng.random()
    if choice < 0.06:
        return Part(rng.choice(PNG_KINDS), data)
    if kind == b"IHDR":
        if choice < 0.5 and len(data) >= 13:
            return Part(
                kind,
                data[:8]
                + bytes([rng.choice((1, 2, 4, 8, 16)), rng.choice((0, 2, 3, 4, 6)), 0, 0, rng.choice((0, 0, 1))]),
            )
        return Part(kind, change_fields(rng, data, ">IIBBBBB"))
    if kind == b"IDAT" and choice < 0.7:
        return Part(kind, _repack(rng, data))
    if kind == b"fdAT" and choice < 0.5:
        return Part(kind, data[:4] + _repack(rng, data[4:]))
    if kind in (b"iCCP", b"zTXt", b"iTXt") and choice < 0.5:
        head, _, packed = data.partition(b"\0")
        size = rng.choice((0, 100, 70_000, 1_100_000, 3_000_000)) if rng.random() < 0.1 else len(packed)
        return Part(kind, head + b"\0\0" + zlib.compress(b"a" * min(size, 3_000_000), 9))
    if kind == b"fcTL":
        return Part(kind, change_fields(rng, data, ">IIIIIHHBB"))
    if kind == b"acTL":
        return Part(kind, change_fields(rng, data, ">II"))
    if kind == b"eXIf":
        return Part(kind, mutate_tiff(rng, data))
    if choice < 0.12:
        return Part(kind, rng.randbytes(rng.choice((0, 1, 2, 3, 4, 6, 9, 13, 256, 768, 769, 1024))))
    return Part(kind, mutate_bytes(rng, data))


def _repack(rng: Random, data: bytes) -> bytes:
    """Change compressed rows before compression, or the compressed bytes."""
    try:
        rows = zlib.decompressobj().decompress(data, 1_000_000)
    except zlib.error:
        return mutate_bytes(rng, data)
    kind = rng.randrange(6)
    if kind == 0:
        rows = rows[: rng.randrange(len(rows) + 1)]
    elif kind == 1:
        rows += bytes(rng.choice((1, 100, 50_000)))
    else:
        rows = mutate_bytes(rng, rows)
    packed = zlib.compress(rows, rng.choice((0, 1, 6)))
    return packed[: rng.randrange(len(packed))] if rng.random() < 0.1 else packed


# JPEG


JPEG_MARKERS = (
    0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC9, 0xD0, 0xD9, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xEE, 0xED, 0xFE,
)  # fmt: skip


def split_jpeg(data: bytes) -> list[Part]:
    """Return the segments of a JPEG file by their markers; that of a scan has the coded pixels that follow, too."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    parts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at : at + 2]
        if marker[1] in (0xD9, 0xD8, 0x01, *range(0xD0, 0xD8)):
            parts.append(Part(marker, b""))
            at += 2
            continue
        length = struct.unpack_from(">H", data, at + 2)[0]
        end = at + 2 + length
        if marker[1] == 0xDA:
            found = re.compile(rb"\xff[^\0\xd0-\xd7\xff]", re.DOTALL).search(data, end)
            end = found.start() if found else len(data)
        parts.append(Part(marker, data[at + 4 : end]))
        at = end
    if at < len(data):
        parts.append(Part(b"", data[at:]))
    return parts


def join_jpeg(parts: Sequence[Part]) -> bytes:
    """Return a JPEG file of segments. The length of a scan's header is that of its number of components."""
    result = bytearray(b"\xff\xd8")
    for kind, data in parts:
        result += kind
        if len(kind) == 2 and kind[1] == 0xDA:
            result += struct.pack(">H", 6 + 2 * (data[0] if data else 0)) + data
        elif len(kind) == 2 and kind[1] not in (0xD9, 0xD8, 0x01, *range(0xD0, 0xD8)):
            result += struct.pack(">H", min(65_535, len(data) + 2)) + data[:65_533]
        else:
            result += data
    return bytes(result)


def _change_jpeg(rng: Random, part: Part) -> Part:
    kind, data = part
    marker = kind[1] if len(kind) == 2 else 0
    choice = rng.random()
    if choice < 0.06:
        return Part(bytes([0xFF, rng.choice((*JPEG_MARKERS, rng.randrange(256)))]), data)
    if marker in (0xC0, 0xC1, 0xC2) and choice < 0.8:
        if choice < 0.5 or len(data) < 9:
            return Part(kind, change_fields(rng, data, ">BHHB"))
        changed = bytearray(data)
        at = 6 + 3 * rng.randrange((len(data) - 6) // 3)
        changed[at + rng.randrange(3)] = rng.choice((0, 1, 2, 3, 4, 0x11, 0x12, 0x21, 0x22, 0x41, 0x14, 0x44, 0xFF))
        return Part(kind, bytes(changed))
    if marker == 0xDA and choice < 0.3 and data:
        header = 1 + 2 * data[0] + 3
        return Part(kind, mutate_bytes(rng, data[:header], 1) + data[header:])
    if marker == 0xE1 and data[:6] == b"Exif\0\0" and choice < 0.9:
        return Part(kind, data[:6] + mutate_tiff(rng, data[6:]))
    if marker == 0xEE and data[:5] == b"Adobe" and choice < 0.7:
        return Part(kind, data[:-1] + bytes([rng.choice((0, 1, 2, 3, 255))]))
    if marker == 0xDD:
        return Part(kind, struct.pack(">H", number(rng, 0, 16)))
    if choice < 0.12:
        return Part(kind, rng.randbytes(rng.choice((0, 1, 2, 3, 14, 17, 64, 65, 300))))
    return Part(kind, mutate_bytes(rng, data))


# GIF


def split_gif(data: bytes) -> list[Part]:
    """Return the header with the palette, the extensions and the images of a GIF file."""
    if data[:4] != b"GIF8" or len(data) < 13:
        raise ValueError("no GIF")
    at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    parts = [Part(b"header", data[:at])]
    while at < len(data):
        start = at
        if data[at] == 0x21:
            at += 2
        elif data[at] == 0x2C:
            at += 11 + (3 << ((data[at + 9] & 7) + 1) if data[at + 9] & 0x80 else 0)
        else:
            parts.append(Part(b"rest", data[at:]))
            break
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
        parts.append(Part(b"extension" if data[start] == 0x21 else b"image", data[start:at]))
    return parts


def join_gif(parts: Sequence[Part]) -> bytes:
    """Return a GIF file of its parts."""
    return b"".join(part.data for part in parts)


def _change_gif(rng: Random, part: Part) -> Part:
    kind, data = part
    choice = rng.random()
    if kind == b"header" and choice < 0.7:
        return Part(kind, data[:6] + change_fields(rng, data[6:], "<HHBBB"))
    if kind == b"extension" and choice < 0.4 and data[1:2] == b"\xf9":
        return Part(kind, data[:2] + change_fields(rng, data[2:], "<BBHB"))
    if kind == b"image" and choice < 0.4:
        return Part(kind, data[:1] + change_fields(rng, data[1:], "<HHHHBB"))
    if kind == b"image" and choice < 0.6 and len(data) > 30:  # change codes and keep the lengths of their blocks
        changed = bytearray(data)
        for _ in range(times(rng)):
            changed[rng.randrange(12, len(data))] = rng.randrange(256)
        return Part(kind, bytes(changed))
    return Part(kind, mutate_bytes(rng, data))


# BMP

BMP_HEADERS = {12: "<IHHHH", 40: "<IiiHHIIiiII", 64: "<IiiHHIIiiII", 108: "<IiiHHIIiiIIIIII", 124: "<IiiHHIIiiIIIIII"}


def split_bmp(data: bytes) -> list[Part]:
    """Return the file header, the information header, and the rest (masks, palette and pixels) of a BMP file."""
    if data[:2] != b"BM" or len(data) < 18:
        raise ValueError("no BMP")
    size = struct.unpack_from("<I", data, 14)[0]
    return [Part(b"file", data[:14]), Part(b"info", data[14 : 14 + size]), Part(b"rest", data[14 + size :])]


def _change_bmp(rng: Random, part: Part) -> Part:
    kind, data = part
    if kind == b"file" and rng.random() < 0.8:
        return Part(kind, data[:2] + change_fields(rng, data[2:], "<IHHI"))
    if kind == b"info" and rng.random() < 0.9:
        layout = BMP_HEADERS.get(len(data), "<IiiHHIIiiII")
        if rng.random() < 0.3 and len(data) >= 20:  # bits per pixel and compression
            bits = struct.pack("<HI", rng.choice((0, 1, 2, 4, 8, 16, 24, 32, 64)), rng.choice((0, 1, 2, 3, 4, 6)))
            return Part(kind, data[:14] + bits + data[20:])
        return Part(kind, change_fields(rng, data, layout))
    return Part(kind, mutate_bytes(rng, data))


# WebP

WEBP_KINDS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ", b"abcd")


def split_webp(data: bytes) -> list[Part]:
    """Return the chunks of a WebP file."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("no WebP")
    parts, at = [], 12
    while at + 8 <= len(data):
        length = struct.unpack_from("<I", data, at + 4)[0]
        parts.append(Part(data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return parts


def join_webp(parts: Sequence[Part]) -> bytes:
    """Return a WebP file of chunks."""
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in parts
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _change_webp(rng: Random, part: Part) -> Part:
    kind, data = part
    choice = rng.random()
    if choice < 0.05:
        return Part(rng.choice(WEBP_KINDS), data)
    if kind == b"VP8X" and choice < 0.9 and len(data) >= 10:
        width, height = (
            number(rng, int.from_bytes(data[at : at + 3], "little"), 24).to_bytes(3, "little") for at in (4, 7)
        )
        flags = bytes([rng.getrandbits(8)]) if choice < 0.5 else data[:1]
        return Part(
            kind,
            flags
            + data[1:4]
            + (width if rng.random() < 0.3 else data[4:7])
            + (height if rng.random() < 0.3 else data[7:10]),
        )
    if kind == b"ANMF" and choice < 0.6 and len(data) > 16:
        head = bytearray(data[:16])
        at = 3 * rng.randrange(5)
        head[at : at + 3] = number(rng, int.from_bytes(head[at : at + 3], "little"), 24).to_bytes(3, "little")
        return Part(kind, bytes(head) + data[16:])
    if kind == b"VP8 " and choice < 0.4:
        return Part(kind, data[:6] + change_fields(rng, data[6:], "<HH"))
    if kind == b"VP8L" and choice < 0.4 and len(data) > 5:
        bits = int.from_bytes(data[1:5], "little") ^ (1 << rng.randrange(32))
        return Part(kind, data[:1] + bits.to_bytes(4, "little") + data[5:])
    if kind == b"EXIF" and choice < 0.8:
        return Part(kind, mutate_tiff(rng, data))
    return Part(kind, mutate_bytes(rng, data))


# Netpbm: PBM, PGM, PPM, PAM, PFM

NETPBM_WORDS = (
    "P1", "P2", "P3", "P4", "P5", "P6", "P7", "Pf", "PF", "PF4", "Pg", "P0", "P8", "\n", " ", "#", "# a\n", "\n#\n",
    "1", "0", "255", "256", "65535", "65536", "-1", "-1.0", "1.0", "0.0", "nan", "1e38", "1e39", "WIDTH 2\n",
    "HEIGHT 2\n", "DEPTH 3\n", "MAXVAL 255\n", "TUPLTYPE RGB_ALPHA\n", "TUPLTYPE GRAYSCALE\n",
    "TUPLTYPE BLACKANDWHITE\n", "ENDHDR\n", "WIDTH", "DEPTH 4\n",
)  # fmt: skip
_HEADER = re.compile(
    rb"P7\n.*?ENDHDR\n|P[1-6fF]4?(?:\s+#[^\n]*\n|\s)*\S+\s+(?:#[^\n]*\n)*\S+(?:\s+(?:#[^\n]*\n)*\S+)?\s", re.DOTALL
)


def split_netpbm(data: bytes) -> list[Part]:
    """Return the header and the pixels."""
    match = _HEADER.match(data)
    if not match:
        raise ValueError("no header")
    return [Part(b"header", data[: match.end()]), Part(b"pixels", data[match.end() :])]


def _change_netpbm(rng: Random, part: Part) -> Part:
    kind, data = part
    if kind == b"header" or rng.random() < 0.2:
        text = mutate_text(rng, data.decode("latin-1"), NETPBM_WORDS)
        return Part(kind, text.encode("latin-1", "replace"))
    if rng.random() < 0.3:
        return Part(
            kind,
            data
            + rng.choice((b"P5 1 1 255 a", b"\n", b"7", b"\0" * 50, number_text(rng).encode("latin-1", "replace"))),
        )
    if rng.random() < 0.2:
        return Part(
            kind,
            data.replace(
                rng.choice((b"1", b" ", b"\0", b"\n")), rng.choice((b"", b"9" * 10, b"#", b"-", b"\n#x\n", b"99999"))
            ),
        )
    return Part(kind, mutate_bytes(rng, data))


# Headers of fixed fields, and boxes

HEADERS = {
    "tga": "<BBBHHBHHHHBB",
    "pcx": "<BBBBHHHHHH",
    "sgi": ">HBBHHHHII",
    "qoi": ">4sIIBB",
    "ico": "<HHHBBBBHHII",
    "psd": ">4sHHHHHIIHHI",
}
"""The fields at the start of files, as `struct` has them."""


def header_mutator(layout: str) -> Mutator:
    """Return the mutator of a format whose files begin with these fields."""
    size = struct.calcsize(layout)
    plain = layout.replace("4s", "4B")
    plain = re.sub(r"(\d+)(\w)", lambda match: match[2] * int(match[1]), plain)

    def mutate(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
        kind = rng.random()
        if kind < 0.1:
            return mutate_bytes(rng, data)
        if kind < 0.5:
            return change_fields(rng, data, plain)
        if kind < 0.9:
            return data[:size] + mutate_bytes(rng, data[size:])
        other = rng.choice(seeds) if seeds else data
        return data[:size] + other[size:]

    return mutate


CONTAINERS = {b"meta", b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"jp2h"}
"""The boxes of AVIF and JPEG 2000 that hold boxes."""


def split_boxes(data: bytes) -> list[Part]:
    """Return the boxes of a file."""
    parts, at = [], 0
    while at + 8 <= len(data):
        length = struct.unpack_from(">I", data, at)[0] or len(data) - at
        if length < 8:
            raise ValueError("no box")
        parts.append(Part(data[at + 4 : at + 8], data[at + 8 : at + length]))
        at += length
    if not parts:
        raise ValueError("no boxes")
    return parts


def join_boxes(parts: Sequence[Part]) -> bytes:
    """Return boxes with right lengths."""
    return b"".join(struct.pack(">I", len(data) + 8) + kind + data for kind, data in parts)


def _change_box(rng: Random, part: Part) -> Part:
    kind, data = part
    if kind in CONTAINERS and rng.random() < 0.9:
        skipped = 4 if kind == b"meta" else 0
        try:
            return Part(kind, data[:skipped] + join_boxes(mutate_list(rng, split_boxes(data[skipped:]), _change_box)))
        except ValueError:
            return Part(kind, mutate_bytes(rng, data))
    if kind in (b"ispe", b"ihdr") and rng.random() < 0.7:
        return Part(kind, change_fields(rng, data, ">IIIB" if len(data) == 13 else ">III"))
    if kind == b"jp2c" and rng.random() < 0.9:
        return Part(kind, mutate_codestream(rng, data))
    if rng.random() < 0.05:
        return Part(rng.choice((*CONTAINERS, b"mdat", b"free", b"abcd", b"\0\0\0\0")), data)
    return Part(kind, mutate_bytes(rng, data))


def mutate_codestream(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change the marker segments of a JPEG 2000 codestream."""
    if data[:2] != b"\xff\x4f" or rng.random() < 0.2:
        return mutate_bytes(rng, data)
    starts = [match.start() for match in re.finditer(rb"\xff[\x51-\x64\x90]", data)]
    at = rng.choice(starts) if starts else 0
    if data[at + 1] == 0x51 and len(data) > at + 40:  # the sizes of the image and of the tiles
        return data[: at + 4] + change_fields(rng, data[at + 4 :], ">HIIIIIIIIHBBB")
    end = at + 4 + rng.choice((2, 8, 16, 40))
    return data[: at + 4] + mutate_bytes(rng, data[at + 4 : end], 1) + data[end:]


def mutate_jpeg2000(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change the boxes of a JPEG 2000 file, or its codestream."""
    if data[:2] == b"\xff\x4f":
        return mutate_codestream(rng, data)
    return STRUCTURES["avif"].mutate(rng, data, seeds)


def _joined(parts: Sequence[Part]) -> bytes:
    return b"".join(part.data for part in parts)


STRUCTURES = {
    "png": Structure(split_png, join_png, _change_png),
    "jpeg": Structure(split_jpeg, join_jpeg, _change_jpeg),
    "gif": Structure(split_gif, join_gif, _change_gif),
    "bmp": Structure(split_bmp, _joined, _change_bmp),
    "webp": Structure(split_webp, join_webp, _change_webp),
    "netpbm": Structure(split_netpbm, _joined, _change_netpbm),
    "avif": Structure(split_boxes, join_boxes, _change_box),
}
"""The structure of each format."""
