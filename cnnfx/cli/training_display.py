"""The display of a training run on a terminal: a progress bar and, with `--watch`, the filters of the first layer."""

from __future__ import annotations

import math
import re
import sys
import time
from typing import TYPE_CHECKING

from cnnfx.cli.console import print_lines

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live
    from rich.progress import ProgressColumn
    from rich.segment import Segment

    from cnnfx.nn.network import Network
    from cnnfx.render.terminal import Terminal
    from cnnfx.training import BatchReport, Trainer

BAR_SECONDS = 0.1
"""The least time between two updates of the progress bar."""
WATCH_SECONDS = 0.2
"""The least time between two updates of the filters."""
WATCH_SHARE = 0.03
"""The largest share of the time of training that updates of the filters take."""
BESIDE_COLUMNS = 96
"""From this width of the terminal on, the filters are beside the progress bar, otherwise below it."""
BLOCK_COLUMNS = 26
"""The width of the progress bar and its numbers beside the filters."""
MARGIN_COLUMNS = 3
"""Columns that stay empty at the right: after Ctrl-C, the terminal writes ^C there, which must not begin a line."""
MIN_BAR_COLUMNS, MAX_BAR_COLUMNS = 4, 40
"""The shortest and the longest progress bar."""
NUMBER_COLUMNS = (19, 15, 15)
"""The usual widths of the cross-entropy, the accuracy and the speed beside the bar."""
REMAINING_COLUMNS = 7
"""The width of the remaining time."""
LARGE_SCALE = 2
"""The factor of enlargement of the filters where all of them fit `LARGE_SHARE` of the terminal then; otherwise 1."""
LARGE_SHARE = 2 / 3
ESCAPE_CODE = re.compile("\x1b\\[[0-9;]*m")
"""What sets and resets colors in a line."""


