"""The images that a command line names: files, folders, standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cnnfx.cli.targets import STDIN, Source
from cnnfx.errors import FileError, UsageError
from cnnfx.images import find_images


def find_sources(given: Sequence[str], recursive: bool) -> list[Source]:
    """The images, folders looked through.

    Raises
    ------
    UsageError
        If standard input is named more than once.
    FileError
        If a folder holds no images.
    """
    if list(given).count(STDIN) > 1:
        raise UsageError("Standard input (-) can be read only once.")
    return [source for name in given for source in _expand(name, recursive)]


def _expand(name: str, recursive: bool) -> list[Source]:
    if name == STDIN or not os.path.isdir(name):
        return [Source(name)]
    folder = Path(name)
    return [Source(str(path), path.parent.relative_to(folder)) for path in find_images([folder], recursive=recursive)]


def content(name: str) -> bytes | None:
    """All that standard input holds, if that is what is named.

    Raises
    ------
    UsageError
        If standard input is a terminal.
    FileError
        If it is empty.
    """
    if name != STDIN:
        return None
    if sys.stdin is None:  # closed, as by `<&-`
        raise FileError("standard input: it is closed. Send an image into it, or name a file.")
    if sys.stdin.isatty():
        raise UsageError(
            "Standard input is a terminal. Send an image into it: cat photo.png | cnnfx apply - -f edges > maps.png"
        )
    data = sys.stdin.buffer.read()
    if not data:
        raise FileError("standard input: it is empty. The command before the pipe may have failed.")
    return data
