"""Loading of a dataset by name ("mnist", "drawn", "shapes") or path; the kind of a file or folder is detected."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

from cnnfx.datasets.dataset import Dataset, Progress
from cnnfx.errors import ArgumentError, FileError
from cnnfx.images import find_images
from cnnfx.images.load import ZIP_SIGNATURE, ColorMode
from cnnfx.nn.input import MAX_SIDE, Input
from cnnfx.system.folders import cache_folder, expand_user
from cnnfx.system.suggest import choose_name, did_you_mean

CHANNELS = {"gray": ("grey",), "rgb": ()}
"""The channels of the images of class folders, each with its other spellings."""
KERAS_NAME = "mnist.npz"
"""The name of the file in a folder with a dataset in the format of Keras."""
DRAWN = {"drawn": "digits", "shapes": "shapes"}
"""The names of datasets that are drawn, each with what it shows."""
NAMES = ("mnist", *DRAWN)
"""The names of datasets."""
MIN_DRAWN = 10
"""The fewest drawn images for training, and for testing."""
MAX_DRAWN = 600_000
"""The most drawn images for training, whose pixels fit into `cnnfx.system.limits.MAX_DATASET_BYTES`."""
TRAIN_PER_TEST = 6
"""Drawn images for training per image for testing, as in MNIST."""
KNOWN_KINDS = (
    "four IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; "
    "gzipped or not), Keras' mnist.npz, or one sub-folder of images per class"
)
"""The kinds of files and folders that can be read, for messages."""
MNIST_SOURCES = (
    "Put its four IDX files or Keras' mnist.npz into a folder and name that with $CNNFX_DATA, "
    "or name mirrors that can be reached with $CNNFX_MIRRORS."
)
"""How to make MNIST available, for messages."""


def load_dataset(
    spec: str | os.PathLike[str] | None = None,
    *,
    size: int | None = None,
    channels: ColorMode = "gray",
    background: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Load labeled images for training and testing.

    Parameters
    ----------
    spec : str or path, optional
        "mnist": MNIST from the folder `$CNNFX_DATA`, the user's cache folder, or the web. "drawn": 60,000 and 10,000
        synthetic digits, or "drawn:N" for N training images and N / 6 test images. "shapes": 12,000 and 2,000 synthetic
        scenes of colored shapes, or "shapes:N". A path: a folder of four IDX files, one of these files, or the root
        folder of torchvision; Keras' `mnist.npz`; a folder with one sub-folder of images per class. Write `./mnist` for
        a file or folder with the name mnist. None: MNIST if it is available, else drawn digits, with a note.
    size : int, optional
        Height and width to which the images of class folders are resized, in pixels; by default those of the first
        image, or 28×28 if it is larger than 64×64.
    channels : "gray" or "rgb"
        The channels of the images of class folders: one, their luma, or red, green and blue.
    background : str, optional
        The color over which transparent parts of the images of class folders are composited. By default white, or
        black for an image of which nothing would be visible over white.
    skip_bad : bool
        Whether images of class folders that cannot be read are left out with a note, rather than an error.
    seed : int
        Determines the images of "drawn" and "shapes", and those for testing of class folders without a test folder.
    progress : callable, optional
        Called with the name of what is loaded, the amount loaded so far, and the total amount or None.

    Returns
    -------
    Dataset

    Raises
    ------
    FileError
        If the data are missing or damaged.
    ArgumentError
        If the size is not positive, the channels are not known, or a size or "rgb" is given for a dataset other than
        class folders.
    """
    channels = cast(ColorMode, choose_name("channels", channels, CHANNELS))
    if size is not None and not 1 <= size <= MAX_SIDE:
        limit = "at least 1 pixel" if size < 1 else f"at most {MAX_SIDE} pixels"
        raise ArgumentError(f"size is {size}. Images are {limit} high and wide.")
    if spec is None or is_name(spec):
        name = str(spec or "mnist")
        _check_not_converted(name, size, "gray" if _kind(name) == "shapes" else channels)
        dataset = _load_by_name(spec, seed, progress)
        if spec is None or not os.path.exists(spec):
            return dataset
        note = f"{spec}: the data set of this name is used, not the file or folder. Write ./{spec} for that."
        return dataset.with_notes((note,))
    read = Input(channels, None if size is None else (size, size), background=background)
    dataset = load_path(expand_user(spec), read, skip_bad=skip_bad, seed=seed, progress=progress)
    _, count, height, width = dataset.train_images.shape
    if (size and (height, width) != (size, size)) or (channels == "rgb" and count == 1):
        _check_not_converted(dataset.name, size, channels)
    return dataset


