"""Legends: the range of values that a color scale shows, as text and as a bar of its colors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from cnnfx.render.color import Range, apply_colormap
from cnnfx.render.number_text import format_scale_number
from cnnfx.render.text import draw_text, line_height, shorten, text_width
from cnnfx.render.tiles import Levels, blank, paste

BAR_EMS = 17
"""The width of a bar with its numbers, in font sizes."""
MIN_COLORS_EMS = 1.5
"""The smallest width of a bar without its numbers, in font sizes: numbers are left out where it would be smaller."""
FRAME_LEVEL = 150
"""The gray level of the frame of a bar, which separates white from the white background."""


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
    """

    max_bars: int
    colormap: str
    bars: Callable[[], Sequence[ScaleBar]]

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
        """Draw the bars on white, `(height(size, width), width)` or, with a color map, `(..., 3)`."""
        canvas = blank(self.height(size, width), width, color=self.colormap != "gray")
        columns, line = self.columns(size, width), line_height(size)
        bar_width = min(BAR_EMS * size, width)
        for index, bar in enumerate(self.bars()[: self.max_bars]):
            row, column = divmod(index, columns)
            left = column * (BAR_EMS + 1) * size
            part = canvas[row * line : (row + 1) * line, left : left + bar_width]
            _draw_bar(part, bar, self.colormap, size)
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


def scale_bars(limits: Sequence[Range], clipped: Sequence[tuple[bool, bool]]) -> list[ScaleBar]:
    """Return the bars of the color scales of channels, each once.

    If the channels have different ranges, the bars say "max" instead of numbers, and the labels of the channels have
    the numbers; see `range_texts`.

    Parameters
    ----------
    limits : sequence of (low, high)
        The values that each channel's scale draws in the first and in the last color.
    clipped : sequence of (bool, bool)
        Whether each channel may have lower values, and higher values, which are drawn in these colors too.
    """
    general = any(range_texts(limits))
    bars = [
        _bar(limits_of_channel, clips, general)
        for limits_of_channel, clips in zip(limits, clipped, strict=True)
        if not general or limits_of_channel[0] < limits_of_channel[1]
    ]
    return list(dict.fromkeys(bars))


def _bar(limits: Range, clips: tuple[bool, bool], general: bool) -> ScaleBar:
    """Return the bar of a range; with `general`, without the numbers that differ between channels."""
    (low, high), (below, above) = limits, clips
    zero = -low / (high - low) if low < 0 < high else None
    low_text, high_text = format_scale_number(low), format_scale_number(high)
    if general:
        high_text = "limit" if above else "max"
        low_text = f"−{high_text}" if low == -high else "0" if low == 0 else "lower limit" if below else "min"
        zero = zero if low == -high else None
    return ScaleBar(f"≤ {low_text}" if below else low_text, f"≥ {high_text}" if above else high_text, zero)


def _draw_bar(canvas: Levels, bar: ScaleBar, colormap: str, size: int) -> None:
    """Draw the colors of a bar with its numbers before, between and after them."""
    width, gap = canvas.shape[1], max(2, size // 3)
    if bar.low == bar.high:
        _write(canvas, shorten(f"{bar.low} everywhere", size, width), 0, size)
        return
    ends = text_width(bar.low, size) + text_width(bar.high, size) + 2 * gap
    between = text_width("0", size) + 2 * gap
    zero = None if bar.zero is None or not 0.1 <= bar.zero <= 0.9 else bar.zero
    length = width - ends - (between if zero is not None else 0)
    if length < MIN_COLORS_EMS * size:
        _write(canvas, shorten(f"{bar.low}…{bar.high}", size, width), 0, size)
        return
    left = _write(canvas, bar.low, 0, size) + gap
    colors = apply_colormap(np.linspace(0, 255, length).round().astype(np.uint8)[None], colormap)[0]
    if zero is not None:
        split = round(zero * length)
        left = _draw_colors(canvas, colors[:split], left, size) + gap
        left = _write(canvas, "0", left, size) + gap
        colors = colors[split:]
    left = _draw_colors(canvas, colors, left, size) + gap
    _write(canvas, bar.high, left, size)


def _draw_colors(canvas: Levels, colors: Levels, left: int, size: int) -> int:
    """Draw a row of colors in a frame, as high as digits, and return the column after it."""
    line, right = max(1, size // 16), left + len(colors)
    top = (canvas.shape[0] - size) // 2
    canvas[top : top + size, left:right] = FRAME_LEVEL
    canvas[top + line : top + size - line, left + line : right - line] = colors[line : len(colors) - line]
    return right


def _write(canvas: Levels, text: str, left: int, size: int) -> int:
    """Write a text at column `left` and return the column after it."""
    drawn = draw_text(text, size)
    paste(canvas, drawn, 0, left)
    width: int = drawn.shape[1]
    return left + width
