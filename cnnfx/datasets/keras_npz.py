"""Keras' archives: `mnist.npz` and others with the arrays x_train, y_train, x_test and y_test."""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets.dataset import Dataset, Images, Labels, check_memory, check_pair, numbered
from cnnfx.errors import FileError

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
MOST_LABELS = 10_000
"""A label beyond this is taken for damage."""
DAMAGE = (ValueError, SyntaxError, LookupError, EOFError, OverflowError, TypeError, RuntimeError, NotImplementedError)
BROKEN = (*DAMAGE, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What NumPy, `zipfile` and the modules below them raise where a file's content makes no sense."""


def load_keras(path: Path) -> Dataset:
    """The dataset of an archive.

    Images are whole numbers of 0..255, (N, H, W) or (N, H, W, C); labels are whole numbers, (N,) or (N, 1).

    Raises
    ------
    FileError
        If arrays are missing, damaged, of other types or shapes, too large, or do not fit each other. Sizes are checked
        before memory is taken for them.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            train, train_labels = _pair(path, archive, "train")
            test, test_labels = _pair(path, archive, "test")
    except OSError as error:
        raise FileError(f"{path}: it cannot be read: {error.strerror or error}.") from error
    except BROKEN as error:
        raise FileError(f"{path}: the archive is cut off or damaged. Get the file again.") from error
    if train.shape[1:] != test.shape[1:]:
        raise FileError(
            f"{path}: x_train and x_test hold images of the shapes {train.shape[1:]} and {test.shape[1:]} (C, H, W)."
        )
    classes = numbered(f"{path}: y_test", train_labels, test_labels)
    return Dataset(path.name, train, train_labels, test, test_labels, classes)


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    held = set(archive.namelist())
    missing = [name for name in ARRAYS if f"{name}.npy" not in held]
    if missing:
        raise FileError(
            f"{path}: it has no array {', '.join(missing)}. Keras' archives hold x_train, y_train, x_test and y_test."
        )


def _pair(path: Path, archive: zipfile.ZipFile, part: str) -> tuple[Images, Labels]:
    images, labels = _images(path, archive, f"x_{part}"), _labels(path, archive, f"y_{part}")
    check_pair(f"x_{part}", images, f"{path}: y_{part}", labels)
    return images, labels


def _images(path: Path, archive: zipfile.ZipFile, name: str) -> Images:
    """Images (N, C, H, W)."""
    array = _read(path, archive, name)
    if array.ndim not in (3, 4) or array.size == 0 or (array.ndim == 4 and array.shape[3] not in (1, 3)):
        raise FileError(f"{path}: {name} has the shape {array.shape}. Images are (N, H, W) or (N, H, W, C), C 1 or 3.")
    if array.min() < 0 or array.max() > 255:
        raise FileError(f"{path}: {name} holds numbers of {array.min()} to {array.max()}. Pixels are 0 to 255.")
    planes = array[..., None] if array.ndim == 3 else array
    return np.ascontiguousarray(np.moveaxis(planes, 3, 1), dtype=np.uint8)


def _labels(path: Path, archive: zipfile.ZipFile, name: str) -> Labels:
    """Labels (N,)."""
    array = _read(path, archive, name)
    if array.size == 0 or array.size != len(array):
        raise FileError(f"{path}: {name} has the shape {array.shape}. Labels are one number per image, (N,).")
    if array.min() < 0 or array.max() > MOST_LABELS:
        raise FileError(f"{path}: {name} holds labels of {array.min()} to {array.max()}. They count from 0.")
    return array.reshape(-1).astype(np.int64)


def _read(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """An array of whole numbers, whose type and shape are looked at before its content."""
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as stream:
        shape, fortran, dtype = _header(stream)
        if dtype.kind not in "iu":
            raise FileError(f"{path}: {name} holds {dtype} values. Pixels and labels are whole numbers.")
        size = math.prod(shape) * dtype.itemsize
        if not shape or min(shape) < 0 or size > member.file_size:
            raise ValueError(shape)
        check_memory(f"{path}: {name}", shape[0], size // max(shape[0], 1))
        data = stream.read(size)
        if len(data) != size or stream.read(1):
            raise ValueError(len(data))
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape, whether it is in Fortran's order, and the type that a `.npy` begins with."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)
