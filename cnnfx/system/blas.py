"""Keeping NumPy's BLAS to one thread while our own threads are at work.

NumPy's wheels bring OpenBLAS, which would start as many threads as there are processors for every product, in each of
our threads. It can be told not to by a function that the library exports. Where there is none (another BLAS), nothing
is done, and the results are the same but for rounding.
"""

from __future__ import annotations

import ctypes
import threading
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_lock = threading.Lock()
_users = 0
_before = 1


@contextmanager
def single_threaded() -> Iterator[None]:
    """One thread for each matrix product inside the block; the last one to leave sets what was set before."""
    global _users, _before
    get, put = functions()
    with _lock:
        _users += 1
        if _users == 1 and (_before := get()) != 1:
            put(1)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _before != 1:
                put(_before)


@lru_cache(maxsize=1)
def functions() -> tuple[Callable[[], int], Callable[[int], object]]:
    """OpenBLAS's functions that tell and set its number of threads, looked for in the library that NumPy loaded."""
    try:
        library = ctypes.CDLL(import_module("numpy._core._multiarray_umath").__file__)
    except (OSError, ImportError):
        return lambda: 1, lambda count: None
    for prefix in ("scipy_", ""):
        for suffix in ("64_", "_64", ""):
            names = (f"{prefix}openblas_{verb}_num_threads{suffix}" for verb in ("get", "set"))
            found = [getattr(library, name, None) for name in names]
            if all(found):
                return found[0], found[1]  # type: ignore[return-value]
    return lambda: 1, lambda count: None
