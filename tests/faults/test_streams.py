"""Standard streams that are closed, full or a pipe without a reader, for every command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.commands import shell

PRINTING = {
    "list-filters": "list-filters",
    "summary": "summary edges",
    "show-filters": "show-filters edges",
    "explain": "explain small.png -f edges --at 3,3",
    "predict": "predict small.png -m m.npz",
    "evaluate": "evaluate m.npz --data mixed",
    "show-patterns": "show-patterns edges --data photos --method patches",
    "convert": "convert edges - --format npz",
    "apply": "apply small.png -f edges -o -",
    "animate": "animate small.png -f edges --size 5 -o -",
    "train": "train --data classes --widths 2 --epochs 1 -o '{folder}/new.npz' --json",
}
"""A command line of each command that writes to standard output."""
WRITING = {
    "apply": "apply small.png -f edges -o '{folder}/a.png'",
    "show-filters": "show-filters edges -o '{folder}/a.png'",
    "train": "train --data classes --widths 2 --epochs 1 -o '{folder}/a.npz'",
}
"""Command lines that write files, and print messages only."""
END = "standard output cannot be written: {reason}.\n"


@pytest.fixture(autouse=True)
def _in_the_inputs(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(inputs)


@pytest.mark.parametrize("name", PRINTING)
def test_a_result_is_not_lost_without_a_message(name: str, tmp_path: Path) -> None:
    command = PRINTING[name].format(folder=tmp_path)
    redirected, reason = (">&-", "Bad file descriptor") if len(name) % 2 else ("> /dev/full", "No space left on device")
    done = shell(f"cnnfx {command} {redirected}")
    assert (done.returncode, done.stderr.decode().endswith(END.format(reason=reason))) == (1, True), done.stderr
    assert b"Traceback" not in done.stderr


def test_a_pipe_without_a_reader_ends_commands_quietly(tmp_path: Path) -> None:
    for name in ("list-filters", "summary", "apply"):
        done = shell(f"cnnfx {PRINTING[name]} | true")
        assert (done.returncode in (0, 141), done.stderr) == (True, b"")


@pytest.mark.parametrize(
    ("name", "redirected"), [("apply", "2>&-"), ("show-filters", "2> /dev/full"), ("train", "> /dev/full 2>&-")]
)
def test_messages_that_cannot_be_printed_do_not_end_the_work(name: str, redirected: str, tmp_path: Path) -> None:
    done = shell(f"cnnfx {WRITING[name].format(folder=tmp_path)} {redirected}")
    assert done.returncode == 0
    assert len(os.listdir(tmp_path)) == 1


def test_no_output_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    done = shell(f"cnnfx apply small.png -f edges -o '{tmp_path}/a.npy' >&- 2>&- <&-")
    assert done.returncode == 0
    assert (tmp_path / "a.npy").read_bytes().startswith(b"\x93NUMPY")


def test_a_reader_of_messages_that_exits_does_not_end_the_work(tmp_path: Path) -> None:
    done = shell(f"{{ cnnfx apply photos -f edges -o '{tmp_path}/{{stem}}.png' 2>&1 >&3 | true; }} 3>&1")
    assert done.returncode == 0
    assert len(os.listdir(tmp_path)) == 8
