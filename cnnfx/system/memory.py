"""Reusable buffers.

Newly allocated pages are zeroed on first use, which costs as much as the arithmetic at 12 megapixels.
`Workspace` holds the intermediate arrays of one owner, and `buffer` takes one from the calling thread's workspace.
`recycled_empty` makes arrays for a caller to keep; their memory is used again once the caller has dropped them.
`keep_freed_memory` has the C library reuse the memory of all arrays of a process.
"""

from __future__ import annotations

import ctypes
import math
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

SMALLEST_BUFFER_BYTES = 1 << 16
"""Smaller buffers are allocated each time, which is as fast."""

CHANNEL_GAP = 32
"""Elements between the channels of `Workspace.spaced_array`: at least one cache line."""

SMALLEST_RECYCLED_BYTES = 1 << 22
"""Smaller results come from NumPy: the C library reuses their memory itself."""

LARGEST_RECYCLED_BYTES = 1 << 29
"""Larger results come from NumPy, so that no more than this is held back from the system."""

M_TRIM_THRESHOLD = -1
"""glibc's number for the parameter "bytes of freed memory to keep at the end of the heap"."""

M_MMAP_THRESHOLD = -3
"""glibc's number for the parameter "bytes from which on an allocation is mapped apart and unmapped when freed"."""

KEPT_HEAP_BYTES = 1 << 26
"""Freed memory that the C library keeps after `keep_freed_memory`."""

LARGEST_HEAP_ALLOCATION_BYTES = 1 << 25
"""The largest allocation that the C library takes from the heap: glibc accepts no more."""


class Workspace:
    """Named arrays that are allocated once and reused. Their contents stay until the next use of the same name."""

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of this shape in the memory of this name; the memory grows where it is too small."""
        dtype = np.dtype(dtype)
        size, memory = math.prod(shape) * dtype.itemsize, self._buffers.get(name)
        if memory is None or memory.size < size:
            memory = self._buffers[name] = np.empty(size, np.uint8)
        return memory[:size].view(dtype).reshape(shape)

    def spaced_array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array as `array` does, with a gap after each item of the first axis.

        Channels whose distance is a power of two are mapped to the same few cache lines and evict one another.
        """
        channels, size = shape[0], math.prod(shape[1:])
        return self.array(name, (channels, size + CHANNEL_GAP), dtype)[:, :size].reshape(shape)


class _ThreadWorkspace(threading.local, Workspace):
    """A workspace for each thread."""


_thread_workspace = _ThreadWorkspace()


def buffer(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array of arbitrary contents in memory that the calling thread reuses under this name."""
    if math.prod(shape) * dtype.itemsize < SMALLEST_BUFFER_BYTES:
        return np.empty(shape, dtype)
    return _thread_workspace.array(name, shape, dtype)


_free: list[NDArray[np.uint8]] = []
"""The memory of the last recycled array that was dropped, or nothing."""


def recycled_empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an uninitialized array as `numpy.empty` does, if possible in memory of an array that has been dropped."""
    size = math.prod(shape) * dtype.itemsize
    if not SMALLEST_RECYCLED_BYTES <= size <= LARGEST_RECYCLED_BYTES:
        return np.empty(shape, dtype)
    memory = _allocate(size)
    owner = _Owner(memory, size)
    weakref.finalize(owner, _release, memory).atexit = False
    return np.asarray(owner).view(dtype).reshape(shape)


class _Owner:
    """The base object of a recycled array and all of its views: when it is collected, the memory is free."""

    def __init__(self, memory: NDArray[np.uint8], size: int) -> None:
        self.__array_interface__ = {**memory[:size].__array_interface__}


def _allocate(size: int) -> NDArray[np.uint8]:
    """Return free memory of at least `size` and at most twice as many bytes, or new memory."""
    try:
        memory = _free.pop()  # one atomic step: no two threads get the same memory
    except IndexError:
        return np.empty(size, np.uint8)
    return memory if size <= memory.size <= 2 * size else np.empty(size, np.uint8)


def _release(memory: NDArray[np.uint8]) -> None:
    """Keep the memory in place of what was kept."""
    _free[:] = [memory]


def keep_freed_memory() -> None:
    """Have the C library keep the memory that is freed in this process, for all but the largest arrays.

    By default it returns freed memory to the system, and each image of a folder of small images costs two thousand new
    pages. Only glibc has this setting (`mallopt`); elsewhere nothing is done.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, LARGEST_HEAP_ALLOCATION_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_HEAP_BYTES)
