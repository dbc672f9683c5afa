"""Tiles of outputs made by minimal filtering, with all that surrounds them in four small matrices.

`engine.minimal` gives m outputs of a filter with r taps from n = m + r − 1 numbers. An image is covered by patches of
n×n pixels that overlap by r − 1, each giving a tile of m×m outputs; applied to rows and to columns, a tile takes n²
products for each filter and channel, where the plain sums take m²r²: 64 for 400, with 4×4 outputs of 5×5 kernels.

Every step along one axis of an image is linear. So padding, cutting into patches and the transform B of each patch
are one matrix, `lift`, from the pixels along the axis to n numbers per tile; the transform Aᵀ of each tile, dropping
what hangs over the edge, and the order that the pooling wants are another, `land`:

    Y = land_y (U ⊙ (lift_y X lift_xᵀ)) land_xᵀ        U = G_y g G_xᵀ for each kernel g

These matrices are mostly zeros, which costs little while images are as small as those that are learned from: they
are few rows for many columns, and nothing is ever copied. For large images, or one input channel, the products that
are saved are not worth the transforms, and `blocks` serves; `Tiles.cost` and `Blocks.cost` tell which is less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from cnnfx.engine.borders import OUTSIDE, sources
from cnnfx.engine.minimal import POINTS, Matrix, kernel_transform, land, lift
from cnnfx.layers import Array
from cnnfx.training.blocks import Blocks


@dataclass(frozen=True)
class Axis:
    """The rows of images, or the columns, as tiles.

    Parameters
    ----------
    size, before, after : int
        Pixels, and pixels of padding.
    border : str
    taps : int
        Of the kernel.
    pool, count : int
        Outputs to a block along the axis, and blocks.
    side : int
        m, outputs to a tile.
    """

    size: int
    before: int
    after: int
    border: str
    taps: int
    pool: int
    count: int
    side: int

    @property
    def points(self) -> int:
        """n: numbers in a patch, and as many after each transform."""
        return self.side + self.taps - 1

    @property
    def tiles(self) -> int:
        """Tiles, the last of which may hang over the edge."""
        return -(-self.pool * self.count // self.side)

    @property
    def numbers(self) -> int:
        """Numbers after the transform of all patches."""
        return self.points * self.tiles

    @cached_property
    def lift(self) -> Matrix:
        """From the pixels to the transformed patches, `(n·tiles, size)`; of each point, the tiles stand in a row."""
        padded = lift(self.side, self.taps, self.pool * self.count)
        matrix = np.zeros((self.numbers, self.size))
        for column, place in zip(padded.T, sources(self.size, self.before, self.after, self.border), strict=False):
            if place != OUTSIDE:
                matrix[:, place] += column
        return matrix

    @cached_property
    def land(self) -> Matrix:
        """From the products to the outputs, `(p·count, n·tiles)`: the first output of each block, then the second."""
        outputs = land(self.side, self.taps, self.pool * self.count).T.reshape(self.count, self.pool, self.numbers)
        return np.ascontiguousarray(outputs.swapaxes(0, 1)).reshape(-1, self.numbers)


@dataclass(frozen=True)
class Tiles:
    """The tiles of a layer's outputs.

    Parameters
    ----------
    blocks : Blocks
        Of the same layer, at stride and dilation 1.
    rows, columns : Axis
    """

    blocks: Blocks
    rows: Axis
    columns: Axis

    def expand(self, weights: Array) -> Array:
        """U, `(ny, nx, K, C)`, from weights `(K, C, kh, kw)`."""
        transformed = self._kernel.astype(weights.dtype) @ weights.reshape(-1, math.prod(weights.shape[2:])).T
        return transformed.reshape(self.rows.points, self.columns.points, *weights.shape[:2])

    def fold(self, gradient: Array) -> Array:
        """The gradient of the weights from that of U: as U = G_y g G_xᵀ, dg = G_yᵀ dU G_x."""
        kernels = self._kernel.T.astype(gradient.dtype) @ gradient.reshape(-1, math.prod(gradient.shape[2:]))
        return kernels.T.reshape(*gradient.shape[2:], self.rows.taps, self.columns.taps)

    @cached_property
    def _kernel(self) -> Matrix:
        """The transform of a kernel's rows and columns at once, `(ny·nx, kh·kw)`."""
        return kernel_transform((self.rows.side, self.rows.taps), (self.columns.side, self.columns.taps))

    def cost(self, filters: int) -> int:
        """Multiplications for one image forward, with the zeros of the matrices."""
        rows, columns, channels = self.rows, self.columns, self.blocks.shape[0]
        lifting = rows.numbers * columns.size * (rows.size + columns.numbers)
        landing = rows.pool * rows.count * columns.numbers * (rows.numbers + columns.pool * columns.count)
        return channels * lifting + rows.numbers * columns.numbers * channels * filters + filters * landing


def cheapest(blocks: Blocks, filters: int) -> Tiles | Blocks:
    """The way that takes the fewest multiplications for so many filters: tiles, and of which size, or blocks."""
    window = blocks.window
    if (*window.stride, *window.dilation) != (1, 1, 1, 1):
        return blocks
    rows, columns = (
        [
            Axis(size, *pads, window.border, taps, blocks.pool, count, side)
            for side in range(1, min(len(POINTS) - taps + 1, blocks.pool * count) + 1)
        ]
        for size, pads, taps, count in zip(blocks.shape[1:], blocks.pads, window.kernel, blocks.count, strict=True)
    )
    ways: list[Tiles | Blocks] = [blocks, *(Tiles(blocks, *both) for both in product(rows, columns))]
    return min(ways, key=lambda way: way.cost(filters))
