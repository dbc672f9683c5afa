"""The containers of PyTorch's files: the zip archive, and the stream of pickles and storages that preceded it.

The archive (`torch.save` since version 1.6, 2020) has the pickle in `NAME/data.pkl` and each storage in a member of its
own, `NAME/data/KEY`, which is never compressed. The stream has pickles of a magic number, a version, facts about the
machine, the object, and the keys of its storages; then each storage as its number of values (8 bytes) and the values.
"""

from __future__ import annotations

import os
import pickle
import stat
import zipfile
from collections.abc import Callable
from typing import IO, NamedTuple

from cnnfx.formats.pytorch.pickle_reader import PickleReader, TruncatedPickleError
from cnnfx.formats.pytorch.tensors import REBUILD, Storage, load_storage
from cnnfx.formats.tensor_file import TensorError
from cnnfx.system.limits import MAX_PICKLE_BYTES, limit_text
from cnnfx.system.npz import NpzError, check_members, open_zip
from cnnfx.system.text import shown
from cnnfx.system.zip_file import content_start

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
"""What the first pickle of the stream has."""
VERSION = 1001
"""The only version of the stream."""
HOW_TO_SAVE = "save the tensors with torch.save(model.state_dict(), …)"


class Contents(NamedTuple):
    """The object in a file, and where the storages are that its tensors are views of.

    Attributes
    ----------
    value : object
        What the pickle describes; see `PickleReader`.
    other : str
        The path of the first class in it that is not read, such as that of a network; empty if there is none.
    locate : function
        Returns where a storage starts in the file, in bytes, after a check that the file has all of it; raises
        `TensorError`.
    """

    value: object
    other: str
    locate: Callable[[Storage], int]


def read_contents(file: IO[bytes]) -> Contents:
    """Read the object in a file that is open for reading.

    Raises
    ------
    TensorError
        If it is not a file of `torch.save` or `torch.jit.save`, or damaged, or has values in big-endian order.
    """
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise TensorError("this is not a regular file")
    if file.read(2) == b"PK":
        return _read_archive(file)
    file.seek(257)
    if file.read(5) == b"ustar":
        raise TensorError(f"this is in the tar format of PyTorch before 0.1.10; load it with PyTorch and {HOW_TO_SAVE}")
    return _read_stream(file, status.st_size)


def _read_archive(file: IO[bytes]) -> Contents:
    archive = _Archive(file)
    if "byteorder" in archive and archive.read("byteorder", 6) != b"little":
        raise TensorError("its values are in big-endian order, which is not read")
    _, size = archive.locate("data.pkl")
    if size > MAX_PICKLE_BYTES:
        raise TensorError(limit_text("bytes in its pickle", size, MAX_PICKLE_BYTES))
    reader = PickleReader(archive.read("data.pkl", size), REBUILD, load_storage)
    value = reader.load()

    def locate(storage: Storage) -> int:
        start, size = archive.locate(f"data/{storage.key}")
        if size < storage.nbytes:
            raise TensorError(f"its storage has {size:,} bytes rather than {storage.nbytes:,}")
        return start

    return Contents(value, reader.other, locate)


class _Archive:
    """The members of an archive, all in one folder and none compressed.

    Their bytes are read at their place in the file rather than by `zipfile`: of a large storage, only what is needed.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            archive = open_zip(file)
        except NpzError as error:
            raise TensorError("this is not a zip archive of PyTorch, or only a part of one") from error
        try:
            check_members(archive.infolist())
        except NpzError as error:
            raise TensorError(str(error)) from error
        self._file, self._end = file, archive.start_dir
        self._members = {member.filename: member for member in archive.infolist()}
        if len(self._members) < len(archive.infolist()):
            raise TensorError("two members of the archive have the same name")
        pickles = [name for name in self._members if name == "data.pkl" or name.endswith("/data.pkl")]
        if not pickles and any(name.endswith("/archive_format") for name in self._members):
            raise TensorError(f"this is an archive of torch.export, which is not read; {HOW_TO_SAVE}")
        if not pickles:
            raise TensorError("this is a zip archive without data.pkl, not one of torch.save")
        self._folder = pickles[0].removesuffix("data.pkl")

    def __contains__(self, name: str) -> bool:
        return self._folder + name in self._members

    def locate(self, name: str) -> tuple[int, int]:
        """Return where the content of a member starts in the file, and its size in bytes."""
        name = self._folder + name
        member = self._members.get(name)
        if member is None:
            raise TensorError(f"the archive has no member {shown(name)}")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise TensorError(f"the member {shown(name)} of the archive is compressed, as torch.save never does")
        try:
            return content_start(self._file, member, self._end), member.file_size
        except ValueError as error:
            raise TensorError(f"the member {shown(name)} of the archive is damaged") from error

    def read(self, name: str, most: int) -> bytes:
        """Return the first bytes of a member, at most `most`."""
        start, size = self.locate(name)
        self._file.seek(start)
        return self._file.read(min(size, most))


def _read_stream(file: IO[bytes], file_size: int) -> Contents:
    file.seek(0)
    data = file.read(min(file_size, MAX_PICKLE_BYTES))
    if data and not data.startswith(pickle.PROTO):
        raise TensorError(f"this is not a file that torch.save wrote; {HOW_TO_SAVE}")
    storages: dict[str, Storage] = {}

    def load_and_record(identifier: object) -> object:
        loaded = load_storage(identifier)
        if isinstance(loaded, Storage):
            first = storages.setdefault(loaded.key, loaded)
            if (first.dtype, first.total) != (loaded.dtype, loaded.total):
                raise ValueError("two sizes of a storage")
        return loaded

    reader = PickleReader(data, REBUILD, load_and_record)
    try:
        if reader.load() != MAGIC_NUMBER:
            raise TensorError(f"this is a pickle, but not of torch.save; {HOW_TO_SAVE}")
        if reader.load() != VERSION:
            raise TensorError("its version of the format of torch.save is not known")
        machine = reader.load()
        if isinstance(machine, dict) and machine.get("little_endian") is False:
            raise TensorError("its values are in big-endian order, which is not read")
        value, keys = reader.load(), reader.load()
    except TruncatedPickleError as error:
        if file_size > len(data):
            raise TensorError(limit_text("bytes in its pickle", file_size, MAX_PICKLE_BYTES)) from error
        raise
    starts = _storage_starts(file, reader.position, file_size, keys, storages)

    def locate(storage: Storage) -> int:
        if storage.key not in starts:
            raise TensorError("its storage is missing")
        return starts[storage.key]

    return Contents(value, reader.other, locate)


def _storage_starts(
    file: IO[bytes], position: int, file_size: int, keys: object, storages: dict[str, Storage]
) -> dict[str, int]:
    """Return where each storage of a stream starts; `position` is the end of the pickles."""
    if not isinstance(keys, list):
        raise TensorError("its list of storages is malformed")
    starts: dict[str, int] = {}
    for key in keys:
        if not isinstance(key, str) or key not in storages or key in starts:
            raise TensorError("its list of storages is malformed")
        file.seek(position)
        count = int.from_bytes(file.read(8), "little")
        storage = storages[key]
        starts[key] = position + 8
        position += 8 + storage.nbytes
        if position > file_size:
            raise TensorError("the file is truncated: its storages are not complete")
        if count != storage.total:
            raise TensorError(f"a storage has {count:,} values rather than {storage.total:,}: the file is damaged")
    return starts
