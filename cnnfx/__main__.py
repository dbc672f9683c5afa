"""`python -m cnnfx`, and where the `cnnfx` command starts."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line."""
    # The engine's own threads do the work; BLAS reads these once, when NumPy is loaded, and would start threads of
    # its own.
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(variable, "1")
    from cnnfx.cli import app

    app(prog_name="cnnfx")


if __name__ == "__main__":
    main()
