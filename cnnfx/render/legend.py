"""Legends: the range of values that a color scale shows, as text and as a bar of its colors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from cnnfx.nn.rounding import Range
from cnnfx.render.color import NONFINITE_COLOR, apply_colormap
from cnnfx.render.number_text import format_scale_number
from cnnfx.render.text import draw_text, line_height, shorten, text_width
from cnnfx.render.tiles import FRAME_LEVEL, Levels, blank, paste

BAR_EMS = 17
"""The width of a bar with its numbers, in font sizes."""
MIN_BAR_EMS = 7
"""The smallest width of a bar with its numbers that is shortened for the color of NaN, in font sizes."""
MIN_COLORS_EMS = 1.5
"""The smallest width of a bar without its numbers, in font sizes: numbers are left out where it would be smaller."""
NONFINITE_TEXT = "NaN or infinite"


class ScaleBar(NamedTuple):
    """The numbers of a color scale.

    Parameters
    ----------
    low, high : str
        The values of the first and of the last color.
    zero : float or None
        Where 0 is between them, from 0 to 1; None if it is at one end, or not between them.
    """

    low: str
    high: str
    zero: float | None = None


class Legend(NamedTuple):
    """The bars of the color scales of a picture, whose numbers are known when it is drawn.

    Parameters
    ----------
    max_bars : int
        The largest number of bars.
    colormap : str
    bars : function to sequence of ScaleBar
    nonfinite : function to int
        Returns the number of values that are NaN or infinite. Their color is shown after the bars, where it fits.
    """

    max_bars: int
    colormap: str
    bars: Callable[[], Sequence[ScaleBar]]
    nonfinite: Callable[[], int] = lambda: 0

    def columns(self, size: int, width: int) -> int:
        """Return how many bars are drawn side by side in `width` pixels; `size` is the font size of the numbers."""
        return max(1, min(self.max_bars, (width + size) // ((BAR_EMS + 1) * size)))

    def width(self, size: int) -> int:
        """Return the width in pixels of all bars side by side."""
        return self.max_bars * (BAR_EMS + 1) * size - size

    def height(self, size: int, width: int) -> int:
        """Return the height in pixels of the bars in rows of `width` pixels."""
        return -(-self.max_bars // self.columns(size, width)) * line_height(size)

    def draw(self, size: int, width: int) -> Levels:
        """Draw the bars on white, `(height(size, width), width)` or `(height(size, width), width, 3)`."""
        count = self.nonfinite()
        canvas = blank(self.height(size, width), width, color=count > 0 or self.colormap != "gray")
        columns, line = self.columns(size, width), line_height(size)
        # The color of NaN has no space of its own, since only the values say whether it is needed: bars become shorter.
        marker = draw_nonfinite_marker(count, size, width) if count else None
        marker_width = 0 if marker is None else marker.shape[1]
        bar_width = min(BAR_EMS * size, width)
        if count:
            bar_width = min(bar_width, max(MIN_BAR_EMS * size, (width - marker_width) // columns - size))
        top, right = 0, -size
        for index, bar in enumerate(self.bars()[: self.max_bars]):
            top, left = index // columns * line, index % columns * (bar_width + size)
            right = left + _draw_bar(canvas[top : top + line, left : left + bar_width], bar, self.colormap, size)
        if marker is not None and right + size + marker_width <= width:
            paste(canvas, marker, top, right + size)
        return canvas


def draw_nonfinite_marker(count: int, size: int, width: int) -> Levels:
    """Draw the color of NaN and infinity with the number of such values, or without it where `width` is too small.

    Parameters
    ----------
    count : int
    size : int
        The font size in pixels.
    width : int
        The result is not wider, unless `NONFINITE_TEXT` does not fit.

    Returns
    -------
    uint8 array (line_height(size), width of the result, 3)
    """
    gap, text = max(2, size // 3), f"{count:,} {NONFINITE_TEXT}"
    if 2 * size + gap + text_width(text, size) > width:
        text = NONFINITE_TEXT
    canvas = blank(line_height(size), 2 * size + gap + text_width(text, size), True)
    right = _draw_colors(canvas, np.full((2 * size, 3), NONFINITE_COLOR, np.uint8), 0, size)
    _write(canvas, text, right + gap, size)
    return canvas


def range_text(low: float, high: float) -> str:
    """Return a range of values for a label.

    Examples
    --------
    >>> range_text(-2.236, 2.236), range_text(0, 3.1), range_text(-0.5, 1), range_text(0, 0)
    ('±2.24', '0…3.1', '−0.5…1', '0')
    """
    if low == high:
        return format_scale_number(low)
    if low == -high:
        return f"±{format_scale_number(high)}"
    return f"{format_scale_number(low)}…{format_scale_number(high)}"


def range_texts(limits: Sequence[Range]) -> list[str]:
    """Return the text of each channel's range for its label; empty texts if all are the same."""
    texts = [range_text(low, high) for low, high in limits]
    return texts if len(set(texts)) > 1 else [""] * len(texts)


