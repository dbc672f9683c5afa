"""How well a network tells the classes of images: accuracy, figures for each class, what it confuses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Array
from cnnfx.nn.network import Network
from cnnfx.training.settings import Examples, check_examples

SOME = 512
"""Images at a time."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network tells of N images, and what is true.

    Parameters
    ----------
    classes : tuple of K str
    labels : array (N,) of int
        What is true.
    probabilities : array (N, K)
        What the network tells.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.integer]
    probabilities: Array

    @cached_property
    def told(self) -> NDArray[np.int64]:
        """The most probable class of each image, (N,)."""
        told: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return told

    @property
    def accuracy(self) -> float:
        """The fraction of images that are told rightly, 0..1."""
        return float((self.told == self.labels).mean())

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """How many images of each class (row) are told to be of each class (column), (K, K)."""
        count = len(self.classes)
        return np.bincount(self.labels * count + self.told, minlength=count * count).reshape(count, count)

    @cached_property
    def wrong(self) -> NDArray[np.int64]:
        """The images that are told wrongly, those that the network was most sure of first."""
        wrong = np.flatnonzero(self.told != self.labels)
        return wrong[np.argsort(-self.probabilities[wrong].max(axis=1), kind="stable")]

    def confused(self) -> list[tuple[str, str, int]]:
        """The pairs of classes (true, told) that are confused, and how often, most often first."""
        counts = self.confusion * (1 - np.eye(len(self.classes), dtype=np.int64))
        order = np.argsort(-counts, axis=None, kind="stable")[: np.count_nonzero(counts)]
        pairs = zip(*np.unravel_index(order, counts.shape), strict=True)
        return [(self.classes[true], self.classes[told], int(counts[true, told])) for true, told in pairs]

    def per_class(self) -> list[dict[str, Any]]:
        """For each class: its images, the fraction of them that is found (recall), the fraction of what is told to be
        this class that is (precision), and the harmonic mean of both (F1); None where there is nothing to divide by."""
        right, true, told = self.confusion.diagonal(), self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        return [
            {
                "class": name,
                "images": int(true[k]),
                "recall": _ratio(right[k], true[k]),
                "precision": _ratio(right[k], told[k]),
                "f1": _ratio(2 * right[k], true[k] + told[k]),
            }
            for k, name in enumerate(self.classes)
        ]


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def evaluate(network: Network, data: Examples) -> Evaluation:
    """What a network tells of images.

    Raises
    ------
    ArgumentError
        If the network has no head, or the images' classes or shape are not those that it has learned.
    """
    check_examples(data)
    if network.head is not None and tuple(data.classes) != network.classes:
        learned, given = (", ".join(names[:12]) for names in (network.classes, tuple(data.classes)))
        raise ArgumentError(f"{data.name}: its classes are {given}; {network.name} tells {learned}.")
    parts = (_floats(data.images[first : first + SOME]) for first in range(0, len(data.labels), SOME))
    try:
        return Evaluation(
            tuple(data.classes), data.labels, np.concatenate([network.probabilities(part) for part in parts])
        )
    except ArgumentError as error:
        if network.head is None:
            raise
        raise ArgumentError(f"{data.name}: {error}") from error


def _floats(images: Array) -> Array:
    return images if images.dtype == np.float32 else images.astype(np.float32) / np.float32(255)
