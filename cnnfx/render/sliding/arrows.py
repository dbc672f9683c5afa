"""Arrows from a window to the output that is computed from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from cnnfx.render.shapes import Point, arrow_polygons, line_pixels, polygon_coverage
from cnnfx.render.sliding.palette import GOLD, GOLD_EDGE, RAY_COLOR, RAY_LEVELS, Palette
from cnnfx.render.tiles import Levels

Box = tuple[int, int, int, int]
"""The pixels (left, top, right, bottom) of a rectangle, right and bottom exclusive."""

THICKNESS = 2.0
"""The thickness of a bold arrow in pixels, without the dark lines beside it."""
EDGE = 1.0
"""The thickness of these dark lines in pixels."""
HEAD = 10.0
"""The length and width of the head of a bold arrow, in pixels."""
THIN = 1.2
"""The thickness of another arrow in pixels."""
THIN_HEAD = 7.0
"""The length and width of its head, in pixels."""


def draw_arrow(frame: Levels, palette: Palette, points: Sequence[Point], bold: bool) -> None:
    """Draw an arrow along straight lines between points.

    A bold one is bright with dark edges. Another is thin, which makes files smaller.

    Parameters
    ----------
    frame : array (H, W), uint8
        Palette indices, changed in place.
    palette : Palette
    points : sequence of (x, y)
        From the start to the tip.
    bold : bool
    """
    head = HEAD if bold else THIN_HEAD
    *before, tip = points
    # A corner right before the tip would leave no room for the head.
    line = before[:1] + [point for point in before[1:] if math.dist(point, tip) > head]
    length = math.dist(line[-1], tip)
    if not length:
        return
    inside = min(1.0, head / 2 / length)  # the shaft ends inside the head
    neck = tip[0] + inside * (line[-1][0] - tip[0]), tip[1] + inside * (line[-1][1] - tip[1])
    layers = [(GOLD_EDGE, THICKNESS + 2 * EDGE, head + 2 * EDGE), (GOLD, THICKNESS, head - 2 * EDGE)]
    for color, thickness, size in layers if bold else [(RAY_COLOR, THIN, head)]:
        for start, end in pairwise([*line, neck]):
            rows, columns, coverage = line_pixels(start, end, thickness)
            palette.blend_pixels(frame, rows, columns, np.rint(coverage * RAY_LEVELS) / RAY_LEVELS, color)
        above, beside, covered = polygon_coverage(arrow_polygons(line[-1], tip, thickness, size)[1:], frame.shape)
        palette.blend(frame[above, beside], covered, color)


def side(box: Box, which: Literal["left", "right"], cell: int = 0) -> Point:
    """Return the point of a box where an arrow starts or ends: at the middle of its left or right side.

    With the size of a `cell`, the point is at the lower edge of the middle row of cells, between the numbers in them.
    """
    left, top, right, bottom = box
    x = float(left if which == "left" else right)
    if not cell:
        return x, (top + bottom) / 2
    return x, float(top + -(-((bottom - top) // cell) // 2) * cell)
