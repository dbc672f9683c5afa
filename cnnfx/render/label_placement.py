"""Placement of labels beside boxes, so that labels do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SEARCH_LINES = 10
"""How far from its box a label is placed at most, in heights of the label."""
COVERING_COST = 1.0
"""The cost of a label that covers other boxes, for each pixel of its width."""
OWN_BOX_COST = 2.0
"""The same for its own box."""
OFF_CENTER_COST = 0.05
"""The cost of each pixel between the middle of a label and that of its box."""
TOUCHING = 2
"""A label that is at most this many pixels from its box needs no line to it."""


class Rectangle(NamedTuple):
    """Columns `left` to `right` and rows `top` to `bottom`, both ends exclusive, in pixels."""

    left: int
    top: int
    right: int
    bottom: int


class Placement(NamedTuple):
    """The position of a label.

    Parameters
    ----------
    label : Rectangle
    apart : bool
        Whether the label is so far from its box that a line should connect them.
    """

    label: Rectangle
    apart: bool


def place_labels(
    boxes: Sequence[Rectangle], sizes: Sequence[tuple[int, int]], area: Rectangle
) -> list[Placement | None]:
    """Place a label near each box.

    The labels are placed one after the other. Each gets the free position with the lowest cost: close to its box, and
    where it covers no box.

    Parameters
    ----------
    boxes : sequence of Rectangle
    sizes : sequence of (width, height)
        Of the labels.
    area : Rectangle
        Labels are inside it.

    Returns
    -------
    list of Placement or None
        No two labels overlap. None where no position close to the box is free.
    """
    obstacles = np.array(boxes, int).reshape(-1, 4)
    placed: list[Placement | None] = []
    for index, (box, size) in enumerate(zip(boxes, sizes, strict=True)):
        labels = np.array([placement.label for placement in placed if placement], int).reshape(-1, 4)
        placed.append(_place(box, size, area, np.delete(obstacles, index, axis=0), labels))
    return placed


def _place(
    box: Rectangle,
    size: tuple[int, int],
    area: Rectangle,
    obstacles: NDArray[np.int_],
    labels: NDArray[np.int_],
) -> Placement | None:
    """Return the best free position of a label, None if there is none."""
    candidates = _candidates(box, size, area)
    free = ~(_overlap(candidates, labels) > 0).any(axis=1)
    candidates = candidates[free]
    if not len(candidates):
        return None
    gaps = _gaps(candidates, box)
    covered = _overlap(candidates, obstacles).sum(axis=1) / size[1]
    own = _overlap(candidates, np.array([box])).sum(axis=1) / size[1]
    middles = (candidates[:, :2] + candidates[:, 2:]) / 2
    off_center = np.abs(middles - ((box.left + box.right) / 2, (box.top + box.bottom) / 2)).sum(axis=1)
    cost = gaps + COVERING_COST * covered + OWN_BOX_COST * own + OFF_CENTER_COST * off_center
    best = int(cost.argmin())
    return Placement(Rectangle(*candidates[best].tolist()), bool(gaps[best] > TOUCHING))


def _candidates(box: Rectangle, size: tuple[int, int], area: Rectangle) -> NDArray[np.int_]:
    """Return positions `(N, 4)` around a box and inside the area, those that touch it among them."""
    width, height = size
    reach, step = SEARCH_LINES * height, max(2, height // 3)
    lefts = _positions(box.left - width, box.right, reach, step, area.left, area.right - width, box.left)
    tops = _positions(box.top - height, box.bottom, reach, step, area.top, area.bottom - height, box.top)
    left, top = (grid.ravel() for grid in np.meshgrid(lefts, tops))
    return np.stack([left, top, left + width, top + height], axis=1)


def _positions(before: int, after: int, reach: int, step: int, first: int, last: int, aligned: int) -> NDArray[np.int_]:
    """Return positions from `first` to `last`: `before` and `after` the box, aligned with it, and at equal steps."""
    wanted = {before, after, aligned, *range(before - reach, after + reach + 1, step)}
    return np.array(sorted(position for position in wanted if first <= position <= last), int)


def _overlap(candidates: NDArray[np.int_], others: NDArray[np.int_]) -> NDArray[np.int_]:
    """Return the common area `(N, M)` of rectangles `(N, 4)` and `(M, 4)`."""
    starts = np.maximum(candidates[:, np.newaxis, :2], others[np.newaxis, :, :2])
    ends = np.minimum(candidates[:, np.newaxis, 2:], others[np.newaxis, :, 2:])
    sides = np.maximum(ends - starts, 0)
    area: NDArray[np.int_] = sides[..., 0] * sides[..., 1]
    return area


def _gaps(candidates: NDArray[np.int_], box: Rectangle) -> NDArray[np.int_]:
    """Return the distance of rectangles `(N, 4)` from a box: the larger of the horizontal and the vertical one."""
    corners = np.array(box)
    sides = np.maximum(candidates[:, :2] - corners[2:], corners[:2] - candidates[:, 2:])
    gaps: NDArray[np.int_] = np.maximum(sides.max(axis=1), 0)
    return gaps
