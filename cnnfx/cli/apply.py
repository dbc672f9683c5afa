"""`cnnfx apply`: write the feature maps of images."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli.console import print_json, print_lines, print_message
from cnnfx.cli.options import option

if TYPE_CHECKING:
    from cnnfx.pipeline.outputs import Written
    from cnnfx.pipeline.pipeline import Pipeline
    from cnnfx.pipeline.targets import Target
    from cnnfx.pipeline.tasks import Processor, Result, ShowOutput, Task
    from cnnfx.render.color import ColorScale
    from cnnfx.render.terminal import Terminal

MIN_IMAGES_FOR_WORKERS = 8
"""With fewer images, starting worker processes takes longer than it saves."""
MAX_PREVIEWED_IMAGES = 4
"""With more images there is no preview in the terminal."""

MAX_PREVIEWED_LAYERS = 6
"""With more layers there is no preview in the terminal."""
MAX_PREVIEWED_MAPS = 64
"""With more maps of a layer, the preview shows only those with the strongest response."""
STRONGEST_PREVIEWED = 12
"""The number of maps that the preview shows then."""

Jobs = Annotated[
    int | None,
    option(
        "--jobs -j N",
        "Process N images at a time, each in its own process. By default one per processor for many images.",
        options.IMAGES,
        parsers.whole,
    ),
]
Scheduler = Annotated[
    str | None,
    option(
        "--scheduler tcp://HOST:PORT",
        "Process the images on the workers of this Dask scheduler, which must be trusted: Dask runs what it sends. "
        "tls://HOST:PORT uses the certificates of Dask's configuration.",
        options.IMAGES,
    ),
]
SkipExisting = Annotated[bool, option("--skip-existing", "Skip images whose output exists already.", options.IMAGES)]
Output = Annotated[
    str | None,
    option(
        "--output -o FILE",
        "A picture; .npy or .npz for arrays; .html for an interactive page; a folder/ for one file per "
        "channel; - for standard output. {stem}, {name} (with ending), {ext} and {filters} stand for the names of "
        "image and filters.  [default: {stem}.{filters}.png]",
        options.OUTPUT,
    ),
]
Layer = Annotated[
    str | None,
    option(
        "--layer NAME|N|all",
        "The layer whose output channels are shown, by its name, a unique part of it, or its number; by default the "
        "last. The options for the last layer then apply to this one.",
        options.OUTPUT,
        parsers.layer,
        parsers.complete_layers_or_all,
    ),
]
Only = Annotated[list[str] | None, options.only(heading=options.OUTPUT)]
Columns = Annotated[int | None, option("--columns N", "Maps in each row.", options.PICTURE, parsers.whole)]
Scale = Annotated[
    int | None,
    option("--scale N", "Enlarge N times. By default small maps are enlarged.", options.PICTURE, parsers.whole),
]
Gap = Annotated[int | None, option("--gap N", "Pixels between the maps.", options.PICTURE, parsers.pixels)]
Labels = Annotated[
    bool,
    option("--labels/--no-labels", "Write each channel's name above its map; --no-labels: no text.", options.PICTURE),
]
Legend = Annotated[
    bool, option("--legend/--no-legend", "Write a title and the ranges of the values, with a bar.", options.PICTURE)
]
WithInput = Annotated[bool, option("--with-input", "Draw the input at the left of the maps.", options.PICTURE)]
WithFilters = Annotated[bool, option("--with-filters", "Draw each filter beside the name of its map.", options.PICTURE)]
Overlay = Annotated[
    bool,
    option(
        "--overlay",
        "Draw the maps in color over the dimmed image, and frame the receptive fields of their peaks. Only positive "
        "values are shown.",
        options.PICTURE,
    ),
]
Peaks = Annotated[
    int | None,
    option(
        "--peaks N",
        "Frame up to N peaks of each map, with --overlay. By default up to 5, fewer if there are many maps.",
        options.PICTURE,
        parsers.whole,
    ),
]
Depth = Annotated[
    Literal["8", "16"],
    option(
        "--depth BITS",
        "The bits per pixel of the pictures in a folder, 8 or 16: one for each channel, gray, without text.",
        options.PICTURE,
    ),
]
Preview = Annotated[
    bool,
    option(
        "--preview/--no-preview",
        "Also show the maps in the terminal. $CNNFX_GRAPHICS says how: kitty, iterm2, sixel, none, or auto.",
        options.MESSAGES,
    ),
]
GRID_OPTIONS = (
    "--columns", "--gap", "--labels", "--no-labels", "--legend", "--no-legend", "--with-input", "--with-filters",
)  # fmt: skip
"""The options for maps that are drawn side by side in one picture."""
DEFAULT_SCALE = options.ScaleOptions()


@options.with_option_groups
def apply(
    images: options.Images,
    network_options: options.NetworkOptions,
    image_options: options.ImageOptions,
    pool: options.Pooling = None,
    page: options.Pages = None,
    recursive: options.Recursive = False,
    jobs: Jobs = None,
    threads: options.Threads = None,
    scheduler: Scheduler = None,
    skip_existing: SkipExisting = False,
    output: Output = None,
    format: options.Format = None,
    open: options.Open = False,
    layer: Layer = None,
    only: Only = None,
    scale_options: options.ScaleOptions = DEFAULT_SCALE,
    columns: Columns = None,
    scale: Scale = None,
    gap: Gap = None,
    labels: Labels = True,
    legend: Legend = True,
    with_input: WithInput = False,
    with_filters: WithFilters = False,
    overlay: Overlay = False,
    peaks: Peaks = None,
    depth: Depth = "8",
    preview: Preview = True,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Apply filters to images and write the feature maps.

    The name of the output decides how they are written: as a labeled grid, as
    arrays, as an interactive page, or as one file per channel in a folder.
    Images that fail are reported; the others are still processed.

    \b
      cnnfx apply photo.png --filters edges
      cnnfx apply photo.png -f sobel --normalize absolute -o sobel.jpg
      cnnfx apply photo.png -k '0 -1 0; -1 5 -1; 0 -1 0' --normalize none
      cnnfx apply photo.png -f edges --then box --pool max:2 --layer all
      cnnfx apply photos/ --recursive -f edges -o maps/ --jobs 4
      cat photo.png | cnnfx apply - -f sobel > sobel.png
      cnnfx apply photo.png -f sobel -o maps.npz --json
      cnnfx apply scan.tif -f edges --page all -o pages/
      cnnfx apply photo.png -f edges -o page.html
      cnnfx apply photo.png -f circles --overlay
      cnnfx apply photo.png -f squeezenet --layer fire9 --only top:12
      cnnfx apply photo.png -f weights.pth --layer features.0 --stride 2
    """
    if jobs != 1 and scheduler is None and (jobs or _seem_many(images)):
        from cnnfx.pipeline.processes import start_fork_server

        start_fork_server()  # it loads its modules while this process loads its own
    from cnnfx.cli.conflicts import check_targets, image_files, option_files, print_note_on_shared_folder
    from cnnfx.cli.inputs import check_no_networks, image_sources
    from cnnfx.cli.networks import ALL_LAYERS, note_unused_reading, requested_network, use_threads
    from cnnfx.cli.outputs import image_targets
    from cnnfx.errors import UsageError
    from cnnfx.pipeline.targets import PAGE_FORMATS
    from cnnfx.pipeline.tasks import Processor, Task
    from cnnfx.render.feature_grid import GridOptions
    from cnnfx.system.memory import keep_freed_memory

    color_scale = scale_options.color_scale()
    use_threads(threads)
    check_no_networks(images, network_options)
    if not quiet:
        note_unused_reading(network_options.specs)
    network = requested_network(network_options, pool, layer)
    keep_freed_memory()
    sources = image_sources(images, recursive, page, image_options.max_pixels, quiet)
    default_suffix = ".overlay" if overlay and output is None else ""
    targets = image_targets(sources, output, format, network.name + default_suffix)
    if as_json and any(target.path is None for target in targets):
        raise UsageError("--json and the feature maps cannot both go to standard output. Give -o FILE.")
    if open:
        from cnnfx.cli.viewer import check_can_be_opened

        check_can_be_opened(targets[0])
    if overlay:
        _check_overlay(
            color_scale,
            targets,
            {"--columns": columns, "--gap": gap, "--with-input": with_input, "--with-filters": with_filters},
        )
    if depth != "8":
        _check_depth(color_scale, targets[0])
    if peaks is not None and not overlay:
        raise UsageError("--peaks chooses how many peaks an overlay frames. Give --overlay, too.")
    numbers = tuple(range(1, len(network.layers) + 1)) if layer == ALL_LAYERS else ()  # by default the last
    pipeline = image_options.pipeline(network, numbers)
    if only is not None:
        pipeline = pipeline._replace(only=dict.fromkeys(pipeline.layer_numbers(), ",".join(only)))
        pipeline.channel_names()  # raises an error for channels that do not exist, before any work is done
    inputs = image_files(sources, images), option_files(network_options)
    targets = check_targets(targets, *inputs, channels=_file_channels(pipeline))
    if not quiet:
        print_note_on_shared_folder(images, targets, recursive)
    if targets[0].format in PAGE_FORMATS:
        pipeline = _for_page(pipeline, network_options)
    if not quiet:
        _note_unused(pipeline, targets[0])
    grid_options = GridOptions(color_scale, columns, scale, labels, gap, with_input, with_filters, legend, int(depth))
    overlay_options = None
    if overlay:
        from cnnfx.render.overlay import OverlayOptions

        overlay_options = OverlayOptions(color_scale, peaks, scale, labels, labels and legend)
    processor = Processor(pipeline, grid_options, as_json, skip_existing, overlay_options)
    tasks = [
        Task(source.path, target, source.content, page=source.page)
        for source, target in zip(sources, targets, strict=True)
    ]
    shown = preview and not quiet and not as_json and targets[0].path is not None
    show = _preview(color_scale) if shown and _can_preview(len(tasks)) else None
    code, done = _report(_results(processor, tasks, jobs, scheduler, show), len(tasks), quiet)
    shown_path = None if done is None else targets[done].path
    if open and shown_path is not None:
        from cnnfx.cli.viewer import open_file

        open_file(shown_path)
    if code:
        raise typer.Exit(code)


