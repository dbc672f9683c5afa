"""Evaluation of a classifier: accuracy, precision and recall per class, confusion matrix, misclassified images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets import LabeledImages
from cnnfx.datasets.fitting import fit_images
from cnnfx.errors import ArgumentError
from cnnfx.images import as_floats
from cnnfx.nn.layers import Array
from cnnfx.nn.network import Network
from cnnfx.training.labeled_images import check_labeled_images

BATCH_IMAGES = 512
"""Images that are classified at a time."""

MAX_DARK_MEAN = 0.4
"""The largest mean brightness of images with bright strokes on black, and one less that of their negatives."""

CLASSES_IN_MESSAGE = 12
"""Class names that an error message lists at most."""


def evaluate(network: Network, data: LabeledImages) -> Evaluation:
    """Classify labeled images with a network, fitted to its input as in `predict`.

    Raises
    ------
    ArgumentError
        If the network has no classifier head, was trained on other classes or images of another shape, or the data
        are not valid.
    """
    check_labeled_images(data)
    if network.is_classifier and tuple(data.classes) != network.classes:
        trained, given = (_listed(names) for names in (network.classes, tuple(data.classes)))
        raise ArgumentError(f"{data.name}: its classes are {given}; {network.name} was trained on {trained}.")
    images, notes = fit_images(data.name, data.images, network.input, network.input_shape)
    batches = (as_floats(images[first : first + BATCH_IMAGES]) for first in range(0, len(images), BATCH_IMAGES))
    try:
        probabilities = np.concatenate([network.probabilities(batch) for batch in batches])
    except ArgumentError as error:
        if not network.is_classifier:
            raise
        raise error.prefixed(data.name) from error
    notes = (*notes, *_polarity_notes(network, data.name, images))
    return Evaluation(tuple(data.classes), data.labels, probabilities, notes)


def _polarity_notes(network: Network, name: str, images: Array) -> tuple[str, ...]:
    """Return a note on images that look like negatives of those that a model was trained on."""
    if network.head is None or network.input.fit == "digit" or len(network.input.mean) != 1:
        return ()
    white = 255 if images.dtype == np.uint8 else 1
    trained, given = network.input.mean[0] * network.input.scale, float(images.mean(dtype=np.float64)) / white
    if min(trained, given) > MAX_DARK_MEAN or max(trained, given) < 1 - MAX_DARK_MEAN:
        return ()
    return (
        f"{name}: its images look inverted: their mean brightness is {given:.2f}, that of the training images "
        f"{trained:.2f}. They are not inverted back.",
    )


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The true and the predicted classes of N images.

    Parameters
    ----------
    classes : tuple of K str
    labels : array (N,) of int
        The true classes, 0 … K − 1.
    probabilities : array (N, K)
        The predicted probability of each class, 0..1.
    notes : tuple of str
        Changes of the images that the user may not expect.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.integer]
    probabilities: Array
    notes: tuple[str, ...] = ()

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each image, (N,)."""
        predicted: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return predicted

    @property
    def accuracy(self) -> float:
        """The fraction of images whose predicted class is the true one, 0..1."""
        return float((self.predicted == self.labels).mean())

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """The confusion matrix (K, K): the number of images of each true class (row) and predicted class (column)."""
        count = len(self.classes)
        return np.bincount(self.labels * count + self.predicted, minlength=count * count).reshape(count, count)

    @cached_property
    def misclassified(self) -> NDArray[np.int64]:
        """The indices of the misclassified images, in order of decreasing probability of the predicted class."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        return wrong[np.argsort(-self.probabilities[wrong].max(axis=1), kind="stable")]

    def confused_pairs(self) -> list[tuple[str, str, int]]:
        """Return (true class, predicted class, number of images) for each kind of misclassification, largest first."""
        counts = self.confusion * (1 - np.eye(len(self.classes), dtype=np.int64))
        order = np.argsort(-counts, axis=None, kind="stable")[: np.count_nonzero(counts)]
        pairs = zip(*np.unravel_index(order, counts.shape), strict=True)
        return [
            (self.classes[true], self.classes[predicted], int(counts[true, predicted])) for true, predicted in pairs
        ]

    def per_class(self) -> list[dict[str, Any]]:
        """Return precision, recall, F1 score and support of each class.

        Returns
        -------
        list of dict
            "class" is the name of the class and "support" the number of its images. "precision" is the fraction of
            correct predictions among the images that are predicted as this class, "recall" the fraction among the
            images of this class, and "f1" the harmonic mean of both; None if the denominator is 0.
        """
        correct, true, predicted = self.confusion.diagonal(), self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        return [
            {
                "class": name,
                "support": int(true[k]),
                "recall": _ratio(correct[k], true[k]),
                "precision": _ratio(correct[k], predicted[k]),
                "f1": _ratio(2 * correct[k], true[k] + predicted[k]),
            }
            for k, name in enumerate(self.classes)
        ]


def _listed(names: tuple[str, ...]) -> str:
    """Return the names of classes for a message, of many only the first."""
    more = [f"{len(names) - CLASSES_IN_MESSAGE} more"] if len(names) > CLASSES_IN_MESSAGE else []
    return ", ".join([*names[:CLASSES_IN_MESSAGE], *more])


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
