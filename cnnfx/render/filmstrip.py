"""Filters that emerge: a layer's filters from random start to trained, one frame for each of a few steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.filters import framed, kernel_levels, side_by_side
from cnnfx.render.grid import Grid, Levels, Section, Tiles, enlarge
from cnnfx.render.text import PAPER, draw_text, line_height

Weights = NDArray[np.float32]

FRAMES = 40
"""About how many frames a run gives."""
AREA, LARGEST, SMALLEST = 110_000, 20, 2
"""About how many pixels all filters together have, and the largest and smallest square of a weight."""
FONT = 15
MARGIN = 8
FIRST, EACH, LAST = 800, 150, 2500
"""For how many milliseconds the random start, each frame, and the end are seen."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A layer's weights `(K, C, kh, kw)` at a step, and what is written over them."""

    weights: Weights
    told: str


def sampled(steps: int, frames: int = FRAMES) -> list[int]:
    """Up to `frames` of the steps 1 to `steps`, with the last; closer to one another at the start, as squares are."""
    return sorted({math.ceil(steps * (frame / frames) ** 2) for frame in range(1, frames + 1)})


def durations(count: int) -> list[int]:
    """For how many milliseconds each of `count` frames is seen."""
    return [LAST] if count == 1 else [FIRST, *[EACH] * (count - 2), LAST]


def strip(names: Sequence[str], snapshots: Sequence[Snapshot]) -> Iterator[Levels]:
    """The frames, of one size: `(height, width)`, or `(height, width, 3)` of filters on three channels.

    Each filter is drawn by its own largest weight, as `show-filters` draws it.
    """
    for snapshot in snapshots:
        body = _filters(names, snapshot.weights)
        head = np.full((line_height(FONT) + MARGIN, *body.shape[1:]), PAPER, np.uint8)
        text = draw_text(snapshot.told, FONT, body.shape[1] - 2 * MARGIN)
        head[MARGIN:, MARGIN : MARGIN + text.shape[1]] = text if body.ndim == 2 else text[..., None]
        yield np.concatenate([head, body])


def _filters(names: Sequence[str], weights: Weights) -> Levels:
    """All filters under their names."""
    count, depth, height, width = weights.shape
    across = 1 if depth == 3 else depth
    scale = math.isqrt(AREA // (count * across * height * width) or 1)
    scale = max(SMALLEST, min(LARGEST, scale))
    pictures = np.stack([_filter(one, scale) for one in weights])
    _, high, wide = pictures.shape[:3]
    tiles = Tiles(names, high, wide, lambda first, last, top, low: pictures[first:last, top:low], pictures.ndim == 4)
    return Grid([Section([tiles], scale=1)]).pixels()


def _filter(weights: Weights, scale: int) -> Levels:
    """A filter `(C, kh, kw)`: its kernels side by side, or in colour if they are three."""
    levels = kernel_levels(weights)
    if len(levels) == 3:
        return framed(enlarge(np.moveaxis(levels, 0, -1), scale))
    return side_by_side([framed(enlarge(kernel, scale)) for kernel in levels], 1)
