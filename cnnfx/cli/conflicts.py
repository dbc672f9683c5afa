"""The check that no output of a command line is an input or another output, by whatever names the files are called.

Every command that reads or writes files calls `check_outputs` before any work. Files are compared by device and number,
which links, relative paths and names such as `/dev/stdout` do not change; files that do not exist by folder and name.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from cnnfx.errors import FileError, UsageError
from cnnfx.pipeline.targets import PICTURE_FORMATS, STDOUT_NAMES, Target, beginnings, file_id, protect_inputs

if TYPE_CHECKING:
    from cnnfx.cli.inputs import InputImage
    from cnnfx.cli.options import NetworkOptions

STREAM = "-"
"""The name of standard input among the inputs, and of standard output among the outputs."""
STREAM_NAMES = (*STDOUT_NAMES, "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2")
"""The names of standard output and standard error."""
STREAM_TITLES = ("standard output", "standard error")
"""What messages call these."""


class NamedFile(NamedTuple):
    """A file that a command line names.

    Parameters
    ----------
    option : str
        The option or argument, for messages.
    path : str or Path
        Or `STREAM`.
    """

    option: str
    path: str | Path

    @property
    def identity(self) -> tuple[object, ...] | None:
        """What two paths to the same file have in common; None for devices, which several may use."""
        if str(self.path) == STREAM:
            return None
        return _identity(self.path)


def check_outputs(outputs: Iterable[NamedFile], *inputs: Iterable[NamedFile]) -> None:
    """Check that no output, with standard output and standard error, is an input or another output.

    Parameters
    ----------
    outputs : iterable of NamedFile
    *inputs : iterables of NamedFile
        They are iterated over only where an output exists, for otherwise none can be an input.

    Raises
    ------
    UsageError
        If one is; the message names both options.
    """
    written: dict[tuple[object, ...], NamedFile] = {}
    for output in outputs:
        identity = output.identity
        if identity is not None:
            if identity in written:
                raise _one_file(written[identity], output)
            written[identity] = output
    named = written.copy()
    for stream, file in zip(STREAM_TITLES, (sys.stdout, sys.stderr), strict=True):
        identity = _stream_identity(file)
        if identity in named and str(named[identity].path) not in STREAM_NAMES:
            raise _one_file(named[identity], NamedFile(stream, named[identity].path))
        if identity is not None:
            written.setdefault(identity, NamedFile(stream, stream))
    if not any(_exists(identity) for identity in written):
        return
    for given in chain(*inputs):
        identity = _stream_identity(sys.stdin) if str(given.path) == STREAM else given.identity
        if identity in written:
            raise _overwrites(written[identity], given)


def check_targets(
    targets: Sequence[Target], *inputs: Iterable[NamedFile], channels: Sequence[str] | None = None
) -> list[Target]:
    """Check the targets of `-o` as `check_outputs`, and return them with the inputs that they protect.

    Parameters
    ----------
    targets : sequence of Target
    *inputs : iterables of NamedFile
    channels : sequence of str, optional
        The channels that have files of their own in a folder. If they are not known before the work, each file is
        checked when it is written.

    Raises
    ------
    UsageError
        As `check_outputs`.
    """
    if any(target.folder for target in targets):
        inputs = ([*chain(*inputs)],)
        targets = protect_inputs(targets, [str(given.path) for given in inputs[0] if str(given.path) != STREAM])
    files = [NamedFile("-o", target.path) for target in targets if target.path is not None and not target.folder]
    if channels is not None:
        files += [NamedFile("-o", file) for target in _possible_conflicts(targets) for file in target.files(channels)]
    check_outputs(files, *inputs)
    return list(targets)


def _possible_conflicts(targets: Sequence[Target]) -> list[Target]:
    """Return the targets in folders whose files may be inputs, or those of other targets: `a` and `a.top` have some."""
    stems = {(target.path, target.subfolder, target.stem) for target in targets if target.folder}
    conflicting = set()
    for folder, subfolder, stem in stems:
        shorter = {(folder, subfolder, beginning) for beginning in beginnings(stem)} & stems
        if shorter:
            conflicting |= {*shorter, (folder, subfolder, stem)}
    return [
        target
        for target in targets
        if target.folder and (target.inputs or (target.path, target.subfolder, target.stem) in conflicting)
    ]


def image_files(sources: Iterable[InputImage], names: Sequence[str] = ()) -> Iterator[NamedFile]:
    """Yield the images of a command line; `names` are those given, the others were found in folders."""
    for source in sources:
        yield NamedFile("IMAGE" if source.path in names or source.is_stdin else "in a folder of images", source.path)


def print_note_on_shared_folder(images: Sequence[str], targets: Sequence[Target], recursive: bool) -> None:
    """Print a note if pictures are written into a folder of images, since the next run would read them as images."""
    from cnnfx.cli.console import print_error

    drawn = (target for target in targets if target.path is not None and target.format in PICTURE_FORMATS)
    places = {os.path.realpath(folder) for folder in {target.directory for target in drawn}}
    for name in (name for name in images if os.path.isdir(name)):
        real = os.path.realpath(name)
        if real in places or (recursive and any(place.startswith(os.path.join(real, "")) for place in places)):
            print_error(
                f"{name}: pictures are written into this folder of images, and the next run reads them as images. "
                "Choose another folder with -o."
            )
            return


def network_files(option: str, *specs: str | os.PathLike[str] | None) -> Iterator[NamedFile]:
    """Yield the files of networks, and those that they name; None are left out."""
    from cnnfx.formats.load import files_of_network

    for spec in specs:
        if spec is not None:
            with suppress(FileError):  # loading it says why
                for path in files_of_network(spec):
                    yield NamedFile(option, path)


def arch_path(arch: str | None) -> Path | None:
    """Return the path of `--arch`, which is no preset even if it has no ending."""
    return None if arch is None else Path(arch)


def option_files(options: NetworkOptions) -> Iterator[NamedFile]:
    """Yield the files of the networks that `--filters` and `--then` name, and of `--arch`."""
    yield from network_files("--filters", *(options.filters or []))
    yield from network_files("--then", *(options.then or []))
    yield from network_files("--arch", arch_path(options.arch))


def data_files(spec: str | None, trained_on: str = "") -> Iterator[NamedFile]:
    """Yield the files of the data set of `--data`; by default those of the one that a model was trained on, or MNIST.

    Datasets that cannot be read have none: reading them will say why.
    """
    from cnnfx.datasets.load import files_of_dataset, is_name

    name = spec or trained_on or "mnist"
    option = f"--data {name}" if is_name(name) else "--data"
    with suppress(FileError, OSError):
        for path in files_of_dataset(name):
            yield NamedFile(option, path)


def _identity(path: str | os.PathLike[str]) -> tuple[object, ...] | None:
    try:
        mode = os.stat(path).st_mode
    except ValueError:  # a null character: reading or writing will report it
        return None
    except OSError:
        folder, name = os.path.split(os.path.realpath(path))
        return file_id(folder) or folder, name.casefold() if _ignores_case(folder) else name
    return None if stat.S_ISCHR(mode) else file_id(path)


def _exists(identity: tuple[object, ...]) -> bool:
    return isinstance(identity[1], int)


def _stream_identity(stream: TextIO | None) -> tuple[object, ...] | None:
    """Return the identity of the file that a stream is; None for a terminal, a pipe, or a closed stream."""
    with suppress(OSError, ValueError, AttributeError):
        found = os.fstat(stream.fileno())  # type: ignore[union-attr] # None has no such attribute
        if stat.S_ISREG(found.st_mode):
            return found.st_dev, found.st_ino
    return None


def _ignores_case(folder: str) -> bool:
    """Return whether the file system of a folder takes upper and lower case for the same."""
    path = Path(folder)
    for part in (path, *path.parents):
        other = part.with_name(part.name.swapcase()) if part.name else part
        if other != part:
            identity = file_id(part)
            return identity is not None and identity == file_id(other)
    return False


def _one_file(first: NamedFile, second: NamedFile) -> UsageError:
    if first.option == second.option:
        called = f", also called {second.path}" if str(second.path) != str(first.path) else ""
        return UsageError(f"{first.path}: two outputs of {first.option} are this file{called}. Give each its own name.")
    other = second.option if str(second.path) == str(first.path) else f"{second.option} ({second.path})"
    return UsageError(f"{first.path}: {first.option} and {other} are the same file. Give each its own name.")


def _overwrites(output: NamedFile, given: NamedFile) -> UsageError:
    same = str(output.path) == str(given.path) or output.option in STREAM_TITLES
    name = given.path if output.option in STREAM_TITLES else output.path
    called = "standard input" if str(given.path) == STREAM else given.path
    what = given.option if same else f"{given.option}: {called}"
    return UsageError(
        f"{name}: the output ({output.option}) is also an input ({what}): it would be overwritten. "
        f"Choose another output{'' if output.option in STREAM_TITLES else f' with {output.option}'}."
    )
