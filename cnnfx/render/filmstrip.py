"""The filmstrip of a training run: the filters of one layer at several steps, one frame for each step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.cells import Section
from cnnfx.render.color import apply_colormap
from cnnfx.render.filter_pairs import own_limits
from cnnfx.render.filters import add_frame, hstack_pictures, kernel_levels
from cnnfx.render.grid import Grid
from cnnfx.render.text import draw_text, line_height
from cnnfx.render.tiles import Levels, blank, enlarge, paste, picture_tiles

MAX_FRAMES = 40
"""The most frames of a filmstrip, not counting the frame of the initial weights."""
FILTER_PIXELS = 110_000
"""About how many pixels all filters of a frame have together."""
MIN_WEIGHT_PIXELS = 2
"""The smallest side of the square that shows one weight."""
MAX_WEIGHT_PIXELS = 20
"""The largest side of the square that shows one weight."""
FONT_SIZE = 15
"""The font size of the caption, in pixels."""
MARGIN = 8
"""Pixels around the caption."""
FIRST_MILLISECONDS = 800
"""How long the initial weights are shown."""
STEP_MILLISECONDS = 150
"""How long each frame between the first and the last is shown."""
LAST_MILLISECONDS = 2500
"""How long the final weights are shown."""

Weights = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The weights `(K, C, kh, kw)` of a layer at one step, and the caption of their frame."""

    weights: Weights
    caption: str


def snapshot_steps(steps: int, frames: int = MAX_FRAMES) -> list[int]:
    """Return up to `frames` of the steps 1 to `steps`, evenly spaced and in order, the last one included.

    The learning rate rises slowly and falls to 0, so filters change little in the first and in the last steps.
    """
    return sorted({math.ceil(steps * frame / frames) for frame in range(1, frames + 1)})


def frame_durations(count: int) -> list[int]:
    """Return the milliseconds for which each of `count` frames is shown."""
    if count == 1:
        return [LAST_MILLISECONDS]
    return [FIRST_MILLISECONDS, *[STEP_MILLISECONDS] * (count - 2), LAST_MILLISECONDS]


def filmstrip_frames(
    names: Sequence[str], snapshots: Sequence[Snapshot], title: str = "", colormap: str = "gray"
) -> Iterator[Levels]:
    """Yield a frame for each snapshot: the filters with their names, under the title and the caption of the snapshot.

    Each filter is drawn by its own largest weight, but one that has faded is gray; see `own_limits`.

    Parameters
    ----------
    names : sequence of K str
        The names of the filters.
    snapshots : sequence of Snapshot
    title : str
        Of all frames; empty for none.
    colormap : str
        The color map of the weights.

    Yields
    ------
    array (height, width) or, for three input channels or another color map than gray, (height, width, 3)
        uint8, of the same shape for all frames.
    """
    for snapshot in snapshots:
        body = _filter_grid(names, snapshot.weights, colormap)
        lines = [text for text in (title, snapshot.caption) if text] or [""]
        header = blank(len(lines) * line_height(FONT_SIZE) + MARGIN, body.shape[1], color=body.ndim == 3)
        for number, text in enumerate(lines):
            drawn = draw_text(text, FONT_SIZE, body.shape[1] - 2 * MARGIN)
            paste(header, drawn, MARGIN + number * line_height(FONT_SIZE), MARGIN)
        yield np.concatenate([header, body])


def _filter_grid(names: Sequence[str], weights: Weights, colormap: str) -> Levels:
    """Draw the filters of a layer side by side, each under its name."""
    count, depth, height, width = weights.shape
    drawn_kernels = 1 if depth == 3 else depth
    scale = math.isqrt(FILTER_PIXELS // (count * drawn_kernels * height * width) or 1)
    scale = max(MIN_WEIGHT_PIXELS, min(MAX_WEIGHT_PIXELS, scale))
    limits = own_limits(weights)
    pairs = zip(weights, limits, strict=True)
    tiles = picture_tiles(names, [_filter_picture(kernels, limit, scale, colormap) for kernels, limit in pairs])
    return Grid([Section([tiles], scale=1)]).pixels()


def _filter_picture(weights: Weights, limit: float, scale: int, colormap: str) -> Levels:
    """Draw the kernels of a filter `(C, kh, kw)` side by side, or as one color picture if there are three."""
    levels = kernel_levels(weights, limit)
    if len(levels) == 3:
        return add_frame(enlarge(np.moveaxis(levels, 0, -1), scale))
    kernels = (apply_colormap(kernel, colormap) for kernel in levels)
    return hstack_pictures([add_frame(enlarge(kernel, scale)) for kernel in kernels], 1)
