"""Synthetic digits that resemble MNIST's, determined by a seed.

Each digit is one of the glyphs of its class, with control points moved at random. The curves through these points are
bent, stretched, slanted and rotated, and drawn with a pen of random width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress
from cnnfx.datasets.digit_preprocessing import BOX_SIDE, CENTER, DIGITS, IMAGE_SIDE
from cnnfx.datasets.glyphs import GLYPHS
from cnnfx.datasets.synthetic import Floats, draw_in_blocks, drawn_dataset, normal

Matrix = NDArray[np.float64]
Coordinates = tuple[float, float]

TRAIN_COUNT = 60_000
"""The number of training images, as in MNIST."""
TEST_COUNT = 10_000
"""The number of test images, as in MNIST."""
MAX_CONTROL_POINTS = 16
"""The most control points of a glyph."""
SAMPLES = 72
"""Sample points along all strokes of a glyph. Their distance is less than a pixel."""
CHORD_EXPONENT = 0.7
"""The exponent of the distance between control points in the parameter of a spline: 0 is a uniform spline, 1 a
chord-length spline. Between them, short segments have no higher curvature than long ones."""

# The variation of digits. The values were found by comparing the digits with MNIST's, and by the accuracy on MNIST's
# training images of a network trained on the digits; MNIST's test images were not used.
JITTER_STD = 0.065
"""The mean standard deviation of a glyph's control points, relative to the size of its box."""
JITTER_SHAPE = 3.0
"""The shape parameter of the gamma distribution of this standard deviation over digits."""
BEND_STD = np.array([1, 1, 1, 0.7, 0.7, 0.7, 0.7], np.float32) * 0.08
"""The standard deviations of the coefficients of x², xy, y², x³, x²y, xy² and y³ in the bending polynomials."""
LOG_ASPECT_MEAN = -0.22
"""The mean of the logarithm of width over height."""
LOG_ASPECT_STD = 0.27
"""The standard deviation of the logarithm of width over height."""
SLANT_MEAN = 0.15
"""The mean shift to the right per unit of height."""
SLANT_STD = 0.3
"""The standard deviation of the shift to the right per unit of height."""
ROTATION_STD = 0.1
"""The standard deviation of the angle of rotation, in radians."""
PEN_RADIUS = 1.2
"""The median radius of the pen, in pixels."""
LOG_PEN_RADIUS_STD = 0.4
"""The standard deviation of the logarithm of the radius."""
PEN_RADIUS_LIMITS = (0.6, 2.8)
"""The range of the radius, in pixels."""
EDGE_WIDTH = 1.0
"""The mean width of the soft edge of a stroke, in pixels."""
EDGE_WIDTH_STD = 0.1
"""The standard deviation of the width of the soft edge, in pixels."""
EDGE_WIDTH_LIMITS = (0.7, 1.3)
"""The range of the width of the soft edge, in pixels."""

INK_REACH = 0.95
"""The distance between the end of a stroke and the edge of its ink, in radii of the pen."""
SIGMA_PER_RADIUS = 0.5
"""The σ of the Gaussian around sample points, in radii of the pen. Larger values would fill small loops."""
MIN_SIGMA = 0.45
"""The least σ, in pixels. Smaller values would leave gaps in strokes."""
MIN_EXPONENT = -40.0
"""The least exponent of the Gaussian: processors are slow with denormal numbers."""
MIN_DENSITY = 1e-9
"""The least density whose logarithm is taken."""


def draw_dataset(
    seed: int = 0, *, train: int = TRAIN_COUNT, test: int = TEST_COUNT, progress: Progress | None = None
) -> Dataset:
    """Draw a dataset of digits, equally many of each class, in random order.

    Parameters
    ----------
    seed : int
        Equal seeds give equal digits.
    train, test : int
        The numbers of training and test images.
    progress : callable, optional
        Called with "digits", the number of digits drawn, and the total number of training or test images.

    Returns
    -------
    Dataset
        Its name is "drawn".
    """
    return drawn_dataset("drawn", DIGITS, draw_digits, seed, (train, test), progress)


