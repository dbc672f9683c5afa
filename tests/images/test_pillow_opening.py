"""Tests of opening pictures: which modules are imported, limits of size, and damaged files."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import FileError
from cnnfx.images import load_image

COLORS = np.random.default_rng(1).integers(0, 256, (9, 11, 3), np.uint8)


def encoded(picture: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def load_or_refuse(data: bytes, channels: str = "auto") -> None:
    """Load an image; ignore `FileError` but no other error."""
    try:
        image = load_image(data, channels=channels, max_pixels=10**6)
    except FileError:
        return
    assert len(image.channel_names) == len(image.values)


# Imported modules


def modules_after(code: str) -> set[str]:
    """Return the modules that are loaded after some code has run in a new interpreter."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_the_package_is_imported_without_pillow() -> None:
    assert "PIL" not in modules_after("import cnnfx.images")


@pytest.mark.parametrize(("kind", "reader"), [("PNG", "Png"), ("GIF", "Gif"), ("BMP", "Bmp")])
def test_a_picture_imports_the_plugin_of_its_format_only(kind: str, reader: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(PIL.Image.fromarray(COLORS), kind))
    modules = modules_after(f"import cnnfx.images\ncnnfx.images.load_image({str(path)!r})")
    assert {name for name in modules if name.endswith("ImagePlugin")} == {f"PIL.{reader}ImagePlugin"}


def test_netpbm_files_are_read_without_pillow(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(encoded(PIL.Image.fromarray(COLORS), "PPM"))
    assert "PIL" not in modules_after(f"import cnnfx.images\ncnnfx.images.load_image({str(tmp_path / 'a.ppm')!r})")


def test_an_array_is_read_without_pillow(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", COLORS)
    assert "PIL" not in modules_after(f"import cnnfx.images\ncnnfx.images.load_image({str(tmp_path / 'a.npy')!r})")


# Sizes


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 300_001), (300_001, 1), (513, 1025)])
def test_pictures_of_any_size_are_read_whole(width: int, height: int) -> None:
    values = np.random.default_rng(3).integers(0, 256, (height, width), np.uint8)
    image = load_image(encoded(PIL.Image.fromarray(values), "PPM"))
    np.testing.assert_array_equal(image.values, values[None])


@pytest.mark.parametrize(
    "data",
    [
        b"P5 40000 40000 255\n",
        b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 40000, 40000, 1, 24, *[0] * 6),
        b"GIF89a" + struct.pack("<HHBBB", 40000, 40000, 0, 0, 0) + b"," + struct.pack("<HHHHBB", 0, 0, 1, 1, 0, 8),
    ],
    ids=["pgm", "bmp", "gif"],
)
def test_a_huge_size_in_the_header_is_refused_before_decoding(data: bytes) -> None:
    with pytest.raises(FileError, match="it has 40000×40000 = 1600000000 pixels, the limit is 200000000"):
        load_image(data)


# Damage


def test_a_truncated_bmp_is_refused() -> None:
    with pytest.raises(FileError) as caught:
        load_image(encoded(PIL.Image.fromarray(COLORS), "BMP")[:-20])
    assert str(caught.value) == (
        "standard input: cannot decode this BMP (truncated after 8 of 9 rows). Get the file again."
    )


def test_a_riff_file_of_sound_is_not_an_image() -> None:
    with pytest.raises(FileError) as caught:
        load_image(b"RIFF\0\0\0\0WAVEfmt ")
    assert str(caught.value) == (
        "standard input: it is a sound, which is not read. Give a picture or an array of numbers."
    )


SEEDS = {
    f"{kind}-{mode}": encoded(PIL.Image.fromarray(COLORS).convert(mode), kind)
    for kind, mode in [
        ("PNG", "RGB"), ("PNG", "P"), ("PNG", "LA"), ("JPEG", "RGB"), ("JPEG", "CMYK"), ("TIFF", "RGB"), ("TIFF", "F"),
        ("WEBP", "RGBA"), ("BMP", "P"), ("GIF", "P"), ("PPM", "L"), ("PPM", "1"),
    ]
}  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_a_picture_truncated_anywhere_is_read_or_refused(seed: str) -> None:
    for end in range(1, len(SEEDS[seed]), 3):
        load_or_refuse(SEEDS[seed][:end])


@settings(max_examples=300)
@given(
    seed=st.sampled_from(sorted(SEEDS)),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    channels=st.sampled_from(["auto", "gray", "rgb"]),
)
def test_a_damaged_picture_is_read_or_refused(seed: str, changes: list[tuple[int, int]], channels: str) -> None:
    data = bytearray(SEEDS[seed])
    for offset, value in changes:
        data[offset % len(data)] = value
    load_or_refuse(bytes(data), channels)
