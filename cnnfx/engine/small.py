"""Cross-correlation of small images: a few products for each, of copies of all of it.

The copies of the input, one for each weight, stand below one another. Where the stride is 1, a copy is read from memory
in one go, on over the ends of the rows: long runs are copied faster. What stands in the product where two rows meet is
not looked at.

A small image is done in the time of a few calls of NumPy, so all that need not be done anew for each image is kept:
memory, and the views of it.
"""

from __future__ import annotations

import threading
from collections import deque
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfx.engine.blas import single_threaded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.engine.borders import PaddedImages
    from cnnfx.engine.geometry import Window

    Array = NDArray[Any]

MOST = 4_500_000
"""Multiplications from which on copies of whole rows are the faster way (see `direct`)."""

LIGHT = 1_000_000
"""Multiplications of a product that OpenBLAS does without copying anything."""

SINGLE = 200_000
"""Multiplications for which OpenBLAS would wake a second thread, to no avail."""

ROOM = 1 << 20
"""Numbers in the copies, at most: they are kept."""

NARROW = 64
"""Columns of an output whose rows are too short to be copied one by one."""

ROWS = 32
"""Output rows that are done at a time."""

KEPT = 32
"""So many sizes of images are remembered."""

_kept: deque[tuple[dict[Any, Any], object]] = deque()


def is_small(out: tuple[int, ...], weights: tuple[int, ...]) -> bool:
    """Whether to do an output of shape (N, K, Ho, Wo) so: by its width, for a band of it must be done the same way."""
    copies = ROWS * out[3] * prod(weights[1:])
    return out[0] == 1 and out[3] <= NARROW and copies <= ROOM and copies * weights[0] < MOST


class Small:
    """How to cross-correlate one image with filters of some shapes; prepared when it is first done, in each thread."""

    def __init__(self, weights: tuple[int, ...], out: tuple[int, ...]) -> None:
        self.weights, self.out = weights, out
        self.prepared: dict[tuple[int, str], list[Band]] = {}

    def __call__(self, images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
        """Cross-correlate the one of `images` with `weights`, add `bias` (K,), and write it to `out` (1, K, Ho, Wo)."""
        key = threading.get_ident(), weights.dtype.char
        bands = self.prepared.get(key)
        if bands is None:
            bands = self.prepared[key] = self._prepare(images, window, weights.dtype)
            _remember(self.prepared, key)
        for band in bands:
            band.fill(images, weights, out[0])
        if bias is not None:
            out += bias[:, None, None]

    def _prepare(self, images: PaddedImages, window: Window, dtype: np.dtype[Any]) -> list[Band]:
        height, width = self.out[2:]
        cut = [slice(row, min(row + ROWS, height)) for row in range(0, height, ROWS)]
        bands = [Band(self.weights, window, rows, width, dtype) for rows in cut]
        if len(bands) == 1 and (images.border == "constant" or images.bare):
            bands[0].lay(images)
        return bands


def _remember(prepared: dict[Any, Any], key: object) -> None:
    _kept.append((prepared, key))
    if len(_kept) > KEPT:
        oldest, its = _kept.popleft()
        oldest.pop(its, None)


class Runs(NamedTuple):
    """How the numbers of one copy are cut, for a product each: into so `many` runs of some `length`."""

    many: int
    length: int

    @classmethod
    def of(cls, numbers: int, weights: int) -> Runs:
        """Cut so many numbers, for so many weights: the products light, but not short."""
        many = -(-numbers // max(16, LIGHT // weights))
        return cls(many, -(-numbers // many))


class Band:
    """Memory for some rows of the output and for what they are made from, and views of it."""

    inside: Array | None = None

    def __init__(
        self, weights: tuple[int, ...], window: Window, rows: slice, columns: int, dtype: np.dtype[Any]
    ) -> None:
        (sh, sw), (eh, ew), count = window.stride, window.extent, rows.stop - rows.start
        high, wide = (count - 1) * sh + eh, (columns - 1) * sw + ew
        self.rows, self.long = rows, sh == sw == 1
        self.input = slice(rows.start * sh, rows.start * sh + high), slice(0, wide)
        self.apart = wide if self.long else columns
        numbers = count * self.apart
        self.runs = Runs.of(numbers, prod(weights)) if self.long else Runs(1, numbers)
        self._make_copies(weights[1:], window, (high, wide), (count, columns), dtype)
        whole = self.runs.many * self.runs.length
        product = np.empty((weights[0], whole), dtype)
        shape = self.runs.many, weights[0], self.runs.length
        strides = self.runs.length * dtype.itemsize, whole * dtype.itemsize, dtype.itemsize
        self.products = np.ndarray(shape, dtype, product, 0, strides)
        self.result = product[:, :numbers].reshape(-1, count, self.apart)[..., :columns]
        self.light = self.runs.many == 1 and numbers * prod(weights) < SINGLE and product.flags.c_contiguous

    def _make_copies(
        self,
        taps: tuple[int, ...],
        window: Window,
        size: tuple[int, int],
        out: tuple[int, int],
        dtype: np.dtype[Any],
    ) -> None:
        """The input with its border, a view of it once for each weight, and the copies: runs, C, kh, kw, numbers."""
        spare = self.runs.many * self.runs.length  # the last run may reach over the end
        memory = np.zeros(taps[0] * prod(size) + spare, dtype)
        self.padded = memory[: taps[0] * prod(size)].reshape(taps[0], *size)
        (to_c, to_y, to_x), (dh, dw), (sh, sw) = self.padded.strides, window.dilation, window.stride
        ends: tuple[tuple[int, ...], tuple[int, ...]] = (out, (sh * to_y, sw * to_x))
        if self.long:
            ends = (self.runs.length,), (to_x,)
        shape = self.runs.many, *taps, *ends[0]
        strides = self.runs.length * to_x, to_c, dh * to_y, dw * to_x, *ends[1]
        self.view = np.ndarray(shape, dtype, memory, 0, strides)
        self.copies = np.empty(shape, dtype)
        self.matrices = self.copies.reshape(self.runs.many, prod(taps), -1)

    def lay(self, images: PaddedImages) -> None:
        """Have images laid between zeros that stay where they are."""
        (top, _), (left, _) = images.pads
        height, width = images.images.shape[2:]
        inside = self.padded[:, top : top + height, left : left + width]
        self.inside = inside if inside.shape[1:] == (height, width) else None

    def fill(self, images: PaddedImages, weights: Array, out: Array) -> None:
        """Write these rows of `out` (K, Ho, Wo)."""
        if self.inside is not None:
            np.copyto(self.inside, images.images[0])
        else:
            np.copyto(self.padded, images.part(slice(0, 1), *self.input)[0])
        np.copyto(self.copies, self.view)
        matrix = weights.reshape(len(weights), -1)
        if self.light:
            with np.errstate(all="ignore"):
                np.dot(matrix, self.matrices[0], self.products[0])  # with less ado than matmul
        else:
            with single_threaded(), np.errstate(all="ignore"):
                np.matmul(matrix, self.matrices, out=self.products)
        np.copyto(out[:, self.rows], self.result)
