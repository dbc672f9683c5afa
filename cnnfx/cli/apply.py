"""`cnnfx apply`: images through a network, to grids of feature maps."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

import typer

from cnnfx.cli import options
from cnnfx.cli.console import put_json, tell

if TYPE_CHECKING:
    from cnnfx.cli.networks import Settings
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.outputs import Written
    from cnnfx.pipeline.pipeline import Pipeline
    from cnnfx.pipeline.tasks import Outcome, Recipe, Show, Task
    from cnnfx.render.color import ColorScale

WORTH_PROCESSES = 8
"""From so many images on, starting worker processes pays."""


def apply(
    images: options.Images,
    filters: options.Filters = None,
    kernel: options.Kernels = None,
    then: options.Then = None,
    stride: options.Stride = None,
    dilation: options.Dilation = None,
    padding: options.Padding = None,
    border: options.Border = None,
    activation: options.ActivationOption = None,
    pool: options.Pooling = None,
    flip: options.Flip = False,
    channels: options.ChannelsOption = "auto",
    background: options.Background = "white",
    max_pixels: options.MaxPixels = None,
    recursive: options.Recursive = False,
    jobs: options.Jobs = None,
    threads: options.Threads = None,
    scheduler: options.Scheduler = None,
    skip_existing: options.SkipExisting = False,
    output: options.Output = None,
    format: options.Format = None,
    layer: options.OneLayer = None,
    normalize: options.NormalizeOption = "signed",
    scope: options.ScopeOption = "channel",
    colormap: options.ColormapOption = "gray",
    columns: options.Columns = None,
    scale: options.Scale = None,
    gap: options.Gap = None,
    labels: options.Labels = True,
    with_input: options.WithInput = False,
    with_filters: options.WithFilters = False,
    preview: options.Preview = True,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Slide filters over images and write the feature maps.

    They are written as a labeled grid, as numbers, as a page to explore in a
    browser, or one by one into a folder; the name of the output decides.

    \b
      cnnfx apply photo.png --filters edges
      cnnfx apply photo.png -f sobel --normalize absolute -o sobel.jpg
      cnnfx apply photo.png -k '0 -1 0; -1 5 -1; 0 -1 0' --normalize none
      cnnfx apply photo.png -f edges --then box --pool max:2 --layer all
      cnnfx apply photos/ --recursive -f edges -o maps/ --jobs 4
      cat photo.png | cnnfx apply - -f sobel > sobel.png
      cnnfx apply photo.png -f sobel -o maps.npz --json
      cnnfx apply photo.png -f edges -o page.html
    """
    if jobs != 1 and scheduler is None and (jobs or _seem_many(images)):
        from cnnfx.pipeline.processes import prepare

        prepare()  # it loads its modules while this process does
    from cnnfx.cli.console import MANY
    from cnnfx.cli.inputs import content, find_sources
    from cnnfx.cli.networks import Settings, use_threads
    from cnnfx.errors import UsageError
    from cnnfx.images import MAX_PIXELS
    from cnnfx.pipeline.pipeline import Pipeline
    from cnnfx.pipeline.targets import PAGES, targets
    from cnnfx.pipeline.tasks import Recipe, Task
    from cnnfx.render.color import ColorScale
    from cnnfx.render.feature_grid import GridOptions
    from cnnfx.system.memory import keep_freed_memory

    if not filters and not kernel:
        raise UsageError("Say which filters to use, such as -f edges; cnnfx list-filters shows what there is.")
    use_threads(threads)
    keep_freed_memory()
    settings = Settings(stride, dilation, padding, border, activation, pool, flip)
    network = _network(filters or [], kernel or [], then or [], settings, layer)
    grid_options = GridOptions(
        ColorScale(normalize, scope, colormap), columns, scale, labels, gap, with_input, with_filters
    )
    sources = find_sources(images, recursive)
    goals = targets(sources, output, format, network.name)
    work = Pipeline(network, _layers(network, layer), channels, background, max_pixels or MAX_PIXELS)
    if goals[0].format in PAGES:
        work = _for_a_page(work)
    if as_json and any(goal.path is None for goal in goals):
        raise UsageError("--json and the feature maps cannot both go to standard output. Give -o FILE.")
    recipe = Recipe(work, grid_options, as_json, skip_existing)
    tasks = [Task(source.path, goal, content(source.path)) for source, goal in zip(sources, goals, strict=True)]
    seen = preview and not quiet and not as_json and len(tasks) < MANY and sys.stdout.isatty() and sys.stderr.isatty()
    show = partial(_show, color_scale=grid_options.color_scale) if seen and goals[0].path is not None else None
    _report(_outcomes(recipe, tasks, jobs, scheduler, show), len(tasks), quiet)


