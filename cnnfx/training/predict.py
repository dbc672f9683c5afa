"""Classification of single images of any size: the most probable classes of a trained network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats.load import load_network
from cnnfx.images import Image, as_image
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network
from cnnfx.system.arguments import whole_number
from cnnfx.system.sizes import counted, size_text

DEFAULT_MODEL = "model.npz"
"""The model that is used if none is given."""
MAX_SHOWN_CLASSES = 3
"""The most classes in the text of a prediction in an interactive session."""


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
    top: int = 3,
) -> Prediction:
    """Return the most probable classes of an image.

    For a model of digits, the image is prepared as MNIST's images were: a dark digit on a light background is inverted,
    the digit is scaled to 20×20 pixels and centered. For other models it is resized to the size of the training images.

    Parameters
    ----------
    image : path, bytes, Image or array (C, H, W) or (H, W)
        See `cnnfx.images.as_image`.
    model : path or Network
        A model that `cnnfx train` or `cnnfx.train` wrote.
    top : int
        The number of classes to return, 1 or more.

    Raises
    ------
    FileError
        If the image or the model cannot be read.
    ArgumentError
        If the model has no classifier head, the image does not fit it, or `top` is not positive.
    """
    network = model if isinstance(model, Network) else load_network(os.fspath(model))
    top = whole_number("top", top, 1)
    shape = training_image_shape(network, network.name if isinstance(model, Network) else str(model))
    loaded = as_image(image, channels="rgb" if shape[0] == 3 else "gray")
    pixels, notes = fit_to_model(network, shape, loaded)
    probabilities = network.probabilities(pixels)
    order = np.argsort(-probabilities, kind="stable")[:top]
    classes = tuple(ClassProbability(network.classes[index], float(probabilities[index])) for index in order)
    return Prediction(loaded.name, classes, (*loaded.notes, *notes))


def training_image_shape(network: Network, name: str) -> Shape:
    """Return the shape (C, H, W) of the images that a model called `name` was trained on.

    Raises
    ------
    ArgumentError
        If it has no classifier head.
    FileError
        If it does not contain the shape.
    """
    if network.head is None:
        raise ArgumentError(f"{name} has no classifier head, so it predicts no classes. Use a trained model.")
    if network.training_shape is None:
        raise FileError(f"{name}: it does not contain the size of its training images.")
    return network.training_shape


def fit_to_model(network: Network, shape: Shape, image: Image) -> tuple[Array, tuple[str, ...]]:
    """Return an image `(C, H, W)` prepared as the training images of a model, and notes about the changes.

    Digits are prepared as MNIST was made; other images are resized.

    Raises
    ------
    ArgumentError
        If the image cannot be prepared; the message names it.
    """
    if image.shape[0] != shape[0]:
        channels = counted(image.shape[0], "channel")
        raise ArgumentError(f"{image.name}: it has {channels}; the model was trained on {shape[0]}.")
    from cnnfx.datasets.digit_preprocessing import fit_digit, reads_digits

    if not reads_digits(shape, network.classes):
        return _resized(image, shape)
    try:
        digit, notes = fit_digit(image.floats()[0])
    except ArgumentError as error:
        raise error.prefixed(image.name) from error
    return digit[None], notes


def _resized(image: Image, shape: Shape) -> tuple[Array, tuple[str, ...]]:
    from cnnfx.datasets.image_folder import resize_to_bytes
    from cnnfx.images import as_floats

    pixels = as_floats(resize_to_bytes(image, *shape[1:]))
    if image.shape == shape:
        return pixels, ()
    old, new = (size_text(each[1:]) for each in (image.shape, shape))
    return pixels, (f"resized from {old} to {new}, the size of the training images",)
