"""IDX files, in which MNIST and its family are published: a magic number, the sizes, then bytes.

The magic number is two zero bytes, the numbers' type, and how many sizes follow. Each size is a big-endian unsigned
32-bit integer. http://yann.lecun.com/exdb/mnist/ describes it.
"""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets.dataset import Dataset, check_memory, check_pair, numbered
from cnnfx.errors import FileError

GZIP = b"\x1f\x8b"
DENSEST = 1032
"""Deflate makes at most so many bytes of one."""
TYPES = {8: "bytes", 9: "signed bytes", 11: "16-bit integers", 12: "32-bit integers", 13: "floats", 14: "doubles"}
KINDS = {3: "images", 1: "labels"}
"""What a file of so many sizes holds."""
NAME = re.compile(r"(?P<prefix>.*?)(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx[13]-ubyte(\.gz)?", re.I)
"""The names that MNIST, Fashion-MNIST, KMNIST, QMNIST and EMNIST give to their files."""


class Quartet(NamedTuple):
    """The four files of a dataset."""

    train_images: Path
    train_labels: Path
    test_images: Path
    test_labels: Path


def is_idx_name(name: str) -> bool:
    """Whether a file is called as MNIST's and its kin are."""
    return NAME.fullmatch(name) is not None


def find_idx(folder: Path) -> dict[str, dict[str, Path]]:
    """The IDX files in a folder: per prefix of their names ("" for MNIST) those found, as `Quartet` names them.

    A file stands both as it is and gzipped: the first is taken.

    Raises
    ------
    FileError
        If the folder cannot be read.
    """
    found: dict[str, dict[str, Path]] = {}
    try:
        names = sorted(os.listdir(folder), reverse=True)
    except OSError as error:
        raise FileError(f"{folder}: the folder cannot be read: {error.strerror}.") from error
    for name in names:
        if match := NAME.fullmatch(name):
            part = "train" if match["part"].lower() == "train" else "test"
            found.setdefault(match["prefix"], {})[f"{part}_{match['kind'].lower()}"] = folder / name
    return found


def load_idx(path: Path) -> Dataset:
    """The dataset of a folder's four IDX files, or of the four that one of them belongs to.

    The classes are called "0", "1" … as their labels. EMNIST's images, which lie on their side in the files, are set
    upright.

    Raises
    ------
    FileError
        If files are missing or damaged, or do not fit each other.
    """
    files = _quartet(path)
    train, train_labels = _read_pair(files.train_images, files.train_labels)
    test, test_labels = _read_pair(files.test_images, files.test_labels)
    if train.shape[1:] != test.shape[1:]:
        sizes = " and ".join("×".join(map(str, images.shape[2:])) for images in (train, test))
        raise FileError(f"{path}: the images for training and for testing differ in size: {sizes}.")
    notes: tuple[str, ...] = ()
    if files.train_images.name.lower().startswith("emnist"):
        train, test = np.ascontiguousarray(train.swapaxes(2, 3)), np.ascontiguousarray(test.swapaxes(2, 3))
        notes = (f"{path}: EMNIST's images lie on their side in its files; they were set upright.",)
    classes = numbered(str(files.test_labels), train_labels, test_labels)
    return Dataset(path.name or str(path), train, train_labels, test, test_labels, classes, notes)


def _quartet(path: Path) -> Quartet:
    found = find_idx(path if path.is_dir() else path.parent)
    if not path.is_dir() and (match := NAME.fullmatch(path.name)):
        found = {match["prefix"]: found[match["prefix"]]}
    if len(found) > 1:
        raise FileError(
            f"{path}: it holds several datasets ({', '.join(sorted(map(_shown, found)))}). "
            "Give the file of one's images for training."
        )
    prefix, files = next(iter(found.items()), ("", {}))
    missing = [name for name in Quartet._fields if name not in files]
    if missing:
        names = ", ".join(_expected(prefix, name) for name in missing)
        raise FileError(f"{path}: there is no {names} (gzipped or not) with the other files of the dataset.")
    return Quartet(**files)