def _note_unused(pipeline: Pipeline, target: Target) -> None:
    """Print notes on options that have no effect on the maps or on this kind of output."""
    from cnnfx.cli.given import given_options, note_without_effect
    from cnnfx.pipeline.targets import ARRAY_FORMATS

    if border := given_options("--border"):
        layers = [pipeline.network.layers[number - 1] for number in pipeline.layer_numbers()]
        if not any(layer.conv is not None and layer.conv.padding not in ("valid", 0) for layer in layers):
            note_without_effect(border, "without --padding")
    if target.format in ARRAY_FORMATS:
        drawing = given_options(heading=options.PICTURE) + given_options(heading=options.COLORS)
        note_without_effect(drawing, f"on arrays (.{target.format})")
    elif target.folder:
        grid_only = given_options(*GRID_OPTIONS)
        note_without_effect(grid_only, "on a folder, in which each channel is a picture without text")


def _check_depth(color_scale: ColorScale, target: Target) -> None:
    """Check that an output can have 16 bits per pixel: a folder of gray pictures, of a format that has them."""
    from cnnfx.errors import UsageError
    from cnnfx.pipeline.outputs import DEEP_FORMATS

    if not target.folder:
        raise UsageError("--depth 16 writes one picture for each channel. Give a folder: -o maps/.")
    if target.format not in DEEP_FORMATS:
        raise UsageError(
            f"A .{target.format} file has no pixels of 16 bits. Give --format {', '.join(DEEP_FORMATS[:-1])} or "
            f"{DEEP_FORMATS[-1]} with --depth 16."
        )
    if color_scale.colormap != "gray":
        raise UsageError("--depth 16 writes gray pictures. Leave --colormap or --depth out.")


