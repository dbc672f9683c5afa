"""Memory that is used again: fresh memory is slow, for the system must clear every page of it before it is touched.

`buffer` is scratch space, for one thread and one purpose. `result` is what a caller gets, and its memory comes back
when nobody holds it any more. Both lie in large pages, where the system has them: the 512 small ones in place of one
take about five times as long to get.
"""

from __future__ import annotations

import math
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGE_PAGE = 1 << 21
"""Bytes of a large page, as most processors have them; smaller results have no use of one."""

LITTLE, ALIGNED = 1 << 16, 1 << 6
"""Bytes of scratch space that are as fast to have anew, and those at a multiple of which other scratch space begins."""

LARGEST, SPARE = 1 << 29, 1 << 25
"""Bytes of a result, at most, whose memory comes back, and of what has come back and is kept; what came last is kept
in any case."""


class _Own(threading.local):
    """The scratch space of a thread, and the rest of the large page in which it has some."""

    def __init__(self) -> None:
        self.spaces: dict[str, NDArray[np.uint8]] = {}
        self.rest = np.empty(0, np.uint8)

    def fresh(self, size: int) -> NDArray[np.uint8]:
        if size > self.rest.size:
            self.rest = _fresh(-(-size // LARGE_PAGE) * LARGE_PAGE)
        memory, self.rest = self.rest[:size], self.rest[-(-size // ALIGNED) * ALIGNED :]
        return memory


_own = _Own()
_spare: list[NDArray[np.uint8]] = []


def buffer(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Memory that this thread uses again and again; what it held before is still in it."""
    size = math.prod(shape) * dtype.itemsize
    if size < LITTLE:
        return np.empty(shape, dtype)
    memory = _own.spaces.get(name)
    if memory is None or memory.size < size:
        memory = _own.spaces[name] = _own.fresh(size)
    return memory[:size].view(dtype).reshape(shape)


def result(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array for a caller to keep, of any numbers."""
    size = math.prod(shape) * dtype.itemsize
    if not LARGE_PAGE <= size <= LARGEST:
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
    for _ in range(len(_spare)):
        memory = _taken(-1)
        if memory is None:
            break
        if size <= memory.size <= 2 * size:
            return memory
        _spare.insert(0, memory)
    return _fresh(size)


def _come_back(memory: NDArray[np.uint8]) -> None:
    """Keep the memory, and of the others as many as there is room for."""
    _spare.append(memory)
    while len(kept := _spare.copy()) > 1 and sum(each.size for each in kept) > SPARE:
        _taken(0)


def _taken(place: int) -> NDArray[np.uint8] | None:
    """Spare memory, which is the caller's alone from now on, if there still is some.

    Memory comes back at any moment in any thread, so that no lock can be waited for: each step of a list is whole.
    """
    try:
        return _spare.pop(place)
    except IndexError:
        return None


def _fresh(size: int) -> NDArray[np.uint8]:
    """So many bytes from where a large page begins: NumPy asks for such pages, but the system has them only there.

    The last one may be a small part of a page: it is not made a whole one, which would be waste where results are kept.
    """
    memory = np.empty(size + LARGE_PAGE, np.uint8)
    first = -memory.__array_interface__["data"][0] % LARGE_PAGE
    return memory[first : first + size]
