"""Cross-correlation as one matrix product (im2col), with its gradients, for a layer and the pooling that follows it.

A p×p pooling takes blocks of p×p outputs of a filter. The outputs of a block read one patch of the input, a little
larger than the kernel: 4×4 pixels for a 3×3 kernel and p = 2 at stride 1. So the patch under each block is copied once,
to a column of the im2col matrix, and multiplied by p² shifted kernels, one for each output of the block:

    ⎡ a b 0 ⎤  ⎡ 0 a b ⎤  ⎡ 0 0 0 ⎤  ⎡ 0 0 0 ⎤      a 2×2 kernel at its four
    ⎢ c d 0 ⎥  ⎢ 0 c d ⎥  ⎢ a b 0 ⎥  ⎢ 0 a b ⎥      positions in a 3×3 patch
    ⎣ 0 0 0 ⎦  ⎣ 0 0 0 ⎦  ⎣ c d 0 ⎦  ⎣ 0 c d ⎦

With the shifted kernels of all filters as the rows of a matrix, one product gives all outputs, and the pooling reduces
the leading axes of the result. The zeros cost more arithmetic (36 multiplications instead of 25 with a 5×5 kernel) but
less copying (9 values per output instead of 25). Without pooling, p is 1, and this is plain im2col.

Every stride and dilation is supported. Where both are 1, `winograd` computes the same outputs, with far fewer
multiplications if there are many channels; `winograd.cheapest_method` chooses.

Batches are `(C, H, W, N)`: the same pixel of all N images is contiguous in memory, so that copies move runs of N
values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cnnfx.conv import Window
from cnnfx.conv.padding import OUTSIDE, pad_rows_and_columns, source_indices
from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Array
from cnnfx.system.memory import Workspace

Pair = tuple[int, int]
"""A value for the vertical and one for the horizontal axis."""

COL2IM_BYTES = 1 << 21
"""The most bytes of the im2col matrix's gradient that are computed at a time, so that they are still in the
second-level cache when they are added to the gradient of the input."""


class Im2colConv:
    """Cross-correlation with K filters: `(C, H, W, N)` to `(p, p, K, bh, bw, N)`, for bh×bw pooling blocks.

    With the im2col matrix P, whose last row is 1 for the bias, and the weight matrix M, the outputs are Y = M·P, that
    is, y_ij = Σ_k m_ik p_kj. So

        dM = dY·Pᵀ        dP = Mᵀ·dY

    and dx is the sum of dP over the patches that contain a pixel (col2im). `gradient` is (dW, db) of the last backward
    pass.

    Parameters
    ----------
    weights : Im2colWeights
    needs_input_gradient : bool
        Whether `backward` computes dx.
    """

    def __init__(self, weights: Im2colWeights, needs_input_gradient: bool = True) -> None:
        self.weights, self.needs_input_gradient = weights, needs_input_gradient
        self.gradient: tuple[Array, Array] = (np.empty(0), np.empty(0))
        self._workspace = Workspace()

    def forward(self, x: Array) -> Array:
        """Return the outputs `(p, p, K, bh, bw, N)` of a batch `(C, H, W, N)`."""
        blocks, matrix, batch = self.weights.blocks, self.weights.matrix, x.shape[3]
        columns = math.prod(blocks.count) * batch
        self._patches = self._workspace.array("patches", (blocks.patch_length + 1, columns), x.dtype)
        blocks.im2col(x, self._patches[:-1])
        self._patches[-1] = 1
        y = self._workspace.spaced_array("y", (len(matrix), columns), x.dtype)
        np.matmul(matrix, self._patches, out=y)
        return y.reshape(blocks.pool, blocks.pool, -1, *blocks.count, batch)

    def backward(self, dy: Array) -> Array:
        """Return dx, or an empty array if it is not needed, and store the gradients of weights and bias."""
        blocks, matrix = self.weights.blocks, self.weights.matrix
        d_outputs = dy.reshape(len(matrix), -1)
        self.gradient = blocks.parameter_gradients(d_outputs @ self._patches.T)
        if not self.needs_input_gradient:
            return np.empty(0, dy.dtype)
        d_padded = self._workspace.array("dx", (*blocks.padded_shape, dy.shape[-1]), dy.dtype)
        d_padded[...] = 0
        channels, patch_pixels = blocks.shape[0], math.prod(blocks.patch_size)
        step = max(1, COL2IM_BYTES // (patch_pixels * d_outputs[0].nbytes))
        for first in range(0, channels, step):
            last = min(first + step, channels)
            columns = matrix[:, first * patch_pixels : last * patch_pixels]
            d_patches = self._workspace.array("d patches", (columns.shape[1], d_outputs.shape[1]), dy.dtype)
            np.matmul(columns.T, d_outputs, out=d_patches)
            blocks.col2im(d_patches, slice(first, last), d_padded)
        return blocks.unpad_gradient(d_padded)


class Im2colWeights:
    """The filters of a layer as the weight matrix of im2col, shared by the operations of all threads.

    Parameters
    ----------
    blocks : PoolingBlocks
    weights, bias : arrays (K, C, kh, kw) and (K,)
        May be changed in place; call `update` after each change.
    """

    def __init__(self, blocks: PoolingBlocks, weights: Array, bias: Array) -> None:
        self.blocks, self.weights, self.bias = blocks, weights, bias
        self.update()

    def update(self) -> None:
        """Compute the weight matrix from the current weights."""
        self.matrix = self.blocks.weight_matrix(self.weights, self.bias)

    def operation(self, needs_input_gradient: bool = True) -> Im2colConv:
        """Return a new operation with these weights."""
        return Im2colConv(self, needs_input_gradient)


@dataclass(frozen=True)
class PoolingBlocks:
    """The blocks of p×p outputs of a layer, and the input patch that each block reads.

    Parameters
    ----------
    window : Window
        Size, stride, dilation, padding and border of the filters.
    shape : (C, H, W)
        Of the input.
    pool : int
        p; 1 without pooling. Outputs that do not fill a block are not computed.

    Raises
    ------
    ArgumentError
        If the kernel is larger than the padded input, or a block larger than the output.
    """

    window: Window
    shape: tuple[int, int, int]
    pool: int = 1

    def __post_init__(self) -> None:
        if min(self.count) < 1:
            rows, columns = self.window.output_size(self.shape[1:])
            raise ArgumentError(f"a pooling of {self.pool} does not fit into maps of {columns}×{rows} pixels")

    @cached_property
    def count(self) -> Pair:
        """The number of blocks (bh, bw), which is the size of the pooled maps."""
        rows, columns = self.window.output_size(self.shape[1:])
        return rows // self.pool, columns // self.pool

    @cached_property
    def pixel_step(self) -> Pair:
        """The distance between neighboring pixels of a patch; above 1 if stride and dilation skip pixels."""
        (sh, sw), (dh, dw) = self.window.stride, self.window.dilation
        return (dh, dw) if self.pool == 1 else (math.gcd(sh, dh), math.gcd(sw, dw))

    @cached_property
    def patch_size(self) -> Pair:
        """Rows and columns (th, tw) of a patch."""
        (kh, kw), (sh, sw), (dh, dw) = self.window.kernel, self.window.stride, self.window.dilation
        height, width = (self.pool - 1) * sh + (kh - 1) * dh, (self.pool - 1) * sw + (kw - 1) * dw
        return height // self.pixel_step[0] + 1, width // self.pixel_step[1] + 1

    @property
    def patch_length(self) -> int:
        """Values of a patch in all channels, C·th·tw."""
        return self.shape[0] * self.patch_size[0] * self.patch_size[1]

    def cost(self, filters: int) -> int:
        """Return the multiplications of a forward pass on one image, including multiplications by zero."""
        return self.pool**2 * filters * self.patch_length * self.count[0] * self.count[1]

    @property
    def pads(self) -> tuple[Pair, Pair]:
        """Pixels of padding ((top, bottom), (left, right))."""
        return self.window.pads(self.shape[1:])

    @property
    def padded_shape(self) -> tuple[int, int, int]:
        """The shape (C, Hp, Wp) of a padded image."""
        (top, bottom), (left, right) = self.pads
        return self.shape[0], top + self.shape[1] + bottom, left + self.shape[2] + right

    def weight_matrix(self, weights: Array, bias: Array) -> Array:
        """Return the weight matrix `(p²·K, C·th·tw + 1)`: the shifted kernels, and `bias` as last column."""
        filters = len(weights)
        matrix = np.zeros((self.pool**2, filters, self.patch_length + 1), weights.dtype)
        matrix[:, :, -1] = bias
        for kernels in self._shifted_kernels(matrix):
            kernels[...] = weights
        return matrix.reshape(self.pool**2 * filters, -1)

    def parameter_gradients(self, d_matrix: Array) -> tuple[Array, Array]:
        """Return the gradients of weights and bias: sums of the weight matrix's gradient over the p² shifts."""
        matrix = d_matrix.reshape(self.pool**2, -1, self.patch_length + 1)
        first, *others = self._shifted_kernels(matrix)
        d_weights = first.copy()
        for kernels in others:
            d_weights += kernels
        return d_weights, matrix[:, :, -1].sum(axis=0)

    def _shifted_kernels(self, matrix: Array) -> list[Array]:
        """Return a view `(K, C, kh, kw)` of the kernels at each of the p² shifts in a matrix `(p², K, C·th·tw + 1)`."""
        (sh, sw), (dh, dw) = self.window.stride, self.window.dilation
        (kh, kw), (step_y, step_x) = self.window.kernel, self.pixel_step
        patches = matrix[:, :, :-1].reshape(*matrix.shape[:2], self.shape[0], *self.patch_size)  # a view
        views = []
        for index in range(self.pool**2):
            top, left = index // self.pool * sh // step_y, index % self.pool * sw // step_x
            rows = slice(top, top + (kh - 1) * dh // step_y + 1, dh // step_y)
            columns = slice(left, left + (kw - 1) * dw // step_x + 1, dw // step_x)
            views.append(patches[index, :, :, rows, columns])
        return views

    def im2col(self, images: Array, out: Array) -> None:
        """Copy the patches of `images` (C, H, W, N) to the columns of `out` (C·th·tw, bh·bw·N)."""
        padded = np.ascontiguousarray(pad_rows_and_columns(images, self.pads, self.window.border))
        to_c, to_y, to_x, to_n = padded.strides
        (sh, sw), (step_y, step_x) = self.window.stride, self.pixel_step
        shape = self.shape[0], *self.patch_size, *self.count, images.shape[3]
        strides = to_c, step_y * to_y, step_x * to_x, self.pool * sh * to_y, self.pool * sw * to_x, to_n
        view: Array = np.ndarray(shape, padded.dtype, padded.data, strides=strides)
        np.copyto(out.reshape(shape), view)

    def col2im(self, d_patches: Array, channels: slice, d_padded: Array) -> None:
        """Add the gradients of patches to the gradient of the padded images.

        Parameters
        ----------
        d_patches : array (c·th·tw, bh·bw·N)
            Of the patches in c channels.
        channels : slice
            These channels.
        d_padded : array (C, Hp, Wp, N)
            Changed in place: the gradient of a pixel is the sum over the patches that contain the pixel.
        """
        (sh, sw), (step_y, step_x), (rows, columns) = self.window.stride, self.pixel_step, self.count
        down, right = self.pool * sh, self.pool * sw
        patches = d_patches.reshape(-1, *self.patch_size, rows, columns, d_padded.shape[3])
        for i in range(self.patch_size[0]):
            for j in range(self.patch_size[1]):
                y, x = i * step_y, j * step_x
                to = slice(y, y + (rows - 1) * down + 1, down), slice(x, x + (columns - 1) * right + 1, right)
                d_padded[(channels, *to)] += patches[:, i, j]

    def unpad_gradient(self, d_padded: Array) -> Array:
        """Return the gradient of the images `(C, H, W, N)`, given the gradient of the padded images.

        The gradient of a pixel that the border repeats is the sum over all copies of the pixel.
        """
        if d_padded.shape[:3] == self.shape:
            return d_padded
        gradient = d_padded
        for axis in (1, 2):
            padded = np.moveaxis(gradient, axis, 0)
            unpadded = np.zeros_like(padded[: self.shape[axis]])
            for position, source in enumerate(
                source_indices(self.shape[axis], *self.pads[axis - 1], self.window.border)
            ):
                if source != OUTSIDE:
                    unpadded[source] += padded[position]
            gradient = np.moveaxis(unpadded, 0, axis)
        return gradient
