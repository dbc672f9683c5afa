"""On which processor a helping thread runs: on another one than the thread that it helps.

Linux wakes a thread where it ran last, or where the thread runs that wakes it. Two that work for a millisecond at a
time and sleep in between may so share one processor for many calls, while the other is idle.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NOWHERE = -1


def here() -> int:
    """The processor that the calling thread runs on; `NOWHERE` where the system does not tell, or lets none choose."""
    return _asking()()


def keep_off(processor: int, threads: Iterable[int]) -> None:
    """Have `threads`, by the system's numbers, run on the processors of the calling thread, but not on this one."""
    others = os.sched_getaffinity(0) - {processor}
    for thread in threads if others else ():
        with suppress(OSError):  # where it is forbidden, they run as they did
            os.sched_setaffinity(thread, others)


@lru_cache(maxsize=1)
def _asking() -> Callable[[], int]:
    if not hasattr(os, "sched_setaffinity"):
        return lambda: NOWHERE
    found: Callable[[], int] = getattr(ctypes.CDLL(None), "sched_getcpu", lambda: NOWHERE)
    return found
