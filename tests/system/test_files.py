"""Tests of the atomic writing of files."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cnnfx.errors import FileError
from cnnfx.system.files import atomic_write


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out.png"


def write(path: str | Path, data: bytes = b"new") -> None:
    with atomic_write(path) as file:
        file.write(data)


def fail(path: str | Path, error: BaseException) -> None:
    with atomic_write(path) as file:
        file.write(b"half")
        raise error


def error_message(path: str | Path) -> str:
    with pytest.raises(FileError) as caught:
        write(path)
    return str(caught.value)


def test_a_new_file_is_written(target: Path) -> None:
    write(target)
    assert target.read_bytes() == b"new"


def test_an_existing_file_is_replaced(target: Path) -> None:
    target.write_bytes(b"old and longer")
    write(target)
    assert target.read_bytes() == b"new"


def test_no_temporary_file_remains(target: Path) -> None:
    write(target)
    assert os.listdir(target.parent) == ["out.png"]


def test_the_old_content_stays_until_the_file_is_complete(target: Path) -> None:
    target.write_bytes(b"old")
    with atomic_write(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_no_file_remains_after_an_error(target: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        fail(target, error())
    assert os.listdir(target.parent) == []


def test_the_old_content_stays_after_an_error(target: Path) -> None:
    target.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        fail(target, KeyboardInterrupt())
    assert target.read_bytes() == b"old"


# Permissions and links


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_permissions_that_the_umask_leaves(target: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write(target)
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == mode


def test_a_new_file_gets_the_permissions_of_the_file_it_replaces(target: Path) -> None:
    target.write_bytes(b"old")
    target.chmod(0o640)
    write(target)
    assert target.stat().st_mode & 0o777 == 0o640


def test_permissions_that_cannot_be_set_are_ignored(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    target.write_bytes(b"old")
    monkeypatch.setattr(os, "chmod", refuse)
    write(target)
    assert target.read_bytes() == b"new"


def test_a_symlink_stays_and_its_target_is_replaced(target: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    real = tmp_path / "deep" / "real.png"
    real.write_bytes(b"old")
    target.symlink_to(real)
    write(target)
    assert target.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_dangling_symlink_stays_and_its_target_is_created(target: Path, tmp_path: Path) -> None:
    target.symlink_to(tmp_path / "real.png")
    write(target)
    assert target.is_symlink()
    assert (tmp_path / "real.png").read_bytes() == b"new"


def test_a_file_with_the_longest_possible_name_is_written(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 255)
    write(target)
    assert target.read_bytes() == b"new"


# Devices and pipes


def test_a_device_is_written_directly() -> None:
    write(os.devnull)
    assert not Path(os.devnull).is_file()


def test_a_named_pipe_is_written_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe)
    reader.join()
    assert read == [b"new"]
    assert pipe.is_fifo()


def test_an_open_file_is_written_by_its_descriptor(target: Path) -> None:
    with target.open("wb") as file:
        inode = target.stat().st_ino
        write(f"/dev/fd/{file.fileno()}")
    assert target.read_bytes() == b"new"
    assert target.stat().st_ino == inode


def test_standard_output_that_is_a_file_is_written_by_its_name(target: Path) -> None:
    code = "from cnnfx.system.files import atomic_write\nwith atomic_write('/dev/stdout') as file: file.write(b'new')"
    with target.open("wb") as file:
        inode = target.stat().st_ino
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert target.read_bytes() == b"new"
    assert target.stat().st_ino == inode


def test_the_error_of_a_closed_pipe_is_not_converted(target: Path) -> None:
    with pytest.raises(BrokenPipeError):
        fail(target, BrokenPipeError(errno.EPIPE, "Broken pipe"))


# Refusals


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "gone" / "out.png"
    assert error_message(target) == (f"{target}: it cannot be written: its folder does not exist.")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert error_message(tmp_path) == f"{tmp_path}: it cannot be written: it is a folder."


def test_a_path_through_a_file_is_refused(target: Path) -> None:
    target.write_bytes(b"old")
    assert error_message(target / "a.png") == (
        f"{target / 'a.png'}: it cannot be written: a part of its path is not a folder."
    )


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 256)
    assert error_message(target) == f"{target}: it cannot be written: the name is too long."


def test_a_file_without_write_permission_is_refused(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert error_message(target) == (f"{target}: it cannot be written: writing is not allowed there.")
    assert target.read_bytes() == b"old"


REASONS = [
    (errno.EACCES, "writing is not allowed there"),
    (errno.EPERM, "writing is not allowed there"),
    (errno.EROFS, "it is on a read-only file system"),
    (errno.ENOSPC, "the disk is full"),
    (errno.EDQUOT, "your disk quota is used up"),
    (errno.EIO, "Input/output error"),
]


@pytest.mark.parametrize(("number", "reason"), REASONS)
def test_the_message_says_why_a_file_cannot_be_created(
    target: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("builtins.open", refuse)
    assert error_message(target) == f"{target}: it cannot be written: {reason}."


@pytest.mark.parametrize(("number", "reason"), REASONS)
def test_the_message_says_why_a_write_failed_and_no_file_remains(target: Path, number: int, reason: str) -> None:
    with pytest.raises(FileError) as caught:
        fail(target, OSError(number, os.strerror(number)))
    assert str(caught.value) == f"{target}: it cannot be written: {reason}."
    assert os.listdir(target.parent) == []


def test_the_old_content_stays_after_a_failed_rename(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    target.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", refuse)
    assert error_message(target) == f"{target}: it cannot be written: Input/output error."
    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"old"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_the_message_says_that_a_device_is_full() -> None:
    assert error_message("/dev/full") == ("/dev/full: it cannot be written: the disk is full.")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_disk_that_is_full_when_the_file_is_closed_is_reported(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target.write_bytes(b"old")
    monkeypatch.setattr(
        "cnnfx.system.files.open", lambda *_: os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb"), raising=False
    )
    assert error_message(target) == (f"{target}: it cannot be written: the disk is full.")
    assert target.read_bytes() == b"old"


def test_an_error_of_a_library_is_not_converted(target: Path) -> None:
    with pytest.raises(OSError, match=r"^cannot write mode F as PNG$"):
        fail(target, OSError("cannot write mode F as PNG"))
    assert os.listdir(target.parent) == []
