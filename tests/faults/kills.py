"""Kill a command at a moment, and find what it left: torn files, unfinished files, processes, tracebacks."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cnnfx
from cnnfx.system import files
from cnnfx.system.files import check_writable
from tests.cli.commands import COMMAND, default_signals, environment
from tests.faults.cases import OLD, Case, check_log, prepare, read_output
from tests.faults.forks import ForkedProcess, ForkServer
from tests.faults.mirror import mirror

EXIT_CODES = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
"""The exit code after each signal."""
Process = subprocess.Popen[bytes] | ForkedProcess
LATE, LATER = 0.9, 1.2
"""A command that is still running after this share of its time is taken to need this factor of it."""
END_SECONDS = 20.0
"""Seconds in which a killed command must end, with its worker processes."""


@dataclass
class Bench:
    """A folder with the inputs of all commands, and the outputs of complete runs.

    Parameters
    ----------
    folder : Path
    mirrors : str
        The address of the mirror from which MNIST is downloaded.
    server : ForkServer, optional
        Forks the commands, instead of starting Python for each.
    references : dict
        For each command, forked or not, the seconds that it takes, and the complete content of each output.
    """

    folder: Path
    mirrors: str
    server: ForkServer | None = None
    references: dict[tuple[str, bool], tuple[float, dict[str, bytes]]] = field(default_factory=dict)

    def start(self, case: Case) -> Process:
        """Start a command in a session of its own, with outputs of an earlier run."""
        out = self.folder / "out"
        for path in out.iterdir():
            path.unlink()
        for name in case.outputs:
            (out / name).write_bytes(OLD)
        cache = self.folder / "cache" / "cnnfx" / "mnist"
        for path in cache.iterdir() if cache.is_dir() else ():
            path.unlink()
        variables = environment(XDG_CACHE_HOME=str(self.folder / "cache"), CNNFX_MIRRORS=self.mirrors)
        variables.pop("CNNFX_DATA", None)
        if self.server is not None:
            return self.server.start(case.args, self.folder, variables, case.program is not None)
        with (self.folder / "stderr").open("wb") as errors, default_signals():
            return subprocess.Popen(
                [*(case.program or COMMAND), *case.args],
                cwd=self.folder, stdout=subprocess.DEVNULL, stderr=errors, stdin=subprocess.DEVNULL, env=variables,
                start_new_session=True,
            )  # fmt: skip

    def reference(self, case: Case) -> tuple[float, dict[str, bytes]]:
        """Return the seconds that a command takes and the content of its outputs; it is run once for this."""
        key = (case.name, self.server is not None)
        if key not in self.references:
            start = time.monotonic()
            code = self.start(case).wait(timeout=60)
            seconds = time.monotonic() - start
            assert code == 0, (self.folder / "stderr").read_text()
            written = {name: (self.folder / "out" / name).read_bytes() for name in case.outputs}
            assert OLD not in written.values()
            self.references[key] = seconds, written
        return self.references[key]

    def kill(self, case: Case, number: signal.Signals, share: float, *, group: bool = False) -> tuple[str, list[str]]:
        """Run a command, and send a signal after a share of the time that it takes.

        Returns
        -------
        end : str
            "killed"; "done" if it had ended before; "starting" if Python had not begun to run it.
        faults : list of str
            What is wrong afterwards.
        """
        seconds, complete = self.reference(case)
        process, began = self.start(case), time.monotonic()
        try:
            process.wait(timeout=share * seconds)
            taken = time.monotonic() - began
        except subprocess.TimeoutExpired:
            (os.killpg if group else os.kill)(process.pid, number)
            taken = seconds * (LATER if share > LATE else 1)
        # The time is adjusted, as the machine may be more or less busy than when it was measured.
        self.references[case.name, self.server is not None] = (seconds + taken) / 2, complete
        return self._end(case, process, number)

    def _end(
        self, case: Case, process: subprocess.Popen[bytes] | ForkedProcess, number: signal.Signals
    ) -> tuple[str, list[str]]:
        try:
            code = process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "killed", [f"it did not end within {END_SECONDS:.0f} seconds"]
        faults = [f"processes are left: {left}"] if (left := _processes_left(process.pid)) else []
        printed = (self.folder / "stderr").read_text(errors="replace")
        end = _how_it_ended(code, number, printed)
        if end == "wrong":
            faults.append(f"exit code {code}, and on standard error: {printed[-2000:]}")
        elif end != "starting" and ("Traceback" in printed or "Exception ignored" in printed):
            faults.append(printed[-2000:])
        return end, [*faults, *self._left(case, number)]

    def _left(self, case: Case, number: signal.Signals) -> Iterator[str]:
        """Yield what is wrong with the files that a command left."""
        out, (_, complete) = self.folder / "out", self.reference(case)
        if number == signal.SIGKILL:
            files._cleaned.clear()
            for folder in (out, self.folder / "cache" / "cnnfx" / "mnist"):
                if folder.is_dir():
                    check_writable(folder / "later")  # as a later run does
        for path in (*out.iterdir(), *(self.folder / "cache").rglob("*")):
            if path.name.endswith(".part"):
                yield f"{path.name} is left"
        for name in case.outputs:
            content = (out / name).read_bytes()
            if content == OLD or content == complete[name]:
                continue
            if name not in case.varies:
                yield f"{name} is neither the old file nor the new one"
                continue
            try:
                read_output(out / name)
            except Exception as error:  # whatever a reader raises for a torn file
                yield f"{name} cannot be read: {error!r}"
        for name in case.appended:
            if (out / name).exists():
                try:
                    check_log(out / name)
                except Exception as error:
                    yield f"{name}: {error!r}"


def _how_it_ended(code: int, number: signal.Signals, printed: str) -> str:
    if code == 0:
        return "done"
    if code == EXIT_CODES[number]:
        return "killed"
    folders = (Path(cnnfx.__file__).parent, Path(__file__).parent)
    in_our_code = any(f"{folder}{os.sep}" in printed for folder in folders)
    is_starting = code == -number or (code == 1 and number == signal.SIGINT and "KeyboardInterrupt" in printed)
    return "starting" if is_starting and not in_our_code else "wrong"


def _processes_left(session: int) -> str:
    """Wait until no process of a session is alive, and return those that do not end."""
    end = time.monotonic() + END_SECONDS
    while (left := list(session_processes(session))) and time.monotonic() < end:
        time.sleep(0.01)
    return ", ".join(left)


def session_processes(session: int) -> Iterator[str]:
    """Yield the command line of each process of a session, apart from those that have ended (Linux only)."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_text()
            line = Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        state, _, _, of_session = stat.rpartition(")")[2].split()[:4]
        if int(of_session) == session and state != "Z":
            yield f"{entry.name} {line[:100]}"


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Prepare a folder and a mirror, as long as commands are run there."""
    prepare(folder)
    (folder / "cache").mkdir()
    with mirror() as server:
        yield Bench(folder, f"{server.url}/mnist")
