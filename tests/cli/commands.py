"""Helpers that run a command line in this process, in the pipes of a shell, or on a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from typer.testing import CliRunner, Result

import cnnfx
from cnnfx.cli import app

ROOT = Path(cnnfx.__file__).parent.parent
SAMPLES = ROOT / "samples"
SEVEN = SAMPLES / "seven.png"
COMMAND = (sys.executable, "-m", "cnnfx")


def run(*args: str | Path, stdin: bytes | None = None) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(arg) for arg in args], input=stdin, prog_name="cnnfx", catch_exceptions=False)


def done(*args: str | Path, stdin: bytes | None = None) -> Result:
    """Run a command that must succeed."""
    result = run(*args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return result


def refused(*args: str | Path, code: int = 1, stdin: bytes | None = None) -> str:
    """Run a command that must fail, and return its message."""
    result = run(*args, stdin=stdin)
    assert result.exit_code == code, result.stderr
    assert result.stdout_bytes == b""
    return result.stderr.removesuffix("\n")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of another process that imports this checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "CNNFX_GRAPHICS": "none",
        "COLUMNS": "80",
        **more,
    }


def shell(command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which `cnnfx` is that of this checkout."""
    name = " ".join(f"'{part}'" for part in COMMAND)
    script = f'set -o pipefail; cnnfx() {{ {name} "$@"; }}\n{command}'
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, env=environment(), stdin=subprocess.DEVNULL, check=False
    )


def on_a_terminal(
    *args: str | Path, stdout: int | None = None, started: Callable[[int], None] | None = None, **variables: str
) -> tuple[int, str]:
    """Run a command on a terminal; return its exit code and what the terminal shows.

    `stdout` is a file to take standard output instead; `started` is called with the number of the process.
    """
    ours, theirs = pty.openpty()
    with default_signals():
        process = subprocess.Popen(
            [*COMMAND, *map(str, args)],
            stdin=theirs,
            stdout=theirs if stdout is None else stdout,
            stderr=theirs,
            env=environment(**variables),
            start_new_session=True,
        )
    os.close(theirs)
    if started:
        started(process.pid)
    shown = b""
    while data := _read(ours):
        shown += data
    os.close(ours)
    return process.wait(), shown.decode().replace("\r\n", "\n")


@contextmanager
def default_signals() -> Iterator[None]:
    """Let processes that are started meanwhile not ignore signals, as those of this process under `nohup` or `&` do."""
    before = {
        number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 2**16)
    except OSError:  # how Linux says that the other side is closed
        return b""


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Return as soon as a condition is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
