"""Members of zip files as streams: in place, or unpacked up to a limit."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest

from cnnfx.system.npz import NpzError
from cnnfx.system.zip_file import FilePart, member_stream

DATA = np.random.default_rng(0).bytes(1000)


def archive_of(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file


def error_of(file: io.BytesIO, max_bytes: int = 10_000) -> str:
    with pytest.raises(NpzError) as caught:
        member_stream(file, "a", max_bytes)
    return str(caught.value)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_is_read_from_any_position(compression: int) -> None:
    stream = member_stream(archive_of(("b", b"x"), ("a", DATA), compression=compression), "a", 10_000)
    assert stream is not None
    assert stream.read() == DATA
    assert stream.seek(-10, io.SEEK_END) == 990
    assert stream.read(100) == DATA[990:]
    stream.seek(500)
    stream.seek(10, io.SEEK_CUR)
    assert stream.read(5) == DATA[510:515]


def test_a_stored_member_is_not_copied() -> None:
    assert isinstance(member_stream(archive_of(("a", DATA)), "a", 0), FilePart)


def test_a_position_before_the_part_is_an_error() -> None:
    with pytest.raises(ValueError, match="position -1"):
        FilePart(io.BytesIO(DATA), 10, 20).seek(-1)


def test_a_member_that_does_not_exist_is_none() -> None:
    assert member_stream(archive_of(("b", b"x")), "a", 10) is None


def test_a_file_that_is_not_a_zip_file_is_an_error() -> None:
    assert error_of(io.BytesIO(b"PK\3\4" + DATA)) == "this is not a zip file, or only a part of one"


def test_a_compressed_member_that_is_too_large_is_an_error() -> None:
    file = archive_of(("a", DATA), compression=zipfile.ZIP_DEFLATED)
    assert error_of(file, 999) == "a cannot be read: it has 1,000 bytes; the limit is 999"


def test_a_member_that_unpacks_to_very_much_is_an_error() -> None:
    file = archive_of(("a", bytes(1 << 23)), compression=zipfile.ZIP_DEFLATED)
    assert error_of(file, 1 << 24) == "a cannot be read: it is over 100 times as large as its compressed data"


def test_another_compression_is_an_error() -> None:
    file = archive_of(("a", DATA), compression=zipfile.ZIP_BZIP2)
    assert error_of(file) == "a cannot be read: it is encrypted, or compressed by another method than deflate"


def test_a_stored_member_with_another_size_than_its_data_is_an_error() -> None:
    file = archive_of(("a", DATA))
    data = bytearray(file.getvalue())
    at = data.rindex(b"PK\1\2")
    data[at + 24 : at + 28] = struct.pack("<L", 10**6)  # the size of the member
    assert error_of(io.BytesIO(data)) == "a cannot be read: it is truncated, or its sizes differ"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_the_same_name_are_an_error() -> None:
    assert error_of(archive_of(("a", DATA), ("a", b"x"))) == "two of its members are called a"
