"""A local mirror of a small MNIST, and a program that runs a command line with it.

As a program, `python tests/faults/mirror.py ARGS...` runs `cnnfx ARGS...` with the small MNIST and with short limits of
time. `$CNNFX_MIRRORS` names the mirrors.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.abspath(f"{__file__}/../../..")  # the folder of the checkout, not that of this file
    from cnnfx.system.signals import handle_signals

    handle_signals()

import gzip
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tests.datasets.idx_files import NAMES, idx_bytes
from tests.datasets.web_server import Server, send

COMMAND_WITH_MIRROR = (sys.executable, __file__)
"""The program that runs a command line with the small MNIST."""
KEYS = ("train_images", "train_labels", "test_images", "test_labels")
"""The keys of `cnnfx.datasets.mnist.FILES`, in the order of `NAMES`."""
SECONDS = 1.0
"""The limits of time of a download in this program."""


def contents() -> dict[str, bytes]:
    """Return the decompressed IDX files of the small MNIST, by name."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 28, 28), np.uint8), np.arange(60) % 10
    return dict(zip(NAMES, map(idx_bytes, (images, labels, images[:20], labels[:20])), strict=True))


@contextmanager
def mirror(answers: dict[str, object] | None = None) -> Iterator[Server]:
    """Run a server that sends the small MNIST under `/mnist`, and `answers`, functions by path; see `Server`."""
    server = Server()
    for name, content in contents().items():
        data = gzip.compress(content)
        server.answers[f"/mnist/{name}.gz"] = lambda handler, _, data=data: send(handler, data)
    server.answers.update(answers or {})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()


def use_small_mnist() -> None:
    """Replace MNIST's files by small ones, and limits of time by short ones, in this process."""
    from cnnfx.datasets import download, mnist

    mnist.FILES.clear()
    for key, (name, content) in zip(KEYS, contents().items(), strict=True):
        mnist.FILES[key] = download.RemoteFile(f"{name}.gz", len(content), hashlib.sha256(content).hexdigest())
    download.TIMEOUT_SECONDS = download.MAX_SECONDS = SECONDS


def main() -> None:
    """Run the command line."""
    use_small_mnist()
    from cnnfx.__main__ import main as run

    run()


if __name__ == "__main__":
    main()
