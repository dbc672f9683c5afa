"""Filters as pictures: −1 black, 0 gray, 1 white, each weight a square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.network import Layer
from cnnfx.render.color import linear_scale
from cnnfx.render.grid import Grid, Levels, Section, Tiles, enlarge
from cnnfx.render.number_text import short_number
from cnnfx.render.text import BACKGROUND, draw_text, draw_text_inside, line_height, text_width

FRAME = 150
"""The gray of the thin line around each kernel, which keeps white weights apart from white paper."""
LARGE, MEDIUM = 132, 64
"""About how many pixels wide a kernel is drawn: where filters have one each, and in a table of many."""
SHEET, LEAST = 1200, 4
"""A table is made to fit into so many pixels each way, if a weight's square has at least so many then."""
FONT = 13
GAP = 8
NUMBER_SQUARE = 30
"""The smallest square that a weight is written into."""


def kernel_levels(kernel: NDArray[Any], largest: float | None = None) -> Levels:
    """The levels of weights of any shape: −`largest` black, 0 mid-gray, `largest` white.

    `largest` is the largest magnitude among the weights unless given.
    """
    largest = float(np.abs(kernel).max()) if largest is None else largest
    return linear_scale("signed", -largest, largest).levels(np.asarray(kernel, np.float32))


def kernel_tiles(layer: Layer, largest: float | None = None) -> Tiles:
    """The kernels of a layer as tiles, one pixel per weight: a filter's kernels side by side, one column apart.

    `largest` is the magnitude that is drawn white or black; each filter's own largest weight unless given.
    """
    pictures = [side_by_side(list(kernel_levels(weights, largest)), 1) for weights in layer.conv.weights]
    height, width = pictures[0].shape
    return Tiles(layer.filter_names, height, width, lambda f, last, top, low: np.stack(pictures[f:last])[:, top:low])


