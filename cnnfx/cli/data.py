"""The data that a command line names, and what is said while they are had."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnfx.cli.printing import tell
from cnnfx.errors import ArgumentError, UsageError

if TYPE_CHECKING:
    from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress
    from cnnfx.network import Network

BAR = 30
"""The bar's characters: with a file's name it must not fill the line, or Ctrl-C would leave it there."""


@dataclass(frozen=True, eq=False)
class Part:
    """One half of a dataset, as training takes it: images (N, C, H, W) and labels (N,)."""

    name: str
    images: Images
    labels: Labels
    classes: tuple[str, ...]


def halves(dataset: Dataset) -> tuple[Part, Part]:
    """What to learn from, and what to test with."""
    return (
        Part(dataset.name, dataset.train_images, dataset.train_labels, dataset.classes),
        Part(dataset.name, dataset.test_images, dataset.test_labels, dataset.classes),
    )


def get_data(spec: str | None, seed: int, quiet: bool, size: int | None = None, color: bool = False) -> Dataset:
    """The dataset of `--data`; its notes are told even where little is said."""
    from cnnfx.datasets import load_dataset

    with showing_progress(quiet) as progress:
        dataset = load_dataset(spec, size=size, color=color, seed=seed, progress=progress)
    for note in dataset.notes:
        tell(f"cnnfx: {note}")
    return dataset


def data_of(network: Network, spec: str | None, quiet: bool) -> Dataset:
    """The dataset of `--data`, or else the one that a model has learned on, made as the model wants it.

    Raises
    ------
    UsageError
        If none is given, and the model's can be found by its path only.
    """
    from cnnfx.datasets.loading import is_name

    known = str(network.meta.get("dataset", ""))
    if spec is None and not is_name(known):
        learned = f"The model has learned on {known}. " if known else ""
        raise UsageError(f"{learned}Say with --data where its images are.")
    spec, seed = spec or known, network.meta.get("seed", 0)
    size, color = _wanted(network) if not is_name(spec) else (None, False)
    try:
        return get_data(spec, seed, quiet, size, color)
    except ArgumentError:  # not a folder of images, which can be had in one size only
        return get_data(spec, seed, quiet)


def _wanted(network: Network) -> tuple[int | None, bool]:
    """The size and the colour in which a model wants its images."""
    channels, height, width = network.meta.get("input", (1, 0, -1))
    return (height if height == width else None), channels == 3


@contextmanager
def showing_progress(quiet: bool) -> Iterator[Progress | None]:
    """A bar on standard error while something is done in several parts, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(BAR), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("data", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
