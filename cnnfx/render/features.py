"""What filters look for, as one picture: for each filter its patches, their deconvolutions, the inputs made for it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cnnfx.features import Found, Pattern
from cnnfx.features.search import PATCHES, SEEDS
from cnnfx.nn.layers import Array
from cnnfx.render.color import linear_scale
from cnnfx.render.filters import add_frame
from cnnfx.render.grid import Levels, Tiles, enlarge, suitable_columns
from cnnfx.render.text import BACKGROUND, draw_text, line_height, text_width

FONT, TITLE = 15, 19
GAP, MARGIN = 3, 14
"""Pixels between the pictures of one kind, and between the kinds."""
PANEL = 190
"""About how many pixels wide the pictures of one kind are together, unless they are larger."""
NOTHING, STRIPE = 232, 214
"""The grays of the stripes where a filter is never active."""
OUTSIDE = 200
"""What lies outside an image is drawn in this gray."""

CLIPPED = 97
"""Deconvolutions have a few strong pixels: black and white are the magnitude that so many of a hundred stay below."""

CAPTIONS = {
    "patches": "most exciting patches",
    "deconvolution": "what excites in them",
    "maximization": "made to excite",
}
"""What stands over the pictures of each method."""


def patterns_picture(found: Found, title: str, columns: int | None = None) -> Levels:
    """The patterns of a layer, filter by filter.

    Patches are drawn as the images are. Deconvolutions are bright where light speaks for the filter, dark where dark
    does, gray where nothing does, each by its own range. Made inputs are drawn with their brightest pixel white. A
    filter that is never active is striped.

    Parameters
    ----------
    found : Found
    title : str
    columns : int, optional
        Filters side by side; as many as make a picture somewhat wider than high unless given.

    Returns
    -------
    array (height, width), or (height, width, 3) of images in color
    """
    blocks = [_block(pattern, found) for pattern in found.patterns]
    height, width = blocks[0].shape[:2]
    columns = min(len(blocks), columns or suitable_columns(len(blocks), width + MARGIN, height + MARGIN))
    rows = math.ceil(len(blocks) / columns)
    head = _head(found, title, columns, width)
    sheet = _paper(head.shape[0] + rows * (height + MARGIN), MARGIN + columns * (width + 2 * MARGIN))
    sheet[: head.shape[0], : head.shape[1]] = head[:, : sheet.shape[1]]
    for index, block in enumerate(blocks):
        top = head.shape[0] + index // columns * (height + MARGIN)
        _put(sheet, block, top, MARGIN + index % columns * (width + 2 * MARGIN))
    return sheet if _in_color(found) else sheet[..., 0]


def best_tiles(found: Found) -> Tiles:
    """For each filter its most exciting patch, what excites in it, and the best made input, side by side: a short view.

    Filters that are never active are striped.
    """
    high, wide = found.size
    pictures = []
    for pattern in found.patterns:
        parts = [some[0] if (some := _pictures(pattern, method)) else stripes(high, wide) for method in found.methods]
        gap = _paper(high, 1)
        pictures.append(np.concatenate([p for part in parts for p in (gap, _color(part))][1:], axis=1))
    height, width = pictures[0].shape[:2]

    def rows(first: int, last: int, top: int, bottom: int) -> list[Levels]:
        return [picture[top:bottom] for picture in pictures[first:last]]

    return Tiles([label(pattern) for pattern in found.patterns], height, width, rows, color=True)


def label(pattern: Pattern) -> str:
    """A filter's name, and how much the best patch and the best made input excite it."""
    if not pattern.patches:
        return f"{pattern.name}: never active"
    made = f", made {pattern.climbs[0].activation:.3g}" if pattern.climbs else ""
    return f"{pattern.name}: {pattern.patches[0].activation:.3g}{made}"


