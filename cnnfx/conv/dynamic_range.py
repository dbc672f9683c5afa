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

RELATIVE_ERRORS = {np.dtype(np.float32): 2.0**-15, np.dtype(np.float64): 2.0**-33}
"""The machine epsilon relative to a small magnitude, at most, for results of each type. The rounding errors of a sum
over a kernel are a small fraction of this, relative to the sum of the magnitudes."""

SMALL_SHARES = ((16, 1.0), (1024, 2.0**-8))
"""Pairs (n, factor): at most one of n positions may have a magnitude below the smallest times the factor. A few small
values are in every image, and lose little, as others are beside them."""


def exceeds_range(values: Array, result: np.dtype[Any]) -> bool:
    """Return whether the values of a tile are too different for its transform, or some are non-finite.

    The magnitudes at some positions, each the sum over the channels, are compared to the root mean square. Positions of
    magnitude 0 are not counted, as pictures have black areas.

    Parameters
    ----------
    values : (C, H, W) array, contiguous
        Of the type of the transform.
    result : dtype
        The type of the outputs.
    """
    flat = values.reshape(-1)
    mean_square = float(np.dot(flat, flat)) / flat.size
    if not math.isfinite(mean_square):
        return True
    smallest = np.finfo(values.dtype).eps / RELATIVE_ERRORS[result] * math.sqrt(mean_square)
    sums = np.abs(values[:, ::SAMPLE_STEP, ::SAMPLE_STEP]).sum(axis=0)
    sums = sums[sums > 0]
    return any(np.count_nonzero(sums < smallest * factor) * n > sums.size for n, factor in SMALL_SHARES)
