"""A part of an image, and an image made smaller, where a whole one is more than can be looked at pixel by pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnfx.errors import UsageError
from cnnfx.images.image import Image


def cut(image: Image, x: int, y: int, width: int, height: int) -> Image:
    """The part of an image from column `x` and row `y` on (counted from 0), as an image of its own.

    Raises
    ------
    UsageError
        If it reaches outside the image.
    """
    _, rows, columns = image.shape
    if x + width > columns or y + height > rows:
        raise UsageError(
            f"{image.name}: the region {x},{y},{width},{height} reaches outside the image, which is {columns} pixels "
            f"wide and {rows} high."
        )
    return replace(image, values=image.values[:, y : y + height, x : x + width])


def shrunk(image: Image, longest: int) -> Image:
    """The image with `longest` pixels along its longer side, by the means of areas; unchanged if it has no more."""
    _, rows, columns = image.shape
    if max(rows, columns) <= longest:
        return image
    import PIL.Image

    factor = longest / max(rows, columns)
    size = max(1, round(columns * factor)), max(1, round(rows * factor))
    planes = [PIL.Image.fromarray(plane).resize(size, PIL.Image.Resampling.BOX) for plane in image.floats()]
    return replace(image, values=np.stack([np.asarray(plane, np.float32) for plane in planes]))
