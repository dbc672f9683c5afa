"""Reports of a training run: a progress bar, a line and a JSON object per epoch, and a summary at the end."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

from cnnfx.cli.advice import output_option
from cnnfx.cli.console import print_json, print_lines, print_message, terminal_width, text_width

if TYPE_CHECKING:
    from rich.progress import Progress

    from cnnfx.nn.network import Network
    from cnnfx.training import BatchReport, EpochReport, Trainer

MIN_BAR_CHARACTERS = 4
"""The shortest progress bar."""
MAX_BAR_CHARACTERS = 40
"""The longest progress bar."""
MAX_TEXT_CHARACTERS = 73
"""The most characters of the line around the bar."""
SPEED_CHARACTERS = 18
"""Of these, the characters of the speed, which a narrow terminal does not show."""


class TrainingReporter:
    """Prints the reports of a trainer and writes them to a log.

    Parameters
    ----------
    as_json : bool
        Whether each epoch is printed as a JSON object on standard output.
    log : str or None
        A file for these objects.
    quiet : bool
        Whether nothing is printed on standard error.
    append : bool
        Whether the log is continued.

    Attributes
    ----------
    skipped : int
        How many images could not be read and were left out, for the JSON objects.
    """

    def __init__(self, as_json: bool, log: str | None, quiet: bool, append: bool) -> None:
        from cnnfx.system.files import open_log

        self._as_json, self._quiet = as_json, quiet
        self.skipped = 0
        self._stack = ExitStack()
        with output_option("--log"):
            self._log = None if log is None else self._stack.enter_context(open_log(log, append))
        self._bar: Progress | None = None
        self._epoch_start = time.monotonic()

    def __enter__(self) -> TrainingReporter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the progress bar, and close the log."""
        self._remove_bar()
        self._stack.close()

    def update(self, report: BatchReport | EpochReport) -> None:
        """Show a batch in the progress bar; print and log an epoch."""
        from cnnfx.training import BatchReport

        if isinstance(report, BatchReport):
            if report.batch == 1:
                self._epoch_start = time.monotonic()
            if not self._quiet and sys.stderr.isatty():
                self._show(report)
            return
        self._remove_bar()
        seconds = time.monotonic() - self._epoch_start
        description = {**describe(report, seconds), "skipped": self.skipped}
        if not self._quiet:
            print_message(epoch_line(report, seconds))
        if self._as_json:
            print_json(description)
        if self._log:
            _write_line(self._log, json.dumps(description))

    def _show(self, report: BatchReport) -> None:
        if self._bar is None:
            self._bar = _epoch_bar(report)
            self._bar.start()
        numbers = f"loss {report.loss:.4f}  accuracy {100 * report.accuracy:.2f} %"
        if terminal_width(sys.stderr) >= MAX_TEXT_CHARACTERS + MIN_BAR_CHARACTERS:
            numbers += f"  {report.images / max(1e-9, time.monotonic() - self._epoch_start):,.0f} images/s"
        self._bar.update(self._bar.task_ids[0], completed=report.batch, numbers=numbers)

    def _remove_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _write_line(log: IO[str], line: str) -> None:
    from cnnfx.system.files import write_error

    try:
        log.write(f"{line}\n")
        log.flush()
    except OSError as error:
        with output_option("--log"):
            raise write_error(log.name, error) from error


def _epoch_bar(report: BatchReport) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    # After Ctrl-C the terminal writes ^C behind the bar: a bar as wide as the line would then stay there.
    text = MAX_TEXT_CHARACTERS
    if console.width < text + MIN_BAR_CHARACTERS:
        text -= SPEED_CHARACTERS
    length = min(max(console.width - text, MIN_BAR_CHARACTERS), MAX_BAR_CHARACTERS)
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
    """Return the report of an epoch, ready for JSON."""
    return {
        **vars(report),
        "seconds": round(seconds, 3),
        "images_per_second": round(report.images / max(1e-9, seconds), 1),
    }


def print_summary(trainer: Trainer, path: str, seconds: float) -> None:
    """Print the layers and the misclassified images after a run; on a terminal, draw the filters of the first layer."""
    from cnnfx.cli.summary import table
    from cnnfx.nn.summary import summarize

    network = trainer.network
    steps = summarize(network, trainer.data.images.shape[1:], trainer.trainable_filters)
    print_lines("\n" + table(steps, text_width(sys.stderr)))
    if trainer.test is not None:
        print_lines("")
        print_message(_confused(trainer))
    if sys.stderr.isatty():
        print_lines("\n" + _before_and_after(network))
    minutes, rest = divmod(round(seconds), 60)
    print_lines("")
    print_message(f"The model is in {path}. The run took {f'{minutes} min ' if minutes else ''}{rest} s.")
    print_message(f"Next: cnnfx show-filters {path}, cnnfx evaluate {path}, or cnnfx apply IMAGE --filters {path}.")


def _confused(trainer: Trainer) -> str:
    """The number of misclassified test images, and the classes that are confused most often."""
    from cnnfx.cli.evaluate import MAX_PRINTED_PAIRS, confused_text
    from cnnfx.training.evaluate import evaluate

    assert trainer.test is not None
    result = evaluate(trainer.network, trainer.test)
    count, misclassified = len(result.labels), len(result.misclassified)
    if not misclassified:
        return f"all of the {count} test images are classified correctly"
    pairs = confused_text(result, MAX_PRINTED_PAIRS)
    return f"{misclassified} of the {count} test images are misclassified, most often: {pairs}"


def _before_and_after(network: Network) -> str:
    """The filters of the first layer before and after training."""
    from cnnfx.cli.terminal import text_terminal
    from cnnfx.render.filter_preview import filters_preview

    assert network.start is not None
    terminal = text_terminal(sys.stderr)
    before, after = (filters_preview(one.layers[0], terminal, scale=1) for one in (network.start, network))
    return f"the first layer's filters before:\n{before}\n\nand after:\n{after}"
