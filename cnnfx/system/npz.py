"""Reading and writing of NumPy's `.npy` and `.npz` files: no pickles, and sizes checked before memory is allocated.

The readers raise `NpzError` for malformed content and do not catch `OSError`. Callers, which know the purpose of the
file, convert both to `FileError`. The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import errno
import lzma
import math
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cnnfx.system.files import atomic_write

MAX_ARRAYS = 10_000
"""The most arrays in one `.npz` file."""
MAX_HEADER_BYTES = 10_000
"""The longest header of a `.npy` file, in bytes."""
READ_KINDS = "biufU"
"""The kinds of dtype that `NpzReader.read` returns: boolean, signed and unsigned integers, floats, text."""
READ_ERRORS = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, RuntimeError, EOFError, SyntaxError,
    struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What NumPy, `zipfile` and the modules below them raise for malformed content."""


class NpzError(Exception):
    """Malformed or refused content of a `.npy` or `.npz` file. The text is a clause without a final period."""


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

    Raises
    ------
    NpzError
        If it is malformed or longer than `MAX_HEADER_BYTES`.
    """
    with _convert_errors():
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers written by Python 2, and damaged ones
            try:
                shape, fortran_order, dtype = read(stream, max_header_size=MAX_HEADER_BYTES)
            except MemoryError:  # from Python's parser, not from a lack of memory
                raise ValueError("a header nested too deeply") from None
        return NpyHeader(tuple(map(int, shape)), fortran_order, dtype)


def read_values(stream: IO[bytes], header: NpyHeader) -> NDArray[Any]:
    """Read the values that follow a header. Check `header.nbytes` against a limit first.

    Returns
    -------
    read-only array of `header.shape`

    Raises
    ------
    NpzError
        If the stream ends early, or the header describes Python objects or a negative size.
    """
    with _convert_errors():
        if header.dtype.hasobject:
            raise ValueError("a pickle")
        if min(header.shape, default=0) < 0:
            raise ValueError(f"shape {header.shape}")
        data = stream.read(header.nbytes)
        if len(data) != header.nbytes:
            raise ValueError(f"{len(data)} bytes for the shape {header.shape}")
        return np.frombuffer(data, header.dtype).reshape(header.shape, order="F" if header.fortran_order else "C")


class NpzReader:
    """A `.npz` file that is open for reading.

    Parameters
    ----------
    file : path or seekable binary file

    Raises
    ------
    NpzError
        If it is not a zip file or has more than `MAX_ARRAYS` members. Methods raise this error for a damaged array.
    OSError
        If the operating system cannot read it. Methods raise this error too.
    """

    def __init__(self, file: str | os.PathLike[str] | IO[bytes]) -> None:
        try:
            with _convert_errors():
                self._zip = zipfile.ZipFile(file)
        except NpzError as error:
            raise NpzError("this is not an .npz file, or only a part of one") from error
        members = self._zip.infolist()
        if len(members) > MAX_ARRAYS:
            self._zip.close()
            raise NpzError(f"it holds {len(members)} arrays; the limit is {MAX_ARRAYS}")
        self._members = {
            member.filename.removesuffix(".npy"): member for member in members if member.filename.endswith(".npy")
        }

    def __enter__(self) -> NpzReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return tuple(self._members)

    def member_bytes(self, name: str) -> int:
        """Return the uncompressed size of an array with its header, as the zip directory gives it."""
        return self._members[name].file_size

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open an array as a `.npy` stream, for `read_header` and `read_values`."""
        with _convert_errors(f"the array {name} cannot be read"), self._zip.open(self._members[name]) as stream:
            yield stream

    def header(self, name: str) -> NpyHeader:
        """Read the header of an array whose dtype is one of `READ_KINDS`."""
        with self.open(name) as stream:
            return _supported_header(stream)

    def read(self, name: str, max_bytes: int) -> NDArray[Any]:
        """Read an array of at most `max_bytes` bytes whose dtype is one of `READ_KINDS`."""
        size = max(self.header(name).nbytes, self.member_bytes(name) - MAX_HEADER_BYTES)
        if size > max_bytes:
            raise NpzError(f"the array {name} is {size:,} bytes large; the limit is {max_bytes:,}")
        with self.open(name) as stream:
            array = read_values(stream, _supported_header(stream))
            if stream.read(1):
                raise NpzError("it is longer than its header says")
            return array.copy()


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name to a `.npz` file, atomically. The same arrays give the same bytes.

    Raises
    ------
    FileError
        If it cannot be written; an existing file stays unchanged.
    """
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            # A ZipInfo without a date is dated 1980, whenever it is written.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                npy.write_array(member, np.asanyarray(array), allow_pickle=False)


def _supported_header(stream: IO[bytes]) -> NpyHeader:
    header = read_header(stream)
    if header.dtype.kind not in READ_KINDS:
        raise NpzError("a pickle" if header.dtype.hasobject else f"values of type {header.dtype}")
    return header


@contextmanager
def _convert_errors(what: str = "") -> Iterator[None]:
    """Convert the exceptions of `READ_ERRORS` to `NpzError`, with `what` before their text."""
    try:
        yield
    except (*READ_ERRORS, OSError, NpzError) as error:
        # zipfile seeks to offsets from the file (EINVAL), and decompressors raise OSError without a number.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        reason = str(error) or type(error).__name__
        raise NpzError(f"{what} ({reason})" if what else reason) from error
