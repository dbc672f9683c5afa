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
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets.dataset import (
    Dataset,
    Labels,
    alike_pixels,
    as_pixels,
    check_counts,
    check_memory,
    renumbered,
)
from cnnfx.errors import FileError
from cnnfx.system.limits import MAX_LABEL, MAX_MAPPING_BYTES

GZIP_SIGNATURE = b"\x1f\x8b"
"""The first bytes of a gzip file."""
MAX_COMPRESSION = 1032
"""The largest ratio of decompressed to compressed bytes that deflate reaches."""
UINT8 = 8
"""The code of unsigned bytes in the magic number."""
VALUE_TYPES = {UINT8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""The types of values by their codes in the magic number."""
MAX_CODE_DIGITS = 9
"""The most digits of a number in such a mapping."""
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

    Kaggle's archives of MNIST hold each file twice, the second in a folder of its own name; such files are found, too.

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
    paths = [folder / name for name in _listed(folder)]
    inner = [path / name for path in paths if is_idx_name(path.name) and os.path.isdir(path) for name in _listed(path)]
    # Later ones replace earlier ones: "name" replaces "name.gz", and a file one in a folder of its name.
    for path in [*inner, *(path for path in paths if not os.path.isdir(path))]:
        if match := FILE_NAME.fullmatch(path.name):
            part = "train" if match["part"].lower() == "train" else "test"
            found.setdefault(match["prefix"], {})[f"{part}_{match['content'].lower()}"] = path
    return found


def find_idx_folders(folder: Path) -> list[Path]:
    """Return the sub-folders with IDX files where torchvision puts them, such as `MNIST/raw`, or one level deep.

    Raises
    ------
    FileError
        If a folder cannot be read.
    """
    folders = [folder / name for name in reversed(_listed(folder)) if os.path.isdir(folder / name)]
    raw = [each / "raw" for each in folders if os.path.isdir(each / "raw")]
    return [each for each in (*folders, *raw) if find_idx(each)]


def idx_folder_of(path: Path) -> Path:
    """Return the folder of the dataset if a path is a folder with the name of an IDX file, or in one; else `path`.

    Kaggle's archives hold `train-images-idx3-ubyte/train-images-idx3-ubyte`.
    """
    absolute = path.absolute()
    folder = absolute if os.path.isdir(absolute) else absolute.parent
    return folder.parent if is_idx_name(absolute.name) and is_idx_name(folder.name) else path


def load_idx(path: Path) -> Dataset:
    """Load the dataset of four IDX files.

    Parameters
    ----------
    path : Path
        The folder of the files, or one of them.

    Returns
    -------
    Dataset
        Labels are numbered from 0 without gaps. The class names are the labels of the files as text, or the characters
        of EMNIST's mapping file beside them, such as `emnist-letters-mapping.txt`. EMNIST's images, which are
        transposed in its files, are transposed back.

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
    train, test, notes = alike_pixels(str(path), train, test)
    if files.train_images.name.lower().startswith("emnist"):
        train, test = np.ascontiguousarray(train.swapaxes(2, 3)), np.ascontiguousarray(test.swapaxes(2, 3))
        notes = (
            *notes,
            f"{path}: EMNIST's images are transposed in its files; they were transposed back.",
        )
    names = _read_mapping(files.train_labels, np.union1d(train_labels, test_labels))
    classes, train_labels, test_labels = renumbered(str(files.test_labels), train_labels, test_labels, names)
    return Dataset(path.name or str(path), train, train_labels, test, test_labels, classes, notes)


def read_idx(name: str, stream: IO[bytes], axes: int) -> NDArray[Any]:
    """Read an IDX file, gzipped or not.

    Parameters
    ----------
    name : str
        The name of the file, for messages.
    stream : seekable binary file
    axes : 3 or 1
        The expected number of axes: 3 for images (N, H, W), 1 for labels (N,).

    Returns
    -------
    array (N, H, W) or (N,)
        Images are pixels as `as_pixels` returns them; labels are integers.

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
        dtype, shape = _read_header(name, content, axes)
        values = _read_values(name, content, dtype, shape, file_size * MAX_COMPRESSION if is_gzip else file_size)
    except EOFError:
        raise _truncated(name) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise FileError(f"{name}: its compression is damaged ({error}). Get the file again.") from error
    return as_pixels(f"{name}: it", values) if axes > 1 else _as_labels(name, values)


def _find_four(path: Path) -> IdxFiles:
    """Return the files of the only dataset in a folder, or of the dataset to which a file belongs."""
    found = find_idx(path if os.path.isdir(path) else path.parent)
    if not os.path.isdir(path) and (match := FILE_NAME.fullmatch(path.name)):
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


def _listed(folder: Path) -> list[str]:
    """Return the names in a folder in reverse order, so that "name.gz" comes before "name"."""
    try:
        return sorted(os.listdir(folder), reverse=True)
    except OSError as error:
        raise FileError(f"{folder}: the folder cannot be read: {error.strerror}.") from error


def _read_mapping(labels_path: Path, labels: Labels) -> dict[int, str] | None:
    """Return the characters of labels from the mapping file beside EMNIST's files; None if there is none.

    Each line has a label and the code points of its characters, of which the first one, the capital, is the name.

    Raises
    ------
    FileError
        If the file cannot be read, a line is damaged, or a label is missing.
    """
    match = FILE_NAME.fullmatch(labels_path.name)
    path = labels_path.with_name(f"{match['prefix'] if match else ''}mapping.txt")
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_MAPPING_BYTES).decode("ascii", "replace").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{path}: it cannot be read: {error.strerror or error}.") from error
    names: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        codes = [int(part) for part in parts if part.isdecimal() and len(part) <= MAX_CODE_DIGITS]
        name = chr(codes[1]) if len(codes) == len(parts) >= 2 and codes[1] <= sys.maxunicode else ""
        if not name.isprintable() or not name.strip() or codes[0] in names:
            raise FileError(
                f"{path}: line {number} is not a new label and the codes of its characters, such as 1 65 97."
            )
        names[codes[0]] = name
    missing = [str(label) for label in labels.tolist() if label not in names]
    if missing:
        raise FileError(f"{path}: it does not name the label {missing[0]} of {labels_path.name}.")
    if len({names[label] for label in labels.tolist()}) < len(labels):
        raise FileError(f"{path}: it gives two labels the same name.")
    return names


def _expected_name(prefix: str, field: str) -> str:
    part, content = field.split("_")
    return f"{prefix}{'t10k' if part == 'test' else part}-{content}-idx{3 if content == 'images' else 1}-ubyte"


def _as_labels(name: str, values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "f":
        raise FileError(f"{name}: it holds {values.dtype.name} values. Labels are whole numbers.")
    if values.min() < 0 or values.max() > MAX_LABEL:
        raise FileError(f"{name}: it holds labels of {values.min()} to {values.max()}. They are 0 to {MAX_LABEL}.")
    return values


def _read_pair(images_path: Path, labels_path: Path) -> tuple[NDArray[Any], Labels]:
    """Read images (N, 1, H, W) and their labels (N,)."""
    images = _read_file(images_path, 3)[:, np.newaxis]
    labels = _read_file(labels_path, 1).astype(np.int64)
    check_counts(str(images_path), images, str(labels_path), labels)
    return images, labels


def _read_file(path: Path, axes: int) -> NDArray[Any]:
    try:
        with path.open("rb") as stream:
            return read_idx(str(path), stream, axes)
    except OSError as error:
        raise FileError(f"{path}: it cannot be read: {error.strerror or error}.") from error


def _read_header(name: str, content: IO[bytes], axes: int) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the magic number and the sizes of the axes, and return the type of the values and these sizes."""
    magic = content.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in VALUE_TYPES:
        expected = bytes([0, 0, UINT8, axes])
        raise FileError(f"{name}: it is not an IDX file: it begins with {magic!r}, not with {expected!r}.")
    if magic[3] != axes:
        held = CONTENTS.get(magic[3], f"an array of {magic[3]} axes")
        raise FileError(f"{name}: it holds {held}, not {CONTENTS[axes]}.")
    sizes = content.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise _truncated(name)
    return np.dtype(VALUE_TYPES[magic[2]]), struct.unpack(f">{axes}I", sizes)


def _read_values(
    name: str, content: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...], max_bytes: int
) -> NDArray[Any]:
    """Read the values to the end of the file, which contains at most `max_bytes` bytes of values."""
    if 0 in shape:
        raise FileError(f"{name}: it holds no {CONTENTS[len(shape)]}: its sizes are {_join_sizes(shape)}.")
    size = math.prod(shape) * dtype.itemsize
    check_memory(name, shape[0], size // shape[0])
    if size > max_bytes:
        raise _truncated(name)
    array = np.empty(size, np.uint8)
    remaining = array.data
    while len(remaining):
        count = content.readinto(remaining)  # type: ignore[attr-defined]
        if not count:
            raise _truncated(name)
        remaining = remaining[count:]
    if content.read(1):
        raise FileError(f"{name}: it is longer than its header says ({_join_sizes(shape)} bytes). Get the file again.")
    return array.view(dtype).reshape(shape)


def _join_sizes(sizes: Iterable[int]) -> str:
    return "×".join(map(str, sizes))


def _truncated(name: str) -> FileError:
    return FileError(f"{name}: it is truncated: it holds fewer bytes than its header says. Get the file again.")
