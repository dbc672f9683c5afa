"""A dataset from a file or folder, of whatever kind it is found to be."""

from __future__ import annotations

from pathlib import Path

from cnnfx.datasets.dataset import Dataset, Progress
from cnnfx.errors import FileError

ZIP = b"PK"
KERAS = "mnist.npz"
KINDS = (
    "four IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; "
    "gzipped or not), Keras' mnist.npz, or one sub-folder of images per class"
)


def load_path(
    path: Path, *, size: int | None = None, color: bool = False, seed: int = 0, progress: Progress | None = None
) -> Dataset:
    """The dataset that a file or folder holds; for the arguments see `load_dataset`.

    Raises
    ------
    FileError
        If there is none, or it is damaged.
    """
    from cnnfx.datasets.idx import find_idx, is_idx_name, load_idx
    from cnnfx.datasets.image_folder import class_folders, load_folders
    from cnnfx.datasets.keras_npz import load_keras

    folder = path.is_dir()
    if not folder and _is_zip(path):
        return load_keras(path)
    if find_idx(path) if folder else is_idx_name(path.name):
        return load_idx(path)
    if (path / KERAS).is_file():
        return load_keras(path / KERAS)
    if folder and class_folders(path):
        return load_folders(path, size=size, color=color, seed=seed, progress=progress)
    raise FileError(f"{path}: it holds no dataset. Known are {KINDS}.")


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP)) == ZIP
    except FileNotFoundError:
        raise FileError(
            f"{path}: there is no such file or folder. Datasets known by name are mnist and drawn."
        ) from None
    except OSError as error:
        raise FileError(f"{path}: it cannot be read: {error.strerror}.") from error
