"""Pictures of filters: each weight a square, the largest negative weight black, 0 gray, the largest positive white."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import CnnfxError
from cnnfx.images.image import RGB_NAMES
from cnnfx.nn.layers import Layer
from cnnfx.render.cells import Section, draw_label
from cnnfx.render.color import apply_colormap, linear_scale
from cnnfx.render.grid import MIN_HEADING_EMS, Grid
from cnnfx.render.heading import Heading
from cnnfx.render.legend import Legend, range_texts, scale_bars
from cnnfx.render.number_text import format_short_number
from cnnfx.render.text import BACKGROUND, draw_text, draw_text_inside, line_height, text_width
from cnnfx.render.tiles import FRAME_LEVEL, Levels, blank, enlarge, paste, picture_tiles
from cnnfx.render.weight_matrix import weight_matrix

UNUSED_FRAME_LEVEL = 215
"""The gray level of the line around the empty place of a kernel that the filter does not use."""
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
MARGIN = 6
"""Pixels around a table."""
MAX_NAME_EMS = 20
"""The longest name of a filter in a table with its range, in font sizes; longer ones are shortened."""
SMALL_GAP = 2
"""Pixels between the kernels of a small picture."""
MAX_FRAMED_WEIGHTS = 32
"""More kernels of 1×1 than this have no frames in a small picture."""
MAX_TABLE_CHANNELS = 64
"""The most input channels of a table; with more, the weights make a matrix without frames."""
MAX_TABLE_KERNELS = 4096
"""The most kernels of a table; with more, the weights make a matrix without frames."""
MAX_WRITTEN_WEIGHTS = 20_000
"""The most weights that are written into a picture."""
KERNEL_GAP = 8
"""Pixels between the kernels of a table that are `TABLE_KERNEL_WIDTH` wide; fewer between smaller ones."""


@dataclass(frozen=True)
class FilterStyle:
    """How filters are drawn.

    Parameters
    ----------
    scope : "channel" or "all"
        Whether each filter is drawn by its own largest weight, or all by the largest of all.
    colormap : str
        The color map of kernels that are not drawn in the colors of their input channels.
    values : bool
        Whether the weights are written into their squares.
    labels : bool
        Whether names are written.
    legend : bool
        Whether a caption and the range of the weights are written, if names are.
    """

    scope: str = "channel"
    colormap: str = "gray"
    values: bool = False
    labels: bool = True
    legend: bool = True


def filters_picture(
    layer: Layer, inputs: Sequence[str], caption: str = "", style: FilterStyle = FilterStyle()
) -> Levels:
    """Draw the filters of a layer.

    Filters with one kernel each are drawn side by side, and so are filters whose input channels are red, green and
    blue: each is one color picture, whose red is the weight on the red channel and so on. Other filters make a table
    with a row per filter and a column per input channel; so do filters on colors whose weights are written. A cell is
    empty where the filter does not use the channel; see `used_channels`. A table that would be too large is a
    `weight_matrix` instead.

    Parameters
    ----------
    layer : Layer
    inputs : sequence of str
        The names of the C input channels of the filters.
    caption : str
        The text above the filters.
    style : FilterStyle

    Returns
    -------
    uint8 array (height, width) or (height, width, 3)

    Raises
    ------
    CnnfxError
        If more than `MAX_WRITTEN_WEIGHTS` would be written.
    """
    weights = layer_weights(layer)
    in_color = are_colors(inputs)
    heading = None
    limits = weight_limits(weights, style.scope)
    ranges = range_texts([(-limit, limit) for limit in limits])
    if style.labels and style.legend:
        bars = scale_bars([(-limit, limit) for limit in limits], [(False, False)] * len(limits))
        heading = Heading(caption, Legend(1, "gray" if in_color else style.colormap, lambda: bars))
    if style.values and weights.size > MAX_WRITTEN_WEIGHTS:
        raise CnnfxError(
            f"{weights.size:,} weights cannot be written into a picture; the limit is {MAX_WRITTEN_WEIGHTS:,}.",
            remedy="written_weights",
        )
    if weights.shape[1] == 1 or (in_color and not style.values):
        width = max(SINGLE_KERNEL_WIDTH, _min_weight_side(weights, style) * max(weights.shape[2:]))
        pictures = [
            _main_picture(kernels, inputs, limit, width, style) for kernels, limit in zip(weights, limits, strict=True)
        ]
        tiles = picture_tiles(layer.filter_names, pictures)._replace(ranges=lambda: ranges)
        return Grid([Section([tiles], scale=1, heading=heading)], style.labels).pixels()
    if not style.values and (
        weights.shape[1] > MAX_TABLE_CHANNELS or len(weights) * weights.shape[1] > MAX_TABLE_KERNELS
    ):
        levels = np.stack([kernel_levels(kernels, limit) for kernels, limit in zip(weights, limits, strict=True)])
        return weight_matrix(levels, layer.filter_names, inputs, style.colormap, heading, style.labels)
    return _table(layer, inputs, limits, ranges, heading, style)


def weight_limits(weights: NDArray[Any], scope: str) -> list[float]:
    """Return the magnitude that is drawn white or black for each filter of weights `(K, C, kh, kw)`.

    It is the largest of the filter or, if `scope` is "all", of all filters.
    """
    largest = np.abs(weights).max(axis=(1, 2, 3), initial=0)
    return [float(largest.max())] * len(largest) if scope == "all" else [float(value) for value in largest]


def layer_weights(layer: Layer) -> NDArray[Any]:
    """Return the weights `(K, C, kh, kw)` of a layer that has filters."""
    assert layer.conv is not None
    return layer.conv.weights


def are_colors(inputs: Sequence[str]) -> bool:
    """Return whether the names of input channels are red, green and blue, in any order."""
    return sorted(inputs) == sorted(RGB_NAMES)


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
    with np.errstate(over="ignore"):  # products beyond the largest float32 are drawn as the largest
        return linear_scale("signed", -largest, largest).levels(np.asarray(weights, np.float32))


def used_channels(weights: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which input channels a filter `(C, kh, kw)` has a nonzero weight for; all channels if it has none."""
    return np.any(weights, axis=(1, 2)) if np.any(weights) else np.ones(len(weights), np.bool_)