def _seem_many(images: list[str]) -> bool:
    """Whether worker processes will be wanted, as far as is known before anything is loaded."""
    import os

    folders = [name for name in images if os.path.isdir(name)]
    with suppress(OSError):
        return len(images) + sum(len(os.listdir(name)) for name in folders) >= WORTH_PROCESSES
    return False


def _outcomes(
    recipe: Recipe, tasks: list[Task], jobs: int | None, scheduler: str | None, show: Show | None
) -> Generator[Outcome, None, None]:
    """The tasks' outcomes: from a cluster, from worker processes if there are many images, or from here."""
    from cnnfx.conv import thread_count
    from cnnfx.errors import UsageError
    from cnnfx.pipeline.tasks import in_turn

    streams = any(task.goal.path is None or task.content is not None for task in tasks)
    if scheduler is not None:
        from cnnfx.pipeline.dask import on_cluster

        if streams:
            raise UsageError("A cluster reads and writes files. Name the images and give -o, or leave --scheduler out.")
        return on_cluster(recipe, tasks, scheduler)
    jobs = jobs or (thread_count() if len(tasks) >= WORTH_PROCESSES else 1)
    if jobs == 1 or len(tasks) == 1 or streams:
        return in_turn(recipe, tasks, show)
    from cnnfx.pipeline.processes import in_processes

    return in_processes(recipe, tasks, jobs)


def _network(filters: list[str], kernels: list[str], then: list[str], settings: Settings, layer: str | None) -> Network:
    """The network; where a layer is shown that is not its last, it ends there, and the settings hold for that one."""
    from cnnfx.cli.networks import build_upto

    number = None if layer in (None, "all") else int(layer)
    return build_upto(number, filters, kernels, then, settings)


def _layers(network: Network, layer: str | None) -> tuple[int, ...]:
    """The numbers of the layers that `--layer` asks for; none for the last."""
    if layer is None:
        return ()
    return tuple(range(1, len(network.layers) + 1)) if layer == "all" else (int(layer),)


def _for_a_page(work: Pipeline) -> Pipeline:
    """A page shows every layer up to the wanted one, in a size that a browser can compute."""
    from cnnfx.render.page import max_image_pixels

    last = max(work.layers, default=len(work.network.layers))
    layers = tuple(range(1, last + 1))
    return work._replace(layers=layers, reduce_to=max_image_pixels(work.network))


def _report(outcomes: Generator[Outcome, None, None], count: int, quiet: bool) -> None:
    """Tell what came of each image; the exit code is 1 if one of several failed, else that of its error."""
    from cnnfx.cli.advice import advised, exit_code
    from cnnfx.cli.console import complain, tracked

    failed = 0
    with closing(outcomes):  # at once, whatever happens: worker processes end with it
        for outcome in tracked(outcomes, count, quiet):
            for line in () if quiet else outcome.talk:
                tell(line)
            for result in outcome.results:
                put_json(result)
            if outcome.error is not None:
                complain(advised(outcome.error))
                failed = exit_code(outcome.error) if count == 1 else 1
    if failed:
        raise typer.Exit(failed)


def _show(written: list[Written], color_scale: ColorScale) -> None:
    """Show feature maps in the terminal."""
    import os
    import shutil

    from cnnfx.render.feature_grid import map_tiles
    from cnnfx.render.preview import preview
    from cnnfx.render.terminal import color_depth

    depth, width = color_depth(sys.stderr, os.environ), shutil.get_terminal_size().columns
    for maps in {output.layer: output.maps for output in written}.values():
        tell(preview(map_tiles(maps, color_scale), width, depth, sys.stderr.encoding))