def scale_bars(
    limits: Sequence[Range], clipped: Sequence[tuple[bool, bool]], kinds: Sequence[bool] | None = None
) -> list[ScaleBar]:
    """Return a bar for each kind of color scale, or one if they look the same.

    If channels of one kind have different ranges, the bars say "max" instead of numbers, and the labels of the channels
    have the numbers; see `range_texts`.

    Parameters
    ----------
    limits : sequence of (low, high)
        The values that each channel's scale draws in the first and in the last color.
    clipped : sequence of (bool, bool)
        Whether each channel may have lower values, and higher values, which are drawn in these colors too.
    kinds : sequence of bool, optional
        Whether each channel is drawn from zero on since it cannot be negative. By default all are of one kind.
    """
    kinds = [False] * len(limits) if kinds is None else kinds
    # A channel that is 0 everywhere is drawn in the color of 0 of any other.
    visible = [index for index, (low, high) in enumerate(limits) if low < high] or range(len(limits))
    groups = [[index for index in visible if kinds[index] == kind] for kind in dict.fromkeys(kinds)]
    general = any(len({range_text(*limits[index]) for index in group}) > 1 for group in groups)
    bars = (_bar([limits[index] for index in group], clipped[group[0]], general) for group in groups if group)
    return list(dict.fromkeys(bars))


def _bar(limits: Sequence[Range], clips: tuple[bool, bool], general: bool) -> ScaleBar:
    """Return the bar of channels of one kind; with `general`, without the numbers that differ between them."""
    (low, high), (below, above) = limits[0], clips
    zero = -low / (high - low) if low < 0 < high else None
    low_text, high_text = format_scale_number(low), format_scale_number(high)
    if general:
        is_signed, is_positive = all(low == -high for low, high in limits), all(low == 0 for low, _ in limits)
        high_text = "limit" if above else "max"
        low_text = f"−{high_text}" if is_signed else "0" if is_positive else "lower limit" if below else "min"
        zero = zero if is_signed else None
    return ScaleBar(f"≤ {low_text}" if below else low_text, f"≥ {high_text}" if above else high_text, zero)


def _draw_bar(canvas: Levels, bar: ScaleBar, colormap: str, size: int) -> int:
    """Draw the colors of a bar with its numbers before, between and after them, and return the column after it."""
    width, gap = canvas.shape[1], max(2, size // 3)
    if bar.low == bar.high:
        return _write(canvas, shorten(f"{bar.low} everywhere", size, width), 0, size)
    ends = text_width(bar.low, size) + text_width(bar.high, size) + 2 * gap
    between = text_width("0", size) + 2 * gap
    zero = None if bar.zero is None or not 0.1 <= bar.zero <= 0.9 else bar.zero
    length = width - ends - (between if zero is not None else 0)
    if length < MIN_COLORS_EMS * size:
        return _write(canvas, shorten(f"{bar.low}…{bar.high}", size, width), 0, size)
    left = _write(canvas, bar.low, 0, size) + gap
    colors = apply_colormap(np.linspace(0, 255, length).round().astype(np.uint8)[None], colormap)[0]
    if zero is not None:
        split = round(zero * length)
        left = _draw_colors(canvas, colors[:split], left, size) + gap
        left = _write(canvas, "0", left, size) + gap
        colors = colors[split:]
    left = _draw_colors(canvas, colors, left, size) + gap
    return _write(canvas, bar.high, left, size)


def _draw_colors(canvas: Levels, colors: Levels, left: int, size: int) -> int:
    """Draw a row of colors in a frame, as high as digits, and return the column after it."""
    line, right = max(1, size // 16), left + len(colors)
    top = (canvas.shape[0] - size) // 2
    canvas[top : top + size, left:right] = FRAME_LEVEL
    inner = colors[None, line : len(colors) - line].repeat(size - 2 * line, axis=0)
    paste(canvas, inner, top + line, left + line)
    return right


def _write(canvas: Levels, text: str, left: int, size: int) -> int:
    """Write a text at column `left` and return the column after it."""
    drawn = draw_text(text, size)
    paste(canvas, drawn, 0, left)
    width: int = drawn.shape[1]
    return left + width
