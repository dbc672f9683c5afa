"""Memory that is used again for each batch: fresh memory is slow."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from cnnfx.layers import Array


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
