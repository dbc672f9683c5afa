"""What an image is: channels of numbers in the depth of their file, and their names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError

MAX_PIXELS = 200_000_000
"""Images with more pixels than this are refused unless a caller says otherwise."""

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in luma, after Rec. 601."""

ResizeMethod = Literal["box", "hamming", "bilinear", "bicubic"]


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
            f"{name}: it has {'×'.join(map(str, shape))} = {math.prod(shape)} {unit}, the limit is {limit}.",
            remedy="pixel_limit",
        )


def cut(image: Image, x: int, y: int, width: int, height: int) -> Image:
    """The part of an image from column `x` and row `y` on (counted from 0), as an image of its own.

    Raises
    ------
    ArgumentError
        If it reaches outside the image.
    """
    _, rows, columns = image.shape
    if x + width > columns or y + height > rows:
        raise ArgumentError(
            f"{image.name}: the region {x},{y},{width},{height} reaches outside the image, which is {columns} pixels "
            f"wide and {rows} high.",
            remedy="region",
        )
    return replace(image, values=image.values[:, y : y + height, x : x + width])


def shrink_to_side(image: Image, max_side: int) -> Image:
    """Return the image with at most `max_side` pixels along its longer side, in its proportions, by box averages.

    A smaller image is returned unchanged. Pixels become float32 in 0..1.
    """
    _, height, width = image.shape
    if max(height, width) <= max_side:
        return image
    factor = max_side / max(height, width)
    return replace(image, values=resize(image.floats(), max(1, round(height * factor)), max(1, round(width * factor))))


def shrink_to_pixels(image: Image, max_pixels: int) -> Image:
    """Return the image with at most `max_pixels` pixels, in its proportions and dtype, and a note of both sizes.

    A smaller image is returned unchanged. A Hamming window keeps more detail than box averages.
    """
    _, height, width = image.shape
    if height * width <= max_pixels:
        return image
    factor = math.sqrt(max_pixels / (height * width))
    new_height = min(max(1, int(height * factor)), max_pixels)
    new_width = min(max(1, int(width * factor)), max_pixels // new_height)
    note = f"{image.name}: reduced from {width}×{height} to {new_width}×{new_height} for the page."
    values = resize(image.values, new_height, new_width, "hamming")
    return replace(image, values=values, notes=(*image.notes, note))


def resize(values: NDArray[Any], height: int, width: int, method: ResizeMethod = "box") -> NDArray[Any]:
    """Resize the channels of an image with Pillow.

    Parameters
    ----------
    values : array (C, H, W), uint8, uint16 or float32
    height, width : int
        The new size, at least 1×1.
    method : "box", "hamming", "bilinear" or "bicubic"
        "box" gives each pixel the mean of the input pixels whose centers it covers. The others weight input pixels by
        their distance, in a window that becomes wider when the image shrinks, so that none is skipped. "bicubic" may
        leave the range of the input.

    Returns
    -------
    array (C, height, width), of the same dtype
        uint8 and uint16 are rounded.
    """
    import PIL.Image

    resampling = PIL.Image.Resampling[method.upper()]
    # Pillow supports 16-bit images in part only.
    pillow_dtype = np.uint8 if values.dtype == np.uint8 else np.float32
    planes = [PIL.Image.fromarray(np.ascontiguousarray(plane, pillow_dtype)) for plane in values]
    resized = np.stack([np.asarray(plane.resize((width, height), resampling)) for plane in planes])
    return np.rint(resized).astype(np.uint16) if values.dtype == np.uint16 else resized
