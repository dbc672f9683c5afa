"""Feature maps and other pictures as text for the terminal: framed tiles, side by side under their labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.statistics import ChannelStatistics
from cnnfx.render.color import ColorScale, LinearScale, draw_values
from cnnfx.render.legend import NONFINITE_TEXT, range_text
from cnnfx.render.terminal import WEAK_OUTPUT, Terminal, digits, half_blocks, signs
from cnnfx.render.tiles import Levels, Tiles, paste, picture_tiles, shrink
from cnnfx.render.wrapping import cut, display_width, pad

TILE_GAP = 2
"""Columns between tiles, and between the kernels of a table without colors."""
MIN_TILE_WIDTH = 28
"""Maps wider than this are shrunk to fit side by side, but not to fewer columns."""
MAX_TILE_ROWS = 96
"""The most rows of pixels of a map: two of them are one line."""
FRAME_COLOR = (95, 135, 175)
"""The color of frames: one of xterm's, distinct from black, white and gray."""
MIN_PICTURE_WIDTH, MAX_PICTURE_WIDTH = 200, 280
"""The least and the most pixels that a map needs in a picture, before there are fewer maps side by side."""
MAX_PICTURE_HEIGHT = 600
"""The most rows of a map in a picture."""
PICTURE_GAP = 8
"""About how many pixels there are between the small maps of a picture."""
DIGIT_COLUMNS = 2
"""The columns of a pixel that is shown as a digit."""


class TextTile(NamedTuple):
    """Lines that each fill `width` columns, escape codes not counted, and a label to write above them."""

    label: str
    width: int
    lines: list[str]


def maps_preview(maps: FeatureMaps | ArrayMaps, color_scale: ColorScale, terminal: Terminal) -> str:
    """Return feature maps as text for a terminal: tiles side by side under the names and ranges of the channels.

    The maps are shrunk by `largest_in_blocks`, and drawn in the same scale as in a file. A terminal with graphics shows
    a picture with these labels and a legend.
    """
    if terminal.graphics != "none":
        from cnnfx.render.graphics import picture_text

        return picture_text(maps_picture(maps, color_scale, terminal.pixel_width), terminal)
    count, height, width = maps.shape
    scales = color_scale.linear_scales(maps)
    labels = [
        terminal.encodable(f"{name} {_values_text(channel, scale)}")
        for name, channel, scale in zip(maps.names, maps.statistics, scales, strict=True)
    ]
    frame = 0 if terminal.colors == "none" else 2
    needed = min(max(width + frame, *map(display_width, labels)), MIN_TILE_WIDTH)
    columns = balanced_columns(count, needed, terminal.width)
    room = (terminal.width + TILE_GAP) // columns - TILE_GAP
    factor = min(1.0, max(1, room - frame) / width, MAX_TILE_ROWS / height)
    shape = max(1, round(height * factor / terminal.pixel_rows)), max(1, round(width * factor))
    small = largest_in_blocks(maps.bands(), maps.shape, *shape)
    tiles = []
    for label, values, scale in zip(labels, small, scales, strict=True):
        if terminal.colors == "none":
            largest = max(abs(value) for value in scale.limits)
            rows = signs(values, largest, terminal.encoding, WEAK_OUTPUT)
            tiles.append(TextTile(label, shape[1], ["".join(row) for row in rows]))
        else:
            picture = draw_values(values, scale, color_scale.colormap, not np.isfinite(values).all())
            tiles.append(TextTile(label, *framed([[picture]], shape, terminal, (terminal.pixel_rows, 1))))
    return side_by_side(tiles, columns, terminal)


def _values_text(channel: ChannelStatistics, scale: LinearScale) -> str:
    """Return the range of the values of a channel, and how many are NaN or infinite."""
    found = [range_text(*scale.limits)] if channel.count else []
    return ", ".join([*found, *([f"{channel.nonfinite:,} {NONFINITE_TEXT}"] if channel.nonfinite else [])])