def add_frame(picture: Levels, level: int = FRAME_LEVEL) -> Levels:
    """Return the picture `(H, W)` or `(H, W, 3)` with a frame one pixel wide around it."""
    sides = ((1, 1), (1, 1), (0, 0))[: picture.ndim]
    return np.pad(picture, sides, constant_values=level)


def hstack_pictures(pictures: Sequence[Levels], gap: int) -> Levels:
    """Join pictures of one height from left to right, with `gap` pixels of background between them."""
    separator = np.full((pictures[0].shape[0], gap, *pictures[0].shape[2:]), BACKGROUND, np.uint8)
    parts = [part for picture in pictures for part in (separator, picture)]
    return np.concatenate(parts[1:], axis=1)


def vstack_pictures(pictures: Sequence[Levels]) -> Levels:
    """Join pictures from top to bottom, aligned at the left; in color if one of them is."""
    width, color = max(picture.shape[1] for picture in pictures), any(picture.ndim == 3 for picture in pictures)
    return np.concatenate([_on_background(picture, width, picture.shape[0], color) for picture in pictures])


def color_picture(weights: NDArray[Any], inputs: Sequence[str], limit: float | None = None) -> Levels:
    """Draw a filter `(3, kh, kw)` on the channels red, green and blue as one picture `(kh, kw, 3)`.

    The levels of each color are those of `kernel_levels`: a weight of 0 on all three is gray.
    """
    order = [list(inputs).index(color) for color in RGB_NAMES]
    return np.moveaxis(kernel_levels(weights[order], limit), 0, -1)


