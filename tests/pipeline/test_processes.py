"""Many images in worker processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from cnnfx.pipeline import processes
from tests.cli.commands import COMMAND, SEVEN, default_signals, environment, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses the signals of POSIX")
DYING = (sys.executable, str(Path(__file__).with_name("dying.py")))


def command(*options: str, program: tuple[str, ...] = COMMAND) -> subprocess.CompletedProcess[str]:
    line = [*program, "apply", "photos", "-f", "edges", "-o", "out/{stem}.png", *options]
    return subprocess.run(line, capture_output=True, text=True, env=environment(), timeout=60, check=False)


def test_the_results_are_in_the_order_of_the_images():
    printed = command("--jobs", "3").stderr.splitlines()
    assert printed == [f"out/{number}.png: 4 channels of 26×26" for number in range(9)]


def test_the_json_is_that_of_one_process():
    assert command("--jobs", "3", "--json").stdout == command("--jobs", "1", "--json").stdout


def test_the_files_are_those_of_one_process():
    command("--jobs", "1")
    expected = Path("out/8.png").read_bytes()
    command("--jobs", "3", "--threads", "5")
    assert Path("out/8.png").read_bytes() == expected


class _FakeWorker:
    """A worker that takes tasks and never sends a result."""

    def __init__(self, *_: object) -> None:
        self.tasks: deque[object] = deque()
        self.send = self.tasks.append


@pytest.mark.parametrize(("tasks", "jobs", "started"), [(9, 3, 3), (2, 3, 2), (3, 3, 3), (9, 1, 1)])
def test_there_are_no_more_processes_than_jobs_or_images(monkeypatch, tasks, jobs, started):
    monkeypatch.setattr(processes, "_Worker", _FakeWorker)
    monkeypatch.setattr(processes, "start_fork_server", lambda: None)
    pool = processes._WorkerPool(None, [None] * tasks, jobs)
    for _ in range(2):
        pool._assign()
    assert len(pool.workers) == started


def test_all_processes_are_asked_to_end_before_any_is_waited_for(monkeypatch):
    monkeypatch.setattr(processes, "_Worker", _FakeWorker)
    monkeypatch.setattr(processes, "start_fork_server", lambda: None)
    pool, done = processes._WorkerPool(None, [None] * 3, 3), []
    pool._assign()
    for worker in pool.workers:
        worker.stop, worker.clean_up = partial(done.append, "stop"), partial(done.append, "clean up")
        worker.process = SimpleNamespace(join=lambda seconds: done.append("join"))
    pool.shut_down()
    assert done == ["stop"] * 3 + ["join", "clean up"] * 3


def test_an_image_that_crashes_its_process_is_reported():
    shutil.copy(SEVEN, "photos/killer.png")
    result = command("--jobs", "2", "--quiet", program=DYING)
    assert result.stderr == (
        "cnnfx: photos/killer.png: it crashes the process that works on it. The file may be damaged, or too large for "
        "the memory. Get the file again, or make it smaller.\n"
    )
    assert result.returncode == 1


def test_other_images_are_processed_after_one_crashes_its_process():
    shutil.copy(SEVEN, "photos/killer.png")
    command("--jobs", "2", program=DYING)
    assert sorted(os.listdir("out")) == [f"{number}.png" for number in range(9)]


def test_an_empty_file_is_reported():
    Path("photos/4.png").write_bytes(b"")
    result = command("--jobs", "2", "--quiet")
    assert result.stderr == "cnnfx: photos/4.png: it is empty. The program that made it may have failed.\n"
    assert result.returncode == 1


def test_existing_outputs_are_skipped():
    command("--jobs", "2")
    Path("out/4.png").unlink()
    printed = command("--jobs", "2", "--skip-existing").stderr.splitlines()
    assert printed[3:6] == [
        "photos/3.png: its output exists already.",
        "out/4.png: 4 channels of 26×26",
        "photos/5.png: its output exists already.",
    ]


def test_an_interrupt_leaves_only_complete_files_and_one_message():
    for number in range(9, 1500):
        os.link("photos/0.png", f"photos/{number}.png")
    line = [*COMMAND, "apply", "photos", "-f", "edges", "-o", "out/{stem}.png", "--jobs", "2", "--quiet"]
    with default_signals():
        process = subprocess.Popen(line, stderr=subprocess.PIPE, env=environment(), start_new_session=True)
    with process:
        wait_until(lambda: len(os.listdir("out")) > 3)
        os.killpg(process.pid, signal.SIGINT)
        _, printed = process.communicate(timeout=30)
    assert (process.returncode, printed) == (130, b"cnnfx: interrupted.\n")
    assert not [name for name in os.listdir("out") if not name.endswith(".png")]
