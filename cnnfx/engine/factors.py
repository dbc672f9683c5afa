"""Kernels as sums of few outer products.

A kernel of rank R is a sum of R products of a column and a row. Gaussian, box and Sobel kernels have rank 1 (they are
separable), a Laplacian of a Gaussian and a Gabor kernel 2; a random kernel has the full rank of its smaller side.

The products are found by elimination with complete pivoting: of what is left, the row and the column through the
largest number, the row divided by that number, take away both row and column. So the factors of a kernel of small
whole numbers are such numbers, or simple fractions, and what cancels in the kernel cancels in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

ROUNDING = 4
"""How many times the float type's precision the sum of what is left out may be, relative to a kernel's sum."""


@dataclass(frozen=True, eq=False)
class Factors:
    """Columns `(K, C, R, kh)` and rows `(K, C, R, kw)` whose outer products sum up, over R, to kernels."""

    columns: Array
    rows: Array

    @property
    def rank(self) -> int:
        """R: of the kernel of the highest rank; at least 1."""
        return int(self.columns.shape[2])


def factorised(weights: Array, most: int) -> Factors | None:
    """The factors of `weights` (K, C, kh, kw), or None if a kernel is not of rank `most` or less, or not finite."""
    for kernels in (weights[:1, :1], weights):  # the first tells of most that it is not worth a look at all
        factors = _factorised(kernels.tobytes(), kernels.shape, kernels.dtype.str, most)
        if factors is None:
            return None
    return factors


@lru_cache(maxsize=32)
def _factorised(data: bytes, shape: tuple[int, ...], dtype: str, most: int) -> Factors | None:
    weights = np.frombuffer(data, dtype).reshape(shape)
    if not np.isfinite(weights).all():
        return None
    kernels = weights.reshape(-1, *shape[2:]).astype(np.float64)
    allowed = ROUNDING * np.finfo(weights.dtype).eps * np.abs(kernels).sum(axis=(1, 2))
    found = [_take_away(kernels)]
    while (np.abs(kernels).sum(axis=(1, 2)) > allowed).any():
        if len(found) >= most:
            return None
        found.append(_take_away(kernels))
    columns, rows = (np.stack(each, 1).reshape(*shape[:2], len(found), -1) for each in zip(*found, strict=True))
    return Factors(columns.astype(dtype), rows.astype(dtype))


def _take_away(kernels: Array) -> tuple[Array, Array]:
    """A column and a row of each of (n, kh, kw) kernels, whose outer product is taken away from it."""
    each, size = np.arange(len(kernels)), kernels.shape[2]
    pivot = np.abs(kernels).reshape(len(kernels), -1).argmax(axis=1)
    columns, rows = kernels[each, :, pivot % size], kernels[each, pivot // size]
    largest = rows[each, pivot % size][:, np.newaxis]
    rows = np.divide(rows, largest, out=np.zeros_like(rows), where=largest != 0)
    kernels -= columns[:, :, np.newaxis] * rows[:, np.newaxis]
    kernels[each, :, pivot % size] = 0  # as exact arithmetic would leave them
    kernels[each, pivot // size] = 0
    return columns, rows
