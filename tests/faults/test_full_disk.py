"""A full disk: the message says so, the old file stays, and no unfinished file is left.

Where this process may mount, the disk is a small file system in memory; elsewhere the size of files is limited.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.commands import COMMAND, environment
from tests.faults.cases import CASES, OLD, Case

FREE_BYTES = 8192
"""The free bytes on the disk."""
LARGE = (
    "apply, picture", "apply, arrays", "apply, page", "apply, folder", "animate", "show-filters", "train", "predict",
)  # fmt: skip
"""The commands whose outputs are larger."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None] | None, str]]:
    """A folder on a disk that is almost full, a function for the process that limits its files, and the reason."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={FREE_BYTES + 4096 * 12}", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            (folder / "fill").write_bytes(bytes(4096 * 12))
            yield folder, None, "the disk is full"
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    else:

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (FREE_BYTES // 2, FREE_BYTES // 2))

        yield folder, limit, "the file system does not allow files of this size"


def run(case: Case, inputs: Path, out: Path, limit: Callable[[], None] | None) -> subprocess.CompletedProcess[str]:
    line = [*COMMAND, *(arg.replace("out/", f"{out}/") for arg in case.args)]
    return subprocess.run(
        line, cwd=inputs, capture_output=True, text=True, env=environment(), preexec_fn=limit, timeout=60, check=False
    )


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system")
@pytest.mark.parametrize("case", [case for case in CASES if case.name in LARGE], ids=lambda case: case.name)
def test_a_full_disk_is_named_and_the_old_file_stays(
    case: Case, inputs: Path, disk: tuple[Path, Callable[[], None] | None, str]
) -> None:
    out, limit, reason = disk
    first = out / (case.outputs[0] if case.name != "predict" else "0.evidence.png")
    first.write_bytes(OLD)
    done = run(case, inputs, out, limit)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert first.read_bytes() == OLD
    assert not [name for name in os.listdir(out) if name.endswith(".part")]


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system")
def test_a_read_only_file_system_is_named_before_any_work(tmp_path: Path, inputs: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a file system here")
    try:
        for case in (case for case in CASES if case.name in ("apply, folder", "train", "predict")):
            done = run(case, inputs, folder, None)
            assert done.returncode == 1
            assert "it is on a read-only file system" in done.stderr or "not allowed" in done.stderr
            assert "Traceback" not in done.stderr
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
