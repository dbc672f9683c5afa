"""What is said when a network has learned: its layers, what it confuses, and how its filters have changed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cnnfx.cli.printing import tell

if TYPE_CHECKING:
    from cnnfx.network import Network
    from cnnfx.training import Trainer

MOST_CONFUSED = 5


def tell_end(trainer: Trainer, path: str, seconds: float) -> None:
    """Tell how a run ended; draw the first layer's filters on a terminal."""
    from cnnfx.cli.summary import table
    from cnnfx.summary import summarise

    network = trainer.network
    learned = [how.learned for how in trainer.learn]
    tell("\n" + table(summarise(network, trainer.data.images.shape[1:], learned)))
    if trainer.test is not None:
        tell("\n" + _confused(trainer))
    if sys.stderr.isatty():
        tell("\n" + _before_and_after(network))
    minutes, rest = divmod(round(seconds), 60)
    tell(f"\n{path} holds the model; all took {f'{minutes} min ' if minutes else ''}{rest} s.")
    tell(f"Look at it: cnnfx show-filters {path}, or evaluate, predict, apply --filters {path}.")


def _confused(trainer: Trainer) -> str:
    """The confusion of classes in brief."""
    from cnnfx.training.evaluation import evaluate

    assert trainer.test is not None
    result = evaluate(trainer.network, trainer.test)
    pairs = result.confused()[:MOST_CONFUSED]
    wrong = len(result.wrong)
    if not wrong:
        return f"all of the {len(result.labels)} test images are told rightly"
    names = ", ".join(f"{true} taken for {told} ({count}×)" for true, told, count in pairs)
    return f"{wrong} of the {len(result.labels)} test images are told wrongly, most often: {names}"


def _before_and_after(network: Network) -> str:
    assert network.start is not None
    before, after = (_drawn(one) for one in (network.start, network))
    return f"the first layer's filters before:\n{before}\n\nand after:\n{after}"


def _drawn(network: Network) -> str:
    import shutil

    from cnnfx.render.filters import kernel_tiles
    from cnnfx.render.preview import preview
    from cnnfx.render.terminal import color_depth, finest

    depth, width = color_depth(sys.stderr, os.environ), shutil.get_terminal_size().columns
    enlarge = finest(depth, sys.stderr.encoding)
    return preview(kernel_tiles(network.layers[0]), width, depth, sys.stderr.encoding, enlarge)
