"""What an image is: channels of numbers in the depth of their file, and their names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError, UsageError

MAX_PIXELS = 200_000_000
"""Images with more pixels than this are refused unless a caller says otherwise."""


@dataclass(frozen=True, eq=False)
class Image:
    """An image `(C, H, W)`.

    Parameters
    ----------
    name : str
        Its path as given, or "standard input".
    values : array (C, H, W), uint8, uint16 or float32
        The numbers as they are in the file: pixels of 0..255 or 0..65535, or floats.
    channel_names : tuple of C str
    is_array : bool
        Whether the numbers are data, not the pixels of a picture.
    notes : tuple of str
        What its user should be told, such as a depth that was lost.
    """

    name: str
    values: NDArray[Any]
    channel_names: tuple[str, ...]
    is_array: bool = False
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        channels, height, width = self.values.shape
        return channels, height, width

    def floats(self, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """Rows `first` to `last` (exclusive; to the end unless given) as float32, `(C, rows, W)`.

        Whole numbers become 0..1; floats stay as they are and are not copied.
        """
        rows = self.values[:, first:last]
        if rows.dtype == np.float32:
            return rows
        scaled: NDArray[np.float32] = np.divide(rows, np.float32(np.iinfo(rows.dtype).max), dtype=np.float32)
        return scaled


def check_size(name: str, shape: Sequence[int], limit: int, unit: str = "pixels") -> None:
    """Refuse an image of too many pixels (or numbers, over all channels) before they are decoded.

    Raises
    ------
    FileError
        With the image's size, the limit, and how to raise it.
    """
    if math.prod(shape) > limit:
        raise FileError(
            f"{name}: it has {'×'.join(map(str, shape))} = {math.prod(shape)} {unit}, the limit is {limit}. "
            "Raise it with --max-pixels if you trust the file."
        )


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


def reduced(image: Image, most: int) -> Image:
    """The image with at most `most` pixels, in its own depth and proportions, and a note if it was larger.

    Each new pixel is a mean of those that it stands for, the middle ones weighing most (a Hamming window).
    """
    _, height, width = image.shape
    if height * width <= most:
        return image
    factor = math.sqrt(most / (height * width))
    rows = min(max(1, int(height * factor)), most)
    columns = min(max(1, int(width * factor)), most // rows)
    values = np.stack([_resized(plane, rows, columns) for plane in image.values])
    note = f"{image.name}: reduced from {width}×{height} to {columns}×{rows} for the page."
    return replace(image, values=values, notes=(*image.notes, note))


def _resized(plane: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    from PIL import Image as Pillow

    deep = plane.dtype != np.uint8
    picture = Pillow.fromarray(np.ascontiguousarray(plane, np.float32 if deep else np.uint8))
    scaled = np.asarray(picture.resize((columns, rows), Pillow.Resampling.HAMMING))
    return np.rint(scaled).astype(plane.dtype) if plane.dtype == np.uint16 else scaled
