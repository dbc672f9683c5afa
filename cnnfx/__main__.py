"""`python -m cnnfx`, and where the `cnnfx` command starts."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress


def main() -> None:
    """Run the command line, and end the program with its exit code."""
    leaving = _Leaving()
    # A short command would spend a tenth of its time in looking for garbage: only a long one leaves enough of it.
    gc.set_threshold(100_000, *gc.get_threshold()[1:])
    # The engine's own threads do the work; BLAS reads these once, when NumPy is loaded, and would start threads of
    # its own.
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(variable, "1")
    try:
        _prepare_streams()
        from cnnfx.cli import app

        app(prog_name="cnnfx")
    except KeyboardInterrupt:  # before the command line was there to hear it, or after it was done
        leaving.status = 130
        sys.exit(130)
    except SystemExit as end:
        leaving.status = end.code or 0
        raise


class _Leaving:
    """The end of the program, once all else that is to be done at its end is done.

    The interpreter would then take apart, object by object, what the system takes back at once: a twentieth of the time
    of a short command.
    """

    def __init__(self) -> None:
        self.status: str | int | None = None  # as long as nothing has ended as it should
        # What is registered first is called last: what somebody registered before this would never be called.
        if not getattr(atexit, "_ncallbacks", lambda: 1)():
            atexit.register(self)

    def __call__(self) -> None:
        if isinstance(self.status, int):
            with suppress(OSError, ValueError):  # a full disk, a closed pipe: the interpreter says so in its own way
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(self.status)


def _prepare_streams() -> None:
    """Streams that are there, also where they were closed as by `>&-`, and take every text: a sign that an encoding
    lacks becomes `?`."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 # open as long as the program runs
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 # as above
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] # the interpreter's own is a TextIOWrapper


if __name__ == "__main__":
    main()
