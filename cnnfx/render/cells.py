"""The cells of a section of a grid: each tile with its label and a small picture above it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from cnnfx.render.heading import Heading
from cnnfx.render.text import BACKGROUND, draw_text, line_height, shorten, text_width
from cnnfx.render.tiles import Drawing, Frame, Item, Levels, TileRun, Tiles

ENLARGED_SIDE = 200
"""Tiles smaller than this are enlarged by a whole factor to at most this side in pixels, so that pixels can be seen."""
SMALL_PICTURE_EMS = 2.8
"""The height of small pictures in font sizes: two lines of text."""
SMALL_PICTURE_WIDTH_EMS = 16
"""The largest width of small pictures above narrow tiles, in font sizes."""
MAX_LABEL_EMS = 12
"""Cells are as wide as their labels with ranges, unless these are longer than this, in font sizes."""
MAX_HEADER_EMS = 14
"""A label is written beside a small picture if both fit into this many font sizes or the width of the tile."""
SAMPLE_RANGE = "±0.0888"
"""A range as wide as most."""
MIN_SHORTENED_LENGTH = 6
"""Names are not shortened to fewer characters, "..." included, to make space for their ranges."""
RANGE_LEVEL = 95
"""The gray level of ranges, lighter than names."""


class Section(NamedTuple):
    """Tiles that are laid out together.

    Parameters
    ----------
    tiles : sequence of Tiles
    columns : int, optional
        Tiles in a row; see `balanced_rows` for the default.
    scale : int, optional
        The factor of enlargement; see `ENLARGED_SIDE` for the default.
    heading : Heading, optional
        Above the tiles.
    source : Tiles, optional
        A picture at the left of the tiles, or above them if it is flat, with an arrow from it to them if
        labels are drawn.
    framed : bool
        Whether tiles and source have thin frames where labels are drawn and the gap leaves space, since white parts of
        them look like the background.
    """

    tiles: Sequence[Tiles]
    columns: int | None = None
    scale: int | None = None
    heading: Heading | None = None
    source: Tiles | None = None
    framed: bool = False

    @property
    def tile_scale(self) -> int:
        """The factor of enlargement of the tiles."""
        largest = max(max(tiles.width, tiles.height) for tiles in self.tiles)
        return self.scale or max(1, ENLARGED_SIDE // largest)

    @property
    def tile_size(self) -> tuple[int, int]:
        """The largest width and the largest height of the enlarged tiles."""
        width, height = max(tiles.width for tiles in self.tiles), max(tiles.height for tiles in self.tiles)
        return width * self.tile_scale, height * self.tile_scale

    @property
    def source_section(self) -> Section | None:
        """The source as a section of its own, enlarged so that its pixels can be compared with those of the tiles."""
        if self.source is None:
            return None
        ratio = max(1, round(max(self.source.width / tiles.width for tiles in self.tiles)))
        scale = self.scale or max(1, round(self.tile_scale / ratio))
        return Section([self.source], 1, scale, framed=self.framed)


class Cells:
    """The cells of a section, which are of one size.

    A cell is at least as wide as the tile, the label with its range (unless it is very long), and the small picture.

    Parameters
    ----------
    section : Section
    labels : bool
        Whether labels are drawn.
    font_size : int
        Of the labels.
    """

    def __init__(self, section: Section, labels: bool, font_size: int) -> None:
        self.section, self.labels, self.font_size = section, labels, font_size

    @cached_property
    def pictures(self) -> list[tuple[Tiles, int]]:
        """The tiles and the index of each picture."""
        return [(tiles, index) for tiles in self.section.tiles for index in range(len(tiles.labels))]

    @cached_property
    def width(self) -> int:
        """The width of a cell in pixels."""
        width = max(self.section.tile_size[0], self._small_size[0])
        if not self.labels:
            return width
        return max(width, self._label_left + self.label_width)

    @cached_property
    def height(self) -> int:
        """The height of a cell in pixels."""
        return self.header_height + self.section.tile_size[1]

    @cached_property
    def header_height(self) -> int:
        """The height of what is above the tile."""
        _, small_height = self._small_size
        lines = self._line_count * line_height(self.font_size) if self.labels else 0
        if not small_height:
            return lines + (self.labels and self.section.framed)  # the frame must not touch the label
        gap = max(4, self.font_size // 3)
        return (max(lines, small_height) if self._is_beside else lines + small_height) + gap

    def row_items(self, first: int, last: int, top: int, left: int, step: int) -> Iterator[Item]:
        """Yield what is drawn in the cells `first` to `last` (exclusive) of a row.

        Parameters
        ----------
        first, last : int
        top, left : int
            The position of the first cell.
        step : int
            The distance of the left sides of neighboring cells.
        """
        for position in range(first, last):
            yield from self._header_items(position, top, left + (position - first) * step)
        for start, end in _runs(self.pictures[first:last]):
            tiles, index = self.pictures[first + start]
            run_left = left + start * step
            run_top = top + self.header_height
            if self.section.framed and self.labels and step >= self.width + 2:
                scale = self.section.tile_scale
                height, width = tiles.height * scale, tiles.width * scale
                for position in range(end - start):
                    yield Frame(run_top - 1, run_left + position * step - 1, height + 2, width + 2)
            yield TileRun(run_top, run_left, tiles, index, index + end - start, self.section.tile_scale, step)

    def _header_items(self, position: int, top: int, left: int) -> Iterator[Item]:
        """Yield the label and the small picture of a cell."""
        tiles, index = self.pictures[position]
        small = self._small_pictures[position]
        label_left, label_top = 0, top
        label_height = self._line_count * line_height(self.font_size) if self.labels else 0
        if small is not None:
            height, width = small.shape[:2]
            small_top = top + (0 if self._is_beside else label_height)
            yield Drawing(small_top, left, height, width, lambda: small, small.ndim == 3)
            label_left = self._label_left
        if self._is_beside:
            label_top += max(0, (self._small_size[1] - label_height) // 2)
        if self.labels:
            width = self.width - label_left
            draw = partial(_draw_label, tiles, index, self.font_size, width, self._line_count)
            yield Drawing(label_top, left + label_left, label_height, width, draw)

    @cached_property
    def _small_pictures(self) -> list[Levels | None]:
        height = round(SMALL_PICTURE_EMS * self.font_size)
        width = max(self.section.tile_size[0], SMALL_PICTURE_WIDTH_EMS * self.font_size)
        return [
            None if tiles.small_picture is None else tiles.small_picture(index, width, height)
            for tiles, index in self.pictures
        ]

    @cached_property
    def _small_size(self) -> tuple[int, int]:
        """The largest width and the largest height of the small pictures; 0 if there are none."""
        sizes = [picture.shape for picture in self._small_pictures if picture is not None]
        return max((size[1] for size in sizes), default=0), max((size[0] for size in sizes), default=0)

    @cached_property
    def label_width(self) -> int:
        """The width of the longest label with its range, limited to `MAX_LABEL_EMS`."""
        with_range = any(tiles.ranges is not None for tiles in self.section.tiles)
        reserved = text_width(SAMPLE_RANGE, self.font_size) if with_range else 0
        width = max(text_width(label, self.font_size) for tiles in self.section.tiles for label in tiles.labels)
        if self._small_size[0] and self._fits_beside(max(width, reserved)):
            width = max(width, reserved)
        elif reserved:
            width += reserved + self.font_size // 2
        return min(width, MAX_LABEL_EMS * self.font_size)

    @cached_property
    def _is_beside(self) -> bool:
        """Whether labels are beside the small pictures."""
        return self.labels and self._small_size[0] > 0 and self._fits_beside(self.label_width)

    def _fits_beside(self, label_width: int) -> bool:
        needed = self._small_size[0] + self._small_gap + min(label_width, MAX_LABEL_EMS * self.font_size)
        return needed <= max(self.section.tile_size[0], MAX_HEADER_EMS * self.font_size)

    @property
    def _small_gap(self) -> int:
        return max(4, self.font_size // 2)

    @property
    def _label_left(self) -> int:
        """The distance of labels from the left side of the cell, where there is a small picture."""
        return self._small_size[0] + self._small_gap if self._is_beside else 0

    @property
    def _line_count(self) -> int:
        """The number of lines of a label: its range is below it where that fits beside the small picture."""
        return 2 if self._is_beside and any(tiles.ranges is not None for tiles in self.section.tiles) else 1


def _draw_label(tiles: Tiles, index: int, size: int, width: int, lines: int) -> Levels:
    """Draw the label of a picture with its range."""
    return draw_label(
        tiles.labels[index], tiles.ranges()[index] if tiles.ranges is not None else "", size, width, lines
    )


def draw_label(name: str, range_text: str, size: int, width: int, lines: int = 1) -> Levels:
    """Draw a name with the range of its values after it, or below it if there are two lines.

    What follows " · " in the range is left out if it does not fit. The name is shortened if both do not fit on one
    line; the range is left out if little of the name would be left.

    Parameters
    ----------
    name, range_text : str
        The range may be empty.
    size : int
        The font size.
    width : int
        The width of the result in pixels.
    lines : int
        1 or 2.

    Returns
    -------
    uint8 array (lines * line_height(size), width)
    """
    if text_width(range_text, size) > width:
        range_text = range_text.split(" · ")[0]
    if lines == 2 and not range_text:
        drawn, half = draw_text(name, size, width), line_height(size) // 2
        return np.pad(drawn, ((half, line_height(size) - half), (0, 0)), constant_values=BACKGROUND)
    if lines == 2:
        return np.concatenate([draw_text(name, size, width), _lighter(draw_text(range_text, size, width))])
    gap = max(3, size // 3)
    shown = shorten(name, size, max(0, width - text_width(range_text, size) - gap))
    if not range_text or (shown != name and len(shown) < MIN_SHORTENED_LENGTH):
        return draw_text(name, size, width)
    left = text_width(shown, size) + gap
    return np.concatenate([draw_text(shown, size, left), _lighter(draw_text(range_text, size, width - left))], axis=1)


def _lighter(text: Levels) -> Levels:
    """Return black text on white in the level of ranges."""
    darkness = (BACKGROUND - text.astype(np.uint16)) * (BACKGROUND - RANGE_LEVEL) // BACKGROUND
    return (BACKGROUND - darkness).astype(np.uint8)


def _runs(pictures: Sequence[tuple[Tiles, int]]) -> Iterator[tuple[int, int]]:
    """Yield the first and last position (exclusive) of each run of neighboring pictures of the same tiles."""
    start = 0
    for end in range(1, len(pictures) + 1):
        if end == len(pictures) or pictures[end][0] is not pictures[start][0]:
            yield start, end
            start = end
