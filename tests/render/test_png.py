"""PNG files: decoded pixels, file structure, threads, and the joined zlib stream."""

from __future__ import annotations

import io
import struct
import threading
import zlib

import numpy as np
import PIL.Image
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError
from cnnfx.render import png
from cnnfx.render.png import DRAWING_COMPRESSION, MAP_COMPRESSION, adler32_combine, write_png, zlib_stream
from cnnfx.system.threads import set_threads

SMALL_BLOCK = 1000


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    set_threads(request.param)
    yield request.param
    set_threads(None)


@pytest.fixture
def small_blocks(monkeypatch):
    """Cut even small pictures into several blocks."""
    set_block_bytes(SMALL_BLOCK, monkeypatch)


def set_block_bytes(size, patch):
    patch.setattr(png, "MIN_BLOCK_BYTES", size)
    patch.setattr(png, "MAX_BLOCK_BYTES", size)
    patch.setattr(png, "FILTER_BYTES", size // 3)


class WriteOnlyFile:
    """A file that has no other method than `write`."""

    def __init__(self):
        self.data = bytearray()

    def write(self, data):
        self.data += data


def decode(data):
    with PIL.Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


def encode(pixels, heights=None):
    """Return the PNG file of a picture that is written in bands of these heights, by default in one."""
    file, color = WriteOnlyFile(), "gray" if pixels.ndim == 2 else "rgb"
    ends = np.cumsum([len(pixels)] if heights is None else heights)
    write_png(file, pixels.shape[1], pixels.shape[0], np.split(pixels, ends[:-1]), color=color)
    return bytes(file.data)


def chunks(data):
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    data = data[8:]
    while data:
        size, name = struct.unpack(">I4s", data[:8])
        body = data[8 : 8 + size]
        assert struct.unpack(">I", data[8 + size : 12 + size]) == (zlib.crc32(name + body),)
        yield name, body
        data = data[12 + size :]


def filters_used(data, shape):
    lines = zlib.decompress(b"".join(body for name, body in chunks(data) if name == b"IDAT"))
    return np.frombuffer(lines, np.uint8).reshape(shape[0], -1)[:, 0]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def smooth(height, width, seed=1):
    """Return a smooth surface with a little noise, similar to a feature map of a photograph."""
    random = np.random.default_rng(seed)
    hills = random.normal(0, 3, (height, 1)).cumsum(axis=0) + random.normal(0, 3, (1, width)).cumsum(axis=1)
    return np.clip(127 + hills + random.normal(0, 2, (height, width)), 0, 255).astype(np.uint8)


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), color=st.booleans(), levels=st.integers(1, 255),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_any_picture_is_decoded_to_the_same_pixels(height, width, color, levels, seed):
    pixels = noise(height, width, *(3,) * color, seed=seed) // levels * levels
    np.testing.assert_array_equal(decode(encode(pixels)), pixels)


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 1, 3), (1, 777), (777, 1), (1, 5000), (3, 4001), (3, 4001, 3), (1, 1500, 3), (123, 457), (60, 333, 3)],
)
def test_a_picture_of_several_blocks_is_decoded_to_the_same_pixels(shape, small_blocks, threads):
    for pixels in (noise(*shape), noise(*shape) // 255, np.full(shape, 255, np.uint8)):
        np.testing.assert_array_equal(decode(encode(pixels)), pixels)


def test_a_picture_larger_than_a_block_is_decoded_to_the_same_pixels():
    pixels = smooth(3000, 1100)
    assert pixels.size > 3 * png.MIN_BLOCK_BYTES
    np.testing.assert_array_equal(decode(encode(pixels)), pixels)


@given(data=st.data(), color=st.booleans())
def test_the_file_does_not_depend_on_the_heights_of_the_bands(data, color):
    heights = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(any))
    pixels = noise(sum(heights), 50, *(3,) * color) // 200
    with pytest.MonkeyPatch.context() as patch:
        set_block_bytes(7 * 50, patch)
        assert encode(pixels, heights) == encode(pixels)


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (14, 1), (16, 2), (80, 8), (200, 8), (320, 8), (600, 15)])
def test_the_number_of_blocks_depends_on_the_size_of_the_picture(rows, count, monkeypatch):
    monkeypatch.setattr(png, "MIN_BLOCK_BYTES", 1000)
    monkeypatch.setattr(png, "MAX_BLOCK_BYTES", 4000)
    data = [content for name, content in chunks(encode(noise(rows, 100))) if name == b"IDAT"]
    assert len(data) == count + 1  # the last one ends the stream
    assert max(map(len, data[:-1])) < 1.3 * min(map(len, data[:-1]))