def _check_overlay(color_scale: ColorScale, targets: Sequence[Target], grid_only: Mapping[str, object]) -> None:
    """Check that options fit `--overlay`; `grid_only` are those that only a grid has, with their values."""
    from cnnfx.errors import UsageError
    from cnnfx.pipeline.targets import PICTURE_FORMATS

    target = targets[0]
    if target.folder or target.format not in PICTURE_FORMATS:
        kind = "a folder" if target.folder else f"a .{target.format} file"
        raise UsageError(
            f"--overlay draws one picture for each image, so the output cannot be {kind}. Give -o '{{stem}}.png'."
        )
    given = [name for name, value in grid_only.items() if value is not None and value is not False]
    if color_scale.normalize not in ("auto", "positive"):
        given.append(f"--normalize {color_scale.normalize}")
    if color_scale.colormap != "gray":
        given.append("--colormap")
    if given:
        raise UsageError(
            f"{' and '.join(given)} cannot be combined with --overlay, which draws the positive values of each map "
            "in a color of its own. Leave one of them out."
        )


def _file_channels(pipeline: Pipeline) -> list[str] | None:
    """Return the channels that have files of their own in a folder; None where they depend on the image."""
    from cnnfx.pipeline.targets import layer_label, layer_names

    layers, named = pipeline.network.layers, pipeline.channel_names()
    if named is None:
        return None
    return layer_names([(layer_label(layers[number - 1].name, number), names) for number, names in named])


