"""Learning filters from images: forward and backward passes, loss, optimizer, schedule, and the trainer.

Reading order: `steps` and `combining` (each layer forward and backward, with the mathematics beside it); the filters
in two ways, `blocks` (which patch of the input each output reads) with `by_patches`, and `tiles` (fewer products, see
`engine.minimal`) with `by_tiles`, between which `filters` chooses; `loss`, `parameters` (what is learned, and its
random start), `passes` (a network on a batch, in threads), `optimizer`, `schedule`, `augmentation`, `feeding` (from
images to batches), `settings`, `state` (what a checkpoint keeps), `reports` and `trainer`, which brings them together.
"""

from cnnfx.backprop.parameters import Learn, all_learned, initialize
from cnnfx.training.settings import BatchReport, EpochReport, Examples, Settings
from cnnfx.training.trainer import Trainer

__all__ = [
    "BatchReport",
    "EpochReport",
    "Examples",
    "Learn",
    "Settings",
    "Trainer",
    "all_learned",
    "initialize",
]
