"""Classification of single images of any size: the most probable classes of a network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cnnfx.errors import ArgumentError
from cnnfx.formats.load import load_network
from cnnfx.images import Image
from cnnfx.nn.activations import softmax
from cnnfx.nn.layers import Array
from cnnfx.nn.network import Network
from cnnfx.system.arguments import whole_number
from cnnfx.training.prepare import PreparedImage, check_classifier, prepare

DEFAULT_MODEL = "model.npz"
"""The model that is used if none is given."""
MAX_SHOWN_CLASSES = 3
"""The most classes in the text of a prediction in an interactive session."""
FEW_CLASSES = 10
"""A network with more classes than this gets five predictions, others three."""


class ClassProbability(NamedTuple):
    """A class and its probability, 0..1."""

    name: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of an image.

    Parameters
    ----------
    image : str
        The name of the image.
    top : tuple of ClassProbability
        The most probable first.
    notes : tuple of str
        Changes of the image that the user may not expect, such as that a dark digit was inverted.
    """

    image: str
    top: tuple[ClassProbability, ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the most probable class."""
        return self.top[0].name

    @property
    def probability(self) -> float:
        """The probability of the most probable class, 0..1."""
        return self.top[0].probability

    def __repr__(self) -> str:
        found = ", ".join(f"{name} ({100 * probability:.2f} %)" for name, probability in self.top[:MAX_SHOWN_CLASSES])
        return f"<Prediction {self.image!r}: {found}>"


def predict(
    image: str | os.PathLike[str] | bytes | Image | ArrayLike,
    model: str | os.PathLike[str] | Network = DEFAULT_MODEL,
    *,
    top: int | None = None,
) -> Prediction:
    """Return the most probable classes of an image.

    The image is prepared as the network's input says: a photograph is squashed or cropped to its size. For a model of
    digits, the image is prepared as MNIST's images were: a dark digit on a light background is inverted, the digit is
    scaled to 20×20 pixels and centered.

    Parameters
    ----------
    image : path, bytes, Image or array (C, H, W) or (H, W)
        See `cnnfx.images.as_image`.
    model : str, path or Network
        The name of a preset with classes, such as "squeezenet", a filter file, or a model that `cnnfx train` or
        `cnnfx.train` wrote.
    top : int, optional
        The number of classes to return, 1 or more; by default `default_top`.

    Raises
    ------
    FileError
        If the image or the model cannot be read.
    ArgumentError
        If the model has no classes, the image does not fit it, or `top` is not positive.
    """
    network = model if isinstance(model, Network) else load_network(os.fspath(model))
    if top is not None:
        top = whole_number("top", top, 1)
    check_classifier(network, network.name if isinstance(model, Network) else str(model))
    prepared = prepare(network, image)
    return prediction(network, prepared, image_scores(network, prepared), top)


def prediction(network: Network, prepared: PreparedImage, scores: Array, top: int | None = None) -> Prediction:
    """Return the most probable classes of an image, given the scores `(K,)` of all classes; see `image_scores`."""
    top = default_top(network) if top is None else top
    probabilities = softmax(scores)
    classes = tuple(
        ClassProbability(network.classes[index], float(probabilities[index]))
        for index in most_probable(probabilities, top)
    )
    return Prediction(prepared.image.name, classes, prepared.notes)


def image_scores(network: Network, prepared: PreparedImage) -> Array:
    """Return the scores `(K,)` of the classes of an image.

    Raises
    ------
    ArgumentError
        If they are not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scores = network.scores(prepared.pixels)
    if not np.isfinite(scores).all():
        raise ArgumentError(
            f"{prepared.image.name}: the scores of {network.name} are not finite. Its weights may be damaged."
        )
    return scores


def default_top(network: Network) -> int:
    """Return how many classes a prediction contains by default: three of ten or fewer, five of more."""
    return 3 if len(network.classes) <= FEW_CLASSES else 5


def most_probable(scores: Array, count: int) -> list[int]:
    """Return the numbers of the classes with the largest scores or probabilities `(K,)`, the largest first."""
    order: list[int] = np.argsort(-scores, kind="stable")[:count].tolist()
    return order
