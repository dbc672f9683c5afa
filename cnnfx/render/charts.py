"""A plot of a training run: the loss and the accuracy over its steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.grid import Grid, Levels, Section, Tiles
from cnnfx.render.text import BACKGROUND, draw_text, line_height, text_width

Floats = NDArray[np.float64]
Color = tuple[int, int, int]

WIDTH, HEIGHT = 720, 250
"""The size of one plot within its axes, in pixels."""
FONT = 14
MARGIN = 14
LEFT = 56
"""The pixels for the numbers at the left of an axis."""
FINE = 4
"""Lines are drawn so many times larger and shrunk, which makes them smooth."""
DOT = 5
GRID, AXIS = 225, 120
FAINT = 0.3
"""How strong single values are beside their smoothed line."""


@dataclass(frozen=True, eq=False)
class Series:
    """One line of a plot, through points (x, y); dots at its points if they are few and far."""

    name: str
    x: Floats
    y: Floats
    color: Color
    dots: bool = False
    faint: bool = False


@dataclass(frozen=True, eq=False)
class Plot:
    """Series over one pair of axes.

    Parameters
    ----------
    title : str
    series : sequence of Series
    low, high : the ends of the y axis
    x_label : what is counted from left to right; empty for none
    """

    title: str
    series: Sequence[Series]
    low: float
    high: float
    x_label: str = ""


def smoothed(values: Floats, reach: int) -> Floats:
    """Each value's mean with up to `reach` values on either side.

    At the start there are no more after it than before it, so that a steep beginning is not drawn late.
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    first = np.maximum(places - reach, 0)
    last = np.minimum(np.minimum(places, reach) + places, len(values) - 1) + 1
    means: Floats = (sums[last] - sums[first]) / (last - first)
    return means


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from `low` to `high`, at most `most`, one step of 1, 2 or 5 times a power of ten apart."""
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= most - 1 or factor == 10)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def draw_plots(plots: Sequence[Plot], begin: float, end: float) -> Levels:
    """Plots one above the other over one x axis from `begin` to `end`, `(height, width, 3)`."""
    return np.concatenate([_drawn(plot, begin, max(end, begin + 1)) for plot in plots])


def _drawn(plot: Plot, begin: float, end: float) -> Levels:
    head, foot = MARGIN + line_height(FONT), line_height(FONT) * (2 if plot.x_label else 1) + 6
    sheet = np.full((head + HEIGHT + foot, LEFT + WIDTH + 2 * MARGIN, 3), BACKGROUND, np.uint8)
    _write(sheet, plot.title, MARGIN // 2, LEFT)
    _legend(sheet, plot)
    _numbers(sheet, plot, head, begin, end)
    box = sheet[head : head + HEIGHT, LEFT : LEFT + WIDTH]
    box[:] = _lines(plot, box, begin, end)
    box[-1] = box[:, 0] = AXIS
    if plot.x_label:
        _write(sheet, plot.x_label, head + HEIGHT + line_height(FONT) + 4, LEFT + WIDTH // 2, 0.5)
    return sheet


def _numbers(sheet: Levels, plot: Plot, head: int, begin: float, end: float) -> None:
    """The numbers at both axes, and thin lines from them."""
    for tick in ticks(plot.low, plot.high):
        y = head + round(_down(plot, tick))
        sheet[y, LEFT : LEFT + WIDTH] = GRID
        _write(sheet, f"{tick:g}", y - line_height(FONT) // 2, LEFT - 8, 1)
    for tick in ticks(begin, end, 8):
        x = LEFT + round(_across(tick, begin, end))
        sheet[head : head + HEIGHT, x] = GRID
        _write(sheet, f"{tick:g}", head + HEIGHT + 4, x, 0.5)


def _lines(plot: Plot, box: Levels, begin: float, end: float) -> Levels:
    """The box of the axes with the lines in it."""
    import PIL.Image
    import PIL.ImageDraw

    picture = PIL.Image.fromarray(box).resize((WIDTH * FINE, HEIGHT * FINE), PIL.Image.Resampling.NEAREST)
    pen = PIL.ImageDraw.Draw(picture)
    for series in plot.series:
        places = zip(series.x.tolist(), series.y.tolist(), strict=True)
        points = [(_across(x, begin, end) * FINE, _down(plot, y) * FINE) for x, y in places]
        color = _mixed(series.color, FAINT) if series.faint else series.color
        pen.line(points, fill=color, width=FINE if series.faint else 2 * FINE, joint="curve")
        for across, down in points if series.dots else ():
            reach = DOT * FINE
            pen.ellipse((across - reach, down - reach, across + reach, down + reach), fill=color)
    return np.asarray(picture.resize((WIDTH, HEIGHT), PIL.Image.Resampling.BOX))


def _across(x: float, begin: float, end: float) -> float:
    """The pixels from the left of the box; a dot at its end finds room."""
    return (WIDTH - 1 - DOT) * (x - begin) / (end - begin)


def _down(plot: Plot, y: float) -> float:
    """The pixels from the top of the box, down from a dot's room."""
    return DOT + (HEIGHT - 1 - DOT) * (plot.high - y) / (plot.high - plot.low)


