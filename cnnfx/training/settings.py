"""What a training run is asked to do, and what it learns from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Array


@dataclass(frozen=True)
class BatchReport:
    """After each batch.

    Attributes
    ----------
    epoch, epochs, batch, batches : int
        How far it is, counted from 1.
    images : int
        Seen in this epoch so far.
    loss, accuracy : float
        Means over these images, each as it was when it was seen.
    rate : float
        The learning rate.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    images: int
    loss: float
    accuracy: float
    rate: float


@dataclass(frozen=True)
class EpochReport:
    """After each epoch.

    Attributes
    ----------
    epoch, epochs : int
    images : int
        Seen in this epoch.
    loss, train_accuracy : float
        Means over the epoch, of the images as they were augmented, each when it was seen.
    test_accuracy : float, optional
        Of the test images at the end of the epoch, 0..1; None without any.
    """

    epoch: int
    epochs: int
    images: int
    loss: float
    train_accuracy: float
    test_accuracy: float | None


class Examples(Protocol):
    """Images with their classes.

    Attributes
    ----------
    images : array (N, C, H, W)
        uint8, or float32 from 0 to 1.
    labels : array (N,) of int
        0 … K − 1.
    classes : tuple of K str
    name : str
        What the data are called.
    """

    @property
    def images(self) -> Array: ...  # noqa: D102 # said above
    @property
    def labels(self) -> NDArray[np.integer]: ...  # noqa: D102
    @property
    def classes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Settings:
    """How to learn. The defaults were chosen on the last 10,000 of MNIST's training images.

    Parameters
    ----------
    epochs : int
        How often every image is seen; the schedule is that of the whole run.
    batch_size : int
        Images for each step of the optimizer.
    rate : float
        The largest learning rate of the one-cycle schedule.
    decay : float
        Weight decay: each step takes this times the learning rate off the weights.
    smoothing : float
        The part of the target that is spread over all classes, 0 … 1.
    betas : (float, float)
        How long the optimizer remembers gradients and their squares.
    shift : int
        Pixels by which training images are shifted at random; 0 for none.
    seed : int
        Of all that is random.

    Raises
    ------
    ArgumentError
        If a number is out of range.
    """

    epochs: int = 3
    batch_size: int = 128
    rate: float = 0.01
    decay: float = 0.3
    smoothing: float = 0.1
    betas: tuple[float, float] = (0.8, 0.95)
    shift: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("shift", 0), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ArgumentError(f"{name} must be a whole number, {least} or more, not {value!r}.")
        _within("rate", self.rate, 0, math.inf, above=True)
        _within("decay", self.decay, 0, math.inf)
        _within("smoothing", self.smoothing, 0, 1)
        for beta in self.betas:
            _within("betas", beta, 0, 1)


def _within(name: str, value: float, least: float, most: float, above: bool = False) -> None:
    if not (least < value < most or (value == least and not above)):
        sign = "more than" if above else "at least"
        limit = f" and less than {most:g}" if most < math.inf else ""
        raise ArgumentError(f"{name} must be {sign} {least:g}{limit}, not {value!r}.")


def check_examples(data: Examples, batch_size: int | None = None) -> None:
    """See that images and labels fit one another, and fill a batch.

    Raises
    ------
    ArgumentError
        If they do not; the message says what was found.
    """
    images, labels = data.images, data.labels
    if images.ndim != 4 or images.dtype not in (np.uint8, np.float32):
        raise ArgumentError(
            f"{data.name}: images must be (N, C, H, W) of uint8 or float32, not {images.dtype}{images.shape}."
        )
    if labels.shape != images.shape[:1]:
        raise ArgumentError(f"{data.name}: there are {len(images)} images, but {len(labels)} labels.")
    if len(labels) == 0:
        raise ArgumentError(f"{data.name}: there are no images.")
    if labels.min() < 0 or labels.max() >= len(data.classes):
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise ArgumentError(
            f"{data.name}: label {wrong} is not one of the {len(data.classes)} classes, 0 to {len(data.classes) - 1}."
        )
    if batch_size is not None and batch_size > len(labels):
        raise ArgumentError(
            f"{data.name}: a batch of {batch_size} is larger than the data, {len(labels)} images. Choose a smaller one."
        )


def check_test(test: Examples, data: Examples) -> None:
    """See that a network that learns from `data` can be tested with `test`.

    Raises
    ------
    ArgumentError
        If it cannot: images of another size, other classes, or images and labels that do not fit one another.
    """
    check_examples(test)
    if test.images.shape[1:] != data.images.shape[1:]:
        sizes = ["×".join(map(str, examples.images.shape[1:])) for examples in (test, data)]
        raise ArgumentError(f"{test.name}: the test images are {sizes[0]}, those to learn from {sizes[1]}.")
    if tuple(test.classes) != tuple(data.classes):
        raise ArgumentError(f"{test.name}: the classes of the test images are not those of the images to learn from.")


def brightness(images: Array) -> tuple[float, float]:
    """The mean and the standard deviation of all pixels, on the scale 0..1; a std of 0 becomes 1."""
    if images.dtype == np.uint8:  # exact, and the same on every machine
        levels = np.arange(256) / 255
        counts = np.bincount(images.ravel(), minlength=256) / images.size
        mean = float(counts @ levels)
        std = float(np.sqrt(counts @ np.square(levels - mean)))
    else:
        mean, std = float(images.mean(dtype=np.float64)), float(images.std(dtype=np.float64))
    return mean, std or 1.0


def fingerprint(data: Examples) -> str:
    """A short text that other data are very unlikely to have."""
    sums = (crc32(np.ascontiguousarray(array).data) for array in (data.images, data.labels.astype(np.int64)))
    return f"{len(data.labels)}-" + "-".join(f"{value:08x}" for value in sums)
