"""Where one image's results go: a file, standard output, or a folder with a file for each channel."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from cnnfx.errors import FileError, UsageError
from cnnfx.files import atomic_write, reason

STDOUT = "-"

FileId = tuple[int, int]
"""What tells whether two paths name one file: its device and its number there."""


class Target(NamedTuple):
    """Where one image's results go.

    Parameters
    ----------
    path : Path or None
        A file, or None for standard output; or a folder.
    format : str
        The ending of the files.
    folder : bool
        Whether `path` is a folder, in which each channel gets a file of its own.
    stem : str
        What the names of these files begin with.
    below : Path
        The folder in `path` in which they are.
    inputs : set of file identities
        Files that are never written over.
    """

    path: Path | None
    format: str = "png"
    folder: bool = False
    stem: str = ""
    below: Path = Path()
    inputs: frozenset[FileId] = frozenset()

    def check(self) -> None:
        """See that the target can take what is to be written.

        Raises
        ------
        UsageError
            If it is an input, or binary data would go to a terminal.
        """
        if self.path is None:
            _check_no_terminal(sys.stdout)
        elif not self.folder:
            self._check_file(self.path)

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """The target as a binary file that appears whole or not at all."""
        self.check()
        return _stdout() if self.path is None else atomic_write(self.path)

    def files(self, names: Sequence[str]) -> list[Path]:
        """The files that are written for some channels: one for each in a folder, else one for all."""
        if not self.folder:
            return [] if self.path is None else [self.path]
        folder = Path(self.path or "") / self.below
        return [folder / f"{self.stem}.{name}.{self.format}" for name in _apart([file_name(name) for name in names])]

    def make_files(self, names: Sequence[str]) -> list[Path]:
        """The file of each of some channels, in a folder that is made if need be; none of them is an input."""
        assert self.path is not None
        _make_folder(self.path, self.below)
        files = self.files(names)
        for file in files:
            self._check_file(file)
        return files

    def _check_file(self, path: Path) -> None:
        if file_id(path) in self.inputs:
            raise UsageError(f"{path} is an input: it would be overwritten. Choose another output with -o.")
        if _is_device(path):
            with suppress(OSError), path.open("wb") as device:  # what cannot be opened is told when it is written
                _check_no_terminal(device)


def file_id(path: str | os.PathLike[str]) -> FileId | None:
    """What identifies a file, whatever path or link leads to it; None if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def layer_names(layers: Sequence[tuple[int, Sequence[str]]]) -> list[str]:
    """The names of the channels of some layers, given by their numbers, with the layer's before if there are
    several."""
    return [f"layer{number}.{name}" if len(layers) > 1 else name for number, names in layers for name in names]


def file_name(name: str) -> str:
    """A channel's name as a part of a file name: what file systems do not take becomes `_`."""
    return "".join(sign if sign.isalnum() or sign in "-_.+" else "_" for sign in name)


def _apart(names: list[str]) -> list[str]:
    """File names of which no two are the same, also where capitals do not count."""
    counts = Counter(name.casefold() for name in names)
    return [f"{name}.{number}" if counts[name.casefold()] > 1 else name for number, name in enumerate(names, 1)]


def _make_folder(path: Path, below: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
        (path / below).mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FileError(f"{path}: it is a file, so it cannot be made a folder. Choose another with -o.") from None
    except FileNotFoundError:
        raise FileError(f"{path}: the folder in which it should be does not exist. Make it first.") from None
    except OSError as error:
        raise FileError(f"{path}: the folder cannot be made: {reason(error)}.") from error


def _is_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        return False


@contextmanager
def _stdout() -> Iterator[IO[bytes]]:
    """Standard output as a binary file; nothing is sent if writing fails half-way."""
    sys.stdout.flush()
    buffer = sys.stdout.buffer
    yield cast(IO[bytes], _Unseekable(buffer.write))
    buffer.flush()


def _check_no_terminal(stream: IO[Any]) -> None:
    if stream.isatty():
        raise UsageError(
            "Binary data is not written to a terminal. Give -o FILE, or send the output into a pipe or file."
        )


class _Unseekable(io.RawIOBase):
    """A stream that says that it cannot seek, also where standard output is a file: what stands before is not ours."""

    def __init__(self, write: Callable[[Any], int]) -> None:
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._write(data)