def test_the_file_does_not_depend_on_the_number_of_threads(small_blocks):
    pixels, files = smooth(300, 200), set()
    for count in (1, 2, 3, 16):
        set_threads(count)
        files.add(encode(pixels))
    set_threads(None)
    assert len(files) == 1


def test_a_view_that_is_not_contiguous_is_encoded_like_a_copy(small_blocks):
    pixels = noise(90, 160, 3)
    for view in (pixels[::-1], pixels[:, ::2], pixels[..., ::-1], pixels[..., 1], pixels.transpose(1, 0, 2)):
        np.testing.assert_array_equal(decode(encode(view)), view)


def test_a_read_only_array_is_encoded():
    pixels = noise(9, 9)
    pixels.flags.writeable = False
    np.testing.assert_array_equal(decode(encode(pixels)), pixels)


def test_the_file_consists_of_valid_chunks(small_blocks):
    data = encode(noise(50, 70, 3), [20, 30])
    found = list(chunks(data))
    assert found[0] == (b"IHDR", struct.pack(">2I5B", 70, 50, 8, 2, 0, 0, 0))
    assert found[-1] == (b"IEND", b"")
    assert {name for name, _ in found[1:-1]} == {b"IDAT"}
    assert len(found) > 5


def test_the_checksum_of_the_zlib_stream_is_correct(small_blocks):
    stream = b"".join(body for name, body in chunks(encode(smooth(200, 100))) if name == b"IDAT")
    reader = zlib.decompressobj()
    assert len(reader.decompress(stream)) == 200 * 101  # raises if the Adler-32 at the end is wrong
    assert reader.eof
    assert reader.unused_data == b""


@pytest.mark.parametrize(
    ("pixels", "filter"),
    [
        (noise(64, 64) // 255 * 255, png.FILTER_NONE),
        (np.repeat(noise(1, 200), 100, axis=0), png.FILTER_UP),
        (np.repeat(noise(100, 1), 200, axis=1), png.FILTER_SUB),
        (smooth(200, 200), png.FILTER_AVERAGE),
    ],
    ids=["dots", "columns", "rows", "hills"],
)
def test_the_filter_suits_the_picture(pixels, filter):
    assert set(filters_used(encode(pixels), pixels.shape)) == {filter}


def test_a_picture_of_one_level_takes_few_bytes():
    assert len(encode(np.full((1000, 1000), 255, np.uint8))) < 6000


def test_an_enlarged_picture_takes_few_more_bytes_than_the_picture():
    pixels = noise(60, 60)
    assert len(encode(pixels.repeat(6, axis=0).repeat(6, axis=1))) < 4 * pixels.size


@pytest.mark.parametrize("pixels", [smooth(512, 512), np.stack([smooth(300, 300, seed) for seed in range(3)], axis=-1)])
def test_files_of_feature_maps_are_not_larger_than_those_of_pillow(pixels):
    pillow = io.BytesIO()
    PIL.Image.fromarray(pixels).save(pillow, "PNG", compress_level=1)
    assert len(encode(pixels)) < 1.02 * len(pillow.getvalue())


def test_the_file_object_needs_no_method_but_write():
    np.testing.assert_array_equal(decode(encode(noise(5, 6), [2, 3])), noise(5, 6))


def test_encoding_a_small_picture_starts_no_thread(monkeypatch, threads):
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread was started"))
    encode(noise(300, 300))


def test_no_thread_remains_after_encoding(small_blocks, threads):
    before = threading.active_count()
    encode(noise(200, 100))
    assert threading.active_count() == before


def test_blocks_are_written_before_the_last_band_is_made(small_blocks, threads):
    file, sizes = WriteOnlyFile(), []

    def bands():
        for seed in range(60):
            sizes.append(len(file.data))
            yield noise(10, 100, seed=seed)

    write_png(file, 100, 600, bands())
    assert sizes[-1] > (60 - 2 * threads - 6) * SMALL_BLOCK


def test_an_exception_in_making_the_bands_is_raised_to_the_caller(small_blocks, threads):
    def bands():
        yield noise(70, 100)
        raise ZeroDivisionError("in the bands")

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="in the bands"):
        write_png(WriteOnlyFile(), 100, 200, bands())
    assert threading.active_count() == before


