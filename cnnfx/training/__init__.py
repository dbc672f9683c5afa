"""Training of networks on labeled images.

`Trainer` runs the loop. Its parts: `labeled_images` (checks of the data), `batches` (sampling), `augmentation`, `optim`
(Adam and its learning rate), `settings`, `reports` and `state` (what a checkpoint keeps). `evaluate` tests a network.
The forward and backward passes are in `cnnfx.backprop`.
"""

from cnnfx.training.reports import BatchReport, EpochReport
from cnnfx.training.settings import TrainingSettings
from cnnfx.training.trainer import Trainer

__all__ = [
    "BatchReport",
    "EpochReport",
    "Trainer",
    "TrainingSettings",
]
