"""Filters of whole numbers: cross-correlations with integer images that are exact in float32.

float32 holds every whole number up to 2**24, and so each sum of products of whole numbers exactly, in any order of the
additions, if the magnitudes of the products add up to no more than that. The sum of products of an image's integer
levels and integer weights is then 0 where the true sum is 0, for example of an edge detector on a flat region. With
levels divided by 255 first, it would be a rounding error.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cnnfx.conv.separable import factorize

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from cnnfx.conv.cost_model import Method

    Array = NDArray[Any]

MAX_WHOLE = 2**24
"""The largest number up to which float32 holds all whole numbers."""
MAX_DENOMINATOR = 64
"""The weights of a filter are multiples of its smallest weight divided by a whole number of at most this."""
ROUNDING = 2.0**-22
"""The largest relative difference between a weight and a multiple of the unit that is due to rounding to float32."""


class IntegerFilters(NamedTuple):
    """Filters as whole numbers: filter k is `units[k] * weights[k]`.

    Attributes
    ----------
    weights : (K, C, kh, kw) float32 array
    units : (K,) float64 array
        Positive; 1 for a filter of zeros.
    """

    weights: Array
    units: Array


def integer_filters(weights: Array, largest: int) -> IntegerFilters | None:
    """Return filters (K, C, kh, kw) as whole numbers with a common unit for each.

    None if a filter has no such unit, or if its sums of products with numbers up to `largest` may exceed `MAX_WHOLE`.
    """
    if np.count_nonzero(weights, axis=(1, 2, 3)).max() * largest > MAX_WHOLE:
        return None  # without a look at large kernels
    found = _integer_filters(weights.tobytes(), weights.shape, weights.dtype.str)
    if found is None or np.abs(found.weights).sum(axis=(1, 2, 3)).max() * largest > MAX_WHOLE:
        return None
    return found


@lru_cache(maxsize=32)
def _integer_filters(data: bytes, shape: tuple[int, ...], dtype: str) -> IntegerFilters | None:
    filters = np.frombuffer(data, dtype).reshape(shape[0], -1).astype(np.float64)
    if not np.isfinite(filters).all():
        return None
    whole, units = np.zeros_like(filters), np.ones(len(filters))
    for filter_weights, numbers, unit in zip(filters, whole, units.reshape(-1, 1), strict=True):
        if filter_weights.any():
            found = _whole_numbers(filter_weights)
            if found is None:
                return None
            numbers[:], unit[:] = found
    return IntegerFilters(whole.reshape(shape).astype(np.float32), units)


def _whole_numbers(weights: Array) -> tuple[Array, float] | None:
    """Return weights, not all 0, as whole numbers and their unit, the largest that there is; or None."""
    magnitudes = np.abs(weights)
    largest, ratios = magnitudes.max(), weights / magnitudes[magnitudes > 0].min()
    if np.abs(ratios).max() > MAX_WHOLE:
        return None
    for denominator in range(1, MAX_DENOMINATOR + 1):
        numbers = np.rint(ratios * denominator)
        unit = float(largest / np.abs(numbers).max())  # the largest weight has the smallest relative error
        if (np.abs(numbers * unit - weights) <= ROUNDING * magnitudes).all():
            return numbers, unit
    return None


def exact_method(method: Method, weights: Array) -> Method | None:
    """Return a method that is exact for whole numbers: `method`, or "direct" in place of "separable".

    The separable method is exact if the columns and rows of all kernels are whole numbers. None for the methods that
    use Fourier or other transforms: filters for which they are chosen are too large or too many for another.
    """
    if method == "separable":
        factors = factorize(weights, min(weights.shape[2:]))
        if factors is not None and all(np.array_equal(part, np.rint(part)) for part in (factors.columns, factors.rows)):
            return "separable"
        return "direct"
    return method if method == "direct" else None
