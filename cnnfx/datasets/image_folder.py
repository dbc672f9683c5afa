"""Folders of images, one sub-folder per class, as a dataset."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress, check_memory
from cnnfx.errors import FileError
from cnnfx.images import Image, find_images, load_image, resize

TRAIN, TEST = ("train", "training"), ("test", "testing", "val", "valid", "validation")
"""What a folder's two parts are called where it has them."""
SIDE, LARGEST = 28, 64
"""Images become as large as the first one unless that is larger than `LARGEST`: then as large as MNIST's."""
TEST_SHARE = 6
"""One of so many images is for testing, where nothing else is said."""


def load_folders(
    path: Path, *, size: int | None = None, color: bool = False, seed: int = 0, progress: Progress | None = None
) -> Dataset:
    """The dataset of a folder with one sub-folder of images per class, called as these.

    Where it holds the folders `train` and `test`, the classes are in each of these. Else about one of six images of
    each class is taken for testing, the same ones each time.

    Parameters
    ----------
    size : int, optional
        The images become so many pixels high and wide; as large as the first one, or 28×28, unless given.
    color : bool
        Three channels, red, green and blue; else one, their luminance.
    seed : int
        Chooses the images for testing.
    progress : callable, optional
        Called with "images", the number of those read, and of all.

    Raises
    ------
    FileError
        If there are fewer than two classes, one without images, or images that cannot be read.
    """
    train, test = _parted(path, seed)
    classes = tuple(train)
    files = [file for part in (train, test) for group in part.values() for file in group]
    images, notes = _read_all(path, files, size, color, progress)
    count = sum(map(len, train.values()))
    return Dataset(
        path.resolve().name or str(path),
        images[:count],
        _labels(train),
        images[count:],
        _labels(test),
        classes,
        notes,
    )


def class_folders(path: Path) -> list[Path]:
    """The sub-folders of a folder, in the order of their numbers or names."""
    try:
        folders = [path / entry.name for entry in os.scandir(path) if entry.is_dir() and entry.name[0] not in "._"]
    except OSError as error:
        raise FileError(f"{path}: the folder cannot be read: {error.strerror}.") from error
    return sorted(folders, key=lambda folder: (_number(folder.name), folder.name.lower(), folder.name))


def _number(name: str) -> float:
    return int(name) if name.isdecimal() else float("inf")


def _parted(path: Path, seed: int) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """The files per class, for training and for testing."""
    parts = {folder.name.lower(): folder for folder in class_folders(path)}
    train = next((parts[name] for name in TRAIN if name in parts), None)
    test = next((parts[name] for name in TEST if name in parts), None)
    if train is None or test is None:
        return _split(_classes(train or path), seed)
    classes, others = _classes(train), _classes(test)
    if classes.keys() != others.keys():
        unlike = ", ".join(sorted(classes.keys() ^ others.keys()))
        raise FileError(f"{path}: {train.name} and {test.name} do not hold the same classes. In one only: {unlike}.")
    return classes, others


def _classes(folder: Path) -> dict[str, list[Path]]:
    """The images of each class."""
    folders = class_folders(folder)
    if len(folders) < 2:
        held = f"only the class {folders[0].name}" if folders else "no class"
        raise FileError(
            f"{folder}: it holds {held}. To be told apart, two or more are needed, a sub-folder of images each."
        )
    return {one.name: find_images([one], recursive=True) for one in folders}


def _split(classes: dict[str, list[Path]], seed: int) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """Some of each class for testing, at least one, the rest for training."""
    train, test = {}, {}
    for index, (name, files) in enumerate(classes.items()):
        if len(files) < 2:
            raise FileError(
                f"{files[0].parent}: it holds one image. Two are needed, one to learn from, one to test with."
            )
        count = max(1, len(files) // TEST_SHARE)
        chosen = set(np.random.default_rng([seed, index]).permutation(len(files))[:count].tolist())
        test[name] = [file for place, file in enumerate(files) if place in chosen]
        train[name] = [file for place, file in enumerate(files) if place not in chosen]
    return train, test


def _labels(part: dict[str, list[Path]]) -> Labels:
    counts = [len(files) for files in part.values()]
    return np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def _read_all(
    path: Path, files: list[Path], size: int | None, color: bool, progress: Progress | None
) -> tuple[Images, tuple[str, ...]]:
    """Every image in one array (N, C, H, W), and what to say of those that were resized."""
    load: Callable[[Path], Image] = partial(load_image, channels="rgb" if color else "gray")
    height, width = (size, size) if size else _common_size(load(files[0]))
    channels = 3 if color else 1
    check_memory(str(path), len(files), channels * height * width)
    images = np.empty((len(files), channels, height, width), np.uint8)
    resized = 0
    for index, file in enumerate(files):
        image = load(file)
        resized += image.shape[1:] != (height, width)
        images[index] = fit_image(image, height, width)
        if progress:
            progress("images", index + 1, len(files))
    notes = (f"{path}: {resized} of its {len(files)} images were resized to {height}×{width}.",) if resized else ()
    return images, notes


def _common_size(first: Image) -> tuple[int, int]:
    """The height and width that images get where none is asked for."""
    _, height, width = first.shape
    return (height, width) if max(height, width) <= LARGEST else (SIDE, SIDE)


def fit_image(image: Image, height: int, width: int) -> Images:
    """The pixels (C, height, width) of an image, as images of class folders are made to fit."""
    if image.shape[1:] == (height, width) and image.values.dtype == np.uint8:
        return image.values
    resized = resize(image.floats(), height, width, "bilinear")
    pixels: Images = np.rint(255 * np.clip(resized, 0, 1)).astype(np.uint8)
    return pixels
