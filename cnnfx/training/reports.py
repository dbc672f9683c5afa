"""Reports of a training run: what is known after each batch and after each epoch.

Losses are the plain cross-entropy, −ln p of the true class, as a mean over images. The loss that is minimized uses
smoothed targets and is not reported, since its smallest value is not 0 (see `cnnfx.backprop.loss`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BatchReport:
    """The state of an epoch after a batch.

    Attributes
    ----------
    epoch, epochs, batch, batches : int
        Numbers of this epoch and batch, counted from 1, and how many there are.
    images : int
        Images of this epoch so far.
    loss, accuracy : float
        Means over these images, each as augmented and at the time of its batch.
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
        Training images of the epoch.
    loss : float or None
        Mean over the training images, each as augmented and at the time of its batch. None for epochs that an earlier
        version of cnnfx trained, which recorded the smoothed loss instead.
    train_accuracy : float
        Of the same images, 0..1.
    test_loss, test_accuracy : float or None
        Of the test images at the end of the epoch; None without test images.
    """

    epoch: int
    epochs: int
    images: int
    loss: float | None
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EpochReport:
        """Return the report that `dataclasses.asdict` made `values` from, also in an earlier version.

        Earlier versions wrote no `test_loss`, and the smoothed loss as `loss`, which cannot be compared: it becomes
        None.

        Raises
        ------
        TypeError
            If a value is missing or unknown.
        """
        if "test_loss" not in values:
            values = {**values, "loss": None, "test_loss": None}
        return cls(**values)
