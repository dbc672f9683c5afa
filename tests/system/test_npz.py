"""Tests of the careful reading and of the writing of `.npy` and `.npz` files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cnnfx.system.npz import MAX_ARRAYS, NpyHeader, NpzError, NpzReader, read_header, read_values, write_npz

WEIGHTS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "arrays.npz"


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def write_member(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", content)


def test_written_arrays_are_read_by_numpy(path: Path) -> None:
    write_npz(path, {"weights": WEIGHTS, "title": np.array("edges")})
    with np.load(path, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["weights"], WEIGHTS)
        assert str(arrays["title"]) == "edges"


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, {"weights": WEIGHTS})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "array", [WEIGHTS, np.asfortranarray(WEIGHTS), np.array(3), np.array(["a", "bc"]), WEIGHTS[:0]]
)
def test_an_array_is_read_writable_and_in_its_shape(path: Path, array: np.ndarray) -> None:
    np.savez(path, x=array)
    with NpzReader(path) as archive:
        assert archive.names == ("x",)
        assert archive.header("x")[::2] == (array.shape, array.dtype)
        read = archive.read("x", max_bytes=1000)
    np.testing.assert_array_equal(read, array)
    assert read.flags.writeable


def test_an_array_over_the_limit_is_refused(path: Path) -> None:
    write_npz(path, {"x": WEIGHTS})
    with NpzReader(path) as archive, pytest.raises(NpzError, match=r"^the array x is 96 bytes large; the limit is 95$"):
        archive.read("x", max_bytes=95)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"EOF: reading magic string.*"),
        (npy(WEIGHTS)[:-1], r"95 bytes for the shape \(2, 3, 4\)"),
        (npy(WEIGHTS) + b"!", "it is longer than its header says"),
        (npy(np.array([print])), "a pickle"),
        (npy(np.zeros(2, complex)), "values of type complex128"),
    ],
)
def test_the_error_says_why_an_array_is_not_read(path: Path, content: bytes, reason: str) -> None:
    write_member(path, "x", content)
    with NpzReader(path) as archive, pytest.raises(NpzError, match=rf"^the array x cannot be read \({reason}\)$"):
        archive.read("x", max_bytes=1000)


def test_a_file_that_is_not_a_zip_file_is_refused(path: Path) -> None:
    path.write_bytes(b"Once upon a time")
    with pytest.raises(NpzError, match=r"^this is not an \.npz file, or only a part of one$"):
        NpzReader(path)


def test_too_many_arrays_are_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(MAX_ARRAYS + 1):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(NpzError, match=r"^it holds 10001 arrays; the limit is 10000$"):
        NpzReader(path)


def test_an_error_of_the_operating_system_is_not_converted(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        NpzReader(path)


@pytest.mark.parametrize("shape", [(-1, 4), (-2, -3)])
def test_a_negative_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(NpzError, match=r"^shape \(-"):
        read_values(io.BytesIO(bytes(100)), NpyHeader(shape, False, np.dtype(np.float32)))


def test_a_header_longer_than_the_limit_is_refused() -> None:
    fields = np.zeros(1, [(f"field{number}", np.float32) for number in range(1000)])
    with pytest.raises(NpzError, match="Header info length"):
        read_header(io.BytesIO(npy(fields)))
