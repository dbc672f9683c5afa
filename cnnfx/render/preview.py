"""Tiles and tables of filters as text for the terminal, laid out in columns under labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.images.image import resize
from cnnfx.nn.layers import Layer
from cnnfx.render.filters import kernel_levels, used_channels
from cnnfx.render.terminal import ColorDepth, half_blocks, min_pixel_scale
from cnnfx.render.tiles import Levels, Tiles

TILE_GAP = 2
"""Characters between tiles."""
MIN_TILE_WIDTH = 38
"""Tiles wider than this many characters are shrunk to fit side by side, but not to fewer characters."""
SHRINK_ROWS = 1024
"""About how many rows of a picture are shrunk at a time."""
MAX_NAME_WIDTH = 12
"""Names in a table are cut to this many characters."""
TABLE_SCALE = 2
"""The factor by which weights in a table are enlarged, if all input channels fit into the width then."""


class TextCell(NamedTuple):
    """Lines that each fill `width` characters, escape codes not counted."""

    width: int
    lines: list[str]


def preview(tiles: Tiles, width: int, depth: ColorDepth, encoding: str | None, enlarge: int = 1) -> str:
    """Return tiles as lines of at most `width` characters, side by side under their labels.

    Parameters
    ----------
    tiles : Tiles
    width : int
        The columns of the terminal.
    depth : ColorDepth
        The colors of the terminal.
    encoding : str, optional
        The encoding of the terminal; see `half_blocks`.
    enlarge : int
        The largest whole factor by which small pictures are enlarged.
    """
    count, longest_label = len(tiles.labels), max(len(label) for label in tiles.labels)
    min_width = min(max(tiles.width * enlarge, longest_label), MIN_TILE_WIDTH)
    columns = max(1, min(count, (width + TILE_GAP) // (min_width + TILE_GAP)))
    max_width = min(max(min_width, (width + TILE_GAP) // columns - TILE_GAP), width)
    cells = [_tile_cell(tiles, index, max_width, depth, encoding, enlarge) for index in range(count)]
    return "\n".join(_join_cells(cells[first : first + columns]) for first in range(0, count, columns))


def _tile_cell(tiles: Tiles, index: int, width: int, depth: ColorDepth, encoding: str | None, enlarge: int) -> TextCell:
    """Return a picture of the tiles under its label, at most `width` characters wide."""
    picture = shrink(tiles, index, width)
    columns = min(width, picture.shape[1] * enlarge)
    lines = half_blocks(picture, width=columns, depth=depth, enlarge=enlarge, encoding=encoding).split("\n")
    label = tiles.labels[index][:width]
    cell_width = max(columns, len(label))
    return TextCell(cell_width, [label.ljust(cell_width), *(line + " " * (cell_width - columns) for line in lines)])


def _join_cells(cells: list[TextCell]) -> str:
    """Join cells of one height side by side."""
    labels, *lines = ((" " * TILE_GAP).join(parts) for parts in zip(*(cell.lines for cell in cells), strict=True))
    return "\n".join([labels.rstrip(), *lines])


def shrink(tiles: Tiles, index: int, width: int) -> Levels:
    """Return a picture of the tiles, shrunk by the largest whole factor that leaves at least `width` pixels.

    Each pixel is the mean of a block of pixels. The picture is computed and shrunk in bands, which bounds the memory.
    """

    def rows(first: int, last: int) -> Levels:
        return next(iter(tiles.rows(index, index + 1, first, last)))

    factor = max(1, tiles.width // max(1, width))
    if factor == 1:
        return rows(0, tiles.height)
    height = tiles.height // factor * factor
    if not height:  # lower than one block
        return rows(0, tiles.height)[:, ::factor]
    step = max(1, SHRINK_ROWS // factor) * factor
    bands = (rows(first, min(first + step, height)) for first in range(0, height, step))
    return np.concatenate([_block_means(band, factor) for band in bands])


def _block_means(band: Levels, factor: int) -> Levels:
    """Return the means of blocks of `factor`×`factor` pixels; incomplete blocks at the right are left out."""
    rows, columns = band.shape[0] // factor, band.shape[1] // factor
    whole_blocks = band[:, : columns * factor]
    channels = whole_blocks[None] if band.ndim == 2 else np.moveaxis(whole_blocks, -1, 0)
    # In float32, since Pillow rounds uint8 after each of the two directions.
    means: Levels = np.rint(resize(channels.astype(np.float32), rows, columns)).astype(np.uint8)
    return means[0] if band.ndim == 2 else np.moveaxis(means, 0, -1)


def filter_table(
    layer: Layer,
    inputs: Sequence[str],
    width: int,
    depth: ColorDepth,
    encoding: str | None,
    largest: float | None = None,
) -> str:
    """Return the kernels of a layer `(K, C, kh, kw)` as a table of at most `width` characters a line.

    There is a row for each filter and a column for each input channel, with names at the left and on top. Input
    channels that do not fit into the width follow in another table below. A cell is empty where a filter does not use
    the channel.

    Parameters
    ----------
    layer : Layer
    inputs : sequence of str
        The names of the C input channels of the filters.
    width : int
        The columns of the terminal.
    depth : ColorDepth
        The colors of the terminal.
    encoding : str, optional
        The encoding of the terminal; see `half_blocks`.
    largest : float, optional
        The magnitude that is drawn white or black; by default the largest weight of each filter.
    """
    names_width, inputs_width = (min(max(map(len, names)), MAX_NAME_WIDTH) for names in (layer.filter_names, inputs))
    kernel_width = layer.conv.weights.shape[3]
    scale = TABLE_SCALE
    if (max(kernel_width * scale, inputs_width) + 1) * len(inputs) > width - names_width:
        scale = min_pixel_scale(depth, encoding)
    cell_width = max(kernel_width * scale, inputs_width)
    columns = max(1, (width - names_width) // (cell_width + 1))
    filters = [_kernel_cells(weights, largest, scale, depth, encoding) for weights in layer.conv.weights]

    def table_line(name: str, parts: Sequence[str]) -> str:
        return " ".join([name[:names_width].ljust(names_width), *parts]).rstrip()

    def table_lines(first: int) -> Iterator[str]:
        yield table_line("", [name[:cell_width].ljust(cell_width) for name in inputs[first : first + columns]])
        for name, cells in zip(layer.filter_names, filters, strict=True):
            padded = [
                [line + " " * (cell_width - cell.width) for line in cell.lines]
                for cell in cells[first : first + columns]
            ]
            for number, parts in enumerate(zip(*padded, strict=True)):
                yield table_line("" if number else name, parts)

    tables = ["\n".join(table_lines(first)).rstrip("\n") for first in range(0, len(inputs), columns)]
    return "\n\n".join(tables)


def _kernel_cells(
    weights: NDArray[Any], largest: float | None, scale: int, depth: ColorDepth, encoding: str | None
) -> list[TextCell]:
    """Return the kernels of a filter `(C, kh, kw)`; those on channels that it does not use are blank."""
    cells = []
    for kernel, is_used in zip(kernel_levels(weights, largest), used_channels(weights), strict=True):
        width = kernel.shape[1] * scale
        lines = half_blocks(kernel, width=width, depth=depth, enlarge=scale, encoding=encoding).split("\n")
        if kernel.shape[0] * scale % 2 == 0:  # after an odd number of pixels, the half line left over is the gap
            lines.append(" " * width)
        cells.append(TextCell(width, lines if is_used else [" " * width] * len(lines)))
    return cells
