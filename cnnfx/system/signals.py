"""Signals that end the program: Ctrl-C (SIGINT), SIGTERM and SIGHUP.

While files are written, a signal raises KeyboardInterrupt in the main thread, so that unfinished files are removed and
worker processes end. The exit code is 128 and the number of the signal, as shells report it.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Any
else:
    import _signal as signal  # what `signal` wraps with enums, which take longer to import than Python to start

MESSAGES = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
"""What the program prints when a signal ends it, for each signal."""
if hasattr(signal, "SIGHUP"):  # not on Windows
    MESSAGES[signal.SIGHUP] = "terminated, as its terminal was closed"
REPEAT_SECONDS = 1.0
"""Seconds in which a further signal is ignored: `timeout` sends it to the process and then to its group."""

_received = signal.SIGINT
_when = -REPEAT_SECONDS
_raises = False
_interrupted = False
_deferred = False


def handle_signals() -> None:
    """Handle the signals from now on. They end the process at once until `raise_interrupts` is called.

    Signals that are ignored, as SIGHUP under `nohup`, stay ignored.
    """
    for number in MESSAGES:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _handle)


def raise_interrupts(wanted: bool) -> None:
    """Let signals raise KeyboardInterrupt in the main thread, or end the process at once."""
    global _raises
    _raises = wanted


class InterruptsDeferred:
    """A context in which signals wait, so that steps which belong together are all done or none."""

    def __enter__(self) -> None:
        global _deferred
        _deferred, self._seen = True, _when

    def __exit__(self, *_: object) -> None:
        global _deferred, _interrupted
        _deferred = False
        if _when != self._seen:
            _interrupted = True
            raise KeyboardInterrupt


def was_interrupted() -> bool:
    """Return whether a signal has raised KeyboardInterrupt.

    An error that follows may be that one: C code that is interrupted, such as an import in the compiler, raises others.
    """
    return _interrupted


def exit_code() -> int:
    """Return the exit code after the last signal: 130 after Ctrl-C."""
    return 128 + _received


def end_message() -> str:
    """Return what the last signal did to the program: "interrupted" after Ctrl-C."""
    return MESSAGES[_received]


def _handle(number: Any, _: object) -> None:
    global _received, _when, _interrupted
    before, _when = _when, time.monotonic()
    if _when - before < REPEAT_SECONDS:
        return
    _received = number
    if _raises and _deferred:
        return
    if _raises:
        _interrupted = True
        raise KeyboardInterrupt
    try:
        os.write(2, f"cnnfx: {end_message()}.\n".encode())
    finally:
        os._exit(exit_code())
