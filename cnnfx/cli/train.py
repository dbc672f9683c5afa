"""`cnnfx train`: train a network on labeled images."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cnnfx.cli import options, training_options
from cnnfx.cli.console import INTERRUPTED, print_error, print_message
from cnnfx.errors import UsageError

if TYPE_CHECKING:
    from cnnfx.cli.parsers import Counts
    from cnnfx.cli.training_pictures import TrainingPictures
    from cnnfx.cli.training_report import TrainingReporter
    from cnnfx.datasets import Dataset
    from cnnfx.formats.arch import Arch
    from cnnfx.images import ColorMode
    from cnnfx.training import Trainer
    from cnnfx.training.augmentation import AugmentationName

RESUMED_OPTIONS = ("--output", "--resume", "--threads")
"""The options of a run that a resumed one takes; the others are settings, which it keeps."""


def train(
    epochs: training_options.Epochs = None,
    data: training_options.Data = None,
    image_size: training_options.ImageSize = None,
    channels: training_options.Channels = "gray",
    background: options.DataBackground = None,
    skip_bad: options.SkipBad = False,
    arch: training_options.Arch = None,
    widths: training_options.Widths = None,
    kernel_size: training_options.KernelSize = None,
    batch_size: training_options.BatchSize = None,
    lr: training_options.Rate = None,
    weight_decay: training_options.WeightDecay = None,
    label_smoothing: training_options.LabelSmoothing = None,
    smoothness: training_options.Smoothness = None,
    batch_norm: training_options.BatchNorm = None,
    augment: training_options.Augment = None,
    seed: training_options.Seed = None,
    output: training_options.ModelOutput = None,
    resume: training_options.Resume = None,
    filmstrip: training_options.Filmstrip = None,
    filmstrip_layer: training_options.FilmstripLayer = None,
    colormap: training_options.FilmstripColors = None,
    curve: training_options.Curve = None,
    watch: training_options.Watch = False,
    log: training_options.Log = None,
    threads: training_options.Threads = None,
    as_json: training_options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a network on labeled images.

    The default network has three layers of filters with ReLU, the first two
    with max pooling, and a dense layer that predicts the classes. It starts
    with random weights. The model is written after every epoch; Ctrl-C keeps
    it.

    \b
      cnnfx train --epochs 3
      cnnfx train --data drawn:6000 --widths 8,16 -o small.npz
      cnnfx train --data photos/ --image-size 32 --channels rgb
      cnnfx train --data shapes --arch color.toml
      cnnfx train --arch edges-first.toml --log run.jsonl
      cnnfx train --watch --log run.csv
      cnnfx train --epochs 1 --filmstrip filters.gif --curve curve.png
      cnnfx train --resume model.npz
    """
    from cnnfx.cli.conflicts import NamedFile, check_outputs, data_files, network_files
    from cnnfx.cli.given import given_options, note_without_effect
    from cnnfx.cli.inputs import check_not_empty
    from cnnfx.cli.networks import use_threads
    from cnnfx.cli.training_display import can_redraw
    from cnnfx.cli.training_pictures import TrainingPictures
    from cnnfx.cli.training_report import TrainingReporter, print_summary
    from cnnfx.formats.arch import find_arch

    if watch and quiet:
        raise UsageError("--watch draws on standard error, where --quiet prints nothing. Give one of the two.")
    start = time.monotonic()
    run_options = RunOptions(
        epochs, batch_size, lr, weight_decay, label_smoothing, smoothness, batch_norm, augment, seed, arch, widths,
        kernel_size,
    )  # fmt: skip
    path = _model_path(output, resume)
    check_not_empty([] if log is None else [log], "The name of the log")
    given = (("--log", log), ("--filmstrip", filmstrip), ("--curve", curve))
    outputs = [NamedFile(name, file) for name, file in given if file is not None]
    arch_file = None if arch is None else Path(find_arch(arch))
    check_outputs([NamedFile("-o", path), *outputs], network_files("--arch", arch_file), data_files(data))
    check_outputs(outputs, network_files("--resume", resume))  # the model may be written to the file that is resumed
    pictures = TrainingPictures(filmstrip, filmstrip_layer, colormap, curve, quiet)
    use_threads(threads)
    if watch and not can_redraw():
        note_without_effect(["--watch"], "where standard error is not a terminal that can redraw lines")
    with TrainingReporter(as_json, log, quiet, append=resume is not None) as reporter:
        if resume is None:
            trainer, dataset = _new_trainer(run_options, data, image_size, channels, background, skip_bad, quiet)
        else:
            settings = given_options("--background", "--channels", "--image-size", heading=training_options.NETWORK)
            settings += given_options(heading=training_options.RUN)
            for name in settings:
                if name not in RESUMED_OPTIONS:
                    raise UsageError(f"{name} cannot be given with --resume: the run of {resume} keeps its settings.")
            trainer, dataset = _resumed_trainer(resume, data, skip_bad, quiet)
        if trainer.finished:
            done = "its only epoch is" if trainer.settings.epochs == 1 else f"its {trainer.settings.epochs} epochs are"
            print_error(f"{resume}: {done} done: there is nothing to resume.")
            return
        pictures.start(trainer)
        reporter.start(trainer, dataset.skipped, watch)
        with pictures:
            _run(trainer, path, reporter, pictures, quiet)
    if log is not None and not quiet:
        print_message(f"{log}: one {reporter.log_kind} for each epoch")
    if not quiet:
        print_summary(trainer, path, time.monotonic() - start)


