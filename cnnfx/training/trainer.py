"""Learning from images: yields reports while it goes on, and never prints, so that whoever runs it can show it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np

from cnnfx.backprop.network import Passes
from cnnfx.backprop.parameters import Learn, Parameters, all_learned, initialize
from cnnfx.errors import ArgumentError, CnnfxError, FileError
from cnnfx.formats.model_npz import load_checkpoint, save_model
from cnnfx.nn.network import Network
from cnnfx.training.batches import Feed
from cnnfx.training.optim import Adam, one_cycle
from cnnfx.training.settings import (
    BatchReport,
    EpochReport,
    Examples,
    Settings,
    brightness,
    check_examples,
    check_test,
    fingerprint,
)
from cnnfx.training.state import State


class Trainer:
    """Teaches a network to tell the classes of images.

    Parameters
    ----------
    network : Network
        With a head, as `initialize` makes it.
    data, test : Examples
        What it learns from, and what its accuracy is measured on (optional).
    settings : Settings
    learn : sequence of Learn, optional
        Which filters are learned; all unless given.
    state : State, optional
        Where an earlier run stopped.

    Raises
    ------
    ArgumentError
        If data, network and settings do not fit one another.
    """

    def __init__(
        self,
        network: Network,
        data: Examples,
        test: Examples | None = None,
        settings: Settings | None = None,
        learn: Sequence[Learn] | None = None,
        state: State | None = None,
    ) -> None:
        self.data, self.test, self.settings = data, test, settings or Settings()
        check_examples(data, self.settings.batch_size)
        if test is not None:
            check_test(test, data)
        self.learn = list(learn or all_learned(network))
        self.parameters = Parameters(network, self.learn)
        decay = self.settings.decay * self.parameters.is_weight * self.parameters.learned
        self._optimizer = Adam(len(self.parameters), self.settings.betas, decay)
        self._random = np.random.default_rng(self.settings.seed)
        self.history: list[EpochReport] = []
        self._fingerprint = fingerprint(data)
        if state is not None:
            self._restore(state)
        self._passes = Passes(self.parameters, data.images.shape[1:], self.settings.smoothing)
        self._keep()

    @classmethod
    def begin(
        cls,
        network: Network,
        learn: Sequence[Learn],
        data: Examples,
        test: Examples | None = None,
        settings: Settings | None = None,
    ) -> Trainer:
        """A run from the start: the network's normalization is measured, its random filters and its head are drawn."""
        settings = settings or Settings()
        check_examples(data, settings.batch_size)
        mean, std = brightness(data.images)
        random = np.random.default_rng((settings.seed, 1))  # apart from the order of the images
        normalized = replace(network, mean=mean, std=std)
        start = initialize(normalized, learn, data.images.shape[1:], data.classes, random)
        return cls(start, data, test, settings, learn)

    @classmethod
    def resume(cls, path: str | os.PathLike[str], data: Examples, test: Examples | None = None) -> Trainer:
        """The run that a checkpoint was written in, where it was written, with the same settings.

        Raises
        ------
        FileError
            If the file is not a model, or cannot be resumed.
        ArgumentError
            If the data are not those that the run began with.
        """
        network, arrays = load_checkpoint(path)
        state = State.read(arrays, str(path))
        if [len(how.learned) for how in state.learn] != [len(layer.filter_names) for layer in network.layers]:
            raise FileError(f"{path}: the state of the training run is another network's, so it cannot be resumed.")
        count = len(Parameters(network, state.learn))
        if (len(state.mean), len(state.square)) != (count, count):
            raise FileError(
                f"{path}: the optimizer's state does not fit the {count} parameters, so it cannot be resumed."
            )
        return cls(network, data, test, state.settings, state.learn, state)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return len(self.history) >= self.settings.epochs

    @property
    def network(self) -> Network:
        """The network as it was after the last whole epoch, with what its file is to tell of the run."""
        return self._kept[0]

    @property
    def current(self) -> Network:
        """The network as it is now, in the middle of an epoch: to look at, not to keep."""
        return self.parameters.trained()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network as it was after the last whole epoch, and all that is needed to resume there, atomically.

        Raises
        ------
        FileError
            If it cannot be written; what was there stays.
        """
        network, state = self._kept
        save_model(path, network, state.arrays())

    def run(self) -> Iterator[BatchReport | EpochReport]:
        """Learn, epoch by epoch, up to the last. Whoever stops asking has stopped it: `resume` goes on from a file.

        Raises
        ------
        CnnfxError
            If the loss is no longer a finite number; what was saved before is still good.
        """
        while not self.finished:
            batches = self._epoch(len(self.history) + 1)
            report = None
            for report in batches:
                yield report
            assert report is not None
            if not np.isfinite(self.parameters.vector).all():
                raise self._diverged(report)
            accuracy = None if self.test is None else self.accuracy(self.test)
            self.history.append(
                EpochReport(report.epoch, report.epochs, report.images, report.loss, report.accuracy, accuracy)
            )
            self._keep()
            yield self.history[-1]

    def accuracy(self, data: Examples) -> float:
        """The fraction of images whose class the network tells rightly, 0..1."""
        feed = Feed(data, self.parameters.network)
        scores = self._passes.scores(len(data.labels), feed.images)
        return float((scores.argmax(axis=1) == data.labels).mean())

    def _epoch(self, epoch: int) -> Iterator[BatchReport]:
        """Learn from every image once, in random order."""
        settings, count = self.settings, len(self.data.labels)
        feed = Feed(self.data, self.parameters.network, settings.shift)
        order = self._random.permutation(count)
        batches = -(-count // settings.batch_size)
        loss, correct, seen = 0.0, 0, 0
        for batch in range(batches):
            chosen = order[batch * settings.batch_size : (batch + 1) * settings.batch_size]
            outcome = self._passes.learn(len(chosen), feed.draw(chosen, self._random))
            rate = one_cycle((epoch - 1) * batches + batch, settings.epochs * batches, settings.rate)
            loss, correct, seen = loss + outcome.loss, correct + outcome.correct, seen + len(chosen)
            report = BatchReport(epoch, settings.epochs, batch + 1, batches, seen, loss / seen, correct / seen, rate)
            if not np.isfinite(outcome.loss):
                raise self._diverged(report)
            self._optimizer.step(self.parameters.vector, outcome.gradient, rate)
            self._passes.refresh()
            yield report

    def _keep(self) -> None:
        """Take down how things are after a whole epoch."""
        optimizer = self._optimizer
        state = State(
            self.settings, self.learn, self._fingerprint, list(self.history), dict(self._random.bit_generator.state),
            optimizer.steps, optimizer.mean.copy(), optimizer.square.copy(),
        )  # fmt: skip
        meta = {
            "dataset": self.data.name,
            "seed": self.settings.seed,
            "epochs": len(self.history),
            "accuracy": [report.test_accuracy for report in self.history],
            "train_accuracy": [report.train_accuracy for report in self.history],
            "loss": [report.loss for report in self.history],
            "settings": asdict(self.settings),
            "input": list(self.data.images.shape[1:]),
        }
        self._kept = replace(self.parameters.trained(), meta=meta), state

    def _restore(self, state: State) -> None:
        """Go back to where a run stopped."""
        if state.fingerprint != self._fingerprint:
            raise ArgumentError(
                f"{self.data.name}: these are not the {len(self.data.labels)} images that the run began with. "
                "Resume with the same data, or begin anew."
            )
        optimizer = self._optimizer
        optimizer.mean, optimizer.square, optimizer.steps = state.mean.copy(), state.square.copy(), state.steps
        self._random.bit_generator.state = state.random
        self.history = list(state.history)

    def _diverged(self, report: BatchReport) -> CnnfxError:
        rate = self.settings.rate
        kept = "What was saved after an earlier epoch is still good" if self.history else "Nothing was saved yet"
        return CnnfxError(
            f"The loss is no longer a number after batch {report.batch} of epoch {report.epoch}: the steps are too "
            f"large. Choose a smaller learning rate than {rate:g}, such as --lr {rate / 10:g}. {kept}."
        )
