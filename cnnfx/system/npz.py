"""NumPy's `.npz` files, written so that the same arrays give the same bytes, and read with care: no pickles, and no
more memory than was allowed for."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import IO, Any, TypeVar

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.system.files import atomic_write

MOST_ARRAYS = 10_000
LONGEST_HEADER = 10_000
KINDS = "fiuU"
"""Types of arrays that are read: floats, whole numbers, text."""

BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, NotImplementedError, RuntimeError, OverflowError,
    SyntaxError, TypeError, AttributeError, MemoryError,
)  # fmt: skip
"""What Python's and NumPy's readers raise for bytes that are not what they should be."""

Result = TypeVar("Result")


def write_archive(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name to a file that `numpy.load` reads, whole or not at all.

    Raises
    ------
    FileError
        If it cannot be written; what was there stays.
    """
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:  # dated 1980
                npy.write_array(entry, np.asanyarray(array), allow_pickle=False)


class Archive:
    """An `.npz` file that is open for reading.

    Raises
    ------
    FileError
        If it cannot be read or is not such a file; likewise from its methods.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._zip = self._open()
        self._infos = {info.filename.removesuffix(".npy"): info for info in self._zip.infolist()}

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays' names."""
        return tuple(self._infos)

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def error(self, message: str) -> FileError:
        """The error that says `message` of this file."""
        return FileError(f"{self.path}: {message}.")

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of an array, without reading it."""
        return self._with(name, lambda entry: _header(entry)[:2])

    def read(self, name: str, most: int) -> NDArray[Any]:
        """An array of at most so many bytes."""
        shape, dtype = self.header(name)
        size = math.prod(shape) * dtype.itemsize
        if size > most or self._infos[name].file_size > most + LONGEST_HEADER:
            raise self.error(
                f"the array {name} is {max(size, self._infos[name].file_size):,} bytes large; no model needs that"
            )
        return self._with(name, _read)

    def _open(self) -> zipfile.ZipFile:
        try:
            archive = zipfile.ZipFile(self.path)
        except FileNotFoundError:
            raise self.error("there is no such file. Check the path; cnnfx train makes a model") from None
        except IsADirectoryError:
            raise self.error("this is a folder. Give a model in it") from None
        except OSError as error:
            raise self.error(f"the file cannot be read: {error.strerror or error}") from error
        except BROKEN as error:
            raise self.error("this is not an .npz file, or only a part of one") from error
        if len(archive.infolist()) > MOST_ARRAYS:
            archive.close()
            raise self.error(f"it holds {len(archive.infolist())} arrays; no model needs so many")
        return archive

    def _with(self, name: str, work: Callable[[IO[bytes]], Result]) -> Result:
        try:
            with self._zip.open(self._infos[name]) as entry:
                return work(entry)
        except BROKEN as error:
            raise self.error(
                f"the array {name} cannot be read ({error or type(error).__name__}). The file is damaged"
            ) from error
        except OSError as error:
            raise self.error(f"the file cannot be read: {error.strerror or error}") from error


def _header(entry: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Shape, type and order of the array that an entry holds; ValueError where it cannot be trusted."""
    version = npy.read_magic(entry)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"version {version}")
    shape, order, dtype = read(entry, max_header_size=LONGEST_HEADER)
    if dtype.kind not in KINDS:
        raise ValueError("a pickle" if dtype.hasobject else f"numbers of type {dtype}")
    if any(size < 0 for size in shape):
        raise ValueError(f"shape {shape}")
    return shape, dtype, order


def _read(entry: IO[bytes]) -> NDArray[Any]:
    shape, dtype, order = _header(entry)
    size = math.prod(shape) * dtype.itemsize
    data = entry.read(size + 1)
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes for a shape of {shape}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if order else "C").copy()