def draw_digits(labels: ArrayLike, seed: int | Sequence[int] = 0, *, progress: Progress | None = None) -> Images:
    """Draw digits, white on black.

    Parameters
    ----------
    labels : array (N,) of int
        The digits, 0 to 9.
    seed : int or sequence of int
        Equal seeds and labels give equal pixels, for any number of threads. Appended labels do not change the digits of
        complete blocks of `BLOCK_IMAGES` before them.
    progress : callable, optional
        Called with "digits", the number of digits drawn, and their total number.

    Returns
    -------
    array (N, 1, 28, 28), uint8

    Raises
    ------
    ArgumentError
        If the labels are not integers of 0 to 9 on one axis.
    """
    shape = (1, IMAGE_SIDE, IMAGE_SIDE)
    return draw_in_blocks(_draw_block, labels, len(DIGITS), shape, seed, name="digits", progress=progress)


def rasterize(positions: Floats, steps: Floats, radius: Floats, edge_width: Floats) -> Images:
    """Draw strokes in the format of MNIST: 20 pixels on the longer side, the center of mass in the middle of 28×28.

    The sum of Gaussians around the sample points gives the distance of each pixel from the strokes. Pixels whose
    distance is less than the radius of the pen are inked.

    Parameters
    ----------
    positions, steps : array (N, S, 2), float32
        x and y of the points sampled along the strokes of each digit, in any unit, and the vectors along the stroke
        that each point represents.
    radius, edge_width : array (N,), float32
        The radius of the pen and the width of its soft edge, in pixels.

    Returns
    -------
    array (N, 28, 28), uint8
        0 is background, 255 the strongest ink.
    """
    low, high = positions.min(axis=1), positions.max(axis=1)
    scale = (BOX_SIDE - 2 * INK_REACH * radius) / (high - low).max(axis=1)
    lengths = np.hypot(steps[..., 0], steps[..., 1]) * scale[:, None]
    boxed = (positions - low[:, None]) * scale[:, None, None] + INK_REACH * radius[:, None, None]
    sigma = np.maximum(SIGMA_PER_RADIUS * radius, MIN_SIGMA)
    distance = _distance_from_strokes(_center(boxed, lengths), lengths, sigma)
    ink = np.clip(np.float32(0.5) + (radius[:, None, None] - distance) / edge_width[:, None, None], 0, 1)
    ink *= 255 / ink.max(axis=(1, 2), keepdims=True)
    pixels: Images = np.rint(ink).astype(np.uint8)
    return pixels


class GlyphCurves(NamedTuple):
    """The curves of a glyph as linear functions of its control points.

    `position_weights @ points` are positions along its strokes, `step_weights @ points` the vectors along the stroke
    that these positions represent.

    Parameters
    ----------
    points : array (P, 2), float32
        The control points, x and y in 0..1.
    position_weights, step_weights : array (SAMPLES, P), float32
    """

    points: Floats
    position_weights: Floats
    step_weights: Floats


@cache
def glyph_curves() -> tuple[GlyphCurves, ...]:
    """Return the curves of all glyphs, in the order of `GLYPHS`."""
    return tuple(_glyph_curves(_parse_strokes(glyph.strokes)) for glyph in GLYPHS)


def _draw_block(digits: Labels, rng: np.random.Generator) -> Images:
    """Draw digits (N, 1, 28, 28)."""
    positions, steps = _sample_glyphs(digits, rng)
    positions, steps = _bend(positions, steps, rng)
    positions, steps = _transform(positions, steps, rng)
    radius = np.float32(PEN_RADIUS) * np.exp(normal(rng, len(digits), std=LOG_PEN_RADIUS_STD))
    edge_width = np.float32(EDGE_WIDTH) + normal(rng, len(digits), std=EDGE_WIDTH_STD)
    radius, edge_width = np.clip(radius, *PEN_RADIUS_LIMITS), np.clip(edge_width, *EDGE_WIDTH_LIMITS)
    return rasterize(positions, steps, radius, edge_width)[:, np.newaxis]


