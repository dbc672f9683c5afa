"""Fixtures: small arrays of digits, a local web server, and an environment without the user's data and cache."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from cnnfx.datasets import draw_digits
from tests.datasets.web_server import Server


@pytest.fixture(scope="session")
def arrays():
    """Return 40 training images with labels and 20 test images with labels, in the shapes of MNIST's files."""
    train, test = np.arange(40) % 10, np.arange(20) % 10
    return draw_digits(train, 1)[:, 0], train, draw_digits(test, 2)[:, 0], test


@pytest.fixture(autouse=True)
def isolated_environment(tmp_path_factory, monkeypatch):
    """Set an empty cache folder, no data folder and no mirrors."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("CNNFX_MIRRORS", "")
    monkeypatch.delenv("CNNFX_DATA", raising=False)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    server.server_close()
    thread.join()
