"""How many threads a command uses."""

from __future__ import annotations

from cnnfx.engine import set_threads, thread_count
from cnnfx.errors import ArgumentError, UsageError


def use_threads(count: int | None) -> None:
    """So many, or as many as $CNNFX_THREADS says, or the machine grants.

    Raises
    ------
    UsageError
        If $CNNFX_THREADS is no number of threads, before anything is done.
    """
    if count is not None:
        set_threads(count)
    try:
        thread_count()
    except ArgumentError as error:
        raise UsageError(f"{error}.") from None
