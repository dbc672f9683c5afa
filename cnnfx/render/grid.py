"""Grids of tiles: the layout of pictures in rows under labels and headings, drawn in bands from top to bottom.

The size of a grid is known before any pixel is computed, and its pixels are made in bands, so that a grid larger than
memory can be written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from cnnfx.conv import BAND_ROWS
from cnnfx.errors import CnnfxError
from cnnfx.render.cells import Cells, Section
from cnnfx.render.heading import Heading
from cnnfx.render.layout import balanced_rows, full_rows, wider_rows
from cnnfx.render.tiles import ARROW_LEVEL, Drawing, Item, Levels, blank

MAX_GRID_PIXELS = 600_000_000
"""A grid with more pixels than this is an error."""
BAND_PIXELS = 2**21
"""About how many pixels of the grid a band holds. Bands are at least `BAND_ROWS` rows of the tiles high, and a multiple
of it: the height of the bands in which feature maps are computed."""
MIN_FONT_SIZE = 13
"""The smallest font size of labels, in pixels."""
MIN_HEADING_EMS = 18
"""A grid with a heading is at least this wide, in font sizes: the width of a color scale's bar with its numbers."""
ARROW_EMS = 3
"""The length of the arrow from a source to its tiles, in font sizes."""
FLAT_RATIO = 5
"""A source that is this many times as wide as high is above its tiles."""


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
    heading : Heading, optional
        Above all sections.

    Raises
    ------
    CnnfxError
        If the grid would have more than `MAX_GRID_PIXELS`.
    """

    sections: Sequence[Section]
    labels: bool = True
    gap: int | None = None
    heading: Heading | None = None

    def __post_init__(self) -> None:
        # The tiles alone are checked first, since text and filters in proportion to huge tiles cannot be drawn.
        tiles = [_tiles_size(section) for section in self.sections]
        width, height = max(width for width, _ in tiles), sum(height for _, height in tiles)
        if width * height <= MAX_GRID_PIXELS:
            width, height = self.width, self.height
        if width * height > MAX_GRID_PIXELS:
            raise CnnfxError(
                f"the grid would have {width}×{height} pixels; the limit is {MAX_GRID_PIXELS / 1e6:.0f} megapixels.",
                remedy="grid_size",
            )

    @cached_property
    def color(self) -> bool:
        """Whether the grid is in color."""
        return any(item.color for item in self.items)

    @cached_property
    def spacing(self) -> int:
        """Pixels between the pictures."""
        return max(6, self._reference_width // 50) if self.gap is None else self.gap

    @cached_property
    def font_size(self) -> int:
        """The font size of the labels in pixels: readable where the whole grid fits a screen."""
        return max(MIN_FONT_SIZE, self._reference_width // 30)

    @property
    def width(self) -> int:
        """The width in pixels."""
        return self._layout.width

    @property
    def height(self) -> int:
        """The height in pixels."""
        return self._layout.height

    @property
    def items(self) -> Sequence[Item]:
        """What is drawn, with its position: headings, labels, small pictures, arrows and runs of tiles."""
        return self._layout.items

    def pixels(self) -> Levels:
        """Return the whole grid, `(height, width)` or, in color, `(height, width, 3)`."""
        return np.concatenate(list(self.bands()))

    def bands(self) -> Iterator[Levels]:
        """Yield the pixels from top to bottom in bands, `(rows, width)` or, in color, `(rows, width, 3)`."""
        waiting = sorted(self.items, key=lambda item: item.top, reverse=True)
        visible: list[Item] = []
        for top, bottom in pairwise(self._band_limits()):
            while waiting and waiting[-1].top < bottom:
                visible.append(waiting.pop())
            visible = [item for item in visible if item.top + item.height > top]
            band = blank(bottom - top, self.width, self.color)
            for item in visible:
                item.draw_rows(band, top)
            yield band

    def _band_limits(self) -> Iterator[int]:
        """Yield the first row of each band, and the height.

        Bands begin and end with each row of tiles, so that these are computed in bands of `BAND_ROWS` rows.
        """
        limits = {0: 1, self.height: 1} | self._layout.row_scales
        for first, last in pairwise(sorted(limits)):
            unit = BAND_ROWS * limits[first]
            yield from range(first, last, max(1, BAND_PIXELS // self.width // unit) * unit)
        yield self.height

    @property
    def _reference_width(self) -> int:
        """The width that font and gaps are proportional to: that of a tile, or six times the height of a flat one."""
        return max(min(width, 6 * height) for width, height in (section.tile_size for section in self.sections))

    @cached_property
    def _layout(self) -> _Layout:
        blocks = [_Block(section, self.labels, self.font_size, self.spacing) for section in self.sections]
        headings = [section.heading for section in self.sections]
        width = max(block.width for block in blocks)
        for block in blocks:
            block.widen(width)
        if self.heading or any(headings):
            width = max(width, MIN_HEADING_EMS * self.font_size)
        layout = _Layout(width + 2 * self.spacing, self.spacing, [], {})
        if self.heading is not None:
            layout = layout.with_heading(self.heading, self.font_size, self.spacing)
        for heading, block in zip(headings, blocks, strict=True):
            if heading is not None:
                layout = layout.with_heading(heading, self.font_size, self.spacing)
            layout = layout.with_block(block, self.spacing)
        return layout


class _Layout(NamedTuple):
    """The size of a grid, what is drawn, and where rows of tiles begin (with their enlargement) and end (with 1)."""

    width: int
    height: int
    items: list[Item]
    row_scales: dict[int, int]

    def with_heading(self, heading: Heading, font_size: int, margin: int) -> _Layout:
        """Return the layout with a heading at its end."""
        width, top = self.width - 2 * margin, self.height
        top += font_size // 2 if self.items else 0  # more space than between rows of tiles
        height = heading.height(font_size, width)
        item = Drawing(top, margin, height, width, partial(heading.draw, font_size, width), heading.color)
        return self._replace(height=top + height + max(4, font_size // 3), items=[*self.items, item])

    def with_block(self, block: _Block, margin: int) -> _Layout:
        """Return the layout with the tiles of a section at its end."""
        return self._replace(
            height=self.height + block.height + margin,
            items=[*self.items, *block.items(self.height, margin)],
            row_scales=self.row_scales | block.row_scales(self.height),
        )


class _Block:
    """The cells of a section in rows, with its source at their left, centered vertically, or above if it is flat."""

    def __init__(self, section: Section, labels: bool, font_size: int, gap: int) -> None:
        self.cells, self.gap = Cells(section, labels, font_size), gap
        self.source = section.source_section and Cells(section.source_section, labels, font_size)
        self.left = self.above = 0
        """Pixels at the left of the cells, and above them."""
        self.arrow: tuple[int, int] | None = None
        """The width and height of the arrow from the source."""
        if self.source:
            source_width, source_height = self.source.section.tile_size
            is_flat = source_width >= FLAT_RATIO * source_height
            length = ARROW_EMS * font_size
            if labels:
                self.arrow = (font_size, length // 2) if is_flat else (length, font_size)
            arrow_width, arrow_height = self.arrow or (gap, gap)
            if is_flat:
                self.above = self.source.height + arrow_height + 2 * gap
            else:
                self.left = self.source.width + arrow_width + 2 * gap + (gap if labels else 0)
        self.step = self.cells.width + gap
        self.balanced = section.columns is None
        self.rows = _row_lengths(section, self.step, self.cells.height + gap, self.left)

    def widen(self, width: int) -> None:
        """Lay the cells out in fewer rows, if these have one length and fit into `width` pixels."""
        if self.balanced:
            self.rows = wider_rows(self.rows, (width - self.left + self.gap) // self.step)

    @property
    def width(self) -> int:
        """The width in pixels."""
        width = self.left + self.rows[0] * self.step - self.gap
        return max(width, self.source.width) if self.source else width

    @property
    def height(self) -> int:
        """The height in pixels."""
        if self.source and not self.above:
            return max(self._cells_height, self.source.height)
        return self.above + self._cells_height

    @property
    def _cells_height(self) -> int:
        return len(self.rows) * (self.cells.height + self.gap) - self.gap

    def _row_tops(self, top: int) -> range:
        first = top + self.above + (self.height - self.above - self._cells_height) // 2
        return range(first, first + self._cells_height, self.cells.height + self.gap)

    def row_scales(self, top: int) -> dict[int, int]:
        """Return where rows of tiles begin, with their enlargement, and where they end, with 1."""
        scales = {}
        for row_top in self._row_tops(top):
            scales[row_top + self.cells.header_height] = self.cells.section.tile_scale
            scales[row_top + self.cells.height] = 1
        return scales

    def items(self, top: int, left: int) -> Iterator[Item]:
        """Yield what is drawn where the block is at a position."""
        if self.source:
            source_top = top if self.above else top + (self.height - self.source.height) // 2
            yield from self.source.row_items(0, 1, source_top, left, self.source.width + self.gap)
            if self.arrow is not None:
                yield self._arrow(source_top, left, *self.arrow)
        first = 0
        for row_top, count in zip(self._row_tops(top), self.rows, strict=True):
            indent = (self.rows[0] - count) * self.step // 2 if self.balanced else 0
            yield from self.cells.row_items(first, first + count, row_top, left + self.left + indent, self.step)
            first += count

    def _arrow(self, source_top: int, source_left: int, width: int, height: int) -> Drawing:
        """Return the arrow from the source, to the right or downward."""
        assert self.source is not None
        source_width, source_height = self.source.section.tile_size
        if self.above:
            left = source_left + max(0, min(source_width, self.width) - width) // 2
            top = source_top + self.source.height + self.gap
        else:
            left = source_left + self.source.width + self.gap
            # The arrow begins at the middle of the source, but not below its bottom.
            middle = source_top + self.source.header_height + source_height // 2
            top = min(middle - height // 2, source_top + self.source.height - height)
        return Drawing(top, left, height, width, partial(_draw_arrow, width, height))


def _row_lengths(section: Section, width: int, height: int, beside: int = 0) -> Sequence[int]:
    """Return the number of cells in each row, given their size and the width of the source beside them."""
    count = sum(len(tiles.labels) for tiles in section.tiles)
    if section.columns is not None:
        return full_rows(count, section.columns)
    return balanced_rows(count, width, height, beside)


def _tiles_size(section: Section) -> tuple[int, int]:
    """Return the width and height of a section without labels, gaps and source."""
    width, height = section.tile_size
    rows = _row_lengths(section, width, height)
    return rows[0] * width, len(rows) * height


def _draw_arrow(width: int, height: int) -> Levels:
    """Draw an arrow to the right or, in a picture that is higher than wide, downward."""
    from cnnfx.render.shapes import draw_arrow

    canvas, size = blank(height, width), min(width, height)
    start, end = ((0, height / 2), (width, height / 2)) if width > height else ((width / 2, 0), (width / 2, height))
    draw_arrow(canvas, start, end, ARROW_LEVEL, thickness=size / 7, head=0.7 * size)
    return canvas
