"""Careful reading of HDF5 files: their groups, texts and arrays, and nothing outside of them.

HDF5 files may refer to other files by links, virtual arrays and external storage, may name filters that the library
loads as plug-ins, and may give any sizes. Here the library reads an open stream, so that it cannot open a file; only
plain links are followed; and the values of arrays are read and unpacked by this module, after a check of their size.
The format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import errno
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.formats.extras import import_library
from cnnfx.formats.keras.hdf5_headers import text_references
from cnnfx.formats.keras.hdf5_heaps import check_heaps
from cnnfx.formats.small_floats import decode_small_floats
from cnnfx.formats.tensor_file import TensorError, TensorInfo
from cnnfx.system.limits import MAX_HDF5_OBJECTS, MAX_META_BYTES, MAX_NESTING, expansion_limit, limit_text
from cnnfx.system.text import shortened

MAX_REASON_CHARACTERS = 200
"""The most characters of an error of the library in a message."""
MAX_CHUNK_WASTE = 8
"""The most times that the chunks of an array may be larger than the array, if they have more than `SMALL_CHUNKS`."""
SMALL_CHUNKS = 1 << 22
"""The bytes that all chunks of an array may have in any case."""
DEFLATE, SHUFFLE, CHECKSUM = 1, 2, 3
"""The numbers of the filters that are unpacked here."""
CHECKSUM_BYTES = 4
"""The bytes of the checksum at the end of a chunk."""
BFLOAT16_BYTES = 2
"""The size of the values without a type as which bfloat16 is stored: Keras writes no others."""
READ_ERRORS = (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, OverflowError, zlib.error)
"""What h5py raises for malformed content."""


class Hdf5File:
    """An HDF5 file that is open for reading.

    Paths of groups and arrays are names joined by "/"; "" is the file itself.

    Parameters
    ----------
    stream : seekable binary file
        Stays open when this is closed.
    what : str
        What needs the library, for the message if it is missing.

    Raises
    ------
    TensorError
        If it is not an HDF5 file. Methods raise this error for malformed content.
    FileError
        If the library h5py is not installed.
    """

    def __init__(self, stream: IO[bytes], what: str) -> None:
        self._h5py = import_library("h5py", what)
        self._stream = stream
        self._bytes = stream.seek(0, os.SEEK_END)
        self._heap_sizes = check_heaps(stream)
        with _convert_errors("this is not an HDF5 file, or only a part of one"):
            # By its path, the library would open the files that this one refers to.
            self._file = self._h5py.File(stream, "r")

    def close(self) -> None:
        """Close the file."""
        with _convert_errors("it cannot be closed"):
            self._file.close()

    def text(self, path: str, name: str) -> str:
        """Return the text of an attribute of a group; "" if there is none."""
        return "".join((self.texts(path, name) or [])[:1])

    def texts(self, path: str, name: str) -> list[str] | None:
        """Return the texts of an attribute of a group; None if there is none.

        Keras divides long lists into several attributes, called NAME0, NAME1 and so on.
        """
        with _errors_of(path):
            group = self._group(path)
            if self._h5py.h5a.exists(group.id, name.encode()):
                return self._attribute(group, name)
            texts: list[str] = []
            for number in range(MAX_HDF5_OBJECTS):
                if not self._h5py.h5a.exists(group.id, f"{name}{number}".encode()):
                    return texts if number else None
                texts += self._attribute(group, f"{name}{number}")
                _check("texts in an attribute", len(texts), MAX_HDF5_OBJECTS)
            return texts

    def has(self, path: str) -> bool:
        """Return whether there is a group or array; links to other places do not count."""
        with _errors_of(path):
            return self._open(path) is not None

    def arrays(self, path: str = "") -> list[str]:
        """Return the paths of all arrays in a group and those inside it, in the order of the file.

        Raises
        ------
        TensorError
            If there are more than `MAX_HDF5_OBJECTS` groups and arrays, groups are nested more deeply than
            `MAX_NESTING`, or there is a link to another place or file.
        """
        found: list[str] = []
        with _errors_of(path):
            self._walk(self._group(path).id, path, found, count=0, depth=1)
        return found

    def info(self, path: str) -> TensorInfo:
        """Return the shape and the type of an array, in words if the values are neither integers nor floats."""
        with _errors_of(path):
            dataset = self._dataset(path)
            shape, dtype = tuple(dataset.shape), self._value_type(dataset)
            if isinstance(dtype, str):
                return TensorInfo(shape, dtype, math.prod(shape) * 4)
            return TensorInfo(shape, dtype.name, math.prod(shape) * dtype.itemsize)

    def read(self, path: str) -> NDArray[Any]:
        """Read an array of integers or floats. Check `info(path).nbytes` against a limit first.

        Raises
        ------
        TensorError
            If the values are not in the file, are not numbers, or the chunks of the array are much larger than it.
        """
        with _errors_of(path):
            dataset = self._dataset(path)
            shape, dtype = tuple(dataset.shape), self._value_type(dataset)
            if dtype == "bfloat16":
                halves = self._values(dataset, BFLOAT16_BYTES).view("<u2")
                return decode_small_floats(halves, "bfloat16").reshape(shape)
            if isinstance(dtype, str):
                raise TensorError(f"its values are {dtype}; numbers are needed")
            values: NDArray[Any] = self._values(dataset, dtype.itemsize).view(dtype)
            return values.reshape(shape)

    # Groups and attributes

    def _open(self, path: str) -> Any:
        """Return the identifier of the group or array at a path; None if plain links do not lead to one."""
        h5py = self._h5py
        found = h5py.h5g.open(self._file.id, b"/")
        for name in path.split("/") if path else ():
            encoded = name.encode()
            if not isinstance(found, h5py.h5g.GroupID) or not name or not found.links.exists(encoded):
                return None
            if found.links.get_info(encoded).type != h5py.h5l.TYPE_HARD:
                return None
            found = h5py.h5o.open(found, encoded)
        return found

    def _group(self, path: str) -> Any:
        found = self._open(path)
        if not isinstance(found, self._h5py.h5g.GroupID):
            raise TensorError("there is no such group")
        return self._h5py.Group(found)

    def _dataset(self, path: str) -> Any:
        """Return the identifier of an array."""
        found = self._open(path)
        if not isinstance(found, self._h5py.h5d.DatasetID):
            raise TensorError("there is no such array")
        if found.get_space().get_simple_extent_type() == self._h5py.h5s.NULL:
            raise TensorError("the array is empty")
        return found

    def _walk(self, group: Any, path: str, found: list[str], count: int, depth: int) -> int:
        """Append the paths of the arrays in a group to `found`; return `count` plus the number of objects."""
        h5py = self._h5py
        links: list[tuple[bytes, int]] = []

        def add(name: bytes, link: Any) -> bool:
            links.append((name, link.type))
            return len(links) > MAX_HDF5_OBJECTS

        _check("groups inside each other", depth, MAX_NESTING)
        group.links.iterate(add, info=True)
        count += len(links)
        _check("groups and arrays", count, MAX_HDF5_OBJECTS)
        for encoded, kind in links:
            below = f"{path}/{encoded.decode()}" if path else encoded.decode()
            if kind != h5py.h5l.TYPE_HARD:
                raise TensorError(f"{shortened(below)} is a link to another place or file, which is not followed")
            member = h5py.h5o.get_info(group, encoded).type
            if member == h5py.h5o.TYPE_DATASET:
                found.append(below)
            elif member == h5py.h5o.TYPE_GROUP:
                count = self._walk(h5py.h5g.open(group, encoded), below, found, count, depth + 1)
        return count

    def _attribute(self, group: Any, name: str) -> list[str]:
        """Return the texts of an attribute, one or many; none if it is an empty array."""
        attribute = self._h5py.h5a.open(group.id, name.encode())
        kind, count = attribute.get_type(), int(attribute.get_space().get_simple_extent_npoints())
        if count == 0:
            return []
        if not isinstance(kind, self._h5py.h5t.TypeStringID):
            raise TensorError(f"the attribute {name} is not text")
        _check("texts in an attribute", count, MAX_HDF5_OBJECTS)
        _check("bytes of text in an attribute", count * kind.get_size(), MAX_META_BYTES)
        if kind.is_variable_str():
            self._check_lengths(group, name, count)
        values = np.ravel(np.asarray(group.attrs[name], object))
        texts = [value.decode() if isinstance(value, bytes) else str(value) for value in values]
        _check("characters in an attribute", sum(map(len, texts)), MAX_META_BYTES)
        return texts

    def _check_lengths(self, group: Any, name: str, count: int) -> None:
        """Check that the texts of an attribute are as long as it says, which is allocated before they are read."""
        address = self._h5py.h5o.get_info(group.id).addr
        for length, heap, number in text_references(self._stream, address, name, count):
            if length > self._heap_sizes.get((heap, number), 0):
                raise TensorError(f"a text of the attribute {name} is not in the file")

    # Values

    def _values(self, dataset: Any, item_bytes: int) -> NDArray[np.uint8]:
        """Return the bytes of all values of an array."""
        h5d, properties = self._h5py.h5d, dataset.get_create_plist()
        size = math.prod(dataset.shape) * item_bytes
        layout = properties.get_layout()
        if properties.get_external_count() or layout == h5d.VIRTUAL:
            raise TensorError("its values are in another file, which is not opened")
        if layout == h5d.CHUNKED:
            return self._chunks(dataset, properties, item_bytes)
        if layout == h5d.CONTIGUOUS:
            return self._bytes_at(dataset.get_offset(), size)
        if dataset.get_storage_size() != size:
            raise TensorError("its values are not in the file")
        values = np.zeros(size, np.uint8)
        space = dataset.get_space()
        dataset.read(space, space, values, dataset.get_type())
        return values

    def _bytes_at(self, offset: int | None, size: int) -> NDArray[np.uint8]:
        """Return a part of the file."""
        if offset is None or not 0 < size <= self._bytes - offset:
            raise TensorError("its values are not in the file")
        values = np.empty(size, np.uint8)
        self._stream.seek(offset)
        if self._stream.readinto(values) != size:  # type: ignore[attr-defined] # a binary stream has it
            raise TensorError("its values are not in the file")
        return values

    def _chunks(self, dataset: Any, properties: Any, item_bytes: int) -> NDArray[np.uint8]:
        """Return the bytes of all values of an array that is stored in chunks, blocks of equal shape."""
        shape, chunk = dataset.shape, properties.get_chunk()
        filters = _filters(properties)
        counts = [-(-side // step) for side, step in zip(shape, chunk, strict=True)]
        size, padded = (math.prod(sides) * item_bytes for sides in (shape, map(int.__mul__, counts, chunk)))
        if padded > max(SMALL_CHUNKS, MAX_CHUNK_WASTE * size):
            raise TensorError(f"its chunks of shape {chunk} are much larger than the array of shape {shape}")
        _check("chunks in an array", math.prod(counts), MAX_HDF5_OBJECTS)
        if size > (limit := expansion_limit(self._bytes)):
            raise TensorError(f"{limit_text('bytes', size, limit)} for a file of this size")
        values = np.empty((*shape, item_bytes), np.uint8)
        for index in np.ndindex(*counts):
            start = tuple(map(int.__mul__, index, chunk))
            stored = dataset.get_chunk_info_by_coord(start)
            packed = self._bytes_at(stored.byte_offset, stored.size)
            used = [name for place, name in enumerate(filters) if not stored.filter_mask >> place & 1]
            block = _unpacked(packed, used, math.prod(chunk), item_bytes).reshape(*chunk, item_bytes)
            region = tuple(slice(first, first + step) for first, step in zip(start, chunk, strict=True))
            part = values[region]
            part[...] = block[tuple(map(slice, part.shape))]
        return values.reshape(-1)

    def _value_type(self, dataset: Any) -> np.dtype[Any] | str:
        """Return the type of an array's values, as NumPy has it; otherwise a word for it."""
        h5t, kind = self._h5py.h5t, dataset.get_type()
        if isinstance(kind, h5t.TypeFloatID | h5t.TypeIntegerID):
            dtype: np.dtype[Any] = np.dtype(kind.dtype)
            known = dtype.kind in "iuf" and kind.equal(h5t.py_create(dtype))
            return dtype if known else "numbers of an unusual type"
        if isinstance(kind, h5t.TypeOpaqueID):
            return "bfloat16" if kind.get_size() == BFLOAT16_BYTES else "opaque"
        return "text" if isinstance(kind, h5t.TypeStringID) else "of a type without numbers"


