"""The patches of the input under each block of pooled outputs, and the copies of each kernel that fit into a patch.

A pooling of size p looks at blocks of p×p outputs of a filter. All of them read one patch of the input, a little larger
than the kernel: 4×4 pixels for a 3×3 kernel and p = 2, at stride 1. So the patch under each block is gathered once,
and multiplied by p·p copies of the kernel, each shifted to the place of its output in the block:

    ⎡ a b 0 ⎤  ⎡ 0 a b ⎤  ⎡ 0 0 0 ⎤  ⎡ 0 0 0 ⎤      a 2×2 kernel's four copies
    ⎢ c d 0 ⎥  ⎢ 0 c d ⎥  ⎢ a b 0 ⎥  ⎢ 0 a b ⎥      in its 3×3 patch
    ⎣ 0 0 0 ⎦  ⎣ 0 0 0 ⎦  ⎣ c d 0 ⎦  ⎣ 0 c d ⎦

Written as rows of a matrix, the copies of all filters make one product with the patches as columns, and the pooling is
a maximum over its leading axis. The zeros are more arithmetic (36 products for 25 with a 5×5 kernel) and less copying
(9 numbers for 25). Without pooling, p is 1 and this is the usual product of unfolded patches.

This serves every stride and dilation. Where both are 1, `tiles` is another way to the same outputs, with far fewer
products where there are many channels; `tiles.cheapest` tells which is taken.

Batches are `(C, H, W, N)`: neighbors in memory are the same pixel of different images, so that whatever is done to a
pixel is done to a run of N numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cnnfx.conv import Window
from cnnfx.conv.padding import OUTSIDE, sources
from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Array
from cnnfx.system.memory import Workspace

Pair = tuple[int, int]


@dataclass(frozen=True)
class Blocks:
    """Where the blocks of p×p outputs of a layer lie, and what they read.

    Parameters
    ----------
    window : Window
        The filters' size, stride, dilation, padding and border.
    shape : (C, H, W)
        Of the input.
    pool : int
        p: 1 where nothing is pooled. Outputs that do not fill a block are not computed.

    Raises
    ------
    ArgumentError
        If the kernel does not fit the input, or no block is filled.
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
        """Blocks from top to bottom and from left to right: the size of the pooled maps."""
        rows, columns = self.window.output_size(self.shape[1:])
        return rows // self.pool, columns // self.pool

    @cached_property
    def step(self) -> Pair:
        """The distance of the pixels in a patch: 1, or more where stride and dilation never touch those between."""
        (sh, sw), (dh, dw) = self.window.stride, self.window.dilation
        return (dh, dw) if self.pool == 1 else (math.gcd(sh, dh), math.gcd(sw, dw))

    @cached_property
    def taps(self) -> Pair:
        """Rows and columns of a patch."""
        (kh, kw), (sh, sw), (dh, dw) = self.window.kernel, self.window.stride, self.window.dilation
        high, wide = (self.pool - 1) * sh + (kh - 1) * dh, (self.pool - 1) * sw + (kw - 1) * dw
        return high // self.step[0] + 1, wide // self.step[1] + 1

    @property
    def numbers(self) -> int:
        """Numbers in a patch, all channels together."""
        return self.shape[0] * self.taps[0] * self.taps[1]

    def cost(self, filters: int) -> int:
        """Multiplications for one image forward, those by the zeros too."""
        return self.pool**2 * filters * self.numbers * self.count[0] * self.count[1]

    @property
    def pads(self) -> tuple[Pair, Pair]:
        """Pixels of padding ((top, bottom), (left, right))."""
        return self.window.pads(self.shape[1:])

    def expand(self, weights: Array, bias: Array) -> Array:
        """The matrix `(p·p·K, C·th·tw + 1)` of the shifted copies of `weights` (K, C, kh, kw); `bias` (K,) is its last
        column."""
        filters = len(weights)
        matrix = np.zeros((self.pool**2, filters, self.numbers + 1), weights.dtype)
        for copy, view in zip(matrix, self._copies(matrix), strict=True):
            view[...] = weights
            copy[:, -1] = bias
        return matrix.reshape(self.pool**2 * filters, -1)

    def fold(self, gradient: Array) -> tuple[Array, Array]:
        """The gradients of weights and bias from that of the matrix: each weight stands in it p·p times, so its
        gradient is the sum over its copies."""
        matrix = gradient.reshape(self.pool**2, -1, self.numbers + 1)
        copies = self._copies(matrix)
        weights = copies[0].copy()
        for copy in copies[1:]:
            weights += copy
        return weights, matrix[:, :, -1].sum(axis=0)

    def _copies(self, matrix: Array) -> list[Array]:
        """Views `(K, C, kh, kw)` of where each copy of the weights stands in a matrix `(p·p, K, C·th·tw + 1)`."""
        (sh, sw), (dh, dw) = self.window.stride, self.window.dilation
        (kh, kw), (ay, ax) = self.window.kernel, self.step
        taps = matrix[:, :, :-1].reshape(*matrix.shape[:2], self.shape[0], *self.taps)  # a view: one axis is split
        views = []
        for index in range(self.pool**2):
            top, left = index // self.pool * sh // ay, index % self.pool * sw // ax
            rows = slice(top, top + (kh - 1) * dh // ay + 1, dh // ay)
            columns = slice(left, left + (kw - 1) * dw // ax + 1, dw // ax)
            views.append(taps[index, :, :, rows, columns])
        return views

    def gather(self, images: Array, out: Array) -> None:
        """Copy the patches of `images` (C, H, W, N) to the columns of `out` (C·th·tw, bh·bw·N)."""
        padded = np.ascontiguousarray(self._pad(images))
        to_c, to_y, to_x, to_n = padded.strides
        (sh, sw), (ay, ax) = self.window.stride, self.step
        shape = self.shape[0], *self.taps, *self.count, images.shape[3]
        strides = to_c, ay * to_y, ax * to_x, self.pool * sh * to_y, self.pool * sw * to_x, to_n
        view: Array = np.ndarray(shape, padded.dtype, padded.data, strides=strides)
        np.copyto(out.reshape(shape), view)

    def scatter(self, patches: Array, channels: slice, padded: Array) -> None:
        """Add patches of some channels to the padded images (C, Hp, Wp, N): where `gather` copies a pixel, its gradient
        is the sum over the copies."""
        (sh, sw), (ay, ax), (rows, columns) = self.window.stride, self.step, self.count
        down, right = self.pool * sh, self.pool * sw
        parts = patches.reshape(-1, *self.taps, rows, columns, padded.shape[3])
        for i in range(self.taps[0]):
            for j in range(self.taps[1]):
                y, x = i * ay, j * ax
                to = slice(y, y + (rows - 1) * down + 1, down), slice(x, x + (columns - 1) * right + 1, right)
                padded[(channels, *to)] += parts[:, i, j]

    @property
    def padded(self) -> tuple[int, int, int]:
        """The shape (C, Hp, Wp) of a padded image."""
        (top, bottom), (left, right) = self.pads
        return self.shape[0], top + self.shape[1] + bottom, left + self.shape[2] + right

    def _pad(self, images: Array) -> Array:
        if not any(map(any, self.pads)):
            return images
        mode: dict[str, str] = {"mode": self.window.border}
        return np.pad(images, ((0, 0), *self.pads, (0, 0)), **mode)  # type: ignore[no-any-return, call-overload]

    def unpad(self, padded: Array) -> Array:
        """The gradient of the images from that of the padded ones: what the padding copied is summed where it was
        copied from, its zeros are dropped."""
        if padded.shape[:3] == self.shape:
            return padded
        for axis in (1, 2):
            places = sources(self.shape[axis], *self.pads[axis - 1], self.window.border)
            inside = np.zeros_like(np.moveaxis(padded, axis, 0)[: self.shape[axis]])
            for position, place in enumerate(places):
                if place != OUTSIDE:
                    inside[place] += np.moveaxis(padded, axis, 0)[position]
            padded = np.moveaxis(inside, 0, axis)
        return padded


CACHED = 1 << 21
"""Bytes that stay in a core's second-level cache beside what they are made from."""


class PatchBank:
    """The filters as the matrix of their shifted copies."""

    def __init__(self, blocks: Blocks, weights: Array, bias: Array) -> None:
        self.blocks, self.weights, self.bias = blocks, weights, bias

    def refresh(self) -> None:
        """Make the matrix, at first and after the weights have changed."""
        self.matrix = self.blocks.expand(self.weights, self.bias)

    def step(self, wants_input: bool = True) -> PatchFilters:
        """A step with these filters."""
        return PatchFilters(self, wants_input)


class PatchFilters:
    """Cross-correlation with K filters: `(C, H, W, N)` to `(p, p, K, bh, bw, N)`.

    With the patches as columns of P, and a row of ones below them for the bias, and the filters' copies as rows of M,
    the outputs are Y = M·P, a sum of products y_ij = Σ m_ik p_kj. Each m_ik stands in the outputs of row i, times p_kj;
    each p_kj in those of column j, times m_ik. So

        dM = dY·Pᵀ        dP = Mᵀ·dY

    and dx is dP summed where patches overlap. `gradient` holds those of weights and bias after `backward`.
    """

    def __init__(self, bank: PatchBank, wants_input: bool = True) -> None:
        self.bank, self.wants_input = bank, wants_input
        self.gradient: tuple[Array, Array] = (np.empty(0), np.empty(0))
        self._workspace = Workspace()

    def forward(self, x: Array) -> Array:
        """The outputs `(p, p, K, bh, bw, N)` of a batch `(C, H, W, N)`."""
        blocks, matrix, batch = self.bank.blocks, self.bank.matrix, x.shape[3]
        columns = blocks.count[0] * blocks.count[1] * batch
        self._patches = self._workspace.array("patches", (blocks.numbers + 1, columns), x.dtype)
        blocks.gather(x, self._patches[:-1])
        self._patches[-1] = 1
        product = np.matmul(
            matrix, self._patches, out=self._workspace.array("product", (len(matrix), columns), x.dtype)
        )
        return product.reshape(blocks.pool, blocks.pool, -1, *blocks.count, batch)

    def backward(self, dy: Array) -> Array:
        """The gradient of the input; those of weights and bias are kept."""
        product = dy.reshape(len(self.bank.matrix), -1)
        self.gradient = self.bank.blocks.fold(product @ self._patches.T)
        if not self.wants_input:
            return np.empty(0, dy.dtype)
        blocks = self.bank.blocks
        padded = self._workspace.array("dx", (*blocks.padded, dy.shape[-1]), dy.dtype)
        padded[...] = 0
        each = blocks.taps[0] * blocks.taps[1]
        some = max(1, CACHED // (each * product[0].nbytes))
        for first in range(0, blocks.shape[0], some):
            channels = slice(first, min(first + some, blocks.shape[0]))
            rows = self.bank.matrix[:, channels.start * each : channels.stop * each].T
            patches = self._workspace.array("d patches", (len(rows), product.shape[1]), dy.dtype)
            blocks.scatter(np.matmul(rows, product, out=patches), channels, padded)
        return blocks.unpad(padded)
