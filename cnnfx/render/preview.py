"""Tiles in the terminal: small versions of them side by side, each under its name."""

from __future__ import annotations

import numpy as np

from cnnfx.render.grid import Levels, Tiles
from cnnfx.render.terminal import ColorDepth, half_blocks

GAP = 2
NARROW = 38
"""Pictures are not shrunk to fewer columns than this."""
BAND_ROWS = 1024

Cell = tuple[int, list[str]]
"""A width in characters, and lines: a label, then half blocks."""


def preview(tiles: Tiles, width: int, depth: ColorDepth, encoding: str | None, enlarge: int = 1) -> str:
    """The tiles in lines of at most `width` characters.

    Parameters
    ----------
    tiles : Tiles
    width : the terminal's columns
    depth : the terminal's colours
    encoding : the terminal's encoding
    enlarge : the whole factor by which pictures are enlarged where there is room
    """
    count, longest = len(tiles.labels), max(len(label) for label in tiles.labels)
    least = min(max(tiles.width * enlarge, longest), NARROW)
    columns = max(1, min(count, (width + GAP) // (least + GAP)))
    widest = max(least, (width + GAP) // columns - GAP)
    cells = [_cell(tiles, index, min(widest, width), depth, encoding, enlarge) for index in range(count)]
    return "\n".join(_shelf(cells[first : first + columns]) for first in range(0, count, columns))


def _cell(tiles: Tiles, index: int, width: int, depth: ColorDepth, encoding: str | None, enlarge: int) -> Cell:
    picture = shrink(tiles, index, width)
    columns = min(width, picture.shape[1] * enlarge)
    lines = half_blocks(picture, width=columns, depth=depth, enlarge=enlarge, encoding=encoding).split("\n")
    label = tiles.labels[index][:width]
    cell = max(columns, len(label))
    return cell, [label, *(line + " " * (cell - columns) for line in lines)]


def _shelf(cells: list[Cell]) -> str:
    """Cells of one height side by side."""
    labels = (" " * GAP).join(lines[0].ljust(width) for width, lines in cells)
    rows = zip(*(lines[1:] for _, lines in cells), strict=True)
    return "\n".join([labels.rstrip(), *((" " * GAP).join(row) for row in rows)])


def shrink(tiles: Tiles, index: int, width: int) -> Levels:
    """A picture shrunk by a whole factor to not much more than `width` pixels, by the mean of each block of pixels."""

    def rows(first: int, last: int) -> Levels:
        return next(iter(tiles.rows(index, index + 1, first, last)))

    factor = max(1, tiles.width // max(1, width))
    if factor == 1:
        return rows(0, tiles.height)
    step = BAND_ROWS // factor * factor or factor
    bands = []
    for first in range(0, tiles.height // factor * factor, step):
        last = min(first + step, tiles.height // factor * factor)
        bands.append(_block_means(rows(first, last), factor))
    if not bands:  # lower than one block
        return rows(0, tiles.height)[:, ::factor]
    return np.concatenate(bands)


def _block_means(band: Levels, factor: int) -> Levels:
    rows, columns = band.shape[0] // factor, band.shape[1] // factor
    blocks = band[:, : columns * factor].reshape(rows, factor, columns, factor, *band.shape[2:])
    means: Levels = np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)
    return means
