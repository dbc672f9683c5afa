"""The gradient of a cross-correlation with respect to its input, computed by cross-correlations of the same cost.

Along one axis, a kernel w of k elements at stride s and dilation d makes from the padded input p the output

    y[r] = Σ_i w[i]·p[r·s + i·d]

so the gradient of p, given that of y, is

    dp[x] = Σ_i w[i]·dy[(x − i·d) / s]        over the i for which the index is a whole number inside of y

For the positions x = s·m + φ with the remainder φ these are the elements i with i·d ≡ φ (mod s): every s/g-th, where g
is the greatest common divisor of s and d. With t_i = (i·d − φ) / s, which grows by d/g from one of them to the next,

    dp[s·m + φ] = Σ_i w[i]·dy[m − t_i]

which is a cross-correlation of dy with these elements in reverse order, at dilation d/g and without stride. There is
one for each remainder, s in all, which together multiply as often as the forward pass. Rows and columns are
independent. Input channels and filters change places: each group of weights `(K, C, kh, kw)` becomes `(C, K, kh, kw)`.

Padding of a border mode other than zeros repeats pixels; the gradient of each is added to that of its pixel.
"""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np

from cnnfx.conv import Window, correlate
from cnnfx.conv.padding import source_indices
from cnnfx.nn.layers import Array, Conv


class Correlation:
    """The filters of a layer, with a forward and a backward pass.

    Parameters
    ----------
    conv : Conv
        Bound, with weights of the type of the images.
    """

    def __init__(self, conv: Conv) -> None:
        self.conv = conv
        self._phases = _kernel_phases(conv)

    def forward(self, x: Array) -> Array:
        """Return the feature maps `(N, K, Ho, Wo)` of input channels `(N, C, H, W)`."""
        self._size = x.shape[2], x.shape[3]
        return self.conv.forward(x)

    def backward(self, dy: Array) -> Array:
        """Return dx `(N, C, H, W)`, given dy `(N, K, Ho, Wo)`."""
        window, pads = self.conv.window, self.conv.window.pads(self._size)
        # The gradient of padding is not needed where it is zeros.
        needed = [
            (before, before + length) if window.border == "constant" else (0, before + length + after)
            for length, (before, after) in zip(self._size, pads, strict=True)
        ]
        dx = self._of_padded_input(dy, *needed)
        if window.border != "constant":
            for axis in (0, 1):
                dx = _add_padding_to_sources(dx, 2 + axis, self._size[axis], *pads[axis], window.border)
        return dx

    def _of_padded_input(self, dy: Array, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
        """Return the gradient of `rows` and `columns` (first, end) of the padded input."""
        stride = self.conv.window.stride
        channels = self.conv.weights.shape[1] * self.conv.groups
        shape = len(dy), channels, rows[1] - rows[0], columns[1] - columns[0]
        dx = np.empty(0)
        for vertical, horizontal, weights in self._phases:
            down = vertical.reads(rows, stride[0], dy.shape[2])
            across = horizontal.reads(columns, stride[1], dy.shape[3])
            if weights is None or down.is_empty or across.is_empty:
                part: Array | float = 0.0
            else:
                part = correlate(
                    dy[:, :, down.inside, across.inside],
                    weights,
                    dilation=(vertical.dilation, horizontal.dilation),
                    padding=(down.padding, across.padding),
                    groups=self.conv.groups,
                )
            if stride == (1, 1) and isinstance(part, np.ndarray):
                return part
            if not dx.size:
                dx = np.empty(shape, dy.dtype)
            dx[:, :, down.first :: stride[0], across.first :: stride[1]] = part
        return dx


class _Reads(NamedTuple):
    """What the gradient of the positions of one phase reads along an axis.

    Attributes
    ----------
    first : int
        The first of the positions, counted from the start of the range.
    inside : slice
        Of dy.
    padding : (int, int)
        Zeros before and after it.
    is_empty : bool
        Whether there are no positions, or all of them read zeros only.
    """

    first: int
    inside: slice
    padding: tuple[int, int]
    is_empty: bool


class _Phase(NamedTuple):
    """The elements of a kernel along one axis that reach the positions with remainder φ of the division by the stride.

    Attributes
    ----------
    remainder : int
        φ.
    elements : slice
        Of the kernel.
    size : int
        The number of the elements.
    shift : int
        t_i of the first.
    dilation : int
        The difference of successive t_i.
    """

    remainder: int
    elements: slice
    size: int
    shift: int
    dilation: int

    def reads(self, needed: tuple[int, int], stride: int, outputs: int) -> _Reads:
        """Return what the positions of this phase in the range `needed` read of dy, which has `outputs` positions."""
        start, end = (
            -((self.remainder - position) // stride) for position in needed
        )  # m of the first and after the last
        first = start * stride + self.remainder - needed[0]
        begin = start - self.shift - (self.size - 1) * self.dilation
        stop = end - self.shift
        inside = slice(min(max(begin, 0), outputs), max(min(stop, outputs), 0))
        is_empty = start >= end or inside.start >= inside.stop
        return _Reads(first, inside, (max(-begin, 0), max(stop - outputs, 0)), is_empty)


def _axis_phases(kernel: int, stride: int, dilation: int) -> list[_Phase]:
    """Return the phase of each remainder of the division by the stride that a kernel reaches, and of the others."""
    divisor = math.gcd(stride, dilation)
    step = stride // divisor
    phases = {}
    for first in range(min(step, kernel)):
        shift, remainder = divmod(first * dilation, stride)
        size = len(range(first, kernel, step))
        phases[remainder] = _Phase(remainder, slice(first, None, step), size, shift, dilation // divisor)
    return [phases.get(remainder, _Phase(remainder, slice(0, 0), 0, 0, 1)) for remainder in range(stride)]


def _kernel_phases(conv: Conv) -> list[tuple[_Phase, _Phase, Array | None]]:
    """Return the vertical and the horizontal phases, with the weights `(C, K, n, m)` of each group, None for none."""
    window: Window = conv.window
    filters, channels, *kernel = conv.weights.shape
    grouped = conv.weights.reshape(conv.groups, filters // conv.groups, channels, *kernel)
    transposed = grouped.swapaxes(1, 2).reshape(conv.groups * channels, filters // conv.groups, *kernel)
    axes = (_axis_phases(*axis) for axis in zip(window.kernel, window.stride, window.dilation, strict=True))
    phases = []
    for vertical, horizontal in product(*axes):
        part = transposed[:, :, vertical.elements, horizontal.elements]
        weights = np.ascontiguousarray(part[:, :, ::-1, ::-1]) if part.size else None
        phases.append((vertical, horizontal, weights))
    return phases


def _add_padding_to_sources(padded: Array, axis: int, length: int, before: int, after: int, border: str) -> Array:
    """Return the gradient along an axis without its padding, whose values are added to those of the repeated pixels."""
    values = np.moveaxis(padded, axis, 0)
    inside = values[before : before + length].copy()
    sources = source_indices(length, before, after, border)
    for position in [*range(before), *range(before + length, before + length + after)]:
        inside[sources[position]] += values[position]
    return np.moveaxis(inside, 0, axis)
