"""The progress bar: on a terminal only, and only where the work takes a while."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def tracked(items: Sequence[Item], at_least: int, quiet: bool) -> Iterator[Item]:
    """The items; while they are worked through, a bar on standard error if there are `at_least` so many and it is a
    terminal."""
    if len(items) < at_least or quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        yield from bar.track(items)
