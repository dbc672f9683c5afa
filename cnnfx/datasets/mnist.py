"""Loading of MNIST from the user's cache folder, and its download."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress
from cnnfx.datasets.digit_preprocessing import DIGITS
from cnnfx.datasets.download import RemoteFile, fetch
from cnnfx.datasets.idx import read_idx
from cnnfx.errors import FileError
from cnnfx.system.files import atomic_write
from cnnfx.system.folders import cache_folder

MIRRORS = ("https://storage.googleapis.com/cvdf-datasets/mnist", "https://ossci-datasets.s3.amazonaws.com/mnist")
"""Addresses of MNIST's four files. `$CNNFX_MIRRORS`, addresses separated by blanks, replaces them."""
FILES = {
    "train_images": RemoteFile(
        "train-images-idx3-ubyte.gz", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train_labels": RemoteFile(
        "train-labels-idx1-ubyte.gz", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "test_images": RemoteFile(
        "t10k-images-idx3-ubyte.gz", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "test_labels": RemoteFile(
        "t10k-labels-idx1-ubyte.gz", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}
"""MNIST's files by the names of their arrays in `Dataset`."""


def load_mnist(*, mirrors: Sequence[str] | None = None, progress: Progress | None = None) -> Dataset:
    """Load MNIST from the cache folder. Missing and damaged files are downloaded.

    All content is compared with the published SHA-256 sums.

    Parameters
    ----------
    mirrors : sequence of str, optional
        Addresses of folders on the web; by default those of `$CNNFX_MIRRORS`, or `MIRRORS`.
    progress : callable, optional
        Called with a file's name, the bytes received, and the total bytes or None.

    Returns
    -------
    Dataset
        60,000 training images (1, 28, 28) and 10,000 test images, with a note if they could not be cached.

    Raises
    ------
    FileError
        If a file cannot be downloaded.
    """
    folder = cache_folder() / "mnist"
    if mirrors is None:
        from_environment = os.environ.get("CNNFX_MIRRORS")
        mirrors = MIRRORS if from_environment is None else from_environment.split()
    in_order = list(mirrors)
    notes: list[str] = []
    arrays: list[Images] = []
    for remote in FILES.values():
        array = _read_cached(folder / remote.name, remote)
        if array is None:
            data = fetch(remote, in_order, progress)
            array = _read(remote.name, io.BytesIO(data), remote)
            notes += _cache(folder / remote.name, data)
        arrays.append(array)
    train, train_labels, test, test_labels = arrays
    return Dataset(
        "mnist",
        train[:, np.newaxis],
        train_labels.astype(np.int64),
        test[:, np.newaxis],
        test_labels.astype(np.int64),
        DIGITS,
        tuple(notes[:1]),
    )


def is_mnist(dataset: Dataset) -> bool:
    """Return whether the images and labels of a dataset have MNIST's published SHA-256 sums."""
    return all(_has_published_sum(getattr(dataset, name), remote) for name, remote in FILES.items())


def _read_cached(path: Path, remote: RemoteFile) -> Images | None:
    """Read a file of the cache folder; return None if it is missing or does not have the published SHA-256."""
    with suppress(OSError, FileError), path.open("rb") as stream:
        array = _read(str(path), stream, remote)
        if _has_published_sum(array[:, np.newaxis] if array.ndim == 3 else array, remote):
            return array
    return None


def _read(name: str, stream: IO[bytes], remote: RemoteFile) -> Images:
    """Read images (N, H, W) or labels (N,)."""
    return read_idx(name, stream, 3 if "idx3" in remote.name else 1)


def _has_published_sum(array: Images | Labels, remote: RemoteFile) -> bool:
    """Return whether an array (N, 1, H, W) or (N,), written as an IDX file, has the published SHA-256."""
    sizes = array.shape[:1] + array.shape[2:]
    header = bytes([0, 0, 8, len(sizes)]) + np.array(sizes, ">u4").tobytes()
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(array, np.uint8).data)
    return digest.hexdigest() == remote.sha256


def _cache(path: Path, data: bytes) -> list[str]:
    """Write a downloaded file to the cache folder; return a note if this fails, since the data can still be used."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(data)
    except (OSError, FileError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = getattr(cause, "strerror", None) or error
        return [
            f"{path.parent}: MNIST was downloaded but cannot be cached here ({reason}); the next run downloads it "
            "again. Free some space or allow writing, or name another folder for caches with $XDG_CACHE_HOME."
        ]
    return []
