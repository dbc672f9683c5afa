"""`cnnfx train`: filters that are learned from labeled images."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from cnnfx.cli import options
from cnnfx.cli import options as learning
from cnnfx.cli.console import tell
from cnnfx.errors import UsageError

if TYPE_CHECKING:
    from cnnfx.cli.inputs import Part
    from cnnfx.cli.parsers import Counts
    from cnnfx.cli.training_pictures import Pictures
    from cnnfx.cli.training_report import Talk
    from cnnfx.formats.arch import Arch
    from cnnfx.training import Trainer

OUTPUT = "model.npz"


def train(
    epochs: learning.Epochs = None,
    data: learning.Data = None,
    image_size: learning.ImageSize = None,
    color: learning.Color = False,
    arch: learning.Arch = None,
    filters: learning.FilterCounts = None,
    size: learning.FilterSize = None,
    batch_size: learning.BatchSize = None,
    lr: learning.Rate = None,
    augment: learning.Augment = None,
    seed: learning.Seed = None,
    output: learning.ModelOutput = None,
    resume: learning.Resume = None,
    log: learning.Log = None,
    filmstrip: learning.Filmstrip = None,
    filmstrip_layer: learning.FilmstripLayer = None,
    curve: learning.Curve = None,
    threads: learning.TrainingThreads = None,
    as_json: learning.EpochJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Learn filters from labeled images.

    The network is: filters, ReLU and max-pooling, twice; then a dense layer
    that tells the classes. It starts from random numbers and is written after
    every epoch; Ctrl-C keeps what was written.

    \b
      cnnfx train --epochs 3
      cnnfx train --data drawn:6000 --filters 8,16 -o small.npz
      cnnfx train --data photos/ --image-size 32 --color
      cnnfx train --arch edges-first.toml --log run.jsonl
      cnnfx train --epochs 1 --filmstrip filters.gif --curve curve.png
      cnnfx train --resume model.npz
    """
    from cnnfx.cli.networks import use_threads
    from cnnfx.cli.training_pictures import Pictures
    from cnnfx.cli.training_report import Talk, tell_end

    began = time.monotonic()
    chosen = Chosen(epochs, batch_size, lr, augment, seed, arch, filters, size)
    path = _output(output, resume)
    pictures = Pictures(filmstrip, filmstrip_layer, curve, quiet)
    use_threads(threads)
    with Talk(as_json, log, quiet, resume is not None) as talk:
        if resume is None:
            trainer = _begun(chosen, data, image_size, color, quiet)
        else:
            trainer = _resumed(resume, chosen, data, quiet)
        if trainer.finished:
            tell(f"cnnfx: {resume}: all of its {trainer.settings.epochs} epochs are done; there is nothing to resume.")
            return
        pictures.begin(trainer)
        with pictures:
            _run(trainer, path, talk, pictures, quiet)
    if not quiet:
        tell_end(trainer, path, time.monotonic() - began)


@dataclass(frozen=True)
class Chosen:
    """What the command line says of network and run; None leaves the default."""

    epochs: int | None
    batch_size: int | None
    rate: float | None
    augment: bool | None
    seed: int | None
    arch: str | None
    filters: Counts | None
    size: int | None

    def check_none(self, resume: str) -> None:
        """A resumed run has its settings already."""
        names = {"rate": "lr", "batch_size": "batch-size"}
        for name, value in vars(self).items():
            if value is not None:
                raise UsageError(
                    f"--{names.get(name, name)} cannot be given with --resume: the run of {resume} goes on as it began."
                )

    def settings(self) -> dict[str, Any]:
        """The settings of the run that are not left to their defaults."""
        shift = None if self.augment is None else int(self.augment)
        given = {"epochs": self.epochs, "batch_size": self.batch_size, "rate": self.rate, "seed": self.seed}
        return {name: value for name, value in {**given, "shift": shift}.items() if value is not None}

    def network(self) -> Arch:
        """The network that is to learn."""
        from cnnfx.formats.arch import default_arch, load_arch

        if self.arch is None:
            given = {"filters": self.filters, "size": self.size}
            return default_arch(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        if self.filters is not None or self.size is not None:
            raise UsageError("--filters and --size are for the default network; --arch says its own.")
        return load_arch(self.arch)


def _output(output: str | None, resume: str | None) -> str:
    """Where the model goes, seen to be possible before any work is done."""
    from cnnfx.system.files import check_writable

    path = output or resume or OUTPUT
    if path == "-" or not path.lower().endswith(".npz"):
        raise UsageError(f"{path}: the model is written after every epoch, to a file in .npz, such as -o {OUTPUT}.")
    check_writable(path)
    return path


def _begun(chosen: Chosen, data: str | None, image_size: int | None, color: bool, quiet: bool) -> Trainer:
    from cnnfx.cli.inputs import get_data, halves
    from cnnfx.training import TrainableFilters, Trainer, TrainingSettings

    settings, arch = TrainingSettings(**chosen.settings()), chosen.network()
    learned, test = halves(get_data(data, settings.seed, quiet, image_size, color))
    if chosen.batch_size is None and 0 < len(learned.labels) < settings.batch_size:
        settings = replace(settings, batch_size=len(learned.labels))
    filters = [TrainableFilters(*masks) for masks in zip(arch.learned, arch.random, strict=True)]
    return Trainer.begin(arch.network, filters, learned, _none_if_empty(test), settings)


def _resumed(resume: str, chosen: Chosen, data: str | None, quiet: bool) -> Trainer:
    from cnnfx.cli.inputs import data_of, halves
    from cnnfx.formats.model_npz import load_model
    from cnnfx.training import Trainer

    chosen.check_none(resume)
    learned, test = halves(data_of(load_model(resume), data, quiet))
    return Trainer.resume(resume, learned, _none_if_empty(test))


def _none_if_empty(test: Part) -> Part | None:
    return test if len(test.labels) else None


def _introduced(trainer: Trainer) -> str:
    data, test = trainer.data, trainer.test
    shape = "×".join(map(str, data.images.shape[1:]))
    tested = f", {len(test.labels)} to test with" if test is not None else ""
    count = len(trainer.history)
    done = (
        f" {count} of {trainer.settings.epochs} epochs {'is' if count == 1 else 'are'} done already." if count else ""
    )
    return (
        f"learning on {data.name}: {len(data.labels)} images of {shape}{tested}; {len(data.classes)} classes; "
        f"{int(trainer.parameters.trainable.sum())} parameters.{done}"
    )


def _run(trainer: Trainer, path: str, talk: Talk, pictures: Pictures, quiet: bool) -> None:
    """Learn, writing the model after every epoch."""
    import numpy as np

    from cnnfx.training import EpochReport

    saved = len(trainer.history)
    try:
        if not quiet:
            tell(_introduced(trainer))
        with np.errstate(all="ignore"):  # a loss that is no number is told, once
            for report in trainer.run():
                if isinstance(report, EpochReport):
                    trainer.save(path)
                    saved = report.epoch
                talk.hear(report)
                pictures.hear(report)
    except KeyboardInterrupt:
        talk.close()
        tell(_stopped(saved, trainer.settings.epochs, path))
        raise typer.Exit(130) from None


def _stopped(saved: int, epochs: int, path: str) -> str:
    if not saved:
        earlier = f" {path} is still that of an earlier run." if os.path.exists(path) else ""
        return f"cnnfx: stopped in the first epoch: nothing is saved yet.{earlier}"
    return (
        f"cnnfx: stopped. {path} holds the model after epoch {saved} of {epochs}.\n"
        f"Go on with: cnnfx train --resume {path}"
    )
