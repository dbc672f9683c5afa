"""Inputs that are truncated, replaced or removed while a command reads them: a message or a result, no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import COMMAND, environment
from tests.faults.cases import read_output


def truncate(path: Path) -> None:
    """Cut a file to a third."""
    os.truncate(path, path.stat().st_size // 3)


def replace(path: Path) -> None:
    """Replace a file by another of the same name."""
    other = path.with_name("other")
    other.write_bytes(b"not what it was" * 1000)
    os.replace(other, path)


def overwrite(path: Path) -> None:
    """Write other bytes into a file, which stays the same file."""
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))


CHANGES = (truncate, replace, overwrite, os.unlink)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_an_input_that_changes_is_no_traceback(
    change: Callable[[Path], None], inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for seconds, (name, args) in zip((0.25, 0.4), _commands(inputs, tmp_path).items(), strict=True):
        process = subprocess.Popen([*COMMAND, *args, "-q"], stderr=subprocess.PIPE, env=environment())
        time.sleep(seconds)
        change(tmp_path / name)
        errors = process.communicate(timeout=60)[1].decode()
        assert process.returncode in (0, 1), errors
        assert "Traceback" not in errors
        assert (process.returncode == 0) == (errors == ""), errors
        if process.returncode == 0:
            read_output(tmp_path / "out.png")
        assert not [left for left in os.listdir(tmp_path) if left.endswith(".part")]


def _commands(inputs: Path, folder: Path) -> dict[str, tuple[str, ...]]:
    """Write inputs into a folder, and return the commands that read each."""
    for path in folder.iterdir():
        path.unlink()
    np.save(folder / "large.npy", np.zeros((1, 1500, 1500), np.float32))
    shutil.copy(inputs / "m.npz", folder)
    return {
        "large.npy": ("apply", "large.npy", "-f", "edges", "-o", "out.png"),
        "m.npz": ("predict", str(inputs / "small.png"), "-m", "m.npz", "-o", "out.png"),
    }


def test_images_that_vanish_from_a_folder_are_named_and_the_others_are_processed(inputs: Path, tmp_path: Path) -> None:
    shutil.copytree(inputs / "photos", tmp_path / "photos")
    (tmp_path / "out").mkdir()
    args = ("apply", "photos", "-f", "edges", "-o", "out/{stem}.png", "--jobs", "1", "-q")
    process = subprocess.Popen([*COMMAND, *args], cwd=tmp_path, stderr=subprocess.PIPE, env=environment())
    while not list((tmp_path / "out").glob("0.png")) and process.poll() is None:
        time.sleep(0.002)
    (tmp_path / "photos" / "7.png").unlink()
    errors = process.communicate(timeout=60)[1].decode()
    written = sorted(os.listdir(tmp_path / "out"))
    assert (process.returncode, len(written)) in [(0, 8), (1, 7)]
    assert errors in ("", "cnnfx: photos/7.png: there is no such file.\n") or errors.startswith("cnnfx: photos/7.png: ")
