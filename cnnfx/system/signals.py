"""Signals that end the program: Ctrl-C (SIGINT), SIGTERM and SIGHUP.

While a command works, a signal raises KeyboardInterrupt in the main thread, so that unfinished files are removed and
worker processes end. Python loses an exception that is raised in some of its own functions; there, as before and after
the work, a signal ends the process at once. The exit code is 128 and the number of the signal, as shells report it.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from types import FrameType
    from typing import Any
else:
    import _signal as signal  # what `signal` wraps with enums, which take longer to import than Python to start

MESSAGES: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
"""What the program prints when a signal ends it, for each signal."""
if hasattr(signal, "SIGHUP"):  # not on Windows
    MESSAGES[signal.SIGHUP] = "terminated, as its terminal was closed"
REPEAT_SECONDS = 1.0
"""Seconds after a signal in which further ones are ignored: `timeout` signals the process and then its group."""
LOSING_FILES = ("<frozen importlib", "weakref.py", "_weakrefset.py")
"""Parts of the names of Python's files whose functions lose exceptions, or make others of them."""
SHOW_CURSOR = b"\x1b[?25h"
"""What a terminal is sent at the end, as progress bars hide the cursor."""

_received = 0  # the number of the last signal that was not ignored, 0 before the first, and when it was received
_when = -REPEAT_SECONDS
_raises = False
_deferred = False
_at_end: list[Callable[[], object]] = []


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
        global _deferred
        _deferred = False
        if _when != self._seen:
            raise KeyboardInterrupt


def call_at_end(function: Callable[[], object]) -> None:
    """Call a function before a signal ends the process at once."""
    _at_end.append(function)


def was_interrupted() -> bool:
    """Return whether a signal has raised KeyboardInterrupt.

    An error that follows may be that one: C code that is interrupted, such as an import in the compiler, raises others.
    """
    return _received != 0


def exit_code() -> int:
    """Return the exit code after the last signal: 130 after Ctrl-C."""
    return 128 + (_received or signal.SIGINT)


def end_message() -> str:
    """Return what the last signal did to the program: "interrupted" after Ctrl-C."""
    return MESSAGES[_received or signal.SIGINT]


def _handle(number: Any, frame: FrameType | None) -> None:
    global _received, _when
    now = time.monotonic()
    if now - _when < REPEAT_SECONDS:
        return
    _received, _when = number, now
    if _raises and _deferred:
        return
    if _raises and not _loses_exceptions(frame):
        raise KeyboardInterrupt
    try:
        for function in _at_end:
            function()
        os.write(2, (SHOW_CURSOR if _raises and os.isatty(2) else b"") + f"cnnfx: {end_message()}.\n".encode())
    finally:
        os._exit(exit_code())


def _loses_exceptions(frame: FrameType | None) -> bool:
    """Return whether an import, the callback of a weak reference or a finalizer is running."""
    while frame is not None:
        code = frame.f_code
        if code.co_name == "__del__" or any(part in code.co_filename for part in LOSING_FILES):
            return True
        frame = frame.f_back
    return False
