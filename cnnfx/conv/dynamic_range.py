"""The dynamic range of the values of a tile, which limits methods that transform tiles.

The rounding errors of a transform are relative to the largest values of its tile. Beside a value of 1e9, such as one
that stands for missing data, those of 0 to 1 are lost in float32, also in outputs whose kernel does not cover it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

SAMPLE_STEP = 4
"""Small values are counted at every position of this many rows and columns."""

SMALL_SHARES = ((16, 1.0), (1024, 2.0**-8))
"""Pairs (n, factor): at most one of n positions may have a magnitude below the smallest times the factor. A few small
values are in every image, and lose little, as others are beside them."""


def root_mean_square(values: Array) -> float:
    """Return the root mean square of contiguous values; it is not finite if one is not, or their squares overflow."""
    flat = values.reshape(-1)
    return math.sqrt(float(np.dot(flat, flat)) / flat.size)


def largest_magnitude(values: Array) -> float:
    """Return the largest magnitude; it is not finite if a value is not."""
    return max(float(values.max()), -float(values.min()))


def exceeds_range(values: Array, largest: float, ratio: float) -> bool:
    """Return whether many values of a tile are too small for its transform, or `largest` is not finite.

    Values are compared at some positions, as the sums of the magnitudes of the channels. Sums of 0 are not counted, as
    pictures have black areas.

    Parameters
    ----------
    values : (..., C, H, W) array
    largest : float
        The `root_mean_square` or the `largest_magnitude` of the values, to which the errors of the transform are
        relative.
    ratio : float
        The smallest sum relative to `largest` that is not too small.
    """
    if not math.isfinite(largest):
        return True
    sums = np.abs(values[..., ::SAMPLE_STEP, ::SAMPLE_STEP]).sum(axis=-3)
    sums = sums[sums > 0]
    return any(np.count_nonzero(sums < ratio * factor * largest) * n > sums.size for n, factor in SMALL_SHARES)
