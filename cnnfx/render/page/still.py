"""The still picture of a page, for a browser without JavaScript or canvas."""

from __future__ import annotations

import base64
import io

from cnnfx.render.grid import Grid

WIDEST = 1000
"""The picture is shrunk to so many pixels in width."""
MOST_BYTES = 150_000
"""A PNG that is larger becomes a JPEG."""


def still(grid: Grid) -> str:
    """A grid as a picture in a data URL."""
    import PIL.Image

    picture = PIL.Image.fromarray(grid.pixels())
    if picture.width > WIDEST:
        size = (WIDEST, max(1, round(picture.height * WIDEST / picture.width)))
        picture = picture.resize(size, PIL.Image.Resampling.BOX)
    kind, content = "png", _encoded(picture, "PNG")
    if len(content) > MOST_BYTES:
        kind, content = "jpeg", _encoded(picture, "JPEG")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _encoded(picture: object, format: str) -> bytes:
    import PIL.Image

    assert isinstance(picture, PIL.Image.Image)
    file = io.BytesIO()
    picture.save(file, format, quality=80)
    return file.getvalue()
