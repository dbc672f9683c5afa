"""`python -m cnnfx`, and where the `cnnfx` command starts."""

from __future__ import annotations

import atexit
import gc
import os
import sys


def main() -> None:
    """Run the command line."""
    _collect_late()
    # The engine's own threads do the work; BLAS reads these once, when NumPy is loaded, and would start threads of
    # its own.
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(variable, "1")
    try:
        _prepare_stdout()
        from cnnfx.cli import app

        app(prog_name="cnnfx")
    except KeyboardInterrupt:  # before the command line was there to hear it, or after it was done
        sys.exit(130)


def _collect_late() -> None:
    """Look for garbage only among what a long work leaves: what is loaded at the start stays, and the end frees it all.

    Without that, a short command spends a tenth of its time in looking.
    """
    gc.set_threshold(100_000, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)


def _prepare_stdout() -> None:
    """A standard output that is there and takes every text: a sign that its encoding lacks becomes `?`."""
    if sys.stdout is None:  # closed, as by `>&-`
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 # open as long as the program runs
    else:
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] # the interpreter's own is a TextIOWrapper


if __name__ == "__main__":
    main()
