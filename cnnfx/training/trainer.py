"""The training loop."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from cnnfx.backprop.loss import smoothed_cross_entropy
from cnnfx.backprop.network import SHARD_IMAGES, TrainableNetwork
from cnnfx.backprop.normalization import fold
from cnnfx.backprop.parameters import Parameters, all_filters, initialize
from cnnfx.datasets import LabeledImages
from cnnfx.datasets.digit_preprocessing import is_mnist_like
from cnnfx.datasets.fitting import fit_images
from cnnfx.errors import ArgumentError, CnnfxError, FileError
from cnnfx.formats.arch import Arch
from cnnfx.formats.model_npz import load_checkpoint, save_model
from cnnfx.nn.input import Input, channels_name
from cnnfx.nn.layers import Array, Layer, Shape
from cnnfx.nn.network import Network
from cnnfx.system.sizes import counted
from cnnfx.training.augmentation import augmentation_of
from cnnfx.training.batches import BatchLoader
from cnnfx.training.labeled_images import (
    check_labeled_images,
    check_test_images,
    check_training_images,
    fingerprint,
    pixel_mean_and_std,
)
from cnnfx.training.optim import Adam, decay_roughness, one_cycle
from cnnfx.training.reports import BatchReport, EpochReport
from cnnfx.training.settings import TrainingSettings
from cnnfx.training.state import TrainingState

SMOOTH_START = 0.3
"""The factor of the random weights of the first layer where its kernels are smoothed.

A smaller start leaves less of the random numbers in the trained filters. Training is not slower for it, since the size
of Adam's steps does not depend on the size of the gradient."""

STATISTICS_IMAGES = 4096
"""The number of training images whose mean and variance replace those of the batches after training."""
PREVIEW_IMAGES = 128
"""This number for a network within an epoch."""

MIN_NORMALIZED_VALUES = 8
"""The fewest values of a channel over which it is normalized.

The mean and variance of fewer values differ much from those of all images. A single value would always become 0, so
that its filter would not be trained."""


