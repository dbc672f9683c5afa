"""Reusable buffers.

Newly allocated pages are zeroed on first use, which costs as much as the arithmetic at 12 megapixels.
`Workspace` keeps the intermediate arrays of one object; `buffer` returns an array of the calling thread's workspace.
`recycled_empty` returns arrays that a caller may keep; their memory is reused after they are garbage collected.
`keep_freed_memory` makes the C library reuse the memory of all arrays of a process. `memory_limit` is how much of the
system's memory feature maps may use.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

SMALLEST_BUFFER_BYTES = 1 << 16
"""Smaller buffers are allocated at each call, which is as fast."""

CHANNEL_GAP = 32
"""Elements between the channels of `Workspace.spaced_array`: at least one cache line."""

SMALLEST_RECYCLED_BYTES = 1 << 22
"""Smaller arrays are allocated by NumPy: the C library already reuses their memory."""

LARGEST_RECYCLED_BYTES = 1 << 29
"""Larger arrays are allocated by NumPy, so that at most this much unused memory is kept."""

M_TRIM_THRESHOLD = -1
"""glibc's number of the parameter "bytes of freed memory to keep at the end of the heap"."""

M_MMAP_THRESHOLD = -3
"""glibc's number of the parameter "bytes above which an allocation is mapped separately and unmapped when freed"."""

KEPT_HEAP_BYTES = 1 << 26
"""Freed memory that the C library keeps after `keep_freed_memory`."""

LARGEST_HEAP_ALLOCATION_BYTES = 1 << 25
"""The largest allocation that the C library takes from the heap after `keep_freed_memory`: glibc's maximum."""

MEMORY_SHARE = 0.75
"""The part of the system's memory that the feature maps of an image may use."""

DEFAULT_MEMORY_BYTES = 4 * 2**30
"""The memory that feature maps may use where the system does not say how much it has."""


class Workspace:
    """Named arrays that are allocated once and reused. Their contents stay until the next use of the same name."""

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an uninitialized array in the memory of this name. Memory that is too small is replaced."""
        dtype = np.dtype(dtype)
        size, memory = math.prod(shape) * dtype.itemsize, self._buffers.get(name)
        if memory is None or memory.size < size:
            memory = self._buffers[name] = np.empty(size, np.uint8)
        return memory[:size].view(dtype).reshape(shape)

    def spaced_array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array as `array` does, with a gap of `CHANNEL_GAP` elements after each channel (the first axis).

        Channels whose distance is a power of two are mapped to the same few cache lines and evict one another.
        """
        channels, size = shape[0], math.prod(shape[1:])
        return self.array(name, (channels, size + CHANNEL_GAP), dtype)[:, :size].reshape(shape)


class _ThreadWorkspace(threading.local, Workspace):
    """A workspace for each thread."""


_thread_workspace = _ThreadWorkspace()


def buffer(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an uninitialized array in memory that later calls of the same thread with this name reuse."""
    if math.prod(shape) * dtype.itemsize < SMALLEST_BUFFER_BYTES:
        return np.empty(shape, dtype)
    return _thread_workspace.array(name, shape, dtype)


_free: list[NDArray[np.uint8]] = []
"""The memory of the recycled array that was garbage collected last; empty if this memory is in use again."""


def recycled_empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an uninitialized array, if possible in the memory of one that has been garbage collected."""
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
    """Keep this memory for reuse, instead of the memory kept so far."""
    _free[:] = [memory]


def keep_freed_memory() -> None:
    """Make the C library keep freed memory of this process, except that of the largest arrays.

    By default it returns freed memory to the system, and each of many small images needs two thousand new pages. Only
    glibc has this setting (`mallopt`); with other C libraries nothing changes.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, LARGEST_HEAP_ALLOCATION_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_HEAP_BYTES)


def memory_limit() -> int:
    """Return how many bytes the feature maps of an image may use: `MEMORY_SHARE` of the system's memory."""
    try:
        return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * MEMORY_SHARE)
    except (AttributeError, ValueError, OSError):  # Windows
        return DEFAULT_MEMORY_BYTES
