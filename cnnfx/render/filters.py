"""Pictures of filters: each weight a square, the largest negative weight black, 0 gray, the largest positive white."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Layer
from cnnfx.render.cells import Section
from cnnfx.render.color import linear_scale
from cnnfx.render.grid import Grid
from cnnfx.render.number_text import format_short_number
from cnnfx.render.text import BACKGROUND, draw_text, draw_text_inside, line_height, text_width
from cnnfx.render.tiles import Levels, Tiles, blank, enlarge, paste, picture_tiles

FRAME_LEVEL = 150
"""The gray level of the line, one pixel wide, that separates white weights from the white background."""
SINGLE_KERNEL_WIDTH = 132
"""About how many pixels wide a kernel is drawn where each filter has one."""
TABLE_KERNEL_WIDTH = 64
"""About how many pixels wide a kernel is drawn in a table of filters and input channels."""
MAX_TABLE_SIDE = 1200
"""Kernels in a table are drawn smaller if it would be wider or higher than about this many pixels."""
MIN_WEIGHT_SIDE = 4
"""The smallest side of the square of a weight in a table, in pixels, even if it makes the table larger."""
MIN_NUMBER_SIDE = 30
"""The smallest side of the square of a weight, in pixels, if the weight is written into it."""
MAX_WEIGHT_SIDE = 24
"""The largest side of the square of a weight in the small picture of a filter, in pixels."""
FONT_SIZE = 13
"""The font size of names and numbers, in pixels."""
KERNEL_GAP = 8
"""Pixels between the kernels of a table that are `TABLE_KERNEL_WIDTH` wide; fewer between smaller ones."""


def filters_picture(layer: Layer, inputs: Sequence[str], largest: float | None = None, values: bool = False) -> Levels:
    """Draw the filters of a layer.

    Filters with one kernel each are drawn side by side. Filters with several kernels make a table with a row per filter
    and a column per input channel; three input channels are also drawn as one color picture. A cell is empty where
    the filter does not use the channel; see `used_channels`.

    Parameters
    ----------
    layer : Layer
    inputs : sequence of str
        The names of the C input channels of the filters.
    largest : float, optional
        The magnitude that is drawn white or black; by default the largest weight of each filter.
    values : bool
        Whether the weights are written into their squares.

    Returns
    -------
    uint8 array (height, width) or (height, width, 3)
    """
    filters, channels, *sides = layer.conv.weights.shape
    width = SINGLE_KERNEL_WIDTH
    if channels > 1:
        fitting_width = min(TABLE_KERNEL_WIDTH, MAX_TABLE_SIDE // max(filters, channels))
        width = max(MIN_WEIGHT_SIDE * max(sides), fitting_width)
    rows = [_kernel_pictures(weights, width, largest, values) for weights in layer.conv.weights]
    if channels == 1:
        tiles = picture_tiles(layer.filter_names, [kernel for (kernel,) in rows])
        return Grid([Section([tiles], scale=1)]).pixels()
    gap = max(2, min(KERNEL_GAP, KERNEL_GAP * width // TABLE_KERNEL_WIDTH))
    return _table(layer.filter_names, [*inputs, "color"][: len(rows[0])], rows, gap)


def kernel_tiles(layer: Layer, largest: float | None = None) -> Tiles:
    """Return the filters of a layer as tiles with one pixel per weight, their kernels side by side, one pixel apart.

    `largest` is the magnitude that is drawn white or black; by default the largest weight of each filter.
    """
    pictures = [hstack_pictures(list(kernel_levels(weights, largest)), 1) for weights in layer.conv.weights]
    return picture_tiles(layer.filter_names, pictures)


def draw_filter(weights: NDArray[Any], width: int, height: int) -> Levels:
    """Draw the C kernels of a filter `(C, kh, kw)` side by side, enlarged by the largest factor that fits the size.

    If they do not fit `width` at one pixel per weight, the last ones are left out.
    """
    count, kh, kw = weights.shape
    scale = max(1, min((width + 2 - 4 * count) // count // kw, (height - 2) // kh, MAX_WEIGHT_SIDE))
    shown = max(1, min(count, (width + 2) // (kw * scale + 4)))
    return hstack_pictures([add_frame(enlarge(levels, scale)) for levels in kernel_levels(weights)[:shown]], 2)


def kernel_levels(weights: NDArray[Any], largest: float | None = None) -> Levels:
    """Return the levels of weights of any shape: −`largest` is black, 0 mid-gray, `largest` white.

    `largest` is the largest magnitude of the weights by default.
    """
    largest = float(np.abs(weights).max()) if largest is None else largest
    return linear_scale("signed", -largest, largest).levels(np.asarray(weights, np.float32))


def used_channels(weights: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which input channels a filter `(C, kh, kw)` has a nonzero weight for; all channels if it has none."""
    return np.any(weights, axis=(1, 2)) if np.any(weights) else np.ones(len(weights), np.bool_)


