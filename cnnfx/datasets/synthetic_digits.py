"""Digits drawn by the program itself, as like MNIST's as can be: any number, by seed.

A digit is drawn in one of the forms that people write it in: its points shaken, its strokes bent, slanted, turned and
stretched, with a pen of any width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress
from cnnfx.datasets.glyphs import FORMS
from cnnfx.errors import ArgumentError
from cnnfx.system.threads import run_in_threads

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
    """The matrix (n, n) from points to tangents at them: those of the parabola through a point and its neighbors."""
    chords = np.diff(np.eye(len(gaps) + 1), axis=0) / gaps[:, None]
    if len(gaps) == 1:
        return np.repeat(chords, 2, axis=0)
    before, after = gaps[:-1, None], gaps[1:, None]
    inner = (chords[:-1] * after + chords[1:] * before) / (before + after)
    ends = [1.5 * chords[0] - 0.5 * inner[0], 1.5 * chords[-1] - 0.5 * inner[-1]]
    return np.vstack([ends[0], inner, ends[1]])


SIDE, BOX = 28, 20
"""The sides of MNIST's images, and of the box in them that a digit fills."""
MIDDLE = 14.5
"""Where MNIST has the centers of mass, to half a pixel: in pixel 14, counted from 0, of 28."""
REACH = 0.95
"""How far beyond the ends of its strokes a digit's ink reaches, in radii of the pen."""
NARROWNESS, NARROWEST = 0.5, 0.45
"""σ in radii of the pen, and at least in pixels. Larger would fill small loops; smaller would leave gaps in strokes."""
FURTHEST, FAINT = -40.0, 1e-9
"""Exponents and sums are not let below these: processors are slow with numbers of almost nothing."""


def draw_strokes(places: Floats, steps: Floats, radius: Floats, edge: Floats) -> NDArray[np.uint8]:
    """Draw digits as MNIST has them: 20 pixels on the larger side, the center of mass in the middle of 28×28.

    Parameters
    ----------
    places, steps : array (N, S, 2)
        x and y of the places along each digit's strokes, in any unit, and the pieces of stroke they stand for.
    radius, edge : array (N,)
        The pen's radius and the width of its soft edge, in pixels.

    Returns
    -------
    array (N, 28, 28), uint8
        0 is ground, 255 ink.
    """
    low, high = places.min(axis=1), places.max(axis=1)
    scale = (BOX - 2 * REACH * radius) / (high - low).max(axis=1)
    lengths = np.hypot(steps[..., 0], steps[..., 1]) * scale[:, None]
    boxed = (places - low[:, None]) * scale[:, None, None] + REACH * radius[:, None, None]
    return _pixels(
        _distance(_placed(boxed, lengths), lengths, np.maximum(NARROWNESS * radius, NARROWEST)), radius, edge
    )


def _placed(boxed: Floats, lengths: Floats) -> Floats:
    """Moved by whole pixels, as MNIST's boxes are, so that the center of mass is nearest the middle."""
    center = (boxed * lengths[..., None]).sum(axis=1) / lengths.sum(axis=1)[:, None]
    moved: Floats = boxed + np.rint(np.float32(MIDDLE) - center)[:, None]
    return moved


def _distance(places: Floats, lengths: Floats, sigma: Floats) -> Floats:
    """How far each pixel (N, 28, 28) is from the strokes, in pixels."""
    centers = np.arange(SIDE, dtype=np.float32) + np.float32(0.5)
    sharpness = (-0.5 / sigma**2)[:, None, None]
    across, down = (
        np.exp(np.maximum(sharpness * (places[..., axis, None] - centers) ** 2, np.float32(FURTHEST)))
        for axis in (0, 1)
    )
    down *= (lengths / (np.float32(math.sqrt(2 * math.pi)) * sigma[:, None]))[..., None]
    nearness = down.swapaxes(1, 2) @ across
    distance: Floats = sigma[:, None, None] * np.sqrt(-2 * np.log(np.clip(nearness, np.float32(FAINT), np.float32(1))))
    return distance


