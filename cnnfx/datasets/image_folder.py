"""Datasets of image files in class folders: one sub-folder of images per class."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress, check_memory
from cnnfx.errors import FileError
from cnnfx.images import ColorMode, Image, find_images, load_image, resize

ClassFiles = dict[str, list[Path]]
"""The image files of each class."""

TRAIN_NAMES = ("train", "training")
"""Names of the folder that contains the class folders for training."""
TEST_NAMES = ("test", "testing", "val", "valid", "validation")
"""Names of the folder that contains the class folders for testing."""
MAX_SIDE = 64
"""The longest side of the first image, in pixels, for which all images get its size."""
DEFAULT_SIDE = 28
"""Height and width of all images if the first one is larger, in pixels: those of MNIST."""
FILES_PER_TEST = 6
"""Images of a class per image for testing, if there is no folder for testing."""


def load_class_folders(
    path: Path,
    *,
    size: int | None = None,
    channels: ColorMode = "gray",
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Load the dataset of a folder with one sub-folder of images per class. The names of sub-folders are class names.

    If the folder has the sub-folders `train` and `test`, they contain the class folders. Otherwise about one in six
    images of each class is for testing.

    Parameters
    ----------
    path : Path
    size : int, optional
        Height and width to which images are resized, in pixels; by default those of the first image, or 28×28 if it is
        larger than 64×64.
    channels : "gray" or "rgb"
        The channels of the images of class folders: one, their luma, or red, green and blue.
    seed : int
        Determines the images for testing.
    progress : callable, optional
        Called with "images", the number of images read, and their total number.

    Raises
    ------
    FileError
        If there are fewer than two classes, a class has no image, or one image if it is split, or an image cannot be
        read.
    """
    train, test = _find_files(path, seed)
    files = [file for part in (train, test) for class_files in part.values() for file in class_files]
    images, notes = _load_images(path, files, size, channels, progress)
    train_count = sum(map(len, train.values()))
    return Dataset(
        path.resolve().name or str(path),
        images[:train_count],
        _labels(train),
        images[train_count:],
        _labels(test),
        tuple(train),
        notes,
    )


def class_folders(path: Path) -> list[Path]:
    """Return the sub-folders of a folder, in numerical order of names that are numbers, followed by the others.

    Raises
    ------
    FileError
        If the folder cannot be read.
    """
    try:
        folders = [path / entry.name for entry in os.scandir(path) if entry.is_dir() and entry.name[0] not in "._"]
    except OSError as error:
        raise FileError(f"{path}: the folder cannot be read: {error.strerror}.") from error

    def sort_key(folder: Path) -> tuple[float, str, str]:
        number = int(folder.name) if folder.name.isdecimal() else float("inf")
        return number, folder.name.lower(), folder.name

    return sorted(folders, key=sort_key)


def resize_to_bytes(image: Image, height: int, width: int) -> Images:
    """Return the pixels of an image as an array (C, height, width) of uint8, resized bilinearly."""
    if image.shape[1:] == (height, width) and image.values.dtype == np.uint8:
        return image.values
    resized = resize(image.floats(), height, width, "bilinear")
    pixels: Images = np.rint(255 * np.clip(resized, 0, 1)).astype(np.uint8)
    return pixels


def _find_files(path: Path, seed: int) -> tuple[ClassFiles, ClassFiles]:
    """Return the files for training and for testing."""
    folders = {folder.name.lower(): folder for folder in class_folders(path)}
    train_folder = next((folders[name] for name in TRAIN_NAMES if name in folders), None)
    test_folder = next((folders[name] for name in TEST_NAMES if name in folders), None)
    if train_folder is None or test_folder is None:
        return _split(_find_classes(train_folder or path), seed)
    train, test = _find_classes(train_folder), _find_classes(test_folder)
    if train.keys() != test.keys():
        unmatched = ", ".join(sorted(train.keys() ^ test.keys()))
        raise FileError(
            f"{path}: {train_folder.name} and {test_folder.name} do not hold the same classes. "
            f"In one only: {unmatched}."
        )
    return train, test


def _find_classes(folder: Path) -> ClassFiles:
    folders = class_folders(folder)
    if len(folders) < 2:
        held = f"only the class {folders[0].name}" if folders else "no class"
        raise FileError(f"{folder}: it holds {held}. At least two are needed, each a sub-folder of images.")
    return {class_folder.name: find_images([class_folder], recursive=True) for class_folder in folders}


def _split(classes: ClassFiles, seed: int) -> tuple[ClassFiles, ClassFiles]:
    """Split each class at random into files for training and at least one for testing."""
    train, test = {}, {}
    for index, (name, files) in enumerate(classes.items()):
        if len(files) < 2:
            raise FileError(
                f"{files[0].parent}: it holds one image. At least two are needed, for training and for testing."
            )
        count = max(1, len(files) // FILES_PER_TEST)
        chosen = set(np.random.default_rng([seed, index]).permutation(len(files))[:count].tolist())
        test[name] = [file for number, file in enumerate(files) if number in chosen]
        train[name] = [file for number, file in enumerate(files) if number not in chosen]
    return train, test


def _labels(classes: ClassFiles) -> Labels:
    counts = [len(files) for files in classes.values()]
    return np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def _load_images(
    path: Path, files: list[Path], size: int | None, channels: ColorMode, progress: Progress | None
) -> tuple[Images, tuple[str, ...]]:
    """Load all images into one array (N, C, H, W); return it with a note of the number of resized images."""
    height, width = (size, size) if size else _default_size(load_image(files[0], channels=channels))
    shape = (3 if channels == "rgb" else 1, height, width)
    check_memory(str(path), len(files), shape[0] * height * width)
    images = np.empty((len(files), *shape), np.uint8)
    resized = 0
    for index, file in enumerate(files):
        image = load_image(file, channels=channels)
        resized += image.shape[1:] != (height, width)
        images[index] = resize_to_bytes(image, height, width)
        if progress:
            progress("images", index + 1, len(files))
    notes = (f"{path}: {resized} of its {len(files)} images were resized to {width}×{height}.",) if resized else ()
    return images, notes


def _default_size(first: Image) -> tuple[int, int]:
    """Return the height and width of all images if no size is given."""
    _, height, width = first.shape
    return (height, width) if max(height, width) <= MAX_SIDE else (DEFAULT_SIDE, DEFAULT_SIDE)
