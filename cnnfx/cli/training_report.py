"""Reports of a training run: a progress bar, a line and a JSON object per epoch, and a summary at the end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from cnnfx.cli.console import print_json, print_lines, print_message, text_width

if TYPE_CHECKING:
    from cnnfx.cli.training_display import TrainingDisplay
    from cnnfx.nn.network import Network
    from cnnfx.training import BatchReport, EpochReport, Trainer

COLUMNS = (
    "epoch", "epochs", "images", "loss", "train_accuracy", "test_loss", "test_accuracy", "learning_rate", "seconds",
    "test_seconds", "images_per_second", "skipped",
)  # fmt: skip
"""The names of the values of an epoch, in the order in which they are printed and logged."""


class TrainingReporter:
    """Prints the reports of a trainer and writes them to a log.

    Parameters
    ----------
    as_json : bool
        Whether each epoch is printed as a JSON object on standard output.
    log : str or None
        A file for the same values; see `TrainingLog`.
    quiet : bool
        Whether nothing is printed on standard error.
    append : bool
        Whether the log is continued.

    Raises
    ------
    UsageError, FileError
        As `TrainingLog`.
    """

    def __init__(self, as_json: bool, log: str | None, quiet: bool, append: bool) -> None:
        from cnnfx.cli.training_log import TrainingLog

        self._as_json, self._quiet = as_json, quiet
        self._skipped = 0
        self._log = None if log is None else TrainingLog(log, COLUMNS, append)
        self._display: TrainingDisplay | None = None

    @property
    def log_kind(self) -> str:
        """What the log contains for each epoch."""
        return "" if self._log is None else self._log.kind

    def __enter__(self) -> TrainingReporter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(self, trainer: Trainer, skipped: int, watch: bool) -> None:
        """Start with a new or resumed run.

        Parameters
        ----------
        trainer : Trainer
        skipped : int
            How many images could not be read and were left out.
        watch : bool
            Whether the filters of the first layer are drawn while they change.

        Raises
        ------
        FileError
            If the log cannot be written.
        """
        from cnnfx.cli.training_display import TrainingDisplay, can_redraw

        self._skipped = skipped
        if self._log is not None:
            self._log.start()
        if not self._quiet and can_redraw():
            self._display = TrainingDisplay(trainer, watch)

    def close(self) -> None:
        """Remove the progress bar, and close the log."""
        if self._display is not None:
            self._display.close()
        if self._log is not None:
            self._log.close()

    def update(self, report: BatchReport | EpochReport) -> None:
        """Show a batch on the terminal; print and log an epoch."""
        from cnnfx.training import BatchReport

        if isinstance(report, BatchReport):
            if self._display is not None:
                self._display.update(report)
            return
        if self._display is not None:
            self._display.hide()
        values = describe(report, self._skipped)
        if not self._quiet:
            print_message(epoch_line(report))
        if self._as_json:
            print_json(values)
        if self._log is not None:
            self._log.write(values)
        if self._display is not None and report.epoch < report.epochs:
            self._display.show()


def epoch_line(report: EpochReport) -> str:
    """Return an epoch's cross-entropy, accuracy, learning rate and duration as one line."""
    loss, accuracy = f"cross-entropy {report.loss:.4f}", f"accuracy {100 * report.train_accuracy:.2f} %"
    if report.test_accuracy is not None:
        loss += f" (test {report.test_loss:.4f})"
        accuracy += f" (test {100 * report.test_accuracy:.2f} %)"
    rate, seconds = f"lr {report.learning_rate:.2g}", f"{report.seconds:.1f} s"
    return f"epoch {report.epoch}/{report.epochs}  {loss}  {accuracy}  {rate}  {seconds}"


def describe(report: EpochReport, skipped: int) -> dict[str, Any]:
    """Return the values of an epoch, named by `COLUMNS`."""
    assert report.seconds is not None  # of this run
    training = report.seconds - (report.test_seconds or 0)
    values = {
        **vars(report),
        "seconds": round(report.seconds, 3),
        "test_seconds": None if report.test_seconds is None else round(report.test_seconds, 3),
        "images_per_second": round(report.images / max(1e-9, training), 1),
        "skipped": skipped,
    }
    return {name: values[name] for name in COLUMNS}


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
    from cnnfx.cli.training_display import first_layer_text

    assert network.start is not None
    terminal = text_terminal(sys.stderr)
    before, after = (first_layer_text(one, terminal, scale=1) for one in (network.start, network))
    return f"the first layer's filters before:\n{before}\n\nand after:\n{after}"