def small_picture(weights: NDArray[Any], inputs: Sequence[str], width: int, height: int) -> Levels:
    """Draw a filter as a small picture: its kernels side by side, in several rows if they are larger then.

    A filter on red, green and blue is drawn as one color picture. The places of channels that the filter does not use
    are empty, in a light frame. Many kernels of 1×1 are squares without frames, row by row.

    Parameters
    ----------
    weights : array (C, kh, kw)
    inputs : sequence of C str
        The names of the input channels.
    width, height : int
        The largest size in pixels, unless a weight is smaller than a pixel then. Kernels that do not fit are left out.

    Returns
    -------
    uint8 array (height, width) or (height, width, 3)
    """
    if len(weights) > MAX_FRAMED_WEIGHTS and weights.shape[1:] == (1, 1):
        return _dense_picture(kernel_levels(weights.ravel()), width, height)
    kernels = [color_picture(weights, inputs)] if are_colors(inputs) else list(kernel_levels(weights))
    is_used = np.ones(1, np.bool_) if are_colors(inputs) else used_channels(weights)
    count, (kernel_height, kernel_width) = len(kernels), kernels[0].shape[:2]
    for scale in range(max(1, (height - 2) // kernel_height), 0, -1):
        row_height, step = kernel_height * scale + 2 + SMALL_GAP, kernel_width * scale + 2 + SMALL_GAP
        fitting_columns = max(1, (width + SMALL_GAP) // step)
        rows, fitting_rows = math.ceil(count / fitting_columns), max(1, (height + SMALL_GAP) // row_height)
        if rows <= fitting_rows and step - SMALL_GAP <= width:
            break
    rows = min(rows, fitting_rows)
    count = min(count, rows * fitting_columns)
    columns = math.ceil(count / rows)
    framed = [add_frame(enlarge(kernel, scale)) for kernel in kernels[:count]]
    for channel in np.flatnonzero(~is_used[:count]):
        framed[channel] = add_frame(np.full_like(framed[channel][1:-1, 1:-1], BACKGROUND), UNUSED_FRAME_LEVEL)
    framed += [np.full_like(framed[0], BACKGROUND)] * (rows * columns - count)
    return grid_of_pictures(framed, columns, SMALL_GAP)


def _dense_picture(levels: Levels, width: int, height: int) -> Levels:
    """Draw many weights `(C,)` row by row as squares without lines between them, in one frame."""
    scale = max(1, int(math.sqrt((width - 2) * (height - 2) / len(levels))))
    rows = max(1, (height - 2) // scale)
    columns = math.ceil(len(levels) / rows)
    squares = np.full(rows * columns, BACKGROUND, np.uint8)
    squares[: len(levels)] = levels
    return add_frame(enlarge(squares.reshape(rows, columns), scale))


def grid_of_pictures(pictures: Sequence[Levels], columns: int, gap: int) -> Levels:
    """Join pictures of one size in full rows, with `gap` pixels of background between them."""
    rows = [hstack_pictures(pictures[first : first + columns], gap) for first in range(0, len(pictures), columns)]
    separator = np.full_like(rows[0][:1], BACKGROUND).repeat(gap, axis=0)
    return np.concatenate([part for row in rows for part in (separator, row)][1:])


def _main_picture(weights: NDArray[Any], inputs: Sequence[str], limit: float, width: int, style: FilterStyle) -> Levels:
    """Draw a filter `(1, kh, kw)` as its kernel, or one on colors as one color picture: enlarged and framed."""
    if are_colors(inputs):
        picture = color_picture(weights, inputs, limit)
        return add_frame(enlarge(picture, max(1, width // max(picture.shape[:2]))))
    return _kernel_picture(weights[0], limit, width, style)


def _kernel_picture(kernel: NDArray[Any], limit: float, width: int, style: FilterStyle) -> Levels:
    """Draw a kernel `(kh, kw)` enlarged to about `width` pixels, framed, with its weights if the style has them."""
    scale = max(1, width // max(kernel.shape))
    picture = enlarge(apply_colormap(kernel_levels(kernel, limit), style.colormap), scale)
    if style.values:
        for (row, column), weight in np.ndenumerate(kernel):
            square = picture[row * scale : (row + 1) * scale, column * scale : (column + 1) * scale]
            draw_text_inside(square, format_short_number(weight), FONT_SIZE)
    return add_frame(picture)


def _min_weight_side(weights: NDArray[Any], style: FilterStyle) -> int:
    """Return the smallest side of the square of a weight, in pixels: its number fits into it, if the style has them."""
    if not style.values:
        return 1
    # Numbers that are too wide are drawn two pixels smaller.
    widest: int = max(text_width(format_short_number(weight), FONT_SIZE - 2) for weight in np.unique(weights).tolist())
    return max(MIN_NUMBER_SIDE, widest + 4)


def _table(
    layer: Layer,
    inputs: Sequence[str],
    limits: Sequence[float],
    ranges: Sequence[str],
    heading: Heading | None,
    style: FilterStyle,
) -> Levels:
    """Draw a table with a row for each filter and a column for each input channel, with names left and on top.

    Filters on red, green and blue have one more column, with their color pictures.
    """
    width = _table_kernel_width(layer_weights(layer), style)
    rows = []
    for weights, limit in zip(layer_weights(layer), limits, strict=True):
        row = [_kernel_picture(kernel, limit, width, style) for kernel in weights]
        row = [
            picture if is_used else np.full_like(picture, BACKGROUND)
            for picture, is_used in zip(row, used_channels(weights), strict=True)
        ]
        if are_colors(inputs):
            row.append(_main_picture(weights, inputs, limit, max(row[0].shape) - 2, style))
        rows.append(row)
    gap = max(2, min(KERNEL_GAP, KERNEL_GAP * width // TABLE_KERNEL_WIDTH))
    row_height = rows[0][0].shape[0]
    lines = 2 if any(ranges) and row_height >= 2 * line_height(FONT_SIZE) else 1
    cell_width, names_width, top = rows[0][0].shape[1], 0, 0
    names = [*inputs, "color"][: len(rows[0])]
    if style.labels:
        cell_width = max(cell_width, *(min(text_width(name, FONT_SIZE), TABLE_KERNEL_WIDTH * 2) for name in names))
        names_width = _names_width(layer.filter_names, ranges, lines) + 2 * KERNEL_GAP
        top = line_height(FONT_SIZE)
    table_width = names_width + len(names) * (cell_width + gap) - gap
    if heading is not None:
        table_width = max(table_width, MIN_HEADING_EMS * FONT_SIZE)
    heading_height = heading.height(FONT_SIZE, table_width) + KERNEL_GAP if heading is not None else 0
    color = any(picture.ndim == 3 for picture in rows[0]) or (heading is not None and heading.color)
    height = heading_height + top + len(rows) * (row_height + gap) - gap
    canvas = blank(height + 2 * MARGIN, table_width + 2 * MARGIN, color)
    body = canvas[MARGIN : MARGIN + height, MARGIN : MARGIN + table_width]
    if heading is not None:
        paste(body, heading.draw(FONT_SIZE, table_width), 0, 0)
    body = body[heading_height:]
    for column, name in enumerate(names if style.labels else ()):
        paste(body, draw_text(name, FONT_SIZE, cell_width), 0, names_width + column * (cell_width + gap))
    for number, row in enumerate(rows):
        row_top = top + number * (row_height + gap)
        if style.labels:
            label = draw_label(layer.filter_names[number], ranges[number], FONT_SIZE, names_width - KERNEL_GAP, lines)
            label = label[:row_height]
            paste(body, label, row_top + (row_height - label.shape[0]) // 2, 0)
        for column, picture in enumerate(row):
            paste(body, picture, row_top, names_width + column * (cell_width + gap))
    return canvas


def _table_kernel_width(weights: NDArray[Any], style: FilterStyle) -> int:
    """Return about how wide a kernel is drawn in the table of weights `(K, C, kh, kw)`."""
    filters, channels, height, width = weights.shape
    fitting_width = min(TABLE_KERNEL_WIDTH, MAX_TABLE_SIDE // max(filters, channels))
    least_width = max(MIN_WEIGHT_SIDE, _min_weight_side(weights, style)) * max(height, width)
    return max(int(least_width), int(fitting_width))


def _names_width(names: Sequence[str], ranges: Sequence[str], lines: int) -> int:
    """Return the width of the longest name with its range, which is below it if there are two lines."""
    widths = [
        (text_width(name, FONT_SIZE), text_width(text, FONT_SIZE)) for name, text in zip(names, ranges, strict=True)
    ]
    longest = max(max(both) if lines == 2 else sum(both) + FONT_SIZE // 2 for both in widths)
    return min(longest, MAX_NAME_EMS * FONT_SIZE)


def _on_background(picture: Levels, width: int, height: int, color: bool) -> Levels:
    """Draw the picture on a background of a size, at the left and centered vertically."""
    canvas = blank(height, width, color)
    paste(canvas, picture[:height], max(0, (height - picture.shape[0]) // 2), 0)
    return canvas