def _shown(prefix: str) -> str:
    return prefix.rstrip("-_.") or "one without a prefix"


def _expected(prefix: str, name: str) -> str:
    part, kind = name.split("_")
    return f"{prefix}{'t10k' if part == 'test' else part}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"


def _read_pair(images: Path, labels: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (N, 1, H, W) and their labels (N,)."""
    pixels, numbers = _read_file(images, 3)[:, None], _read_file(labels, 1).astype(np.int64)
    check_pair(str(images), pixels, str(labels), numbers)
    return pixels, numbers


def _read_file(path: Path, sizes: int) -> NDArray[np.uint8]:
    try:
        with path.open("rb") as stream:
            return read_idx(str(path), stream, sizes)
    except OSError as error:
        raise FileError(f"{path}: it cannot be read: {error.strerror or error}.") from error


def read_idx(name: str, stream: IO[bytes], sizes: int) -> NDArray[np.uint8]:
    """The bytes of an IDX file, gzipped or not.

    Parameters
    ----------
    name : str
        What messages call the file.
    stream : seekable binary file
    sizes : int
        How many sizes it should have: 3 for images (N, H, W), 1 for labels (N,).

    Raises
    ------
    FileError
        If it is not IDX, holds other than bytes or another number of sizes, is cut off, damaged, longer than its sizes
        tell, or too large. The sizes are checked before memory is taken for them.
    """
    length = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    zipped = stream.read(2) == GZIP
    stream.seek(0)
    if not length:
        raise FileError(f"{name}: it is empty. Get the file again.")
    try:
        content: IO[bytes] = cast(IO[bytes], gzip.GzipFile(fileobj=stream)) if zipped else stream
        shape = _read_shape(name, content, sizes)
        return _read_bytes(name, content, shape, length * DENSEST if zipped else length)
    except EOFError:
        raise _cut_off(name) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise FileError(f"{name}: its compression is damaged ({error}). Get the file again.") from error


def _read_shape(name: str, content: IO[bytes], sizes: int) -> tuple[int, ...]:
    """The sizes that the file tells, in numbers as many as are expected."""
    magic = content.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        raise FileError(
            f"{name}: it is not an IDX file: it begins with {magic!r}, not with {bytes([0, 0, 8, sizes])!r}."
        )
    if magic[2] != 8:
        raise FileError(f"{name}: it holds {TYPES[magic[2]]}. {KINDS[sizes].capitalize()} are read as bytes.")
    if magic[3] != sizes:
        held = KINDS.get(magic[3], f"an array of {magic[3]} axes")
        raise FileError(f"{name}: it holds {held}, not {KINDS[sizes]}.")
    header = content.read(4 * sizes)
    if len(header) < 4 * sizes:
        raise _cut_off(name)
    return struct.unpack(f">{sizes}I", header)


def _read_bytes(name: str, content: IO[bytes], shape: tuple[int, ...], most: int) -> NDArray[np.uint8]:
    """As many bytes as the sizes tell, `most` of which there can be; then the end."""
    if 0 in shape:
        raise FileError(f"{name}: it holds no {KINDS[len(shape)]}: its sizes are {_times(shape)}.")
    check_memory(name, shape[0], math.prod(shape[1:]))
    if math.prod(shape) > most:
        raise _cut_off(name)
    array = np.empty(math.prod(shape), np.uint8)
    rest = array.data
    while len(rest):
        read = content.readinto(rest)  # type: ignore[attr-defined]
        if not read:
            raise _cut_off(name)
        rest = rest[read:]
    if content.read(1):
        raise FileError(f"{name}: it goes on behind the {_times(shape)} bytes that it tells of. Get the file again.")
    return array.reshape(shape)


def _times(sizes: Iterable[int]) -> str:
    return "×".join(map(str, sizes))


def _cut_off(name: str) -> FileError:
    return FileError(f"{name}: it is cut off: it holds fewer bytes than it tells of. Get the file again.")
