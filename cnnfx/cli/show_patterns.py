"""`cnnfx show-patterns`: the image patches and inputs with the highest activation of each filter."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli.console import in_lines, print_error, print_json, print_message, print_result_lines
from cnnfx.cli.options import option
from cnnfx.system.text import printable

if TYPE_CHECKING:
    from cnnfx.features import ImageSource, LayerPatterns, Pattern
    from cnnfx.features.search import Choice
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.targets import Target


Spec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        help=f"{options.NETWORK_FILES}.",
        autocompletion=parsers.complete_filters,
    ),
]
Data = Annotated[
    str | None,
    option(
        "--data DATA",
        "The images to search: a data set as for cnnfx train, or any folder of pictures. By default the "
        "training images of a model, otherwise MNIST or drawn digits. Networks of color images need a folder, but "
        "none for --method maximization.",
        options.DATA,
    ),
]
Layer = Annotated[
    str | None,
    option(
        "--layer NAME|N|classes",
        "The layer whose filters are shown, by name or number, or the classes. By default the last layer that "
        "makes maps.",
        options.FILTERS,
        parsers.layer,
        parsers.complete_layers,
    ),
]
Only = Annotated[list[str] | None, options.only("-f --filters --only LIST", options.FILTERS)]
Method = Annotated[
    parsers.Methods | None,
    option(
        "--method LIST",
        "What to show: patches, the nine with the highest activation; deconvolution of these; maximization, "
        "inputs that maximize the activation. Several are separated by commas.  [default: all]",
        options.PICTURE,
        parsers.methods,
    ),
]
Columns = Annotated[int | None, option("--columns N", "Filters in each row.", options.PICTURE, parsers.whole)]
Colormap = Annotated[options.Colormap, options.colormap("the deconvolutions of gray images", options.PICTURE)]
Output = Annotated[
    str | None,
    option(
        "--output -o FILE",
        "Write a picture; - for standard output. By default the best pattern of each filter is drawn in the terminal.",
        options.OUTPUT,
    ),
]
Format = Annotated[
    str | None,
    option("--format ENDING", "The format, such as png or jpg, if the output's name has no ending.", options.OUTPUT),
]
Seed = Annotated[
    int | None,
    option(
        "--seed N",
        "The seed of the noise that maximization starts from.  [default: 0]",
        options.PICTURE,
        parsers.pixels,
    ),
]
Threads = Annotated[int | None, option("--threads N", options.THREADS, options.DATA, parsers.whole)]
Json = Annotated[bool, option("--json", "Print one JSON object per filter on standard output.", options.MESSAGES)]


def show_patterns(
    spec: Spec = options.DEFAULT_MODEL,
    order: options.Order = None,
    arch: options.Arch = None,
    data: Data = None,
    background: options.DataBackground = None,
    skip_bad: options.SkipBad = False,
    layer: Layer = None,
    only: Only = None,
    method: Method = None,
    columns: Columns = None,
    colormap: Colormap = "gray",
    output: Output = None,
    format: Format = None,
    open: options.Open = False,
    seed: Seed = None,
    threads: Threads = None,
    as_json: Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what filters respond to.

    For each filter: the nine image patches with the highest activation; their
    deconvolution after Zeiler and Fergus; and activation maximization, which
    changes noise so that the activation grows, within the norm of patches.

    \b
      cnnfx show-patterns -o patterns.png
      cnnfx show-patterns small.npz --layer classes -o classes.png
      cnnfx show-patterns model.npz --layer 1 --only 1,4,7-9
      cnnfx show-patterns sobel --data photos/ --method patches -o sobel.png
      cnnfx show-patterns squeezenet --layer fire5 --only top:16 --data photos/
      cnnfx show-patterns model.npz --json > patterns.jsonl
    """
    from cnnfx.cli.conflicts import arch_path, check_targets, data_files, network_files
    from cnnfx.cli.inputs import InputImage, load_image_source
    from cnnfx.cli.networks import load_named_network, note_unused_reading, use_threads
    from cnnfx.cli.outputs import picture_target, print_escapes
    from cnnfx.errors import UsageError
    from cnnfx.features.search import CLASSES, METHODS, network_up_to
    from cnnfx.formats.reading import Reading
    from cnnfx.nn.selection import ALL
    from cnnfx.pipeline.patterns import choose_channels, patterns_title
    from cnnfx.pipeline.targets import STDOUT_NAMES
    from cnnfx.system.files import check_writable

    if as_json and output in STDOUT_NAMES:
        raise UsageError("--json and the picture cannot both go to standard output. Give -o FILE.")
    if not quiet:
        _note_unused(output is None, as_json, method)
        note_unused_reading([spec])
    use_threads(threads)
    network = load_named_network(spec, Reading(None if layer == CLASSES else layer, order, arch))
    target = None
    if output is not None:
        advice = "Patterns are written to one picture: give -o patterns.png."
        target = picture_target(InputImage(network.name), output, format, advice)
        if target.path is not None:
            check_writable(target.path)
    networks = network_files("SPEC", spec), network_files("--arch", arch_path(arch))
    data_inputs = data_files(data, str(network.meta.get("dataset", "")))
    check_targets([] if target is None else [target], *networks, data_inputs)
    if open:
        from cnnfx.cli.viewer import check_can_be_opened, open_file

        check_can_be_opened(target)
    part = network_up_to(network, layer)
    owner = f"the classes of {part.name}" if layer == CLASSES else part.layer_owner()
    channels = choose_channels(part, ",".join(only or [ALL]), owner)
    methods = [name for name in METHODS if method is None or name in method]
    images = load_image_source(network, data, layer, methods, quiet, background=background, skip_bad=skip_bad)
    found = _search(network, images, layer, channels, methods, seed or 0, quiet)
    if images is not None:
        _print_notes(found, images, quiet)
    if as_json:
        for pattern in found.patterns:
            print_json(_described(network, found, pattern, images))
    if target is not None:
        title = patterns_title(network, found, images)
        _save(target, found, title, columns, colormap, quiet)
        if not quiet:
            print_escapes(target.name, [title, *(pattern.name for pattern in found.patterns)])
        if open and target.path is not None:
            open_file(target.path)
    elif not as_json:
        print_result_lines(_picture_text(network, found, images, colormap))
        if not quiet:
            print_error("the best pattern of each filter is shown; -o FILE.png draws all.")


