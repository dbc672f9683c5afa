"""Where each image's output goes, from `-o`, `--format` and the image's own name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cnnfx.errors import UsageError
from cnnfx.outputs import NUMBERS, PAGES, PICTURES, checked_format
from cnnfx.target import STDOUT, FileId, Target, file_id, file_name

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
        for target in _apart(found, sources)
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
        raise UsageError(f"{path} has no ending to say what to write. Add one, such as .png or .npz, or give --format.")
    written = path.suffix.lower().removeprefix(".")
    if ending and written in KNOWN and KNOWN[written] != KNOWN[ending]:
        raise UsageError(f"{path} ends in {path.suffix}, but --format says {ending}. Give one of the two.")
    return Target(path, ending or checked_format(path.suffix))


def _apart(found: list[Target], sources: Sequence[Source]) -> list[Target]:
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
