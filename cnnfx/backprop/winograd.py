"""Cross-correlation by the Winograd method, with its gradients: fewer multiplications where there are many channels.

`cnnfx.conv.winograd_transforms` computes m outputs of a filter with r taps from n = m + r − 1 values. An image is
covered by n×n tiles that overlap by r − 1 pixels, each giving m×m outputs; with the transforms applied to rows and to
columns, a tile takes n² multiplications for each filter and channel, where the direct sums take m²r²: 64 instead of
400, with 4×4 outputs of 5×5 kernels.

Every step along one axis of an image is linear. So padding, cutting into tiles and the input transform of each tile are
one matrix B from the pixels along the axis to n values per tile. The output transform of each tile, dropping the
outputs beyond the edge, and the order that the pooling needs are another matrix A:

    Y = A_yᵀ (U ⊙ (B_y X B_xᵀ)) A_x        U = G_y g G_xᵀ for each kernel g

These matrices are mostly zeros, which costs little for images as small as those that networks are trained on: the
matrices have few rows, the products many columns, and nothing is copied. For large images, or one input channel, the
transforms cost more than they save, and `im2col` is used; `cheapest_method` compares the costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from cnnfx.backprop.im2col import PoolingBlocks
from cnnfx.conv.padding import OUTSIDE, source_indices
from cnnfx.conv.winograd_transforms import (
    MAX_POINTS,
    AxisTiling,
    Matrix,
    adds_constants,
    axis_tiling,
    input_transform,
    kernel_transform,
    output_transform,
)
from cnnfx.nn.layers import Array
from cnnfx.system.memory import Workspace


class WinogradConv:
    """Cross-correlation with K filters by the Winograd method: `(C, H, W, N)` to `(p, p, K, bh, bw, N)`.

    The input transform is V = B_y x B_xᵀ; for each pair of points (i, j), the transformed filters U_ij (K, C) multiply
    the transformed input, M_ij = U_ij·V_ij; and the outputs are Y = A_yᵀ M A_x. All of it is linear in V and in U, so
    the gradients take the transposed matrices in the opposite order:

        dM = A_y dY A_xᵀ        dU_ij = dM_ij·V_ijᵀ        dV_ij = U_ijᵀ·dM_ij        dx = B_yᵀ dV B_x

    The bias is added to the products of the first pair of points, which contribute to all outputs with weight 1, with
    the tiles for which `adds_constants`; so its gradient is the sum of dM there. `gradient` is (dW, db) of the last
    backward pass.

    Parameters
    ----------
    weights : WinogradWeights
    needs_input_gradient : bool
        Whether `backward` computes dx.
    """

    def __init__(self, weights: WinogradWeights, needs_input_gradient: bool = True) -> None:
        self.weights, self.needs_input_gradient = weights, needs_input_gradient
        self.gradient: tuple[Array, Array] = (np.empty(0), np.empty(0))
        self._workspace = Workspace()
        self._buffers: dict[int, _BatchBuffers] = {}

    def forward(self, x: Array) -> Array:
        """Return the outputs `(p, p, K, bh, bw, N)` of a batch `(C, H, W, N)`, in one array for each batch size."""
        weights, buffers = self.weights, self._buffers_for(x)
        np.matmul(weights.input_rows, _join_columns(x), out=_join_columns(buffers.input_rows))
        np.matmul(weights.input_columns, buffers.input_rows, out=buffers.v)
        np.matmul(weights.transformed, buffers.v_by_point, out=buffers.m_by_point)
        np.add(buffers.m_first_point, weights.bias, out=buffers.m_first_point)
        np.matmul(weights.output_rows, _join_columns(buffers.m), out=_join_columns(buffers.output_rows))
        np.matmul(weights.output_columns, buffers.output_rows, out=buffers.outputs)
        return buffers.y

    def backward(self, dy: Array) -> Array:
        """Return dx, or an empty array if it is not needed, and store the gradients of weights and bias."""
        weights, buffers = self.weights, self._buffers_for(dy)
        if dy is not buffers.y:
            buffers.y[...] = dy
        np.matmul(weights.output_columns.T, buffers.outputs, out=buffers.output_rows)
        np.matmul(weights.output_rows.T, _join_columns(buffers.output_rows), out=_join_columns(buffers.m))
        np.matmul(buffers.m_by_point, buffers.v_by_point.swapaxes(-1, -2), out=buffers.du_by_tile_row)
        d_weights = weights.tiling.weight_gradient(buffers.du_by_tile_row.sum(axis=1))
        self.gradient = d_weights, buffers.m_first_point.sum(axis=(1, 2, 3))
        if not self.needs_input_gradient:
            return np.empty(0, dy.dtype)
        np.matmul(weights.transformed.swapaxes(-1, -2), buffers.m_by_point, out=buffers.v_by_point)
        np.matmul(weights.input_columns.T, buffers.v, out=buffers.input_rows)
        np.matmul(weights.input_rows.T, _join_columns(buffers.input_rows), out=_join_columns(buffers.dx))
        return buffers.dx

    def _buffers_for(self, batch: Array) -> _BatchBuffers:
        count = batch.shape[-1]
        if count not in self._buffers:
            filters = len(self.weights.bias)
            self._buffers[count] = _BatchBuffers(self._workspace, self.weights.tiling, filters, count, batch.dtype)
        return self._buffers[count]


def _join_columns(values: Array) -> Array:
    """Return a view with columns and images on one axis: `(C, H, W, N)` as `(C, H, W·N)`."""
    return values.reshape(*values.shape[:2], -1)


class _BatchBuffers:
    """Buffers for batches of one size, with the views that the products use.

    Creating a view takes longer than many of the products and holds the global interpreter lock, so each view is
    created once.

    Attributes
    ----------
    input_rows : array (C, n·tiles, W, N)
        The input with its rows transformed.
    v, m : arrays (C, n·tiles, n·tiles, N) and (K, n·tiles, n·tiles, N)
        The transformed input V and the products M, or their gradients.
    v_by_point, m_by_point : arrays (ny, tile rows, nx, C or K, tile columns·N)
        Views of `v` and `m`: for each pair of points, matrices to multiply.
    m_first_point : array (K, tile rows, tile columns, N)
        View of `m` for the first pair of points.
    du_by_tile_row : array (ny, tile rows, nx, K, C)
        The gradient of U for each tile row, before the sum over the tile rows.
    output_rows : array (K, Ho, n·tiles, N)
        The products with the output transform of the rows applied.
    outputs, y : arrays (K, Ho, Wo, N) and (p, p, K, bh, bw, N)
        The outputs, and a view of them as the pooling reads them.
    dx : array (C, H, W, N)
    """

    def __init__(
        self, workspace: Workspace, tiling: WinogradTiling, filters: int, batch: int, dtype: np.dtype[np.generic]
    ) -> None:
        channels, height, width = tiling.blocks.shape
        rows, columns = tiling.rows.tiling, tiling.columns.tiling
        outputs = tiling.rows.outputs, tiling.columns.outputs
        self.v = workspace.spaced_array("v", (channels, rows.elements, columns.elements, batch), dtype)
        self.m = workspace.spaced_array("m", (filters, rows.elements, columns.elements, batch), dtype)
        self.input_rows = workspace.array("input rows", (channels, rows.elements, width, batch), dtype)
        self.output_rows = workspace.array("output rows", (filters, outputs[0], columns.elements, batch), dtype)
        self.outputs = workspace.array("outputs", (filters, *outputs, batch), dtype)
        self.dx = workspace.array("dx", (channels, height, width, batch), dtype)
        self.du_by_tile_row = workspace.array("du", (rows.points, rows.tiles, columns.points, filters, channels), dtype)
        self.v_by_point, self.m_by_point = (
            values.reshape(-1, rows.points, rows.tiles, columns.points, columns.tiles * batch).transpose(1, 2, 3, 0, 4)
            for values in (self.v, self.m)
        )
        self.m_first_point = self.m[:, : rows.tiles, : columns.tiles]
        (bh, bw), pool = tiling.blocks.count, tiling.blocks.pool
        blocks = self.outputs.reshape(filters, pool, bh, pool, bw, batch)
        self.y = blocks.transpose(1, 3, 0, 2, 4, 5)


class WinogradWeights:
    """The transformed filters of a layer and the transform matrices, shared by the operations of all threads.

    Parameters
    ----------
    tiling : WinogradTiling
    weights, bias : arrays (K, C, kh, kw) and (K,)
        May be changed in place; call `update` after each change.
    """

    def __init__(self, tiling: WinogradTiling, weights: Array, bias: Array) -> None:
        self.tiling, self.weights, self.bias = tiling, weights, bias[:, np.newaxis, np.newaxis, np.newaxis]
        axes = tiling.rows, tiling.columns
        self.input_rows, self.input_columns = (axis.input_transform.astype(weights.dtype) for axis in axes)
        self.output_rows, self.output_columns = (axis.output_transform.astype(weights.dtype) for axis in axes)
        self.update()

    def update(self) -> None:
        """Transform the current filters."""
        self.transformed = self.tiling.transform_weights(self.weights)[:, np.newaxis]

    def operation(self, needs_input_gradient: bool = True) -> WinogradConv:
        """Return a new operation with these weights."""
        return WinogradConv(self, needs_input_gradient)


@dataclass(frozen=True)
class WinogradTiling:
    """The tiles of a layer's outputs.

    Parameters
    ----------
    blocks : PoolingBlocks
        The pooling blocks of the layer, which has stride and dilation 1.
    rows, columns : PooledAxis
    """

    blocks: PoolingBlocks
    rows: PooledAxis
    columns: PooledAxis

    def transform_weights(self, weights: Array) -> Array:
        """Return U, `(ny, nx, K, C)`, for weights `(K, C, kh, kw)`."""
        transformed = self._kernel_transform.astype(weights.dtype) @ weights.reshape(-1, math.prod(weights.shape[2:])).T
        return transformed.reshape(self.rows.tiling.points, self.columns.tiling.points, *weights.shape[:2])

    def weight_gradient(self, du: Array) -> Array:
        """Return the gradient of the weights, given `du`, the gradient of U: as U = G_y g G_xᵀ, dg = G_yᵀ dU G_x."""
        gradient = self._kernel_transform.T.astype(du.dtype) @ du.reshape(-1, math.prod(du.shape[2:]))
        return gradient.T.reshape(*du.shape[2:], *self.blocks.window.kernel)

    @cached_property
    def _kernel_transform(self) -> Matrix:
        """The transform of a kernel's rows and columns at once, `(ny·nx, kh·kw)`."""
        return kernel_transform(self.rows.tiling[:2], self.columns.tiling[:2])

    def cost(self, filters: int) -> int:
        """Return the multiplications of a forward pass on one image, including multiplications by zero."""
        rows, columns, channels = self.rows, self.columns, self.blocks.shape[0]
        down, across = rows.tiling.elements, columns.tiling.elements
        input_transform = down * columns.size * (rows.size + across)
        products = down * across * channels * filters
        output_transform = rows.outputs * across * (down + columns.outputs)
        return channels * input_transform + products + filters * output_transform


