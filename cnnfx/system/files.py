"""Atomic writing of files, and messages for files that cannot be written. No other module opens files for writing."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from cnnfx.errors import FileError

REASONS = {
    errno.ENOENT: ("its folder does not exist", "folder_missing"),
    errno.ENOTDIR: ("a part of its path is not a folder", "output_path"),
    errno.EISDIR: ("it is a folder", "is_folder"),
    errno.EACCES: ("writing is not allowed there", "output_path"),
    errno.EPERM: ("writing is not allowed there", "output_path"),
    errno.EROFS: ("it is on a read-only file system", "output_path"),
    errno.ENOSPC: ("the disk is full", "disk_full"),
    errno.EDQUOT: ("your disk quota is used up", "disk_full"),
    errno.EFBIG: ("the file system does not allow files of this size", "output_path"),
    errno.ENAMETOOLONG: ("the name is too long", "output_path"),
}
"""The reason in a message for each error number, and the kind of its remedy; see `CnnfxError`."""
PARTIAL_SUFFIX = ".part"
"""The suffix of a file that is being written."""


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file for writing that gets its name when it is complete.

    Until then, and after any error, an existing file stays unchanged. The new file gets the permissions of the file
    that it replaces. Devices and pipes, such as `/dev/stdout`, cannot be replaced and are written directly.

    Raises
    ------
    FileError
        If the operating system cannot write the file; the message has the reason.
    BrokenPipeError
        If the reader of a pipe has closed it.
    """
    try:
        with open(path, "wb") if _is_special(path) else _replacement(Path(os.path.realpath(path))) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno is None:  # raised by a library, not by the operating system
            raise
        raise write_error(path, error) from error


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written, without changing an existing one.

    Raises
    ------
    FileError
        As `atomic_write`.
    """
    with suppress(_CancelError), atomic_write(path):
        raise _CancelError


@contextmanager
def open_log(path: str | os.PathLike[str], append: bool) -> Iterator[IO[str]]:
    """Open a text file for appending or writing, which is not atomic, so that others can read it in the meantime.

    The caller flushes each line.

    Raises
    ------
    FileError
        If it cannot be opened.
    """
    try:
        file = open(path, "a" if append else "w", encoding="utf-8")  # noqa: SIM115 # closed below
    except OSError as error:
        raise write_error(path, error) from error
    try:
        yield file
    finally:
        with suppress(OSError):  # the flush of the last line has already failed and was reported
            file.close()


def write_error(path: str | os.PathLike[str], error: OSError, failed: str = "it cannot be written") -> FileError:
    """Return a `FileError` with the reason why a file or folder cannot be written."""
    reason, remedy = REASONS.get(error.errno or 0, (f"{error.strerror or error}", ""))
    return FileError(f"{path}: {failed}: {reason}.", remedy=remedy)


def remove_partial_files(path: str | os.PathLike[str], process_id: int | None) -> None:
    """Remove the incomplete files of a terminated process in the folder of `path`."""
    folder = Path(os.path.realpath(path)).parent
    with suppress(OSError):
        for name in os.listdir(folder):
            if process_id and name.startswith(_partial_prefix(process_id)) and name.endswith(PARTIAL_SUFFIX):
                os.unlink(folder / name)


class _CancelError(Exception):
    """Raised inside `atomic_write` to discard the new file."""


@contextmanager
def _replacement(target: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file in the folder of the target and rename it to the target at the end."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    partial = target.with_name(f"{_partial_prefix(os.getpid())}{os.urandom(8).hex()}{PARTIAL_SUFFIX}")
    try:
        with open(partial, "xb") as file:
            yield file
        with suppress(OSError):  # there is no target yet, or permissions cannot be set
            os.chmod(partial, stat.S_IMODE(target.stat().st_mode))
        os.replace(partial, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise


def _partial_prefix(process_id: int) -> str:
    """Return the start of the names of a process's incomplete files."""
    return f".cnnfx-{process_id}-"


def _is_special(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a device, a pipe, or a name such as `/dev/stdout` of an open file."""
    with suppress(OSError):
        mode = os.stat(path).st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or os.fspath(path).startswith(("/dev/std", "/dev/fd/"))
    return False
