"""Several processes that download the same data set at once, and mirrors that do not send what they should."""

from __future__ import annotations

import gzip
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.commands import environment
from tests.datasets.web_server import send
from tests.faults.mirror import COMMAND_WITH_MIRROR, SECONDS, contents, mirror


def start(folder: Path, model: str, mirrors: str) -> subprocess.Popen[str]:
    """Start a command that downloads MNIST if it is not in the cache."""
    line = [*COMMAND_WITH_MIRROR, "train", "--data", "mnist", "--widths", "2", "--epochs", "1", "-q", "-o", model]
    variables = environment(XDG_CACHE_HOME=str(folder / "cache"), CNNFX_MIRRORS=mirrors)
    variables.pop("CNNFX_DATA", None)
    return subprocess.Popen(line, cwd=folder, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code of a command and all that it prints."""
    with process:
        printed = process.communicate(timeout=60)
    return process.returncode, "".join(printed)


def test_four_processes_fill_a_cold_cache_at_once(tmp_path: Path) -> None:
    with mirror() as server:
        processes = [start(tmp_path, f"{number}.npz", f"{server.url}/mnist") for number in range(4)]
        assert [end(process) for process in processes] == [(0, "")] * 4
        models = [(tmp_path / f"{number}.npz").read_bytes() for number in range(4)]
        assert len(set(models)) == 1
        cached = tmp_path / "cache" / "cnnfx" / "mnist"
        assert sorted(os.listdir(cached)) == sorted(f"{name}.gz" for name in contents())
        before = sum(server.requests.values())
        assert end(start(tmp_path, "5.npz", f"{server.url}/mnist")) == (0, "")
        assert sum(server.requests.values()) == before


def _drip(handler: Any, _: int) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.stopping.wait(0.05):
        handler.wfile.write(b"\x1f")


def _drip_headers(handler: Any, _: int) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
    while not handler.server.stopping.wait(0.05):
        handler.wfile.write(b"X-Header: 1\r\n")


def _redirect(handler: Any, _: int) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


def _endless(handler: Any, _: int) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.stopping.is_set():
        handler.wfile.write(gzip.compress(bytes(10**6)))


def _half(handler: Any, _: int) -> None:
    data = gzip.compress(next(iter(contents().values())))
    send(handler, data[: len(data) // 2], length=len(data))


MIRRORS: dict[str, Callable[[Any, int], None]] = {
    "nothing": lambda handler, _: handler.server.stopping.wait(5),
    "drops": lambda handler, _: handler.connection.close(),
    "a page": lambda handler, _: send(handler, b"<html>Log in</html>"),
    "noise": lambda handler, _: send(handler, np.random.default_rng(0).bytes(5000)),
    "a bomb": lambda handler, _: send(handler, gzip.compress(bytes(10**7))),
    "too little": _half,
    "an error": lambda handler, _: handler.send_error(503),
    "a redirection to itself": _redirect,
    "drops of data": _drip,
    "drops of headers": _drip_headers,
    "endless data": _endless,
    "not HTTP": lambda handler, _: handler.wfile.write(b"\x00\xffSSH-2.0\r\n"),
    "a negative length": lambda handler, _: send(handler, b"x", length=-5),
}


@pytest.mark.parametrize(
    "kinds", [list(MIRRORS)[:5], list(MIRRORS)[5:9], list(MIRRORS)[9:]], ids=lambda kinds: kinds[0]
)
def test_bad_mirrors_are_named_in_time_and_a_good_one_after_them_is_used(kinds: list[str], tmp_path: Path) -> None:
    names = [f"{name}.gz" for name in contents()]
    answers = {f"/{number}/{name}": MIRRORS[kind] for number, kind in enumerate(kinds) for name in names}
    with mirror(answers) as server:
        bad = " ".join(f"{server.url}/{number}" for number in range(len(kinds)))
        began = time.monotonic()
        code, errors = end(start(tmp_path, "m.npz", bad))
        assert code == 1, errors
        assert time.monotonic() - began < 2 * SECONDS * len(kinds) + 20
        assert errors.startswith("cnnfx: MNIST is not available. ")
        for number in range(len(kinds)):
            assert f"{server.url}/{number}" in errors
        assert "Traceback" not in errors
        assert not (tmp_path / "m.npz").exists()
        assert end(start(tmp_path, "m.npz", f"{bad} {server.url}/mnist")) == (0, "")
        assert not [name for name in (tmp_path / "cache").rglob("*") if name.name.endswith(".part")]
