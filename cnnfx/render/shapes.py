"""Anti-aliased polygons, lines, arrows and frames, drawn into pictures.

Points are `(x, y)` in pixels, x to the right and y downward; `(0, 0)` is the outer corner of the top left pixel, so the
middle of that pixel is `(0.5, 0.5)`. Pictures are uint8 arrays, gray `(H, W)` or colored `(H, W, 3)`, and are changed
in place. Parts of a shape outside the picture are not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""A gray picture (H, W) or a colored one (H, W, 3)."""
Color = int | tuple[int, int, int]
"""A gray level, or for colored pictures also (red, green, blue); 0..255."""
Point = tuple[float, float]
"""A position (x, y) in pixels."""
Polygon = Sequence[Point]
"""The corners of a polygon, in order."""

SUPERSAMPLING = 8
"""Shapes are drawn this many times larger and averaged, which makes their edges smooth."""
FRAME_COLOR: Color = (255, 196, 0)
"""The default color of the line of a frame, which is bright on black."""
FRAME_EDGE: Color = 0
"""The default color beside that line, which is dark on white."""


def fill_polygons(picture: Picture, polygons: Sequence[Polygon], color: Color, alpha: float = 1.0) -> None:
    """Fill the union of polygons.

    Parameters
    ----------
    picture : uint8 array (H, W) or (H, W, 3)
        Changed in place.
    polygons : sequence of polygons
    color : int or (red, green, blue)
    alpha : float
        The opacity: 0 draws nothing, 1 replaces what is below.
    """
    rows, columns, coverage = polygon_coverage(polygons, picture.shape[:2])
    blend(picture[rows, columns], color, coverage * alpha)


def draw_line(
    picture: Picture, start: Point, end: Point, color: Color, thickness: float = 1.0, alpha: float = 1.0
) -> None:
    """Draw a straight line, `thickness` pixels wide; see `fill_polygons`."""
    fill_polygons(picture, [line_polygon(start, end, thickness)], color, alpha)


def draw_arrow(
    picture: Picture,
    start: Point,
    end: Point,
    color: Color,
    thickness: float = 2.0,
    head: float | None = None,
    alpha: float = 1.0,
) -> None:
    """Draw an arrow whose tip is at `end`; see `fill_polygons`.

    The head is `head` pixels long and as wide, by default four times the thickness, and at most as long as the arrow.
    """
    length = math.dist(start, end)
    if not length:
        return
    head = min(length, 4 * thickness if head is None else head)
    along = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    neck = end[0] - head * along[0], end[1] - head * along[1]
    across = -along[1] * head / 2, along[0] * head / 2
    triangle = [end, (neck[0] + across[0], neck[1] + across[1]), (neck[0] - across[0], neck[1] - across[1])]
    fill_polygons(picture, [line_polygon(start, neck, thickness), triangle], color, alpha)


def draw_frame(
    picture: Picture,
    box: tuple[int, int, int, int],
    color: Color = FRAME_COLOR,
    thickness: int = 2,
    edge: Color | None = FRAME_EDGE,
) -> None:
    """Draw a rectangular frame around a box: a bright line with a dark line outside it, so that it is always visible.

    Parameters
    ----------
    picture : uint8 array (H, W) or (H, W, 3)
        Changed in place.
    box : (left, top, right, bottom)
        In pixels, right and bottom exclusive. The lines are inside it: the dark one at its border, one pixel wide, the
        bright one within.
    color : int or (red, green, blue)
        Of the inner line.
    thickness : int
        Of the inner line, in pixels.
    edge : int or (red, green, blue), optional
        The color of the outer line; None for no outer line.
    """
    if edge is not None:
        _draw_ring(picture, box, edge, 1)
        left, top, right, bottom = box
        box = left + 1, top + 1, right - 1, bottom - 1
    _draw_ring(picture, box, color, thickness)


def _draw_ring(picture: Picture, box: tuple[int, int, int, int], color: Color, thickness: int) -> None:
    left, top, right, bottom = box
    height, width = picture.shape[:2]
    rows, columns = np.arange(max(top, 0), min(bottom, height)), np.arange(max(left, 0), min(right, width))
    inner_rows = (rows >= top + thickness) & (rows < bottom - thickness)
    inner_columns = (columns >= left + thickness) & (columns < right - thickness)
    ring = ~(inner_rows[:, np.newaxis] & inner_columns)
    picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)][ring] = color


def line_polygon(start: Point, end: Point, thickness: float) -> list[Point]:
    """Return the corners of a straight line that is `thickness` pixels wide."""
    length = math.dist(start, end) or 1.0
    across = -(end[1] - start[1]) / length * thickness / 2, (end[0] - start[0]) / length * thickness / 2
    return [
        (start[0] + across[0], start[1] + across[1]),
        (end[0] + across[0], end[1] + across[1]),
        (end[0] - across[0], end[1] - across[1]),
        (start[0] - across[0], start[1] - across[1]),
    ]


def polygon_coverage(polygons: Sequence[Polygon], shape: tuple[int, ...]) -> tuple[slice, slice, NDArray[np.float32]]:
    """Return how much of each pixel the union of polygons covers.

    Parameters
    ----------
    polygons : sequence of polygons
    shape : (H, W)
        The height and width of the picture.

    Returns
    -------
    rows, columns : slice
        The part of the picture that contains all polygons.
    coverage : float32 array (h, w)
        0..1 for each pixel of that part.
    """
    from PIL import Image, ImageDraw

    points = np.concatenate([np.asarray(polygon, float) for polygon in polygons])
    left, top = np.maximum(np.floor(points.min(axis=0)).astype(int), 0).tolist()
    right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int), (shape[1], shape[0])).tolist()
    width, height = max(0, right - left), max(0, bottom - top)
    rows, columns = slice(top, top + height), slice(left, left + width)
    if not width or not height:
        return rows, columns, np.zeros((height, width), np.float32)
    mask = Image.new("L", (width * SUPERSAMPLING, height * SUPERSAMPLING))
    draw = ImageDraw.Draw(mask)
    for polygon in polygons:
        corners = (np.asarray(polygon, float) - (left, top)) * SUPERSAMPLING
        # Pillow fills the pixels of the corners too: the corners are those of the outermost pixels inside the polygon.
        corners += 0.5 * np.sign(corners.mean(axis=0) - corners) - 0.5
        draw.polygon([tuple(corner) for corner in np.rint(corners).astype(int).tolist()], fill=255)
    samples = np.asarray(mask.reduce(SUPERSAMPLING)).astype(np.float32)
    return rows, columns, samples / np.float32(255)


def blend(part: Picture, color: Color, alpha: NDArray[np.float32]) -> None:
    """Mix a color into a picture, changed in place, with an opacity 0..1 for each pixel `(H, W)`."""
    weight = alpha if part.ndim == 2 else alpha[..., np.newaxis]
    part[:] = np.rint(part + weight * (np.asarray(color, np.float32) - part)).astype(np.uint8)
