"""Models that tell classes, and images made to fit them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnfx.errors import FileError, UsageError

if TYPE_CHECKING:
    from cnnfx.images import Image
    from cnnfx.layers import Array
    from cnnfx.network import Network

DIGITS = tuple("0123456789")
DIGIT_SHAPE = (1, 28, 28)


def load_classifier(path: str) -> Network:
    """The model of this file, which must tell classes.

    Raises
    ------
    UsageError
        If it is a preset or a filter file.
    FileError
        If it cannot be read, or tells no classes.
    """
    from cnnfx.filterbank import load_network

    if not path.lower().endswith(".npz"):
        raise UsageError(f"{path} is not a model: those are files in .npz, made by cnnfx train.")
    network = load_network(path)
    if network.head is None:
        raise FileError(f"{path}: it tells no classes: it has filters only. Give a model made by cnnfx train.")
    return network


def input_shape(network: Network, path: str) -> tuple[int, int, int]:
    """The shape of the images that a model has learned on.

    Raises
    ------
    FileError
        If the model does not tell it.
    """
    told = network.meta.get("input")
    if not isinstance(told, list) or len(told) != 3 or not all(type(size) is int and size > 0 for size in told):
        raise FileError(f"{path}: it does not tell the size of the images that it has learned on.")
    channels, height, width = told
    return channels, height, width


def fitted(network: Network, shape: tuple[int, int, int], image: Image) -> tuple[Array, tuple[str, ...]]:
    """An image as a model wants it, `(C, H, W)`, and what was done that its user may not expect.

    Digits are fitted as MNIST was made; other images are resized.

    Raises
    ------
    ArgumentError
        If it cannot be made so; the message names the image.
    """
    from cnnfx.errors import ArgumentError

    if image.shape[0] != shape[0]:
        raise ArgumentError(f"{image.name}: it has {image.shape[0]} channels; the model has learned on {shape[0]}.")
    if shape != DIGIT_SHAPE or network.classes != DIGITS:
        return _resized(image, shape)
    from cnnfx.datasets import fit_digit

    try:
        digit, notes = fit_digit(image.floats()[0])
    except ArgumentError as error:
        raise ArgumentError(f"{image.name}: {error}") from error
    return digit[None], notes


def _resized(image: Image, shape: tuple[int, int, int]) -> tuple[Array, tuple[str, ...]]:
    import numpy as np

    from cnnfx.datasets.folders import fit_image

    pixels = fit_image(image, *shape[1:]).astype(np.float32) / np.float32(255)
    if image.shape == shape:
        return pixels, ()
    sizes = ("×".join(map(str, size[1:])) for size in (image.shape, shape))
    return pixels, ("resized from {} to {}, the size that the model has learned on".format(*sizes),)
