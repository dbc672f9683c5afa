"""The server that worker processes are forked from: it loads all modules once, while the main process does too."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager


def prepare() -> None:
    """Start the server, where the system can fork; it is ready later."""
    if start_method() == "forkserver":
        from multiprocessing import forkserver, resource_tracker

        forkserver.set_forkserver_preload(["cnnfx.jobs.warm"])
        resource_tracker.ensure_running()  # the server would start it, and that lets Ctrl-C through again
        with deaf():
            forkserver.ensure_running()


def start_method() -> str:
    """How workers are started: forked from the server, or anew where the system cannot do that."""
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@contextmanager
def deaf() -> Iterator[None]:
    """Processes that are started meanwhile do not hear Ctrl-C, not even while they load; here it is heard later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
