"""Small pictures of every format and many kinds, from which inputs are made."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import PIL.Image

from tests.fuzz.pictures import Part, join_gif, join_png, join_webp, split_gif, split_png, split_webp
from tests.fuzz.tiff import picture, tiff_seeds


def ramp(mode: str = "L", width: int = 20, height: int = 12) -> PIL.Image.Image:
    """Return a picture of a mode with a gradient."""
    values = np.add.outer(np.arange(height) * 11, np.arange(width) * 7) % 256
    gray = PIL.Image.fromarray(values.astype(np.uint8))
    if mode in ("RGB", "RGBA", "CMYK", "YCbCr"):
        color = PIL.Image.merge("RGB", (gray, gray.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT), gray.rotate(180)))
        if mode == "RGBA":
            color.putalpha(gray)
        return color.convert(mode)
    if mode == "LA":
        return PIL.Image.merge("LA", (gray, gray))
    if mode == "I;16":
        return PIL.Image.fromarray((values * 257).astype(np.uint16))
    if mode in ("P", "PA"):
        return ramp("RGB", width, height).quantize(16)
    return gray.convert(mode)


def saved(image: PIL.Image.Image, format: str, **options: Any) -> bytes:
    """Return a picture as a file."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def _all(format: str, kinds: Sequence[tuple[PIL.Image.Image, dict[str, Any]]]) -> Iterator[bytes]:
    """Yield files of a format, as far as this Pillow can write them."""
    for image, options in kinds:
        with suppress(OSError, ValueError, KeyError, SystemError):
            yield saved(image, format, **options)


def png_header(width: int, height: int, bits: int, color: int, interlace: int = 0) -> Part:
    """Return the chunk IHDR."""
    return Part(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace))


