"""Many images on a Dask cluster: a real scheduler and two real workers on the loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import COMMAND, SEVEN, environment, refused, wait_until

pytest.importorskip("distributed")
DASK = (sys.executable, "-m", "dask")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The address of a scheduler, and its two workers."""
    folder = tmp_path_factory.mktemp("cluster")
    quiet = {"cwd": folder, "env": environment(), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    file = folder / "scheduler.json"
    start = [*DASK, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    processes = [subprocess.Popen(start, **quiet)]
    wait_until(lambda: file.exists() and file.read_text().endswith("}"))
    worker = [*DASK, "worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    processes += [subprocess.Popen(worker, **quiet) for _ in range(2)]

    from distributed import Client

    address = json.loads(file.read_text())["address"]
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=30)
    yield address, processes[1:]
    for process in reversed(processes):
        process.kill()
        process.wait()


@pytest.fixture(autouse=True)
def one_photo_is_empty(photos):
    Path("photos/4.png").write_bytes(b"")


def command(*options: str) -> tuple[int, str, str]:
    line = [*COMMAND, "apply", "photos", "-f", "edges", "-o", "out/{stem}.npz", *options]
    done = subprocess.run(line, capture_output=True, text=True, env=environment(), timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_json_messages_and_exit_code_are_those_of_one_process(cluster):
    assert command("--json", "--scheduler", cluster[0]) == command("--json", "--jobs", "1")


def test_the_files_are_those_of_one_process(cluster):
    command("--jobs", "1")
    expected = Path("out/8.npz").read_bytes()
    Path("out/8.npz").unlink()
    command("--scheduler", cluster[0])
    assert Path("out/8.npz").read_bytes() == expected


def test_a_worker_that_is_killed_costs_no_image(cluster):
    for number in range(9, 300):
        os.link("photos/0.png", f"photos/{number}.png")
    line = [*COMMAND, "apply", "photos", "-f", "edges", "-o", "out/{stem}.png", "-q", "--scheduler", cluster[0]]
    with subprocess.Popen(line, stderr=subprocess.PIPE, env=environment()) as process:
        wait_until(lambda: len(os.listdir("out")) > 3)
        cluster[1][1].kill()
        _, told = process.communicate(timeout=60)
    assert told == b"cnnfx: photos/4.png: it is empty. The program that made it may have failed.\n"
    assert len([name for name in os.listdir("out") if name.endswith(".png")]) == 299


def test_a_scheduler_that_does_not_answer_is_told_with_its_address():
    with socket.socket() as taken:  # bound and not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        assert refused("apply", SEVEN, "-f", "edges", "--scheduler", address) == (
            f"cnnfx: {address}: no Dask scheduler answers there within 5 seconds. "
            "Start one with dask scheduler, and give the address that it prints."
        )


def test_dask_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert refused("apply", SEVEN, "-f", "edges", "--scheduler", "tcp://127.0.0.1:1", code=2) == (
        "cnnfx: --scheduler needs Dask. Install it with pip install 'cnnfx[dask]'."
    )


def test_a_scheduler_without_workers_is_told(tmp_path):
    file = tmp_path / "scheduler.json"
    start = [*DASK, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    scheduler = subprocess.Popen(start, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: file.exists() and file.read_text().endswith("}"))
        address = json.loads(file.read_text())["address"]
        assert command("--scheduler", address) == (
            1,
            "",
            f"cnnfx: {address}: the scheduler has no workers. Start some with dask worker {address}.\n",
        )
    finally:
        scheduler.kill()
        scheduler.wait()