def stripes(height: int, width: int) -> Levels:
    """Slanted stripes `(height, width)`, which say that there is nothing."""
    rows, columns = np.indices((height, width))
    period = max(4, min(16, min(height, width) // 4))
    return np.where((rows + columns) % period < period // 2, NOTHING, STRIPE).astype(np.uint8)


def _head(found: Found, title: str, columns: int, width: int) -> Levels:
    """The title, and what stands over the pictures of each method in every column."""
    room = MARGIN + columns * (width + 2 * MARGIN)
    size = TITLE
    while size > FONT and text_width(title, size) > room - 2 * MARGIN:
        size -= 1
    head = _paper(MARGIN + line_height(size) + line_height(FONT) + MARGIN, room)
    _put(head, draw_text(title, size, room - 2 * MARGIN), MARGIN, MARGIN)
    for column in range(columns):
        for index, method in enumerate(found.methods):
            left = MARGIN + column * (width + 2 * MARGIN) + index * (_panel(found)[1] + MARGIN)
            text = draw_text(CAPTIONS[method], FONT - 2, _panel(found)[1])
            _put(head, text, MARGIN + line_height(size) + 6, left)
    return head


def _in_color(found: Found) -> bool:
    return any(len(patch.pixels) == 3 for pattern in found.patterns for patch in pattern.patches[:1])


def _block(pattern: Pattern, found: Found) -> Levels:
    """A filter's label, and below it the pictures of each method side by side."""
    height, width = _panel(found)
    count = len(found.methods)
    block = _paper(line_height(FONT) + height, count * width + (count - 1) * MARGIN)
    _put(block, draw_text(label(pattern), FONT, block.shape[1]), 0, 0)
    for index, method in enumerate(found.methods):
        panel = _panel_of(pattern, method, found)
        _put(block, panel, line_height(FONT), index * (width + MARGIN))
    return block


def _panel(found: Found) -> tuple[int, int]:
    """The height and width of the pictures of one kind together."""
    side = math.isqrt(PATCHES)
    height, width = (size * _scale(found) + 2 for size in found.size)
    return side * height + (side - 1) * GAP, side * width + (side - 1) * GAP


def _scale(found: Found) -> int:
    return max(1, PANEL // math.isqrt(PATCHES) // max(found.size))


def _panel_of(pattern: Pattern, method: str, found: Found) -> Levels:
    """The pictures of one kind: nine patches in three rows, or the inputs of four seeds in two."""
    height, width = _panel(found)
    if not pattern.patches:
        return add_frame(stripes(height - 2, width - 2))
    side = math.isqrt(SEEDS if method == "maximization" else PATCHES)
    rooms = ((extent - (side - 1) * GAP) // side - 2 for extent in (height, width))
    scale = max(1, min(room // size for room, size in zip(rooms, found.size, strict=True)))
    panel = _paper(height, width)
    down, across = (size * scale + 2 + GAP for size in found.size)
    top, left = ((whole - side * step + GAP) // 2 for whole, step in ((height, down), (width, across)))
    for index, picture in enumerate(_pictures(pattern, method)):
        tile = add_frame(enlarge(picture, scale))
        _put(panel, tile, top + index // side * down, left + index % side * across)
    return panel


def _pictures(pattern: Pattern, method: str) -> list[Levels]:
    """The pictures of one kind, `(H, W)` or `(H, W, 3)`."""
    if method == "maximization":
        return [_lit(climb.pixels) for climb in pattern.climbs]
    if method == "patches":
        return [_shown(patch.pixels) for patch in pattern.patches]
    return [_signed(patch.projection) for patch in pattern.patches if patch.projection is not None]


def _shown(pixels: Array) -> Levels:
    """A patch as it is, what is outside the image in gray."""
    levels = _planes(pixels, linear_scale("none", 0, 1).levels)
    levels[np.isnan(pixels[0])] = OUTSIDE
    return levels


def _lit(pixels: Array) -> Levels:
    """A made input, its brightest pixel white."""
    return _planes(pixels, linear_scale("positive", 0, float(pixels.max())).levels)


def _signed(projection: Array) -> Levels:
    """A deconvolution: zero is mid-gray."""
    largest = float(np.percentile(np.abs(projection), CLIPPED)) or float(np.abs(projection).max())
    return _planes(projection, linear_scale("signed", -largest, largest).levels)


def _planes(pixels: Array, levels: Callable[[Array], Levels]) -> Levels:
    """Channels `(C, H, W)` as `(H, W, 3)` if they are three, else their mean as `(H, W)`."""
    if len(pixels) == 3:
        return np.moveaxis(levels(np.ascontiguousarray(pixels)), 0, -1).copy()
    return levels(np.ascontiguousarray(pixels.mean(axis=0)))


def _paper(height: int, width: int) -> Levels:
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def _color(picture: Levels) -> Levels:
    return picture if picture.ndim == 3 else picture[..., np.newaxis].repeat(3, axis=2)


def _put(sheet: Levels, picture: Levels, top: int, left: int) -> None:
    height, width = picture.shape[:2]
    sheet[top : top + height, left : left + width] = _color(picture)
