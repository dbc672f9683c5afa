"""The order of the axes of arrays as images: channels first, or last as most libraries for images have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.images.channels import Background, Channels, select_channels
from cnnfx.images.image import RGB_NAMES, channel_names, is_brightness, numbered_names

LAST_AXES = (1, 3, 4)
"""The sizes of a last axis that are channels: gray; red, green and blue; and these with opacity."""
MAX_FIRST_CHANNELS = 4
"""The most channels of a first axis where the last could be channels too, as in the shape (3, 640, 3)."""
ALPHA_NAMES = (*RGB_NAMES, "alpha")
"""The names of the channels of a color image with opacity."""
REAL_KINDS = "biuf"
"""The kinds of dtype that become an image: boolean, integers, floats."""
PIXEL_TYPES = (np.uint8, np.uint16)
"""The types of integers that are pixels, in the whole of their range."""


def has_channels_last(shape: Sequence[int]) -> bool:
    """Return whether an array of three axes is (H, W, C) and not (C, H, W).

    It is if its last axis has 1, 3 or 4 elements and its first more than 4. (K, 1, 1) is K channels of one pixel.
    """
    first, middle, last = shape
    return last in LAST_AXES and first > MAX_FIRST_CHANNELS and (middle, last) != (1, 1)


def without_batch(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of an array of one image: of four axes without the first, if that has one element."""
    return tuple(shape[1:] if len(shape) == 4 and shape[0] == 1 else shape)


def to_channels(name: str, array: NDArray[Any], background: Background = None) -> Channels:
    """Return an array of one image as channels `(C, H, W)` of its dtype, in native byte order, with their names.

    Parameters
    ----------
    name : str
        Of the image, for the note on an array (H, W, C).
    array : array (W,), (H, W), (C, H, W), (H, W, C), (1, C, H, W) or (1, H, W, C)
        Of real numbers.
    background : Background
        The color over which an array of red, green, blue and opacity is composited, if its values are uint8, uint16 or
        floats in 0..1, its opacity without NaN and infinity. In other arrays opacity is a channel.
    """
    array = array.astype(array.dtype.newbyteorder("="), copy=False)  # pixels of either byte order are pixels
    array = array.reshape(without_batch(array.shape))
    array = array.reshape((1,) * (3 - array.ndim) + array.shape)
    if not has_channels_last(array.shape):
        return Channels(array, numbered_names(len(array)))
    note = f"{name}: its array of shape {array.shape} is read as rows, columns and channels."
    first = np.moveaxis(array, 2, 0)
    if len(first) < len(ALPHA_NAMES):
        return Channels(first, channel_names(len(first)), (note,))
    if first.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            floats = first.astype(np.float32)
        if not is_brightness(floats) or not np.isfinite(floats[3]).all():
            return Channels(first, ALPHA_NAMES, (note,))
        first = floats
    elif first.dtype not in PIXEL_TYPES:
        return Channels(first, ALPHA_NAMES, (note,))
    opaque = select_channels(name, first[:3].copy(), first[3], "auto", background)
    return opaque._replace(notes=(f"{note[:-1]}, the last of them opacity.", *opaque.notes))
