"""Fitting of photographs to the size that a network reads: squashed to it, or scaled and cropped in the middle."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.images.image import Image, ResizeMethod, as_floats, range_text, resize

MAX_OVERSHOOT = 0.1
"""Values of an array may be outside 0..1 by this much, as after bicubic resampling; they are clipped, with a note."""


class Area(NamedTuple):
    """A part of an image, in its pixels: `right` and `bottom` are exclusive. Edges may be between pixels."""

    left: float
    top: float
    right: float
    bottom: float


class Fitted(NamedTuple):
    """An image in the size that a network reads.

    Parameters
    ----------
    pixels : array (C, height, width), float32
        In 0..1.
    area : Area
        The part of the image that they show.
    notes : tuple of str
        A note if values were clipped.
    """

    pixels: NDArray[np.float32]
    area: Area
    notes: tuple[str, ...] = ()


def squash(image: Image, height: int, width: int, method: ResizeMethod = "bilinear") -> Fitted:
    """Resize an image without regard to its aspect ratio.

    Pixels of 8 bits are resampled and rounded as Pillow does it, for that is what networks were trained with.

    Raises
    ------
    ArgumentError
        If the values of an array are not in 0..1.
    """
    _, rows, columns = image.shape
    notes = _check_values(image)
    return Fitted(_resized(image.values, height, width, method), Area(0, 0, columns, rows), notes)


def crop_middle(
    image: Image, height: int, width: int, short_side: int | None = None, method: ResizeMethod = "bilinear"
) -> Fitted:
    """Resize an image, its aspect ratio kept, and crop the middle.

    Parameters
    ----------
    image : Image
    height, width : int
        The size of the part that is kept.
    short_side : int, optional
        The length of the shorter side before the image is cropped. By default, and if the image would not fill the
        part, the shortest that does.
    method : "box", "hamming", "bilinear" or "bicubic"

    Raises
    ------
    ArgumentError
        As `squash`.
    """
    _, rows, columns = image.shape
    notes = _check_values(image)
    factor = max((short_side or 0) / min(rows, columns), height / rows, width / columns)
    new_rows, new_columns = max(height, round(factor * rows)), max(width, round(factor * columns))
    top, left = (new_rows - height) // 2, (new_columns - width) // 2
    pixels = _resized(image.values, new_rows, new_columns, method)[:, top : top + height, left : left + width]
    down, across = rows / new_rows, columns / new_columns
    return Fitted(pixels, Area(left * across, top * down, (left + width) * across, (top + height) * down), notes)


def _resized(values: NDArray[np.generic], height: int, width: int, method: ResizeMethod) -> NDArray[np.float32]:
    if values.shape[1:] != (height, width):
        values = resize(values, height, width, method)
    return np.clip(as_floats(values), 0, 1)  # bicubic resampling overshoots at edges


def _check_values(image: Image) -> tuple[str, ...]:
    """Check that the values of an array are in 0..1, as those of pictures are. Return a note on those to be clipped."""
    if image.values.dtype != np.float32:
        return ()
    low, high = float(image.values.min()), float(image.values.max())
    if not math.isfinite(high - low):
        count = int(np.count_nonzero(~np.isfinite(image.values)))
        raise ArgumentError(
            f"{image.name}: it holds NaN or infinity, {count} of its {image.values.size} values. A photograph has "
            "values from 0 to 1."
        )
    if low < -MAX_OVERSHOOT or high > 1 + MAX_OVERSHOOT:
        raise ArgumentError(
            f"{image.name}: its values go from {low:g} to {high:g}. A photograph has values from 0 (black) to 1 "
            "(white); scale them."
        )
    if low >= 0 and high <= 1:
        return ()
    return (f"its values, {range_text(image.values.min(), image.values.max())}, were clipped to 0 to 1",)
