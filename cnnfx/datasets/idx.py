"""IDX files, the format of MNIST and similar datasets: a magic number, the sizes of the axes, then the values.

The magic number is two zero bytes, the code of the values' type and the number of axes. Each size is a big-endian
unsigned 32-bit integer. See http://yann.lecun.com/exdb/mnist/.
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

from cnnfx.datasets.dataset import Dataset, Images, Labels, check_counts, check_memory, numbered_classes
from cnnfx.errors import FileError

GZIP_SIGNATURE = b"\x1f\x8b"
"""The first bytes of a gzip file."""
MAX_COMPRESSION = 1032
"""The largest ratio of decompressed to compressed bytes that deflate reaches."""
UINT8 = 8
"""The code of unsigned bytes in the magic number."""
VALUE_TYPES = {
    UINT8: "bytes",
    9: "signed bytes",
    11: "16-bit integers",
    12: "32-bit integers",
    13: "floats",
    14: "doubles",
}
"""The types of values by their codes in the magic number."""
CONTENTS = {3: "images", 1: "labels"}
"""The contents of a file by its number of axes."""
FILE_NAME = re.compile(
    r"(?P<prefix>.*?)(?P<part>train|t10k|test)-(?P<content>images|labels)[-.]idx[13]-ubyte(\.gz)?", re.IGNORECASE
)
"""The file names of MNIST, Fashion-MNIST, KMNIST, QMNIST and EMNIST."""


class IdxFiles(NamedTuple):
    """The four files of a dataset."""

    train_images: Path
    train_labels: Path
    test_images: Path
    test_labels: Path


def is_idx_name(name: str) -> bool:
    """Return whether a file is named as MNIST's files are."""
    return FILE_NAME.fullmatch(name) is not None


def find_idx(folder: Path) -> dict[str, dict[str, Path]]:
    """Find the IDX files in a folder.

    Returns
    -------
    dict of str to dict of str to Path
        The files by prefix of their names ("" for MNIST) and field of `IdxFiles`. If a file exists both plain and
        gzipped, the plain one is returned.

    Raises
    ------
    FileError
        If the folder cannot be read.
    """
    found: dict[str, dict[str, Path]] = {}
    try:
        names = sorted(os.listdir(folder), reverse=True)  # "name.gz" before "name", which replaces it
    except OSError as error:
        raise FileError(f"{folder}: the folder cannot be read: {error.strerror}.") from error
    for name in names:
        if match := FILE_NAME.fullmatch(name):
            part = "train" if match["part"].lower() == "train" else "test"
            found.setdefault(match["prefix"], {})[f"{part}_{match['content'].lower()}"] = folder / name
    return found


def load_idx(path: Path) -> Dataset:
    """Load the dataset of four IDX files.

    Parameters
    ----------
    path : Path
        The folder of the files, or one of them.

    Returns
    -------
    Dataset
        The class names are the labels "0", "1" …. EMNIST's images, which are transposed in its files, are transposed
        back.

    Raises
    ------
    FileError
        If files are missing, damaged or do not match.
    """
    files = _find_four(path)
    train, train_labels = _read_pair(files.train_images, files.train_labels)
    test, test_labels = _read_pair(files.test_images, files.test_labels)
    if train.shape[1:] != test.shape[1:]:
        sizes = " and ".join(_join_sizes(images.shape[2:]) for images in (train, test))
        raise FileError(f"{path}: the images for training and for testing differ in size: {sizes}.")
    notes: tuple[str, ...] = ()
    if files.train_images.name.lower().startswith("emnist"):
        train, test = np.ascontiguousarray(train.swapaxes(2, 3)), np.ascontiguousarray(test.swapaxes(2, 3))
        notes = (f"{path}: EMNIST's images are transposed in its files; they were transposed back.",)
    classes = numbered_classes(str(files.test_labels), train_labels, test_labels)
    return Dataset(path.name or str(path), train, train_labels, test, test_labels, classes, notes)


