"""Messages that name the files of class folders that cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cnnfx.errors import CnnfxError, FileError
from cnnfx.images.folder import natural_order
from cnnfx.system.text import shortened

MAX_EXPLAINED_FILES = 10
"""The most files for each of which a message says what is wrong. Of more, it does so for the first."""
MAX_NAMED_FILES = 1000
"""The most files that a message names: tens of thousands would hide the rest of the message."""
MAX_PROBLEM_CHARACTERS = 300
"""The most characters about one file."""


class BadFile(NamedTuple):
    """A file that cannot be read, and why."""

    path: Path
    error: CnnfxError


def bad_files(folder: Path, bad: Sequence[BadFile], files: Sequence[Path]) -> FileError:
    """Return one error about all files that cannot be read, of the files of a data set."""
    if len(bad) == 1:
        return FileError(str(bad[0].error), remedy="bad_images")
    return FileError(
        f"{folder}: {len(bad)} of its {len(files)} images cannot be read: {_explained(folder, bad, files)}.",
        remedy="bad_images",
    )


def skipped_note(folder: Path, bad: Sequence[BadFile], files: Sequence[Path]) -> str:
    """Return a note on the files that were skipped, of the files of a data set."""
    verb = "was" if len(bad) == 1 else "were"
    return f"{folder}: {len(bad)} of its {len(files)} images {verb} skipped: {_explained(folder, bad, files)}."


def grouped_names(folder: Path, chosen: Sequence[Path], files: Sequence[Path]) -> str:
    """Return the names of some files of a data set, by sub-folder: "2 of 9 in cat (1.png, 5.png), all 9 in dog (…)"."""
    chosen = sorted(chosen, key=natural_order)
    counts = Counter(file.parent for file in files)
    names: dict[Path, list[str]] = {}
    for file in chosen[:MAX_NAMED_FILES]:
        names.setdefault(file.parent, []).append(file.name)
    groups = []
    for parent, count in Counter(file.parent for file in chosen).items():
        share = f"all {count}" if count == counts[parent] else f"{count} of {counts[parent]}"
        shown = names.get(parent, [])
        more = [f"{count - len(shown)} more"] if len(shown) < count else []
        groups.append(f"{share} in {parent.relative_to(folder)} ({', '.join([*shown, *more])})")
    return ", ".join(groups)


def _explained(folder: Path, bad: Sequence[BadFile], files: Sequence[Path]) -> str:
    """Return what is wrong with each file; of many files the names, and what is wrong with the first."""
    problems = [
        shortened(str(error).rstrip("."), MAX_PROBLEM_CHARACTERS) for _, error in bad[: MAX_EXPLAINED_FILES + 1]
    ]
    if len(problems) <= MAX_EXPLAINED_FILES:
        return "; ".join(problems)
    return f"{grouped_names(folder, [file for file, _ in bad], files)}. The first is {problems[0]}"
