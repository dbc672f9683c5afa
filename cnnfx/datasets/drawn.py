"""Digits drawn by the program itself, as like MNIST's as can be: any number, by seed.

A digit is drawn in one of the forms that people write it in: its points shaken, its strokes bent, slanted, turned and
stretched, with a pen of any width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.datasets.curves import SAMPLES, Floats, curves
from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress
from cnnfx.datasets.ink import SIDE, draw_strokes
from cnnfx.datasets.strokes import FORMS
from cnnfx.engine.threads import run_in_threads
from cnnfx.errors import ArgumentError

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