def _legend(sheet: Levels, plot: Plot) -> None:
    """The names of the series at the top right, each behind a piece of its line."""
    right = sheet.shape[1] - MARGIN
    for series in reversed([series for series in plot.series if not series.faint]):
        right -= text_width(series.name, FONT)
        _write(sheet, series.name, MARGIN // 2, right)
        middle = MARGIN // 2 + line_height(FONT) // 2
        sheet[middle - 1 : middle + 1, right - 28 : right - 6] = series.color
        if series.dots:
            sheet[middle - 4 : middle + 4, right - 21 : right - 13] = series.color
        right -= 28 + 2 * MARGIN


def _write(sheet: Levels, text: str, top: int, left: int, share: float = 0) -> None:
    """A text whose `share` lies at the left of a place: 0 begins there, 1 ends there."""
    ink = draw_text(text, FONT)
    left = min(max(0, left - round(share * ink.shape[1])), sheet.shape[1] - ink.shape[1])
    place = sheet[max(0, top) :, left : left + ink.shape[1]][: ink.shape[0]]
    np.minimum(place, ink[: len(place), :, None], out=place)


def _mixed(color: Color, strength: float) -> Color:
    """A color thinned with white."""
    red, green, blue = (round(BACKGROUND + strength * (part - BACKGROUND)) for part in color)
    return red, green, blue


CONFUSION_FONT = 15
CONFUSION_MARGIN = 12
SQUARE = 44
"""The smallest square of the matrix, in pixels."""
MOST_CLASSES = 100
"""A matrix of more classes is drawn without numbers, each square small."""


def confusion_picture(confusion: NDArray[np.integer[Any]], classes: Sequence[str]) -> Levels:
    """A confusion matrix: a row for each true class, a column for each that was told, its number in each square.

    The shade of a square is its share of its row, mistakes on a scale of their own so that they can be seen: right ones
    in green, wrong ones in red.

    Parameters
    ----------
    confusion : array (K, K) of int
    classes : sequence of K str

    Returns
    -------
    array (height, width, 3)
    """
    names = [str(name) for name in classes]
    square = max(
        SQUARE, *(min(text_width(text, CONFUSION_FONT) + 10, 3 * SQUARE) for text in map(str, confusion.ravel()))
    )
    square = square if len(names) <= MOST_CLASSES else 8
    colors = _colors(confusion)
    body = colors.repeat(square, axis=0).repeat(square, axis=1)
    body[::square] = body[:, ::square] = 255  # thin lines between the squares
    if square > 8:
        for (row, column), number in np.ndenumerate(confusion):
            if number:
                _write_confusion(body, str(number), row, column, square, colors[row, column])
    return _with_names(body, names, square)


def _colors(confusion: NDArray[np.integer[Any]]) -> Levels:
    """The color of each square (K, K, 3)."""
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    wrong = share * (1 - np.eye(len(share)))
    strength = np.sqrt(wrong / max(wrong.max(), 1e-9))
    red = _mixed_confusion(strength, (200, 40, 30))
    green = _mixed_confusion(0.15 + 0.85 * share, (20, 120, 60))
    return np.where(np.eye(len(share), dtype=bool)[..., None], green, red)


def _mixed_confusion(strength: NDArray[np.float64], color: tuple[int, int, int]) -> Levels:
    """White, more and more of a color."""
    mixed = 255 + strength[..., None] * (np.array(color) - 255)
    rounded: Levels = np.rint(mixed).astype(np.uint8)
    return rounded


def _write_confusion(body: Levels, text: str, row: int, column: int, square: int, color: Levels) -> None:
    """A number in the middle of its square, light on dark squares."""
    ink = draw_text(text, CONFUSION_FONT, min(text_width(text, CONFUSION_FONT), square - 4))
    top = row * square + (square - ink.shape[0]) // 2
    left = column * square + (square - ink.shape[1]) // 2
    place = body[top : top + ink.shape[0], left : left + ink.shape[1]]
    shade = (255 - ink.astype(np.int16))[..., None]
    place[:] = np.clip(place + (shade if color.mean() < 150 else -shade), 0, 255)


def _with_names(body: Levels, names: Sequence[str], square: int) -> Levels:
    """The matrix with the classes' names at its left and over it, and what rows and columns are."""
    side = min(max(text_width(name, CONFUSION_FONT) for name in ["true", *names]), 160) + CONFUSION_MARGIN
    title = draw_text("true class (rows), told by the network (columns)", CONFUSION_FONT)
    head = CONFUSION_MARGIN + 2 * line_height(CONFUSION_FONT) + 10
    width = max(side + body.shape[1], title.shape[1]) + 2 * CONFUSION_MARGIN
    sheet = np.full((head + body.shape[0] + CONFUSION_MARGIN, width, 3), BACKGROUND, np.uint8)
    _put(sheet, title, CONFUSION_MARGIN, CONFUSION_MARGIN)
    sheet[head : head + body.shape[0], CONFUSION_MARGIN + side : CONFUSION_MARGIN + side + body.shape[1]] = body
    if square > 8:
        for index, name in enumerate(names):
            over = draw_text(name, CONFUSION_FONT, min(text_width(name, CONFUSION_FONT), square - 2))
            middle = CONFUSION_MARGIN + side + index * square + (square - over.shape[1]) // 2
            _put(sheet, over, head - line_height(CONFUSION_FONT) - 2, middle)
            beside = draw_text(name, CONFUSION_FONT, min(text_width(name, CONFUSION_FONT), side - CONFUSION_MARGIN))
            _put(sheet, beside, head + index * square + (square - beside.shape[0]) // 2, CONFUSION_MARGIN)
    return sheet


def _put(sheet: Levels, picture: Levels, top: int, left: int) -> None:
    sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture[..., None]


def mistakes_picture(images: NDArray[np.uint8], labels: Sequence[str]) -> Levels:
    """Images `(N, C, H, W)` in a grid, each under its label: N of 1 or more, C of 1 or 3."""
    color = images.shape[1] == 3
    shown = np.moveaxis(images, 1, -1) if color else images[:, 0]
    height, width = images.shape[-2:]

    def rows(first: int, last: int, top: int, bottom: int) -> Levels:
        return shown[first:last, top:bottom]

    return Grid([Section([Tiles(labels, height, width, rows, color)], scale=max(1, 112 // width))]).pixels()
