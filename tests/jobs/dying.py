"""A command line whose worker processes die at every image named `killer.png`."""

import os
import pathlib
import sys

_open = pathlib.Path.open


def _opened(path, *args, **options):
    if path.name == "killer.png" and "multiprocessing.forkserver" in " ".join(sys.orig_argv):
        os.kill(os.getpid(), 9)
    return _open(path, *args, **options)


pathlib.Path.open = _opened

if __name__ == "__main__":
    from cnnfx.__main__ import main

    main()