def is_name(spec: str | os.PathLike[str]) -> bool:
    """Return whether `spec` is the name of a dataset, not a path."""
    return isinstance(spec, str) and (spec == "mnist" or _kind(spec) in DRAWN)


def _kind(name: str) -> str:
    """Return the name of a dataset without the number of its images: "drawn" for "drawn:6000"."""
    return name.partition(":")[0]


def load_path(
    path: Path,
    read: Input | None = None,
    *,
    is_for_training: bool = True,
    skip_bad: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Load the dataset of a file or folder.

    Arguments and errors are those of `load_dataset`, and of `load_class_folders` for class folders, whose images are
    fitted to `read`. The notes of `cnnfx.datasets.quality` follow those of the reader.
    """
    from cnnfx.datasets.quality import plain_notes, training_notes

    dataset = _read_path(path, read, is_for_training, skip_bad, seed, progress)
    notes = dataset.notes
    if not dataset.is_folder:  # whose notes name files
        notes += (*plain_notes(dataset.train, "training"), *plain_notes(dataset.test, "test"))
    if is_for_training:
        notes += training_notes(dataset)
    return replace(dataset, notes=notes)


def _read_path(
    path: Path, read: Input | None, is_for_training: bool, skip_bad: bool, seed: int, progress: Progress | None
) -> Dataset:
    """Read a dataset by the reader of its kind."""
    from cnnfx.datasets.idx import find_idx, find_idx_folders, idx_folder_of, is_idx_name, load_idx
    from cnnfx.datasets.image_folder import class_folders, load_class_folders
    from cnnfx.datasets.keras_npz import load_keras

    path = idx_folder_of(path)
    is_folder = os.path.isdir(path)
    if not is_folder and _is_zip(path):
        return load_keras(path)
    if find_idx(path) if is_folder else is_idx_name(path.name):
        return load_idx(path)
    if os.path.isfile(path / KERAS_NAME):
        return load_keras(path / KERAS_NAME)
    if is_folder:
        folders = find_idx_folders(path)
        if len(folders) > 1:
            raise FileError(f"{path}: it holds several datasets: {', '.join(map(str, folders))}. Name one of them.")
        if folders:
            return replace(load_idx(folders[0]), name=path.resolve().name or str(path))
    if is_folder and class_folders(path):
        return load_class_folders(
            path, read, is_for_training=is_for_training, skip_bad=skip_bad, seed=seed, progress=progress
        )
    raise FileError(f"{path}: it holds no dataset. Known are {KNOWN_KINDS}.")


def files_of_dataset(spec: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Yield the files that `load_dataset` may read, and the pictures of a folder without classes.

    Raises
    ------
    FileError
        If a folder cannot be read.
    """
    if spec is not None and not is_name(spec):
        yield from _files_of_path(expand_user(spec))
    elif spec in (None, "mnist"):
        own = os.environ.get("CNNFX_DATA")
        for folder in (*([expand_user(own)] if own else []), cache_folder() / "mnist"):
            yield from _files_of_path(folder)


def _files_of_path(path: Path) -> Iterator[Path]:
    """Yield the files of a data set: IDX files, `mnist.npz`, the pictures of class folders or of a folder."""
    from cnnfx.datasets.idx import find_idx, find_idx_folders, idx_folder_of, is_idx_name
    from cnnfx.datasets.image_folder import class_folders

    path = idx_folder_of(path)
    if not os.path.isdir(path):
        yield path
        if not is_idx_name(path.name):
            return
        path = path.parent
    idx_folders = {folder: found for folder in (path, *find_idx_folders(path)) if (found := find_idx(folder))}
    if idx_folders:
        for folder, found in idx_folders.items():
            for files in found.values():
                yield from files.values()
            yield from folder.glob("*mapping.txt")  # names of EMNIST's classes
    elif os.path.isfile(path / KERAS_NAME):
        yield path / KERAS_NAME
    else:
        for folder in class_folders(path) or [path]:
            with suppress(FileError):  # no pictures
                yield from find_images([folder], recursive=True).files


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP_SIGNATURE)) == ZIP_SIGNATURE
    except FileNotFoundError:
        hint = did_you_mean(str(path), NAMES, "Datasets known by name are")
        raise FileError(f"{path}: there is no such file or folder. {hint}") from None
    except OSError as error:
        raise FileError(f"{path}: it cannot be read: {error.strerror}.") from error


