"""Filters with a forward pass and the gradient with respect to their input, for all settings of a layer.

From the padded input p, filters w at stride s and dilation d make the output

    y[k, r, q] = bias[k] + Σ_c,i,j w[k, c, i, j]·p[c, r·s + i·d, q·s + j·d]

so the gradient of the input, given dy, is

    dp[c, r·s + i·d, q·s + j·d]  +=  Σ_k w[k, c, i, j]·dy[k, r, q]        for all i, j, r, q

The sums over k are one matrix product of the transposed weights with dy, which multiplies as often as the forward pass.
Its rows are added where the elements i, j of the kernel read the input (col2im, the transpose of im2col). This is done
for one block of rows of the output after another, so that the products stay in the cache.

Padding of a border mode other than zeros repeats pixels; the gradient of each is added to that of its pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from cnnfx.conv.padding import source_indices
from cnnfx.nn.layers import Array, Conv
from cnnfx.system.blas import single_threaded

BLOCK_BYTES = 1 << 20
"""The size of a block's product, about: it is added to the gradient while it is in the cache."""


class Correlation:
    """The filters of a layer, with a forward and a backward pass.

    Parameters
    ----------
    conv : Conv
        Bound, with weights of the type of the images.
    """

    def __init__(self, conv: Conv) -> None:
        self.conv = conv
        filters, channels, height, width = conv.weights.shape
        grouped = conv.weights.reshape(conv.groups, filters // conv.groups, channels, height, width)
        # For each group a matrix whose rows are i, j, c, and whose columns are k.
        self._transposed = np.ascontiguousarray(grouped.transpose(0, 3, 4, 2, 1)).reshape(
            conv.groups, -1, filters // conv.groups
        )

    def forward(self, x: Array) -> Array:
        """Return the feature maps `(N, K, Ho, Wo)` of input channels `(N, C, H, W)`."""
        self._size = x.shape[2], x.shape[3]
        return self.conv.forward(x)

    def backward(self, dy: Array) -> Array:
        """Return dx `(N, C, H, W)`, given dy `(N, K, Ho, Wo)`."""
        pads, border = self.conv.window.pads(self._size), self.conv.window.border
        dx = self._of_padded_input(dy, *(length + sum(pad) for length, pad in zip(self._size, pads, strict=True)))
        for axis in (0, 1):
            dx = _without_padding(dx, 2 + axis, self._size[axis], *pads[axis], border)
        return dx

    def _of_padded_input(self, dy: Array, height: int, width: int) -> Array:
        """Return the gradient `(N, C, height, width)` of the padded input."""
        _, channels, *kernel = self.conv.weights.shape
        groups = self.conv.groups
        (down, across), (row_step, column_step) = self.conv.window.stride, self.conv.window.dilation
        count, filters, rows, columns = dy.shape
        dp = np.zeros((count, groups, channels, height, width), dy.dtype)
        grouped = dy.reshape(count, groups, filters // groups, rows, columns)
        with single_threaded():  # the products are small
            for images, band in _blocks(count, rows, self._transposed[..., 0].size * columns * dy.itemsize):
                part = grouped[images, :, :, band]
                products = np.matmul(self._transposed, part.reshape(*part.shape[:3], -1))
                products = products.reshape(len(part), groups, *kernel, channels, -1, columns)
                for i, j in product(*map(range, kernel)):
                    top, left = band.start * down + i * row_step, j * column_step
                    bottom, right = top + (products.shape[-2] - 1) * down + 1, left + (columns - 1) * across + 1
                    dp[images, :, :, top:bottom:down, left:right:across] += products[:, :, i, j]
        return dp.reshape(count, groups * channels, height, width)


def _blocks(images: int, rows: int, bytes_per_row: int) -> Iterator[tuple[slice, slice]]:
    """Yield the images and the rows of each block of about `BLOCK_BYTES`: rows of one image, or whole images."""
    rows_per_block = max(1, BLOCK_BYTES // bytes_per_row)
    images_per_block = max(1, rows_per_block // rows)
    for first in range(0, images, images_per_block):
        for top in range(0, rows, rows_per_block):
            yield slice(first, first + images_per_block), slice(top, min(top + rows_per_block, rows))


def _without_padding(padded: Array, axis: int, length: int, before: int, after: int, border: str) -> Array:
    """Return the gradient along an axis without its padding, whose values are added to those of the repeated pixels."""
    values = np.moveaxis(padded, axis, 0)
    inside = values[before : before + length]
    if border != "constant":
        sources = source_indices(length, before, after, border)
        inside = inside.copy()
        for position in [*range(before), *range(before + length, before + length + after)]:
            inside[sources[position]] += values[position]
    return np.moveaxis(inside, 0, axis)
