"""Memory that is used again for each batch: fresh memory is slow."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from cnnfx.layers import Array

GAP = 32
"""Numbers between channels: a line of the cache or more."""


class Room:
    """Named arrays of one owner; what was in one before is still in it."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """An array of this shape, in the memory of this name."""
        size, array = math.prod(shape), self._arrays.get(name)
        if array is None or array.size < size or array.dtype != dtype:
            array = self._arrays[name] = np.empty(size, dtype)
        return array[:size].reshape(shape)

    def apart(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """The same, with a gap after each item of the first axis.

        Channels that lie a power of two apart share a few lines of the cache, and drive one another out.
        """
        channels, size = shape[0], math.prod(shape[1:])
        return self(name, (channels, size + GAP), dtype)[:, :size].reshape(shape)