def _note_unused(no_picture: bool, as_json: bool, method: Sequence[str] | None) -> None:
    from cnnfx.cli.given import given_options, note_without_effect

    if no_picture:
        note_without_effect(given_options("--columns", *(["--colormap"] if as_json else [])), "without -o")
    if method is not None and "maximization" not in method:
        note_without_effect(given_options("--seed"), "without the method maximization")


def _search(
    network: Network,
    images: ImageSource | None,
    layer: str | None,
    channels: Sequence[int] | Choice,
    methods: Sequence[str],
    seed: int,
    quiet: bool,
) -> LayerPatterns:
    from cnnfx.cli.console import data_progress
    from cnnfx.features import find_patterns

    with data_progress(quiet) as progress:
        return find_patterns(network, images, layer, channels, methods=methods, seed=seed, progress=progress)


def _print_notes(found: LayerPatterns, images: ImageSource, quiet: bool) -> None:
    """Print which images were skipped, and which filters are active in fewer images than there are patches."""
    from cnnfx.features.search import PATCHES
    from cnnfx.system.sizes import counted

    for note in images.notes:
        print_error(note)
    if quiet:
        return
    searched = counted(found.images, "image")
    if found.images < PATCHES:
        print_error(f"{images.name}: it contains {searched}, so there are fewer than {PATCHES} patches.")
    dead = [pattern.name for pattern in found.patterns if not pattern.patches]
    if dead:
        print_error(f"never active in {searched} of {images.name}: {', '.join(dead)}.")
    complete = min(PATCHES, len(images) - images.unread)
    few = [f"{p.name} ({len(p.patches)})" for p in found.patterns if 0 < len(p.patches) < complete]
    if few:
        print_error(f"active in fewer than {PATCHES} images: {', '.join(few)}.")


def _save(target: Target, found: LayerPatterns, title: str, columns: int | None, colormap: str, quiet: bool) -> None:
    from cnnfx.cli.outputs import written_text
    from cnnfx.pipeline.outputs import write_picture
    from cnnfx.render.features import patterns_picture
    from cnnfx.system.sizes import counted

    picture = patterns_picture(found, title, columns, colormap)
    with target.open() as file:
        write_picture(file, target.name, picture, target.format)
    if target.path is not None and not quiet:
        filters = counted(len(found.patterns), "filter")
        print_message(written_text(target.name, f"the patterns of {filters}", picture))


def _picture_text(network: Network, found: LayerPatterns, images: ImageSource | None, colormap: str) -> str:
    from cnnfx.cli.terminal import picture_terminal
    from cnnfx.pipeline.patterns import patterns_title
    from cnnfx.render.features import best_tiles
    from cnnfx.render.preview import pictures_preview

    picture = pictures_preview(best_tiles(found, colormap), picture_terminal(sys.stdout), scale=2)
    title = f"{printable(patterns_title(network, found, images))}\n{', '.join(found.methods)}"
    return f"{in_lines(title, sys.stdout)}\n{picture}"


def _described(
    network: Network, found: LayerPatterns, pattern: Pattern, images: ImageSource | None
) -> dict[str, object]:
    height, width = found.size
    return {
        "network": network.name,
        "layer": found.layer,
        **({"layer_name": found.layer_name} if found.layer_name else {}),
        "filter": pattern.name,
        "channel": pattern.number,
        "receptive_field": {"width": width, "height": height},
        "images": found.images,
        "active": pattern.is_active,
        "patches": [
            {
                "activation": patch.activation,
                "image": patch.image,
                "at": [patch.column, patch.row],
                "box": patch.box._asdict(),
            }
            for patch in pattern.patches
        ],
        "maximization": [{"seed": one.start, "activation": one.activation} for one in pattern.maximized],
        "skipped": 0 if images is None else images.skipped,
        "notes": [] if images is None else list(images.notes),
    }
