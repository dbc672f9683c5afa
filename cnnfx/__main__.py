"""The start and the end of the program: `python -m cnnfx` and the `cnnfx` command."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # built in, while `signal` imports enum, which takes time

if __name__ == "__main__" and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # Python's own handler would print a traceback from here on

from cnnfx.system.signals import end_message, exit_code, handle_signals, raise_interrupts, was_interrupted

if __name__ == "__main__":
    handle_signals()

import atexit
import gc
import os
import sys
from contextlib import suppress

BLAS_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""The variables that BLAS libraries read once, when NumPy is imported."""
OBJECTS_PER_COLLECTION = 100_000
"""New objects after which garbage is collected. A short command makes fewer, and saves a tenth of its time."""


def main() -> None:
    """Run the command line, and exit with its code."""
    handle_signals()
    exit_codes: list[object] = []
    if not getattr(atexit, "_ncallbacks", lambda: 1)():  # what others registered before would not be called
        atexit.register(_exit_at_once, exit_codes)
    try:
        exit_codes.append(_run())
        raise_interrupts(False)
    except BaseException:  # KeyboardInterrupt that the command line does not handle, or what C code made of it
        if not was_interrupted():
            raise
        raise_interrupts(False)
        exit_codes[:] = [exit_code()]
        with suppress(OSError):
            os.write(2, f"cnnfx: {end_message()}.\n".encode())
    sys.exit(exit_codes[0])  # type: ignore[arg-type] # what SystemExit had


def _run() -> object:
    """Run the command line, and return its exit code."""
    try:
        raise_interrupts(True)
        gc.set_threshold(OBJECTS_PER_COLLECTION, *gc.get_threshold()[1:])
        for variable in BLAS_THREAD_VARIABLES:
            os.environ.setdefault(variable, "1")  # cnnfx starts its own threads
        _prepare_streams()
        from cnnfx.cli import app

        app(prog_name="cnnfx")
    except SystemExit as end:
        return end.code or 0
    return 0


def _exit_at_once(exit_codes: list[object]) -> None:
    """Exit without freeing every object, which takes a seventh of a short command. Registered first, it is called last.

    An error that is not handled appends no code, and ends as usual.
    """
    if exit_codes and isinstance(exit_codes[0], int):
        with suppress(OSError, ValueError):  # the interpreter reports a full disk or a closed pipe itself
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(exit_codes[0])


def _prepare_streams() -> None:
    """Open the streams that are closed, as by `>&-`, and replace characters that the encoding lacks by `?`.

    Their numbers are used up, so that no output file gets one, into which a library could print. What is read from
    standard input or written to standard output then fails; what is written to standard error is lost.
    """
    for number, mode in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)  # gets the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 # open as long as the program runs
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 # as above
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] # the interpreter's own is a TextIOWrapper


if __name__ == "__main__":
    main()
