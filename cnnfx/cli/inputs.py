"""The images and data sets that a command line names: files, folders, standard input, and the values of `--data`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cnnfx.cli.console import data_progress, print_error
from cnnfx.errors import FileError, UsageError

if TYPE_CHECKING:
    from cnnfx.cli.options import NetworkOptions
    from cnnfx.cli.parsers import PageChoice
    from cnnfx.datasets.dataset import Dataset
    from cnnfx.features import ImageSource
    from cnnfx.images import ColorMode
    from cnnfx.nn.network import Network

STDIN = "-"
"""The name of standard input on the command line."""
STREAM_NAME = "standard input"
"""Its name in messages."""


class InputImage(NamedTuple):
    """An image that a command line names.

    Parameters
    ----------
    path : str
        A path, or `-` for standard input.
    subfolder : Path
        The subfolder of the given folder in which it was found.
    page : int, optional
        The page of a file with several that `--page` chooses.
    stdin : bytes, optional
        The content of standard input, if it has been read already.
    """

    path: str
    subfolder: Path = Path()
    page: int | None = None
    stdin: bytes | None = None

    @property
    def is_stdin(self) -> bool:
        """Whether the image is read from standard input."""
        return self.path == STDIN

    @property
    def stem(self) -> str:
        """The beginning of the names of output files, which differs for each page."""
        return ("stdin" if self.is_stdin else Path(self.path).stem) + self._page_suffix

    @property
    def name(self) -> str:
        """The name of the file without folders, which differs for each page."""
        return ("stdin" if self.is_stdin else Path(self.path).name) + self._page_suffix

    @property
    def _page_suffix(self) -> str:
        return "" if self.page is None else f".page{self.page}"

    @property
    def content(self) -> bytes | None:
        """The content of standard input, which is read if it has not been; None for a file.

        Raises
        ------
        UsageError, FileError
            As `read_stdin`.
        """
        return (self.stdin or read_stdin()) if self.is_stdin else None

    @property
    def source(self) -> str | bytes:
        """The path of a file, or the content of standard input; errors are those of `content`."""
        return self.path if (content := self.content) is None else content

    @property
    def label(self) -> str:
        """The name of the file in JSON."""
        return STREAM_NAME if self.is_stdin else self.path

    @property
    def page_data(self) -> dict[str, int]:
        """The page in JSON, if one was chosen."""
        return {} if self.page is None else {"page": self.page}


def check_not_empty(texts: Sequence[str], what: str) -> None:
    """Check that no text of the command line is empty, as that of an unset variable of the shell.

    Raises
    ------
    UsageError
        If one is empty; the message begins with `what`.
    """
    if not all(text.strip() for text in texts):
        raise UsageError(f"{what} is empty. A variable of the shell may not be set.")


def check_no_networks(names: Sequence[str], given: NetworkOptions) -> None:
    """Check that no preset or file of a network was meant: in `photo.png -f sobel edges`, edges is an image.

    Parameters
    ----------
    names : sequence of str
        The names of images.
    given : NetworkOptions

    Raises
    ------
    UsageError
        If a file does not exist, but a preset of its name; or if there are no filters, but a file with the ending of
        networks.
    """
    filters = given.filters or []
    missing = [name for name in names if name != STDIN and not os.path.exists(name)]
    if missing:
        from cnnfx.formats import preset_names

        presets = set(preset_names())
        meant = [name for name in missing if name in presets]
        if meant:
            options = " ".join(f"-f {name}" for name in dict.fromkeys((*filters, *meant)))
            several = "For several, repeat -f" if filters else "Name it with -f"
            raise UsageError(f"{meant[0]} is a preset, not an image. {several}: {options}.")
    for name in () if filters or given.kernel else names:
        from cnnfx.formats.file_format import ARRAY_ENDINGS, ENDINGS

        if Path(name).suffix.lower() in ENDINGS.keys() - ARRAY_ENDINGS and os.path.isfile(name):
            raise UsageError(f"{name} is a network, not an image. Name it with -f: -f {name}.")


def image_sources(
    names: Sequence[str],
    recursive: bool,
    page: PageChoice | None = None,
    max_pixels: int | None = None,
    quiet: bool = False,
) -> list[InputImage]:
    """Return the images of these names; for a folder, the images in it, with a note on files that are passed over.

    Parameters
    ----------
    names : sequence of str
        Files, folders, and `-` for standard input.
    recursive : bool
        Whether to search subfolders, too.
    page : PageChoice, optional
        The page of each file, or all of them, which are images of their own.
    max_pixels : int, optional
        Files with more pixels are refused, where their pages are counted.
    quiet : bool
        Whether notes are not printed.

    Raises
    ------
    UsageError
        If standard input is named more than once.
    FileError
        If a folder contains no images.
    """
    check_not_empty(names, "The name of an image")
    if list(names).count(STDIN) > 1:
        raise UsageError("Standard input (-) can be read only once.")
    sources = [source for name in names for source in _expanded(name, recursive, quiet)]
    if page is None:
        return sources
    if page.number is not None:
        return [source._replace(page=page.number) for source in sources]
    return [each for source in sources for each in _all_pages(source, max_pixels)]


def _all_pages(source: InputImage, max_pixels: int | None) -> list[InputImage]:
    """Return each page of a file; the file itself if it has one only, or is damaged, which is reported later."""
    from cnnfx.images import MAX_PIXELS, count_pages

    if not source.is_stdin and not os.path.isfile(source.path):  # a pipe, which can be read only once
        return [source]
    source = source._replace(stdin=source.content)
    try:
        count = count_pages(source.source, max_pixels or MAX_PIXELS)
    except FileError as error:
        if error.remedy == "page_limit":
            raise
        count = 1
    return [source._replace(page=number) for number in range(1, count + 1)] if count > 1 else [source]


def _expanded(name: str, recursive: bool, quiet: bool) -> list[InputImage]:
    from cnnfx.images import find_images

    folder = Path(name)
    if name == STDIN or not os.path.isdir(folder):
        return [InputImage(name)]
    found = find_images([folder], recursive=recursive)
    for note in () if quiet else found.notes:
        print_error(note)
    return [InputImage(str(path), path.parent.relative_to(folder)) for path in found.files]


def read_stdin() -> bytes:
    """Return the content of standard input.

    Raises
    ------
    UsageError
        If standard input is a terminal.
    FileError
        If it is empty, closed, too long, or no image.
    """
    if sys.stdin is None:  # closed, as by `<&-`
        raise FileError("standard input: it is closed. Send an image into it, or name a file.")
    if sys.stdin.isatty():
        raise UsageError(
            "Standard input is a terminal. Send an image into it: cat photo.png | cnnfx apply - -f edges > maps.png"
        )
    from cnnfx.images.load import read_stream

    content = read_stream(STREAM_NAME, sys.stdin.buffer)
    if not content:
        raise FileError("standard input: it is empty. The command before the pipe may have failed.")
    return content


def load_data(
    spec: str | None,
    *,
    size: int | None = None,
    channels: ColorMode = "gray",
    background: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    quiet: bool = False,
) -> Dataset:
    """Return the data set of `--data`; its notes are not printed yet."""
    from cnnfx.datasets import load_dataset

    if spec is not None:
        check_not_empty([spec], "The name of the data")
    with data_progress(quiet) as progress:
        return load_dataset(
            spec,
            size=size,
            channels=channels,
            background=background,
            skip_bad=skip_bad,
            seed=seed,
            progress=progress,
        )


def load_data_of_model(
    network: Network,
    spec: str | None,
    quiet: bool,
    *,
    background: str | None = None,
    skip_bad: bool = False,
) -> Dataset:
    """Return the data set of `--data`, or by default the one that a model was trained on.

    Its notes are not printed yet. The images of class folders are fitted as the model reads them.

    Raises
    ------
    UsageError
        If none is given, and the model's can be found by its path only.
    """
    from cnnfx.datasets.load import is_name
    from cnnfx.training.model_data import load_model_data

    trained_on = str(network.meta.get("dataset", ""))
    if spec is None and not is_name(trained_on):
        trained = f"The model was trained on {trained_on}. " if trained_on else ""
        raise UsageError(f"{trained}Name the data set with --data.")
    if spec is not None:
        check_not_empty([spec], "The name of the data")
    with data_progress(quiet) as progress:
        return load_model_data(network, spec, background=background, skip_bad=skip_bad, progress=progress)


def print_notes(dataset: Dataset, quiet: bool) -> None:
    """Print the notes about a data set, also where `--quiet` is given, and on options for class folders only."""
    for note in dataset.notes:
        print_error(note)
    if not quiet:
        _note_options_for_folders(dataset)


def _note_options_for_folders(dataset: Dataset) -> None:
    from cnnfx.cli.given import given_options, note_without_effect

    if not dataset.is_folder:
        note_without_effect(
            given_options("--background", "--channels", "--skip-bad"), f"on {dataset.name}, which holds no pictures"
        )


def load_image_source(
    network: Network,
    spec: str | None,
    layer: str | None,
    methods: Sequence[str],
    quiet: bool,
    *,
    background: str | None = None,
    skip_bad: bool = False,
) -> ImageSource | None:
    """Return the images of `--data` for a layer: a folder of pictures, one picture, or the images of a data set.

    None if methods need none, and none are given; see `cnnfx.pipeline.patterns.open_images`.

    Raises
    ------
    FileError
        If there are none, or they cannot be read.
    """
    from cnnfx.pipeline.patterns import has_own_data, open_images

    def load_labeled() -> Dataset:
        if has_own_data(network, spec):
            dataset = load_data_of_model(network, spec, quiet, background=background, skip_bad=skip_bad)
        else:
            dataset = load_data(spec, quiet=quiet)  # known by name: it holds no pictures
        if not quiet:
            _note_options_for_folders(dataset)
        return dataset

    return open_images(network, spec, load_labeled, layer, methods, background)
