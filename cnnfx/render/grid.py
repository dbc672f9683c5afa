"""Grids of tiles: the layout of pictures in rows under labels and titles, drawn in bands from top to bottom.

The size of a grid is known before any pixel is computed, and its pixels are made in bands, so that a grid larger than
memory can be written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cnnfx.conv import BAND_ROWS
from cnnfx.errors import CnnfxError
from cnnfx.render.text import draw_text
from cnnfx.render.tiles import Levels, Tiles, blank, enlarge, paste

MAX_GRID_PIXELS = 600_000_000
"""A grid with more pixels than this is an error."""
BAND_PIXELS = 2**21
"""About how many pixels of the grid a band holds. Bands are at least `BAND_ROWS` rows of the tiles high, and a multiple
of it: the height of the bands in which feature maps are computed."""
ENLARGED_SIDE = 200
"""Tiles smaller than this are enlarged by a whole factor to at most this side in pixels, so that pixels can be seen."""


class Section(NamedTuple):
    """Tiles that are laid out together.

    Parameters
    ----------
    tiles : sequence of Tiles
    columns : int, optional
        Tiles in a row; see `suitable_columns` for the default.
    scale : int, optional
        The factor of enlargement; see `ENLARGED_SIDE` for the default.
    title : str
        A line above the tiles; empty for none.
    """

    tiles: Sequence[Tiles]
    columns: int | None = None
    scale: int | None = None
    title: str = ""


@dataclass(frozen=True)
class Grid:
    """Sections from top to bottom.

    Parameters
    ----------
    sections : sequence of Section
    labels : bool
        Whether the label of each picture is drawn above it.
    gap : int, optional
        Pixels between pictures and around them; by default it depends on their size.

    Raises
    ------
    CnnfxError
        If the grid would have more than `MAX_GRID_PIXELS`.
    """

    sections: Sequence[Section]
    labels: bool = True
    gap: int | None = None

    def __post_init__(self) -> None:
        # The full height is known once the labels are drawn, so the height without them is checked first.
        tiles_height = sum(layout.row_count * layout.cell_height for layout in self._layouts)
        height = tiles_height if self.width * tiles_height > MAX_GRID_PIXELS else self.height
        if self.width * height > MAX_GRID_PIXELS:
            raise CnnfxError(
                f"the grid would have {self.width}×{height} pixels; the limit is {MAX_GRID_PIXELS / 1e6:.0f} "
                "megapixels.",
                remedy="grid_size",
            )

    @property
    def color(self) -> bool:
        """Whether the grid is in color."""
        return any(tiles.in_color for section in self.sections for tiles in section.tiles)

    @cached_property
    def spacing(self) -> int:
        """Pixels between the pictures."""
        return max(6, self._reference_width // 50) if self.gap is None else self.gap

    @cached_property
    def font_size(self) -> int:
        """The font size of the labels in pixels: readable where the whole grid fits a screen."""
        return max(13, self._reference_width // 36)

    @property
    def _reference_width(self) -> int:
        """The width that font and gaps are proportional to: that of a cell, or six times the height of a flat one."""
        return max(min(layout.cell_width, 6 * layout.cell_height) for layout in self._layouts)

    @cached_property
    def width(self) -> int:
        """The width in pixels."""
        widths = (layout.columns * (layout.cell_width + self.spacing) for layout in self._layouts)
        return max(widths) + self.spacing

    @cached_property
    def height(self) -> int:
        """The height in pixels."""
        return int(sum(row.header.shape[0] + row.height + self.spacing for row in self._rows)) + self.spacing

    def pixels(self) -> Levels:
        """Return the whole grid, `(height, width)` or, in color, `(height, width, 3)`."""
        return np.concatenate(list(self.bands()))

    def bands(self) -> Iterator[Levels]:
        """Yield the pixels from top to bottom in bands, `(rows, width)` or, in color, `(rows, width, 3)`."""
        yield self._blank(self.spacing)
        for row in self._rows:
            header = self._blank(row.header.shape[0])
            paste(header, row.header, 0, self.spacing)
            yield header
            step = max(1, BAND_PIXELS // (self.width * row.scale) // BAND_ROWS) * BAND_ROWS
            for first in range(0, row.height // row.scale, step):
                yield self._band(row, first, min(first + step, row.height // row.scale))
            yield self._blank(self.spacing)

    def _band(self, row: _Row, first: int, last: int) -> Levels:
        """Draw the rows `first` to `last` of the pictures of a row of the grid."""
        band, left = self._blank((last - first) * row.scale), self.spacing
        for tiles, begin, end in row.runs:
            if first < tiles.height:
                for column, picture in enumerate(tiles.rows(begin, end, first, min(last, tiles.height))):
                    paste(band, enlarge(picture, row.scale), 0, left + column * (row.cell_width + self.spacing))
            left += (end - begin) * (row.cell_width + self.spacing)
        return band

    @cached_property
    def _layouts(self) -> list[_SectionLayout]:
        return [_SectionLayout.of(section) for section in self.sections]

    @cached_property
    def _rows(self) -> list[_Row]:
        return [row for layout in self._layouts for row in self._rows_of(layout)]

    def _rows_of(self, layout: _SectionLayout) -> Iterator[_Row]:
        for first in range(0, len(layout.pictures), layout.columns):
            pictures = layout.pictures[first : first + layout.columns]
            title = layout.section.title if first == 0 else ""
            header = np.concatenate(list(self._header_parts(title, pictures, layout.cell_width)))
            yield _Row(header, list(_runs(pictures)), layout.scale, layout.cell_width)

    def _header_parts(self, title: str, pictures: Sequence[tuple[Tiles, int]], cell_width: int) -> Iterator[Levels]:
        """Yield the parts above the pictures of a row: the title, the labels, and the small pictures."""
        width = self.width - 2 * self.spacing
        yield self._blank(0, width)
        if title:
            yield self._side_by_side([draw_text(title, round(self.font_size * 1.25), width)], width)
        if self.labels:
            labels = [draw_text(tiles.labels[index], self.font_size, cell_width) for tiles, index in pictures]
            yield self._side_by_side(labels, cell_width)
        above = [tiles.above[index] if tiles.above else None for tiles, index in pictures]
        if any(picture is not None for picture in above):
            yield self._side_by_side(above, cell_width)
            yield self._blank(max(4, self.spacing // 2), width)

    def _side_by_side(self, pictures: Sequence[Levels | None], cell_width: int) -> Levels:
        """Draw small pictures side by side in cells of one width."""
        height = max(picture.shape[0] for picture in pictures if picture is not None)
        canvas = self._blank(height, self.width - 2 * self.spacing)
        for column, picture in enumerate(pictures):
            if picture is not None:
                paste(canvas, picture, 0, column * (cell_width + self.spacing))
        return canvas

    def _blank(self, rows: int, width: int | None = None) -> Levels:
        return blank(rows, self.width if width is None else width, self.color)


class _SectionLayout(NamedTuple):
    """The pictures of a section, and the size and number of the cells in which they are drawn."""

    section: Section
    pictures: list[tuple[Tiles, int]]
    scale: int
    cell_width: int
    cell_height: int
    columns: int

    @classmethod
    def of(cls, section: Section) -> _SectionLayout:
        pictures = [(tiles, index) for tiles in section.tiles for index in range(len(tiles.labels))]
        width = max(tiles.width for tiles in section.tiles)
        height = max(tiles.height for tiles in section.tiles)
        scale = section.scale or max(1, ENLARGED_SIDE // max(width, height))
        columns = min(len(pictures), section.columns or suitable_columns(len(pictures), width, height))
        return cls(section, pictures, scale, width * scale, height * scale, columns)

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return math.ceil(len(self.pictures) / self.columns)


class _Row(NamedTuple):
    """A row of the grid: the drawn header, and runs `(tiles, first, last)` of pictures that are computed together."""

    header: Levels
    runs: Sequence[tuple[Tiles, int, int]]
    scale: int
    cell_width: int

    @property
    def height(self) -> int:
        """The height in pixels of the tallest picture, enlarged."""
        return max(tiles.height for tiles, _, _ in self.runs) * self.scale


def _runs(pictures: Sequence[tuple[Tiles, int]]) -> Iterator[tuple[Tiles, int, int]]:
    """Yield runs of neighboring pictures of the same tiles, `(tiles, first, last)`."""
    start = 0
    for end in range(1, len(pictures) + 1):
        if end == len(pictures) or pictures[end][0] is not pictures[start][0]:
            yield pictures[start][0], pictures[start][1], pictures[end - 1][1] + 1
            start = end


def suitable_columns(count: int, width: int, height: int) -> int:
    """Return the columns that make a grid of `count` tiles about 1.4 times as wide as high, with few empty cells."""

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        shape_error = abs(math.log(columns * width / (rows * height) / 1.4))
        return shape_error + 0.5 * (rows * columns - count)

    return min(range(1, count + 1), key=cost)