def add_frame(picture: Levels) -> Levels:
    """Return the picture `(H, W)` or `(H, W, 3)` with a frame one pixel wide around it."""
    sides = ((1, 1), (1, 1), (0, 0))[: picture.ndim]
    return np.pad(picture, sides, constant_values=FRAME_LEVEL)


def hstack_pictures(pictures: Sequence[Levels], gap: int) -> Levels:
    """Join pictures of one height from left to right, with `gap` pixels of background between them."""
    separator = np.full((pictures[0].shape[0], gap, *pictures[0].shape[2:]), BACKGROUND, np.uint8)
    parts = [part for picture in pictures for part in (separator, picture)]
    return np.concatenate(parts[1:], axis=1)


def vstack_pictures(pictures: Sequence[Levels]) -> Levels:
    """Join pictures from top to bottom, aligned at the left; in color if one of them is."""
    width, color = max(picture.shape[1] for picture in pictures), any(picture.ndim == 3 for picture in pictures)
    return np.concatenate([_on_background(picture, width, picture.shape[0], color) for picture in pictures])


def _kernel_pictures(weights: NDArray[Any], width: int, largest: float | None, values: bool) -> list[Levels]:
    """Draw each kernel of a filter `(C, kh, kw)` enlarged and framed; three kernels also as one picture in color.

    The kernel on a channel that the filter does not use is drawn as background.
    """
    levels = kernel_levels(weights, largest)
    scale = max(1, width // max(weights.shape[1:]))
    scale = max(scale, MIN_NUMBER_SIDE) if values else scale
    enlarged = [enlarge(kernel, scale) for kernel in levels]
    if values:
        for picture, kernel in zip(enlarged, weights, strict=True):
            _write_weights(picture, kernel, scale)
    if len(levels) == 3:
        enlarged.append(enlarge(np.moveaxis(levels, 0, -1), scale))
    pictures = [add_frame(picture) for picture in enlarged]
    for channel in np.flatnonzero(~used_channels(weights)):
        pictures[channel] = np.full_like(pictures[channel], BACKGROUND)
    return pictures


def _write_weights(picture: Levels, kernel: NDArray[Any], scale: int) -> None:
    """Write each weight of a kernel into its square of the picture."""
    for (row, column), weight in np.ndenumerate(kernel):
        square = picture[row * scale : (row + 1) * scale, column * scale : (column + 1) * scale]
        draw_text_inside(square, format_short_number(weight), FONT_SIZE)


def _table(names: Sequence[str], inputs: Sequence[str], rows: Sequence[Sequence[Levels]], gap: int) -> Levels:
    """Draw a table with a row for each filter and a column for each of its pictures, with names left and on top."""
    names_width = max(text_width(name, FONT_SIZE) for name in names) + KERNEL_GAP
    inputs_width = max(min(text_width(name, FONT_SIZE), TABLE_KERNEL_WIDTH * 2) for name in inputs)
    cell_width = max(rows[0][0].shape[1], inputs_width)
    color = any(picture.ndim == 3 for picture in rows[0])

    def table_row(name: str, pictures: Sequence[Levels], height: int) -> Levels:
        label = _on_background(draw_text(name, FONT_SIZE, names_width), names_width, height, color)
        cells = [_on_background(picture, cell_width, height, color) for picture in pictures]
        return hstack_pictures([label, *cells], gap)

    headings = [draw_text(name, FONT_SIZE, cell_width) for name in inputs]
    drawn_rows = [table_row("", headings, line_height(FONT_SIZE))]
    drawn_rows += [table_row(name, pictures, pictures[0].shape[0]) for name, pictures in zip(names, rows, strict=True)]
    table = np.concatenate([part for row in drawn_rows for part in (row, np.full_like(row[:gap], BACKGROUND))])
    margins = ((KERNEL_GAP, 0), (KERNEL_GAP, KERNEL_GAP), (0, 0))[: table.ndim]
    return np.pad(table, margins, constant_values=BACKGROUND)


def _on_background(picture: Levels, width: int, height: int, color: bool) -> Levels:
    """Draw the picture on a background of a size, at the left and centered vertically."""
    canvas = blank(height, width, color)
    paste(canvas, picture[:height], max(0, (height - picture.shape[0]) // 2), 0)
    return canvas