@dataclass(frozen=True)
class PooledAxis:
    """The rows or the columns of a layer: pixels, padding, tiles of outputs and pooling blocks.

    Parameters
    ----------
    tiling : AxisTiling
        Enough tiles for all outputs; the last one may reach beyond the edge.
    size, before, after : int
        Pixels of the image, and of the padding before and after it.
    border : str
    pool, count : int
        Outputs of a pooling block along the axis, and number of blocks.
    """

    tiling: AxisTiling
    size: int
    before: int
    after: int
    border: str
    pool: int
    count: int

    @property
    def outputs(self) -> int:
        """Outputs along the axis, p·count."""
        return self.pool * self.count

    @cached_property
    def input_transform(self) -> Matrix:
        """B, from the pixels to the transformed tiles, `(n·tiles, size)`; ordered by point, then tile."""
        padded = input_transform(self.tiling.tile, self.tiling.taps, self.outputs)
        matrix = np.zeros((self.tiling.elements, self.size))
        indices = source_indices(self.size, self.before, self.after, self.border)
        for column, source in zip(padded.T, indices, strict=False):
            if source != OUTSIDE:
                matrix[:, source] += column
        return matrix

    @cached_property
    def output_transform(self) -> Matrix:
        """Aᵀ, from the products to the outputs, `(p·count, n·tiles)`; ordered by position in a block, then block."""
        matrix = output_transform(self.tiling.tile, self.tiling.taps, self.outputs).T
        by_block = matrix.reshape(self.count, self.pool, self.tiling.elements)
        return np.ascontiguousarray(by_block.swapaxes(0, 1)).reshape(-1, self.tiling.elements)


def cheapest_method(blocks: PoolingBlocks, filters: int) -> WinogradTiling | PoolingBlocks:
    """Return the method with the fewest multiplications: the tiling for the Winograd method, or the blocks for im2col.

    Parameters
    ----------
    blocks : PoolingBlocks
        The pooling blocks of the layer.
    filters : int
        K.
    """
    window = blocks.window
    if (*window.stride, *window.dilation) != (1, 1, 1, 1):
        return blocks
    rows, columns = (
        [
            PooledAxis(axis_tiling(tile, taps, blocks.pool * count), size, *pads, window.border, blocks.pool, count)
            for tile in range(1, min(MAX_POINTS - taps + 1, blocks.pool * count) + 1)
            if adds_constants(tile, taps)
        ]
        for size, pads, taps, count in zip(blocks.shape[1:], blocks.pads, window.kernel, blocks.count, strict=True)
    )
    methods: list[WinogradTiling | PoolingBlocks] = [blocks]
    methods += [WinogradTiling(blocks, *axes) for axes in product(rows, columns)]
    return min(methods, key=lambda method: method.cost(filters))
