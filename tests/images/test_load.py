"""Tests of loading images from paths and bytes, and of detecting their kind."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError, FileError
from cnnfx.images import as_image, load_image
from cnnfx.images.load import read_stream

VALUES = np.arange(12, dtype=np.uint8).reshape(3, 4)


def content(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "npy":
        np.save(stream, VALUES)
    elif kind == "npz":
        np.savez(stream, VALUES)
    elif kind == "csv":
        np.savetxt(stream, VALUES, delimiter=",")
    else:
        PIL.Image.fromarray(VALUES).save(stream, kind)
    return stream.getvalue()


KINDS = ["png", "tiff", "bmp", "gif", "ppm", "npy", "npz", "csv"]


def error_message(source: Path | bytes) -> str:
    with pytest.raises(FileError) as caught:
        load_image(source)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_bytes_is_detected(kind: str) -> None:
    np.testing.assert_array_equal(load_image(content(kind)).values, VALUES[None])


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_read_by_its_path(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(content(kind))
    np.testing.assert_array_equal(load_image(path).values, VALUES[None])


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_a_file_without_extension_is_detected(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(content(kind))
    np.testing.assert_array_equal(load_image(path).values, VALUES[None])


def test_a_picture_with_a_wrong_extension_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content("png"))
    np.testing.assert_array_equal(load_image(path).values, VALUES[None])


def test_an_image_is_named_by_its_path_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(content("png"))
    assert load_image("a.png").name == "a.png"


def test_bytes_are_named_standard_input() -> None:
    assert load_image(content("png")).name == "standard input"


def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(content("png"),))
    writer.start()
    image = load_image(path)
    writer.join()
    np.testing.assert_array_equal(image.values, VALUES[None])


def test_a_stream_that_is_no_image_is_not_read_to_its_end() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:
            buffer[:] = b"y" * len(buffer)
            return len(buffer)

    with pytest.raises(FileError, match="a: it is not an image that can be read"):
        read_stream("a", io.BufferedReader(Endless()))


def test_a_stream_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnfx.images.load.MAX_STREAM_BYTES", 1000)
    with pytest.raises(FileError) as caught:
        read_stream("a", io.BytesIO(b"1," * 600))
    assert str(caught.value) == "a: it has 1,200 bytes; the limit is 1,000."


def test_files_are_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content("png"))
    before = len(os.listdir("/proc/self/fd"))
    images = [load_image(path) for _ in range(3)]
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(images) == 3


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert error_message(tmp_path / "a.png") == f"{tmp_path / 'a.png'}: there is no such file."


def test_the_message_suggests_a_similar_file_name(tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()
    assert error_message(tmp_path / "phto.png") == (
        f"{tmp_path / 'phto.png'}: there is no such file. Did you mean {tmp_path / 'photo.png'}?"
    )


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "a.png"
    assert error_message(path) == f"{path}: there is no such file."


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert error_message(tmp_path) == f"{tmp_path}: it is a folder, not an image. Give the images in it."


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert error_message(tmp_path / "a.png") == (
        f"{tmp_path / 'a.png'}: it is empty. The program that made it may have failed."
    )


def test_an_empty_stream_is_refused() -> None:
    assert error_message(b"") == "standard input: it is empty. The program that made it may have failed."


def test_content_that_is_not_an_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"Once upon a time")
    assert error_message(path) == (
        f"{path}: it is not an image that can be read. Known are PNG, JPEG, TIFF, WebP, GIF, BMP, PGM, PPM, AVIF "
        "and others, and numbers as .npy, .npz and .csv."
    )


def test_text_with_the_extension_of_a_picture_is_not_read_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"404 not found")
    assert error_message(path).startswith(f"{path}: it is not an image that can be read.")


def test_words_with_the_extension_of_a_csv_file_are_read_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"Once upon a time")
    assert error_message(path) == f"{path}, line 1, column 1: 'Once' is not a number."


def test_text_with_the_extension_of_an_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"Once upon a time")
    assert (
        error_message(path)
        == f"{path}: the array is truncated or damaged. Save it again with numpy.save or numpy.savez."
    )


def test_a_file_without_read_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert error_message(tmp_path / "a.png") == f"{tmp_path / 'a.png'}: it cannot be read: Permission denied."


def test_an_error_of_the_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", lambda *_: Failing())
    assert error_message(tmp_path / "a.png") == f"{tmp_path / 'a.png'}: it cannot be read: Input/output error."


def test_an_impossible_file_name_is_refused() -> None:
    with pytest.raises(FileError) as caught:
        load_image("a\0b")
    assert str(caught.value) == "'a\\x00b' is not the name of a file."


@settings(max_examples=300)
@given(
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"P5 ",
                           b"P1 ", b"RIFF\0\0\0\0WEBP", b"\x93NUMPY\1\0", b"PK\3\4", b"1,"]),
    rest=st.binary(max_size=200),
)  # fmt: skip
def test_any_bytes_are_read_or_refused(start: bytes, rest: bytes) -> None:
    try:
        image = load_image(start + rest, max_pixels=10**5)
    except FileError:
        return
    assert min(image.shape) > 0


def test_a_path_bytes_an_image_and_an_array_become_an_image(tmp_path):
    path = tmp_path / "a.png"
    PIL.Image.fromarray(np.full((4, 6, 3), 51, np.uint8)).save(path)
    loaded = as_image(path, channels="gray")
    assert (loaded.name, loaded.shape) == (str(path), (1, 4, 6))
    assert as_image(path.read_bytes()).shape == (3, 4, 6)
    assert as_image(loaded) is loaded


def test_the_kind_of_an_array_decides_its_scale():
    pixels = as_image(np.full((4, 6), 51, np.uint8))
    assert (pixels.shape, pixels.channel_names, pixels.is_array) == ((1, 4, 6), ("gray",), False)
    assert pixels.floats()[0, 0, 0] == np.float32(0.2)
    numbers = as_image(np.full((3, 4, 6), 51))
    assert (numbers.channel_names, numbers.is_array) == (("red", "green", "blue"), True)
    assert numbers.floats()[0, 0, 0] == 51
    assert as_image([[True, False]]).floats().tolist() == [[[1, 0]]]
    assert as_image(np.zeros((2, 4, 6))).channel_names == ("0", "1")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(5), r"An image must have the shape \(C, H, W\), \(H, W\) or \(H, W, C\), not \(5,\)"),
        (np.zeros((2, 3, 4, 5)), r"not \(2, 3, 4, 5\)"),
        (np.zeros((0, 4)), r"not \(0, 4\)"),
        (np.full((2, 2), 1j), "An image must contain real numbers, not complex128"),
        (np.array([[1e39]]), r"array: it holds numbers beyond ±3\.4e38, the most for 32 bits\. Scale them down\."),
    ],
)
def test_an_array_that_is_no_image_is_refused(array, message):
    with pytest.raises(ArgumentError, match=message):
        as_image(array)


def test_unknown_channels_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match="channels"):
        load_image(tmp_path / "a.png", channels="cmyk")
