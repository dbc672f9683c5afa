"""Pictures of a training run: the filmstrip of its filters, and the curve of its loss and accuracy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cnnfx.cli.advice import output_option
from cnnfx.cli.console import tell
from cnnfx.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from cnnfx.render.charts import Plot, Series
    from cnnfx.render.filmstrip import Snapshot
    from cnnfx.training import BatchReport, EpochReport, Trainer

RECENT = 20
"""Batches over whose mean loss and accuracy are told. The curve is smoothed over half as many on either side, and over
a fiftieth of longer runs."""
MOST_PIXELS = 200_000_000
"""Of all frames of a filmstrip together."""
BLUE, ORANGE = (38, 104, 196), (222, 100, 10)


class Pictures:
    """Hears a trainer's reports, takes down what is needed, and writes the pictures when the run ends, however it ends.

    Parameters
    ----------
    filmstrip, curve : files, or None
    layer : whose filters, the first being 1; None for the first
    quiet : whether nothing is said of them

    Raises
    ------
    UsageError
        If a file's ending is not that of a moving or still picture, or both are one file.
    FileError
        If one cannot be written.
    """

    def __init__(self, filmstrip: str | None, layer: int | None, curve: str | None, quiet: bool) -> None:
        if layer is not None and filmstrip is None:
            raise UsageError("--filmstrip-layer says whose filters --filmstrip FILE shows. Give that too.")
        self.filmstrip, self.layer, self.curve, self._quiet = filmstrip, layer or 1, curve, quiet
        self._check()
        self.losses: list[float] = []
        self.accuracies: list[float] = []
        self._test_losses: list[tuple[int, float]] = []
        self._test_accuracies: list[tuple[int, float]] = []
        self._snapshots: list[Snapshot] = []
        self._totals = (0.0, 0.0, 0)

    def begin(self, trainer: Trainer) -> None:
        """The run begins, or is resumed.

        Raises
        ------
        UsageError
            If it has no such layer.
        """
        from cnnfx.render.filmstrip import snapshot_steps

        count = len(trainer.network.layers)
        if self.layer > count:
            raise UsageError(f"--filmstrip-layer {self.layer}: the network has {count} layer{'s' * (count > 1)}.")
        self._trainer = trainer
        self._batches = -(-len(trainer.data.labels) // trainer.settings.batch_size)
        self._begun = len(trainer.history) * self._batches
        self._steps = trainer.settings.epochs * self._batches
        self._wanted = frozenset(snapshot_steps(max(1, self._steps - self._begun))) if self.filmstrip else frozenset()
        if self._begun:
            self._add_test(self._begun, trainer.history[-1])
        if self.filmstrip:
            self._take("random start" if not self._begun else f"step {self._begun} of {self._steps}, resumed here")
            self._check_size()

    def hear(self, report: BatchReport | EpochReport) -> None:
        """Take down a report."""
        from cnnfx.training import BatchReport

        if not isinstance(report, BatchReport):
            self._add_test(report.epoch * self._batches, report)
            return
        # A report holds the means over its epoch so far: what they add to the sums before is this batch's own.
        loss, correct, images = self._totals if report.batch > 1 else (0.0, 0.0, 0)
        self._totals = report.loss * report.images, report.accuracy * report.images, report.images
        self.losses.append((self._totals[0] - loss) / (report.images - images))
        self.accuracies.append((self._totals[1] - correct) / (report.images - images))
        if len(self.losses) in self._wanted:
            self._take(self._told())

    def _add_test(self, step: int, report: EpochReport) -> None:
        if report.test_loss is not None:
            self._test_losses.append((step, report.test_loss))
        if report.test_accuracy is not None:
            self._test_accuracies.append((step, report.test_accuracy))

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.losses:
            self._write()

    def _write(self) -> None:
        """Write what there is so far."""
        if self.filmstrip:
            if len(self.losses) not in self._wanted:  # stopped in between
                self._take(self._told())
            self._write_filmstrip(self.filmstrip)
        if self.curve:
            self._write_curve(self.curve)

    def _take(self, told: str) -> None:
        import numpy as np

        from cnnfx.render.filmstrip import Snapshot

        weights = self._trainer.current.layers[self.layer - 1].conv.weights
        if np.isfinite(weights).all():
            self._snapshots.append(Snapshot(weights, told))

    def _told(self) -> str:
        recent = slice(-RECENT, None)
        loss, accuracy = (sum(values[recent]) / len(values[recent]) for values in (self.losses, self.accuracies))
        step = self._begun + len(self.losses)
        return f"step {step} of {self._steps}   loss {loss:.3f}   accuracy {100 * accuracy:.1f} %"

    def _check_size(self) -> None:
        """See, before anything is learned, that the frames can be written."""
        from cnnfx.render.animation import MAX_SIDE_PIXELS

        height, width = next(self._strip()).shape[:2]
        if max(height, width) > MAX_SIDE_PIXELS or height * width * (len(self._wanted) + 2) > MOST_PIXELS:
            raise UsageError(
                f"--filmstrip: the filters of layer {self.layer} make frames of {width}×{height} pixels, which are too "
                "large. Choose a layer of fewer filters with --filmstrip-layer."
            )

    def _strip(self) -> Iterator[NDArray[np.uint8]]:
        from cnnfx.render.filmstrip import filmstrip_frames

        return filmstrip_frames(self._trainer.network.layers[self.layer - 1].filter_names, self._snapshots)

    def _write_filmstrip(self, path: str) -> None:
        from cnnfx.render.animation import write_animation
        from cnnfx.render.filmstrip import frame_durations
        from cnnfx.system.files import atomic_write

        times = frame_durations(len(self._snapshots))
        with atomic_write(path) as file:
            write_animation(file, path, self._strip(), times, _ending(path))
        resumed = f", from step {self._begun} on, where the run was resumed" if self._begun else ""
        self._say(f"{path}: the filters of layer {self.layer} in {len(times)} frames{resumed}")

    def _write_curve(self, path: str) -> None:
        from cnnfx.pipeline.outputs import write_picture
        from cnnfx.render.charts import draw_plots
        from cnnfx.system.files import atomic_write

        end = self._begun + len(self.losses)
        with atomic_write(path) as file:
            write_picture(file, path, draw_plots(self._plots(), self._begun, end), _ending(path))
        self._say(f"{path}: loss and accuracy of steps {self._begun + 1} to {end}")

    def _plots(self) -> list[Plot]:
        import numpy as np

        from cnnfx.render.charts import Plot, moving_average

        steps = np.arange(len(self.losses), dtype=np.float64) + (self._begun + 1)
        reach = max(RECENT, len(steps) // 50) // 2
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
            Plot("loss (cross-entropy)", loss_series, 0, top),
            Plot("accuracy, %", accuracy_series, below, 100, self._counted()),
        ]

    def _counted(self) -> str:
        return f"step; an epoch has {self._batches}"

    def _say(self, text: str) -> None:
        if not self._quiet:
            tell(text)

    def _check(self) -> None:
        from cnnfx.pipeline.targets import PICTURES, check_moves

        if self.filmstrip is not None:
            check_moves(self.filmstrip, Path(self.filmstrip).suffix)
            _check_writable(self.filmstrip, "--filmstrip")
        if self.curve is not None:
            if _ending(self.curve) not in PICTURES:
                raise UsageError(f"{self.curve} is not a picture file. Write the curve to a .png: --curve curve.png.")
            _check_writable(self.curve, "--curve")
            if self.filmstrip is not None and os.path.realpath(self.curve) == os.path.realpath(self.filmstrip):
                raise UsageError(f"{self.curve}: filmstrip and curve would be one file. Give each its own name.")


def _ending(path: str) -> str:
    return Path(path).suffix.lower().removeprefix(".")


def _check_writable(path: str, option: str) -> None:
    from cnnfx.system.files import check_writable

    with output_option(option):
        check_writable(path)


def _with_batches(steps: NDArray[np.float64], values: NDArray[np.float64], means: NDArray[np.float64]) -> list[Series]:
    """Single batches, faint, behind their smoothed line."""
    from cnnfx.render.charts import Series

    return [Series("batches", steps, values, BLUE, faint=True), Series("training", steps, means, BLUE)]


def _test_series(points: NDArray[np.float64]) -> list[Series]:
    """The values (step, value) of the test images; no series without any."""
    from cnnfx.render.charts import Series

    return [Series("test", points[:, 0], points[:, 1], ORANGE, dots=True)] if len(points) else []


def _top(losses: NDArray[np.float64]) -> float:
    """The upper end of the axis of losses; they are finite, or the run would have ended."""
    return float(losses.max()) * 1.05 or 1.0
