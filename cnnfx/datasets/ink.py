"""Strokes to pixels: a round pen drawn along places, as bright as the paper that it covers.

The pen is a sum of Gaussians, one per place, each as heavy as the piece of stroke that it stands for: along a straight
stroke their sum is exp(-d²/2σ²) at the distance d, so that d follows from the sum. A Gaussian of two dimensions is the
product of two of one; the sum over places of such products is a matrix product, which draws a digit in 0.05 ms.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets.curves import Floats

SIDE, BOX = 28, 20
"""The sides of MNIST's images, and of the box in them that a digit fills."""
MIDDLE = 14.5
"""Where MNIST has the centres of mass, to half a pixel: in pixel 14, counted from 0, of 28."""
REACH = 0.95
"""How far beyond the ends of its strokes a digit's ink reaches, in radii of the pen."""
NARROWNESS, NARROWEST = 0.5, 0.45
"""σ in radii of the pen, and at least in pixels. Larger would fill small loops; smaller would leave gaps in strokes."""
FURTHEST, FAINT = -40.0, 1e-9
"""Exponents and sums are not let below these: processors are slow with numbers of almost nothing."""


def draw_strokes(places: Floats, steps: Floats, radius: Floats, edge: Floats) -> NDArray[np.uint8]:
    """Draw digits as MNIST has them: 20 pixels on the larger side, the centre of mass in the middle of 28×28.

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
    """Moved by whole pixels, as MNIST's boxes are, so that the centre of mass is nearest the middle."""
    centre = (boxed * lengths[..., None]).sum(axis=1) / lengths.sum(axis=1)[:, None]
    moved: Floats = boxed + np.rint(np.float32(MIDDLE) - centre)[:, None]
    return moved


def _distance(places: Floats, lengths: Floats, sigma: Floats) -> Floats:
    """How far each pixel (N, 28, 28) is from the strokes, in pixels."""
    centres = np.arange(SIDE, dtype=np.float32) + np.float32(0.5)
    sharpness = (-0.5 / sigma**2)[:, None, None]
    across, down = (
        np.exp(np.maximum(sharpness * (places[..., axis, None] - centres) ** 2, np.float32(FURTHEST)))
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
