"""Writing files whole or not at all; the only place that opens files for writing."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from cnnfx.errors import FileError

REASONS = {
    errno.ENOENT: "its folder does not exist. Make it first, or choose another with -o",
    errno.ENOTDIR: "a part of its path is not a folder. Choose another with -o",
    errno.EISDIR: "it is a folder. Give a file's name with -o",
    errno.EACCES: "writing is not allowed there. Choose another place with -o",
    errno.EPERM: "writing is not allowed there. Choose another place with -o",
    errno.EROFS: "it is on a read-only file system. Choose another place with -o",
    errno.ENOSPC: "the disk is full. Make room, or choose another place with -o",
    errno.EDQUOT: "your disk quota is used up. Make room, or choose another place with -o",
    errno.ENAMETOOLONG: "the name is too long. Choose another with -o",
}
"""What the operating system's refusals mean to a user, and how to mend them."""


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
    target = Path(os.path.realpath(path))  # a link stays a link: what it points to is replaced
    try:
        with open(target, "wb") if _is_special(target) else _replacement(target) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        raise FileError(f"{path}: it cannot be written: {reason(error)}.") from error


def reason(error: OSError) -> str:
    """Why the operating system refused, without a full stop."""
    return REASONS.get(error.errno or 0) or f"{error.strerror or error}"


@contextmanager
def _replacement(target: Path) -> Iterator[IO[bytes]]:
    """A temporary file beside the target, which takes its place at the end."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
    try:
        with open(descriptor, "wb") as file:
            yield file
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or what a new file gets."""
    with suppress(OSError):
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _is_special(target: Path) -> bool:
    with suppress(OSError):
        mode = target.stat().st_mode
        return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
    return False
