"""Members of zip files as streams: in place where they are stored, otherwise unpacked up to a limit."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from typing import IO, Any

from cnnfx.system.limits import limit_text
from cnnfx.system.npz import BLOCK_BYTES, COMPRESSIONS, READ_ERRORS, NpzError, check_members, open_zip

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""The header before the data of a member: its signature, and the lengths of the name and of the extra field."""
ENCRYPTED = 1
"""The flag of encrypted members."""
MAX_RATIO = 100
"""The most times that a member of over `BLOCK_BYTES` may be larger than its compressed data. Weights and texts stay far
below it."""


class FilePart(io.RawIOBase):
    """A part of an open file as a stream of its own. Closing it does not close the file.

    Parameters
    ----------
    file : seekable binary file
        Nothing else may read it while the part is used.
    start, size : int
        In bytes.
    """

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position and return it; see `io.IOBase.seek`."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError(f"position {origin + offset}")
        self._at = origin + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer and return their number."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._size - self._at))
        self._file.seek(self._start + self._at)
        count = int(self._file.readinto(view[:wanted]))  # type: ignore[attr-defined] # a binary file has it
        self._at += count
        return count


def member_stream(file: IO[bytes], name: str, max_bytes: int) -> IO[bytes] | None:
    """Return a member of a zip file as a seekable stream; None if there is none of this name.

    Parameters
    ----------
    file : seekable binary file
        The open zip file.
    name : str
    max_bytes : int
        The most bytes of a member that must be unpacked.

    Raises
    ------
    NpzError
        If the zip file or the member is damaged, too large, encrypted or compressed by another method than deflate.
    """
    try:
        archive = open_zip(file)
    except NpzError as error:
        raise NpzError("this is not a zip file, or only a part of one") from error
    with archive:
        check_members(archive.infolist())
        if name not in archive.namelist():
            return None
        try:
            return _stream(file, archive, archive.getinfo(name), max_bytes)
        except (*READ_ERRORS, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise NpzError(f"{name} cannot be read: {error}") from error


def _stream(file: IO[bytes], archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> IO[bytes]:
    if member.flag_bits & ENCRYPTED or member.compress_type not in COMPRESSIONS:
        raise ValueError("it is encrypted, or compressed by another method than deflate")
    if member.compress_type == zipfile.ZIP_STORED:
        return _stored(file, member)
    if member.file_size > max_bytes:
        raise ValueError(limit_text("bytes", member.file_size, max_bytes))
    if member.file_size > max(BLOCK_BYTES, MAX_RATIO * member.compress_size):
        raise ValueError(f"it is over {MAX_RATIO} times as large as its compressed data")
    with archive.open(member) as stream:
        return io.BytesIO(stream.read())


def _stored(file: IO[bytes], member: zipfile.ZipInfo) -> IO[bytes]:
    """Return a member that is not compressed as a part of the file."""
    start = content_start(file, member, file.seek(0, os.SEEK_END))
    return FilePart(file, start, member.file_size)  # type: ignore[return-value] # it has what is needed


def content_start(file: IO[bytes], member: zipfile.ZipInfo, end: int) -> int:
    """Return where the content of a member that is not compressed starts in the file.

    Parameters
    ----------
    file : seekable binary file
        The open zip file.
    member : ZipInfo
    end : int
        The end of all contents, in bytes from the start of the file.

    Raises
    ------
    ValueError
        If there is no such member there, its sizes differ, or it does not end before `end`.
    """
    if member.header_offset >= 0 and member.compress_size == member.file_size:
        file.seek(member.header_offset)
        header = file.read(LOCAL_HEADER.size)
        if len(header) == LOCAL_HEADER.size:
            signature, *lengths = LOCAL_HEADER.unpack(header)
            start: int = member.header_offset + LOCAL_HEADER.size + sum(lengths)
            if signature == b"PK\3\4" and start + member.file_size <= end:
                return start
    raise ValueError("it is truncated, or its sizes differ")