def _sample_glyphs(digits: Labels, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return positions and steps (N, SAMPLES, 2) along a random glyph of each digit with moved control points."""
    count = len(digits)
    glyphs = _choose_glyphs(digits, rng.random(count))
    jitter_std = JITTER_STD * rng.gamma(JITTER_SHAPE, 1 / JITTER_SHAPE, count).astype(np.float32)
    jitter = jitter_std[:, None, None] * normal(rng, count, MAX_CONTROL_POINTS, 2)
    positions, steps = np.empty((2, count, SAMPLES, 2), np.float32)
    for glyph, curves in enumerate(glyph_curves()):
        chosen = np.flatnonzero(glyphs == glyph)
        points = curves.points + jitter[chosen, : len(curves.points)]
        positions[chosen], steps[chosen] = curves.position_weights @ points, curves.step_weights @ points
    return positions, steps


def _choose_glyphs(digits: Labels, uniform: Matrix) -> Labels:
    """Return an index into `GLYPHS` for each digit, from uniform random numbers (N,) and the frequencies of glyphs."""
    chosen = np.empty(len(digits), np.int64)
    for digit in range(10):
        candidates = [index for index, glyph in enumerate(GLYPHS) if glyph.digit == digit]
        limits = np.cumsum([GLYPHS[index].frequency for index in candidates])
        is_digit = digits == digit
        chosen[is_digit] = np.array(candidates)[np.searchsorted(limits / limits[-1], uniform[is_digit])]
    return chosen


def _bend(positions: Floats, steps: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Add random polynomials of second and third degree to the positions, and their derivatives to the steps.

    Positions in 0..1 become positions in about -1..1.
    """
    x, y = np.moveaxis(2 * positions - 1, 2, 0)
    dx, dy = np.moveaxis(2 * steps, 2, 0)
    terms = np.stack([x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3], axis=1)
    derivatives = np.stack(
        [
            2 * x * dx,
            x * dy + y * dx,
            2 * y * dy,
            3 * x * x * dx,
            (2 * y * dx + x * dy) * x,
            (y * dx + 2 * x * dy) * y,
            3 * y * y * dy,
        ],
        axis=1,
    )
    coefficients = normal(rng, len(positions), 2, 7) * BEND_STD
    bent_positions = np.stack([x, y], axis=2) + (coefficients @ terms).swapaxes(1, 2)
    bent_steps = np.stack([dx, dy], axis=2) + (coefficients @ derivatives).swapaxes(1, 2)
    return bent_positions, bent_steps


def _transform(positions: Floats, steps: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Stretch, slant and rotate positions and steps by random linear maps."""
    count = len(positions)
    aspect = np.exp(np.float32(LOG_ASPECT_MEAN) + normal(rng, count, std=LOG_ASPECT_STD))
    slant = np.float32(SLANT_MEAN) + normal(rng, count, std=SLANT_STD)
    angle = normal(rng, count, std=ROTATION_STD)
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[aspect * cos, aspect * sin], [-slant * cos - sin, -slant * sin + cos]]
    matrices = np.moveaxis(np.array(rows), 2, 0)
    return positions @ matrices, steps @ matrices


def _center(boxed: Floats, lengths: Floats) -> Floats:
    """Move digits by whole pixels, as in MNIST, so that the center of mass is closest to the middle."""
    center_of_mass = (boxed * lengths[..., None]).sum(axis=1) / lengths.sum(axis=1)[:, None]
    centered: Floats = boxed + np.rint(np.float32(CENTER) - center_of_mass)[:, None]
    return centered


def _distance_from_strokes(positions: Floats, lengths: Floats, sigma: Floats) -> Floats:
    """Return the distance (N, 28, 28) of each pixel from the strokes, in pixels.

    At the distance d from a straight stroke, the sum of Gaussians with standard deviation σ and weights of step length
    / (√(2π)·σ) is exp(−d² / 2σ²). A Gaussian is a product of a function of x and a function of y, so the sum over the
    sample points is a matrix product.
    """
    pixel_centers = np.arange(IMAGE_SIDE, dtype=np.float32) + np.float32(0.5)
    factor = (-0.5 / sigma**2)[:, None, None]
    across, down = (
        np.exp(np.maximum(factor * (positions[..., axis, None] - pixel_centers) ** 2, np.float32(MIN_EXPONENT)))
        for axis in (0, 1)
    )
    down *= (lengths / (np.float32(math.sqrt(2 * math.pi)) * sigma[:, None]))[..., None]
    density = np.clip(down.swapaxes(1, 2) @ across, np.float32(MIN_DENSITY), np.float32(1))
    distance: Floats = sigma[:, None, None] * np.sqrt(-2 * np.log(density))
    return distance


def _parse_strokes(text: str) -> list[list[Coordinates]]:
    """Parse the control points of each stroke; see `Glyph`."""
    return [[_parse_point(pair) for pair in stroke.split()] for stroke in text.split("/")]


def _parse_point(pair: str) -> Coordinates:
    x, y = pair.split(",")
    return int(x) / 100, int(y) / 100


def _glyph_curves(strokes: list[list[Coordinates]]) -> GlyphCurves:
    """Return splines through the control points of each stroke. A point that occurs twice is one control point."""
    points = list(dict.fromkeys(point for stroke in strokes for point in stroke))
    positions, steps = [], []
    for stroke, count in zip(strokes, _samples_per_stroke(strokes), strict=True):
        selection = np.eye(len(points))[[points.index(point) for point in stroke]]
        values, derivatives = _spline(np.array(stroke), (np.arange(count) + 0.5) / count)
        positions.append(values @ selection)
        steps.append(derivatives @ selection / count)
    return GlyphCurves(*(np.asarray(array, np.float32) for array in (points, np.vstack(positions), np.vstack(steps))))


def _samples_per_stroke(strokes: list[list[Coordinates]]) -> list[int]:
    """Divide `SAMPLES` among strokes in proportion to their lengths."""
    lengths = np.array([np.hypot(*np.diff(stroke, axis=0).T).sum() for stroke in strokes])
    ends = np.rint(SAMPLES * np.cumsum(lengths) / lengths.sum()).astype(int)
    return [int(count) for count in np.diff(ends, prepend=0)]


def _spline(points: Matrix, times: Matrix) -> tuple[Matrix, Matrix]:
    """Return the values and derivatives, at times in 0..1, of the cubic Hermite spline through n points.

    Both are matrices (T, n) that are multiplied by the points. See
    https://en.wikipedia.org/wiki/Cubic_Hermite_spline#Interpolation_on_an_arbitrary_interval.
    """
    gaps = np.hypot(*np.diff(points, axis=0).T) ** CHORD_EXPONENT
    knots = np.concatenate([[0], np.cumsum(gaps)]) / gaps.sum()
    gaps, tangents = np.diff(knots), _tangents(np.diff(knots))
    segment = np.clip(np.searchsorted(knots, times, "right") - 1, 0, len(gaps) - 1)
    gap = gaps[segment][:, None]
    u = (times - knots[segment])[:, None] / gap
    start, end = np.eye(len(points))[segment], np.eye(len(points))[segment + 1]
    first, last = gap * tangents[segment], gap * tangents[segment + 1]
    value = start + u**2 * (3 - 2 * u) * (end - start) + u * (1 - u) ** 2 * first - u**2 * (1 - u) * last
    rise = 6 * u * (1 - u) * (end - start) + (1 - u) * (1 - 3 * u) * first - u * (2 - 3 * u) * last
    return value, rise / gap


def _tangents(gaps: Matrix) -> Matrix:
    """Return the matrix (n, n) from points to tangents: those of the parabolas through each point and its neighbors."""
    chords = np.diff(np.eye(len(gaps) + 1), axis=0) / gaps[:, None]
    if len(gaps) == 1:
        return np.repeat(chords, 2, axis=0)
    before, after = gaps[:-1, None], gaps[1:, None]
    inner = (chords[:-1] * after + chords[1:] * before) / (before + after)
    ends = [1.5 * chords[0] - 0.5 * inner[0], 1.5 * chords[-1] - 0.5 * inner[-1]]
    return np.vstack([ends[0], inner, ends[1]])
