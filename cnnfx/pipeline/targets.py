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
from cnnfx.system.files import atomic_write, write_error

PICTURES = {
    "png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF", "tiff": "TIFF", "webp": "WEBP",
    "bmp": "BMP", "gif": "GIF", "pgm": "PPM", "ppm": "PPM",
}  # fmt: skip
"""Endings of picture files, and Pillow's name for their format."""
NUMBERS = ("npy", "npz")
"""Endings of files that hold the float maps."""
PAGES = ("html",)
"""Endings of pages to explore in a browser."""

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


def checked_format(name: str) -> str:
    """A format's name as an ending without dot.

    Raises
    ------
    UsageError
        If it is not known.
    """
    ending = name.lower().removeprefix(".")
    known = [*PICTURES, *NUMBERS, *PAGES]
    if ending not in known:
        raise UsageError(f"There is no output format {name!r}. Choose one of {', '.join(known)}.")
    return ending


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
        raise FileError(f"{path}: it is a file, so it cannot be made a folder.", remedy="output_place") from None
    except FileNotFoundError:
        raise FileError(f"{path}: the folder that should contain it does not exist. Create it first.") from None
    except OSError as error:
        raise write_error(path, error, "the folder cannot be made") from error


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


STDIN = "-"
STANDARD = (STDOUT, "/dev/stdout")
"""The names of standard output."""

KNOWN = {**PICTURES, **{ending: ending for ending in (*NUMBERS, *PAGES)}}
"""What each ending says that a file is."""


class Source(NamedTuple):
    """An image to work on: a path or `-`, and the folder below the given one in which it was found."""

    path: str
    below: Path = Path()

    @property
    def stem(self) -> str:
        """The name for output files."""
        return "stdin" if self.path == STDIN else Path(self.path).stem


def targets(sources: Sequence[Source], output: str | None, format: str | None, filters: str) -> list[Target]:
    """A target for each source.

    Parameters
    ----------
    output : the value of `-o`: a file, a folder, a pattern with `{stem}` and `{filters}`, `-`, or None for the default
    format : the value of `--format`
    filters : the network's name

    Raises
    ------
    UsageError
        If several images would go to one file, an output is one of the inputs, a format is not known, or binary data
        would go to a terminal.
    """
    ending = checked_format(format) if format else None
    if output is None:
        found = [_default(source, ending, filters) for source in sources]
    elif output in STANDARD:
        found = [Target(None, ending or "png")] * len(sources)
    elif output.endswith(("/", os.sep)) or os.path.isdir(output):
        found = [Target(Path(output), ending or "png", True, source.stem, source.below) for source in sources]
    else:
        found = [_named(output, source, ending, filters) for source in sources]
    if any(target.folder and target.format in PAGES for target in found):
        pattern = os.path.join(output or "", "{stem}.html")
        raise UsageError(f"A page holds all channels of an image, so it is one file. Give -o '{pattern}'.")
    inputs = _identities(sources)
    folders = {_folder(target) for target in found}
    near = {folder: _by_beginning(folder, inputs) if folder else {} for folder in folders}
    found = [
        target._replace(inputs=near[_folder(target)].get(_beginning(target), frozenset()))
        for target in _apart_targets(found, sources)
    ]
    _check_collisions(found)
    for target in found:
        target.check()
    return found


def _folder(target: Target) -> Path | None:
    """The folder in which a target's files are."""
    if target.path is None:
        return None
    return target.path / target.below if target.folder else target.path.parent


def _beginning(target: Target) -> str:
    """What the names of a target's files begin with."""
    return target.stem if target.folder or target.path is None else target.path.name


def _by_beginning(folder: Path, inputs: frozenset[FileId]) -> dict[str, frozenset[FileId]]:
    """The inputs in a folder, also under other names, by what may stand before a dot in their names, and whole names.

    So each image's task carries the few files that it might write over, and not all that there are.
    """
    found: dict[str, frozenset[FileId]] = {}
    with suppress(OSError):
        for entry in os.scandir(folder):
            identity = file_id(entry.path)
            if identity is not None and identity in inputs:
                name = entry.name
                for end in [place for place, sign in enumerate(name) if sign == "."] + [len(name)]:
                    found[name[:end]] = found.get(name[:end], frozenset()) | {identity}
    return found


def _identities(sources: Sequence[Source]) -> frozenset[FileId]:
    found = [file_id(source.path) for source in sources if source.path != STDIN]
    return frozenset(identity for identity in found if identity)


def _default(source: Source, ending: str | None, filters: str) -> Target:
    ending = ending or "png"
    if source.path == STDIN:
        return Target(None, ending)
    return Target(Path(f"{source.stem}.{file_name(filters)}.{ending}"), ending)


def _named(output: str, source: Source, ending: str | None, filters: str) -> Target:
    path = Path(output.replace("{stem}", source.stem).replace("{filters}", file_name(filters)))
    if ending is None and not path.suffix:
        raise UsageError(
            f"{path} has no ending that determines the format. Add one, such as .png or .npz, or give --format."
        )
    written = path.suffix.lower().removeprefix(".")
    if ending and written in KNOWN and KNOWN[written] != KNOWN[ending]:
        raise UsageError(f"{path} ends in {path.suffix}, but --format is {ending}. Give one of the two.")
    return Target(path, ending or checked_format(path.suffix))


def _apart_targets(found: list[Target], sources: Sequence[Source]) -> list[Target]:
    """Pictures of one stem in one folder (`a.png`, `a.jpg`) keep their whole names apart."""
    counts = Counter((target.path, target.below, target.stem) for target in found if target.folder)
    return [
        target._replace(stem=Path(source.path).name) if counts[(target.path, target.below, target.stem)] > 1 else target
        for target, source in zip(found, sources, strict=True)
    ]


def _check_collisions(found: Sequence[Target]) -> None:
    for target, count in Counter(target._replace(inputs=frozenset()) for target in found).items():
        if count > 1 and target.folder:
            where = target.path / target.below / target.stem if target.path else ""
            raise UsageError(f"{count} images would all be written to {where}.*. Give each its own name or folder.")
        if count > 1:
            raise UsageError(
                f"{count} images would all be written to {target.path or 'standard output'}. "
                "Give -o FOLDER/ or a name with {stem} in it, such as -o 'out/{stem}.png'."
            )


DEFAULT = "gif"


def check_moves(name: str, ending: str) -> None:
    """See that files of an ending can move; `name` is what the message calls them.

    Raises
    ------
    UsageError
        If they cannot.
    """
    from cnnfx.render.animation import ANIMATION_FORMATS

    if ending.lower().removeprefix(".") not in ANIMATION_FORMATS:
        kind = f"{ending} files" if ending else "a file without an ending"
        raise UsageError(f"{name}: {kind} cannot be animated. Write a .gif, a .webp or an animated .png.")


def moving_target(source: Source, output: str | None, format: str | None, filters: str) -> Target:
    """The one file that `-o` and `--format` say.

    Raises
    ------
    UsageError
        If it cannot move, or is a folder or an input.
    """
    if format is not None:
        check_moves("--format", format)
    standard = output in STANDARD or (output is None and source.path == STDIN)
    if output is not None and not standard and format is None:
        _check_named(output)
    ending = format or (DEFAULT if output is None or standard else None)
    (target,) = targets([source], output, ending, filters)
    if target.folder:
        raise UsageError(f"{output} is a folder. An animation is one file: give -o slide.gif.")
    return target


def _check_named(output: str) -> None:
    if not output.endswith(("/", os.sep)) and not os.path.isdir(output):
        check_moves(output, Path(output).suffix)
