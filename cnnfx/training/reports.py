"""Reports of a training run after each batch and each epoch.

Losses are the plain cross-entropy, −ln p of the true class, as a mean over images. The loss that is minimized uses
smoothed targets and is not reported, since its smallest value is not 0; see `cnnfx.backprop.loss`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

DURATIONS = {"seconds", "test_seconds"}
"""The values of an epoch's report that differ from run to run."""


@dataclass(frozen=True)
class BatchReport:
    """The progress of an epoch after a batch.

    Attributes
    ----------
    epoch, epochs, batch, batches : int
        The numbers of this epoch and batch, counted from 1, and of all epochs and batches.
    images : int
        The number of images of this epoch so far.
    loss, accuracy : float
        Means over these augmented images, each computed before the update of its batch.
    rate : float
        The learning rate of this batch.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    images: int
    loss: float
    accuracy: float
    rate: float


@dataclass(frozen=True)
class EpochReport:
    """The results of an epoch.

    Attributes
    ----------
    epoch, epochs : int
    images : int
        The number of training images.
    loss : float or None
        Mean over the augmented training images, each computed before the update of its batch. None for epochs that an
        earlier version of cnnfx trained, which recorded the smoothed loss.
    train_accuracy : float
        On the same images, 0..1.
    test_loss, test_accuracy : float or None
        On the test images at the end of the epoch; None without test images.
    learning_rate : float or None
        Of the last batch. None for epochs that an earlier version of cnnfx trained, which did not record it.
    seconds, test_seconds : float or None
        The duration of the epoch, and of its part in which the test images are classified (None without test images).
        Not compared, and not written to model files, which are the same on every computer: None for the epochs before
        a resumed run.
    """

    epoch: int
    epochs: int
    images: int
    loss: float | None
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    learning_rate: float | None = None
    seconds: float | None = field(default=None, compare=False)
    test_seconds: float | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as it is written to model files, without durations."""
        return {name: value for name, value in asdict(self).items() if name not in DURATIONS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EpochReport:
        """Return the report of a dictionary made by `to_dict`, also in an earlier version.

        Earlier versions wrote no `learning_rate`. Still earlier ones wrote no `test_loss`, and the smoothed loss as
        `loss`. The two losses cannot be compared, so `loss` becomes None.

        Raises
        ------
        TypeError
            If a value is missing or unknown.
        ValueError
            If a value is not a number.
        """
        if unknown := DURATIONS.intersection(values):
            raise TypeError(f"unknown value {min(unknown)}")
        if "test_loss" not in values:
            values = {**values, "loss": None, "test_loss": None}
        report = cls(**values)
        for name in ("epoch", "epochs", "images"):
            if type(getattr(report, name)) is not int:
                raise ValueError(f"{name} is not a whole number")
        for name in ("loss", "train_accuracy", "test_loss", "test_accuracy", "learning_rate"):
            number = getattr(report, name)
            if number is None and name != "train_accuracy":
                continue
            if type(number) not in (int, float) or not math.isfinite(number):
                raise ValueError(f"{name} is not a finite number")
        return report
