"""What `cnnfx show-patterns` is given: the images to look through, the filters, the picture's place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cnnfx.errors import UsageError

if TYPE_CHECKING:
    from cnnfx.cli.parsers import Choice
    from cnnfx.network import Network
    from cnnfx.patterns import Gallery
    from cnnfx.target import Target


def network_of(spec: str) -> Network:
    """The network that is named; a model goes by the name of its file, as those that learn are all called alike.

    Raises
    ------
    FileError
        If it cannot be found or understood.
    """
    from dataclasses import replace

    from cnnfx.filterbank import load_network

    network = load_network(spec)
    return replace(network, name=Path(spec).stem) if spec.lower().endswith(".npz") else network


def gallery_of(network: Network, spec: str | None, quiet: bool) -> Gallery:
    """The images of `--data`: a folder of pictures, one picture, or those that `cnnfx train` learns from.

    Raises
    ------
    FileError
        If there are none, or they cannot be read.
    """
    from cnnfx.cli.data import data_of, get_data, halves
    from cnnfx.images.folders import PICTURES
    from cnnfx.patterns import ImageArray

    if spec is not None and (_holds_pictures(Path(spec).expanduser()) or Path(spec).suffix.lower() in PICTURES):
        return _files(network, Path(spec).expanduser())
    dataset = data_of(network, spec, quiet) if network.meta else get_data(spec, 0, quiet)
    return ImageArray(dataset.name, halves(dataset)[0].images)


def _holds_pictures(folder: Path) -> bool:
    from cnnfx.errors import FileError
    from cnnfx.images import find_images

    try:
        return folder.is_dir() and bool(find_images([folder]))
    except FileError:  # it holds none, or only in its sub-folders: a dataset
        return False


def _files(network: Network, path: Path) -> Gallery:
    from cnnfx.images import find_images, load_image
    from cnnfx.patterns import ImageFiles
    from cnnfx.pipeline import asked_for

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
    from cnnfx.cli.targets import Source, targets
    from cnnfx.files import check_writable
    from cnnfx.outputs import NUMBERS

    advice = "Patterns are written to one picture: give -o patterns.png."
    if output.endswith(("/", os.sep)) or os.path.isdir(output):
        raise UsageError(f"{output} is a folder. {advice}")
    (target,) = targets([Source(name)], output, format, name)
    if target.format in NUMBERS:
        raise UsageError(f"{output} is not a picture file. {advice}")
    if target.path is not None:
        check_writable(target.path)
    return target
