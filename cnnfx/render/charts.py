"""Charts of training and evaluation: curves over the steps, the confusion matrix, and the misclassified images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.cells import Section
from cnnfx.render.color import color_table
from cnnfx.render.grid import Grid
from cnnfx.render.heading import Heading
from cnnfx.render.text import BACKGROUND, draw_text, draw_text_inside, line_height, text_width
from cnnfx.render.tiles import Levels, blank, enlarge, paste, picture_tiles

Floats = NDArray[np.float64]
Color = tuple[int, int, int]

# Curves

PLOT_WIDTH = 720
"""The width of a plot inside its axes, in pixels."""
PLOT_HEIGHT = 250
"""The height of a plot inside its axes, in pixels."""
PLOT_LEFT = 56
"""The width in pixels of the numbers left of the y axis."""
PLOT_MARGIN = 14
"""Pixels around a plot with its axes, and around the names of its series."""
PLOT_FONT_SIZE = 14
"""The font size of titles, names and numbers, in pixels."""
OVERSAMPLING = 4
"""Lines are drawn this many times larger and then shrunk, which smooths their edges."""
DOT_RADIUS = 5
"""The radius of a dot, in pixels."""
MAX_Y_TICKS = 6
"""The largest number of ticks of a y axis."""
MAX_X_TICKS = 8
"""The largest number of ticks of an x axis."""
GRID_LEVEL = 225
"""The gray level of the lines through the plot at the ticks."""
AXIS_LEVEL = 120
"""The gray level of the axes."""
FAINT_STRENGTH = 0.3
"""The strength of the color of a faint series, 0 (white) to 1."""

# The confusion matrix

MATRIX_FONT_SIZE = 15
"""The font size of names and counts, in pixels."""
MATRIX_MARGIN = 12
"""Pixels around the confusion matrix and its names."""
MIN_SQUARE_SIDE = 44
"""The smallest side of the square of a count, in pixels. Squares grow with the counts, up to three times this."""
MAX_NAMED_CLASSES = 100
"""With more classes than this, neither names nor counts are drawn."""
UNNAMED_SQUARE_SIDE = 8
"""The side of a square in pixels where names and counts are not drawn."""
MAX_NAMES_WIDTH = 160
"""The names left of the confusion matrix are shortened to this many pixels."""
MIN_CORRECT_STRENGTH = 0.15
"""The strength of the color of correct predictions where there are none, so that the diagonal is always visible."""
MAX_STRENGTH = 0.75
"""The strongest colors of the matrix, as a fraction of the way from the middle of a diverging color map to its ends."""
MAX_MISTAKE_WIDTH = 140
"""The largest width in pixels to which misclassified images are enlarged. Digits of 28 pixels get this width, which
fits the label "9, predicted 8 (100 %)"."""


@dataclass(frozen=True, eq=False)
class Series:
    """A line of a plot.

    Parameters
    ----------
    name : str
    x, y : float array (N,)
        The points of the line.
    color : (red, green, blue)
    dots : bool
        Whether the points are drawn as dots.
    faint : bool
        Whether the line is thin and light, and not in the legend.
    """

    name: str
    x: Floats
    y: Floats
    color: Color
    dots: bool = False
    faint: bool = False


@dataclass(frozen=True, eq=False)
class Plot:
    """Series in one pair of axes.

    Parameters
    ----------
    title : str
    series : sequence of Series
    low, high : float
        The ends of the y axis.
    x_label : str
        The label of the x axis; empty for none.
    """

    title: str
    series: Sequence[Series]
    low: float
    high: float
    x_label: str = ""


def moving_average(values: Floats, reach: int) -> Floats:
    """Return the mean of each value and up to `reach` values before and after it.

    Near the start, no more values after a value are averaged than there are before it, so that a steep start is not
    flattened.
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    indices = np.arange(len(values))
    first = np.maximum(indices - reach, 0)
    last = np.minimum(np.minimum(indices, reach) + indices, len(values) - 1) + 1
    means: Floats = (sums[last] - sums[first]) / (last - first)
    return means


