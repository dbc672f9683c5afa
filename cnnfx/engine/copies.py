"""The copies of the input that the products of `direct` read, in memory that is laid out once for many blocks.

A small image is done in the time of a few calls of NumPy, and so is each block of a large one. So all that need not be
done anew is kept: the memory, the views of it, and the zeros of the border.
"""

from __future__ import annotations

import threading
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfx.engine.bands import COPIES, steps
from cnnfx.engine.borders import inside
from cnnfx.engine.memory import buffer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from cnnfx.engine.bands import Block
    from cnnfx.engine.borders import Inside, PaddedImages
    from cnnfx.engine.geometry import Pads, Window

    Array = NDArray[Any]

KEPT = 1 << 24
"""Bytes of strips that a thread keeps; what it made last it keeps in any case."""


class Layout:
    """What memory serves: blocks of one size, with as much border beside them, of images of some type and channels."""

    def __init__(self, block: Block, channels: int, window: Window, dtype: np.dtype[Any]) -> None:
        self.block, self.channels, self.window, self.dtype = block, channels, window, dtype

    def copies(self) -> Copies:
        """The memory of the calling thread."""
        return _own.made.get(self) or _own.make(self)


class _Own(threading.local):
    """The memory of a thread, the oldest first."""

    def __init__(self) -> None:
        self.made: dict[Layout, Copies] = {}

    def make(self, layout: Layout) -> Copies:
        new = Copies(layout)
        while self.made and sum(each.strip.nbytes for each in self.made.values()) + new.strip.nbytes > KEPT:
            del self.made[next(iter(self.made))]
        self.made[layout] = new
        return new


_own = _Own()


class Part(NamedTuple):
    """A block, the layout of its memory, the padded rows and columns under it, what of these is not border, and where
    that lies in the images and in the strip."""

    block: Block
    layout: Layout
    rows: slice
    columns: slice
    inside: Inside
    images: tuple[slice, ...]
    strip: tuple[slice, ...]


def parts(
    blocks: Iterable[Block], size: tuple[int, ...], pads: Pads, channels: int, window: Window, dtype: np.dtype[Any]
) -> tuple[Part, ...]:
    """The blocks of the output for images of some size; those that are alike share their layout."""
    layouts: dict[tuple[int, ...], Layout] = {}
    found = []
    for block in blocks:
        rows, columns = window.under(block.rows, block.columns)
        where = inside(size, pads, rows, columns)
        down, across, above, below, before, after = where
        lengths = (part.stop - part.start for part in block[:3])
        key = (*lengths, block.p, before, after)
        if key not in layouts:
            layouts[key] = Layout(block, channels, window, dtype)
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        every = slice(None)
        strip = every, every, slice(above, high - below), slice(before, wide - after)
        images = block.batch, every, down, across
        found.append(Part(block, layouts[key], rows, columns, where, images, strip))
    return tuple(found)


class Piece(NamedTuple):
    """Columns of a block that are made in one product: the input as it is to be copied, (rows, C, kw, N, columns); the
    copies; and these as the matrices of the products, which overlap, (bands, taps·C·kw, N·columns)."""

    columns: slice
    shifted: Array
    copies: Array
    matrices: Array


class Copies:
    """The strip, which is the input under a block (N, C, rows, columns), and the copies of it."""

    def __init__(self, layout: Layout) -> None:
        block, window, dtype = layout.block, layout.window, layout.dtype
        high, wide = (where.stop - where.start for where in window.under(block.rows, block.columns))
        self.block, self.images = block, block.batch.stop - block.batch.start
        self.columns = block.columns.stop - block.columns.start
        self.strip = np.zeros((self.images, layout.channels, high, wide), dtype)
        self.above = self.below = 0  # rows of the strip that hold zeros
        self.part: Part | None = None  # the block that was done last
        _, taps, apart = steps(window, block.p)
        self.gaps = taps != window.kernel[0]  # zeros of the matrices stand where no weight does
        self.shape = ((block.bands - 1) * apart + taps, layout.channels, window.kernel[1], self.images)
        # The copies are made anew each time, so all layouts share one memory, which is large enough for most of them.
        memory = buffer("copies", (max(prod(self.shape) * min(block.across, self.columns), COPIES // 4),), dtype)
        firsts = range(0, self.columns, block.across)
        self.pieces = [self._piece(window, n, min(n + block.across, self.columns), memory) for n in firsts]

    def _piece(self, window: Window, first: int, last: int, memory: Array) -> Piece:
        (step, taps, apart), (_, sw), (_, dw) = steps(window, self.block.p), window.stride, window.dilation
        (to_n, to_c, to_y, to_x), shape = self.strip.strides, (*self.shape, last - first)
        strides = step * to_y, to_c, dw * to_x, to_n, sw * to_x
        shifted = np.ndarray(shape, memory.dtype, self.strip, first * sw * to_x, strides)
        copies = memory[: prod(shape)].reshape(shape)
        to_row, _, to_copy, _, to_one = copies.strides
        under = self.block.bands, taps * prod(shape[1:3]), prod(shape[3:])
        matrices = np.ndarray(under, memory.dtype, copies, 0, (apart * to_row, to_copy, to_one))
        return Piece(slice(first, last), shifted, copies, matrices)

    def lay(self, images: PaddedImages, part: Part) -> None:
        """Write the input under a block to the strip; beside it, and where they already stand, zeros stay."""
        if images.border != "constant":
            images.lay(self.strip, part.block.batch, part.rows, part.columns, part.inside)
            return
        if part is not self.part:
            self._frame(part)
        np.copyto(self.inside, images.images[part.images])

    def _frame(self, part: Part) -> None:
        """Zeros above and below what is not border."""
        above, below = part.inside.above, part.inside.below
        if above > self.above:
            self.strip[:, :, :above] = 0
        if below > self.below:
            self.strip[:, :, -below:] = 0
        self.above, self.below = above, below
        self.part, self.inside = part, self.strip[part.strip]

    def multiply(self, matrix: Array, target: Array) -> None:
        """Multiply the copies of the strip, and write the products to `target` (N, K, rows, columns)."""
        lying = self.lying(target)
        for columns, shifted, copies, matrices in self.pieces:
            np.copyto(copies, shifted)
            if self.images == 1:
                np.matmul(matrix, matrices, out=lying[..., 0, columns])
            else:
                some = lying[..., columns]
                product = buffer("product", (*some.shape[:-2], matrices.shape[2]), matrices.dtype)
                some[...] = np.matmul(matrix, matrices, out=product).reshape(some.shape)

    def lying(self, target: Array) -> Array:
        """The same, as the products lie: (rows, K, N, columns), or (K, bands, p, N, columns)."""
        if self.block.p == 1:
            return target.transpose(2, 1, 0, 3)
        bands = target.reshape(*target.shape[:2], self.block.bands, self.block.p, self.columns)
        return bands.transpose(1, 2, 3, 0, 4)
