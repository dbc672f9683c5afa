"""Pictures side by side: the one layout for feature maps, inputs and filters.

A grid knows its size before a single pixel is computed, and makes its pixels in bands from top to bottom, so that a
grid larger than
memory can be written too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.conv import BAND_ROWS
from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.nn.feature_maps import Statistics, channel_statistics
from cnnfx.nn.layers import Shape
from cnnfx.render.color import ColorScale, LinearScale, apply_colormap
from cnnfx.render.png import write_png
from cnnfx.render.text import BACKGROUND, draw_text
from cnnfx.system.files import atomic_write

Levels = NDArray[np.uint8]

MAX_PIXELS = 600_000_000
"""A grid with more pixels than this is refused."""
BAND_PIXELS = 2**21
"""About how many pixels of the grid a band holds, if these are rows enough to be the same as those of whole maps."""
SMALL = 200
"""Tiles narrower than this are enlarged to about this width, so that single pixels can be seen."""


class Tiles(NamedTuple):
    """Pictures of one size that are computed together.

    Parameters
    ----------
    labels : one for each picture
    height, width : the size in pixels, before enlargement
    rows : function (first picture, last picture, first row, last row) to pictures
        The given rows of the given pictures one by one, each `(rows, width)` or, in color, `(rows, width, 3)`; both
        "last" are exclusive.
    color : whether `rows` or `above` are in color
    above : small pictures drawn over each, or None
    """

    labels: Sequence[str]
    height: int
    width: int
    rows: Callable[[int, int, int, int], Iterable[Levels]]
    color: bool = False
    above: Sequence[Levels | None] = ()

    def pick(self, index: int) -> Tiles:
        """One of the pictures alone."""

        def rows(_first: int, _last: int, top: int, bottom: int) -> Iterable[Levels]:
            return self.rows(index, index + 1, top, bottom)

        return self._replace(labels=self.labels[index : index + 1], rows=rows, above=self.above[index : index + 1])


class Section(NamedTuple):
    """Tiles laid out together, in the same number of columns and the same enlargement, under a title if it has one."""

    tiles: Sequence[Tiles]
    columns: int | None = None
    scale: int | None = None
    title: str = ""


class Shelf(NamedTuple):
    """One row of the grid: what stands over the pictures (already drawn), and runs of pictures `(tiles, first,
    last)`."""

    header: Levels
    runs: Sequence[tuple[Tiles, int, int]]
    scale: int
    cell: int

    @property
    def height(self) -> int:
        """The height in pixels of the tallest picture, enlarged."""
        return max(tiles.height for tiles, _, _ in self.runs) * self.scale


@dataclass(frozen=True)
class Grid:
    """Sections from top to bottom.

    Parameters
    ----------
    sections : sequence of Section
    labels : whether each picture's label is written over it
    gap : pixels between pictures and around them; None for what suits their size

    Raises
    ------
    CnnfxError
        If the grid would have more than `MAX_PIXELS`.
    """

    sections: Sequence[Section]
    labels: bool = True
    gap: int | None = None
    _cells: list[_Cells] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cells", [_Cells.of(section) for section in self.sections])
        least = sum(cells.rows * cells.height for cells in self._cells)  # without the labels, which are not drawn yet
        height = least if self.width * least > MAX_PIXELS else self.height
        if self.width * height > MAX_PIXELS:
            raise CnnfxError(
                f"the grid would have {self.width}×{height} pixels, {MAX_PIXELS / 1e6:.0f} megapixels are the "
                "most. Write one picture per channel with -o FOLDER/, or use a smaller --scale."
            )

    @property
    def color(self) -> bool:
        """Whether the grid is in color."""
        return any(tiles.color for section in self.sections for tiles in section.tiles)

    @cached_property
    def spacing(self) -> int:
        """Pixels between the pictures."""
        return max(6, self._measure // 50) if self.gap is None else self.gap

    @cached_property
    def font(self) -> int:
        """The size of the labels: readable where the whole grid fits a screen."""
        return max(13, self._measure // 36)

    @property
    def _measure(self) -> int:
        """What labels and gaps go by: the width of a picture, or six times its height if it is a mere strip."""
        return max(min(cells.width, 6 * cells.height) for cells in self._cells)

    @cached_property
    def width(self) -> int:
        """Pixels from left to right."""
        return max(cells.columns * (cells.width + self.spacing) for cells in self._cells) + self.spacing

    @cached_property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(sum(shelf.header.shape[0] + shelf.height + self.spacing for shelf in self._shelves)) + self.spacing

    def bands(self) -> Iterator[Levels]:
        """The pixels from top to bottom: bands `(rows, width)` or, in color, `(rows, width, 3)`."""
        yield self._paper(self.spacing)
        for shelf in self._shelves:
            yield self._place(shelf.header, self.spacing, self._paper(shelf.header.shape[0]))
            step = max(1, BAND_PIXELS // (self.width * shelf.scale) // BAND_ROWS) * BAND_ROWS
            for first in range(0, shelf.height // shelf.scale, step):
                yield self._band(shelf, first, min(first + step, shelf.height // shelf.scale))
            yield self._paper(self.spacing)

    def pixels(self) -> Levels:
        """The whole grid, `(height, width)` or `(height, width, 3)`."""
        return np.concatenate(list(self.bands()))

    @cached_property
    def _shelves(self) -> list[Shelf]:
        return [shelf for cells in self._cells for shelf in self._shelves_of(cells)]

    def _shelves_of(self, cells: _Cells) -> Iterator[Shelf]:
        for first in range(0, len(cells.places), cells.columns):
            places = cells.places[first : first + cells.columns]
            title = cells.section.title if first == 0 else ""
            header = np.concatenate(list(self._headings(title, places, cells.width)))
            yield Shelf(header, list(_runs(places)), cells.scale, cells.width)

    def _headings(self, title: str, places: Sequence[tuple[Tiles, int]], cell: int) -> Iterator[Levels]:
        """What stands over the pictures of one shelf: a title, their labels, and the small pictures above them."""
        width = self.width - 2 * self.spacing
        yield self._paper(0, width)
        if title:
            yield self._strip([draw_text(title, round(self.font * 1.25), width)], width)
        if self.labels:
            yield self._strip([draw_text(tiles.labels[index], self.font, cell) for tiles, index in places], cell)
        above = [tiles.above[index] if tiles.above else None for tiles, index in places]
        if any(picture is not None for picture in above):
            yield self._strip(above, cell)
            yield self._paper(max(4, self.spacing // 2), width)

    def _strip(self, pictures: Sequence[Levels | None], cell: int) -> Levels:
        """Small pictures in cells of a width, side by side."""
        strip = self._paper(
            max(picture.shape[0] for picture in pictures if picture is not None), self.width - 2 * self.spacing
        )
        for column, picture in enumerate(pictures):
            if picture is not None:
                self._place(picture, column * (cell + self.spacing), strip)
        return strip

    def _band(self, shelf: Shelf, first: int, last: int) -> Levels:
        canvas, left = self._paper((last - first) * shelf.scale), self.spacing
        for tiles, begin, end in shelf.runs:
            if first < tiles.height:
                for column, picture in enumerate(tiles.rows(begin, end, first, min(last, tiles.height))):
                    self._place(enlarge(picture, shelf.scale), left + column * (shelf.cell + self.spacing), canvas)
            left += (end - begin) * (shelf.cell + self.spacing)
        return canvas

    def _paper(self, rows: int, width: int | None = None) -> Levels:
        width = self.width if width is None else width
        return np.full((rows, width, 3) if self.color else (rows, width), BACKGROUND, np.uint8)

    @staticmethod
    def _place(picture: Levels, left: int, canvas: Levels) -> Levels:
        """The canvas with the picture put at its top, `left` pixels from the left; a gray picture into color if need
        be."""
        if canvas.ndim > picture.ndim:
            picture = picture[..., None]
        canvas[: picture.shape[0], left : left + picture.shape[1]] = picture
        return canvas


class _Cells(NamedTuple):
    """A section's tiles one by one, and the cells they stand in."""

    section: Section
    places: list[tuple[Tiles, int]]
    scale: int
    width: int
    height: int
    columns: int

    @property
    def rows(self) -> int:
        """How many rows of the grid the places fill."""
        return math.ceil(len(self.places) / self.columns)

    @classmethod
    def of(cls, section: Section) -> _Cells:
        places = [(tiles, index) for tiles in section.tiles for index in range(len(tiles.labels))]
        width = max(tiles.width for tiles in section.tiles)
        height = max(tiles.height for tiles in section.tiles)
        scale = section.scale or max(1, SMALL // max(width, height))
        columns = min(len(places), section.columns or suitable_columns(len(places), width, height))
        return cls(section, places, scale, width * scale, height * scale, columns)


def suitable_columns(count: int, width: int, height: int) -> int:
    """The columns that make a grid of `count` tiles about 1.4 times as wide as high, with few places left empty."""

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        shape = abs(math.log(columns * width / (rows * height) / 1.4))
        return shape + 0.5 * (rows * columns - count)

    return min(range(1, count + 1), key=cost)


def enlarge(picture: NDArray[Any], scale: int) -> NDArray[Any]:
    """A picture `(H, W, ...)` with every pixel repeated `scale` times in both directions."""
    return picture if scale == 1 else picture.repeat(scale, axis=0).repeat(scale, axis=1)


def _runs(places: Sequence[tuple[Tiles, int]]) -> Iterator[tuple[Tiles, int, int]]:
    """Neighboring places of the same tiles, joined: `(tiles, first, last)`."""
    start = 0
    for end in range(1, len(places) + 1):
        if end == len(places) or places[end][0] is not places[start][0]:
            yield places[start][0], places[start][1], places[end - 1][1] + 1
            start = end


Floats = NDArray[np.float32]


class Maps(Protocol):
    """Channels that can be drawn: `cnnfx.nn.feature_maps.FeatureMaps`, or `ArrayMaps`."""

    @property
    def names(self) -> Sequence[str]:
        """A name for each of the K channels."""

    @property
    def shape(self) -> Shape:
        """(K, H, W)."""

    @property
    def statistics(self) -> Statistics:
        """The statistics of each channel."""

    def rows(self, first: int, last: int) -> Floats:
        """Rows of all channels, `(K, last - first, W)`."""

    def part(self, first: int, last: int) -> Maps:
        """Some of the channels."""


class ArrayMaps:
    """An array `(K, H, W)` as channels that can be drawn."""

    def __init__(self, array: NDArray[Any], names: Sequence[str]) -> None:
        self.array, self.names = array, names

    @property
    def shape(self) -> Shape:
        """(K, H, W)."""
        channels, height, width = self.array.shape
        return channels, height, width

    @cached_property
    def statistics(self) -> Statistics:
        """The statistics of each channel."""
        return channel_statistics([(0, self.array)])

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """Rows of all channels, `(K, last - first, W)`."""
        return self.array[:, first:last]

    def part(self, first: int, last: int) -> ArrayMaps:
        """Some of the channels."""
        return ArrayMaps(self.array[first:last], self.names[first:last])


def map_tiles(maps: Maps, look: ColorScale, above: Sequence[Levels | None] = ()) -> Tiles:
    """The channels as tiles, each under its name; `above` are small pictures over them (their filters)."""
    lines: list[LinearScale] = []
    parts: dict[tuple[int, int], Maps] = {}

    def rows(first: int, last: int, top: int, bottom: int) -> Iterator[Levels]:
        # Found when first drawn: the size of a grid can be known without computing a map.
        lines.extend(() if lines else look.linear_scales(maps.statistics))
        if (first, last) not in parts:
            parts[first, last] = maps.part(first, last)
        values = parts[first, last].rows(top, bottom)
        for value_line, channel in zip(lines[first:last], values, strict=True):
            yield apply_colormap(value_line.levels(channel), look.colormap)

    color = look.colormap != "gray" or any(picture is not None and picture.ndim == 3 for picture in above)
    _, height, width = maps.shape
    return Tiles(tuple(maps.names), height, width, rows, color, above)


def grid(
    maps: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    normalize: str = "signed",
    scope: str = "channel",
    colormap: str = "gray",
    columns: int | None = None,
    scale: int | None = None,
    labels: bool = True,
    gap: int | None = None,
) -> NDArray[np.uint8]:
    """Feature maps side by side as one picture.

    Parameters
    ----------
    maps : array (K, H, W)
        Any real numbers.
    names : sequence of K str, optional
        The labels; "0", "1" and so on unless given.
    normalize : "signed", "minmax", "positive", "absolute" or "none"
        As in `cnnfx.render.color`: "signed" draws zero mid-gray and the largest magnitude white or black.
    scope : "channel" or "all"
        Whether each map is drawn by its own range or all by the range of all.
    colormap : "gray", "diverging", "heat" or "viridis"
    columns, scale, gap : int, optional
        Maps in a row; whole factor of enlargement; pixels between maps. What suits the sizes unless given.
    labels : bool
        Whether names are written over the maps.

    Returns
    -------
    array (height, width) or, with a color map, (height, width, 3)
        uint8, 0..255.

    Raises
    ------
    ArgumentError
        If the array has another shape, the names are not as many as the maps, or a mode is not known.
    """
    array: NDArray[Any] = np.asarray(maps)
    if array.ndim != 3 or not array.size:
        raise ArgumentError(f"maps has the shape {array.shape}; a grid is drawn of an array (K, H, W).")
    names = [str(index) for index in range(len(array))] if names is None else names
    if len(names) != len(array):
        raise ArgumentError(f"There are {len(names)} names for {len(array)} maps.")
    values = array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
    tiles = map_tiles(ArrayMaps(values, names), ColorScale(normalize, scope, colormap))
    return Grid([Section([tiles], columns, scale)], labels, gap).pixels()


def save_grid(path: str | os.PathLike[str], picture: NDArray[np.uint8]) -> None:
    """Write a picture `(H, W)` or `(H, W, 3)` of levels 0..255 as a PNG file, whole or not at all.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    with atomic_write(path) as file:
        write_png(file, picture.shape[1], picture.shape[0], [picture], color="gray" if picture.ndim == 2 else "rgb")
