"""Smooth strokes through points: matrices that turn a form's points into places along its strokes."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets.strokes import FORMS

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
Point = tuple[float, float]

SAMPLES = 72
"""Places along all strokes of a form: less than a pixel apart."""
TIGHTNESS = 0.7
"""The time from point to point is this power of their distance: short steps then bend as gently as long ones."""


class Curve(NamedTuple):
    """A form made ready for drawing: `places @ points` are places along its strokes, `steps @ points` their tangents.

    Parameters
    ----------
    points : array (P, 2)
        x and y in 0..1.
    places, steps : array (SAMPLES, P)
        A step is as long as the piece of stroke that its place stands for.
    """

    points: Floats
    places: Floats
    steps: Floats


@cache
def curves() -> tuple[Curve, ...]:
    """The curve of every form, in the order of `FORMS`."""
    return tuple(_curve(_strokes(form.strokes)) for form in FORMS)


def _strokes(text: str) -> list[list[Point]]:
    """The points of each stroke, as `Form.strokes` writes them."""
    return [[_point(pair) for pair in stroke.split()] for stroke in text.split("/")]


def _point(pair: str) -> Point:
    x, y = pair.split(",")
    return int(x) / 100, int(y) / 100


def _curve(strokes: list[list[Point]]) -> Curve:
    points = list(dict.fromkeys(point for stroke in strokes for point in stroke))
    places, steps = [], []
    for stroke, count in zip(strokes, _shares(strokes), strict=True):
        of_points = np.eye(len(points))[[points.index(point) for point in stroke]]
        at, along = _spline(np.array(stroke), (np.arange(count) + 0.5) / count)
        places.append(at @ of_points)
        steps.append(along @ of_points / count)
    return Curve(*(np.asarray(array, np.float32) for array in (points, np.vstack(places), np.vstack(steps))))


def _shares(strokes: list[list[Point]]) -> list[int]:
    """How many of the places each stroke gets, by its length."""
    lengths = np.array([np.hypot(*np.diff(stroke, axis=0).T).sum() for stroke in strokes])
    ends = np.rint(SAMPLES * np.cumsum(lengths) / lengths.sum()).astype(int)
    return [int(count) for count in np.diff(ends, prepend=0)]


def _spline(points: Matrix, times: Matrix) -> tuple[Matrix, Matrix]:
    """Two matrices (T, n): value and derivative, at times in 0..1, of the cubic Hermite spline through n points."""
    gaps = np.hypot(*np.diff(points, axis=0).T) ** TIGHTNESS
    knots = np.concatenate([[0], np.cumsum(gaps)]) / gaps.sum()
    gaps, slopes = np.diff(knots), _slopes(np.diff(knots))
    piece = np.clip(np.searchsorted(knots, times, "right") - 1, 0, len(gaps) - 1)
    gap = gaps[piece][:, None]
    u = (times - knots[piece])[:, None] / gap
    start, end = np.eye(len(points))[piece], np.eye(len(points))[piece + 1]
    first, last = gap * slopes[piece], gap * slopes[piece + 1]
    value = start + u**2 * (3 - 2 * u) * (end - start) + u * (1 - u) ** 2 * first - u**2 * (1 - u) * last
    rise = 6 * u * (1 - u) * (end - start) + (1 - u) * (1 - 3 * u) * first - u * (2 - 3 * u) * last
    return value, rise / gap


def _slopes(gaps: Matrix) -> Matrix:
    """The matrix (n, n) from points to tangents at them: those of the parabola through a point and its neighbours."""
    chords = np.diff(np.eye(len(gaps) + 1), axis=0) / gaps[:, None]
    if len(gaps) == 1:
        return np.repeat(chords, 2, axis=0)
    before, after = gaps[:-1, None], gaps[1:, None]
    inner = (chords[:-1] * after + chords[1:] * before) / (before + after)
    ends = [1.5 * chords[0] - 0.5 * inner[0], 1.5 * chords[-1] - 0.5 * inner[-1]]
    return np.vstack([ends[0], inner, ends[1]])
