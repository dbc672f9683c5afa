"""Pictures as arrays that notebooks show."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.png import write_png


class Picture(np.ndarray[Any, np.dtype[np.uint8]]):
    """A picture as an array `(H, W)` or `(H, W, 3)` of uint8, which a notebook shows as an image.

    `Picture.of(array)` makes one. Everything else is NumPy's: parts of a picture, copies and results of arithmetic are
    pictures too, which are shown as numbers unless they have the shape and type of one.
    """

    @classmethod
    def of(cls, array: NDArray[np.uint8]) -> Picture:
        """Return the array as a picture, without a copy."""
        return array.view(cls)

    @property
    def is_drawable(self) -> bool:
        """Whether the array has the shape and type of a picture."""
        return self.dtype == np.uint8 and self.size > 0 and self.shape[2:] in ((), (3,)) and self.ndim >= 2

    def _repr_png_(self) -> bytes | None:
        """Return the picture as a PNG file for a notebook, or None if the array is not one."""
        if not self.is_drawable:
            return None
        file, pixels = io.BytesIO(), np.asarray(self)
        write_png(file, pixels.shape[1], pixels.shape[0], [pixels], color="rgb" if pixels.ndim == 3 else "gray")
        return file.getvalue()

    def __repr__(self) -> str:
        if not self.is_drawable:
            return repr(np.asarray(self))
        height, width = self.shape[:2]
        return f"<Picture {width}×{height}, {'color' if self.ndim == 3 else 'gray'}>"
