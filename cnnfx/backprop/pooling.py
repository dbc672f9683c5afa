"""Pooling of feature maps `(N, C, H, W)` with a forward and a backward pass.

Along one axis, output r reads the positions r·s − b + i, i = 0 … k − 1, for windows of k positions at stride s after b
positions of padding. The gradient of a position is the sum over the windows that contain it, so windows may overlap.
Both passes go through the elements i, j of a window: for each of them, the positions that it has in all windows are a
slice of the maps with the stride as its step.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from types import EllipsisType
from typing import NamedTuple

import numpy as np

from cnnfx.nn.layers import Array
from cnnfx.nn.pooling import AxisPool, Pool

Index = tuple[EllipsisType, slice, slice]
"""Of some rows and columns of all maps."""


class MaxPool:
    """The largest value of each window, y = max x_ij: dy goes to the first of the largest values, row by row.

    The gradient of `torch.nn.MaxPool2d` is the same. In a deconvolutional network this is unpooling: the positions of
    the largest values are its switches. A position that is the largest of several windows gets the sum of their dy.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def forward(self, x: Array) -> Array:
        """Return the largest value of each window."""
        self._x, self._y = x, self.pool.forward(x)
        return self._y

    def backward(self, dy: Array) -> Array:
        """Return dy at the largest value of each window, 0 elsewhere."""
        x, y = self._x, self._y
        dx = np.zeros(x.shape, dy.dtype)
        if self.pool.is_global:
            flat = x.reshape(*x.shape[:2], -1)
            first = flat.argmax(axis=2)[..., np.newaxis]
            np.put_along_axis(dx.reshape(flat.shape), first, dy[..., 0], axis=2)
            return dx
        open_windows = np.ones(y.shape, bool)  # whose largest value has not been found yet
        for inputs, outputs in _window_elements(self.pool, *x.shape[2:]):
            largest = x[inputs] == y[outputs]
            largest &= open_windows[outputs]
            open_windows[outputs] ^= largest
            dx[inputs] += dy[outputs] * largest
        return dx


class MeanPool:
    """The mean of each window, y = Σ x_ij / n: every dx_ij is the sum of dy / n of the windows that contain it.

    n is the number of values of the window; whether padding is counted depends on the pooling.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def forward(self, x: Array) -> Array:
        """Return the mean of each window."""
        self._shape = x.shape
        return self.pool.forward(x)

    def backward(self, dy: Array) -> Array:
        """Return the sum of dy / n of the windows that contain a position."""
        size = self._shape[2], self._shape[3]
        dx: Array = dy / self.pool.divisors(size).astype(dy.dtype)
        for axis in (0, 1):
            dx = _spread(dx, 2 + axis, self.pool.windows(axis, size[axis]), size[axis])
        return dx


def _window_elements(pool: Pool, height: int, width: int) -> Iterator[tuple[Index, Index]]:
    """Yield, for each element of a window in turn, where it is in the maps and the windows whose element is there.

    They index arrays `(N, C, H, W)` and `(N, C, Ho, Wo)`. Windows whose element is in the padding are left out.
    """
    rows, columns = pool.windows(0, height), pool.windows(1, width)
    for i, j in product(range(rows.size), range(columns.size)):
        down, across = _positions(rows, i, height), _positions(columns, j, width)
        yield (..., down.inputs, across.inputs), (..., down.outputs, across.outputs)


class _Positions(NamedTuple):
    """The positions of an element of all windows along one axis, and the windows whose element is in the map."""

    inputs: slice
    outputs: slice


def _positions(axis: AxisPool, element: int, length: int) -> _Positions:
    """Return the positions r·s − b + i of element i for the windows r in which they are in 0 … length − 1."""
    shift = element - axis.before
    first = max(0, -(shift // axis.stride))
    end = max(first, min(axis.number, (length - 1 - shift) // axis.stride + 1))
    start = first * axis.stride + shift
    return _Positions(slice(start, start + (end - first - 1) * axis.stride + 1, axis.stride), slice(first, end))


def _spread(dy: Array, axis: int, windows: AxisPool, length: int) -> Array:
    """Return the sum of dy of the windows that contain a position, along one axis of `length` positions."""
    if windows.number == 1 and windows.size == length:
        return np.repeat(dy, length, axis)
    values = np.moveaxis(dy, axis, 0)
    sums = np.zeros((length, *values.shape[1:]), dy.dtype)
    for element in range(windows.size):
        inputs, outputs = _positions(windows, element, length)
        sums[inputs] += values[outputs]
    return np.moveaxis(sums, 0, axis)