class TrainingDisplay:
    """Shows the progress of a training run in the last lines of the terminal that standard error is.

    Parameters
    ----------
    trainer : Trainer
    watch : bool
        Whether the filters of the first layer are drawn, too.
    """

    def __init__(self, trainer: Trainer, watch: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._trainer, self._watch = trainer, watch
        self._console = Console(stderr=True)
        self._bar = BarColumn(MIN_BAR_COLUMNS)
        self._columns: list[ProgressColumn] = [
            TextColumn("{task.description}"), self._bar, TextColumn("{task.fields[numbers]}"), TimeRemainingColumn(),
        ]  # fmt: skip
        self._progress = Progress(*self._columns, console=self._console, auto_refresh=False)
        self._live: Live | None = None
        self._filters: list[str] = []
        self._size = self._drawn_size = (0, 0)
        self._scale, self._is_beside = 1, False
        self._next_update, self._cost = 0.0, math.inf

    def update(self, report: BatchReport) -> None:
        """Show the progress after a batch, unless it was shown just before."""
        start = time.monotonic()
        if report.batch == 1:
            for task in self._progress.task_ids:
                self._progress.remove_task(task)
            name = f"epoch {report.epoch}/{report.epochs}"
            self._progress.add_task(name, total=len(self._trainer.data.labels), numbers="")
        self._progress.update(self._progress.task_ids[0], completed=report.images)
        if start < self._next_update and self._live is not None and report.batch < report.batches:
            return
        is_first = self._live is None
        if not is_first:
            self._erase_wrapped_lines()
        self._size = self._console.size
        self._set_numbers(report)
        if self._watch:
            self._draw_filters()
        self.show()
        end = time.monotonic()
        if is_first:  # its time includes imports
            self._next_update = end + BAR_SECONDS
            return
        self._cost = min(self._cost, end - start)  # other processes may have slowed a single update
        self._next_update = end + (max(WATCH_SECONDS, self._cost / WATCH_SHARE) if self._watch else BAR_SECONDS)

    def hide(self) -> None:
        """Remove the display from the terminal, so that lines can be printed."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self) -> None:
        """Write the display over the one before, or below the lines that were printed since `hide`."""
        from rich.live import Live

        if self._live is None:
            # Rich prints other lines for the terminal above the display, but must not touch a file or a pipe.
            self._live = Live(
                self, console=self._console, auto_refresh=False, transient=True, redirect_stdout=sys.stdout.isatty()
            )
            self._live.start()
        self._live.refresh()

    def close(self) -> None:
        """Remove the bar, and leave the filters, where the run has ended before its last epoch was complete."""
        if self._live is not None:
            self.hide()
            if self._filters:
                print_lines("\n".join(["the first layer's filters when the run ended:", *self._filters, ""]))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        if not self._watch:
            yield self._progress
            return
        if not self._is_beside:
            yield self._progress
            yield Segment.line()
            for line in self._filters:
                yield _as_is(line)
                yield Segment.line()
            return
        narrow, task = options.update_width(BLOCK_COLUMNS), self._progress.tasks[0]
        rows = [row for column in self._columns for row in console.render_lines(column(task), narrow)]
        for number in range(max(len(rows), len(self._filters))):
            yield from rows[number] if number < len(rows) else [Segment(" " * BLOCK_COLUMNS)]
            yield _as_is(self._filters[number] if number < len(self._filters) else "")
            yield Segment.line()

    def _set_numbers(self, report: BatchReport) -> None:
        """Set the length of the bar, and the numbers that fit beside it."""
        task = self._progress.tasks[0]
        speed = "" if task.speed is None else f"{task.speed:,.0f} images/s"
        numbers = [f"cross-entropy {report.loss:.3f}", f"accuracy {100 * report.accuracy:.1f} %", speed]
        self._is_beside = self._watch and self._size[0] >= BESIDE_COLUMNS
        if self._is_beside:
            self._bar.bar_width = BLOCK_COLUMNS - MARGIN_COLUMNS
            self._progress.update(task.id, numbers="\n".join(numbers))
            return
        space = self._size[0] - MARGIN_COLUMNS - len(task.description) - REMAINING_COLUMNS - 3
        shown = list(range(len(numbers)))
        for leaving in (2, 0):  # the speed first, then the cross-entropy
            if space - sum(NUMBER_COLUMNS[each] + 2 for each in shown) + 2 < MIN_BAR_COLUMNS:
                shown.remove(leaving)
        space -= sum(NUMBER_COLUMNS[each] + 2 for each in shown) - 2
        self._bar.bar_width = min(max(space, MIN_BAR_COLUMNS), MAX_BAR_COLUMNS)
        self._progress.update(task.id, numbers="  ".join(numbers[each] for each in shown))

    def _draw_filters(self) -> None:
        """Draw the filters of the first layer as they are now, as many as fit."""
        import numpy as np

        from cnnfx.cli.terminal import text_terminal

        network = self._trainer.current
        conv = network.layers[0].conv
        assert conv is not None  # only chains of filters are trained
        if not np.isfinite(conv.weights).all():
            return
        width, height = self._size
        space = width - MARGIN_COLUMNS - (BLOCK_COLUMNS if self._is_beside else 0)
        lines = height - 1 - (0 if self._is_beside else 2)
        terminal = text_terminal(sys.stderr)._replace(width=space)
        if self._drawn_size != self._size:
            large = first_layer_text(network, terminal, LARGE_SCALE)
            self._scale = LARGE_SCALE if large.count("\n") < LARGE_SHARE * height else 1
            self._drawn_size = self._size
        text = first_layer_text(network, terminal._replace(height=lines), self._scale)
        self._filters = text.split("\n")
        if len(self._filters) > lines or max(map(_width, self._filters)) > space:
            self._filters = ["the terminal is too small for the filters"][: max(0, lines)]

    def _erase_wrapped_lines(self) -> None:
        """Erase the lines that are more than before where the terminal was made narrower and wraps long ones."""
        from rich.control import Control
        from rich.segment import ControlType

        width = self._console.width
        if width >= self._size[0]:
            return
        lines = self._console.render_lines(self, self._console.options.update_width(self._size[0]), pad=False)
        widths = [_width("".join(segment.text for segment in line)) for line in lines]
        more = sum(max(0, math.ceil(each / width) - 1) for each in widths)
        erase = (ControlType.ERASE_IN_LINE, 2)
        self._console.control(
            Control(ControlType.CARRIAGE_RETURN, erase, *(((ControlType.CURSOR_UP, 1), erase) * more))
        )


def can_redraw() -> bool:
    """Return whether standard error is a terminal on which lines can be replaced."""
    if not sys.stderr.isatty():
        return False
    from rich.console import Console

    return not Console(stderr=True).is_dumb_terminal


def first_layer_text(network: Network, terminal: Terminal, scale: int) -> str:
    """Return the filters of the first layer of a network as lines for a terminal; in color where they read colors."""
    from cnnfx.cli.show_filters import slice_names
    from cnnfx.render.filter_preview import color_filters_preview, filters_preview
    from cnnfx.render.filters import are_colors

    layer, inputs = network.layers[0], slice_names(network, 1)
    if are_colors(inputs) and terminal.colors != "none":
        return color_filters_preview(layer, inputs, terminal, scale=scale)
    return filters_preview(layer, terminal, scale=scale)


def _as_is(line: str) -> Segment:
    """Return a line with escape codes as a segment that Rich writes as it is, without parsing it, which takes 10 ms."""
    from rich.segment import ControlType, Segment

    return Segment(line, None, [(ControlType.CARRIAGE_RETURN,)])


def _width(line: str) -> int:
    """Return the columns of a line with escape codes."""
    from cnnfx.render.wrapping import display_width

    return display_width(ESCAPE_CODE.sub("", line))
