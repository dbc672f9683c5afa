"""Reading and writing of NumPy's `.npy` and `.npz` files: no pickles, and sizes checked before memory is allocated.

The readers raise `NpzError` for malformed content and do not catch `OSError`. Callers, which know the purpose of the
file, convert both to `FileError`. The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import errno
import io
import math
import os
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from operator import itemgetter
from types import TracebackType
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cnnfx.system.files import atomic_write
from cnnfx.system.limits import MAX_DIRECTORY_BYTES, MAX_HEADER_BYTES, MAX_MEMBERS, limit_text, number_text
from cnnfx.system.text import shortened

READ_KINDS = "biufU"
"""The kinds of dtype that `NpzReader.read` returns: boolean, signed and unsigned integers, floats, text."""
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The compressions of members that are read. NumPy writes no others, and those unpack without a limit in one step."""
COMPRESSION_NAMES = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA"}
"""The names of other compressions, for messages."""
MAX_REASON_CHARACTERS = 200
"""The most characters of an error of `zipfile` or NumPy in a message; some repeat parts of the file."""
MAX_AXES = 32
"""The most axes of an array, NumPy 1's own limit."""
MAX_CODE_POINT = 0x10FFFF
"""The largest number of a character of Unicode."""
_END_BYTES = 22 + (1 << 16)
"""The most bytes of the end record of a zip file, with its comment."""
BLOCK_BYTES = 1 << 22
"""How much of an array is read at once. Memory of what a truncated file lacks is never touched."""
READ_ERRORS = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, RuntimeError, EOFError, SyntaxError,
    struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What NumPy, `zipfile` and the modules below them raise for malformed content."""

_LENGTHS = {(1, 0): "<H", (2, 0): "<L", (3, 0): "<L"}
"""The format of the length of a header, by the version of the `.npy` format."""
_ITEM = re.compile(
    r"""\s*['"](?P<key>\w+)['"]\s*:\s*
    (?: ['"](?P<type>[^'"]*)['"] | (?P<flag>True|False) | \((?P<shape>[-\dL,\s]*)\) | (?P<fields>\[.*\]) )
    \s*(?:,|\Z)\s*""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_DTYPE = re.compile(r"[<>|=]?([biufcSUVO]\d{0,10}|[mM]8(\[\w+\])?)", re.ASCII)
_SIZE = re.compile(r"\s*(-?\d{1,18})L?\s*", re.ASCII)  # Python 2 wrote 3L


class NpzError(Exception):
    """Malformed or refused content of a `.npy` or `.npz` file. The text is a clause without a final period."""


class CompressionError(NpzError):
    """An array whose compression is not one of `COMPRESSIONS`."""


class NpyHeader(NamedTuple):
    """The header of a `.npy` file, as read: its values are not verified."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """The size of the array's values in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(stream: IO[bytes]) -> NpyHeader:
    """Read the header of a `.npy` file and leave the stream at the first value.

    The header is a Python literal. It is matched, not evaluated: NumPy's own reader compiles it, which warns about some
    damaged headers. The dtype of structured arrays becomes "V".

    Raises
    ------
    NpzError
        If it is malformed or longer than `MAX_HEADER_BYTES`.
    """
    with _convert_errors():
        start = stream.read(8)
        if not start.startswith(npy.MAGIC_PREFIX) or len(start) < 8:
            raise ValueError("it does not start as a .npy file")
        version = (start[6], start[7])
        if version not in _LENGTHS:
            raise ValueError(f"version {version[0]}.{version[1]} of the .npy format is not known")
        (length,) = struct.unpack(_LENGTHS[version], stream.read(struct.calcsize(_LENGTHS[version])))
        if length > MAX_HEADER_BYTES:
            raise ValueError(f"its header: {limit_text('bytes', length, MAX_HEADER_BYTES)}")
        text = stream.read(length)
        if len(text) < length:
            raise ValueError("its header is truncated")
        return _parse_header(text.decode("latin-1"))


def _parse_header(text: str) -> NpyHeader:
    """Return the header of a text such as "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }"."""
    text = text.strip()
    items: dict[str, re.Match[str]] = {}
    if text.startswith("{") and text.endswith("}"):
        inside, at = text[1:-1].strip(), 0
        while at < len(inside) and (item := _ITEM.match(inside, at)):
            items[item["key"]], at = item, item.end()
        if at < len(inside):
            items.clear()
    if items.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header is malformed")
    shape, order, descr = items["shape"]["shape"], items["fortran_order"]["flag"], items["descr"]
    if shape is None or order is None or (descr["type"] is None and descr["fields"] is None):
        raise ValueError("its header is malformed")
    return NpyHeader(_parse_shape(shape), order == "True", _parse_dtype(descr["type"]))


def _parse_shape(text: str) -> tuple[int, ...]:
    sizes = text.split(",")
    if len(sizes) > 1 or not text.strip():
        sizes = sizes if sizes[-1].strip() else sizes[:-1]
        found = [_SIZE.fullmatch(size) for size in sizes]
        if len(found) <= MAX_AXES and all(found):
            return tuple(int(match[1]) for match in found if match)
    raise ValueError("its header has no shape")


def _parse_dtype(text: str | None) -> np.dtype[Any]:
    if text is not None and not _DTYPE.fullmatch(text):
        raise ValueError("its header has an unknown type of values")
    return np.dtype("V" if text is None else text)


def read_values(stream: IO[bytes], header: NpyHeader) -> NDArray[Any]:
    """Read the values that follow a header. Check `header.nbytes` against a limit first.

    Returns
    -------
    array of `header.shape`

    Raises
    ------
    NpzError
        If the stream ends early, the header describes Python objects or a negative size, or a text has characters that
        Unicode does not have.
    """
    with _convert_errors():
        if header.dtype.hasobject:
            raise ValueError("a pickle")
        if min(header.shape, default=0) < 0:
            raise ValueError(f"shape {header.shape}")
        data, done = np.empty(header.nbytes, np.uint8), 0
        while done < len(data) and (block := stream.read(min(BLOCK_BYTES, len(data) - done))):
            data[done : done + len(block)] = np.frombuffer(block, np.uint8)
            done += len(block)
        if done < len(data):
            raise ValueError(f"{done} bytes for the shape {header.shape}")
        if header.dtype.kind == "U" and header.nbytes:
            characters = data.view(np.dtype(np.uint32).newbyteorder(header.dtype.byteorder))
            if characters.max() > MAX_CODE_POINT:
                raise ValueError("text of characters that do not exist")
        values = data.view(header.dtype) if header.nbytes else np.empty(math.prod(header.shape), header.dtype)
        return values.reshape(header.shape, order="F" if header.fortran_order else "C")


class NpzReader:
    """A `.npz` file that is open for reading.

    Parameters
    ----------
    file : path or seekable binary file

    Raises
    ------
    NpzError
        If it is not a zip file, has more than `MAX_MEMBERS` members, or members that overlap or have the same name.
        Methods raise this error for a damaged array.
    OSError
        If the operating system cannot read it. Methods raise this error too.
    """

    def __init__(self, file: str | os.PathLike[str] | IO[bytes]) -> None:
        self._own: IO[bytes] | None = None
        if isinstance(file, str | os.PathLike):
            file = self._own = open(file, "rb")  # noqa: SIM115 # closed by `close`
        self._zip: zipfile.ZipFile | None = None
        try:
            self._zip = open_zip(file)
            members = self._zip.infolist()
            check_members(members)
        except BaseException:
            self.close()
            raise
        self._members = {
            member.filename.removesuffix(".npy"): member for member in members if member.filename.endswith(".npy")
        }
        self._names = tuple(self._members)
        self._headers: dict[str, NpyHeader] = {}

    def __enter__(self) -> NpzReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._zip is not None:
            self._zip.close()
        if self._own is not None:
            self._own.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return self._names

    def member_bytes(self, name: str) -> int:
        """Return the uncompressed size of an array with its header, as the zip directory gives it."""
        return self._members[name].file_size

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open an array as a `.npy` stream, for `read_header` and `read_values`.

        No more than `member_bytes` is unpacked.
        """
        member = self._members[name]
        if member.compress_type not in COMPRESSIONS:
            kind = COMPRESSION_NAMES.get(member.compress_type, f"method {member.compress_type}")
            raise CompressionError(f"the array {name} is compressed by {kind}; only stored and deflated ones are read")
        assert self._zip is not None
        with _convert_errors(f"the array {name} cannot be read"), self._zip.open(member) as stream:
            yield stream

    def header(self, name: str) -> NpyHeader:
        """Read the header of an array whose dtype is one of `READ_KINDS`."""
        if name not in self._headers:
            with self.open(name) as stream:
                self._headers[name] = read_supported_header(stream)
        return self._headers[name]

    def read(self, name: str, max_bytes: int) -> NDArray[Any]:
        """Read an array of at most `max_bytes` bytes whose dtype is one of `READ_KINDS`."""
        _check_bytes(name, self.member_bytes(name) - MAX_HEADER_BYTES, max_bytes)
        _check_bytes(name, self.header(name).nbytes, max_bytes)
        with self.open(name) as stream:
            array = read_values(stream, read_header(stream))
            if stream.read(1):
                raise NpzError("it is longer than its header says")
            return array


def member_names(path: str | os.PathLike[str]) -> list[str]:
    """Return the names of the members of a zip file, with their endings.

    Raises
    ------
    NpzError
        If it is not a zip file, or has more than `MAX_MEMBERS` members.
    OSError
        If the operating system cannot read it.
    """
    with open(path, "rb") as file, open_zip(file) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise NpzError(limit_text("members", len(members), MAX_MEMBERS))
        return [member.filename for member in members]


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name to a `.npz` file, atomically. The same arrays give the same bytes.

    Raises
    ------
    FileError
        If it cannot be written; an existing file stays unchanged.
    """
    with atomic_write(path) as file:
        save_npz(file, arrays)


def save_npz(file: IO[bytes], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name to an open binary file as `.npz`. The same arrays give the same bytes.

    It replaces `numpy.savez`, which before NumPy 2 leaves its archive open where a disk is full, so that Python prints
    an error of its own.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            # A ZipInfo without a date is dated 1980, whenever it is written.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                npy.write_array(member, np.asanyarray(array), allow_pickle=False)


def save_npy(file: IO[bytes], array: NDArray[Any]) -> None:
    """Write an array to an open binary file as `.npy`.

    It replaces `numpy.save`, which writes to the file descriptor and loses the reason of a failure.
    """
    array = np.ascontiguousarray(array)
    npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
    file.write(array.data)


def read_supported_header(stream: IO[bytes]) -> NpyHeader:
    """Read a header as `read_header`, of an array whose dtype is one of `READ_KINDS`."""
    header = read_header(stream)
    if header.dtype.kind not in READ_KINDS:
        structured = "structured values" if header.dtype.kind == "V" else f"values of type {header.dtype}"
        raise NpzError("a pickle" if header.dtype.hasobject else structured)
    return header


def _check_bytes(name: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise NpzError(f"the array {name} is {number_text(size)} bytes large; the limit is {max_bytes:,}")


def open_zip(stream: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip file after a check of the size of its directory, which `zipfile` reads as a whole."""
    try:
        with _convert_errors():
            size = stream.seek(0, io.SEEK_END)
            stream.seek(max(0, size - _END_BYTES))
            end = stream.read(_END_BYTES)
            at = end.rfind(b"PK\5\6")
            if 0 <= at <= len(end) - 22 and struct.unpack_from("<L", end, at + 12)[0] > MAX_DIRECTORY_BYTES:
                raise ValueError("its directory is too long")
            return zipfile.ZipFile(stream)
    except NpzError as error:
        raise NpzError("this is not an .npz file, or only a part of one") from error


def check_members(members: Sequence[zipfile.ZipInfo]) -> None:
    """Check the number of members, and that no two have the same name or the same bytes, which each would unpack."""
    if len(members) > MAX_MEMBERS:
        raise NpzError(limit_text("arrays", len(members), MAX_MEMBERS))
    in_order = sorted(members, key=lambda member: member.header_offset)
    for member, following in pairwise(in_order):
        if member.header_offset + member.compress_size > following.header_offset:
            raise NpzError("two of its members overlap")
    name, count = max(Counter(member.filename for member in members).items(), key=itemgetter(1), default=("", 0))
    if count > 1:
        raise NpzError(f"two of its members are called {shortened(name)}")


@contextmanager
def _convert_errors(what: str = "") -> Iterator[None]:
    """Convert the exceptions of `READ_ERRORS` to `NpzError`, with `what` before their text."""
    try:
        yield
    except MemoryError as error:
        raise NpzError(f"{what} (there is not enough memory)" if what else "there is not enough memory") from error
    except (*READ_ERRORS, OSError, NpzError) as error:
        # zipfile seeks to offsets from the file (EINVAL), and decompressors raise OSError without a number.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        reason = shortened(str(error), MAX_REASON_CHARACTERS) or type(error).__name__
        raise NpzError(f"{what} ({reason})" if what else reason) from error