def read_idx(name: str, stream: IO[bytes], axes: int) -> Images:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Parameters
    ----------
    name : str
        The name of the file, for messages.
    stream : seekable binary file
    axes : 3 or 1
        The expected number of axes: 3 for images (N, H, W), 1 for labels (N,).

    Returns
    -------
    array (N, H, W) or (N,), uint8

    Raises
    ------
    FileError
        If the file is not IDX, contains other values or axes, is damaged, shorter or longer than its header says, or
        too large. The sizes are checked before memory is allocated.
    """
    file_size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    is_gzip = stream.read(len(GZIP_SIGNATURE)) == GZIP_SIGNATURE
    stream.seek(0)
    if not file_size:
        raise FileError(f"{name}: it is empty. Get the file again.")
    try:
        content: IO[bytes] = cast(IO[bytes], gzip.GzipFile(fileobj=stream)) if is_gzip else stream
        shape = _read_shape(name, content, axes)
        return _read_values(name, content, shape, file_size * MAX_COMPRESSION if is_gzip else file_size)
    except EOFError:
        raise _truncated(name) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise FileError(f"{name}: its compression is damaged ({error}). Get the file again.") from error


def _find_four(path: Path) -> IdxFiles:
    """Return the files of the only dataset in a folder, or of the dataset to which a file belongs."""
    found = find_idx(path if path.is_dir() else path.parent)
    if not path.is_dir() and (match := FILE_NAME.fullmatch(path.name)):
        found = {match["prefix"]: found[match["prefix"]]}
    if len(found) > 1:
        names = ", ".join(sorted(prefix.rstrip("-_.") or "one without a prefix" for prefix in found))
        raise FileError(
            f"{path}: it holds several datasets ({names}). Give the file of training images of one of them."
        )
    prefix, files = next(iter(found.items()), ("", {}))
    missing = ", ".join(_expected_name(prefix, field) for field in IdxFiles._fields if field not in files)
    if missing:
        raise FileError(f"{path}: there is no {missing} (gzipped or not) with the other files of the dataset.")
    return IdxFiles(**files)


def _expected_name(prefix: str, field: str) -> str:
    part, content = field.split("_")
    return f"{prefix}{'t10k' if part == 'test' else part}-{content}-idx{3 if content == 'images' else 1}-ubyte"


def _read_pair(images_path: Path, labels_path: Path) -> tuple[Images, Labels]:
    """Read images (N, 1, H, W) and their labels (N,)."""
    images = _read_file(images_path, 3)[:, np.newaxis]
    labels = _read_file(labels_path, 1).astype(np.int64)
    check_counts(str(images_path), images, str(labels_path), labels)
    return images, labels


def _read_file(path: Path, axes: int) -> Images:
    try:
        with path.open("rb") as stream:
            return read_idx(str(path), stream, axes)
    except OSError as error:
        raise FileError(f"{path}: it cannot be read: {error.strerror or error}.") from error


def _read_shape(name: str, content: IO[bytes], axes: int) -> tuple[int, ...]:
    """Read the magic number and return the sizes of the axes."""
    magic = content.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in VALUE_TYPES:
        expected = bytes([0, 0, UINT8, axes])
        raise FileError(f"{name}: it is not an IDX file: it begins with {magic!r}, not with {expected!r}.")
    if magic[2] != UINT8:
        expected_content = CONTENTS[axes].capitalize()
        raise FileError(f"{name}: it holds {VALUE_TYPES[magic[2]]}. {expected_content} are read as bytes.")
    if magic[3] != axes:
        held = CONTENTS.get(magic[3], f"an array of {magic[3]} axes")
        raise FileError(f"{name}: it holds {held}, not {CONTENTS[axes]}.")
    sizes = content.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise _truncated(name)
    return struct.unpack(f">{axes}I", sizes)


def _read_values(name: str, content: IO[bytes], shape: tuple[int, ...], max_bytes: int) -> Images:
    """Read the values to the end of the file, which contains at most `max_bytes` bytes of values."""
    if 0 in shape:
        raise FileError(f"{name}: it holds no {CONTENTS[len(shape)]}: its sizes are {_join_sizes(shape)}.")
    check_memory(name, shape[0], math.prod(shape[1:]))
    if math.prod(shape) > max_bytes:
        raise _truncated(name)
    array = np.empty(math.prod(shape), np.uint8)
    remaining = array.data
    while len(remaining):
        count = content.readinto(remaining)  # type: ignore[attr-defined]
        if not count:
            raise _truncated(name)
        remaining = remaining[count:]
    if content.read(1):
        raise FileError(f"{name}: it is longer than its header says ({_join_sizes(shape)} bytes). Get the file again.")
    return array.reshape(shape)


def _join_sizes(sizes: Iterable[int]) -> str:
    return "×".join(map(str, sizes))


def _truncated(name: str) -> FileError:
    return FileError(f"{name}: it is truncated: it holds fewer bytes than its header says. Get the file again.")
