"""Pictures of filters before and after training, in pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Layer
from cnnfx.render.cells import Section
from cnnfx.render.color import apply_colormap
from cnnfx.render.filters import (
    FilterStyle,
    add_frame,
    are_colors,
    color_picture,
    hstack_pictures,
    kernel_levels,
    layer_weights,
)
from cnnfx.render.grid import Grid
from cnnfx.render.heading import Heading
from cnnfx.render.legend import Legend, scale_bars
from cnnfx.render.number_text import format_scale_number
from cnnfx.render.shapes import draw_arrow
from cnnfx.render.tiles import ARROW_LEVEL, FRAME_LEVEL, Levels, Tiles, blank, enlarge, paste, picture_tiles

KERNEL_WIDTH = 80
"""About how many pixels wide a filter is drawn that is one kernel or one picture in color."""
MAX_STRIP_WIDTH = 1000
"""Filters of more input channels are rows of kernels of at most about this many pixels."""
MIN_WEIGHT_SIDE = 2
"""The smallest side of the square of a weight in pixels, even if it makes a row of kernels wider."""
ARROW_LENGTH = 24
"""The length of the arrow from a filter before training to the filter after it, in pixels."""
ARROW_MARGIN = 5
"""Pixels at both ends of the arrow."""
PAIR_GAP = 24
"""Pixels between pairs."""
FADED = 0.1
"""Filters whose largest weight is below this fraction of the largest of the layer are drawn relative to that."""
KERNEL_GAP = 2
"""Pixels between the kernels of a filter, and between the rows of a pair."""

Floats = NDArray[np.floating]


def filter_norms(layer: Layer) -> list[float]:
    """Return the norm of each filter of a layer: the square root of the sum of its squared weights."""
    weights = np.asarray(layer_weights(layer), np.float64)
    norms: list[float] = np.sqrt(np.square(weights).sum(axis=(1, 2, 3))).tolist()
    return norms


def strongest_first(layer: Layer) -> list[int]:
    """Return the indices of the filters in order of decreasing norm; equally strong ones in their own order."""
    norms = filter_norms(layer)
    return sorted(range(len(norms)), key=lambda index: -norms[index])


def own_limits(weights: Floats) -> list[float]:
    """Return the magnitude that is drawn white or black for each of the filters `(K, C, kh, kw)` of a layer.

    It is the largest weight of the filter, but at least `FADED` of the largest of all, so that filters that have faded
    to almost 0 are gray.
    """
    largest = np.abs(weights).max(axis=(1, 2, 3))
    limits: list[float] = np.maximum(largest, FADED * largest.max()).tolist()
    return limits


def pair_limits(before: Layer, after: Layer, scope: str) -> tuple[list[float], list[float]]:
    """Return the magnitudes that are drawn white or black for the filters before and for those after training.

    They are `own_limits` or, if `scope` is "all", the largest weight of all.
    """
    weights = layer_weights(before), layer_weights(after)
    if scope == "all":
        limit = max(float(np.abs(each).max()) for each in weights)
        return [limit] * len(weights[0]), [limit] * len(weights[1])
    return own_limits(weights[0]), own_limits(weights[1])


def pairs_picture(before: Layer, after: Layer, inputs: Sequence[str], caption: str, style: FilterStyle) -> Levels:
    """Draw the filters of a layer before and after training in pairs, those with the largest norm after it first.

    A filter of one input channel is one kernel; one on red, green and blue is one picture in color. In both cases an
    arrow points from the filter before training to the filter after it. Filters of other channels are rows of kernels,
    the one before training above the one after it. Each of the two is drawn by its own range, see `pair_limits`. Beside
    the name of a filter are its norms, see `filter_norms`.

    Parameters
    ----------
    before, after : Layer
        With the same filters.
    inputs : sequence of str
        The names of the C input channels of the filters.
    caption : str
        The text above the pairs.
    style : FilterStyle
        `values` is not used.

    Returns
    -------
    uint8 array (height, width) or (height, width, 3)
    """
    order, layers = strongest_first(after), (before, after)
    limits = pair_limits(before, after, style.scope)
    scale = _weight_side(after, inputs)
    pictures = []
    for index in order:
        pair = (
            _filter(layer_weights(layer)[index], inputs, limit[index], scale, style.colormap)
            for layer, limit in zip(layers, limits, strict=True)
        )
        pictures.append(_pair(*pair))
    norms = list(zip(filter_norms(before), filter_norms(after), strict=True))
    texts = [" → ".join(map(format_scale_number, norms[index])) for index in order]
    tiles = picture_tiles([after.filter_names[index] for index in order], pictures)
    heading = None
    if style.labels and style.legend:
        ranges = [(-limit, limit) for of_layer in limits for limit in of_layer]
        bars = scale_bars(ranges, [(False, False)] * len(ranges))
        heading = Heading(caption, Legend(1, "gray" if are_colors(inputs) else style.colormap, lambda: bars))
    section = Section([tiles._replace(ranges=lambda: texts)], scale=1, heading=heading)
    return Grid([section], style.labels, PAIR_GAP).pixels()


def pair_tiles(before: Layer, after: Layer, inputs: Sequence[str], scope: str) -> Tiles:
    """Return the pairs of `pairs_picture` as tiles for a terminal with colors.

    They have one pixel per weight, and a column of the color of frames between before and after. `scope` is that of
    `FilterStyle`.
    """
    order, limits = strongest_first(after), pair_limits(before, after, scope)
    halves = [
        [hstack_pictures(_kernels(layer_weights(layer)[k], inputs, limit[k], "gray"), 1) for k in order]
        for layer, limit in zip((before, after), limits, strict=True)
    ]
    column = np.full_like(halves[0][0][:, :1], FRAME_LEVEL)
    pairs = [np.concatenate([first, column, second], axis=1) for first, second in zip(*halves, strict=True)]
    return picture_tiles([after.filter_names[k] for k in order], pairs)


def _weight_side(layer: Layer, inputs: Sequence[str]) -> int:
    """Return the side of the square of a weight, in pixels."""
    channels, height, width = map(int, layer_weights(layer).shape[1:])
    if channels == 1 or are_colors(inputs):
        return max(1, KERNEL_WIDTH // max(height, width))
    fitting = (MAX_STRIP_WIDTH // channels - KERNEL_GAP - 2) // width
    return max(MIN_WEIGHT_SIDE, min(KERNEL_WIDTH // 2 // max(height, width), fitting))


def _filter(weights: Floats, inputs: Sequence[str], limit: float | None, scale: int, colormap: str) -> list[Levels]:
    """Draw the kernels of a filter `(C, kh, kw)`, enlarged and framed."""
    return [add_frame(enlarge(kernel, scale)) for kernel in _kernels(weights, inputs, limit, colormap)]


def _kernels(weights: Floats, inputs: Sequence[str], limit: float | None, colormap: str) -> list[Levels]:
    """Draw the kernels of a filter `(C, kh, kw)` with one pixel per weight; those on colors as one picture."""
    if are_colors(inputs):
        return [color_picture(weights, inputs, limit)]
    return [apply_colormap(kernel, colormap) for kernel in kernel_levels(weights, limit)]


def _pair(before: list[Levels], after: list[Levels]) -> Levels:
    """Join the kernels before and after: two with an arrow between them, several in two rows."""
    first, second = (hstack_pictures(kernels, KERNEL_GAP) for kernels in (before, after))
    height, width = first.shape[:2]
    color = first.ndim == 3
    if len(before) > 1:
        return np.concatenate([first, blank(KERNEL_GAP, width, color), second])
    start, end = width + ARROW_MARGIN, width + ARROW_MARGIN + ARROW_LENGTH
    canvas = blank(height, end + ARROW_MARGIN + width, color)
    paste(canvas, first, 0, 0)
    draw_arrow(canvas, (start, height / 2), (end, height / 2), ARROW_LEVEL)
    paste(canvas, second, 0, end + ARROW_MARGIN)
    return canvas
