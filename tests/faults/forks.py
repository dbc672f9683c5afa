"""A process that has imported every command, and is forked for each command line: a run then takes no time to start."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from cnnfx.system.signals import handle_signals
from tests.cli.commands import ROOT, environment

MODULES = (
    "cnnfx.__main__", "PIL.Image", "PIL.PngImagePlugin", "PIL.GifImagePlugin", "scipy.fft", "scipy.ndimage",
    "cnnfx.cli.apply", "cnnfx.cli.animate", "cnnfx.cli.evaluate",
    "cnnfx.cli.list_filters", "cnnfx.cli.predict", "cnnfx.cli.show_filters",
    "cnnfx.cli.show_patterns", "cnnfx.cli.train", "cnnfx.datasets", "cnnfx.features", "cnnfx.formats.model_npz",
    "cnnfx.pipeline.evidence", "cnnfx.pipeline.patterns", "cnnfx.pipeline.processes", "cnnfx.pipeline.tasks",
    "cnnfx.render.animation", "cnnfx.render.charts", "cnnfx.render.feature_grid", "cnnfx.render.features",
    "cnnfx.render.filmstrip", "cnnfx.render.page", "cnnfx.render.sliding.layouts", "cnnfx.training.train",
    "tests.faults.mirror",
)  # fmt: skip
"""What the commands import."""


class ForkedProcess:
    """A command line in a forked process, with the methods of `subprocess.Popen` that are needed."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid, self._server = pid, server
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code."""
        if self._code is None:
            ready, _, _ = select.select([self._server.output], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired("cnnfx", timeout or 0)
            self._code = int(self._server.output.readline())
        return self._code


class ForkServer:
    """The process that is forked."""

    def __init__(self) -> None:
        line = [sys.executable, "-c", "from tests.faults.forks import serve; serve()"]
        self._process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(OPENBLAS_NUM_THREADS="1"), bufsize=0,
            cwd=ROOT,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self.output = self._process.stdin, self._process.stdout

    def start(self, args: tuple[str, ...], folder: Path, variables: dict[str, str], mirrored: bool) -> ForkedProcess:
        """Start a command line in a folder, in a session of its own; it prints its messages into the file `stderr`."""
        job = {"args": args, "folder": str(folder), "variables": variables, "mirrored": mirrored}
        self._input.write(json.dumps(job).encode() + b"\n")
        return ForkedProcess(self, int(self.output.readline()))

    def close(self) -> None:
        """End the process."""
        self._input.close()
        self._process.wait()
        self.output.close()


def serve() -> None:
    """Fork a process for each line of standard input, and print its number, then its exit code."""
    from importlib import import_module

    for name in MODULES:
        import_module(name)
    for line in iter(sys.stdin.readline, ""):
        process = os.fork()
        if process == 0:
            _become(json.loads(line))
            sys.modules["cnnfx.__main__"].main()  # type: ignore[attr-defined] # ends with SystemExit
        os.write(1, f"{process}\n".encode())
        os.write(1, f"{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n".encode())


def _become(job: dict[str, Any]) -> None:
    """Turn this process into one that runs a command line, and handles signals at once."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    handle_signals()
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["variables"])
    nothing = os.open(os.devnull, os.O_RDWR)
    for number, file in enumerate((nothing, nothing, os.open("stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))):
        os.dup2(file, number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 # open until the end
    sys.argv = ["cnnfx", *job["args"]]
    if job["mirrored"]:
        from tests.faults.mirror import use_small_mnist

        use_small_mnist()