def _seem_many(images: list[str]) -> bool:
    """Return whether worker processes are likely to be used, before any other module is imported."""
    folders = [name for name in images if os.path.isdir(name)]
    with suppress(OSError):
        return len(images) + sum(len(os.listdir(name)) for name in folders) >= MIN_IMAGES_FOR_WORKERS
    return False


def _for_page(pipeline: Pipeline, options: options.NetworkOptions) -> Pipeline:
    """Return the pipeline for a page: the layers that it shows, on an image that a browser can process."""
    from cnnfx.cli.networks import with_scores
    from cnnfx.render.page import max_image_pixels, shown_layers

    numbers = pipeline.layer_numbers()
    last = max(numbers)
    if not pipeline.only and pipeline.channels != "each":
        pipeline = pipeline._replace(network=with_scores(pipeline.network, options))
    only = {last: pipeline.only[last]} if last in pipeline.only else {}  # the layers above others read all channels
    limit = max_image_pixels(pipeline.network)
    return pipeline._replace(layers=shown_layers(pipeline.network, numbers, bool(only)), only=only, shrink_to=limit)


def _results(
    processor: Processor, tasks: list[Task], jobs: int | None, scheduler: str | None, show: ShowOutput | None
) -> Generator[Result, None, None]:
    """Return the results of a cluster, of worker processes if there are many images, or of this process."""
    from cnnfx.errors import UsageError
    from cnnfx.pipeline.tasks import process_serially
    from cnnfx.system.threads import thread_count

    uses_streams = any(task.target.path is None or task.content is not None for task in tasks)
    if scheduler is not None:
        from cnnfx.pipeline.dask import process_on_cluster

        if uses_streams:
            raise UsageError("A cluster reads and writes files. Name the images and give -o, or leave --scheduler out.")
        return process_on_cluster(processor, tasks, scheduler)
    jobs = jobs or (thread_count() if len(tasks) >= MIN_IMAGES_FOR_WORKERS else 1)
    if jobs == 1 or len(tasks) == 1 or uses_streams:
        return process_serially(processor, tasks, show)
    from cnnfx.pipeline.processes import process_in_workers

    return process_in_workers(processor, tasks, jobs)


def _report(results: Generator[Result, None, None], count: int, quiet: bool) -> tuple[int, int | None]:
    """Print the result of each image.

    Returns
    -------
    exit code : int
        1 if one of several images failed, or that of the only one.
    index : int or None
        That of the first image that did not fail.
    """
    from cnnfx.cli.advice import FAILURE, advised_note, report
    from cnnfx.cli.console import with_progress

    code, done = 0, None
    with closing(results):  # ends worker processes at once, also after an error
        for index, result in enumerate(with_progress(results, count, quiet)):
            for note in () if quiet else result.notes:
                print_message(advised_note(note))
            for description in result.outputs:
                print_json(description)
            if result.error is not None:
                error_code = report(result.error)
                code = error_code if count == 1 else FAILURE
            elif done is None:
                done = index
    return code, done


def _can_preview(count: int) -> bool:
    return count <= MAX_PREVIEWED_IMAGES and sys.stdout.isatty() and sys.stderr.isatty()


def _preview(color_scale: ColorScale) -> ShowOutput:
    """Return a function that shows feature maps in the terminal."""
    from cnnfx.cli.terminal import picture_terminal

    return partial(_show, color_scale=color_scale, terminal=picture_terminal(sys.stderr))


def _show(written: list[Written], color_scale: ColorScale, terminal: Terminal) -> None:
    from cnnfx.render.preview import maps_preview

    layers = {output.layer: output.maps for output in written}
    if len(layers) > MAX_PREVIEWED_LAYERS:
        return
    for number, maps in layers.items():
        heading = f"{maps.network.layer_title(number)}\n" if len(layers) > 1 else ""
        if maps.shape[0] > MAX_PREVIEWED_MAPS:
            heading += f"the {STRONGEST_PREVIEWED} of {maps.shape[0]} maps with the strongest response\n"
            order = sorted(range(maps.shape[0]), key=[-high for _, high in maps.signal_ranges].__getitem__)
            maps = maps.select(order[:STRONGEST_PREVIEWED])
        print_lines(heading + maps_preview(maps, color_scale, terminal))
