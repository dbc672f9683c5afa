"""The frames of the sliding-window animation: which position each shows, and how long.

Positions where all values under the window are equal pass faster. Viewers slow down frames that are very short, so at a
high rate several such positions share a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.animation import MIN_FRAME_MILLISECONDS, frame_duration
from cnnfx.render.sliding.positions import SlidingWindow

CONSTANT_SPEED = 8
"""How many times faster constant regions pass."""
LAST_FRAME_MILLISECONDS = 2000
"""The duration of the last frame."""
DEFAULT_SECONDS = 12
"""The duration, in seconds, that the default number of frames per second aims at."""
MIN_DEFAULT_FPS = 5
"""The least frames per second by default."""
MAX_DEFAULT_FPS = 25
"""The most frames per second by default."""
DEFAULT_FPS_WITH_NUMBERS = 2
"""Frames per second by default with numbers, so that they can be read."""


class Position(NamedTuple):
    """A position of the filters' window, or of the window of the pooling.

    Parameters
    ----------
    stage : "filters" or "pooling"
    row, column : int
        The output that is computed there.
    """

    stage: Literal["filters", "pooling"]
    row: int
    column: int


class Frame(NamedTuple):
    """A frame: the outputs up to `position` are complete, and the window is there.

    Parameters
    ----------
    position : Position
    milliseconds : int
    """

    position: Position
    milliseconds: int


def positions(sliding: SlidingWindow) -> list[Position]:
    """Return all positions in order: those of the filters row by row, then those of the pooling."""
    return [
        *(Position("filters", row, column) for row, column in np.ndindex(sliding.output_size)),
        *(Position("pooling", row, column) for row, column in np.ndindex(sliding.pooled_size)),
    ]


def schedule(sliding: SlidingWindow, fps: float, steps: int | None = None) -> list[Frame]:
    """Return the frames of an animation. The last one shows the last position, and lasts longer.

    Parameters
    ----------
    sliding : SlidingWindow
    fps : float
        The frames per second where the window is not constant.
    steps : int, optional
        The number of frames, which share the positions evenly. By default each position has a frame, apart from
        those in constant regions, of which up to `constant_positions_per_frame` share one.
    """
    order, constant = positions(sliding), _constant(sliding)
    if steps is None:
        ends = _frame_ends(sliding, constant, constant_positions_per_frame(fps))
    else:
        count = min(steps, len(order))
        ends = [(frame + 1) * len(order) // count for frame in range(count)]
    duration = frame_duration(fps)
    fast = frame_duration(1000 * CONSTANT_SPEED / duration)
    starts = [0, *ends[:-1]]
    durations = [fast if constant[start:end].all() else duration for start, end in zip(starts, ends, strict=True)]
    durations[-1] = LAST_FRAME_MILLISECONDS
    return [Frame(order[end - 1], duration) for end, duration in zip(ends, durations, strict=True)]


def constant_positions_per_frame(fps: float) -> int:
    """Return how many positions of a constant region share a frame, so that they pass `CONSTANT_SPEED` times faster."""
    return max(1, round(MIN_FRAME_MILLISECONDS * CONSTANT_SPEED / frame_duration(fps)))


def default_fps(sliding: SlidingWindow, numbers: bool) -> float:
    """Return the default number of frames per second."""
    if numbers:
        return DEFAULT_FPS_WITH_NUMBERS
    constant = _constant(sliding)
    count = np.count_nonzero(~constant) + np.count_nonzero(constant) / CONSTANT_SPEED
    return float(min(max(count / DEFAULT_SECONDS, MIN_DEFAULT_FPS), MAX_DEFAULT_FPS))


def _constant(sliding: SlidingWindow) -> NDArray[np.bool_]:
    """Return whether each of the `positions` is in a constant region."""
    stages = [sliding.constant] if sliding.pool is None else [sliding.constant, sliding.constant_blocks]
    return np.concatenate([stage.ravel() for stage in stages])


def _frame_ends(sliding: SlidingWindow, constant: NDArray[np.bool_], most: int) -> Sequence[int]:
    """Return the number of positions that are complete in each frame."""
    order, ends = positions(sliding), [1]  # the first frame shows the first position
    start = 1
    for end, position in enumerate(order[1:], 2):
        following = order[end] if end < len(order) else None
        ends_row = following is None or following[:2] != position[:2]
        if end - start == most or ends_row or not (constant[end - 1] and constant[end]):
            ends.append(end)
            start = end
    return ends
