"""Tests of the careful reading and of the writing of `.npy` and `.npz` files."""

from __future__ import annotations

import errno
import gc
import io
import os
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnfx.system.limits import MAX_MEMBERS
from cnnfx.system.npz import NpyHeader, NpzError, NpzReader, read_header, read_values, save_npy, save_npz, write_npz

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
        (b"", r"it does not start as a \.npy file"),
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
        for number in range(MAX_MEMBERS + 1):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(NpzError, match=r"^it has 10,001 arrays; the limit is 10,000$"):
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
    with pytest.raises(NpzError, match=r"^its header: it has [\d,]+ bytes; the limit is 10,000$"):
        read_header(io.BytesIO(npy(fields)))


@pytest.mark.parametrize(("compression", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_a_compression_that_unpacks_without_limit_is_refused_by_its_name(
    path: Path, compression: int, name: str
) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("x.npy", npy(WEIGHTS))
    reason = rf"^the array x is compressed by {name}; only stored and deflated ones are read$"
    with NpzReader(path) as archive:
        for read in (archive.header, lambda member: archive.read(member, max_bytes=1000)):
            with pytest.raises(NpzError, match=reason):
                read("x")


def test_members_that_use_the_same_bytes_are_refused(path: Path) -> None:
    write_member(path, "a", npy(WEIGHTS))
    data = path.read_bytes()
    directory = data.index(b"PK\1\2")
    entry, end = data[directory : data.index(b"PK\5\6")], bytearray(data[data.index(b"PK\5\6") :])
    end[8:16] = struct.pack("<HHL", 2, 2, 2 * len(entry))
    path.write_bytes(data[:directory] + 2 * entry + bytes(end))
    with pytest.raises(NpzError, match=r"^two of its members overlap$"):
        NpzReader(path)


def test_a_directory_of_many_megabytes_is_refused_before_it_is_read(path: Path) -> None:
    write_member(path, "a", npy(WEIGHTS))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\5\6")
    data[at + 12 : at + 16] = struct.pack("<L", (1 << 24) + 1)
    path.write_bytes(bytes(data))
    with pytest.raises(NpzError, match=r"^this is not an \.npz file, or only a part of one$") as caught:
        NpzReader(path)
    assert str(caught.value.__cause__) == "its directory is too long"


def header(text: str) -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode("latin-1")


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }                \n",
        '{"shape": (3L, 4L), "descr": "<f4", "fortran_order": False}',
        "{ 'fortran_order':False,'descr':'<f4','shape':( 3,4, ) }",
    ],
)
def test_headers_of_all_writers_are_read(text: str) -> None:
    assert read_header(io.BytesIO(header(text))) == NpyHeader((3, 4), False, np.dtype("<f4"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "its header is malformed"),
        ("((((\n", "its header is malformed"),
        ("{'descr': '<f4', 'fortran_order': False}", "its header is malformed"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': True}", "its header is malformed"),
        ("{'descr': '<f4', 'fortran_order': 1, 'shape': (3,)}", "its header is malformed"),
        ("{'descr': True, 'fortran_order': False, 'shape': (3,)}", "its header is malformed"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3)}", "its header has no shape"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,,)}", "its header has no shape"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (0xff,)}", "its header is malformed"),
        (f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'9' * 19},)}}", "its header has no shape"),
        (f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'1,' * 33})}}", "its header has no shape"),
        ("{'descr': 'a8', 'fortran_order': False, 'shape': (3,)}", "its header has an unknown type of values"),
        ("{'descr': '<f3', 'fortran_order': False, 'shape': (3,)}", "data type '<f3' not understood"),
        ("{'descr': '\\d', 'fortran_order': False, 'shape': (3,)}", "its header has an unknown type of values"),
    ],
)
def test_other_headers_are_refused_without_a_warning(text: str, reason: str) -> None:
    with pytest.raises(NpzError) as caught:
        read_header(io.BytesIO(header(text)))
    assert str(caught.value) == reason


def test_text_of_characters_that_do_not_exist_is_refused(path: Path) -> None:
    np.savez(path, x=np.array("a"))
    data = npy(np.array("a")).replace(b"a\0\0\0", b"a\0\x11\0")
    write_member(path, "x", data)
    with NpzReader(path) as archive, pytest.raises(NpzError, match=r"text of characters that do not exist"):
        archive.read("x", 1000)


def test_values_that_memory_cannot_hold_are_refused() -> None:
    with pytest.raises(NpzError, match=r"^there is not enough memory$"):
        read_values(io.BytesIO(), NpyHeader((1 << 46,), False, np.dtype(np.float64)))


class FullDisk(io.BytesIO):
    """A file on a disk with some bytes left."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def write(self, data: Any) -> int:
        if self.tell() + len(bytes(data)) > self.left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("left", [0, 10, 100, 400, 700, 1000, 1300, 1500])
def test_a_full_disk_is_one_error_and_leaves_no_open_archive(left: int) -> None:
    arrays = {"a": np.arange(100.0), "b": np.zeros((2, 3), np.float32)}
    whole = io.BytesIO()
    save_npz(whole, arrays)
    assert len(whole.getvalue()) > 1300
    file = FullDisk(left)
    if left < len(whole.getvalue()):
        with pytest.raises(OSError, match="No space left"):
            save_npz(file, arrays)
    gc.collect()  # an open archive would fail again, which pytest reports
    assert sys.getrefcount(file) == 2


def test_what_is_saved_is_read_by_numpy() -> None:
    file = io.BytesIO()
    save_npz(file, {"a": np.arange(6.0).reshape(2, 3).T, "names": np.array(["ä", "b"])})
    with np.load(io.BytesIO(file.getvalue())) as loaded:
        assert loaded["a"].tolist() == [[0, 3], [1, 4], [2, 5]]
        assert loaded["names"].tolist() == ["ä", "b"]
    file = io.BytesIO()
    save_npy(file, np.arange(6.0).reshape(2, 3).T)
    assert np.load(io.BytesIO(file.getvalue())).tolist() == [[0, 3], [1, 4], [2, 5]]
