"""The progress bar: on a terminal only, and only where the work takes a while."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

MANY = 5
"""From so many items on there is a bar."""


def tracked(items: Sequence[Item], quiet: bool) -> Iterator[Item]:
    """The items; while they are worked through, a bar on standard error if they are `MANY` and it is a terminal."""
    if len(items) < MANY or quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # What is printed on the terminal meanwhile stands above the bar; what goes elsewhere is none of Rich's business.
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=sys.stdout.isatty()) as bar:
        yield from bar.track(items)
