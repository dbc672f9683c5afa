"""Printing and progress: results on standard output, messages and progress bars on standard error.

All functions look up `sys.stdout` and `sys.stderr` when they are called, since a progress bar replaces them while it is
shown.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, TypeVar

from cnnfx.system.text import printable

MIN_ITEMS_FOR_BAR = 5
"""With fewer items there is no progress bar."""
INTERRUPTED = 130
"""The exit code after Ctrl-C."""
DEFAULT_COLUMNS = 80
"""The columns of a terminal of unknown size."""
MIN_BAR_CHARACTERS, MAX_BAR_CHARACTERS = 4, 30
"""The shortest and the longest bar. With a file's name it must not fill the line, or Ctrl-C would leave it there."""
BAR_TEXT_CHARACTERS = 46
"""The characters of the text beside a bar."""

Item = TypeVar("Item")
ReportProgress = Callable[[str, int, int | None], None]
"""Called with the name of a step, how much of it is done, and the total, None if it is unknown."""


def print_message(text: str) -> None:
    """Print a message of one line on standard error; on a terminal, in lines that end between words.

    Characters that would change the terminal are escaped: messages contain file names and other text from outside.
    """
    print_lines(in_lines(printable(text), sys.stderr))


def print_error(message: str) -> None:
    """Print an error or a warning on standard error, after the name of the program."""
    print_message(f"cnnfx: {message}")


def print_lines(text: str) -> None:
    """Print lines on standard error as they are, such as a table or a picture.

    Where standard error cannot be written, as on a full disk, messages are lost, but the work goes on.
    """
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        sys.stderr = _silenced(sys.stderr)


def print_result(text: str) -> None:
    """Print a result of one line on standard output, as `print_message` prints a message."""
    print_result_lines(in_lines(printable(text), sys.stdout))


def print_result_lines(text: str) -> None:
    """Print lines of a result on standard output as they are, such as JSON, a table or a picture."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def in_lines(text: str, stream: TextIO) -> str:
    """Return a text in lines that fit the terminal that a stream is; unchanged if it is a file or a pipe."""
    if not stream.isatty():
        return text
    from cnnfx.render.wrapping import wrap

    return "\n".join(wrap(text, terminal_width(stream)))


def print_json(value: object) -> None:
    """Print a result as one line of strict JSON.

    Characters that would change the terminal, or that the encoding of standard output lacks, have JSON's escapes.
    """
    import json

    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
        is_safe = printable(text) == text
    except UnicodeEncodeError:  # another encoding, or a file name that is not valid text
        is_safe = False
    print_result_lines(text if is_safe else json.dumps(value, allow_nan=False))


def text_width(stream: TextIO | None = None) -> int | None:
    """Return the columns of the terminal that a stream is, by default standard output; None for a file or a pipe."""
    stream = stream or sys.stdout
    return terminal_width(stream) if stream.isatty() else None


def terminal_width(stream: TextIO) -> int:
    """Return `$COLUMNS`, the columns of the terminal that a stream is, or 80."""
    with suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", ""))) > 0:
            return columns
    with suppress(OSError, ValueError):  # not a terminal, or a stream without a file
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_COLUMNS
    return DEFAULT_COLUMNS


def silence_stdout() -> None:
    """Discard what Python still buffers for standard output after its reader has closed it."""
    sys.stdout = _silenced(sys.stdout)


def _silenced(stream: TextIO) -> TextIO:
    """Return a standard stream after what it buffers, and all that follows, is discarded."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return open(os.devnull, "w")  # a stream without a file, as in tests
    return stream


def with_progress(items: Iterable[Item], count: int, quiet: bool) -> Iterator[Item]:
    """Yield the items; for at least `MIN_ITEMS_FOR_BAR`, show a bar meanwhile if standard error is a terminal."""
    if count < MIN_ITEMS_FOR_BAR or quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (BarColumn(_bar_length()), MofNCompleteColumn(), rate, TimeRemainingColumn())
    # Rich prints lines for the terminal above the bar; it must not touch output that goes to a file or a pipe.
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=sys.stdout.isatty()) as bar:
        images = bar.add_task("", total=count, rate="")
        for item in items:
            yield item
            speed = bar.tasks[0].speed
            bar.update(images, advance=1, rate=f"{speed:.1f} images/s" if speed else "")


@contextmanager
def data_progress(quiet: bool) -> Iterator[ReportProgress | None]:
    """Show a bar while data are downloaded, read or made, if standard error is a terminal; None if there is none."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    bar = BarColumn(_bar_length())
    columns = (TextColumn("{task.description}"), bar, TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("data", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)


def _bar_length() -> int:
    """Return the characters of a progress bar, which leave space for the text beside it."""
    return min(MAX_BAR_CHARACTERS, max(MIN_BAR_CHARACTERS, terminal_width(sys.stderr) - BAR_TEXT_CHARACTERS))
