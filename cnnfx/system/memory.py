"""Memory that is used again: fresh memory is slow, for the system must clear every page of it before it is touched.

`buffer` is scratch space, for one thread and one purpose. `result` is what a caller gets, and its memory comes back
when nobody holds it any more. `keep_freed` is for a program of ours: all that is freed in it is used again.
"""

from __future__ import annotations

import ctypes
import math
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

if TYPE_CHECKING:
    from numpy.typing import NDArray

LITTLE = 1 << 16
"""Bytes of scratch space that are as fast to have anew."""

LARGE = 1 << 22
"""Bytes of a result from which on the system gives its memory back, and clears it again for the next."""

SPARE = 1 << 29
"""Bytes of results that nobody holds any more, at most, that are kept for the next."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, KEPT = -1, -3, 1 << 26
"""What glibc calls the bytes of freed memory that it keeps at most, and those of a piece that it keeps at all: of these
it takes 32 MiB at most."""

_own = threading.local()
_spare: list[NDArray[np.uint8]] = []


def buffer(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Memory that this thread uses again and again; what it held before is still in it."""
    size = math.prod(shape) * dtype.itemsize
    if size < LITTLE:
        return np.empty(shape, dtype)
    memory: NDArray[np.uint8] | None = getattr(_own, name, None)
    if memory is None or memory.size < size:
        memory = np.empty(size, np.uint8)
        setattr(_own, name, memory)
    return memory[:size].view(dtype).reshape(shape)


def result(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array for a caller to keep, of any numbers."""
    size = math.prod(shape) * dtype.itemsize
    if not LARGE <= size <= SPARE:
        return np.empty(shape, dtype)
    memory = _fitting(size)
    lent = _Lent(memory, size)
    weakref.finalize(lent, _come_back, memory).atexit = False
    return np.asarray(lent).view(dtype).reshape(shape)


class _Lent:
    """What an array and all views of it hold on to, and nobody else: when it goes, the memory is free."""

    def __init__(self, memory: NDArray[np.uint8], size: int) -> None:
        self.__array_interface__ = {**memory[:size].__array_interface__}


def _fitting(size: int) -> NDArray[np.uint8]:
    """Spare memory of at least so many bytes, and not many more; fresh memory if there is none."""
    try:
        memory = _spare.pop()
    except IndexError:
        return np.empty(size, np.uint8)
    return memory if size <= memory.size <= 2 * size else np.empty(size, np.uint8)


def _come_back(memory: NDArray[np.uint8]) -> None:
    """Keep the memory, in place of what was kept."""
    _spare[:] = [memory]


def keep_freed() -> None:
    """Have the C library keep what is freed in this process, and use it again for all arrays but the largest.

    Else it gives freed memory back to the system again and again, and of a folder of small images each costs two
    thousand pages anew. Only glibc can be told so (`mallopt`); elsewhere nothing is done.
    """
    if sys.platform == "linux" and (told := getattr(ctypes.CDLL(None), "mallopt", None)):
        told(M_MMAP_THRESHOLD, KEPT // 2)
        told(M_TRIM_THRESHOLD, KEPT)


GAP = 32
"""Numbers between channels: a line of the cache or more."""


class Room:
    """Named arrays of one owner; what was in one before is still in it."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array of this shape, in the memory of this name."""
        size, array = math.prod(shape), self._arrays.get(name)
        if array is None or array.size < size or array.dtype != dtype:
            array = self._arrays[name] = np.empty(size, dtype)
        return array[:size].reshape(shape)

    def apart(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """The same, with a gap after each item of the first axis.

        Channels that lie a power of two apart share a few lines of the cache, and drive one another out.
        """
        channels, size = shape[0], math.prod(shape[1:])
        return self(name, (channels, size + GAP), dtype)[:, :size].reshape(shape)
