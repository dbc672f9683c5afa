"""The images that a command line names: files, folders, standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnfx.cli.console import tell
from cnnfx.errors import ArgumentError, FileError, UsageError
from cnnfx.images import find_images
from cnnfx.pipeline.targets import STDIN, Source

if TYPE_CHECKING:
    from cnnfx.cli.parsers import Choice
    from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress
    from cnnfx.features import ImageSource
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.targets import Target


def find_sources(given: Sequence[str], recursive: bool) -> list[Source]:
    """The images, folders looked through.

    Raises
    ------
    UsageError
        If standard input is named more than once.
    FileError
        If a folder holds no images.
    """
    if list(given).count(STDIN) > 1:
        raise UsageError("Standard input (-) can be read only once.")
    return [source for name in given for source in _expand(name, recursive)]


def _expand(name: str, recursive: bool) -> list[Source]:
    if name == STDIN or not os.path.isdir(name):
        return [Source(name)]
    folder = Path(name)
    return [Source(str(path), path.parent.relative_to(folder)) for path in find_images([folder], recursive=recursive)]


def content(name: str) -> bytes | None:
    """All that standard input holds, if that is what is named.

    Raises
    ------
    UsageError
        If standard input is a terminal.
    FileError
        If it is empty.
    """
    if name != STDIN:
        return None
    if sys.stdin is None:  # closed, as by `<&-`
        raise FileError("standard input: it is closed. Send an image into it, or name a file.")
    if sys.stdin.isatty():
        raise UsageError(
            "Standard input is a terminal. Send an image into it: cat photo.png | cnnfx apply - -f edges > maps.png"
        )
    data = sys.stdin.buffer.read()
    if not data:
        raise FileError("standard input: it is empty. The command before the pipe may have failed.")
    return data


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
    from cnnfx.datasets.load import is_name

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
    """The size and the color in which a model wants its images."""
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


def network_of(spec: str) -> Network:
    """The network that is named; a model goes by the name of its file, as those that learn are all called alike.

    Raises
    ------
    FileError
        If it cannot be found or understood.
    """
    from dataclasses import replace

    from cnnfx.formats import load_network

    network = load_network(spec)
    return replace(network, name=Path(spec).stem) if spec.lower().endswith(".npz") else network


def gallery_of(network: Network, spec: str | None, quiet: bool) -> ImageSource:
    """The images of `--data`: a folder of pictures, one picture, or those that `cnnfx train` learns from.

    Raises
    ------
    FileError
        If there are none, or they cannot be read.
    """
    from cnnfx.features import ImageArray
    from cnnfx.images.load import PICTURE_EXTENSIONS

    path = None if spec is None else Path(spec).expanduser()
    if path is not None and (_holds_pictures(path) or path.suffix.lower() in PICTURE_EXTENSIONS):
        return _files(network, path)
    dataset = data_of(network, spec, quiet) if network.meta else get_data(spec, 0, quiet)
    return ImageArray(dataset.name, halves(dataset)[0].images)


def _holds_pictures(folder: Path) -> bool:
    from cnnfx.errors import FileError
    from cnnfx.images import find_images

    try:
        return folder.is_dir() and bool(find_images([folder]))
    except FileError:  # it holds none, or only in its sub-folders: a dataset
        return False


def _files(network: Network, path: Path) -> ImageSource:
    from cnnfx.features import ImageFiles
    from cnnfx.images import find_images, load_image
    from cnnfx.pipeline.pipeline import asked_for

    channels = asked_for(network)
    name = str(path.name or path)
    return ImageFiles(name, find_images([path]), lambda file: load_image(file, channels=channels))


def chosen_filters(choice: Choice | None, names: Sequence[str], where: str) -> list[int]:
    """The numbers (from 0 on) of the filters that are asked for by name, or, where names are no numbers, by their place
    from 1 on.

    Raises
    ------
    UsageError
        If there is no such filter.
    """
    if choice is None:
        return list(range(len(names)))
    numbers = {name: index for index, name in enumerate(names)}
    if not any(name.isdecimal() for name in names):
        numbers |= {str(place): index for index, place in enumerate(range(1, len(names) + 1))}
    found: dict[int, None] = {}
    for first, last in choice:
        for name in [first] if last is None else map(str, range(int(first), int(last) + 1)):
            if name not in numbers:
                raise UsageError(f"There is no filter {name} in {where}: choose from {_listed(names)}.")
            found[numbers[name]] = None
    return list(found)


def _listed(names: Sequence[str]) -> str:
    if all(name.isdecimal() for name in names) and len(names) > 2:
        return f"{names[0]} to {names[-1]}"
    return ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")


def checked_target(output: str, format: str | None, name: str) -> Target:
    """Where the picture goes, seen to be possible before any work is done.

    Raises
    ------
    UsageError
        If it is a folder, or not a picture.
    """
    from cnnfx.pipeline.targets import NUMBERS, Source, targets
    from cnnfx.system.files import check_writable

    advice = "Patterns are written to one picture: give -o patterns.png."
    if output.endswith(("/", os.sep)) or os.path.isdir(output):
        raise UsageError(f"{output} is a folder. {advice}")
    (target,) = targets([Source(name)], output, format, name)
    if target.format in NUMBERS:
        raise UsageError(f"{output} is not a picture file. {advice}")
    if target.path is not None:
        check_writable(target.path)
    return target