def draw_plots(plots: Sequence[Plot], begin: float, end: float) -> Levels:
    """Draw plots one above the other, with an x axis from `begin` to `end`: `(height, width, 3)`."""
    return np.concatenate([_draw_plot(plot, begin, max(end, begin + 1)) for plot in plots])


def ticks(low: float, high: float, most: int = MAX_Y_TICKS) -> list[float]:
    """Return at most `most` round numbers from `low` to `high`, at steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= most - 1 or factor == 10)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _draw_plot(plot: Plot, begin: float, end: float) -> Levels:
    """Draw a plot with its title, legend and axes, `(height, width, 3)`."""
    line = line_height(PLOT_FONT_SIZE)
    top, bottom = PLOT_MARGIN + line, line * (2 if plot.x_label else 1) + 6
    canvas = blank(top + PLOT_HEIGHT + bottom, PLOT_LEFT + PLOT_WIDTH + 2 * PLOT_MARGIN, color=True)
    _write(canvas, plot.title, PLOT_MARGIN // 2, PLOT_LEFT, PLOT_FONT_SIZE)
    _draw_legend(canvas, plot)
    _draw_ticks(canvas, plot, top, begin, end)
    box = canvas[top : top + PLOT_HEIGHT, PLOT_LEFT : PLOT_LEFT + PLOT_WIDTH]
    box[:] = _with_lines(plot, box, begin, end)
    box[-1] = box[:, 0] = AXIS_LEVEL
    if plot.x_label:
        _write(canvas, plot.x_label, top + PLOT_HEIGHT + line + 4, PLOT_LEFT + PLOT_WIDTH // 2, PLOT_FONT_SIZE, 0.5)
    return canvas


def _draw_legend(canvas: Levels, plot: Plot) -> None:
    """Write the names of the series at the top right, each after a sample of its line."""
    right = canvas.shape[1] - PLOT_MARGIN
    middle = PLOT_MARGIN // 2 + line_height(PLOT_FONT_SIZE) // 2
    for series in reversed([series for series in plot.series if not series.faint]):
        right -= text_width(series.name, PLOT_FONT_SIZE)
        _write(canvas, series.name, PLOT_MARGIN // 2, right, PLOT_FONT_SIZE)
        canvas[middle - 1 : middle + 1, right - 28 : right - 6] = series.color
        if series.dots:
            canvas[middle - 4 : middle + 4, right - 21 : right - 13] = series.color
        right -= 28 + 2 * PLOT_MARGIN


def _draw_ticks(canvas: Levels, plot: Plot, top: int, begin: float, end: float) -> None:
    """Write the numbers at both axes and draw thin lines through the plot."""
    for tick in ticks(plot.low, plot.high):
        y = top + round(_from_top(plot, tick))
        canvas[y, PLOT_LEFT : PLOT_LEFT + PLOT_WIDTH] = GRID_LEVEL
        _write(canvas, f"{tick:g}", y - line_height(PLOT_FONT_SIZE) // 2, PLOT_LEFT - 8, PLOT_FONT_SIZE, 1)
    for tick in ticks(begin, end, MAX_X_TICKS):
        x = PLOT_LEFT + round(_from_left(tick, begin, end))
        canvas[top : top + PLOT_HEIGHT, x] = GRID_LEVEL
        _write(canvas, f"{tick:g}", top + PLOT_HEIGHT + 4, x, PLOT_FONT_SIZE, 0.5)


def _with_lines(plot: Plot, box: Levels, begin: float, end: float) -> Levels:
    """Return the inside of the axes with the lines of the series."""
    import PIL.Image
    import PIL.ImageDraw

    scale, size = OVERSAMPLING, (PLOT_WIDTH, PLOT_HEIGHT)
    picture = PIL.Image.fromarray(box).resize((size[0] * scale, size[1] * scale), PIL.Image.Resampling.NEAREST)
    draw = PIL.ImageDraw.Draw(picture)
    for series in plot.series:
        coordinates = zip(series.x.tolist(), series.y.tolist(), strict=True)
        points = [(_from_left(x, begin, end) * scale, _from_top(plot, y) * scale) for x, y in coordinates]
        red, green, blue = _mix_with_white(series.color, np.array(FAINT_STRENGTH if series.faint else 1.0)).tolist()
        color = red, green, blue
        draw.line(points, fill=color, width=scale if series.faint else 2 * scale, joint="curve")
        for x, y in points if series.dots else ():
            radius = DOT_RADIUS * scale
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
    return np.asarray(picture.resize(size, PIL.Image.Resampling.BOX))


def _from_left(x: float, begin: float, end: float) -> float:
    """Return the distance of a value from the y axis in pixels; a dot at the end of the x axis is inside the plot."""
    return (PLOT_WIDTH - 1 - DOT_RADIUS) * (x - begin) / (end - begin)


def _from_top(plot: Plot, y: float) -> float:
    """Return the distance of a value from the top of the plot in pixels; a dot at the highest value is inside."""
    return DOT_RADIUS + (PLOT_HEIGHT - 1 - DOT_RADIUS) * (plot.high - y) / (plot.high - plot.low)


def confusion_picture(
    confusion: NDArray[np.integer[Any]], classes: Sequence[str], title: str = "", colormap: str = "diverging"
) -> Levels:
    """Draw a confusion matrix, with a row for each true class and a column for each predicted class.

    The color of a square shows the share of its count in the row. In the diverging color map, correct predictions are
    blue, and misclassifications orange, relative to the largest such share, so that rare ones are visible. In other
    color maps, all squares have the colors of the square roots of the shares.

    Parameters
    ----------
    confusion : int array (K, K)
    classes : sequence of K str
    title : str
    colormap : str
        A color map of `cnnfx.render.color.COLORMAPS`.

    Returns
    -------
    uint8 array (height, width, 3)

    Raises
    ------
    ArgumentError
        If there is no color map of that name.
    """
    names = [str(name) for name in classes]
    named = len(names) <= MAX_NAMED_CLASSES
    side = UNNAMED_SQUARE_SIDE
    if named:
        counts_width = max(text_width(str(count), MATRIX_FONT_SIZE) for count in confusion.ravel()) + 10
        side = max(MIN_SQUARE_SIDE, min(counts_width, 3 * MIN_SQUARE_SIDE))
    matrix = enlarge(_square_colors(confusion, colormap), side)
    for (row, column), count in np.ndenumerate(confusion):
        if named and count:
            square = matrix[row * side : (row + 1) * side, column * side : (column + 1) * side]
            draw_text_inside(square, str(count), MATRIX_FONT_SIZE)
    matrix[::side] = matrix[:, ::side] = BACKGROUND  # thin lines between the squares
    picture = _with_names(matrix, names if named else [], side)
    shares = "darker: a larger share of the true class"
    note = f"blue: correct · orange: misclassified · {shares}" if colormap == "diverging" else "share of the true class"
    width = picture.shape[1] - 2 * MATRIX_MARGIN
    above = [Heading(title, emphasis=1).draw(MATRIX_FONT_SIZE, width)] if title else []
    parts = [_in_color(part, picture.shape[1]) for part in (*above, draw_text(note, MATRIX_FONT_SIZE - 2, width))]
    margin = blank(MATRIX_MARGIN, picture.shape[1], color=True)
    return np.concatenate([margin, *parts[:-1], picture[MATRIX_MARGIN // 2 :], parts[-1], margin])


def _in_color(text: Levels, width: int) -> Levels:
    """Return a text on a background in color of a width, with a margin at the left."""
    canvas = blank(text.shape[0], width, color=True)
    paste(canvas, text, 0, MATRIX_MARGIN)
    return canvas


def _square_colors(confusion: NDArray[np.integer[Any]], colormap: str) -> Levels:
    """Return the color of each square, `(K, K, 3)`."""
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    diagonal = np.eye(len(share), dtype=bool)
    if colormap != "diverging":
        colors: Levels = color_table(colormap)[np.rint(255 * np.sqrt(share)).astype(np.uint8)]
        return colors
    misclassified = share * ~diagonal
    orange = np.sqrt(misclassified / max(misclassified.max(), 1e-9))
    blue = MIN_CORRECT_STRENGTH + (1 - MIN_CORRECT_STRENGTH) * share
    position = 127.5 * (1 + MAX_STRENGTH * np.where(diagonal, -blue, orange))
    colors = color_table(colormap)[np.rint(position).astype(np.uint8)]
    colors[~diagonal & (confusion == 0)] = BACKGROUND
    return colors


def _with_names(matrix: Levels, names: Sequence[str], side: int) -> Levels:
    """Return the matrix with the labels of its axes, "true" and "predicted", and the names of the classes."""
    size, line = MATRIX_FONT_SIZE, line_height(MATRIX_FONT_SIZE)
    true, predicted = draw_text("true", size), draw_text("predicted", size)
    names_width = min(max(text_width(name, size) for name in ["true", *names]), MAX_NAMES_WIDTH)
    top, left = MATRIX_MARGIN + 2 * line + 10, 2 * MATRIX_MARGIN + names_width
    height, width = matrix.shape[0], max(matrix.shape[1], predicted.shape[1])
    canvas = blank(top + height + MATRIX_MARGIN, left + width + MATRIX_MARGIN, color=True)
    paste(canvas, matrix, top, left)
    paste(canvas, predicted, MATRIX_MARGIN, left + max(0, matrix.shape[1] - predicted.shape[1]) // 2)
    paste(canvas, true, top - line - 2, MATRIX_MARGIN)
    for index, name in enumerate(names):
        above = draw_text(name, size, min(text_width(name, size), side - 2))
        paste(canvas, above, top - line - 2, left + index * side + (side - above.shape[1]) // 2)
        beside = draw_text(name, size, min(text_width(name, size), names_width))
        paste(canvas, beside, top + index * side + (side - beside.shape[0]) // 2, MATRIX_MARGIN)
    return canvas


def mistakes_picture(images: NDArray[np.uint8], labels: Sequence[str], title: str = "") -> Levels:
    """Draw images `(N, C, H, W)` in a grid, each under its label: N of 1 or more, C of 1 or 3."""
    pictures = np.moveaxis(images, 1, -1) if images.shape[1] == 3 else images[:, 0]
    scale = max(1, MAX_MISTAKE_WIDTH // images.shape[-1])
    heading = Heading(title) if title else None
    return Grid([Section([picture_tiles(labels, list(pictures))], scale=scale, heading=heading)]).pixels()


def _mix_with_white(color: Color, strength: Floats) -> Levels:
    """Return a color mixed with white, `(..., 3)`, for strengths `(...)` from 0 (white) to 1 (the color)."""
    mixed = BACKGROUND + strength[..., None] * (np.array(color) - BACKGROUND)
    rounded: Levels = np.rint(mixed).astype(np.uint8)
    return rounded


def _write(canvas: Levels, text: str, top: int, left: int, size: int, align: float = 0) -> None:
    """Write a text that starts at column `left`, is centered there if `align` is 0.5, or ends there if it is 1."""
    drawn = draw_text(text, size)
    left = min(max(0, left - round(align * drawn.shape[1])), canvas.shape[1] - drawn.shape[1])
    area = canvas[max(0, top) :, left : left + drawn.shape[1]][: drawn.shape[0]]
    np.minimum(area, drawn[: len(area), :, None], out=area)
