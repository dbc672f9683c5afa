"""Preparation of images of any size and kind for a classifier, as its input says."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import NamedTuple

from numpy.typing import ArrayLike

from cnnfx.datasets.fitting import fit_image
from cnnfx.errors import ArgumentError, FileError
from cnnfx.images import Image, as_image
from cnnfx.images.fit import Area
from cnnfx.images.image import RGB_NAMES
from cnnfx.nn.layers import Array
from cnnfx.nn.network import Network
from cnnfx.system.sizes import counted, size_text

SMALL_SHARE = 0.5
"""An image whose sides are all shorter than this share of those of the input loses its shape in enlargement."""


class PreparedImage(NamedTuple):
    """An image, and what a classifier reads of it.

    Parameters
    ----------
    image : Image
        As it was loaded.
    pixels : array (C, H, W), float32
        In the channels and the size of the network's input, 0..1.
    area : Area or None
        The part of the image that `pixels` show; None for digits, which are cropped and moved.
    notes : tuple of str
        Changes of the image that the user may not expect, such as that a dark digit was inverted.
    """

    image: Image
    pixels: Array
    area: Area | None
    notes: tuple[str, ...]


def check_classifier(network: Network, name: str) -> None:
    """Check that a network called `name` computes scores of classes, for images of a known size.

    Raises
    ------
    ArgumentError
        If it has no classes.
    FileError
        If it is a trained model that does not contain the size of its images.
    """
    if not network.is_classifier:
        raise no_classes(name)
    if network.head is not None and network.input_shape is None:
        raise FileError(f"{name}: it does not contain the size of its training images.")


def no_classes(name: str) -> ArgumentError:
    """Return the error that a network called `name` has no classes."""
    return ArgumentError(f"{name} has no classes, so it predicts none.", remedy="classifier")


def prepare(
    network: Network,
    image: str | os.PathLike[str] | bytes | Image | ArrayLike,
    *,
    background: str | None = None,
    page: int | None = None,
) -> PreparedImage:
    """Load an image, and fit it to what the network reads, as the images that it was trained on.

    A photograph is squashed or cropped to the size of the input. For a network of digits, the image is prepared as
    MNIST was made; see `cnnfx.datasets.digit_preprocessing`.

    Parameters
    ----------
    network : Network
        A classifier; see `check_classifier`.
    image : path, bytes, Image or array (C, H, W) or (H, W)
        See `cnnfx.images.as_image`.
    background : str, optional
        The color over which transparent parts are composited; by default that of the network's input.
    page : int, optional
        Of a file with several; see `cnnfx.load_image`.

    Raises
    ------
    FileError
        If the image cannot be read.
    ArgumentError
        If its channels or values do not fit, or it shows no digit where the network reads digits.
    """
    background = background or network.input.background
    loaded = as_image(image, channels=network.color_mode, background=background, page=page)
    read = _with_channels(network, loaded)
    shape = network.input_shape
    fitted = fit_image(read, network.input, None if shape is None else shape[1:], reader(network))
    notes = fitted.notes if network.input.fit == "digit" else (*_size_notes(network, loaded), *fitted.notes)
    return PreparedImage(loaded, fitted.pixels, fitted.area, (*loaded.notes, *notes))


def reader(network: Network) -> str:
    """Return the layer that reads the image, for messages: "layer conv1 of squeezenet"."""
    numbers = range(1, len(network.layers) + 1)
    return network.layer_owner(next(number for number in numbers if 0 in network.sources(number)))


def _with_channels(network: Network, image: Image) -> Image:
    """Return the image with the channels of the network's input; a gray one gets three equal ones.

    Raises
    ------
    ArgumentError
        If it has another number of channels.
    """
    channels, given = network.in_channels, image.shape[0]
    if channels is None or channels == given:
        return image
    if given == 1 and channels == len(RGB_NAMES):
        return replace(image, values=image.values.repeat(channels, axis=0), channel_names=RGB_NAMES)
    wanted = "one channel, gray" if channels == 1 else f"{counted(channels, 'channel')}, {', '.join(RGB_NAMES)}"
    raise ArgumentError(f"{image.name}: it has {counted(given, 'channel')}; {reader(network)} reads {wanted}.")


def _size_notes(network: Network, image: Image) -> tuple[str, ...]:
    """Return a note on an image that differs from those that the network reads: resized, small, or without colors."""
    shape = network.input_shape
    if shape is None:
        return ()
    old, new = size_text(image.shape[1:]), size_text(shape[1:])
    if network.head is not None:
        return (f"resized from {old} to {new}, the size of the training images",) if old != new else ()
    is_small = all(side < SMALL_SHARE * wanted for side, wanted in zip(image.shape[1:], shape[1:], strict=True))
    is_gray = shape[0] == len(RGB_NAMES) and bool((image.values == image.values[:1]).all())
    if not (is_small or is_gray):
        return ()
    given = f"{'gray ' * is_gray}image of {old}{', enlarged' * is_small}"
    return (f"{given}; {reader(network)} reads {'color ' * is_gray}images of {new}",)
