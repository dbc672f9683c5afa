"""What is said while a network learns: a live bar on a terminal, a line after each epoch, objects for programs."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

from cnnfx.cli.advice import output_option
from cnnfx.cli.console import put_json, tell

if TYPE_CHECKING:
    from rich.progress import Progress

    from cnnfx.nn.network import Network
    from cnnfx.training import BatchReport, EpochReport, Trainer

SHORTEST, LONGEST, REST = 4, 40, 73
"""The bar's characters, and those of the line around it at most."""


class Talk:
    """Hears a trainer's reports and tells them.

    Parameters
    ----------
    as_json : whether each epoch is an object on standard output
    log : a file for the same objects
    quiet : whether nothing else is said
    append : whether the log goes on
    """

    def __init__(self, as_json: bool, log: str | None, quiet: bool, append: bool) -> None:
        self._json, self._quiet = as_json, quiet
        self._stack = ExitStack()
        self._log = self._open(log, append)
        self._bar: Progress | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away, and close the log."""
        self._end_bar()
        self._stack.close()

    def hear(self, report: BatchReport | EpochReport) -> None:
        """Tell a report."""
        from cnnfx.training import BatchReport

        if isinstance(report, BatchReport):
            if report.batch == 1:
                self._began = time.monotonic()
            if not self._quiet and sys.stderr.isatty():
                self._show(report)
            return
        self._end_bar()
        seconds = time.monotonic() - self._began
        told = describe(report, seconds)
        if not self._quiet:
            tell(epoch_line(report, seconds))
        if self._json:
            put_json(told)
        if self._log:
            with output_option("--log"):
                self._write(self._log, f"{json.dumps(told)}\n")

    def _open(self, log: str | None, append: bool) -> IO[str] | None:
        from cnnfx.system.files import open_log

        with output_option("--log"):
            return None if log is None else self._stack.enter_context(open_log(log, append))

    @staticmethod
    def _write(log: IO[str], line: str) -> None:
        from cnnfx.system.files import write_error

        try:
            log.write(line)
            log.flush()
        except OSError as error:
            raise write_error(log.name, error) from error

    def _show(self, report: BatchReport) -> None:
        if self._bar is None:
            self._bar = _epoch_bar(report)
            self._bar.start()
        speed = report.images / max(1e-9, time.monotonic() - self._began)
        numbers = f"loss {report.loss:.4f}  accuracy {100 * report.accuracy:.2f} %  {speed:,.0f} images/s"
        self._bar.update(self._bar.task_ids[0], completed=report.batch, numbers=numbers)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _epoch_bar(report: BatchReport) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    # A bar that filled the line would be left there by Ctrl-C, whose ^C the terminal writes behind it.
    length = min(max(console.width - REST, SHORTEST), LONGEST)
    columns = (
        TextColumn("{task.description}"), BarColumn(length), TextColumn("{task.fields[numbers]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    bar = Progress(*columns, console=console, transient=True)
    bar.add_task(f"epoch {report.epoch}/{report.epochs}", total=report.batches, numbers="")
    return bar


def epoch_line(report: EpochReport, seconds: float) -> str:
    """Return an epoch's losses (mean cross-entropy), accuracies and duration as one line."""
    loss, accuracy = f"loss {report.loss:.4f}", f"training accuracy {100 * report.train_accuracy:.2f} %"
    if report.test_accuracy is not None:
        loss += f" (test {report.test_loss:.4f})"
        accuracy += f"  test accuracy {100 * report.test_accuracy:.2f} %"
    return f"epoch {report.epoch}/{report.epochs}  {loss}  {accuracy}  {seconds:.1f} s"


def describe(report: EpochReport, seconds: float) -> dict[str, Any]:
    """An epoch as an object."""
    return {
        **vars(report),
        "seconds": round(seconds, 3),
        "images_per_second": round(report.images / max(1e-9, seconds), 1),
    }


MOST_CONFUSED = 5


def tell_end(trainer: Trainer, path: str, seconds: float) -> None:
    """Tell how a run ended; draw the first layer's filters on a terminal."""
    from cnnfx.cli.summary import table
    from cnnfx.nn.summary import summarize

    network = trainer.network
    learned = [which.trainable for which in trainer.filters]
    tell("\n" + table(summarize(network, trainer.data.images.shape[1:], learned)))
    if trainer.test is not None:
        tell("\n" + _confused(trainer))
    if sys.stderr.isatty():
        tell("\n" + _before_and_after(network))
    minutes, rest = divmod(round(seconds), 60)
    tell(f"\n{path} holds the model; all took {f'{minutes} min ' if minutes else ''}{rest} s.")
    tell(f"Look at it: cnnfx show-filters {path}, or evaluate, predict, apply --filters {path}.")


def _confused(trainer: Trainer) -> str:
    """The confusion of classes in brief."""
    from cnnfx.training.evaluate import evaluate

    assert trainer.test is not None
    result = evaluate(trainer.network, trainer.test)
    pairs = result.confused_pairs()[:MOST_CONFUSED]
    wrong = len(result.misclassified)
    if not wrong:
        return f"all of the {len(result.labels)} test images are told rightly"
    names = ", ".join(f"{true} taken for {told} ({count}×)" for true, told, count in pairs)
    return f"{wrong} of the {len(result.labels)} test images are told wrongly, most often: {names}"


def _before_and_after(network: Network) -> str:
    assert network.start is not None
    before, after = (_drawn(one) for one in (network.start, network))
    return f"the first layer's filters before:\n{before}\n\nand after:\n{after}"


def _drawn(network: Network) -> str:
    import shutil

    from cnnfx.render.filters import kernel_tiles
    from cnnfx.render.preview import preview
    from cnnfx.render.terminal import color_depth, min_pixel_scale

    depth, width = color_depth(sys.stderr, os.environ), shutil.get_terminal_size().columns
    enlarge = min_pixel_scale(depth, sys.stderr.encoding)
    return preview(kernel_tiles(network.layers[0]), width, depth, sys.stderr.encoding, enlarge)
