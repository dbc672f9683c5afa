"""Where a moving picture goes."""

from __future__ import annotations

import os
from pathlib import Path

from cnnfx.cli.targets import STANDARD, STDIN, Source, targets
from cnnfx.errors import UsageError
from cnnfx.target import Target

DEFAULT = "gif"


def check_moves(name: str, ending: str) -> None:
    """See that files of an ending can move; `name` is what the message calls them.

    Raises
    ------
    UsageError
        If they cannot.
    """
    from cnnfx.render.animation import MOVING

    if ending.lower().removeprefix(".") not in MOVING:
        kind = f"{ending} files" if ending else "a file without an ending"
        raise UsageError(f"{name}: {kind} cannot move. Write a .gif, a .webp or an animated .png.")


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