def maps_picture(maps: FeatureMaps | ArrayMaps, color_scale: ColorScale, width: int) -> Levels:
    """Return a grid of feature maps, shrunk by `largest_in_blocks` to a picture about `width` pixels wide.

    It has labels and a legend. Small maps are enlarged as in any grid.
    """
    from cnnfx.render.cells import Section
    from cnnfx.render.feature_grid import ShownMaps
    from cnnfx.render.grid import Grid
    from cnnfx.render.heading import Heading

    count, map_height, map_width = maps.shape
    columns = balanced_columns(count, min(max(map_width, MIN_PICTURE_WIDTH), MAX_PICTURE_WIDTH), width)
    room = max(1, width // columns - 2 * max(PICTURE_GAP, width // columns // 50))
    factor = min(1.0, room / map_width, MAX_PICTURE_HEIGHT / map_height)
    shape = max(1, round(map_height * factor)), max(1, round(map_width * factor))
    small = largest_in_blocks(maps.bands(), maps.shape, *shape)
    shown, in_color = ShownMaps(maps, color_scale), not np.isfinite(small).all()
    pictures = [
        draw_values(values, scale, color_scale.colormap, in_color)
        for values, scale in zip(small, shown.scales, strict=True)
    ]
    tiles = picture_tiles(maps.names, pictures)._replace(ranges=shown.tiles(with_ranges=True).ranges)
    return Grid([Section([tiles], columns, heading=Heading("", shown.legend), framed=True)]).pixels()


def largest_in_blocks(
    bands: Iterable[tuple[int, NDArray[Any]]], shape: tuple[int, int, int], rows: int, columns: int
) -> NDArray[Any]:
    """Return maps shrunk to `rows`×`columns` values: of each block, the value of the largest magnitude.

    A line that is one pixel wide keeps its brightness, and the range of the values stays the same. In a mean, a line
    would be fainter the larger the map is, and the two sides of a line, such as −1 and 1, would cancel to 0.

    Parameters
    ----------
    bands : iterable of (first row, array (K, n, W))
        The maps from top to bottom. One band is needed at a time, which bounds the memory.
    shape : (K, H, W)
    rows, columns : int
        At most H and W.

    Returns
    -------
    array (K, rows, columns)
        NaN where a block contains NaN.
    """
    count, height, width = shape
    tops, lefts = np.arange(rows) * height // rows, np.arange(columns) * width // columns
    high, low = (np.full((count, rows, columns), start, np.float32) for start in (-np.inf, np.inf))
    for first, band in bands:
        begin, end = np.searchsorted(tops, (first, first + band.shape[1] - 1), side="right")
        starts = np.maximum(tops[begin - 1 : end] - first, 0)
        for result, ufunc in ((high, np.maximum), (low, np.minimum)):
            found = ufunc.reduceat(ufunc.reduceat(band, starts, axis=1), lefts, axis=2)
            result[:, begin - 1 : end] = ufunc(result[:, begin - 1 : end], found)
    return np.where(high >= -low, high, low)


def pictures_preview(tiles: Tiles, terminal: Terminal, scale: int = 1) -> str:
    """Return pictures as text for a terminal, side by side under their labels; without colors, as digits 0 to 9.

    A terminal with graphics shows a grid of them.

    Parameters
    ----------
    tiles : Tiles
    terminal : Terminal
    scale : int
        The factor of enlargement, where the width allows it.
    """
    if terminal.graphics != "none":
        from cnnfx.render.cells import Section
        from cnnfx.render.graphics import picture_text
        from cnnfx.render.grid import Grid

        return picture_text(Grid([Section([tiles])]).pixels(), terminal)
    count, frame = len(tiles.labels), 2
    pictures = list(tiles.rows(0, count, 0, tiles.height))
    least = DIGIT_COLUMNS if terminal.colors == "none" else terminal.pixel_rows
    scale = max(least, min(scale, (terminal.width - frame) // tiles.width))
    width = max(1, (terminal.width - frame) // scale)
    if tiles.width > width:
        pictures = [shrink(picture, width) for picture in pictures]
    cells = [
        TextTile(label, DIGIT_COLUMNS * picture.shape[1], digits(picture))
        if terminal.colors == "none"
        else TextTile(label, *framed([[picture]], picture.shape[:2], terminal, (scale, scale)))
        for label, picture in zip(tiles.labels, pictures, strict=True)
    ]
    needed = max(cells[0].width, *map(display_width, tiles.labels))
    return side_by_side(cells, balanced_columns(count, needed, terminal.width), terminal)


def framed(
    rows: Sequence[Sequence[Levels | None]],
    size: tuple[int, ...],
    terminal: Terminal,
    scale: tuple[int, int],
    distance: int = 0,
) -> tuple[int, list[str]]:
    """Draw pictures in rows and columns, each enlarged and in a frame; return the number of columns, and the lines.

    Neighboring frames share a side. A frame shows where a white picture ends on a light terminal, and a black one on a
    dark terminal.

    Parameters
    ----------
    rows : rows of pictures `(H, W)` or `(H, W, 3)`, or None for an empty place
    size : (H, W)
    terminal : Terminal
        One with colors.
    scale : (int, int)
        The factors of enlargement, vertical and horizontal.
    distance : int
        The least distance from the left side of a picture to the next, in columns.
    """
    edge = terminal.pixel_rows
    height, width = size[0] * scale[0], size[1] * scale[1]
    down, right = height + edge, max(width + 1, distance)
    full = len(rows) * down + edge, (len(rows[0]) - 1) * right + width + 2
    canvas, shown = np.full((*full, 3), FRAME_COLOR, np.uint8), np.zeros(full, np.bool_)
    for top, row in zip(range(0, full[0], down), rows, strict=False):
        for left, picture in zip(range(0, full[1], right), row, strict=False):
            if picture is not None:
                shown[top : top + height + 2 * edge, left : left + width + 2] = True
                paste(canvas, picture.repeat(scale[0], axis=0).repeat(scale[1], axis=1), top + edge, left + 1)
    assert terminal.colors != "none"
    return full[1], half_blocks(canvas, terminal.colors, terminal.encoding, shown).split("\n")


def balanced_columns(count: int, cell_width: int, width: int) -> int:
    """Return the cells in each row, which are as few rows as possible and as equally long as possible."""
    most = max(1, (width + TILE_GAP) // (cell_width + TILE_GAP))
    return math.ceil(count / math.ceil(count / most))


def side_by_side(tiles: Sequence[TextTile], columns: int, terminal: Terminal) -> str:
    """Return rows of tiles of one size under their labels, which are cut where they are too long.

    Rows that do not fit the height of the terminal are left out, except the first. The last line gives their number.
    """
    room = (terminal.width + TILE_GAP) // columns - TILE_GAP
    names = [terminal.encodable(tile.label) for tile in tiles]
    width = max(tiles[0].width, min(room, max(map(display_width, names))))
    filling = " " * (width - tiles[0].width)
    rows, row_lines = math.ceil(len(tiles) / columns), 1 + len(tiles[0].lines)
    if terminal.height is not None and rows * row_lines > terminal.height:
        rows = max(1, (terminal.height - 1) // row_lines)
    shown, lines = min(len(tiles), rows * columns), []
    for first in range(0, shown, columns):
        row = tiles[first : first + columns]
        labels = [pad(cut(name, width, terminal.ellipsis), width) for name in names[first : first + columns]]
        pictures = zip(*([line + filling for line in tile.lines] for tile in row), strict=True)
        lines += [(" " * TILE_GAP).join(parts).rstrip() for parts in (labels, *pictures)]
    if shown < len(tiles):
        lines.append(cut(terminal.encodable(f"… {shown} of {len(tiles)} are shown"), terminal.width, terminal.ellipsis))
    return "\n".join(lines)
