"""Writing files whole or not at all; the only place that opens files for writing."""

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
    errno.ENOTDIR: ("a part of its path is not a folder", "output_place"),
    errno.EISDIR: ("it is a folder", "is_folder"),
    errno.EACCES: ("writing is not allowed there", "output_place"),
    errno.EPERM: ("writing is not allowed there", "output_place"),
    errno.EROFS: ("it is on a read-only file system", "output_place"),
    errno.ENOSPC: ("the disk is full", "disk_full"),
    errno.EDQUOT: ("your disk quota is used up", "disk_full"),
    errno.EFBIG: ("the file system does not allow files of this size", "output_place"),
    errno.ENAMETOOLONG: ("the name is too long", "output_place"),
}
"""What an error of the operating system means, and the kind of its remedy; see `CnnfxError`."""


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name when all is written; until then, and on any error, what was there
    stays.

    Devices and pipes (`/dev/stdout`) cannot be replaced and are written directly.

    Raises
    ------
    FileError
        If the operating system refuses; the message says why and how to mend it.
    """
    try:
        with open(path, "wb") if _is_special(path) else _replacement(Path(os.path.realpath(path))) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        raise write_error(path, error) from error


class _EnoughError(Exception):
    """Ends a trial of writing before anything is replaced."""


def check_writable(path: str | os.PathLike[str]) -> None:
    """See that a file can be written, without touching what is there.

    Raises
    ------
    FileError
        As `atomic_write` would.
    """
    with suppress(_EnoughError), atomic_write(path):
        raise _EnoughError


@contextmanager
def open_log(path: str | os.PathLike[str], append: bool) -> Iterator[IO[str]]:
    """A text file that grows line by line, for who follows it while work goes on; anew or, to `append`, at its end.

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
        with suppress(OSError):  # lines are flushed as they are written: what failed has been told
            file.close()


def write_error(path: str | os.PathLike[str], error: OSError, failed: str = "it cannot be written") -> FileError:
    """Return the error that says why the operating system did not write a file or make a folder."""
    reason, remedy = REASONS.get(error.errno or 0, (f"{error.strerror or error}", ""))
    return FileError(f"{path}: {failed}: {reason}.", remedy=remedy)


def remove_unfinished(path: str | os.PathLike[str], process: int | None) -> None:
    """Remove what a process that has died had begun to write beside a file."""
    folder = Path(os.path.realpath(path)).parent
    with suppress(OSError):
        for name in os.listdir(folder):
            if process and name.startswith(_prefix(process)) and name.endswith(".part"):
                os.unlink(folder / name)


def _prefix(process: int) -> str:
    """How the names of a process's temporary files begin."""
    return f".cnnfx-{process}-"


@contextmanager
def _replacement(target: Path) -> Iterator[IO[bytes]]:
    """A temporary file beside the target, which takes its place at the end; a link to it stays a link."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    temporary = target.with_name(f"{_prefix(os.getpid())}{os.urandom(8).hex()}.part")
    try:
        with open(temporary, "xb") as file:
            yield file
        with suppress(OSError):  # what is replaced hands on its permissions, if there are any
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _is_special(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a device or a pipe, or a name such as `/dev/stdout` for whatever is open."""
    with suppress(OSError):
        mode = os.stat(path).st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or os.fspath(path).startswith(("/dev/std", "/dev/fd/"))
    return False
