"""Anti-aliased convex polygons, lines, arrows and frames, drawn into pictures.

Points are `(x, y)` in pixels, x to the right and y downward; `(0, 0)` is the outer corner of the top left pixel, so the
middle of that pixel is `(0.5, 0.5)`. Pictures are uint8 arrays, gray `(H, W)` or colored `(H, W, 3)`, and are changed
in place. Parts of a shape outside the picture are not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.tiles import Levels

Color = int | tuple[int, int, int]
"""A gray level, or for colored pictures also (red, green, blue); 0..255."""
Point = tuple[float, float]
"""A position (x, y) in pixels."""
Polygon = Sequence[Point]
"""The corners of a convex polygon, in order."""

SAMPLES = 4
"""The lines across each row of pixels on which the coverage of the pixels is computed, which makes edges smooth."""
FRAME_COLOR: Color = (255, 196, 0)
"""The default color of the line of a frame, which is bright on black."""
FRAME_EDGE: Color = 0
"""The default color beside that line, which is dark on white."""


def fill_polygons(picture: Levels, polygons: Sequence[Polygon], color: Color, alpha: float = 1.0) -> None:
    """Fill the union of convex polygons.

    Parameters
    ----------
    picture : uint8 array (H, W) or (H, W, 3)
        Changed in place.
    polygons : sequence of polygons
    color : int or (red, green, blue)
    alpha : float
        The opacity: 0 draws nothing, 1 replaces what is below.
    """
    if not polygons:
        return
    rows, columns, coverage = polygon_coverage(polygons, picture.shape[:2])
    blend(picture[rows, columns], color, coverage * alpha)


def draw_line(
    picture: Levels, start: Point, end: Point, color: Color, thickness: float = 1.0, alpha: float = 1.0
) -> None:
    """Draw a straight line, `thickness` pixels wide; see `fill_polygons`."""
    fill_polygons(picture, [line_polygon(start, end, thickness)], color, alpha)


def draw_arrow(
    picture: Levels,
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
    fill_polygons(picture, arrow_polygons(start, end, thickness, head), color, alpha)


def draw_frame(
    picture: Levels,
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


def _draw_ring(picture: Levels, box: tuple[int, int, int, int], color: Color, thickness: int) -> None:
    left, top, right, bottom = box
    height, width = picture.shape[:2]
    rows, columns = np.arange(max(top, 0), min(bottom, height)), np.arange(max(left, 0), min(right, width))
    inner_rows = (rows >= top + thickness) & (rows < bottom - thickness)
    inner_columns = (columns >= left + thickness) & (columns < right - thickness)
    ring = ~(inner_rows[:, np.newaxis] & inner_columns)
    picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)][ring] = color


def arrow_polygons(start: Point, end: Point, thickness: float, head: float | None = None) -> list[Polygon]:
    """Return the shaft and the head of an arrow, as `draw_arrow` draws it; none for an arrow without length."""
    length = math.dist(start, end)
    if not length:
        return []
    head = min(length, 4 * thickness if head is None else head)
    along = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    neck = end[0] - head * along[0], end[1] - head * along[1]
    across = -along[1] * head / 2, along[0] * head / 2
    triangle = [end, (neck[0] + across[0], neck[1] + across[1]), (neck[0] - across[0], neck[1] - across[1])]
    return [line_polygon(start, neck, thickness), triangle]


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


def line_pixels(
    start: Point, end: Point, thickness: float = 1.0
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the pixels of a straight line, and how much of each it covers.

    This is faster than `polygon_coverage` for long lines, which cover few of the pixels between their ends.

    Returns
    -------
    rows, columns : int arrays (N,)
        Each pixel once; also those outside the picture.
    coverage : array (N,)
        0..1.
    """
    (x, y), (end_x, end_y) = start, end
    if abs(end_x - x) > abs(end_y - y):
        columns, rows, coverage = line_pixels((y, x), (end_y, end_x), thickness)
        return rows, columns, coverage
    if end_y < y:
        x, y, end_x, end_y = end_x, end_y, x, y
    rows = np.arange(math.ceil(y - 0.5), math.ceil(end_y - 0.5))[:, np.newaxis]
    half = thickness / 2 * (math.dist(start, end) / ((end_y - y) or 1.0))  # in the direction of the row
    left = x + (rows + 0.5 - y) * (end_x - x) / ((end_y - y) or 1.0) - half
    columns = np.floor(left).astype(np.intp) + np.arange(math.ceil(2 * half) + 1)
    coverage = np.clip(np.minimum(columns + 1, left + 2 * half) - np.maximum(columns, left), 0, 1)
    return np.broadcast_to(rows, columns.shape).ravel(), columns.ravel(), coverage.ravel()


def polygon_coverage(
    polygons: Sequence[Polygon], shape: tuple[int, ...], samples: int = SAMPLES
) -> tuple[slice, slice, NDArray[np.float32]]:
    """Return how much of each pixel the union of convex polygons covers.

    Parameters
    ----------
    polygons : sequence of polygons
    shape : (H, W)
        The height and width of the picture.
    samples : int
        The number of lines across each row of pixels on which the coverage is computed; it is exact along these lines.

    Returns
    -------
    rows, columns : slice
        The part of the picture that contains all polygons.
    coverage : float32 array (h, w)
        0..1 for each pixel of that part.
    """
    points = np.concatenate([np.asarray(polygon, float) for polygon in polygons])
    left, top = np.maximum(np.floor(points.min(axis=0)).astype(int), 0).tolist()
    right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int), (shape[1], shape[0])).tolist()
    rows, columns = slice(top, max(top, bottom)), slice(left, max(left, right))
    lines = top + (np.arange((rows.stop - top) * samples, dtype=np.float32) + 0.5) / samples
    pixels = np.arange(left, columns.stop, dtype=np.float32)
    covered = np.zeros((len(lines), len(pixels)), np.float32)
    for polygon in polygons:
        starts, ends = _spans(np.asarray(polygon, np.float32), lines)
        inside = np.clip(ends - pixels, 0, 1) - np.clip(starts - pixels, 0, 1)
        np.maximum(covered, inside, out=covered)
    return rows, columns, covered.reshape(rows.stop - top, samples, len(pixels)).mean(axis=1)


def _spans(corners: NDArray[np.float32], lines: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Return where each horizontal line `(N)` enters and leaves a convex polygon, `(N, 1)` each; 0 and 0 if never."""
    (x, y), (next_x, next_y) = corners.T[..., np.newaxis], np.roll(corners, -1, axis=0).T[..., np.newaxis]
    crosses = (np.minimum(y, next_y) <= lines) & (lines < np.maximum(y, next_y))
    height = np.where(next_y == y, 1, next_y - y)  # a horizontal side is crossed by no line
    crossing = x + (lines - y) / height * (next_x - x)
    starts = np.where(crosses, crossing, np.inf).min(axis=0)
    ends = np.where(crosses, crossing, -np.inf).max(axis=0)
    hit = crosses.any(axis=0)
    return np.where(hit, starts, 0)[:, np.newaxis], np.where(hit, ends, 0)[:, np.newaxis]


def blend(part: Levels, color: Color, alpha: NDArray[np.float32]) -> None:
    """Mix a color into a picture, changed in place, with an opacity 0..1 for each pixel `(H, W)`."""
    weight = alpha if part.ndim == 2 else alpha[..., np.newaxis]
    part[:] = np.rint(part + weight * (np.asarray(color, np.float32) - part)).astype(np.uint8)
