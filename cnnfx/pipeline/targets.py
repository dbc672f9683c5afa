"""Where the results of one image are written: a file, standard output, or a folder with one file per channel."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from cnnfx.errors import ArgumentError, FileError
from cnnfx.system.files import atomic_write, check_folder, write_error

PICTURE_FORMATS = {
    "png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF", "tiff": "TIFF", "webp": "WEBP",
    "bmp": "BMP", "gif": "GIF", "pgm": "PPM", "ppm": "PPM",
}  # fmt: skip
"""The endings of picture files, and Pillow's name of each format."""
ARRAY_FORMATS = ("npy", "npz")
"""The endings of files that hold feature maps as float arrays."""
PAGE_FORMATS = ("html",)
"""The endings of interactive pages."""

STDOUT = "-"
"""The name of standard output."""
STDOUT_NAMES = (STDOUT, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""All its names."""

FileId = tuple[int, int]
"""The device and inode number of a file, which are the same for all paths that lead to it."""


class Target(NamedTuple):
    """Where the results of one image are written.

    Parameters
    ----------
    path : Path or None
        A file, or None for standard output; or a folder.
    format : str
        The ending of the files, without dot.
    folder : bool
        Whether `path` is a folder, in which each channel gets its own file.
    stem : str
        The beginning of the names of these files.
    subfolder : Path
        The folder in `path` that holds these files.
    inputs : set of FileId
        Input files that must not be overwritten; see `protect_inputs`.
    """

    path: Path | None
    format: str = "png"
    folder: bool = False
    stem: str = ""
    subfolder: Path = Path()
    inputs: frozenset[FileId] = frozenset()

    @property
    def name(self) -> str:
        """The path as text; `-` for standard output."""
        return STDOUT if self.path is None else str(self.path)

    @property
    def directory(self) -> Path:
        """The folder that contains the files; the current one for standard output."""
        if self.path is None:
            return Path()
        return self.path / self.subfolder if self.folder else self.path.parent

    def check(self) -> None:
        """Check that the target can be written.

        Raises
        ------
        ArgumentError
            If binary data would be written to a terminal.
        FileError
            If the folder that should contain it does not exist, or its path cannot be used.
        """
        if self.path is None:
            _check_no_terminal(sys.stdout)
        elif self.folder:
            _check_parent(self.path)  # one message before any work, not one for each image after it
        else:
            _check_device(self.path)
            check_folder(self.path)

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Open the target as a binary file that appears complete or not at all."""
        self.check()
        return _stdout() if self.path is None else atomic_write(self.path)

    def files(self, channels: Sequence[str]) -> list[Path]:
        """Return the files that are written for channels of these names: one each in a folder, otherwise one for
        all."""
        if not self.folder:
            return [] if self.path is None else [self.path]
        return [self.directory / f"{self.stem}.{name}.{self.format}" for name in distinct(map(file_name, channels))]

    def make_files(self, channels: Sequence[str]) -> list[Path]:
        """Create the folder if needed, and return the file of each channel.

        Raises
        ------
        ArgumentError
            If a file is an input.
        FileError
            If the folder cannot be created.
        """
        assert self.path is not None
        _make_folder(self.path, self.subfolder)
        files = self.files(channels)
        for file in files:
            if file_id(file) in self.inputs:
                raise ArgumentError(f"{file} is an input: it would be overwritten.", remedy="output_is_input")
            _check_device(file)
        return files


def protect_inputs(targets: Sequence[Target], inputs: Sequence[str]) -> list[Target]:
    """Return targets in folders with the input files that each of them might overwrite.

    Every target could carry all inputs, but targets are sent to other processes one by one. So each carries only the
    inputs in its folder whose names begin as those of its own files.
    """
    known = frozenset(identity for identity in map(file_id, inputs) if identity)
    found = {folder: _inputs_by_beginning(folder, known) for folder in {target.directory for target in targets}}
    return [target._replace(inputs=found[target.directory].get(target.stem, frozenset())) for target in targets]


def _inputs_by_beginning(folder: Path, inputs: frozenset[FileId]) -> dict[str, frozenset[FileId]]:
    """Return the inputs in a folder, also as links, by each part of their names that ends before a dot."""
    found: dict[str, frozenset[FileId]] = {}
    with suppress(OSError):
        for entry in os.scandir(folder):
            identity = file_id(entry.path)
            if identity is not None and identity in inputs:
                for beginning in beginnings(entry.name):
                    found[beginning] = found.get(beginning, frozenset()) | {identity}
    return found


def beginnings(name: str) -> list[str]:
    """Return the parts of a file name that end before a dot: "a" and "a.top" of "a.top.png"."""
    return [name[:end] for end, character in enumerate(name) if character == "."]


def file_id(path: str | os.PathLike[str]) -> FileId | None:
    """Return the device and inode number of a file, which do not depend on the path; None if there is no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def layer_label(name: str, number: int) -> str:
    """Return what files call a layer: its name, with "-" for "/" as in "fire2-squeeze", or "layer2" without one."""
    return file_name(name.replace("/", "-")) or f"layer{number}"


def layer_names(layers: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Return the channel names of layers, given by their labels, prefixed with these if there are several layers."""
    labels = distinct(label for label, _ in layers)
    names = [names for _, names in layers]
    return [
        f"{label}.{name}" if len(layers) > 1 else name
        for label, each in zip(labels, names, strict=True)
        for name in each
    ]


def file_name(name: str) -> str:
    """Return a name as a part of a file name, with `_` for characters that file systems do not accept."""
    return "".join(character if character.isalnum() or character in "-_.+" else "_" for character in name)


def distinct(names: Iterable[str]) -> list[str]:
    """Return names of which no two are equal, also where upper and lower case are not distinguished."""
    given = list(names)
    counts = Counter(name.casefold() for name in given)
    return [f"{name}.{number}" if counts[name.casefold()] > 1 else name for number, name in enumerate(given, 1)]


def _check_parent(path: Path) -> None:
    """Check that there is the folder in which a folder may have to be created."""
    try:
        os.stat(os.path.join(path.parent, ""))  # with the separator at the end, a file is an error, too
    except OSError as error:
        raise _not_created(path, error) from error


def _make_folder(path: Path, subfolder: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
        (path / subfolder).mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FileError(f"{path}: it is a file, so it cannot be made a folder.", remedy="output_path") from None
    except OSError as error:
        raise _not_created(path, error) from error


def _not_created(path: Path, error: OSError) -> FileError:
    if isinstance(error, FileNotFoundError):
        return FileError(f"{path}: the folder that should contain it does not exist. Create it first.")
    return write_error(path, error, "the folder cannot be created")


def is_device(path: Path) -> bool:
    """Return whether a path is a device, such as `/dev/null`."""
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        return False


@contextmanager
def _stdout() -> Iterator[IO[bytes]]:
    """Standard output as a binary file."""
    sys.stdout.flush()
    buffer = sys.stdout.buffer
    yield cast(IO[bytes], _Unseekable(buffer.write))
    buffer.flush()


def _check_device(path: Path) -> None:
    """Check that a path is not a terminal, such as `/dev/tty`."""
    if is_device(path):
        with suppress(OSError), path.open("wb") as device:  # what cannot be opened is reported when it is written
            _check_no_terminal(device)


def _check_no_terminal(stream: IO[Any]) -> None:
    if stream.isatty():
        raise ArgumentError("Binary data is not written to a terminal.", remedy="terminal")


class _Unseekable(io.RawIOBase):
    """A stream that cannot seek, also where standard output is a file, which may hold earlier output of others."""

    def __init__(self, write: Callable[[Any], int]) -> None:
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._write(data)
