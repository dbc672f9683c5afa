"""`cnnfx apply`: images through a network, to grids of feature maps."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from cnnfx.cli import options
from cnnfx.cli.printing import put_json, tell

if TYPE_CHECKING:
    from cnnfx.cli.targets import Source
    from cnnfx.network import Network
    from cnnfx.outputs import Target, Written
    from cnnfx.pipeline import Layout, Pipeline


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

    They are written as a labelled grid, or as numbers, or one by one into a
    folder; the name of the output decides.

    \b
      cnnfx apply photo.png --filters edges
      cnnfx apply photo.png -f sobel --normalize absolute -o sobel.jpg
      cnnfx apply photo.png -k '0 -1 0; -1 5 -1; 0 -1 0' --normalize none
      cnnfx apply photo.png -f edges --then box --pool max:2 --layer all
      cnnfx apply photos/ --recursive -f edges -o maps/
      cat photo.png | cnnfx apply - -f sobel > sobel.png
      cnnfx apply photo.png -f sobel -o maps.npz --json
    """
    from cnnfx.cli.networks import Settings, build
    from cnnfx.cli.sources import find_sources
    from cnnfx.cli.targets import targets
    from cnnfx.errors import UsageError
    from cnnfx.images import MAX_PIXELS
    from cnnfx.pipeline import Layout, Pipeline
    from cnnfx.render.channels import Look

    if not filters and not kernel:
        raise UsageError("Say which filters to use, such as -f edges; cnnfx list-filters shows what there is.")
    settings = Settings(stride, dilation, padding, border, activation, pool, flip)
    network = build(filters or [], kernel or [], then or [], settings)
    work = Pipeline(network, _layers(network, layer), channels, background, max_pixels or MAX_PIXELS)
    layout = Layout(Look(normalize, scope, colormap), columns, scale, labels, gap, with_input, with_filters)
    sources = find_sources(images, recursive)
    goals = targets(sources, output, format, network.name)
    if as_json and any(goal.path is None for goal in goals):
        raise UsageError("--json and the feature maps cannot both go to standard output. Give -o FILE.")
    _Run(work, layout, as_json, quiet, preview).all(sources, goals)


def _layers(network: Network, layer: str | None) -> tuple[int, ...]:
    """The numbers of the layers that `--layer` asks for; none for the last."""
    from cnnfx.errors import UsageError

    count = len(network.layers)
    if layer is None:
        return ()
    if layer == "all":
        return tuple(range(1, count + 1))
    if int(layer) > count:
        raise UsageError(f"There is no layer {layer}: {network.name} has {count} layer{'s' * (count > 1)}.")
    return (int(layer),)


class _Run:
    """One call of the command: images one by one, and what is said of each."""

    def __init__(self, work: Pipeline, layout: Layout, as_json: bool, quiet: bool, preview: bool) -> None:
        self.work, self.layout, self.as_json, self.quiet = work, layout, as_json, quiet
        self.preview = preview and not quiet and sys.stdout.isatty() and sys.stderr.isatty()

    def all(self, sources: list[Source], goals: list[Target]) -> None:
        from cnnfx.cli.boundary import complain
        from cnnfx.cli.progress import MANY, tracked
        from cnnfx.errors import CnnfxError

        self.preview = self.preview and len(sources) < MANY
        failed: CnnfxError | None = None
        for source, goal in tracked(list(zip(sources, goals, strict=True)), self.quiet):
            try:
                self.one(source, goal)
            except CnnfxError as error:
                complain(str(error))
                failed = error
        if failed is not None:
            raise typer.Exit(failed.exit_code if len(sources) == 1 else 1)

    def one(self, source: Source, goal: Target) -> None:
        from cnnfx.cli.sources import content
        from cnnfx.outputs import write

        image = self.work.load(content(source.path))
        self.say(*image.notes)
        written = write(goal, image, self.work.maps(image), self.layout)
        if self.as_json:
            for output in written:
                put_json(_described(source.path, output))
        elif goal.path is not None:
            self.report(written)

    def report(self, written: list[Written]) -> None:
        if self.preview:
            self.show(written)
        outputs = dict.fromkeys(output.output for output in written)
        layers = {output.layer: output.maps for output in written}
        where = written[0].output if len(outputs) == 1 else f"{len(outputs)} files, {written[0].output} the first"
        self.say(f"{where}: {', '.join(_size(*maps.shape) for maps in layers.values())}")

    def show(self, written: list[Written]) -> None:
        import os
        import shutil

        from cnnfx.render.channels import map_tiles
        from cnnfx.render.preview import preview
        from cnnfx.render.terminal import color_depth

        depth, width = color_depth(sys.stderr, os.environ), shutil.get_terminal_size().columns
        for maps in {output.layer: output.maps for output in written}.values():
            self.say(preview(map_tiles(maps, self.layout.look), width, depth, sys.stderr.encoding))

    def say(self, *lines: str) -> None:
        if not self.quiet:
            for line in lines:
                tell(line)


def _size(channels: int, height: int, width: int) -> str:
    return f"{channels} channel{'s' * (channels > 1)} of {width}×{height}"


def _described(source: str, written: Written) -> dict[str, object]:
    maps = written.maps
    channels = []
    for index in written.channels:
        values = maps.statistics[index]
        low, high = values.range if values.count else (None, None)
        channels.append(
            {
                "name": maps.names[index],
                "shape": list(maps.shape[1:]),
                "min": low,
                "max": high,
                "mean": values.mean,
                "peak": values.peak and list(values.peak),
                "nonfinite": values.nonfinite,
            }
        )
    return {"input": source, "output": written.output, "layer": written.layer, "channels": channels}
