"""The weights of filters on many input channels: a row for each filter, a column for each channel, without frames.

A table with framed kernels would be too large then, and too small to read if it were reduced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.color import apply_colormap
from cnnfx.render.grid import MIN_HEADING_EMS
from cnnfx.render.heading import Heading
from cnnfx.render.text import BACKGROUND, draw_text, line_height, text_width
from cnnfx.render.tiles import FRAME_LEVEL, Levels, blank, enlarge, paste

MAX_MATRIX_WIDTH, MAX_MATRIX_HEIGHT = 1600, 2400
"""Weights are enlarged as long as the matrix is not wider and not higher than about this many pixels."""
MAX_WEIGHT_SCALE = 12
"""The largest side of the square of a weight, in pixels."""
FONT_SIZE = 13
"""The font size of names, in pixels."""
MAX_NAME_EMS = 20
"""The longest name, in font sizes; longer ones are shortened."""
TICK = 4
"""The length in pixels of the lines from names to their rows and columns."""
MARGIN = 6
"""Pixels around the picture."""
NAME_GAP = 8
"""The least number of pixels between names of neighboring columns."""


def weight_matrix(
    kernels: Levels,
    filters: Sequence[str],
    inputs: Sequence[str],
    colormap: str = "gray",
    heading: Heading | None = None,
    labels: bool = True,
) -> Levels:
    """Draw the kernels of filters as one matrix; kernels of more than one weight have a line between them.

    Parameters
    ----------
    kernels : uint8 array (K, C, kh, kw)
        The levels of the weights.
    filters : sequence of K str
    inputs : sequence of C str
        The names of the input channels.
    colormap : str
    heading : Heading, optional
        Above the matrix.
    labels : bool
        Whether names are written: of every row and column, or every 10th, for example, where they do not fit.

    Returns
    -------
    uint8 array (height, width) or (height, width, 3)
    """
    count, channels, kernel_height, kernel_width = kernels.shape
    fitting = min(MAX_MATRIX_HEIGHT // (count * kernel_height), MAX_MATRIX_WIDTH // (channels * kernel_width))
    scale = max(1, min(MAX_WEIGHT_SCALE, fitting))
    gap = 1 if max(kernel_height, kernel_width) > 1 else 0
    matrix = apply_colormap(_joined(kernels, scale, gap), colormap)
    row_height, column_width = kernel_height * scale + gap, kernel_width * scale + gap
    left = top = 0
    rows, columns = (range(0), range(0))
    if labels:
        rows = _named(filters, row_height, line_height(FONT_SIZE))
        columns = _named(inputs, column_width, _longest(inputs) + NAME_GAP)
        left, top = _longest([filters[row] for row in rows]) + 2 * TICK, line_height(FONT_SIZE) + TICK
    middles = [left + column * column_width + (column_width - gap) // 2 for column in columns]
    names = [draw_text(inputs[column], FONT_SIZE, _longest([inputs[column]])) for column in columns]
    ends = [middle + name.shape[1] for middle, name in zip(middles, names, strict=True)]
    below = line_height(FONT_SIZE) // 2 if labels else 0  # half of the name of the last row
    height, width = top + matrix.shape[0] + below, max(left + matrix.shape[1], *ends, 0)
    heading_height = 0
    if heading is not None:
        width = max(width, MIN_HEADING_EMS * FONT_SIZE)
        heading_height = heading.height(FONT_SIZE, width) + NAME_GAP
    color = matrix.ndim == 3 or (heading is not None and heading.color)
    canvas = blank(heading_height + height + 2 * MARGIN, width + 2 * MARGIN, color)
    body = canvas[MARGIN : MARGIN + heading_height + height, MARGIN : MARGIN + width]
    if heading is not None:
        paste(body, heading.draw(FONT_SIZE, width), 0, 0)
    body = body[heading_height:]
    paste(body, matrix, top, left)
    _draw_row_names(body, filters, rows, top, left, row_height)
    for middle, name in zip(middles, names, strict=True):
        body[top - TICK : top, middle] = FRAME_LEVEL
        paste(body, name, 0, middle)
    return canvas


def _joined(kernels: Levels, scale: int, gap: int) -> Levels:
    """Return the enlarged kernels `(K, C, kh, kw)` side by side and one below the other, with `gap` pixels between."""
    enlarged = enlarge(kernels.transpose(2, 3, 0, 1), scale).transpose(2, 3, 0, 1)
    padded = np.pad(enlarged, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=BACKGROUND)
    count, channels, height, width = padded.shape
    whole: NDArray[np.uint8] = padded.transpose(0, 2, 1, 3).reshape(count * height, channels * width)
    return whole[: len(whole) - gap, : whole.shape[1] - gap]


def _draw_row_names(
    body: Levels, names: Sequence[str], rows: Sequence[int], top: int, left: int, row_height: int
) -> None:
    for row in rows:
        middle = top + row * row_height + row_height // 2
        body[middle, left - TICK : left] = FRAME_LEVEL
        width = left - 2 * TICK
        name = draw_text(names[row], FONT_SIZE, min(width, _longest([names[row]])))
        paste(body, name, middle - name.shape[0] // 2, width - name.shape[1])


def _named(names: Sequence[str], distance: int, needed: int) -> range:
    """Return the indexes of the names that are written `distance` pixels apart, where each needs `needed` pixels.

    They are every 1st, 2nd, 5th, 10th, 20th and so on; with numbers from 1 as names, these are 10, 20, 30 and so on.
    """
    power = 10 ** math.floor(math.log10(max(1.0, needed / distance)))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * distance >= needed)
    return range(0 if names[0] == "0" or step > len(names) else step - 1, len(names), step)


def _longest(names: Sequence[str]) -> int:
    """Return the width in pixels of the longest name, limited to `MAX_NAME_EMS`."""
    return min(max(text_width(name, FONT_SIZE) for name in names), MAX_NAME_EMS * FONT_SIZE)
