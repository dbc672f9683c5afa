"""Training of a network in one call, and the start of a run, which the command line shares."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cnnfx.datasets import Dataset, LabeledImages, load_dataset
from cnnfx.errors import ArgumentError
from cnnfx.formats.arch import Arch, default_arch, load_arch
from cnnfx.images import ColorMode
from cnnfx.nn.network import Network
from cnnfx.system.files import check_writable
from cnnfx.system.sizes import counted
from cnnfx.training.augmentation import AugmentationName, augmentation_settings
from cnnfx.training.reports import BatchReport, EpochReport
from cnnfx.training.settings import TrainingSettings
from cnnfx.training.trainer import Trainer

DEFAULTS = TrainingSettings()


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A trained network and the report of each epoch.

    Parameters
    ----------
    network : Network
    history : tuple of EpochReport
    data : str
        The name of the data set.
    """

    network: Network
    history: tuple[EpochReport, ...]
    data: str

    @property
    def accuracy(self) -> float | None:
        """The accuracy on the test images after the last epoch, 0..1; None without test images."""
        return self.history[-1].test_accuracy

    def __repr__(self) -> str:
        epochs = counted(len(self.history), "epoch")
        accuracy = "" if self.accuracy is None else f", test accuracy {100 * self.accuracy:.2f} %"
        return f"<TrainingResult {self.data}: {epochs}{accuracy}>"


def train(
    data: str | os.PathLike[str] | Dataset | None = None,
    *,
    arch: str | os.PathLike[str] | Arch | None = None,
    widths: Sequence[int] | None = None,
    kernel_size: int | None = None,
    epochs: int = DEFAULTS.epochs,
    batch_size: int | None = None,
    learning_rate: float = DEFAULTS.rate,
    weight_decay: float = DEFAULTS.decay,
    label_smoothing: float = DEFAULTS.smoothing,
    smoothness: float = DEFAULTS.smoothness,
    batch_norm: bool = DEFAULTS.batch_norm,
    augment: AugmentationName = "shift",
    seed: int = DEFAULTS.seed,
    image_size: int | None = None,
    channels: ColorMode = "gray",
    output: str | os.PathLike[str] | None = None,
    progress: Callable[[BatchReport | EpochReport], None] | None = None,
) -> TrainingResult:
    """Train a network to classify images.

    Parameters
    ----------
    data : str, path or Dataset, optional
        "mnist", "drawn", "shapes", "drawn:N", "shapes:N", a file or folder: see `cnnfx.datasets.load_dataset`. By
        default MNIST if it is available, else drawn digits.
    arch : path or Arch, optional
        A network as a filter file, or one of those that come with cnnfx, "color", "small" or "tiny"; by default layers
        of filters with ReLU and max pooling.
    widths : sequence of int, optional
        The number of filters of each layer of the default network; (24, 48, 48) by default.
    kernel_size : int, optional
        The rows and columns of its filters; by default 5 in the first layer and 3 in the others.
    epochs, seed : int
    batch_size : int, optional
        128 by default, or all images if there are fewer.
    learning_rate, weight_decay, label_smoothing, smoothness : float
        `rate`, `decay`, `smoothing` and `smoothness` of `TrainingSettings`, which also describes `epochs` and `seed`.
    batch_norm : bool
        Whether layers are normalized during training, see `cnnfx.backprop.normalization`.
    augment : "none", "shift" or "strong"
        Random changes of the training images: none, shifts by up to a pixel, or warps (shift, rotation, scale, shear
        and elastic displacement; see `cnnfx.training.augmentation.RandomWarp`).
    image_size : int, optional
        The side in pixels to which the images of class folders are resized.
    channels : "gray" or "rgb"
        The channels of the images of class folders.
    output : path, optional
        A `.npz` file to which the model is written after every epoch.
    progress : callable, optional
        Called with a `BatchReport` after each batch and an `EpochReport` after each epoch.

    Raises
    ------
    FileError
        If data or network cannot be read, or the model cannot be written.
    ArgumentError
        If an argument is out of range, or data and network do not fit together.
    CnnfxError
        If the loss is not finite, because the learning rate is too large.
    """
    settings = TrainingSettings(
        epochs=epochs,
        batch_size=DEFAULTS.batch_size if batch_size is None else batch_size,
        rate=learning_rate,
        decay=weight_decay,
        smoothing=label_smoothing,
        smoothness=smoothness,
        batch_norm=batch_norm,
        seed=seed,
        **augmentation_settings(augment),
    )
    network = _arch(arch, widths, kernel_size)
    if output is not None:
        if not os.fspath(output).lower().endswith(".npz"):
            raise ArgumentError(f"output must be a .npz file, not {os.fspath(output)}.")
        check_writable(os.fspath(output))
    if not isinstance(data, Dataset):
        data = load_dataset(data, size=image_size, channels=channels, seed=seed)
    trainer = start_run(network, data, settings, limit_batch=batch_size is None)
    with np.errstate(all="ignore"):  # the trainer reports a loss that is not finite
        for report in trainer.run():
            if output is not None and isinstance(report, EpochReport):
                trainer.save(output)
            if progress:
                progress(report)
    return TrainingResult(trainer.network, tuple(trainer.history), data.name)


def start_run(arch: Arch, data: Dataset, settings: TrainingSettings, *, limit_batch: bool) -> Trainer:
    """Return the trainer of a new run.

    Parameters
    ----------
    arch : Arch
    data : Dataset
    settings : TrainingSettings
    limit_batch : bool
        Whether a batch that is larger than the training data is reduced to all of them, rather than an error.

    Raises
    ------
    ArgumentError
        If data, architecture and settings do not match.
    """
    if limit_batch and 0 < len(data.train_labels) < settings.batch_size:
        settings = replace(settings, batch_size=len(data.train_labels))
    return Trainer.begin(arch, data.train, test_images(data), settings)


def test_images(data: Dataset) -> LabeledImages | None:
    """Return the images for testing; None if there are none."""
    return data.test if len(data.test_labels) else None


def _arch(arch: str | os.PathLike[str] | Arch | None, widths: Sequence[int] | None, kernel_size: int | None) -> Arch:
    if arch is None:
        return default_arch(widths, kernel_size)
    if widths is not None or kernel_size is not None:
        raise ArgumentError("widths and kernel_size are for the default network; arch describes its own.")
    return arch if isinstance(arch, Arch) else load_arch(arch)
