"""What a training run tells while it goes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BatchReport:
    """After each batch.

    Attributes
    ----------
    epoch, epochs, batch, batches : int
        How far it is, counted from 1.
    images : int
        Seen in this epoch so far.
    loss, accuracy : float
        Means over these images, each as it was when it was seen.
    rate : float
        The learning rate.
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
    """After each epoch.

    Attributes
    ----------
    epoch, epochs : int
    images : int
        Seen in this epoch.
    loss, train_accuracy : float
        Means over the epoch, of the images as they were augmented, each when it was seen.
    test_accuracy : float, optional
        Of the test images at the end of the epoch, 0..1; None without any.
    """

    epoch: int
    epochs: int
    images: int
    loss: float
    train_accuracy: float
    test_accuracy: float | None
