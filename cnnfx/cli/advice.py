"""Errors as messages and exit codes: a message of the library is completed with the option that helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from cnnfx.cli.console import print_error
from cnnfx.errors import CnnfxError, UsageError

FAILURE = 1
"""Exit code where an input or a file is bad."""
WRONG_USAGE = 2
"""Exit code where the command line is wrong."""


class Advice(NamedTuple):
    """What the command line adds to an error of the library.

    Parameters
    ----------
    text : str
        A sentence that follows the message, with the error's details in braces.
    usage : bool
        Whether the command line is wrong, not an input.
    """

    text: str = ""
    usage: bool = False


ADVICE = {
    "arch_file": Advice("Give it to cnnfx train as --arch."),
    "bad_images": Advice("Leave out what cannot be read with --skip-bad."),
    "classifier": Advice("Use the preset squeezenet, or a model (.npz) written by cnnfx train.", usage=True),
    "channel_selection": Advice(usage=True),
    "color_channels": Advice("Filters of colors need a color picture and --channels auto or rgb."),
    "disk_full": Advice("Free space, or choose another output with {option}."),
    "drawn_digits": Advice("Or train on digits that cnnfx draws itself, --data drawn."),
    "evidence_classes": Advice("Choose fewer with --top, or write arrays (.npz) instead.", usage=True),
    "evidence_method": Advice("The option is --method.", usage=True),
    "fewer_layers": Advice("--layer names the last layer to write."),
    "fewer_filters": Advice("Choose some with --only, such as --only top:16.", usage=True),
    "folder_missing": Advice("Create it, or choose another with {option}."),
    "grid_size": Advice(
        "Choose maps with --layer and --only, write one picture per channel with -o FOLDER/, or use a smaller --scale."
    ),
    "install_dask": Advice("--scheduler needs Dask. Install it with pip install 'cnnfx[dask]'.", usage=True),
    "image_data": Advice("The option is --data.", usage=True),
    "is_folder": Advice("Give a file's name with {option}."),
    "kernel": Advice(usage=True),
    "layer_number": Advice(usage=True),
    "layers_before": Advice("Choose one with --layer."),
    "learning_rate": Advice("The option is --lr."),
    "maps_before": Advice(
        "Filters of a deeper layer read the maps of the layer before it: apply that layer first with -o MAPS.npy, and "
        "this one to MAPS.npy. Or describe all layers in a TOML file; for weights, give it with --arch."
    ),
    "network_format": Advice(usage=True),
    "output_is_input": Advice("Choose another output with -o.", usage=True),
    "output_path": Advice("Choose another output with {option}."),
    "page": Advice("The option is --page."),
    "page_limit": Advice("Choose one with --page."),
    "page_size": Advice("Show fewer layers with --layer, or write a picture (.png) instead."),
    "page_maps": Advice("Choose one layer with --layer, or some of its channels with --only.", usage=True),
    "photograph": Advice("For photographs give --model squeezenet."),
    "pixel_limit": Advice("Raise the limit with --max-pixels if you trust the file."),
    "position": Advice("Give one with --at X,Y."),
    "preset_list": Advice("{repeat}", usage=True),
    "preset_unknown": Advice(usage=True),
    "preset_name": Advice("For a preset write --filters {name}.", usage=True),
    "region": Advice(usage=True),
    "scheduler_address": Advice(usage=True),
    "several_layers": Advice(usage=True),
    "skip_existing": Advice("Continue with --skip-existing."),
    "stack": Advice("Stack networks with --then."),
    "subfolders": Advice("Add --recursive to read these."),
    "written_weights": Advice("Choose filters with --only, or print the weights: --values without -o.", usage=True),
    "weights_arch": Advice("Describe the layers in a TOML file, and give it with --arch.", usage=True),
    "weights_layer": Advice("Choose one with --layer; cnnfx show-filters lists them all.", usage=True),
    "terminal": Advice("Give -o FILE, or send the output into a pipe or file.", usage=True),
}
"""The advice for each kind of remedy that an error carries; see `CnnfxError`."""


def advised(error: CnnfxError) -> str:
    """Return the error's message, followed by the option that helps."""
    message = str(error)
    if isinstance(error, UsageError):  # it names its options already, and may end in a command
        return message
    if not message.endswith((".", "?")):
        message += "."
    details = {"option": "-o", "repeat": "Name one at a time.", **error.details}
    return f"{message} {ADVICE.get(error.remedy, Advice()).text.format_map(details)}".rstrip()


def advised_note(note: str) -> str:
    """Return a note of the library, followed by the option that helps."""
    from cnnfx.images.pages import is_pages_note

    return f"{note} Choose another with --page." if is_pages_note(note) else note


def usage_error(error: CnnfxError) -> UsageError:
    """Return an error of the library that the values of options cause as an error of the command line."""
    return UsageError(advised(error))


def exit_code(error: CnnfxError) -> int:
    """Return the exit code of a command that ends with this error."""
    usage = isinstance(error, UsageError) or ADVICE.get(error.remedy, Advice()).usage
    return WRONG_USAGE if usage else FAILURE


@contextmanager
def output_option(name: str) -> Iterator[None]:
    """Name this option, not `-o`, in the advice for errors that are raised inside."""
    try:
        yield
    except CnnfxError as error:
        error.details.setdefault("option", name)
        raise


def report(error: CnnfxError) -> int:
    """Print the error with its advice, and return its exit code."""
    print_error(advised(error))
    return exit_code(error)
