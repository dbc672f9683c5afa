"""Where each image's output goes, from `-o`, `--format` and the image's own name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cnnfx.errors import UsageError
from cnnfx.outputs import STDOUT, Target, checked_format, file_name, is_same_file

STDIN = "-"


@dataclass(frozen=True)
class Source:
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
        If several images would go to one file, an output is one of the inputs, or a format is not known.
    """
    ending = checked_format(format) if format else None
    if output is None:
        found = [_default(source, ending, filters) for source in sources]
    elif output == STDOUT:
        found = [Target(None, ending or "png")] * len(sources)
    elif output.endswith(("/", os.sep)) or Path(output).is_dir():
        found = [Target(Path(output) / source.below, ending or "png", True, source.stem) for source in sources]
    else:
        found = [_named(output, source, ending, filters) for source in sources]
    found = _apart(found, sources)
    _check_collisions(found, sources)
    return found


def _default(source: Source, ending: str | None, filters: str) -> Target:
    ending = ending or "png"
    if source.path == STDIN:
        return Target(None, ending)
    return Target(Path(f"{source.stem}.{file_name(filters)}.{ending}"), ending)


def _named(output: str, source: Source, ending: str | None, filters: str) -> Target:
    path = Path(output.replace("{stem}", source.stem).replace("{filters}", file_name(filters)))
    if ending is None and not path.suffix:
        raise UsageError(f"{path} has no ending to say what to write. Add one, such as .png or .npz, or give --format.")
    return Target(path, ending or checked_format(path.suffix))


def _apart(found: list[Target], sources: Sequence[Source]) -> list[Target]:
    """Pictures of one stem in one folder (`a.png`, `a.jpg`) keep their whole names apart."""
    counts = Counter((target.path, target.stem) for target in found if target.folder)
    return [
        replace(target, stem=Path(source.path).name) if counts[(target.path, target.stem)] > 1 else target
        for target, source in zip(found, sources, strict=True)
    ]


def _check_collisions(found: Sequence[Target], sources: Sequence[Source]) -> None:
    whole = [target.path for target in found if not target.folder]
    for path, count in Counter(whole).items():
        if count > 1:
            where = "standard output" if path is None else f"{path}"
            raise UsageError(
                f"{count} images would all be written to {where}. "
                "Give -o FOLDER/ or a name with {stem} in it, such as -o 'out/{stem}.png'."
            )
    for target in found:
        for source in sources:
            if target.path and not target.folder and source.path != STDIN and is_same_file(target.path, source.path):
                raise UsageError(f"{target.path} is an input: it would be overwritten. Choose another output with -o.")