def layer_picture(layer: Layer, inputs: Sequence[str], largest: float | None = None, values: bool = False) -> Levels:
    """The filters of a layer as one picture.

    One kernel each stand side by side; several make a table with a row per filter and a column per input channel,
    three of them shown as one color picture too. A large table has small kernels, and no picture where a filter does
    not look at a channel (see `used`).

    Parameters
    ----------
    layer : Layer
    inputs : the names of the slices of the filters
    largest : the magnitude that is drawn white or black; each filter's own largest weight unless given
    values : whether the weights are written into their squares

    Returns
    -------
    array (height, width) or (height, width, 3)
    """
    filters, count, *sides = layer.conv.weights.shape
    size = LARGE if count == 1 else max(LEAST * max(sides), min(MEDIUM, SHEET // max(filters, count)))
    rows = [_drawn(weights, size, largest, values) for weights in layer.conv.weights]
    if count == 1:
        tiles = [_finished(name, kernels[0]) for name, kernels in zip(layer.filter_names, rows, strict=True)]
        return Grid([Section(tiles, scale=1)]).pixels()
    return _table(layer.filter_names, [*inputs, "color"][: len(rows[0])], rows, max(2, min(GAP, GAP * size // MEDIUM)))


def used(weights: NDArray[Any]) -> NDArray[np.bool_]:
    """Which input channels a filter `(C, kh, kw)` looks at: has a weight for that is not 0. All, if it has none."""
    return np.any(weights, axis=(1, 2)) if np.any(weights) else np.ones(len(weights), np.bool_)


def draw_filter(weights: NDArray[Any], width: int, height: int) -> Levels:
    """The C kernels of a filter `(C, kh, kw)` side by side, as large as fits `width`×`height` in whole factors.

    Kernels that do not fit even at one pixel per weight are left out from the end.
    """
    count, kh, kw = weights.shape
    factor = max(1, min((width + 2 - 4 * count) // count // kw, (height - 2) // kh, 24))
    shown = max(1, min(count, (width + 2) // (kw * factor + 4)))
    return side_by_side([framed(enlarge(levels, factor)) for levels in kernel_levels(weights)[:shown]], 2)


def framed(picture: Levels) -> Levels:
    """The picture `(H, W)` or `(H, W, 3)` with a thin frame around it."""
    sides = ((1, 1), (1, 1), (0, 0))[: picture.ndim]
    return np.pad(picture, sides, constant_values=FRAME)


def side_by_side(pictures: Sequence[Levels], gap: int) -> Levels:
    """Pictures of one height next to one another, with `gap` pixels of paper between them."""
    paper = np.full((pictures[0].shape[0], gap, *pictures[0].shape[2:]), BACKGROUND, np.uint8)
    pieces = [piece for picture in pictures for piece in (paper, picture)]
    return np.concatenate(pieces[1:], axis=1)


def stack_pictures(pictures: Sequence[Levels]) -> Levels:
    """Pictures from top to bottom, at the left of one sheet; in color if one of them is."""
    width, color = max(picture.shape[1] for picture in pictures), any(picture.ndim == 3 for picture in pictures)
    return np.concatenate([_at(picture, width, picture.shape[0], color) for picture in pictures])


def _finished(name: str, picture: Levels) -> Tiles:
    height, width = picture.shape[:2]
    return Tiles([name], height, width, lambda _f, _l, top, bottom: picture[None, top:bottom], picture.ndim == 3)


def _drawn(weights: NDArray[Any], size: int, largest: float | None, values: bool) -> list[Levels]:
    """Each kernel of a filter `(C, kh, kw)` framed and enlarged, and the three of a filter on colors as one in
    color. A kernel on a channel that the filter does not look at stays paper."""
    levels = kernel_levels(weights, largest)
    factor = max(1, size // max(weights.shape[1:]))
    factor = max(factor, NUMBER_SQUARE) if values else factor
    drawn = [enlarge(kernel, factor) for kernel in levels]
    if values:
        drawn = [_numbered(picture, kernel, factor) for picture, kernel in zip(drawn, weights, strict=True)]
    if len(levels) == 3:
        drawn.append(enlarge(np.moveaxis(levels, 0, -1), factor))
    pictures = [framed(picture) for picture in drawn]
    for channel in np.flatnonzero(~used(weights)):
        pictures[channel] = np.full_like(pictures[channel], BACKGROUND)
    return pictures


def _numbered(picture: Levels, kernel: NDArray[Any], factor: int) -> Levels:
    """The picture of a kernel with each weight written into its square, dark on light squares and light on dark
    ones."""
    for (row, column), weight in np.ndenumerate(kernel):
        square = picture[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        draw_text_inside(square, short_number(weight), FONT)
    return picture


def _table(names: Sequence[str], inputs: Sequence[str], rows: Sequence[Sequence[Levels]], gap: int) -> Levels:
    """A row for each filter and a column for each of its pictures, with names at the left and on top."""
    side = max(text_width(name, FONT) for name in names) + GAP
    width = max(rows[0][0].shape[1], *(min(text_width(name, FONT), MEDIUM * 2) for name in inputs))
    color = any(picture.ndim == 3 for picture in rows[0])
    head = [_at(draw_text(name, FONT, width), width, line_height(FONT), color) for name in inputs]
    lines = [_row("", head, side, color, gap)]
    for name, pictures in zip(names, rows, strict=True):
        cells = [_at(picture, width, pictures[0].shape[0], color) for picture in pictures]
        lines.append(_row(name, cells, side, color, gap))
    sheet = np.concatenate([part for row in lines for part in (row, np.full_like(row[:gap], BACKGROUND))])
    margins = ((GAP, 0), (GAP, GAP), (0, 0))[: sheet.ndim]
    return np.pad(sheet, margins, constant_values=BACKGROUND)


def _row(name: str, cells: Sequence[Levels], side: int, color: bool, gap: int) -> Levels:
    return side_by_side([_at(draw_text(name, FONT, side), side, cells[0].shape[0], color), *cells], gap)


def _at(picture: Levels, width: int, height: int, color: bool) -> Levels:
    """The picture at the left and half-way down a sheet of paper of a size."""
    sheet = np.full((height, width, 3) if color else (height, width), BACKGROUND, np.uint8)
    top = (height - picture.shape[0]) // 2
    shown = picture[..., None] if color and picture.ndim == 2 else picture
    sheet[max(top, 0) :][: picture.shape[0], : picture.shape[1]] = shown[:height]
    return sheet
