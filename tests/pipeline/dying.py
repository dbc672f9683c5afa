"""A command line, or a module preloaded by Dask workers, whose workers die at every image named `killer.png`."""

import os
import pathlib
import re
import sys
import time

WORKER = re.compile(r"multiprocessing\.(forkserver|spawn)")
"""Matches the command line of a worker process, of cnnfx or of Dask's nanny."""


def _opened(path, *args, _open=pathlib.Path.open, **options):  # Dask loads this twice, so `_open` is no global
    if path.name == "killer.png" and WORKER.search(" ".join(sys.orig_argv)):
        time.sleep(0.2)  # until others wait behind it
        os.kill(os.getpid(), 9)
    return _open(path, *args, **options)


pathlib.Path.open = _opened

if __name__ == "__main__":
    from cnnfx.__main__ import main

    main()
