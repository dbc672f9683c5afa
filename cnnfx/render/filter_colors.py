"""Colors of filters in one picture, and the legend that names them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnfx.render.legend import draw_nonfinite_marker
from cnnfx.render.text import draw_text, line_height, text_width
from cnnfx.render.tiles import Levels, blank, paste

RGB = tuple[int, int, int]
"""Red, green and blue, 0..255."""

FILTER_COLORS = (
    (255, 235, 40), (185, 80, 255), (40, 240, 120), (255, 75, 20),
    (180, 180, 255), (150, 240, 210), (190, 130, 95), (245, 50, 155),
)  # fmt: skip
"""The colors of filters: light enough for black text, and distinguishable without full color vision."""
COLOR_NAMES = {
    "red": (255, 75, 50),
    "green": (40, 230, 90),
    "yellow": (255, 235, 40),
    "blue": (90, 140, 255),
    "white": (255, 255, 255),
    "black": (130, 130, 130),
}
"""The colors of filters with these names, which would be misleading in any other; black is gray, or it is invisible."""
DARKEST = 70
"""The level at which the colors of a filter begin in a legend: about that of a dimmed image."""
SWATCH_EMS = 2.5
"""The width of the colors of a filter in a legend, in font sizes."""


def filter_colors(names: Sequence[str]) -> list[RGB]:
    """Return the color (red, green, blue) of each of up to `len(FILTER_COLORS)` filters; see `COLOR_NAMES`."""
    used = {COLOR_NAMES[name] for name in names if name in COLOR_NAMES}
    others = iter(color for color in FILTER_COLORS if color not in used)
    return [COLOR_NAMES.get(name) or next(others) for name in names]


def draw_color_legend(
    names: Sequence[str], colors: Sequence[RGB], end: str, size: int, width: int, nonfinite: int = 0
) -> Levels:
    """Draw the colors of filters and their names, in as many lines as they need.

    Parameters
    ----------
    names : sequence of str
    colors : sequence of RGB
        The color of the largest value of each.
    end : str
        What is written after them.
    size : int
        The font size in pixels.
    width : int
        The width of the result in pixels.
    nonfinite : int
        The number of values that are NaN or infinite, whose color is drawn at the end if there are some.

    Returns
    -------
    uint8 array (height, width, 3)
    """
    entries = [_entry(name, color, size, width) for name, color in zip(names, colors, strict=True)]
    if end:
        entries.append(draw_text(end, size, min(text_width(end, size), width))[..., np.newaxis].repeat(3, axis=2))
    if nonfinite:
        entries.append(draw_nonfinite_marker(nonfinite, size, width)[:, :width])
    lines: list[list[Levels]] = [[]]
    for entry in entries:
        if lines[-1] and sum(one.shape[1] + size for one in lines[-1]) + entry.shape[1] > width:
            lines.append([])
        lines[-1].append(entry)
    canvas = blank(len(lines) * line_height(size), width, True)
    for row, line in enumerate(lines):
        left = 0
        for entry in line:
            paste(canvas, entry, row * line_height(size), left)
            left += entry.shape[1] + size
    return canvas


def _entry(name: str, color: RGB, size: int, width: int) -> Levels:
    """Draw the colors of a filter from value 0 to the largest, and its name, in at most `width` pixels."""
    length, gap = round(SWATCH_EMS * size), size // 2
    text = draw_text(name, size, min(text_width(name, size), width - length - gap))
    entry = blank(text.shape[0], length + gap + text.shape[1], True)
    ramp = DARKEST + np.linspace(0, 1, length)[:, np.newaxis] * (np.array(color) - DARKEST)
    top = (entry.shape[0] - size) // 2
    entry[top : top + size, :length] = np.rint(ramp).astype(np.uint8)
    paste(entry, text, 0, length + gap)
    return entry