def test_an_exception_in_writing_is_raised_to_the_caller(small_blocks, threads):
    class Full(WriteOnlyFile):
        def write(self, data):
            super().write(data)
            if len(self.data) > 5000:
                raise BrokenPipeError

    before = threading.active_count()
    with pytest.raises(BrokenPipeError):
        write_png(Full(), 100, 200, [noise(200, 100)])
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("heights", "message"),
    [
        ([], "the bands have 0 rows, the picture has 10"),
        ([4, 5], "the bands have 9 rows, the picture has 10"),
        ([4, 7, 8], "the bands have 11 rows or more, the picture has 10"),
    ],
)
def test_bands_with_a_wrong_total_height_are_an_error(heights, message, threads):
    with pytest.raises(ArgumentError) as caught:
        write_png(WriteOnlyFile(), 20, 10, [noise(height, 20) for height in heights])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("band", "color", "message"),
    [
        (noise(5, 7), "gray", "a band must be uint8 of shape (rows, 8), not uint8 of shape (5, 7)"),
        (noise(5, 8, 3), "gray", "a band must be uint8 of shape (rows, 8), not uint8 of shape (5, 8, 3)"),
        (noise(5, 8), "rgb", "a band must be uint8 of shape (rows, 8, 3), not uint8 of shape (5, 8)"),
        (noise(5, 8, 4), "rgb", "a band must be uint8 of shape (rows, 8, 3), not uint8 of shape (5, 8, 4)"),
        (np.zeros((5, 8)), "gray", "a band must be uint8 of shape (rows, 8), not float64 of shape (5, 8)"),
    ],
)
def test_bands_of_another_type_or_shape_are_an_error(band, color, message):
    with pytest.raises(ArgumentError) as caught:
        write_png(WriteOnlyFile(), 8, 5, [band], color=color)
    assert str(caught.value) == message


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (-1, 5), (2**31, 1), (1, 2**31)])
def test_sizes_outside_the_range_of_the_format_are_an_error(width, height):
    file = WriteOnlyFile()
    with pytest.raises(ArgumentError) as caught:
        write_png(file, width, height, [])
    assert str(caught.value) == f"a PNG picture cannot be {width}×{height} pixels large"
    assert not file.data


def test_an_unknown_kind_of_color_is_an_error():
    with pytest.raises(ArgumentError, match="a PNG picture is gray or rgb, not 'cmyk'"):
        write_png(WriteOnlyFile(), 5, 5, [noise(5, 5)], color="cmyk")


@given(st.binary(max_size=300), st.binary(max_size=300))
@example(b"", b"")
@example(b"\xff" * 70000, b"\xff" * 90001)
@example(b"\0" * 65521, b"\1")
def test_the_checksums_of_two_parts_combine_to_the_checksum_of_both(first, second):
    combined = adler32_combine(zlib.adler32(first), zlib.adler32(second), len(second))
    assert combined == zlib.adler32(first + second)


@given(st.lists(st.binary(min_size=1, max_size=100), max_size=8))
@pytest.mark.parametrize("compression", [MAP_COMPRESSION, DRAWING_COMPRESSION])
def test_blocks_are_joined_into_one_zlib_stream(compression, blocks):
    stream = zlib_stream(blocks, lambda block: (np.frombuffer(block, np.uint8), compression))
    assert zlib.decompress(b"".join(part for parts in stream for part in parts)) == b"".join(blocks)