@dataclass(frozen=True)
class RunOptions:
    """The options of network and run; None for the default."""

    epochs: int | None
    batch_size: int | None
    rate: float | None
    decay: float | None
    smoothing: float | None
    smoothness: float | None
    batch_norm: bool | None
    augment: AugmentationName | None
    seed: int | None
    arch: str | None
    widths: Counts | None
    kernel_size: int | None

    def settings(self) -> dict[str, Any]:
        """Return the settings of the run that are given."""
        from cnnfx.training.augmentation import augmentation_settings

        names = ("epochs", "batch_size", "rate", "decay", "smoothing", "smoothness", "batch_norm", "seed")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return given if self.augment is None else {**given, **augmentation_settings(self.augment)}

    def network(self) -> Arch:
        """Return the network to train."""
        from cnnfx.formats.arch import default_arch, load_arch

        if self.arch is None:
            return default_arch(self.widths, self.kernel_size)
        if self.widths is not None or self.kernel_size is not None:
            raise UsageError("--widths and --kernel-size are for the default network; --arch describes its own.")
        return load_arch(self.arch)


def _model_path(output: str | None, resume: str | None) -> str:
    """The file of the model, which is checked to be writable before any work is done."""
    from cnnfx.cli.inputs import check_not_empty
    from cnnfx.system.files import check_writable

    check_not_empty([name for name in (output, resume) if name is not None], "The name of the model")
    path = output or resume or options.DEFAULT_MODEL
    if path == "-" or not path.lower().endswith(".npz"):
        raise UsageError(
            f"{path}: the model is written to a .npz file after every epoch, such as -o {options.DEFAULT_MODEL}."
        )
    check_writable(path)
    return path


def _new_trainer(
    run_options: RunOptions,
    data: str | None,
    image_size: int | None,
    channels: ColorMode,
    background: str | None,
    skip_bad: bool,
    quiet: bool,
) -> tuple[Trainer, Dataset]:
    from cnnfx.cli.inputs import load_data, print_notes
    from cnnfx.training import TrainingSettings
    from cnnfx.training.train import start_run

    settings, arch = TrainingSettings(**run_options.settings()), run_options.network()
    dataset = load_data(
        data,
        size=image_size,
        channels=channels,
        background=background,
        skip_bad=skip_bad,
        seed=settings.seed,
        quiet=quiet,
    )
    print_notes(dataset, quiet)
    return start_run(arch, dataset, settings, limit_batch=run_options.batch_size is None), dataset


def _resumed_trainer(resume: str, data: str | None, skip_bad: bool, quiet: bool) -> tuple[Trainer, Dataset]:
    from cnnfx.cli.inputs import load_data_of_model, print_notes
    from cnnfx.formats.model_npz import load_model
    from cnnfx.training import Trainer
    from cnnfx.training.train import test_images

    dataset = load_data_of_model(load_model(resume), data, quiet, skip_bad=skip_bad)
    print_notes(dataset, quiet)
    return Trainer.resume(resume, dataset.train, test_images(dataset)), dataset


def _introduction(trainer: Trainer) -> str:
    from cnnfx.system.sizes import size_text

    data, test = trainer.data, trainer.test
    channels, *size = data.images.shape[1:]
    images = f"images of {size_text(size)}" + (f" with {channels} channels" if channels > 1 else "")
    test_images = f" and {len(test.labels)} test images" if test is not None else ""
    count = len(trainer.history)
    done = f" {count} of {trainer.settings.epochs} epochs {'is' if count == 1 else 'are'} done." if count else ""
    return (
        f"training on {data.name}: {len(data.labels)} {images}{test_images}; {len(data.classes)} classes; "
        f"{int(trainer.parameters.trainable.sum())} parameters.{done}"
    )


def _run(trainer: Trainer, path: str, reporter: TrainingReporter, pictures: TrainingPictures, quiet: bool) -> None:
    """Train, and write the model after every epoch."""
    import numpy as np

    from cnnfx.system.signals import InterruptsDeferred
    from cnnfx.training import EpochReport

    saved = len(trainer.history)
    try:
        if not quiet:
            print_message(_introduction(trainer))
        with np.errstate(all="ignore"):  # the trainer reports a loss that is not finite
            for report in trainer.run():
                with InterruptsDeferred():  # an epoch that is saved is in the log, too
                    if isinstance(report, EpochReport):
                        trainer.save(path)
                        saved = report.epoch
                    reporter.update(report)
                pictures.update(report)
    except KeyboardInterrupt:
        reporter.close()
        print_error(_interrupted(saved, trainer.settings.epochs, path))
        if saved:
            print_message(f"Continue with: cnnfx train --resume {path}")
        raise typer.Exit(INTERRUPTED) from None


def _interrupted(saved: int, epochs: int, path: str) -> str:
    """What is saved after Ctrl-C."""
    if not saved:
        earlier = f" {path} is still the model of an earlier run." if os.path.exists(path) else ""
        return f"stopped in the first epoch: nothing is saved yet.{earlier}"
    return f"stopped. {path} contains the model after epoch {saved} of {epochs}."
