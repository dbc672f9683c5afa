"""Helpers that read pictures and close their files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image


def opened(source):
    """A picture file, or its bytes."""
    return PIL.Image.open(io.BytesIO(source if isinstance(source, bytes) else Path(source).read_bytes()))


def frames(source):
    """The frames of a moving picture in RGB, each with its milliseconds."""
    picture, found = opened(source), []
    for index in range(picture.n_frames):
        picture.seek(index)
        found.append((np.asarray(picture.convert("RGB")), picture.info["duration"]))
    return found


def pixels(source):
    """The size of a picture file as messages write it: "640×480"."""
    with opened(source) as picture:
        return f"{picture.width}×{picture.height}"
