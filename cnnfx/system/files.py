"""Atomic writing of files, and messages for files that cannot be written. No other module opens files for writing.

A file that is being written is called `.cnnfx-PROCESS-RANDOM-HOST.part`, and is locked. Such a file remains where a
process is killed; the next process that writes into the folder removes it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from cnnfx.errors import FileError
from cnnfx.system.signals import call_at_end

if os.name == "posix":
    import fcntl

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
PARTIAL_PREFIX, PARTIAL_SUFFIX = ".cnnfx", ".part"
"""The beginning and the suffix of the name of a file that is being written."""
OPEN_FILE = re.compile(r"/dev/(?:fd/([0-9]{1,9})|stdin|stdout|stderr)")
"""The names of open files of this process; the group is the number of a descriptor."""
STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
"""The descriptors of the standard streams."""

_unfinished: set[Path] = set()  # the files that this process is writing
_cleaned: set[Path] = set()  # the folders in which it has looked for files of killed processes


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
        with open(path, "wb") if is_special(path) else _replacement(Path(os.path.realpath(path))) as file:
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


def open_log(path: str | os.PathLike[str]) -> IO[str]:
    """Open a text file for appending, which is not atomic, so that others can read it in the meantime.

    The caller flushes each line, and closes the file. A name of an open file, such as `/dev/stdout`, shares its
    position, so that messages to the same file and the log do not overwrite each other.

    Raises
    ------
    FileError
        If it cannot be opened.
    """
    try:
        if opened := OPEN_FILE.fullmatch(os.fspath(path)):
            descriptor = STREAMS[opened[0]] if opened[1] is None else int(opened[1])
            return open(os.dup(descriptor), "w", encoding="utf-8")
        return open(path, "a", encoding="utf-8")
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: str | os.PathLike[str], error: OSError, failed: str = "it cannot be written") -> FileError:
    """Return a `FileError` with the reason why a file or folder cannot be written."""
    reason, remedy = REASONS.get(error.errno or 0, (f"{error.strerror or error}", ""))
    return FileError(f"{path}: {failed}: {reason}.", remedy=remedy)


def check_folder(path: Path) -> None:
    """Check that the folder of a file exists.

    Raises
    ------
    FileError
        If it does not, or is no folder.
    """
    try:
        os.stat(os.path.join(path.parent, ""))  # with the separator at the end, a file is an error, too
    except OSError as error:
        raise write_error(path, error) from error


def remove_unfinished_files() -> None:
    """Remove the files that this process has not finished, at its end after an interrupt."""
    for path in _unfinished.copy():
        with suppress(OSError):
            os.unlink(path)


call_at_end(remove_unfinished_files)


def remove_partial_files(path: str | os.PathLike[str], process_id: int | None, host: str | None = None) -> None:
    """Remove the incomplete files of a terminated process in the folder of `path`.

    Parameters
    ----------
    path : path
    process_id : int or None
    host : str, optional
        The name of the machine on which it ran; by default this one.
    """
    folder = Path(os.path.realpath(path)).parent
    for name, process, tag in _partial_files(folder):
        if process == process_id and tag in ("", _host_tag(host)):
            with suppress(OSError):
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
    _remove_abandoned_files(target.parent)
    random = os.urandom(8).hex()
    partial = target.with_name(f"{PARTIAL_PREFIX}-{os.getpid()}-{random}-{_host_tag()}{PARTIAL_SUFFIX}")
    _unfinished.add(partial)
    lock = None
    try:
        with open(partial, "xb") as file:
            lock = _locked(file)
            yield file
        with suppress(OSError):  # there is no target yet, or permissions cannot be set
            os.chmod(partial, stat.S_IMODE(target.stat().st_mode))
        os.replace(partial, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise
    finally:
        _unfinished.discard(partial)
        if lock is not None:
            os.close(lock)


def _locked(file: IO[bytes]) -> int | None:
    """Lock a file until the returned descriptor is closed or this process ends; None where there are no locks.

    On Windows there is no need: an open file cannot be removed.
    """
    if os.name != "posix":
        return None
    descriptor = os.dup(file.fileno())
    with suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _remove_abandoned_files(folder: Path) -> None:
    """Remove the incomplete files of killed processes in a folder, once for each folder.

    Files are kept if their process may be alive: its number is that of a process, the file is locked, it is of another
    user, or it was written on another machine that shares the folder.
    """
    if folder in _cleaned:
        return
    _cleaned.add(folder)
    for name, process, tag in _partial_files(folder):
        path = folder / name
        if tag in ("", _host_tag()) and path not in _unfinished and not _may_be_alive(process):
            with suppress(OSError):
                _remove_unless_locked(path)


def _remove_unless_locked(path: Path) -> None:
    if os.name != "posix":
        os.unlink(path)
        return
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    finally:
        os.close(descriptor)


def _may_be_alive(process_id: int) -> bool:
    """Return whether there is another process of this number. This process knows its own files."""
    if os.name != "posix" or process_id == os.getpid():
        return False
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # a process of another user, or no possible number
        return True
    return True


def _partial_files(folder: Path) -> Iterator[tuple[str, int, str]]:
    """Yield the name, the process and the host tag of each incomplete file in a folder."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(f"{PARTIAL_PREFIX}-") and name.endswith(PARTIAL_SUFFIX):
                _, process, *rest = name.removesuffix(PARTIAL_SUFFIX).split("-")
                if process.isascii() and process.isdigit():
                    yield name, int(process), "".join(rest[1:])


def _host_tag(name: str | None = None) -> str:
    """Return a short code for the name of a machine, by default this one, which has none on Windows."""
    if name is None:
        name = os.uname().nodename if hasattr(os, "uname") else ""
    return f"{zlib.crc32(name.encode()):08x}"


def is_special(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a device, a pipe, or a name such as `/dev/stdout` of an open file."""
    with suppress(OSError):
        mode = os.stat(path).st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or OPEN_FILE.fullmatch(os.fspath(path)) is not None
    return False
