"""A tilted plane of square cells in perspective: where its cells are in a picture, and how they are drawn.

The plane is seen from the front and above. Its rows are horizontal and its columns converge toward the back, which
makes it a symmetric trapezoid. Positions on it are `(column, row)` in cells, from `(0, 0)` at the left of the back
edge. Let `t = row / rows` go from 0 at the back to 1 at the front, and

    w(t) = 1 + CONVERGENCE · (1 − 2t)        the distance from the viewer, 1 in the middle
    x = center + cell · (column − columns / 2) / w(t)
    y = BORDER + height · t · w(1) / w(t)

This is a perspective projection: straight lines stay straight, and the middle row is drawn to scale.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.shapes import Point
from cnnfx.render.sliding.palette import WHITE, Color, Palette
from cnnfx.render.tiles import Levels

CONVERGENCE = 0.13
"""How much farther than the middle the back edge is from the viewer, and how much nearer the front edge, as a share."""
TILT = 0.58
"""The height of a plane in a picture as a share of that of its rows."""
BORDER = 5
"""Pixels around a plane, in which its outlines are drawn."""

GAP_START = 0.3
"""Where the gap in a side of a dashed cell starts, as a distance from its corner in cells."""
MIN_LINED_CELL = 5
"""The smallest width in pixels of cells with lines between them."""
LARGE_CELL = 16
"""The smallest width in pixels of cells with the most visible lines."""
EMPTY_LINE_OPACITY = 0.3
"""How much more opaque the lines between empty cells are than those between others."""
EMPTY_LINE: Color = (188, 188, 188)
"""The color of the lines of empty cells."""

Part = tuple[slice, slice]
"""Rows and columns of pixels in the picture of a plane."""
Coverage = NDArray[np.float32]
"""How much of each pixel is covered, 0..1."""
Number = TypeVar("Number", float, NDArray[np.float32])


class Plane:
    """A plane of `rows`×`columns` cells in a picture that contains it with a border.

    Parameters
    ----------
    rows, columns : int
    cell : int
        The width of a cell in the middle of the plane, in pixels.

    Attributes
    ----------
    shape : (int, int)
        The height and width of the picture in pixels.
    cell_rows : int array (H, 1)
    cell_columns : int array (H, W)
        The row and column of the cell that each pixel lies in, or of the nearest cell.
    """

    def __init__(self, rows: int, columns: int, cell: int) -> None:
        self.rows, self.columns, self.cell = rows, columns, cell
        self._height = rows * cell * TILT
        width = columns * cell / _distance(1.0)
        self.shape = math.ceil(self._height) + 2 * BORDER, 2 * math.ceil(width / 2) + 2 * BORDER
        self._center = self.shape[1] / 2
        # The position on the plane of the middle of each pixel, and the pixels per cell there.
        y = np.arange(self.shape[0], dtype=np.float32)[:, np.newaxis] + np.float32(0.5 - BORDER)
        x = np.arange(self.shape[1], dtype=np.float32) + np.float32(0.5 - self._center)
        t = y * _distance(0.0) / (self._height * _distance(1.0) + 2 * CONVERGENCE * y)
        distance = _distance(t)
        self._row = t * rows
        self._column = x * distance / cell + np.float32(columns / 2)
        self._row_pixels = self._height * _distance(1.0) * _distance(0.0) / (distance**2 * rows)
        self._column_pixels = cell / distance
        self._inside = self.whole() > 0
        self.cell_rows = np.clip(np.floor(self._row), 0, rows - 1).astype(np.intp)
        self.cell_columns = np.clip(np.floor(self._column), 0, columns - 1).astype(np.intp)

    def point(self, column: float, row: float) -> Point:
        """Return the point (x, y) in the picture of a position on the plane."""
        t = row / self.rows
        distance = _distance(t)
        x = self._center + self.cell * (column - self.columns / 2) / distance
        return x, BORDER + self._height * t * _distance(1.0) / distance

    def corners(self, rows: slice, columns: slice) -> list[Point]:
        """Return the corners of a rectangle of cells: back left, back right, front right, front left."""
        return [
            self.point(columns.start, rows.start),
            self.point(columns.stop, rows.start),
            self.point(columns.stop, rows.stop),
            self.point(columns.start, rows.stop),
        ]

    def middle(self, rows: slice, columns: slice) -> Point:
        """Return the point in the picture of the middle of a rectangle of cells."""
        return self.point((columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2)

    def part(self, rows: slice, columns: slice) -> Part:
        """Return the part of the picture that contains a rectangle of cells and its outline."""
        xs, ys = zip(*self.corners(rows, columns), strict=True)
        return (
            slice(math.floor(min(ys)) - BORDER, math.ceil(max(ys)) + BORDER),
            slice(math.floor(min(xs)) - BORDER, math.ceil(max(xs)) + BORDER),
        )

    def mask(self, rows: slice, columns: slice, part: Part) -> NDArray[np.bool_]:
        """Return whether each pixel of a part lies in the cells of some rows and columns; with a step, in those alone.

        Pixels that the plane covers in part belong to the nearest cell.
        """
        in_rows, in_columns = np.zeros(self.rows, np.bool_), np.zeros(self.columns, np.bool_)
        in_rows[rows] = in_columns[columns] = True
        inside: NDArray[np.bool_] = in_rows[self.cell_rows[part[0]]] & in_columns[self.cell_columns[part]]
        return inside & self._inside[part]

    def coverage(self, rows: slice, columns: slice, part: Part, grow: float = 0.0) -> Coverage:
        """Return how much of each pixel of a part a rectangle of cells covers, enlarged by `grow` pixels."""
        vertical, horizontal = self._row_pixels[part[0]], self._column_pixels[part[0]]
        row, column = self._row[part[0]], self._column[part]
        inside = np.minimum(
            np.minimum(column - columns.start, columns.stop - column) * horizontal,
            np.minimum(row - rows.start, rows.stop - row) * vertical,
        )
        covered: Coverage = np.clip(inside + np.float32(0.5 + grow), 0, 1)
        return covered

    def outline(self, rows: slice, columns: slice, part: Part, thickness: float) -> Coverage:
        """Return how much of each pixel of a part a line around a rectangle of cells covers."""
        half = thickness / 2
        return self.coverage(rows, columns, part, half) - self.coverage(rows, columns, part, -half)

    def whole(self) -> Coverage:
        """Return how much of each pixel the plane covers, with half of the lines at its edges."""
        return self.coverage(slice(0, self.rows), slice(0, self.columns), (slice(None), slice(None)), 0.5)

    def lines(self, dashed: NDArray[np.bool_]) -> Coverage:
        """Return how much of each pixel the lines between the cells cover; they are one pixel thick.

        Parameters
        ----------
        dashed : bool array (rows, columns)
            The cells whose lines are dashed: the middle of each side has a gap.
        """
        across = np.abs(self._column - np.rint(self._column))
        down = np.abs(self._row - np.rint(self._row))
        covered = np.clip(1 - np.minimum(across * self._column_pixels, down * self._row_pixels), 0, 1)
        in_gap = (across > GAP_START) | (down > GAP_START)
        return np.where(dashed[self.cell_rows, self.cell_columns] & in_gap, np.float32(0), covered)


def draw_plane(palette: Palette, plane: Plane, cells: Levels, empty: NDArray[np.bool_] | None = None) -> Levels:
    """Draw a plane whose cells have colors, as palette indices; the lines of empty cells are dashed."""
    picture: Levels = cells[plane.cell_rows, plane.cell_columns]
    empty = np.zeros(cells.shape, np.bool_) if empty is None else empty
    if plane.cell >= MIN_LINED_CELL:
        lines = plane.lines(empty)
        of_empty = empty[plane.cell_rows, plane.cell_columns]
        palette.blend(picture, np.where(of_empty, 0, lines * _line_opacity(plane.cell)), WHITE)
        palette.blend(picture, np.where(of_empty, lines, 0), EMPTY_LINE)
    palette.blend(picture, 1 - plane.whole(), WHITE)
    return picture


def draw_empty_plane(palette: Palette, plane: Plane) -> Levels:
    """Draw a plane of empty cells."""
    picture = np.full(plane.shape, palette.index(WHITE), np.uint8)
    everywhere = slice(None), slice(None)
    covered = plane.outline(slice(0, plane.rows), slice(0, plane.columns), everywhere, 1)
    if plane.cell >= MIN_LINED_CELL:
        lines = plane.lines(np.zeros((plane.rows, plane.columns), np.bool_)) * plane.whole()
        covered = np.maximum(covered, lines * np.float32(_line_opacity(plane.cell) + EMPTY_LINE_OPACITY))
    palette.blend(picture, covered, EMPTY_LINE)
    return picture


def _line_opacity(cell: int) -> float:
    """Return the opacity of the lines between cells: those of small cells are fainter."""
    return 0.55 if cell >= LARGE_CELL else 0.3


def _distance(t: Number) -> Number:
    """Return the distance from the viewer, w(t) in the description of the module."""
    return 1 + CONVERGENCE * (1 - 2 * t)
