"""The transforms of Winograd's method: m outputs of a kernel with r taps from m + r − 1 products instead of m·r.

Two polynomials are multiplied by evaluating both at as many points as their product has coefficients, multiplying
value by value, and interpolating (Toom 1963, Cook 1966). Correlation is the transpose of that product, so it takes the
same minimal number of products (Winograd 1980, "Arithmetic complexity of computations"). Lavin and Gray 2016, "Fast
algorithms for convolutional neural networks", use it for convolutional layers.

Derivation. Let V_k be the matrix whose rows are the powers 1, x, … x^(k−1) of n = m + r − 1 points. The coefficients
of the product of polynomials u (m of them) and g (r) are V_n⁻¹ (V_m u ⊙ V_r g), where ⊙ multiplies value by value.
The correlation y_j = Σ_k d_(j+k) g_k of n inputs d appears in

    Σ_j u_j y_j = Σ_j Σ_k u_j g_k d_(j+k) = dᵀ V_n⁻¹ (V_m u ⊙ V_r g) = uᵀ V_mᵀ (V_r g ⊙ V_n⁻ᵀ d)

and because this holds for every u,

    y = Aᵀ (G g ⊙ B d),        A = V_m,   G = V_r,   B = V_n⁻ᵀ.

A tile is m outputs along an axis. Several tiles side by side are transformed by one matrix A and one matrix B for each
axis (`output_transform`, `input_transform`). Along rows and columns, with the input X and a kernel g:

    Y = A_yᵀ (U ⊙ (B_y X B_xᵀ)) A_x,        U = G_y g G_xᵀ
"""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

POINTS: dict[int, tuple[float, ...]] = {
    2: (1, -1),
    3: (1, 0, inf),
    4: (1, -1, 0, inf),
    5: (1, -2, -1 / 2, 0, inf),
    6: (3 / 2, -3 / 2, 2 / 3, -2 / 3, 0, inf),
    7: (1, 2 / 5, 5 / 2, -3 / 4, -4 / 3, 0, inf),
    8: (1, -1, 2, -2, 1 / 2, -1 / 2, 0, inf),
}
"""The n points for each n.

Rounding errors grow quickly with n, and depend on the points. These have the smallest errors, or nearly, of all sets of
simple fractions that were tried: with n = 6, a fourth of those of 0, ±1, ±1/2 and ∞. More than eight points would lose
many digits.
"""

MAX_POINTS = max(POINTS)


class AxisTiling(NamedTuple):
    """Tiles along one axis of an output.

    Attributes
    ----------
    tile : int
        m, outputs of a tile.
    taps : int
        r, weights of the kernel.
    tiles : int
    """

    tile: int
    taps: int
    tiles: int

    @property
    def points(self) -> int:
        """n = m + r − 1: inputs of a tile, and its elements after the transform."""
        return self.tile + self.taps - 1

    @property
    def outputs(self) -> int:
        """Outputs of all tiles."""
        return self.tile * self.tiles

    @property
    def inputs(self) -> int:
        """Inputs of all tiles, which overlap by r − 1."""
        return self.outputs + self.taps - 1

    @property
    def elements(self) -> int:
        """Elements of all tiles after the transform."""
        return self.points * self.tiles


def axis_tiling(tile: int, taps: int, outputs: int) -> AxisTiling:
    """Return the tiling that covers `outputs` outputs. The last tile may extend past the end."""
    return AxisTiling(tile, taps, -(-outputs // tile))


class Transforms(NamedTuple):
    """The matrices A (n, m), G (n, r) and B (n, n) of y = Aᵀ (G g ⊙ B d)."""

    output: Matrix
    kernel: Matrix
    input: Matrix


@lru_cache(maxsize=64)
def tile_transforms(tile: int, taps: int) -> Transforms:
    """Return the transforms for one tile.

    Parameters
    ----------
    tile : int
        m, 1 or more.
    taps : int
        r, 1 or more.

    Raises
    ------
    ValueError
        If m + r − 1 is more than `MAX_POINTS`.
    """
    count = tile + taps - 1
    if not max(tile, taps) <= count <= MAX_POINTS:
        raise ValueError(f"{tile} outputs of {taps} taps need {count} points, and the limit is {MAX_POINTS}")
    if tile == 1:  # the plain sum has no rounding errors of transforms
        return Transforms(np.ones((taps, 1)), np.eye(taps), np.eye(taps))
    points = POINTS[count]
    inputs: Matrix = np.asarray(np.linalg.inv(_powers(points, count)).T, np.float64)
    return Transforms(_powers(points, tile), _powers(points, taps), inputs)


def _powers(points: tuple[float, ...], count: int) -> Matrix:
    """Return V, the powers a^j b^(count−1−j), j = 0 … count − 1, of each point a/b, where a or b is 1.

    The other is not larger, so powers stay small. For ∞, which is 1/0, only the highest power is not zero.
    """
    fractions = np.array([(x, 1) if abs(x) <= 1 else (1, 1 / x) for x in points])
    exponents = np.arange(count)
    powers: Matrix = fractions[:, :1] ** exponents * fractions[:, 1:] ** exponents[::-1]
    return powers


def adds_constants(tile: int, taps: int) -> bool:
    """Return whether a constant that is added to the products at the first point is added to each output."""
    return bool((tile_transforms(tile, taps).output[0] == 1).all())


@lru_cache(maxsize=64)
def kernel_transform(rows: tuple[int, int], columns: tuple[int, int]) -> Matrix:
    """Return G of rows and columns as one matrix (ny·nx, kh·kw), for the (tile, taps) of each axis."""
    return np.asarray(np.kron(tile_transforms(*rows).kernel, tile_transforms(*columns).kernel), np.float64)


@lru_cache(maxsize=64)
def input_transform(tile: int, taps: int, outputs: int, dtype: type | np.dtype[Any] = np.float64) -> NDArray[Any]:
    """Return B of all tiles along an axis as one matrix.

    Returns
    -------
    (n·tiles, outputs + taps − 1) array
        The rows of one point are consecutive, a row for each tile. The last tile may extend past the end, where its
        inputs are zero.
    """
    matrix_b, tiles = tile_transforms(tile, taps).input, axis_tiling(tile, taps, outputs).tiles
    matrix = np.zeros((len(matrix_b), tiles, tiles * tile + taps - 1), dtype)
    for index in range(tiles):
        matrix[:, index, index * tile : index * tile + len(matrix_b)] = matrix_b
    return matrix[..., : outputs + taps - 1].reshape(len(matrix_b) * tiles, -1)


@lru_cache(maxsize=64)
def output_transform(
    tile: int, taps: int, outputs: int, dtype: type | np.dtype[Any] = np.float64, has_bias: bool = False
) -> NDArray[Any]:
    """Return A of all tiles along an axis as one matrix (n·tiles, outputs), with rows as in `input_transform`.

    With `has_bias`, a further row of ones adds a further element to each output.
    """
    matrix_a, tiles = tile_transforms(tile, taps).output, axis_tiling(tile, taps, outputs).tiles
    matrix = np.zeros((len(matrix_a), tiles, tiles, tile), dtype)
    for index in range(tiles):
        matrix[:, index, index] = matrix_a
    matrix = matrix.reshape(len(matrix_a) * tiles, -1)[:, :outputs]
    return np.concatenate([matrix, np.ones((int(has_bias), outputs), dtype)])