def _pixels(distance: Floats, radius: Floats, edge: Floats) -> NDArray[np.uint8]:
    """The share of each pixel that the pen covers, the most covered being white."""
    ink = np.clip(np.float32(0.5) + (radius[:, None, None] - distance) / edge[:, None, None], 0, 1)
    ink *= 255 / ink.max(axis=(1, 2), keepdims=True)
    pixels: NDArray[np.uint8] = np.rint(ink).astype(np.uint8)
    return pixels


TRAIN, TEST = 60_000, 10_000
"""As many digits as MNIST has."""
BLOCK = 100
"""So many are drawn at a time, each block with random numbers of its own."""
MOST_POINTS = 16

# How digits differ. Found by looking at them beside MNIST's, and by what a network learned on them reads of MNIST's
# images for training: those for testing have had no part in it.
SHAKE = 0.065
"""Deviation of a form's points; some writers are steadier than others."""
STEADINESS = 3.0
BEND = np.array([1, 1, 1, 0.7, 0.7, 0.7, 0.7], np.float32) * 0.08
"""Deviation of the bends' coefficients: those of xx, xy, yy, xxx, xxy, xyy and yyy."""
ASPECT, ASPECT_DEVIATION = -0.22, 0.27
"""Of the logarithm of width over height."""
SLANT, SLANT_DEVIATION = 0.15, 0.3
TURN_DEVIATION = 0.1
PEN, PEN_DEVIATION, PEN_LIMITS = 1.2, 0.4, (0.6, 2.8)
"""The pen's radius in pixels, and the deviation of its logarithm."""
EDGE, EDGE_DEVIATION, EDGE_LIMITS = 1.0, 0.1, (0.7, 1.3)
"""How wide the pen's soft edge is, in pixels."""


def load_drawn(seed: int = 0, *, train: int = TRAIN, test: int = TEST, progress: Progress | None = None) -> Dataset:
    """A dataset of drawn digits, as many of each as of the others, in random order.

    Parameters
    ----------
    seed : int
        The same seed gives the same digits.
    train, test : int
        How many to learn from and to test with.
    progress : callable, optional
        Called with "digits", the number of those drawn, and of all to learn from or to test with.
    """
    images, labels = _part((seed, 0), train, progress)
    test_images, test_labels = _part((seed, 1), test, progress)
    return Dataset("drawn", images, labels, test_images, test_labels, tuple("0123456789"))


def _part(seed: tuple[int, int], count: int, progress: Progress | None) -> tuple[Images, Labels]:
    labels: Labels = np.random.default_rng(seed).permutation(np.arange(count, dtype=np.int64) % 10)
    return draw_digits(labels, seed, progress=progress), labels


def draw_digits(labels: ArrayLike, seed: int | Sequence[int] = 0, *, progress: Progress | None = None) -> Images:
    """Draw digits, white on black.

    Parameters
    ----------
    labels : array (N,) of int
        Which digits, 0 to 9.
    seed : int or several
        The same seed and labels give the same pixels, whatever the number of threads; more labels behind these do not
        change the first ones but for the last `BLOCK`.
    progress : callable, optional
        Called with "digits", the number of those drawn, and of all.

    Returns
    -------
    array (N, 1, 28, 28), uint8

    Raises
    ------
    ArgumentError
        If labels are not whole numbers of 0 to 9 on one axis.
    """
    digits = _checked(labels)
    entropy = [seed] if isinstance(seed, int) else [*seed]
    images = np.empty((len(digits), 1, SIDE, SIDE), np.uint8)
    done = 0

    def draw(block: slice) -> None:
        nonlocal done
        rng = np.random.default_rng([*entropy, block.start])
        images[block, 0] = _draw(digits[block], rng)
        done += BLOCK
        if progress:
            progress("digits", min(done, len(digits)), len(digits))

    run_in_threads(draw, [slice(start, start + BLOCK) for start in range(0, len(digits), BLOCK)])
    return images