def _check_not_converted(name: str, size: int | None, channels: ColorMode) -> None:
    if size is not None or channels != "gray":
        argument = "a size" if size is not None else f"channels {channels}"
        raise ArgumentError(f"{name}: {argument} can be given for folders of images only.")


def _load_by_name(spec: str | os.PathLike[str] | None, seed: int, progress: Progress | None) -> Dataset:
    if isinstance(spec, str) and spec != "mnist":
        return _draw(spec, seed, progress)
    try:
        return _load_mnist(progress)
    except FileError as error:
        if spec is not None:
            raise FileError(str(error), remedy="drawn_digits") from error
        note = f"Digits that cnnfx draws itself are used instead of MNIST. {error}"
        return _draw("drawn", seed, progress).with_notes((note,))


def _draw(spec: str, seed: int, progress: Progress | None) -> Dataset:
    """Draw the images of "drawn", "shapes:N" and so on.

    The name of the dataset is `spec`, so that it can be loaded again by its name.
    """
    from cnnfx.datasets import synthetic_digits, synthetic_shapes

    name, colon, count = spec.partition(":")
    draw_dataset = synthetic_digits.draw_dataset if name == "drawn" else synthetic_shapes.draw_dataset
    if not colon:
        return draw_dataset(seed, progress=progress)
    is_number = count.isascii() and count.isdigit() and len(count) <= len(str(MAX_DRAWN))
    if not (is_number and MIN_DRAWN <= int(count) <= MAX_DRAWN):
        raise ArgumentError(
            f"{spec}: {count!r} is not a number of {DRAWN[name]}, {MIN_DRAWN} to {MAX_DRAWN}, as in {name}:6000."
        )
    test_count = max(MIN_DRAWN, int(count) // TRAIN_PER_TEST)
    return replace(draw_dataset(seed, train=int(count), test=test_count, progress=progress), name=spec)


def _load_mnist(progress: Progress | None) -> Dataset:
    """Load MNIST from the path `$CNNFX_DATA`, or else, with a note of its error, from the cache or the web."""
    from cnnfx.datasets.mnist import load_mnist

    notes: tuple[str, ...] = ()
    try:
        if dataset := _load_mnist_from_variable():
            return dataset
    except FileError as error:
        notes = (str(error),)
    try:
        return load_mnist(progress=progress).with_notes(notes)
    except FileError as error:
        raise FileError(f"MNIST is not available. {' '.join((*notes, str(error)))} {MNIST_SOURCES}") from error


def _load_mnist_from_variable() -> Dataset | None:
    """Load MNIST from the path `$CNNFX_DATA`; return None if it is not set."""
    from cnnfx.datasets.digit_preprocessing import DIGITS
    from cnnfx.datasets.mnist import is_mnist

    path = os.environ.get("CNNFX_DATA")
    if not path:
        return None
    try:
        dataset = load_path(_mnist_of_torchvision(expand_user(path)))
    except FileError as error:
        raise error.prefixed("$CNNFX_DATA") from error
    if not is_mnist(dataset):
        raise FileError(f"$CNNFX_DATA: {path}: its content is not MNIST's. Name its path as the dataset to use it.")
    return replace(dataset, name="mnist", classes=DIGITS)


def _mnist_of_torchvision(path: Path) -> Path:
    """Return the folder of MNIST in a root folder of torchvision, which may hold other datasets beside it."""
    folder = path / "MNIST" / "raw"
    return folder if os.path.isdir(folder) else path
