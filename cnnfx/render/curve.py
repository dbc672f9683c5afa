"""A plot of a training run: the loss and the accuracy over its steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.grid import Levels
from cnnfx.render.text import PAPER, draw_text, line_height, text_width

Floats = NDArray[np.float64]
Colour = tuple[int, int, int]

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
    colour: Colour
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
    sheet = np.full((head + HEIGHT + foot, LEFT + WIDTH + 2 * MARGIN, 3), PAPER, np.uint8)
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
        colour = _mixed(series.colour, FAINT) if series.faint else series.colour
        pen.line(points, fill=colour, width=FINE if series.faint else 2 * FINE, joint="curve")
        for across, down in points if series.dots else ():
            reach = DOT * FINE
            pen.ellipse((across - reach, down - reach, across + reach, down + reach), fill=colour)
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
        sheet[middle - 1 : middle + 1, right - 28 : right - 6] = series.colour
        if series.dots:
            sheet[middle - 4 : middle + 4, right - 21 : right - 13] = series.colour
        right -= 28 + 2 * MARGIN


def _write(sheet: Levels, text: str, top: int, left: int, share: float = 0) -> None:
    """A text whose `share` lies at the left of a place: 0 begins there, 1 ends there."""
    ink = draw_text(text, FONT)
    left = min(max(0, left - round(share * ink.shape[1])), sheet.shape[1] - ink.shape[1])
    place = sheet[max(0, top) :, left : left + ink.shape[1]][: ink.shape[0]]
    np.minimum(place, ink[: len(place), :, None], out=place)


def _mixed(colour: Colour, strength: float) -> Colour:
    """A colour thinned with white."""
    red, green, blue = (round(PAPER + strength * (part - PAPER)) for part in colour)
    return red, green, blue
