"""Pictures of a training run: the filmstrip of its filters, and the curve of its cross-entropy and accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cnnfx.cli.advice import output_option
from cnnfx.cli.console import print_message
from cnnfx.cli.outputs import check_animated, check_picture, file_ending, written_text
from cnnfx.errors import UsageError
from cnnfx.system.sizes import counted, size_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from cnnfx.cli.options import Colormap
    from cnnfx.render.charts import Plot, Series
    from cnnfx.render.filmstrip import Snapshot
    from cnnfx.training import BatchReport, EpochReport, Trainer

AVERAGED_BATCHES = 20
"""Batches over which values are averaged: in the filmstrip the last ones, in the curve those around each step (in long
runs a fiftieth of all)."""
MAX_FILMSTRIP_PIXELS = 200_000_000
"""The most pixels of all frames of a filmstrip together."""
TRAINING_COLOR = (38, 104, 196)
"""The color of training batches in the curve, red, green and blue."""
TEST_COLOR = (222, 100, 10)
"""The color of test images in the curve."""


class TrainingPictures:
    """Collects the reports of a trainer, and writes the pictures when the run ends, also where it is interrupted.

    Parameters
    ----------
    filmstrip, curve : str or None
        The files of the pictures.
    layer : int or None
        The layer whose filters the filmstrip shows, counted from 1. By default the first.
    colormap : str or None
        The colors of the filters in the filmstrip. By default gray.
    quiet : bool
        Whether no messages are printed.

    Raises
    ------
    UsageError
        If a file's ending is not that of an animation or a picture.
    FileError
        If one cannot be written.
    """

    def __init__(
        self, filmstrip: str | None, layer: int | None, colormap: Colormap | None, curve: str | None, quiet: bool
    ) -> None:
        if colormap is not None and filmstrip is None:
            raise UsageError("--colormap is for --filmstrip FILE. Give both.")
        if layer is not None and filmstrip is None:
            raise UsageError("--filmstrip-layer is for --filmstrip FILE. Give both.")
        self.filmstrip, self.layer, self.curve, self._quiet = filmstrip, layer or 1, curve, quiet
        self._colormap = colormap or "gray"
        self._check()
        self.losses: list[float] = []
        self.accuracies: list[float] = []
        self._test_losses: list[tuple[int, float]] = []
        self._test_accuracies: list[tuple[int, float]] = []
        self._snapshots: list[Snapshot] = []
        self._totals = (0.0, 0.0, 0)

    def start(self, trainer: Trainer) -> None:
        """Start with a new or resumed run.

        Raises
        ------
        UsageError
            If the network has no such layer.
        """
        from cnnfx.render.filmstrip import snapshot_steps

        count = len(trainer.network.layers)
        if self.layer > count:
            raise UsageError(f"--filmstrip-layer {self.layer}: the network has {counted(count, 'layer')}.")
        self._trainer = trainer
        self._batches = -(-len(trainer.data.labels) // trainer.settings.batch_size)
        self._steps_before = len(trainer.history) * self._batches
        self._steps = trainer.settings.epochs * self._batches
        self._snapshot_steps = (
            frozenset(snapshot_steps(max(1, self._steps - self._steps_before))) if self.filmstrip else frozenset()
        )
        if self._steps_before:
            self._add_test(self._steps_before, trainer.history[-1])
        if self.filmstrip:
            self._take_snapshot(
                "random start"
                if not self._steps_before
                else f"step {self._steps_before} of {self._steps}, resumed here"
            )
            self._check_size()

    def update(self, report: BatchReport | EpochReport) -> None:
        """Collect the loss and accuracy of a report, and the filters for the filmstrip."""
        from cnnfx.training import BatchReport

        if not isinstance(report, BatchReport):
            self._add_test(report.epoch * self._batches, report)
            return
        # A report has the means over its epoch so far: the difference of the sums belongs to this batch.
        loss, correct, images = self._totals if report.batch > 1 else (0.0, 0.0, 0)
        self._totals = report.loss * report.images, report.accuracy * report.images, report.images
        self.losses.append((self._totals[0] - loss) / (report.images - images))
        self.accuracies.append((self._totals[1] - correct) / (report.images - images))
        if len(self.losses) in self._snapshot_steps:
            self._take_snapshot(self._caption())

    def _add_test(self, step: int, report: EpochReport) -> None:
        if report.test_loss is not None:
            self._test_losses.append((step, report.test_loss))
        if report.test_accuracy is not None:
            self._test_accuracies.append((step, report.test_accuracy))

    def __enter__(self) -> TrainingPictures:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.losses:
            self._write()

    def _write(self) -> None:
        """Write the pictures of the steps so far."""
        if self.filmstrip:
            if len(self.losses) not in self._snapshot_steps:  # stopped in between
                self._take_snapshot(self._caption())
            self._write_filmstrip(self.filmstrip)
        if self.curve:
            self._write_curve(self.curve)

    def _take_snapshot(self, caption: str) -> None:
        import numpy as np

        from cnnfx.render.filmstrip import Snapshot

        conv = self._trainer.current.layers[self.layer - 1].conv
        assert conv is not None  # only chains of filters are trained
        if np.isfinite(conv.weights).all():
            self._snapshots.append(Snapshot(conv.weights, caption))

    def _caption(self) -> str:
        recent = self.accuracies[-AVERAGED_BATCHES:]
        step = self._steps_before + len(self.losses)
        epoch = min(self._trainer.settings.epochs, 1 + (step - 1) // self._batches)
        return (
            f"epoch {epoch} of {self._trainer.settings.epochs}, step {step} of {self._steps} · "
            f"accuracy {100 * sum(recent) / len(recent):.1f} %"
        )

    def _check_size(self) -> None:
        """Check before training that the frames are not too large."""
        from cnnfx.render.animation import MAX_SIDE_PIXELS

        height, width = next(self._strip()).shape[:2]
        if (
            max(height, width) > MAX_SIDE_PIXELS
            or height * width * (len(self._snapshot_steps) + 2) > MAX_FILMSTRIP_PIXELS
        ):
            raise UsageError(
                f"--filmstrip: the filters of layer {self.layer} make frames of {width}×{height} pixels, which are too "
                "large. Choose a layer with fewer filters with --filmstrip-layer."
            )

    def _strip(self) -> Iterator[NDArray[np.uint8]]:
        from cnnfx.render.captions import filters_caption
        from cnnfx.render.filmstrip import filmstrip_frames

        layer, data = self._trainer.network.layers[self.layer - 1], self._trainer.data.name
        title = f"layer {self.layer}: {filters_caption(layer)} · trained on {data}"
        return filmstrip_frames(layer.filter_names, self._snapshots, title, self._colormap)

    def _write_filmstrip(self, path: str) -> None:
        from cnnfx.render.animation import write_animation
        from cnnfx.render.filmstrip import frame_durations
        from cnnfx.system.files import atomic_write

        times, size = frame_durations(len(self._snapshots)), next(self._strip()).shape[:2]
        with atomic_write(path) as file:
            write_animation(file, path, self._strip(), times, file_ending(path))
        resumed = f", from step {self._steps_before} on, where the run was resumed" if self._steps_before else ""
        self._report(f"{path}: the filters of layer {self.layer} in {len(times)} frames of {size_text(size)}{resumed}")

    def _write_curve(self, path: str) -> None:
        from cnnfx.pipeline.outputs import write_picture
        from cnnfx.render.charts import draw_plots
        from cnnfx.system.files import atomic_write

        end = self._steps_before + len(self.losses)
        picture = draw_plots(self._plots(), self._steps_before, end)
        with atomic_write(path) as file:
            write_picture(file, path, picture, file_ending(path))
        self._report(
            written_text(path, f"cross-entropy and accuracy of steps {self._steps_before + 1} to {end}", picture)
        )

    def _plots(self) -> list[Plot]:
        import numpy as np

        from cnnfx.render.charts import Plot, moving_average

        steps = np.arange(len(self.losses), dtype=np.float64) + (self._steps_before + 1)
        reach = max(AVERAGED_BATCHES, len(steps) // 50) // 2
        loss, accuracy = np.array(self.losses, np.float64), 100 * np.array(self.accuracies, np.float64)
        losses, accuracies = moving_average(loss, reach), moving_average(accuracy, reach)
        test_losses = np.array(self._test_losses, np.float64).reshape(-1, 2)
        test_accuracies = np.array(self._test_accuracies, np.float64).reshape(-1, 2) * (1, 100)
        late = np.concatenate([accuracies[len(accuracies) // 8 :], test_accuracies[:, 1]])
        below = float(min(90, late.min() // 10 * 10))
        top = _top(np.concatenate([losses, test_losses[:, 1]]))
        loss_series = [*_with_batches(steps, loss, losses), *_test_series(test_losses)]
        accuracy_series = [*_with_batches(steps, accuracy, accuracies), *_test_series(test_accuracies)]
        return [
            Plot("cross-entropy", loss_series, 0, top),
            Plot("accuracy, %", accuracy_series, below, 100, self._counted()),
        ]

    def _counted(self) -> str:
        return f"step; an epoch has {self._batches}"

    def _report(self, text: str) -> None:
        if not self._quiet:
            print_message(text)

    def _check(self) -> None:
        if self.filmstrip is not None:
            check_animated(self.filmstrip, Path(self.filmstrip).suffix)
            _check_writable(self.filmstrip, "--filmstrip")
        if self.curve is not None:
            check_picture(self.curve, "Write the curve to a .png: --curve curve.png.")
            _check_writable(self.curve, "--curve")


def _check_writable(path: str, option: str) -> None:
    from cnnfx.system.files import check_writable

    with output_option(option):
        check_writable(path)


def _with_batches(steps: NDArray[np.float64], values: NDArray[np.float64], means: NDArray[np.float64]) -> list[Series]:
    """Return the values of single batches, drawn faint, and their moving average."""
    from cnnfx.render.charts import Series

    return [
        Series("batches", steps, values, TRAINING_COLOR, faint=True),
        Series("training", steps, means, TRAINING_COLOR),
    ]


def _test_series(points: NDArray[np.float64]) -> list[Series]:
    """Return the series of the values (step, value) of the test images; none if there are no values."""
    from cnnfx.render.charts import Series

    return [Series("test", points[:, 0], points[:, 1], TEST_COLOR, dots=True)] if len(points) else []


def _top(losses: NDArray[np.float64]) -> float:
    """Return the upper end of the loss axis. Losses are finite: otherwise the run ends with an error."""
    return float(losses.max()) * 1.05 or 1.0
