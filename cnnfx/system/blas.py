"""The number of threads of NumPy's BLAS, which is set to one while threads of cnnfx compute.

NumPy's wheels contain OpenBLAS. By default it uses one thread per processor for each product, in each calling thread.
The number is set by functions of the library. With another BLAS nothing is set, and results are the same up to
rounding.
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
_threads_before = 1


@contextmanager
def single_threaded() -> Iterator[None]:
    """Use one thread for each matrix product inside the `with` block.

    Blocks may overlap in several threads; the end of the last one restores the number.
    """
    global _users, _threads_before
    get_threads, set_threads = functions()
    with _lock:
        _users += 1
        if _users == 1 and (_threads_before := get_threads()) != 1:
            set_threads(1)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _threads_before != 1:
                set_threads(_threads_before)


@lru_cache(maxsize=1)
def functions() -> tuple[Callable[[], int], Callable[[int], object]]:
    """Return the functions that get and set the number of threads, of the OpenBLAS library that NumPy has loaded."""
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
