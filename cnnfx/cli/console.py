"""Standard output is data, standard error is talk: the two ways to print.

Both write to `sys.stdout` and `sys.stderr` as they are at the moment, so that a progress bar can stay below what is
printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar


def tell(text: str) -> None:
    """Say something on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """Print a result on standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def put_json(value: object) -> None:
    """Print a result as one line of strict JSON; signs that standard output cannot take are escaped."""
    import json

    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # another encoding, or a file name that is no text
        text = json.dumps(value, allow_nan=False)
    put(text)


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


INTERRUPTED = 130


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    tell(f"cnnfx: {message}")


def silence_stdout() -> None:
    """Whoever read our output is gone: what Python still holds for it must not be flushed at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 # a standard output without a file, as in tests
