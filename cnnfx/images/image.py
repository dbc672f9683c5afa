"""What an image is: channels of numbers in the depth of their file, and their names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError

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
