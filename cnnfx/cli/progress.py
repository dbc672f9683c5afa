"""The progress bar: on a terminal only, and only where the work takes a while."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

MANY = 5
"""From so many items on there is a bar."""


def tracked(items: Iterable[Item], count: int, quiet: bool) -> Iterator[Item]:
    """The items; meanwhile a bar on standard error if there are `MANY` and it is a terminal."""
    if count < MANY or quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    # What is printed on the terminal meanwhile stands above the bar; what goes elsewhere is none of Rich's business.
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=sys.stdout.isatty()) as bar:
        images = bar.add_task("", total=count, rate="")
        for item in items:
            yield item
            speed = bar.tasks[0].speed
            bar.update(images, advance=1, rate=f"{speed:.1f} images/s" if speed else "")
