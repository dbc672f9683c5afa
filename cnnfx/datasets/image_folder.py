"""Datasets of image files in class folders: one sub-folder of images per class."""

from __future__ import annotations

import math
import os
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets.bad_files import BadFile, bad_files, grouped_names, skipped_note
from cnnfx.datasets.dataset import Dataset, Labels, Progress, check_memory
from cnnfx.datasets.digit_preprocessing import have_mnist_format, is_mnist_like
from cnnfx.datasets.fitting import as_dtype, fit_if_possible
from cnnfx.datasets.quality import listed, plain_images, plain_note
from cnnfx.errors import CnnfxError, FileError
from cnnfx.images import ColorMode, as_floats, find_images, load_image
from cnnfx.images.folder import natural_order
from cnnfx.images.image import RGB_NAMES, is_brightness, range_text
from cnnfx.images.load import picture_kind
from cnnfx.nn.input import Input
from cnnfx.system.limits import MAX_CLASSES, check_limit
from cnnfx.system.sizes import counted, size_text

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
MAX_NOTES = 5
"""The most notes of one kind that are passed on."""
FILES_PER_TEST = 6
"""Images of a class per image for testing, if there is no folder for testing."""


def load_class_folders(
    path: Path,
    read: Input | None = None,
    *,
    is_for_training: bool = True,
    skip_bad: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Load the dataset of a folder with one sub-folder of images per class. The names of sub-folders are class names.

    If the folder has the sub-folders `train` and `test`, they contain the class folders. Otherwise about one in six
    images of each class is for testing.

    Parameters
    ----------
    path : Path
    read : Input, optional
        How images are fitted: gray unless `channels` is "rgb"; to `size`, or else that of the first image, or 28×28 if
        it is larger than 64×64.
    is_for_training : bool
        Whether images are fitted as MNIST was made if the training images have its format, whatever `read.fit` is.
    skip_bad : bool
        Whether images that cannot be read are left out with a note, rather than an error. So is a class of which no
        training image can be read.
    seed : int
        Determines the images for testing.
    progress : callable, optional
        Called with "images", the number of images read, and their total number.

    Raises
    ------
    FileError
        If there are fewer than two classes, a class has no image, or one image if it is split, images cannot be read,
        or floats are outside of 0..1.
    """
    read = read or Input("gray")
    train, test, notes = _find_files(path, seed)
    files = [file for part in (train, test) for class_files in part.values() for file in class_files]
    labels = np.concatenate([_labels(train), _labels(test)])
    loaded = _load_images(path, files, read, progress)
    if loaded.bad and not skip_bad:
        raise bad_files(path, loaded.bad, files)
    count = int(np.searchsorted(loaded.read, sum(map(len, train.values()))))  # of the training images that were read
    labels = labels[loaded.read]
    classes, kept = list(train), np.unique(labels[:count])
    if len(kept) < len(classes):
        loaded, labels, count, note = _without_lost_classes(path, loaded, labels, count, classes, files)
        classes, notes = [classes[label] for label in kept], (*notes, note)
    if is_for_training and is_mnist_like(loaded.images[:count]):
        loaded = _fit_digits(loaded, files, read)
    if loaded.bad:
        notes = (*notes, skipped_note(path, loaded.bad, files))
    return Dataset(
        path.resolve().name or str(path),
        loaded.images[:count],
        labels[:count],
        loaded.images[count:],
        labels[count:],
        tuple(classes),
        (*notes, *loaded.notes(path, files)),
        read.background,
        len(loaded.bad),
        is_folder=True,
    )


def class_folders(path: Path) -> list[Path]:
    """Return the sub-folders of a folder, in numerical order of names that are numbers, followed by the others.

    Raises
    ------
    FileError
        If the folder cannot be read.
    """
    try:
        names = [name for name in os.listdir(path) if not name.startswith((".", "__"))]
    except OSError as error:
        raise FileError(f"{path}: the folder cannot be read: {error.strerror}.") from error
    folders = [path / name for name in names if os.path.isdir(path / name)]  # False for a link to itself

    def sort_key(folder: Path) -> tuple[float, str, str]:
        number = int(folder.name) if folder.name.isdecimal() else float("inf")
        return number, folder.name.lower(), folder.name

    return sorted(folders, key=sort_key)


def _find_files(path: Path, seed: int) -> tuple[ClassFiles, ClassFiles, tuple[str, ...]]:
    """Return the files for training and for testing, and a note on folders that are not used."""
    folders = class_folders(path)
    has_parts_only = all(folder.name.lower() in (*TRAIN_NAMES, *TEST_NAMES) for folder in folders)
    train_folder, test_folder = (
        next((each for name in names for each in folders if each.name.lower() == name and _holds_classes(each)), None)
        for names in (TRAIN_NAMES, TEST_NAMES)
    )
    if train_folder is None and has_parts_only and len(folders) > 1:
        names = " and ".join(folder.name for folder in folders)
        raise FileError(
            f"{path}: its folders {names} are named as parts of a data set, but hold no class folders. Put the images "
            "of each class into a sub-folder of each part."
        )
    if train_folder is None or (test_folder is None and not has_parts_only):  # a class may be called train
        classes, notes = _find_classes(path)
        return *_split(classes, seed), notes
    unused = [folder.name for folder in folders if folder not in (train_folder, test_folder)]
    unused_notes = tuple(f"{path}: its folder {name} is not used." for name in unused[:MAX_NOTES])
    train, notes = _find_classes(train_folder)
    if test_folder is None:
        return *_split(train, seed), (*unused_notes, *notes)
    test, test_notes = _find_classes(test_folder)
    if train.keys() != test.keys():
        unmatched = ", ".join(sorted(train.keys() ^ test.keys()))
        raise FileError(
            f"{path}: {train_folder.name} and {test_folder.name} do not hold the same classes. "
            f"In one only: {unmatched}."
        )
    return train, test, (*unused_notes, *notes, *test_notes)


def _holds_classes(folder: Path) -> bool:
    """Return whether a folder named as a part of a data set is one: it holds folders, and no pictures beside them."""
    try:
        return bool(class_folders(folder)) and not find_images([folder]).files
    except FileError:  # no pictures
        return True


def _find_classes(folder: Path) -> tuple[ClassFiles, tuple[str, ...]]:
    """Return the files of each class, and notes on files that are no pictures."""
    folders = class_folders(folder)
    if len(folders) < 2:
        held = f"only the class {folders[0].name}" if folders else "no class"
        raise FileError(f"{folder}: it holds {held}. At least two are needed, each a sub-folder of images.")
    check_limit(str(folder), "classes", len(folders), MAX_CLASSES)
    found = {class_folder.name: find_images([class_folder], recursive=True) for class_folder in folders}
    notes = [note for each in found.values() for note in each.notes]
    lower = Counter(name.lower() for name in found)
    if alike := [name for name in found if lower[name.lower()] > 1]:
        notes.insert(0, f"{folder}: its classes {listed(alike)} differ in upper and lower case only.")
    return {name: each.files for name, each in found.items()}, tuple(notes[:MAX_NOTES])


def _split(classes: ClassFiles, seed: int) -> tuple[ClassFiles, ClassFiles]:
    """Split each class at random into files for training and at least one for testing."""
    single = [name for name, files in classes.items() if len(files) == 1]
    if single:
        folder = classes[single[0]][0].parent
        raise FileError(
            f"{folder}: it holds one image. At least two are needed, for training and for testing."
            + (f" So do {listed(single[1:])}." if len(single) > 1 else "")
        )
    train, test = {}, {}
    for index, (name, files) in enumerate(classes.items()):
        count = max(1, len(files) // FILES_PER_TEST)
        chosen = set(np.random.default_rng([seed, index]).permutation(len(files))[:count].tolist())
        test[name] = [file for number, file in enumerate(files) if number in chosen]
        train[name] = [file for number, file in enumerate(files) if number not in chosen]
    return train, test


def _labels(classes: ClassFiles) -> Labels:
    counts = [len(files) for files in classes.values()]
    return np.repeat(np.arange(len(counts), dtype=np.int64), counts)


class _Loaded(NamedTuple):
    """The images of files.

    Attributes
    ----------
    images : array (N, C, H, W)
        uint8, or float32 in 0..1 if a picture has more than 8 bits.
    read : array (N,) of int
        The numbers of their files.
    changed : array (N,) of bool
        Whether an image was resized, or fitted as MNIST was made.
    bad : list of BadFile
        The other files, which cannot be read, in order of their errors.
    image_notes : tuple of str
        Notes of single images, each with the number of images that have it.
    is_digit : bool
        Whether images were fitted as MNIST was made.
    """

    images: NDArray[Any]
    read: NDArray[np.int64]
    changed: NDArray[np.bool_]
    bad: list[BadFile]
    image_notes: tuple[str, ...]
    is_digit: bool

    def select(self, chosen: NDArray[np.bool_]) -> _Loaded:
        """Return some of the images."""
        return self._replace(images=self.images[chosen], read=self.read[chosen], changed=self.changed[chosen])

    def notes(self, path: Path, files: list[Path]) -> tuple[str, ...]:
        """Return the notes of single images, on those of one color, and on the number of changed images."""
        notes, count = list(self.image_notes), len(self.read)
        if plain := plain_images(self.images):
            names = grouped_names(path, [files[self.read[index]] for index in plain], files)
            notes.append(plain_note(str(path), len(plain), counted(count, "image"), names))
        if changed := int(self.changed.sum()):
            how = "fitted as MNIST was made" if self.is_digit else f"resized to {size_text(self.images.shape[2:])}"
            notes.append(f"{path}: {changed} of its {count} images were {how}.")
        return tuple(notes)


def _load_images(path: Path, files: list[Path], read: Input, progress: Progress | None) -> _Loaded:
    """Load the images of all files that can be read, fitted to the input."""
    channels: ColorMode = "rgb" if read.channels == "rgb" else "gray"
    height, width = read.size or _default_size(files, channels)
    shape = (len(RGB_NAMES) if channels == "rgb" else 1, height, width)
    check_memory(str(path), len(files), math.prod(shape))
    images: NDArray[Any] = np.empty((len(files), *shape), np.uint8)
    found: list[int] = []
    changed: list[bool] = []
    bad: list[BadFile] = []
    outside: dict[Path, NDArray[np.float32]] = {}
    image_notes: Counter[str] = Counter()
    for index, file in enumerate(files):
        try:
            image = load_image(file, channels=channels, background=read.background)
            if image.values.dtype == np.float32 and not is_brightness(image.values):
                outside[file] = np.array([np.nanmin(image.values), np.nanmax(image.values)])
                continue
            pixels = fit_if_possible(image, read, (height, width)).pixels
        except CnnfxError as error:
            bad.append(BadFile(file, error))
        else:
            if image.values.dtype != np.uint8 and images.dtype == np.uint8:
                check_memory(str(path), len(files), math.prod(shape) * np.dtype(np.float32).itemsize)
                images = as_floats(images)
            images[len(found)] = as_dtype(pixels, images.dtype)
            found.append(index)
            image_notes.update(note.removeprefix(f"{image.name}: ") for note in image.notes)
            changed.append(image.shape != shape or (read.fit == "digit" and not np.array_equal(pixels, image.floats())))
        if progress:
            progress("images", index + 1, len(files))
    if outside:
        raise _not_brightness(path, outside, files)
    bad.sort(key=lambda each: str(each.error))
    return _Loaded(
        images[: len(found)],
        np.array(found, np.int64),
        np.array(changed, bool),
        bad,
        tuple(f"{path}: {count} of its images: {note}" for note, count in image_notes.most_common(MAX_NOTES)),
        read.fit == "digit",
    )


def _not_brightness(path: Path, outside: dict[Path, NDArray[np.float32]], files: list[Path]) -> FileError:
    """Return the error that images have numbers outside of 0..1, with the least and largest number of all.

    It is one about the data set, not about these files: others may have the same scale, and be within 0..1 by chance.
    """
    first = min(outside, key=natural_order)
    ranges = np.array(list(outside.values()))
    return FileError(
        f"{path}: {len(outside)} of its {len(files)} images {'has' if len(outside) == 1 else 'have'} numbers outside "
        f"of 0 (black) to 1 (white), from {range_text(ranges.min(), ranges.max())}: "
        f"{grouped_names(path, list(outside), files)}. {first.name} is a "
        f"{picture_kind(first)}. Scale all images in the same way, or save them with 8 or 16 bits."
    )


def _without_lost_classes(
    path: Path, loaded: _Loaded, labels: Labels, count: int, classes: list[str], files: list[Path]
) -> tuple[_Loaded, Labels, int, str]:
    """Leave out the classes of which no training image was read.

    Returns
    -------
    loaded, labels, count
        Of the other classes, whose labels are renumbered.
    note : str
        About the classes that are left out.

    Raises
    ------
    FileError
        If fewer than two classes are left.
    """
    kept = np.unique(labels[:count])
    if len(kept) < 2:
        left = (
            f"training images can be read only of the class {classes[kept[0]]}"
            if len(kept)
            else "no training image can be read"
        )
        reason = str(bad_files(path, loaded.bad, files))
        raise FileError(f"{path}: {left}. At least two classes are needed. {reason}")
    lost = [name for label, name in enumerate(classes) if label not in kept]
    subject = f"the class {lost[0]} is" if len(lost) == 1 else f"the classes {listed(lost)} are"
    note = f"{path}: {subject} left out: no training image of {'it' if len(lost) == 1 else 'them'} can be read."
    chosen = np.isin(labels, kept)
    return loaded.select(chosen), np.searchsorted(kept, labels[chosen]), int(chosen[:count].sum()), note


def _fit_digits(loaded: _Loaded, files: list[Path], read: Input) -> _Loaded:
    """Fit images of MNIST's format as `prepare` does for the trained network: those that differ, from their files."""
    digits = replace(read, fit="digit")
    images, changed = loaded.images.copy(), loaded.changed | ~have_mnist_format(loaded.images)
    for index in np.flatnonzero(changed):
        image = load_image(files[loaded.read[index]], channels="gray", background=read.background)
        images[index] = as_dtype(fit_if_possible(image, digits, images.shape[2:]).pixels, images.dtype)
    return loaded._replace(images=images, changed=changed, is_digit=True)


def _default_size(files: list[Path], channels: ColorMode) -> tuple[int, int]:
    """Return the height and width of all images if no size is given: those of the first that can be read."""
    for file in files:
        with suppress(CnnfxError):
            _, height, width = load_image(file, channels=channels).shape
            return (height, width) if max(height, width) <= MAX_SIDE else (DEFAULT_SIDE, DEFAULT_SIDE)
    return DEFAULT_SIDE, DEFAULT_SIDE