class Trainer:
    """Trains a network to classify images.

    `run` yields reports and never prints. The loss that is minimized is the cross-entropy with smoothed targets (see
    `cnnfx.backprop.loss`). Reports, history and model files hold the plain cross-entropy; see `cnnfx.training.reports`.

    Parameters
    ----------
    network : Network
        With a classifier head, as returned by `cnnfx.backprop.parameters.initialize`.
    data : LabeledImages
        Training images.
    test : LabeledImages, optional
        Loss and accuracy are computed on them after each epoch.
    settings : TrainingSettings, optional
    trainable_filters : sequence of arrays (K,) of bool, optional
        For each layer, the filters that are trained; all by default.
    normalized : sequence of bool, optional
        For each layer, whether its outputs are normalized during training; none by default.
    state : TrainingState, optional
        The state of the run to resume.

    Raises
    ------
    ArgumentError
        If data, network, settings and state do not match.
    """

    def __init__(
        self,
        network: Network,
        data: LabeledImages,
        test: LabeledImages | None = None,
        settings: TrainingSettings | None = None,
        trainable_filters: Sequence[NDArray[np.bool_]] | None = None,
        normalized: Sequence[bool] = (),
        state: TrainingState | None = None,
    ) -> None:
        self.data, self.test, self.settings = data, test, settings or TrainingSettings()
        check_labeled_images(data, self.settings.batch_size)
        if test is not None:
            check_test_images(test, data)
        self.trainable_filters = list(trainable_filters or all_filters(network))
        self.parameters = Parameters(network, self.trainable_filters)
        self.normalized = list(normalized) or [False] * len(network.layers)
        self._optimizer = Adam(len(self.parameters), self.settings.betas, self._decay())
        self._random = np.random.default_rng(self.settings.seed)
        self.history: list[EpochReport] = []
        self._fingerprint = fingerprint(data)
        if state is not None:
            self._restore(state)
        shape = data.images.shape[1:]
        self._trainable = TrainableNetwork(self.parameters, shape, self.settings.smoothing, self.normalized)
        self._inference = TrainableNetwork(Parameters(network, self.trainable_filters), shape)
        self._snapshot = self._take_snapshot(network)

    @classmethod
    def begin(
        cls,
        arch: Arch,
        data: LabeledImages,
        test: LabeledImages | None = None,
        settings: TrainingSettings | None = None,
    ) -> Trainer:
        """Return the trainer of a new run, with random weights and the normalization of the training images.

        Raises
        ------
        ArgumentError
            If data, architecture and settings do not match.
        """
        settings = settings or TrainingSettings()
        check_training_images(data, settings.batch_size)
        channels, height, width = data.images.shape[1:]
        fit = "digit" if is_mnist_like(data.images) else "squash"
        read = Input(channels_name(channels), (height, width), fit, background=data.background)
        data = _fitted(data, read)
        mean, std = pixel_mean_and_std(data.images)
        read = replace(read, mean=(mean,), std=(std,))
        generator = np.random.default_rng((settings.seed, 1))  # independent of the order of the images
        network = replace(arch.network, input=read)
        first_factor = SMOOTH_START if settings.smoothness else 1.0
        start = initialize(network, arch.random, data.images.shape[1:], data.classes, generator, first_factor)
        shapes = [data.images.shape[1:], *start.output_shapes(data.images.shape[1:])]
        images = min(settings.batch_size, SHARD_IMAGES)
        normalized = [
            settings.batch_norm and bool(random.all()) and _can_be_normalized(layer, shape, images)
            for layer, random, shape in zip(start.layers, arch.random, shapes, strict=False)
        ]
        return cls(start, data, test and _fitted(test, read), settings, arch.trainable, normalized)

    @classmethod
    def resume(cls, path: str | os.PathLike[str], data: LabeledImages, test: LabeledImages | None = None) -> Trainer:
        """Return the trainer of the run that wrote a checkpoint, with its settings, after its last complete epoch.

        Raises
        ------
        FileError
            If the file is not a model, or cannot be resumed.
        ArgumentError
            If the training images are not those of the run.
        """
        network, arrays = load_checkpoint(path)
        state = TrainingState.from_arrays(arrays, str(path))
        if list(map(len, state.trainable_filters)) != [len(layer.filter_names) for layer in network.layers]:
            raise FileError(f"{path}: the state of the training run is another network's, so it cannot be resumed.")
        if any(layer.combine for layer, each in zip(network.layers, state.normalized, strict=True) if each):
            raise FileError(
                f"{path}: the state of the training run normalizes combinations of channels, so it cannot be resumed."
            )
        count = len(Parameters(network, state.trainable_filters))
        if {len(array) for array in state.vectors().values()} != {count}:
            raise FileError(
                f"{path}: the optimizer's state does not fit the {count} parameters, so it cannot be resumed."
            )
        data, test = _fitted(data, network.input), test and _fitted(test, network.input)
        return cls(network, data, test, state.settings, state.trainable_filters, state.normalized, state)

    @property
    def finished(self) -> bool:
        """Whether all epochs are complete."""
        return len(self.history) >= self.settings.epochs

    @property
    def network(self) -> Network:
        """The network after the last complete epoch; its `meta` describes the run."""
        return self._snapshot[0]

    @property
    def current(self) -> Network:
        """The network with the current parameters, also within an epoch; its `meta` does not describe the run.

        Its normalization is that of a few images, so it takes some milliseconds.
        """
        return self._inference_network(PREVIEW_IMAGES)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network after the last complete epoch, and the state that `resume` needs, atomically.

        Raises
        ------
        FileError
            If it cannot be written; an existing file is then unchanged.
        """
        network, state = self._snapshot
        save_model(path, network, state.to_arrays())

    def run(self) -> Iterator[BatchReport | EpochReport]:
        """Train up to the last epoch, and yield a report after each batch and each epoch.

        A caller that stops iterating stops the run; `resume` continues one that was saved.

        Raises
        ------
        CnnfxError
            If loss or parameters are not finite.
        """
        while not self.finished:
            report, start = None, time.monotonic()
            for report in self._run_epoch(len(self.history) + 1):
                yield report
            assert report is not None
            if not np.isfinite(self.parameters.vector).all():
                raise self._diverged(report)
            network = self._inference_network(STATISTICS_IMAGES)
            trained = time.monotonic()
            test_loss, test_accuracy = (None, None) if self.test is None else self._evaluate(network, self.test)
            if test_loss is not None and not np.isfinite(test_loss):
                raise self._diverged(report)
            end = time.monotonic()
            self.history.append(
                EpochReport(
                    report.epoch, report.epochs, report.images, report.loss, report.accuracy, test_loss, test_accuracy,
                    report.rate, end - start, None if self.test is None else end - trained,
                )
            )  # fmt: skip
            self._snapshot = self._take_snapshot(network)
            yield self.history[-1]

    def evaluate(self, data: LabeledImages) -> tuple[float, float]:
        """Return the mean cross-entropy and the accuracy, 0..1, of `network` on labeled images."""
        return self._evaluate(self.network, data)

    def _evaluate(self, network: Network, data: LabeledImages) -> tuple[float, float]:
        self._inference.parameters.vector[...] = Parameters(network, self.trainable_filters).vector
        self._inference.update()
        loader = BatchLoader(data, network)
        scores = self._inference.scores(len(data.labels), loader.images).T
        loss = smoothed_cross_entropy(scores, data.labels.astype(np.int64)).cross_entropy
        return loss / len(data.labels), float((scores.argmax(axis=0) == data.labels).mean())

    def _run_epoch(self, epoch: int) -> Iterator[BatchReport]:
        """Train on every image once, in random order."""
        settings, count = self.settings, len(self.data.labels)
        augmentation = augmentation_of(settings.shift, settings.warp)
        loader = BatchLoader(self.data, self.parameters.network, augmentation)
        order = self._random.permutation(count)
        batches = -(-count // settings.batch_size)
        loss, correct, seen = 0.0, 0, 0
        for batch in range(batches):
            indices = order[batch * settings.batch_size : (batch + 1) * settings.batch_size]
            result = self._trainable.loss_and_grad(len(indices), loader.sample(indices, self._random))
            rate = one_cycle((epoch - 1) * batches + batch, settings.epochs * batches, settings.rate)
            loss, correct, seen = loss + result.cross_entropy, correct + result.correct, seen + len(indices)
            report = BatchReport(epoch, settings.epochs, batch + 1, batches, seen, loss / seen, correct / seen, rate)
            if not np.isfinite(result.loss):
                raise self._diverged(report)
            self._optimizer.step(self.parameters.vector, result.gradient, rate)
            self._smooth(rate)
            self._trainable.update()
            yield report

    def _inference_network(self, count: int) -> Network:
        """Return the network with constants for its normalization, folded into its filters.

        These are the moments over `count` training images that are not augmented.
        """
        network = self.parameters.to_network()
        if not any(self.normalized):
            return network
        generator = np.random.default_rng((self.settings.seed, 2))  # the order of the batches does not depend on it
        images = generator.permutation(len(self.data.labels))[:count]
        collate = BatchLoader(self.data, network).sample(images, generator)
        return fold(network, self._trainable.moments(len(images), lambda part: collate(part)[0]))

    def _decay(self) -> Array:
        """Return the decay of each parameter: of the trained weights, and of the biases of normalized layers.

        A normalized channel is 0 at all positions if its bias is far below 0. Then it has no gradient, and only the
        decay of the bias makes it active again.
        """
        decay = self.settings.decay * self.parameters.is_weight
        for (_, bias), is_normalized in zip(self.parameters.split(decay), self.normalized, strict=False):
            bias[...] = self.settings.decay * is_normalized
        return decay * self.parameters.trainable

    def _smooth(self, rate: float) -> None:
        """Decrease the roughness of the trained kernels of the first layer."""
        if self.settings.smoothness:
            weights, trained = self.parameters.pairs[0][0], self.trainable_filters[0]
            weights[trained] = decay_roughness(weights[trained], rate, self.settings.smoothness)

    def _take_snapshot(self, network: Network) -> tuple[Network, TrainingState]:
        """Return the network and a copy of the state after a complete epoch."""
        optimizer = self._optimizer
        state = TrainingState(
            self.settings, self.trainable_filters, self.normalized, self._fingerprint, list(self.history),
            dict(self._random.bit_generator.state), optimizer.steps, optimizer.mean.copy(), optimizer.square.copy(),
            self.parameters.vector.copy(),
        )  # fmt: skip
        meta = {
            "dataset": self.data.name,
            "seed": self.settings.seed,
            "epochs": len(self.history),
            "accuracy": [report.test_accuracy for report in self.history],
            "train_accuracy": [report.train_accuracy for report in self.history],
            "loss": [report.loss for report in self.history],
            "test_loss": [report.test_loss for report in self.history],
            "learning_rate": [report.learning_rate for report in self.history],
            "settings": asdict(self.settings),
            "input": list(self.data.images.shape[1:]),
        }
        return replace(network, meta=meta), state

    def _restore(self, state: TrainingState) -> None:
        """Set optimizer, random generator and history to the state of an earlier run."""
        if state.fingerprint != self._fingerprint:
            raise ArgumentError(
                f"{self.data.name}: these are not the {len(self.data.labels)} images that the run began with. "
                "Resume with the same data, or start a new run."
            )
        batches = -(-len(self.data.labels) // self.settings.batch_size)
        if state.steps != len(state.history) * batches:
            raise ArgumentError(
                f"{self.data.name}: the optimizer of the run has made {state.steps} steps, not {batches} in each of "
                f"{counted(len(state.history), 'epoch')}. Start a new run."
            )
        optimizer = self._optimizer
        optimizer.mean, optimizer.square, optimizer.steps = state.mean.copy(), state.square.copy(), state.steps
        if state.parameters is not None:
            self.parameters.vector[...] = state.parameters
        self._random.bit_generator.state = state.random
        self.history = list(state.history)

    def _diverged(self, report: BatchReport) -> CnnfxError:
        rate = self.settings.rate
        saved = "What was saved after an earlier epoch is still valid" if self.history else "Nothing was saved yet"
        return CnnfxError(
            f"The loss is no longer a number after batch {report.batch} of epoch {report.epoch}: the learning rate "
            f"{rate:g} is too large. Choose a smaller one, such as {min(rate / 10, TrainingSettings.rate):g}. {saved}.",
            remedy="learning_rate",
        )


def _can_be_normalized(layer: Layer, shape: Shape, images: int) -> bool:
    """Return whether a layer that reads maps of a shape has enough values of each channel, and no combinations."""
    pools_all = layer.pool is not None and layer.pool.is_global
    _, height, width = layer.maps_shape(shape) if pools_all else layer.output_shape(shape)
    return not layer.combine and images * height * width >= MIN_NORMALIZED_VALUES


def _fitted(data: LabeledImages, read: Input) -> LabeledImages:
    """Return labeled images fitted to the input of a network, as `prepare` does for single images.

    Images of another size than the input's are not changed.
    """
    channels, *size = data.images.shape[1:]
    if read.size != tuple(size):
        return data
    images, _ = fit_images(data.name, data.images, read, (channels, *read.size))
    return replace(data, images=images)