def _filters(properties: Any) -> list[int]:
    """Return the numbers of the filters of an array's chunks, in the order in which they were applied."""
    numbers = [properties.get_filter(index)[0] for index in range(properties.get_nfilters())]
    for number in numbers:
        if number not in (DEFLATE, SHUFFLE, CHECKSUM):
            raise TensorError(f"its values are compressed by the filter {number} of HDF5; only gzip is read")
    return numbers


def _unpacked(packed: NDArray[np.uint8], filters: Sequence[int], items: int, item_bytes: int) -> NDArray[np.uint8]:
    """Return the bytes of a chunk of `items` values after its filters are undone, the last one first."""
    size = items * item_bytes
    for place, number in reversed(list(enumerate(filters))):
        if number == CHECKSUM:
            packed = packed[:-CHECKSUM_BYTES]
        elif number == DEFLATE:
            more = CHECKSUM_BYTES * filters[:place].count(CHECKSUM)
            unpacked = zlib.decompressobj().decompress(packed.data, size + more + 1)
            packed = np.frombuffer(unpacked, np.uint8)
        elif item_bytes > 1:
            if packed.size != size:
                break
            packed = packed.reshape(item_bytes, items).T.reshape(-1)  # first bytes first, then second bytes, …
    if packed.size != size:
        raise TensorError(f"a chunk has another size than the {size:,} bytes of its values")
    return packed


def _check(what: str, value: int, limit: int) -> None:
    if value > limit:
        raise TensorError(limit_text(what, value, limit))


def _errors_of(path: str) -> AbstractContextManager[None]:
    """Return a context in which errors become a `TensorError` that names a group or array."""
    return _convert_errors(shortened(path) if path else "")


@contextmanager
def _convert_errors(what: str) -> Iterator[None]:
    """Convert the exceptions of `READ_ERRORS` to `TensorError`, with `what` before their text."""
    try:
        yield
    except (*READ_ERRORS, TensorError) as error:
        # The library seeks to positions from the file, of which some do not exist (EINVAL).
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        reason = shortened(str(error), MAX_REASON_CHARACTERS) or type(error).__name__
        raise TensorError(f"{what}: {reason}" if what else reason) from error
