"""Signals that end the program: its exit code, its message, and what it removes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import cnnfx
from tests.cli.commands import COMMAND, SEVEN, default_signals, environment, wait_until
from tests.faults.kills import session_processes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses the signals of POSIX")

ENDS = {
    signal.SIGINT: (130, b"cnnfx: interrupted.\n"),
    signal.SIGTERM: (143, b"cnnfx: terminated.\n"),
    signal.SIGHUP: (129, b"cnnfx: terminated, as its terminal was closed.\n"),
}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def start(*args: str, ignored: signal.Signals | None = None) -> subprocess.Popen[bytes]:
    """Start a command, whose parent ignores a signal."""
    with default_signals():
        if ignored is not None:
            signal.signal(ignored, signal.SIG_IGN)
        return subprocess.Popen([*COMMAND, *args], stderr=subprocess.PIPE, env=environment(), start_new_session=True)


def write_slowly(**options: signal.Signals) -> subprocess.Popen[bytes]:
    """Start a command that is writing a file when this returns."""
    np.save("large.npy", np.random.default_rng(0).random((1, 3000, 4000), np.float32))
    process = start("apply", "large.npy", "-f", "edges", "--scale", "2", "-o", "a.png", **options)
    wait_until(lambda: any(name.endswith(".part") for name in os.listdir()))
    return process


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_while_a_file_is_written_leaves_nothing(number: signal.Signals) -> None:
    with write_slowly() as process:
        process.send_signal(number)
        printed = process.communicate(timeout=30)[1]
    assert (process.returncode, printed) == ENDS[number]
    assert os.listdir() == ["large.npy"]


def test_a_signal_that_is_sent_twice_leaves_nothing() -> None:
    with write_slowly() as process:
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.002)
        os.killpg(process.pid, signal.SIGTERM)
        printed = process.communicate(timeout=30)[1]
    assert (process.returncode, printed) == ENDS[signal.SIGTERM]
    assert os.listdir() == ["large.npy"]


def test_a_closed_terminal_does_not_end_a_command_under_nohup() -> None:
    np.save("small.npy", np.zeros((1, 500, 500), np.float32))
    with start("apply", "small.npy", "-f", "edges", "-o", "a.png", ignored=signal.SIGHUP) as process:
        for _ in range(20):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.01)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert Path("a.png").exists()


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_ends_worker_processes_and_leaves_nothing(number: signal.Signals) -> None:
    Path("photos").mkdir()
    Path("out").mkdir()
    shutil.copy(SEVEN, "seven.png")
    for name in range(600):
        os.link("seven.png", f"photos/{name}.png")
    with start("apply", "photos", "-f", "edges", "-o", "out/{stem}.png", "--jobs", "2", "-q") as process:
        wait_until(lambda: len(os.listdir("out")) > 3)
        os.killpg(process.pid, number)
        printed = process.communicate(timeout=30)[1]
    assert (process.returncode, printed) == ENDS[number]
    wait_until(lambda: not list(session_processes(process.pid)))
    assert not [name for name in os.listdir("out") if not name.endswith(".png")]


def test_a_signal_while_the_program_starts_prints_no_traceback_of_its_own() -> None:
    tracebacks = []
    for moment in np.linspace(0.02, 0.3, 12):
        with start("list-filters", "--json") as process:
            time.sleep(moment)
            process.send_signal(signal.SIGINT)
            printed = process.communicate(timeout=30)[1].decode()
        if printed not in ("", "cnnfx: interrupted.\n") and f"{Path(cnnfx.__file__).parent}{os.sep}" in printed:
            tracebacks.append(printed)
    assert len(tracebacks) < 2, tracebacks  # the first statement of the program cannot be earlier than itself


def test_the_training_that_is_terminated_says_what_is_saved() -> None:
    data = ("--data", "drawn:2000", "--widths", "4", "--epochs", "50", "-o", "m.npz", "-q")
    with start("train", *data) as process:
        wait_until(lambda: os.path.exists("m.npz"))
        process.send_signal(signal.SIGTERM)
        printed = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 143
    assert printed.startswith("cnnfx: stopped. m.npz contains the model after epoch ")
    assert os.listdir() == ["m.npz"]


CONVERTING = """
import os, signal
from cnnfx import cli
from cnnfx.__main__ import main
def convert(**options):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(10**6): pass
    except KeyboardInterrupt:
        raise SyntaxError("can't load unicodedata module")
cli.app = convert
main()
"""


def test_an_error_that_an_interrupted_import_makes_is_no_traceback() -> None:
    with default_signals():
        process = subprocess.Popen([sys.executable, "-c", CONVERTING], stderr=subprocess.PIPE, env=environment())
    with process:
        printed = process.communicate(timeout=30)[1]
    assert (process.returncode, printed) == ENDS[signal.SIGTERM]


def test_a_deferred_signal_is_delivered_when_all_steps_are_done():
    script = """
import os, signal
from cnnfx.system import signals
signals.handle_signals()
signals.raise_interrupts(True)
try:
    with signals.InterruptsDeferred():
        os.kill(os.getpid(), signal.SIGTERM)
        print("saved")
        print("logged")
    print("not reached")
except KeyboardInterrupt:
    print(signals.exit_code())
with signals.InterruptsDeferred():
    print("no signal")
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert (done.stdout.split("\n"), done.stderr) == (["saved", "logged", "143", "no signal", ""], "")


REPEATING = """
import os, signal, time
from cnnfx.system import signals
signals.REPEAT_SECONDS = 0.5
signals.handle_signals()
signals.raise_interrupts(True)
def send():
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000): pass
try:
    send()
except KeyboardInterrupt:
    print("raised")
with signals.InterruptsDeferred():
    send()
print("ignored")
try:
    for _ in range(20):
        time.sleep(0.1)
        send()
except KeyboardInterrupt:
    print("raised again")
"""


def test_repeated_signals_are_ignored_for_a_moment_and_not_as_long_as_they_come() -> None:
    command = [sys.executable, "-c", REPEATING]
    with default_signals():
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert (done.stdout.split("\n"), done.stderr) == (["raised", "ignored", "raised again", ""], "")


LOSING = """
import os, signal, sys
from cnnfx import cli
from cnnfx.__main__ import main
from cnnfx.system.files import atomic_write
class Finalized:
    def __del__(self):
        send()
def send():
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(10**6): pass
class Finder:
    def find_spec(name, *_):
        if name == "missing":
            send()
def work(**options):
    with atomic_write("a.png") as file:
        file.write(b"half")
        LOSE
    print("lost")
cli.app = work
sys.meta_path.insert(0, Finder)
main()
"""


@pytest.mark.parametrize("lose", ["Finalized()", "import missing"])
def test_a_signal_where_python_loses_exceptions_ends_the_program_too(lose: str) -> None:
    code = LOSING.replace("LOSE", lose)
    with default_signals():
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, env=environment())
    with process:
        printed = process.communicate(timeout=30)[1]
    assert (process.returncode, printed) == ENDS[signal.SIGTERM]
    assert os.listdir() == []
