"""A dataset by what a user calls it: "mnist", "drawn", or a path."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from cnnfx.datasets.dataset import Dataset, Progress
from cnnfx.errors import ArgumentError, FileError


def load_dataset(
    spec: str | os.PathLike[str] | None = None,
    *,
    size: int | None = None,
    color: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Labeled images to learn from and to test with.

    Parameters
    ----------
    spec : str or path, optional
        "mnist": from the folder that `$CNNFX_DATA` names, the user's cache folder, or the web. "drawn": digits that are
        drawn here, as many as MNIST has, or "drawn:N" for N to learn from and a sixth of it to test with. A path: a
        folder of IDX files as MNIST's, or one of these files; Keras' `mnist.npz`; a folder with a sub-folder of images
        per class. A file or folder called mnist is meant by `./mnist`.
        None: MNIST if it can be had, else drawn digits, which the notes then say.
    size : int, optional
        For folders of images: so many pixels high and wide. As large as the first image, or 28×28, unless given.
    color : bool
        For folders of images: three channels, not one.
    seed : int
        Draws the digits of "drawn", and chooses those for testing where a folder does not say.
    progress : callable, optional
        Called with what is done, how much of it, and how much there is in all or None.

    Returns
    -------
    Dataset

    Raises
    ------
    FileError
        If the data cannot be had or are damaged; the message says where, what, and how to mend it.
    ArgumentError
        If a size is not positive, or a size or color is asked for of what is not a folder of images.
    """
    if size is not None and size < 1:
        raise ArgumentError(f"size is {size}. Images are at least 1 pixel high and wide.")
    if spec is None or is_name(spec):
        _check_plain(str(spec or "mnist"), size, color)
        return _by_name(spec, seed, progress)
    from cnnfx.datasets.detect import load_path

    dataset = load_path(Path(spec).expanduser(), size=size, color=color, seed=seed, progress=progress)
    _, channels, height, width = dataset.train_images.shape
    if (size and (height, width) != (size, size)) or (color and channels == 1):
        _check_plain(dataset.name, size, color)
    return dataset


def is_name(spec: str | os.PathLike[str]) -> bool:
    """Whether this names a dataset that is found or made anywhere, and not a path."""
    return isinstance(spec, str) and (spec in ("mnist", "drawn") or spec.startswith("drawn:"))


def _drawn(spec: str, seed: int, progress: Progress | None) -> Dataset:
    """As many drawn digits as "drawn:N" says, under this name, so that they can be had again."""
    from cnnfx.datasets.synthetic_digits import load_drawn

    count = spec.removeprefix("drawn:")
    if not (count.isascii() and count.isdigit() and len(count) <= 7 and int(count) >= 10):
        raise ArgumentError(f"{spec}: {count!r} is not a number of digits, 10 to 9999999, as in drawn:6000.")
    dataset = load_drawn(seed, train=int(count), test=max(10, int(count) // 6), progress=progress)
    return replace(dataset, name=spec)


def _check_plain(name: str, size: int | None, color: bool) -> None:
    if size is not None or color:
        asked = "size" if size is not None else "color"
        raise ArgumentError(f"{name}: a {asked} can be chosen for folders of images only. Its images stay as they are.")


def _by_name(spec: str | os.PathLike[str] | None, seed: int, progress: Progress | None) -> Dataset:
    from cnnfx.datasets.mnist import load_mnist
    from cnnfx.datasets.synthetic_digits import load_drawn

    if spec == "drawn":
        return load_drawn(seed, progress=progress)
    if isinstance(spec, str) and spec != "mnist":
        return _drawn(spec, seed, progress)
    try:
        return load_mnist(progress=progress)
    except FileError as error:
        if spec is not None:
            raise FileError(str(error), remedy="drawn_digits") from error
        note = f"Digits that cnnfx draws itself stand in for MNIST. {error}"
        return load_drawn(seed, progress=progress).with_notes((note,))
