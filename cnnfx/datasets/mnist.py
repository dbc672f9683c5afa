"""MNIST: where it is looked for, and how it is had where it is not."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress
from cnnfx.datasets.download import RemoteFile, fetch
from cnnfx.datasets.idx import read_idx
from cnnfx.errors import FileError
from cnnfx.system.files import atomic_write

MIRRORS = ("https://storage.googleapis.com/cvdf-datasets/mnist", "https://ossci-datasets.s3.amazonaws.com/mnist")
"""Folders on the web that have MNIST's four files; `$CNNFX_MIRRORS` names others, separated by spaces."""
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
"""MNIST's files by what they hold."""
DIGITS = tuple("0123456789")
WAYS = (
    "Put its four IDX files or Keras' mnist.npz into a folder and name that with $CNNFX_DATA, "
    "or name mirrors that can be reached with $CNNFX_MIRRORS."
)


def load_mnist(*, mirrors: Sequence[str] | None = None, progress: Progress | None = None) -> Dataset:
    """MNIST: from the folder that `$CNNFX_DATA` names, else from the user's cache folder, else from the web.

    Its content is held against the published SHA-256 sums wherever it comes from. What is downloaded is kept in the
    cache folder.

    Parameters
    ----------
    mirrors : sequence of str, optional
        Addresses of folders on the web; `$CNNFX_MIRRORS` or `MIRRORS` unless given.
    progress : callable, optional
        Called with a file's name, the bytes received, and their number in all or None.

    Returns
    -------
    Dataset
        60,000 images (1, 28, 28) to learn from, 10,000 to test with. The notes tell of a place that was passed over.

    Raises
    ------
    FileError
        If it cannot be had; the message says what was wrong where, and the ways to mend it.
    """
    sources: tuple[Callable[[], Dataset | None], ...] = (_named_data, lambda: _kept_data(mirrors, progress))
    faults: list[str] = []
    for source in sources:
        try:
            if dataset := source():
                return dataset.with_notes(tuple(faults))
        except FileError as error:
            faults.append(str(error))
    raise FileError(f"MNIST cannot be had. {' '.join(faults)} {WAYS}")


def cache_folder() -> Path:
    """Where the system keeps what programs can get again."""
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        given = Path(os.environ.get("XDG_CACHE_HOME") or ".")
        base = given if given.is_absolute() else home / ".cache"
    return base / "cnnfx"


def _named_data() -> Dataset | None:
    """MNIST from where `$CNNFX_DATA` says, None if it says nothing."""
    place = os.environ.get("CNNFX_DATA")
    if not place:
        return None
    from cnnfx.datasets.detect import load_path

    try:
        dataset = load_path(Path(place).expanduser())
    except FileError as error:
        raise error.prefixed("$CNNFX_DATA") from error
    if not is_mnist(dataset):
        raise FileError(f"$CNNFX_DATA: {place}: its content is not MNIST's. Name its path as the data set to use it.")
    return replace(dataset, name="mnist", classes=DIGITS)


def is_mnist(dataset: Dataset) -> bool:
    """Whether a dataset's content is MNIST's, by the published sums."""
    return all(_is_published(getattr(dataset, name), remote) for name, remote in FILES.items())


def _is_published(array: Images | Labels, remote: RemoteFile) -> bool:
    """Whether an array (N, 1, H, W) or (N,), written as IDX, has the sum that is published."""
    sizes = array.shape[:1] + array.shape[2:]
    header = bytes([0, 0, 8, len(sizes)]) + np.array(sizes, ">u4").tobytes()
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(array, np.uint8).data)
    return digest.hexdigest() == remote.sha256


def _kept_data(mirrors: Sequence[str] | None, progress: Progress | None) -> Dataset:
    """MNIST from the cache folder; what is missing there or damaged comes from the web."""
    folder = cache_folder() / "mnist"
    if mirrors is None:
        named = os.environ.get("CNNFX_MIRRORS")
        mirrors = MIRRORS if named is None else named.split()
    notes: list[str] = []
    arrays: list[Images] = []
    for remote in FILES.values():
        array = _kept(folder / remote.name, remote)
        if array is None:
            data = fetch(remote, mirrors, progress)
            array = _array(remote.name, io.BytesIO(data), remote)
            notes += _keep(folder / remote.name, data)
        arrays.append(array)
    train, train_labels, test, test_labels = arrays
    return Dataset(
        "mnist",
        train[:, None],
        train_labels.astype(np.int64),
        test[:, None],
        test_labels.astype(np.int64),
        DIGITS,
        tuple(notes[:1]),
    )


def _kept(path: Path, remote: RemoteFile) -> Images | None:
    """What a file of the cache folder holds; None if it is not there or not what was once written."""
    with suppress(OSError, FileError), path.open("rb") as stream:
        array = _array(str(path), stream, remote)
        if _is_published(array[:, None] if array.ndim == 3 else array, remote):
            return array
    return None


def _array(name: str, stream: IO[bytes], remote: RemoteFile) -> Images:
    return read_idx(name, stream, 3 if "idx3" in remote.name else 1)


def _keep(path: Path, data: bytes) -> list[str]:
    """Write what was downloaded into the cache folder; if that cannot be, say so: the data are good all the same."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(data)
    except (OSError, FileError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        why = getattr(cause, "strerror", None) or error
        return [
            f"{path.parent}: MNIST was downloaded, but cannot be kept there ({why}): the next time it is downloaded "
            "again. Make room or allow writing, or name another place for caches with $XDG_CACHE_HOME."
        ]
    return []
