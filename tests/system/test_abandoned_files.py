"""Incomplete files of killed processes: the next process that writes into their folder removes them, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cnnfx.system import files
from cnnfx.system.files import atomic_write, remove_partial_files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="uses the processes of POSIX")

WAIT = """
import os, sys, time
from cnnfx.system.files import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("started", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _no_folder_is_cleaned_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_cleaned", set())


@contextmanager
def writer(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has written half of a file."""
    line = [sys.executable, "-c", WAIT, str(path)]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def write(path: Path) -> None:
    with atomic_write(path) as file:
        file.write(b"new")


def partial_names(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".part")]


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def abandon(folder: Path, process: int | str, tail: str = "0123456789abcdef") -> str:
    name = f".cnnfx-{process}-{tail}.part"
    (folder / name).write_bytes(b"half")
    return name


def test_the_file_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path) -> None:
    with writer(tmp_path / "a.png") as process:
        process.kill()
        process.wait()
    assert len(partial_names(tmp_path)) == 1
    write(tmp_path / "b.png")
    assert os.listdir(tmp_path) == ["b.png"]


def test_the_file_of_a_running_process_is_kept(tmp_path: Path) -> None:
    with writer(tmp_path / "a.png"):
        write(tmp_path / "b.png")
        assert len(partial_names(tmp_path)) == 1


def test_a_locked_file_is_kept_whatever_its_name_says(tmp_path: Path) -> None:
    with writer(tmp_path / "a.png"):
        (name,) = partial_names(tmp_path)
        other = f".cnnfx-{ended_process()}-{name.split('-', 2)[2]}"  # as of a process in another container
        os.rename(tmp_path / name, tmp_path / other)
        write(tmp_path / "b.png")
        assert partial_names(tmp_path) == [other]


def test_the_file_of_this_process_is_kept_while_it_writes_another(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.png") as file:
        files._cleaned.clear()
        file.write(b"a")
        write(tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == b"a"


def test_the_file_of_an_earlier_process_with_the_number_of_this_one_is_removed(tmp_path: Path) -> None:
    abandon(tmp_path, os.getpid())
    write(tmp_path / "b.png")
    assert os.listdir(tmp_path) == ["b.png"]


def test_the_file_of_another_machine_is_kept(tmp_path: Path) -> None:
    name = abandon(tmp_path, ended_process(), f"0123456789abcdef-{files._host_tag('another')}")
    write(tmp_path / "b.png")
    assert partial_names(tmp_path) == [name]


@pytest.mark.parametrize("process", ["x", "-1", "1.5", "٣"])
def test_a_file_whose_name_has_no_process_is_kept(tmp_path: Path, process: str) -> None:
    name = abandon(tmp_path, process)
    write(tmp_path / "b.png")
    assert partial_names(tmp_path) == [name]


def test_a_process_with_an_impossible_number_removes_nothing(tmp_path: Path) -> None:
    name = abandon(tmp_path, "9" * 30)
    write(tmp_path / "b.png")
    assert partial_names(tmp_path) == [name]


def test_links_folders_and_pipes_with_such_names_are_kept(tmp_path: Path) -> None:
    process = ended_process()
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / f".cnnfx-{process}-1.part").symlink_to("precious")
    (tmp_path / f".cnnfx-{process}-2.part").mkdir()
    os.mkfifo(tmp_path / f".cnnfx-{process}-3.part")
    write(tmp_path / "b.png")
    assert len(partial_names(tmp_path)) == 3
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_the_file_of_another_user_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = abandon(tmp_path, ended_process())
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    write(tmp_path / "b.png")
    assert partial_names(tmp_path) == [name]


def test_a_folder_that_cannot_be_listed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    write(tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes() == b"new"


def test_a_folder_is_listed_once(tmp_path: Path) -> None:
    write(tmp_path / "a.png")
    name = abandon(tmp_path, ended_process())
    write(tmp_path / "b.png")
    assert partial_names(tmp_path) == [name]


def test_the_files_of_a_worker_process_are_removed_by_its_number_and_machine(tmp_path: Path) -> None:
    kept = abandon(tmp_path, 7, f"1-{files._host_tag('another')}")
    also_kept = abandon(tmp_path, 8, f"2-{files._host_tag()}")
    abandon(tmp_path, 7, f"3-{files._host_tag()}")
    remove_partial_files(tmp_path / "a.png", 7)
    assert sorted(partial_names(tmp_path)) == sorted([kept, also_kept])
    remove_partial_files(tmp_path / "a.png", 7, "another")
    assert partial_names(tmp_path) == [also_kept]
