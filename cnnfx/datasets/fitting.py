"""Fitting of images to what a network reads, in the same way for training, evaluation and prediction."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets.dataset import check_memory
from cnnfx.datasets.digit_preprocessing import IMAGE_SIDE, fit_digit, have_mnist_format, is_photograph
from cnnfx.errors import ArgumentError
from cnnfx.images import Image
from cnnfx.images.fit import Area, crop_middle, squash
from cnnfx.images.image import RGB_NAMES, ResizeMethod, as_floats, channel_names
from cnnfx.nn.input import Input
from cnnfx.nn.shapes import Shape
from cnnfx.system.sizes import size_text

MIN_NOTED_SHARE = 0.1
"""The least share of changed images of an array that a note is about: a few digits in MNIST's format are moved."""


class FittedImage(NamedTuple):
    """What a network reads of an image.

    Parameters
    ----------
    pixels : array (C, H, W), float32
        In 0..1. A picture of 8 bits gives multiples of 1/255.
    area : Area or None
        The part of the image that `pixels` show; None for digits, which are cropped and moved.
    notes : tuple of str
        Changes that the user may not expect, such as that a dark digit was inverted.
    """

    pixels: NDArray[np.float32]
    area: Area | None
    notes: tuple[str, ...] = ()


def fit_image(image: Image, read: Input, size: tuple[int, int] | None, reader: str = "the network") -> FittedImage:
    """Fit an image to what a network reads.

    Parameters
    ----------
    image : Image
        With the channels that the network reads.
    read : Input
    size : (int, int) or None
        Height and width of the images that the network reads; None for any.
    reader : str
        The layer that reads the image, for messages.

    Raises
    ------
    ArgumentError
        If the values of the image are not in 0..1, or it shows no digit where digits are read.
    """
    if read.fit == "digit":
        return _fit_digit(image, reader)
    height, width = size or image.shape[1:]
    method: ResizeMethod = "bicubic" if read.resample == "bicubic" else "bilinear"
    if read.fit == "crop":
        return FittedImage(*crop_middle(image, height, width, read.resize or max(height, width), method))
    return FittedImage(*squash(image, height, width, method))


def fit_if_possible(image: Image, read: Input, size: tuple[int, int] | None) -> FittedImage:
    """Fit an image to what a network reads, or resize it if it shows no digit where digits are read.

    A data set may contain empty images. They are kept, so that its labels and the number of its images stay the same.
    """
    try:
        return fit_image(image, read, size)
    except ArgumentError:
        if read.fit != "digit":
            raise
        return FittedImage(*squash(image, *(size or image.shape[1:])))


def fit_images(
    name: str, images: NDArray[Any], read: Input, shape: Shape | None
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Fit an array of images to what a network reads.

    Parameters
    ----------
    name : str
        Of the images, for messages.
    images : array (N, C, H, W)
        uint8, or float32 in 0..1.
    read : Input
    shape : (C, H, W) or None
        Of the images that the network reads; None for any.

    Returns
    -------
    array (N, C, H, W)
        `images` themselves if all have the right format, else a copy of the same dtype. Images of another number of
        channels are not changed, except that gray ones get three equal channels.
    notes : tuple of str
        A note if at least `MIN_NOTED_SHARE` of the images were changed.

    Raises
    ------
    ArgumentError
        If values are not in 0..1.
    FileError
        If resized images need too much memory.
    """
    if shape is None or not len(images):
        return images, ()
    if images.shape[1] == 1 and shape[0] == len(RGB_NAMES):
        images = images.repeat(shape[0], axis=1)
    if images.shape[1] != shape[0] or (read.fit == "digit" and tuple(shape) != (1, IMAGE_SIDE, IMAGE_SIDE)):
        return images, ()
    is_size_kept = images.shape[1:] == tuple(shape)
    if read.fit == "digit":
        changed = np.flatnonzero(~have_mnist_format(images))
    else:
        changed = np.arange(0 if is_size_kept else len(images))
    if not len(changed):
        return images, ()
    check_memory(name, len(images), math.prod(shape) * images.itemsize)
    names = channel_names(shape[0])
    fitted = images.copy() if is_size_kept else np.empty((len(images), *shape), images.dtype)
    for index in changed:
        image = Image(f"{name}: image {index}", images[index], names)
        fitted[index] = as_dtype(fit_if_possible(image, read, shape[1:]).pixels, images.dtype)
    if len(changed) < MIN_NOTED_SHARE * len(images):
        return fitted, ()
    how = "fitted as MNIST was made" if read.fit == "digit" else f"resized to {size_text(shape[1:])}"
    return fitted, (f"{name}: {len(changed)} of its {len(images)} images were {how}.",)


def as_dtype(pixels: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return pixels in 0..1 as uint8 in 0..255, or as float32."""
    return pixels if dtype == np.float32 else np.rint(255 * pixels).astype(np.uint8)


def _fit_digit(image: Image, reader: str) -> FittedImage:
    """Fit an image as MNIST's were, in multiples of 1/255."""
    levels = image.floats()[0]
    try:
        digit, notes = fit_digit(levels)
        if is_photograph(levels):
            raise ArgumentError(
                f"it shows no single digit on a plain background, which is what {reader} reads.", remedy="photograph"
            )
    except ArgumentError as error:
        raise error.prefixed(image.name) from error
    return FittedImage(as_floats(np.rint(255 * digit[np.newaxis]).astype(np.uint8)), None, notes)
