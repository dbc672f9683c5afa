"""Minimal filtering: m outputs of a filter with r taps from m + r − 1 products, where the plain sums take m·r.

Two polynomials are multiplied by evaluating both at as many points as their product has coefficients, multiplying
value by value, and interpolating (Toom 1963, Cook 1966). Correlation is the transpose of that product, which gives
the least number of products for it, too (Winograd 1980, "Arithmetic complexity of computations"); Lavin and Gray 2016,
"Fast algorithms for convolutional neural networks", brought it to layers of filters.

Derivation. Let V_k be the matrix whose rows are the powers 1, x, … x^(k−1) of n = m + r − 1 points. The coefficients
of the product of polynomials u (m of them) and g (r) are V_n⁻¹ (V_m u ⊙ V_r g), where ⊙ multiplies value by value.
The correlation y_j = Σ_k d_(j+k) g_k of n numbers d meets it in

    Σ_j u_j y_j = Σ_j Σ_k u_j g_k d_(j+k) = dᵀ V_n⁻¹ (V_m u ⊙ V_r g) = uᵀ V_mᵀ (V_r g ⊙ V_n⁻ᵀ d)

and as that holds for every u,

    y = Aᵀ (G g ⊙ B d),        A = V_m,   G = V_r,   B = V_n⁻ᵀ.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

POINTS = np.array([(1, 1), (-1, 1), (0, 1), (1, 0), (0.5, 1), (-0.5, 1), (1, 0.5), (1, -0.5)])
"""The points x = a/b, as pairs (a, b): 1, −1, 0, ∞, ±1/2, ±2; none is larger than 1, so that powers stay small.

Powers are written a^j b^(k−1−j), which for b = 0 leaves the highest alone: the point at infinity. Rounding errors grow
fast with the number of points: these eight lose a digit or two, further ones would lose many. The first point is 1,
where all powers are 1: what is added to its product is added to each of the outputs.
"""


class Transforms(NamedTuple):
    """The matrices A (n, m), G (n, r) and B (n, n) of y = Aᵀ (G g ⊙ B d)."""

    outputs: Matrix
    filter: Matrix
    inputs: Matrix


@lru_cache(maxsize=64)
def minimal_filtering(outputs: int, taps: int) -> Transforms:
    """The transforms for so many outputs of a filter with so many taps.

    Parameters
    ----------
    outputs : int
        m, 1 or more.
    taps : int
        r, 1 or more; m + r − 1 is at most `len(POINTS)`.
    """
    products = outputs + taps - 1
    if not max(outputs, taps) <= products <= len(POINTS):
        raise ValueError(f"{outputs} outputs of {taps} taps need {products} points, of which there are {len(POINTS)}")
    if outputs == 1:  # the sum as it stands, which no rounding of transforms touches
        return Transforms(np.ones((taps, 1)), np.eye(taps), np.eye(taps))
    points = POINTS[:products]
    inputs: Matrix = np.asarray(np.linalg.inv(_powers(points, products)).T, np.float64)
    return Transforms(_powers(points, outputs), _powers(points, taps), inputs)


@lru_cache(maxsize=64)
def kernel_transform(rows: tuple[int, int], columns: tuple[int, int]) -> Matrix:
    """G of a kernel's rows and columns at once, `(ny·nx, kh·kw)`, for (outputs, taps) of each."""
    return np.asarray(np.kron(minimal_filtering(*rows).filter, minimal_filtering(*columns).filter), np.float64)


@lru_cache(maxsize=64)
def lift(side: int, taps: int, outputs: int, dtype: type | np.dtype[Any] = np.float64) -> NDArray[Any]:
    """B of each tile along a run of so many outputs, as one matrix: from the pixels to the numbers of all tiles.

    Returns
    -------
    (n·tiles, outputs + taps − 1) array
        Of each point, the tiles of `side` outputs stand in a row; the last one may hang over the end, where it reads
        nothing.
    """
    inputs, tiles = minimal_filtering(side, taps).inputs, -(-outputs // side)
    matrix = np.zeros((len(inputs), tiles, tiles * side + taps - 1), dtype)
    for tile in range(tiles):
        matrix[:, tile, tile * side : tile * side + len(inputs)] = inputs
    return matrix[..., : outputs + taps - 1].reshape(len(inputs) * tiles, -1)


@lru_cache(maxsize=64)
def land(side: int, taps: int, outputs: int, dtype: type | np.dtype[Any] = np.float64) -> NDArray[Any]:
    """A of each tile: the transpose of this matrix, `(n·tiles, outputs)`, leads from the products to the outputs."""
    back, tiles = minimal_filtering(side, taps).outputs, -(-outputs // side)
    matrix = np.zeros((len(back), tiles, tiles, side), dtype)
    for tile in range(tiles):
        matrix[:, tile, tile] = back
    return np.ascontiguousarray(matrix.reshape(len(back) * tiles, -1)[:, :outputs])


def _powers(points: Matrix, count: int) -> Matrix:
    """V: for each point (a, b) its powers a^j b^(count−1−j), j = 0 … count − 1."""
    rising = np.arange(count)
    powers: Matrix = points[:, :1] ** rising * points[:, 1:] ** rising[::-1]
    return powers