def _checked(labels: ArrayLike) -> Labels:
    digits = np.asarray(labels)
    if digits.ndim != 1 or (digits.size and (digits.dtype.kind not in "iu" or digits.min() < 0 or digits.max() > 9)):
        raise ArgumentError("labels must be whole numbers of 0 to 9 on one axis.")
    return digits.astype(np.int64)


def _draw(digits: Labels, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Digits (N, 28, 28)."""
    places, steps = _leant(*_bent(*_written(digits, rng), rng), rng)
    thickness = np.exp(_normal(rng, len(digits), deviation=PEN_DEVIATION))
    radius = np.clip(np.float32(PEN) * thickness, *PEN_LIMITS)
    edge = np.clip(np.float32(EDGE) + _normal(rng, len(digits), deviation=EDGE_DEVIATION), *EDGE_LIMITS)
    return draw_strokes(places, steps, radius, edge)


def _normal(rng: np.random.Generator, *shape: int, deviation: float = 1.0) -> Floats:
    return rng.standard_normal(shape, np.float32) * np.float32(deviation)


def _written(digits: Labels, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Places and steps (N, SAMPLES, 2) of each digit, in one of its forms, the form's points shaken."""
    count = len(digits)
    forms = _forms(digits, rng.random(count))
    unrest = SHAKE * rng.gamma(STEADINESS, 1 / STEADINESS, count).astype(np.float32)
    shaken = unrest[:, None, None] * _normal(rng, count, MOST_POINTS, 2)
    places, steps = np.empty((2, count, SAMPLES, 2), np.float32)
    for form, curve in enumerate(curves()):
        chosen = np.flatnonzero(forms == form)
        points = curve.points + shaken[chosen, : len(curve.points)]
        places[chosen], steps[chosen] = curve.places @ points, curve.steps @ points
    return places, steps


def _forms(digits: Labels, luck: NDArray[np.float64]) -> Labels:
    """For each digit one of its forms, as often as their shares say."""
    forms = np.empty(len(digits), np.int64)
    for digit in range(10):
        own = [index for index, form in enumerate(FORMS) if form.digit == digit]
        limits = np.cumsum([FORMS[index].share for index in own])
        chosen = digits == digit
        forms[chosen] = np.array(own)[np.searchsorted(limits / limits[-1], luck[chosen])]
    return forms


def _bent(places: Floats, steps: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Bent by polynomials of second and third degree in -1..1, and the steps by their derivatives."""
    x, y = np.moveaxis(2 * places - 1, 2, 0)
    u, v = np.moveaxis(2 * steps, 2, 0)
    terms = np.stack([x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3], axis=1)
    rises = [2 * x * u, x * v + y * u, 2 * y * v, 3 * x * x * u, (2 * y * u + x * v) * x, (y * u + 2 * x * v) * y]
    bends = _normal(rng, len(places), 2, 7) * BEND
    places = np.stack([x, y], axis=2) + (bends @ terms).swapaxes(1, 2)
    return places, np.stack([u, v], axis=2) + (bends @ np.stack([*rises, 3 * y * y * v], axis=1)).swapaxes(1, 2)


def _leant(places: Floats, steps: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Stretched, slanted to the right, and turned."""
    count = len(places)
    aspect = np.exp(np.float32(ASPECT) + _normal(rng, count, deviation=ASPECT_DEVIATION))
    slant = np.float32(SLANT) + _normal(rng, count, deviation=SLANT_DEVIATION)
    turn = _normal(rng, count, deviation=TURN_DEVIATION)
    cos, sin = np.cos(turn), np.sin(turn)
    rows = [[aspect * cos, aspect * sin], [-slant * cos - sin, -slant * sin + cos]]
    matrices = np.moveaxis(np.array(rows), 2, 0)
    return places @ matrices, steps @ matrices
