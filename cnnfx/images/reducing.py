"""Large images made smaller."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.images.image import Image


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
