"""Tests of damaged and hostile TIFF files: they are refused by `FileError`, quickly, in bounded memory and silently."""

from __future__ import annotations

import contextlib
import io
import struct
import subprocess
import sys
import threading
import tracemalloc
import warnings
import zlib

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import FileError
from cnnfx.images import load_image
from tests.images.tiff_files import DEFLATE, LZMA, LZW, NONE, PACKBITS, ZSTD, compress, page, tiff, tiff_pages

RANDOM = np.random.default_rng(13)
GRAY = RANDOM.integers(0, 256, (90, 130), np.uint8)
COMPRESSIONS = [NONE, LZW, DEFLATE, PACKBITS, LZMA, ZSTD]


def refused(content, **options):
    """Return the message with which a file is refused."""
    with pytest.raises(FileError) as caught:
        load_image(content, **options)
    return str(caught.value)


def announced(width, height, strip, compression=DEFLATE, rows=None, **tags):
    """Return a file that announces pixels, all of whose strips are the same bytes of the file."""
    rows = rows or height
    count = -(-height // rows)
    entries, _ = page(np.zeros((1, 1), np.uint8), compression=NONE)
    entries |= {
        256: ("I", [width]), 257: ("I", [height]), 259: ("H", [compression]), 278: ("I", [rows]),
        273: ("I", [8] * count), 279: ("I", [len(strip)] * count),
    }  # fmt: skip
    entries |= {int(tag[1:]): value for tag, value in tags.items()}
    return tiff_pages([({tag: value for tag, value in entries.items() if value}, [strip])])


def peak_memory(content):
    """Return the most memory that NumPy and Python take while a file is read or refused, in bytes."""
    tracemalloc.start()
    try:
        with contextlib.suppress(FileError):
            load_image(content)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestEarlyEnd:
    @pytest.mark.parametrize("rows", [90, 10])
    @pytest.mark.parametrize("planar", [1, 2])
    def test_an_uncompressed_strip_outside_the_file_is_refused(self, rows, planar):
        samples = np.stack([GRAY] * 3, -1)
        entries, strips = page(samples, photometric=2, rows=rows, planar=planar)
        row_bytes = 130 if planar == 2 else 390
        size = len(tiff_pages([(entries, strips)]))
        offsets = np.arange(len(strips)) * 8
        offsets[(45 // rows)] = size - (45 % rows) * row_bytes - 3
        content = tiff_pages([(entries | {273: ("I", offsets.tolist())}, strips)])
        assert refused(content) == (
            "standard input: cannot decode this TIFF (truncated after 45 of 90 rows). Get the file again."
        )

    def test_a_strip_with_too_few_bytes_is_refused(self):
        content = tiff(GRAY, rows=30, tags={279: ("I", [3900, 1300, 3900])})
        assert "(truncated after 40 of 90 rows)" in refused(content)

    @pytest.mark.parametrize("compression", [DEFLATE, LZMA])
    def test_a_compressed_strip_that_ends_early_is_refused(self, compression):
        entries, strips = page(GRAY, rows=30, compression=compression)
        strips[1] = compress(GRAY[:5].tobytes(), compression)
        entries[279] = ("I", [len(strip) for strip in strips])
        assert "(truncated after 35 of 90 rows)" in refused(tiff_pages([(entries, strips)]))

    @pytest.mark.parametrize("compression", [LZW, DEFLATE, PACKBITS, LZMA, ZSTD])
    def test_a_damaged_strip_is_refused(self, compression, capfd):
        entries, strips = page(GRAY, rows=30, compression=compression)
        strips[1] = b"\xff\xaa\x55" + RANDOM.bytes(20)
        entries[279] = ("I", [len(strip) for strip in strips])
        message = refused(tiff_pages([(entries, strips)]))
        assert "(damaged after 30 of 90 rows)" in message or "(truncated after 30 of 90 rows)" in message
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("compression", [DEFLATE, LZMA])
    def test_a_strip_with_a_wrong_checksum_is_refused(self, compression):
        entries, strips = page(GRAY, rows=30, compression=compression)
        end = len(strips[1]) if compression == DEFLATE else len(strips[1]) - 28  # the index and footer follow
        for position in range(end - 4, end):
            damaged = bytearray(strips[1])
            damaged[position] ^= 1
            content = tiff_pages([(entries, [strips[0], bytes(damaged), strips[2]])])
            assert "(damaged after 30 of 90 rows)" in refused(content)

    @pytest.mark.parametrize("compression", [LZW, ZSTD, 7])
    def test_compression_that_this_libtiff_lacks_is_named(self, compression, monkeypatch):
        monkeypatch.setattr("cnnfx.images.tiff.has_compression", lambda number: number != compression)
        name = {LZW: "LZW", ZSTD: "Zstandard", 7: "JPEG"}[compression]
        assert f"TIFF compressed with {name} is not read." in refused(tiff(GRAY, tags={259: ("H", [compression])}))

    def test_a_damaged_tile_is_refused(self):
        entries, strips = page(GRAY, tile=(32, 32), compression=LZW)
        strips[5] = b"\xff" * 20
        entries[325] = ("I", [len(strip) for strip in strips])
        assert "(damaged after 32 of 90 rows)" in refused(tiff_pages([(entries, strips)]))

    @pytest.mark.parametrize("compression", ["jpeg", "group3", "group4"])
    def test_strips_that_pillow_decodes_and_that_end_early_are_refused(self, compression):
        """Pillow fills the rows that are missing."""
        file = io.BytesIO()
        picture = PIL.Image.fromarray(GRAY) if compression == "jpeg" else PIL.Image.fromarray(GRAY > 99)
        picture.save(file, "TIFF", compression=compression)
        with PIL.Image.open(file) as written:
            (count,), bits, tables = written.tag_v2[279], written.tag_v2[258][0], written.tag_v2.get(347)
        strip = file.getvalue()[8 : 8 + count]
        number = {"jpeg": 7, "group3": 3, "group4": 4}[compression]
        tags = {256: ("I", [130]), 257: ("I", [90]), 258: ("H", [bits]), 259: ("H", [number]), 278: ("I", [90])}
        tags |= {347: ("B", list(tables))} if tables else {}
        whole = announced(1, 1, strip, **{f"t{tag}": value for tag, value in tags.items()})
        assert load_image(whole).shape == (1, 90, 130)
        tags[279] = ("I", [len(whole)])
        outside = announced(1, 1, strip, **{f"t{tag}": value for tag, value in tags.items()})
        assert "(truncated after 0 of 90 rows)" in refused(outside)
        if compression == "jpeg":
            tags[279] = ("I", [count // 2])
            short = announced(1, 1, strip, **{f"t{tag}": value for tag, value in tags.items()})
            assert "(truncated: the JPEG from row 0 on has no end)" in refused(short)

    @pytest.mark.parametrize("compression", COMPRESSIONS)
    def test_a_file_truncated_anywhere_is_refused_or_read(self, compression, capfd):
        content = tiff(GRAY[:20, :30], rows=6, compression=compression)
        for end in range(4, len(content), 9):
            with contextlib.suppress(FileError):
                np.testing.assert_array_equal(load_image(content[:end]).values[0], GRAY[:20, :30])
        assert capfd.readouterr().err == ""


class TestBounds:
    @pytest.mark.parametrize(
        ("tags", "reason"),
        [
            ({256: None}, "it has no size"),
            ({257: ("I", [0])}, "it has no size"),
            ({256: ("s", b"many\0\0")}, "its tag 256 holds no integers"),
            ({277: ("H", [0])}, "it has 0 samples per pixel"),
            ({273: None}, "it has no strips or tiles"),
            ({278: ("I", [1])}, "its tag 273 holds 1 number instead of 90"),
            ({278: ("I", [0])}, "its strips or tiles have no size"),
            ({322: ("I", [0]), 323: ("I", [16])}, "its strips or tiles have no size"),
            ({262: ("H", [2])}, "its pixels have 1 sample instead of 3"),
            ({262: ("H", [3])}, "it has no color map"),
            ({262: ("H", [3]), 320: ("H", [0] * 9)}, "its tag 320 holds 9 numbers instead of 768"),
            ({273: ("I", [2**32 - 1])}, "truncated after 0 of 90 rows"),
            ({279: ("I", [0])}, "truncated after 0 of 90 rows"),
        ],
    )
    def test_tags_that_cannot_be_true_are_refused(self, tags, reason):
        assert refused(tiff(GRAY, tags=tags)) == (
            f"standard input: cannot decode this TIFF ({reason}). Get the file again."
        )

    @pytest.mark.parametrize("big", [False, True])
    def test_a_count_beyond_the_file_is_refused(self, big):
        content = bytearray(tiff(GRAY, rows=10, big=big))
        entry = content.index(struct.pack("<HH", 273, 4))
        struct.pack_into("<Q" if big else "<I", content, entry + 4, 2**63 if big else 2**32 - 1)
        assert load_image(bytes(content)).shape == (1, 90, 130)  # only as many as there are strips are used
        struct.pack_into("<Q" if big else "<I", content, entry + (12 if big else 8), len(content) - 4)
        assert "(truncated)" in refused(bytes(content))

    @pytest.mark.parametrize(
        "content", [b"II*\0", b"MM\0*\0\0\0", b"II*\0\0\0\0\0", b"II*\0\x08\0\0\0", b"II+\0" + bytes(30)]
    )
    def test_a_file_without_a_directory_is_refused(self, content):
        assert refused(content).startswith("standard input: cannot decode this TIFF (")

    def test_a_chain_of_too_many_directories_is_refused(self):
        content = bytearray(b"II*\0" + struct.pack("<I", 8))
        for _ in range(10_001):
            content += struct.pack("<HHHIII", 1, 256, 4, 1, 1, len(content) + 18)
        assert "it has over 10,000 pages, the limit" in refused(bytes(content) + bytes(18))

    def test_the_limit_of_pixels_is_asked_first(self):
        assert refused(announced(50_000, 40_000, b"")) == (
            "standard input: it has 50000×40000 = 2000000000 pixels, the limit is 200000000."
        )


class TestMemory:
    def test_a_deflate_bomb_takes_no_more_memory_than_its_pixels(self):
        bomb = zlib.compress(bytes(50_000_000), 9)
        assert peak_memory(announced(1000, 1000, bomb)) < 8_000_000

    @pytest.mark.parametrize(
        "options",
        [
            {"width": 14_000, "height": 14_000, "t258": ("H", [64]), "t339": ("H", [3])},
            {"width": 14_000, "height": 14_000, "rows": 100, "t258": ("H", [12])},
            {"width": 10, "height": 10, "t322": ("I", [2**31]), "t323": ("I", [2**31]), "t324": ("I", [8]),
             "t325": ("I", [9])},
            {"width": 1, "height": 200_000_000, "t322": ("I", [16]), "t323": ("I", [2**16]),
             "t324": ("I", [8] * 3052), "t325": ("I", [9] * 3052)},
            {"width": 100, "height": 100, "t277": ("H", [60_000]), "t258": ("H", [32])},
        ],
        ids=["floats", "12 bits", "huge tile", "wide tiles", "many samples"],
    )  # fmt: skip
    def test_pixels_that_a_small_file_cannot_hold_are_refused(self, options):
        content = announced(strip=zlib.compress(bytes(9)), **options)
        assert "of memory, but the file has" in refused(content)
        assert peak_memory(content) < 4_000_000

    def test_planes_that_are_not_read_take_no_memory(self):
        planes = {284: ("H", [2]), 277: ("H", [2000]), 258: ("H", [8])}
        strips = {273: ("I", [8] * 2000), 279: ("I", [40] * 2000)}
        tags = {f"t{tag}": value for tag, value in (planes | strips).items()}
        content = announced(300, 300, zlib.compress(bytes(90_000), 9).ljust(110), **tags)
        assert peak_memory(content) < 4_000_000

    def test_an_lzma_dictionary_of_a_gigabyte_is_refused(self):
        content = bytearray(compress(bytes(10_000), LZMA))
        header = slice(12, 12 + 4 * (content[12] + 1) - 4)  # of the first block: size, flags, filter, its dictionary
        content[16] = 36  # 2 * 2**(36 / 2 + 11) bytes
        content[header.stop : header.stop + 4] = struct.pack("<I", zlib.crc32(content[header]))
        assert "(damaged after 0 of 100 rows)" in refused(announced(100, 100, bytes(content), LZMA))


class TestSilence:
    BAD_FILES = """
import sys, numpy as np
from cnnfx.errors import FileError
from cnnfx.images import load_image
for path in sys.argv[1:]:
    try:
        load_image(path)
    except FileError:
        continue
    raise AssertionError(path)
"""

    def test_libtiff_writes_nothing_to_standard_error(self, tmp_path):
        paths = []
        file = io.BytesIO()
        PIL.Image.fromarray(GRAY).save(file, "TIFF", compression="jpeg")
        jpeg = bytearray(file.getvalue())
        start = jpeg.index(b"\xff\xc0")
        jpeg[start : start + 300] = b"\xff" * 300
        files = [bytes(jpeg)]
        for compression in (LZW, PACKBITS, ZSTD):
            entries, strips = page(GRAY, compression=compression)
            files.append(tiff_pages([(entries | {279: ("I", [50])}, [strips[0][:50]])]))
        for number, content in enumerate(files):
            paths.append(tmp_path / f"{number}.tif")
            paths[-1].write_bytes(content)
        command = [sys.executable, "-W", "error", "-c", self.BAD_FILES, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def test_libtiff_writes_again_after_threads_have_read_files(self, capfd):
        entries, strips = page(GRAY, compression=LZW)
        damaged = tiff_pages([(entries, [b"\xff\xaa" * (len(strips[0]) // 2)])])

        def read():
            for _ in range(10):
                with contextlib.suppress(FileError):
                    load_image(damaged)

        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert capfd.readouterr().err == ""
        with pytest.raises(OSError, match="decoder error"), PIL.Image.open(io.BytesIO(damaged)) as picture:
            picture.load()
        assert capfd.readouterr().err != ""


SEEDS = [
    tiff(GRAY[:9, :11], compression=compression, predictor=predictor, **options)
    for compression, predictor in ((NONE, 1), (DEFLATE, 2), (LZW, 1), (PACKBITS, 1))
    for options in ({"rows": 4}, {"tile": (16, 16)}, {"big": True, "order": ">"})
] + [
    tiff(RANDOM.random((5, 6, 4)).astype("f4"), photometric=2, extra=(1,), planar=2, tags={42113: ("s", b"0\0")}),
    tiff(np.uint16([[1, 2, 3]]), bits=12, photometric=0, tags={274: ("H", [6])}),
    tiff(GRAY[:9, :11], photometric=3, tags={320: ("H", list(range(768)))}),
    tiff(np.stack([GRAY[:4, :4]] * 5, -1), photometric=5, extra=(2,)),
]  # fmt: skip


class TestMutations:
    @settings(max_examples=200, deadline=None)
    @given(
        seed=st.sampled_from(range(len(SEEDS))),
        changes=st.lists(
            st.tuples(st.integers(0, 2000), st.sampled_from([0, 1, 2, 3, 4, 8, 16, 127, 255]), st.integers(1, 8)),
            min_size=1,
            max_size=4,
        ),
        channels=st.sampled_from(["auto", "gray", "rgb"]),
    )
    def test_a_damaged_file_is_read_or_refused_without_a_warning(self, seed, changes, channels):
        data = bytearray(SEEDS[seed])
        for offset, value, count in changes:
            start = offset % len(data)
            data[start : start + count] = bytes([value]) * len(data[start : start + count])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                image = load_image(bytes(data), channels=channels, max_pixels=10**6)
            except FileError:
                return
        assert len(image.channel_names) == len(image.values)
        assert image.values.dtype in (np.uint8, np.uint16, np.float32)
