"""Datasets in the format of Keras: `mnist.npz` and other `.npz` files with x_train, y_train, x_test and y_test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from cnnfx.system.limits import MAX_LABEL
from cnnfx.system.npz import CompressionError, NpzError, NpzReader, read_header, read_values

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
"""The names of the arrays of images (x) and labels (y)."""


def load_keras(path: Path) -> Dataset:
    """Load the dataset of a `.npz` file.

    Images are whole numbers in 0..255 or 0..65535, or fractions in 0..1, of shape (N, H, W) or (N, H, W, C) with C 1 or
    3; labels are integers of shape (N,) or (N, 1).

    Raises
    ------
    FileError
        If arrays are missing, damaged, of other types or shapes, too large, or do not match. Sizes are checked before
        memory is allocated.
    """
    try:
        with NpzReader(path) as archive:
            missing = [name for name in ARRAYS if name not in archive.names]
            if missing:
                raise FileError(
                    f"{path}: it has no array {', '.join(missing)}. Keras' archives hold {', '.join(ARRAYS[:3])} "
                    f"and {ARRAYS[3]}."
                )
            train, train_labels = _read_pair(path, archive, "train")
            test, test_labels = _read_pair(path, archive, "test")
    except OSError as error:
        raise FileError(f"{path}: it cannot be read: {error.strerror or error}.") from error
    except CompressionError as error:
        raise FileError(f"{path}: {error}.") from error
    except NpzError as error:
        raise FileError(f"{path}: the archive is truncated or damaged. Get the file again.") from error
    if train.shape[1:] != test.shape[1:]:
        raise FileError(
            f"{path}: x_train and x_test hold images of the shapes {train.shape[1:]} and {test.shape[1:]} (C, H, W)."
        )
    train, test, notes = alike_pixels(str(path), train, test)
    classes, train_labels, test_labels = renumbered(f"{path}: y_test", train_labels, test_labels)
    return Dataset(path.name, train, train_labels, test, test_labels, classes, notes)


def _read_pair(path: Path, archive: NpzReader, part: str) -> tuple[NDArray[Any], Labels]:
    """Read the images (N, C, H, W) and labels (N,) of "train" or "test"."""
    images, labels = _read_images(path, archive, f"x_{part}"), _read_labels(path, archive, f"y_{part}")
    check_counts(f"x_{part}", images, f"{path}: y_{part}", labels)
    return images, labels


def _read_images(path: Path, archive: NpzReader, name: str) -> NDArray[Any]:
    array = _read_numbers(path, archive, name, "biuf", "Pixels are numbers")
    if array.size == 0:
        raise FileError(f"{path}: {name} holds no images: its shape is {array.shape}.")
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3)):
        raise FileError(f"{path}: {name} has the shape {array.shape}. Images are (N, H, W) or (N, H, W, C), C 1 or 3.")
    pixels = as_pixels(f"{path}: {name}", array)
    return np.ascontiguousarray(np.moveaxis(pixels[..., None] if pixels.ndim == 3 else pixels, 3, 1))


def _read_labels(path: Path, archive: NpzReader, name: str) -> Labels:
    array = _read_numbers(path, archive, name, "iu", "Labels are whole numbers")
    if array.size == 0 or array.size != len(array):
        raise FileError(f"{path}: {name} has the shape {array.shape}. Labels are one number per image, (N,).")
    if array.min() < 0 or array.max() > MAX_LABEL:
        raise FileError(f"{path}: {name} holds labels of {array.min()} to {array.max()}. They count from 0.")
    return array.reshape(-1).astype(np.int64)


def _read_numbers(path: Path, archive: NpzReader, name: str, kinds: str, wanted: str) -> NDArray[Any]:
    """Read an array of at least one axis, after a check of its size and the kind of its dtype."""
    with archive.open(name) as stream:
        header = read_header(stream)
        if header.dtype.kind not in kinds:
            raise FileError(f"{path}: {name} holds {header.dtype} values. {wanted}.")
        if not header.shape or header.nbytes > archive.member_bytes(name):
            raise NpzError(f"{name} holds fewer numbers than its shape {header.shape} says")
        count = header.shape[0]
        check_memory(f"{path}: {name}", count, header.nbytes // max(count, 1))
        array = read_values(stream, header)
        if stream.read(1):
            raise NpzError(f"{name} holds more numbers than its shape {header.shape} says")
        return array
