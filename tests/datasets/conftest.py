"""Drawn digits, a web server on this machine, and nothing of the user's."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from cnnfx.datasets import draw_digits
from tests.datasets.web_server import Server


@pytest.fixture(scope="session")
def arrays():
    """Forty digits to learn from and twenty to test with, as MNIST's files hold them."""
    train, test = np.arange(40) % 10, np.arange(20) % 10
    return draw_digits(train, 1)[:, 0], train, draw_digits(test, 2)[:, 0], test


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory, monkeypatch):
    """No test finds the user's data, writes into the user's cache, or leaves this machine."""
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