def png_of(
    bits: int, color: int, interlace: int = 0, more: Sequence[Part] = (), width: int = 9, height: int = 7
) -> bytes:
    """Return a PNG file of any kind, whose rows have all filters in turn."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    passes = (
        [(0, 0, 1, 1)]
        if not interlace
        else [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    )
    rows = bytearray()
    for left, top, step_x, step_y in passes:
        columns, lines = -(-(width - left) // step_x), -(-(height - top) // step_y)
        if columns > 0:
            for row in range(max(0, lines)):
                rows += bytes([row % 5]) + bytes(
                    (row * 31 + at * 17) % 256 for at in range(-(-columns * bits * samples // 8))
                )
    palette = [Part(b"PLTE", bytes(index * 5 % 256 for index in range(3 << min(bits, 8))))] if color == 3 else []
    return join_png(
        [
            png_header(width, height, bits, color, interlace),
            *palette,
            *more,
            Part(b"IDAT", zlib.compress(bytes(rows))),
            Part(b"IEND", b""),
        ]
    )


PNG_KINDS = (
    (1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (1, 3), (4, 3), (8, 3), (8, 4), (16, 4), (8, 6), (16, 6),
)  # fmt: skip
"""Bits and colors of PNG files."""


def png_seeds() -> list[bytes]:
    """Return PNG files of all colors and depths, with transparency, text, profiles, EXIF data and animation."""
    made = [png_of(bits, color, interlace) for bits, color in PNG_KINDS for interlace in (0, 1)]
    exif = picture(1, 1, [8])
    more = [
        Part(b"tEXt", b"Title\0a ramp"), Part(b"zTXt", b"Comment\0\0" + zlib.compress(b"text " * 40)),
        Part(b"iTXt", b"a\0\1\0en\0b\0" + zlib.compress(b"\xc3\xa9")), Part(b"gAMA", struct.pack(">I", 45455)),
        Part(b"iCCP", b"p\0\0" + zlib.compress(b"profile" * 20)), Part(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
        Part(b"cHRM", bytes(32)), Part(b"sRGB", b"\0"), Part(b"eXIf", exif), Part(b"tIME", bytes(7)),
        Part(b"bKGD", b"\0\1"),
    ]  # fmt: skip
    made += [
        png_of(8, 0, 0, more),
        png_of(8, 0, 0, [Part(b"tRNS", b"\0\x11")]),
        png_of(16, 0, 0, [Part(b"tRNS", b"\0\x11")]),
        png_of(8, 2, 0, [Part(b"tRNS", bytes(6))]),
        png_of(8, 3, 0, [Part(b"tRNS", bytes(range(40)))]),
    ]
    frames = [ramp("RGB"), ramp("RGB").rotate(90), ramp("RGB").rotate(180)]
    made.append(saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100))
    parts = split_png(png_of(8, 2))
    data = next(part.data for part in parts if part.kind == b"IDAT")
    made.append(join_png([parts[0], Part(b"IDAT", data[:10]), Part(b"IDAT", b""), Part(b"IDAT", data[10:]), parts[-1]]))
    return made


def jpeg_seeds() -> list[bytes]:
    """Return JPEG files: gray, color, CMYK, progressive, subsampled, with restarts, EXIF data, profile and comment."""
    exif = PIL.Image.Exif()
    exif[274] = 6
    exif[270] = "a ramp"
    kinds = [
        (ramp("L"), {}), (ramp("RGB"), {}), (ramp("CMYK"), {}), (ramp("RGB"), {"progressive": True}),
        (ramp("L"), {"progressive": True, "optimize": True}), (ramp("RGB"), {"subsampling": 0}),
        (ramp("RGB", 40, 30), {"subsampling": 1}), (ramp("RGB"), {"exif": exif.tobytes()}),
        (ramp("L"), {"comment": "text", "dpi": (72, 72)}), (ramp("RGB"), {"icc_profile": b"profile" * 30}),
        (ramp("RGB", 40, 30), {"restart_marker_blocks": 2}), (ramp("YCbCr"), {"quality": 5}),
        (ramp("RGB"), {"keep_rgb": True, "subsampling": 0}),
    ]  # fmt: skip
    found = list(_all("JPEG", kinds))
    with suppress(OSError, ValueError, KeyError):
        found.append(saved(ramp("RGB"), "MPO", save_all=True, append_images=[ramp("RGB").rotate(180)]))
    return found


def gif_seeds() -> list[bytes]:
    """Return GIF files: of one image, animated, transparent, interlaced, and with a comment."""
    frames = [ramp("P"), ramp("P").rotate(90), ramp("L").rotate(180)]
    animated = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50, loop=0)
    transparent = saved(ramp("P"), "GIF", transparency=3, comment=b"text")
    disposal = saved(ramp("P"), "GIF", save_all=True, append_images=frames[1:], disposal=2, transparency=1)
    kinds = [
        saved(ramp("L"), "GIF"),
        saved(ramp("1"), "GIF"),
        saved(ramp("P"), "GIF", interlace=0),
        animated,
        transparent,
        disposal,
    ]
    parts = split_gif(kinds[0])
    return [*kinds, join_gif([parts[0], parts[-2], *parts[1:]])]


def bmp_seeds() -> list[bytes]:
    """Return BMP files of all headers, depths and compressions."""
    found = list(_all("BMP", [(ramp(mode), {}) for mode in ("1", "L", "P", "RGB", "RGBA")]))
    for size, bits, compression in (
        (12, 24, 0),
        (12, 8, 0),
        (40, 4, 0),
        (40, 8, 1),
        (40, 4, 2),
        (40, 16, 3),
        (40, 32, 3),
        (40, 16, 0),
        (56, 32, 3),
        (64, 24, 0),
        (108, 32, 3),
        (124, 32, 3),
        (124, 24, 0),
        (40, 2, 0),
    ):
        colors = 1 << bits if bits <= 8 else 0
        palette = b"".join(bytes([index * 9 % 256] * (3 if size == 12 else 4)) for index in range(colors))
        row = -(-6 * bits // 32) * 4
        pixels = {
            1: b"\6\1" * 4 + b"\0\0" + b"\0\3abc\0" + b"\3\2\0\0\0\2\1\1\2\4\0\1",
            2: b"\6\x12" * 4 + b"\0\0\0\1",
        }.get(compression, bytes(index * 13 % 256 for index in range(row * 5)))
        masks = (
            struct.pack("<III", 0xF800, 0x7E0, 0x1F)
            if bits == 16
            else struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        )
        if size == 12:
            info = struct.pack("<IHHHH", 12, 6, 5, 1, bits)
        else:
            info = (
                struct.pack("<IiiHHIIiiII", size, 6, 5, 1, bits, compression, len(pixels), 2835, 2835, 0, 0)
                + (masks + bytes(100))[: size - 40]
            )
        rest = (masks[:12] if compression == 3 and size == 40 else b"") + palette + pixels
        found.append(
            b"BM"
            + struct.pack("<IHHI", 14 + len(info) + len(rest), 0, 0, 14 + len(info) + len(rest) - len(pixels))
            + info
            + rest
        )
    return found


def webp_seeds() -> list[bytes]:
    """Return WebP files: lossy, lossless, with alpha, animated, with EXIF data and profile."""
    found = list(
        _all(
            "WEBP",
            [
                (ramp("RGB"), {}),
                (ramp("RGB"), {"lossless": True}),
                (ramp("RGBA"), {}),
                (ramp("RGBA"), {"lossless": True}),
                (ramp("L"), {"quality": 1}),
                (ramp("RGB"), {"exif": picture(1, 1, [8]), "icc_profile": b"p" * 100}),
            ],
        )
    )
    frames = [ramp("RGB"), ramp("RGB").rotate(90), ramp("RGBA").rotate(180)]
    found.append(saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=70))
    parts = split_webp(found[0])
    return [*found, join_webp([Part(b"VP8X", bytes([0, 0, 0, 0, 19, 0, 0, 11, 0, 0])), *parts])]


def netpbm_seeds() -> list[bytes]:
    """Return files of all kinds of Netpbm, with comments, of 8 and 16 bits, of several images, PAM and PFM."""
    ascii_rows, floats = b"0 1 2 3\n4 5 6 7\n", struct.pack("<6f", 0, 0.5, 1, -2, 1e9, 0.25)
    return [
        b"P1\n4 2\n0110\n1 0 0 1\n", b"P2\n# text\n4 2\n7\n" + ascii_rows, b"P3\n2 1 255\n255 0 0 0 255 0\n",
        b"P2 2 2 65535 0 65535 12 13", b"P4\n9 3\n" + bytes(6), b"P5\n4 3\n255\n" + bytes(range(12)),
        b"P5 4 3 65535\n" + bytes(range(24)), b"P5 4 3 1000\n" + bytes([0, 9] * 12),
        b"P6\n# a\n2 2\n255\n" + bytes(range(12)), b"P6 2 2 4095 " + bytes(range(8)) * 3,
        b"P5 2 1 255\nabP5 2 1 255\ncd",
        b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(range(16)),
        b"P7\n# x\nWIDTH 3\nHEIGHT 1\nDEPTH 1\nMAXVAL 65535\nTUPLTYPE GRAYSCALE\nENDHDR\n" + bytes(6),
        b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 2\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE_ALPHA\nENDHDR\n" + b"\0\1\1\1",
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nENDHDR\nabc", b"Pf\n3 2\n-1.0\n" + floats,
        b"Pf\n3 2\n1.0\n" + floats, b"PF\n2 1\n-0.5\n" + floats, b"P5 1 1 255 \n", b"P1\n3 1\n111",
        b"P3 1 1 1 1 1 1 # end",
    ]  # fmt: skip


def avif_seeds() -> list[bytes]:
    """Return AVIF files, one of them animated; none if this Pillow cannot write them."""
    found = list(
        _all(
            "AVIF",
            [
                (ramp("RGB", 16, 16), {"speed": 10}),
                (ramp("L", 16, 16), {"speed": 10}),
                (ramp("RGBA", 16, 16), {"speed": 10, "quality": 20}),
            ],
        )
    )
    frames = [ramp("RGB", 16, 16), ramp("RGB", 16, 16).rotate(90)]
    return [*found, *_all("AVIF", [(frames[0], {"save_all": True, "append_images": frames[1:], "speed": 10})])]


def jpeg2000_seeds() -> list[bytes]:
    """Return JPEG 2000 files and codestreams; none if this Pillow cannot write them."""
    kinds = [
        (ramp("L"), {}), (ramp("RGB"), {}), (ramp("RGBA"), {}), (ramp("LA"), {}), (ramp("I;16"), {}),
        (ramp("RGB"), {"irreversible": True, "quality_layers": [20]}),
        (ramp("RGB", 40, 30), {"tile_size": (16, 16)}), (ramp("L"), {"no_jp2": True}),
    ]  # fmt: skip
    return list(_all("JPEG2000", kinds))


def tga_seeds() -> list[bytes]:
    """Return TGA files, with and without run lengths."""
    return list(
        _all(
            "TGA",
            [
                (ramp(mode), {"compression": packed})
                for mode in ("1", "L", "LA", "P", "RGB", "RGBA")
                for packed in (None, "tga_rle")
            ],
        )
    )


def pcx_seeds() -> list[bytes]:
    """Return PCX files."""
    return list(_all("PCX", [(ramp(mode), {}) for mode in ("1", "L", "P", "RGB")]))


def sgi_seeds() -> list[bytes]:
    """Return SGI files of 8 and 16 bits, and one with run lengths."""
    plain = list(
        _all("SGI", [(ramp(mode), {"bpc": bytes_each}) for mode in ("L", "RGB", "RGBA") for bytes_each in (1, 2)])
    )
    header = struct.pack(">HBBHHHHII", 474, 1, 1, 2, 4, 2, 1, 0, 255).ljust(512, b"\0")
    return [*plain, header + struct.pack(">IIII", 528, 531, 3, 3) + b"\4a\0\4b\0"]


def qoi_seeds() -> list[bytes]:
    """Return QOI files that use all kinds of pixels."""
    pixels = b"\xfe\1\2\3" + b"\xff\4\5\6\7" + b"\x00" + b"\x6a" + b"\xa0\x88" + b"\xc3"
    return [
        b"qoif" + struct.pack(">IIBB", 3, 3, channels, 0) + pixels + bytes(7) + b"\1" for channels in (3, 4)
    ] + list(_all("QOI", [(ramp("RGB"), {}), (ramp("RGBA"), {})]))


def ico_seeds() -> list[bytes]:
    """Return icons of several sizes, as PNG and as bitmaps."""
    sizes = [(16, 16), (32, 32)]
    kinds = [({}, "RGBA"), ({"bitmap_format": "bmp"}, "RGBA"), ({"bitmap_format": "bmp"}, "RGB"), ({}, "L"), ({}, "P")]
    return list(_all("ICO", [(ramp(mode, 32, 32), {"sizes": sizes, **options}) for options, mode in kinds]))


def psd_seeds() -> list[bytes]:
    """Return Photoshop files of several color modes and depths, plain and with run lengths."""
    found = []
    for mode, channels, bits in (
        (1, 1, 8),
        (3, 3, 8),
        (3, 4, 8),
        (4, 4, 8),
        (2, 1, 8),
        (0, 1, 1),
        (1, 1, 16),
        (9, 3, 8),
    ):
        for packed in (0, 1):
            row = -(-6 * bits // 8)
            rows = [bytes((line * 29 + at * 13) % 256 for at in range(row)) for line in range(4 * channels)]
            if packed:
                rows = [bytes([row - 1]) + line for line in rows]
            counts = struct.pack(f">{len(rows)}H", *(len(line) for line in rows)) if packed else b""
            head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, channels, 4, 6, bits, mode)
            palette = bytes(index % 256 for index in range(768)) if mode == 2 else b""
            parts = struct.pack(">I", len(palette)) + palette + struct.pack(">IIH", 0, 0, packed)
            found.append(head + parts + counts + b"".join(rows))
    return found


SEEDS: dict[str, tuple[str, Callable[[], list[bytes]]]] = {
    "png": (".png", png_seeds), "jpeg": (".jpg", jpeg_seeds), "gif": (".gif", gif_seeds), "bmp": (".bmp", bmp_seeds),
    "tiff": (".tif", tiff_seeds), "webp": (".webp", webp_seeds), "netpbm": (".pnm", netpbm_seeds),
    "avif": (".avif", avif_seeds), "jpeg2000": (".jp2", jpeg2000_seeds), "tga": (".tga", tga_seeds),
    "pcx": (".pcx", pcx_seeds), "sgi": (".sgi", sgi_seeds), "qoi": (".qoi", qoi_seeds),
    "ico": (".ico", ico_seeds), "psd": (".psd", psd_seeds),
}  # fmt: skip
"""The ending and the seeds of each format."""
