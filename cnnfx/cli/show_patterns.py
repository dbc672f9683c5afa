"""`cnnfx show-patterns`: what the filters of a network look for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli import options as learning
from cnnfx.cli.console import put, put_json, tell

if TYPE_CHECKING:
    from cnnfx.features import ImageSource, LayerPatterns, Pattern
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.targets import Target


def show_patterns(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="A model (.npz), a preset's name or a .toml file.",
            show_default=False,
            autocompletion=parsers.complete_filters,
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="DATA",
            help="The images that are looked through: as of cnnfx train, or any folder of pictures. What a model has "
            "learned on, or else MNIST or drawn digits, unless given.",
            show_default=False,
            rich_help_panel=learning.DATA,
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer",
            parser=parsers.layer_or_classes,
            metavar="N|classes",
            help="Whose filters, the first layer being 1, or what tells the classes; the last layer's unless given.",
            show_default=False,
            rich_help_panel=options.FILTERS,
        ),
    ] = None,
    filters: Annotated[
        parsers.Choice | None,
        typer.Option(
            "--filters",
            "-f",
            parser=parsers.choice,
            metavar="LIST",
            help="Which of them, by the names that stand over them: 1,4,7-9 or top,left.  [default: all]",
            show_default=False,
            rich_help_panel=options.FILTERS,
        ),
    ] = None,
    method: Annotated[
        parsers.Methods | None,
        typer.Option(
            "--method",
            parser=parsers.methods,
            metavar="LIST",
            help="What to show: patches, those that excite a filter most; deconvolution, what in them does; "
            "maximization, inputs made to excite it. Several with commas.  [default: all]",
            show_default=False,
            rich_help_panel=options.LOOK,
        ),
    ] = None,
    columns: Annotated[
        int | None,
        typer.Option(
            "--columns",
            parser=parsers.whole,
            metavar="N",
            help="Filters side by side.",
            rich_help_panel=options.LOOK,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write a picture of all; - for one on standard output. Without it the best of each is drawn in the "
            "terminal.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="ENDING",
            help="png, jpg ... where the output's name does not tell.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            parser=parsers.pixels,
            metavar="N",
            help="Of the noise that maximization starts from.  [default: 0]",
            rich_help_panel=options.LOOK,
        ),
    ] = None,
    threads: learning.TrainingThreads = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object per filter on standard output.", rich_help_panel=options.TALK
        ),
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what filters look for.

    For each filter: the nine patches of images that excite it most; what in
    them does, by Zeiler and Fergus's deconvolution; and inputs that climb from
    noise to what excites it at least as much as any patch.

    \b
      cnnfx show-patterns model.npz -o patterns.png
      cnnfx show-patterns model.npz --layer classes -o classes.png
      cnnfx show-patterns model.npz --layer 1 --filters 1,4,7-9
      cnnfx show-patterns sobel --data photos/ --method patches -o sobel.png
      cnnfx show-patterns model.npz --json > patterns.jsonl
    """
    from cnnfx.cli.inputs import checked_target, chosen_filters, gallery_of, network_of
    from cnnfx.cli.networks import use_threads
    from cnnfx.errors import UsageError
    from cnnfx.features.search import METHODS, channel_names, network_up_to

    if as_json and output == "-":
        raise UsageError("--json and the picture cannot both go to standard output. Give -o FILE.")
    use_threads(threads)
    network = network_of(spec)
    target = None if output is None else checked_target(output, format, network.name)
    part = network_up_to(network, layer)
    channels = chosen_filters(filters, channel_names(part), _named(part, layer))
    gallery = gallery_of(network, data, quiet)
    methods = [name for name in METHODS if method is None or name in method]
    found = _found(network, gallery, layer, channels, methods, seed or 0, quiet)
    _tell(found, gallery, quiet)
    if as_json:
        for pattern in found.patterns:
            put_json(_described(network, found, pattern))
    if target is not None:
        _save(target, output or "", found, _title(network, found, gallery), columns)
    elif not as_json:
        put(_drawn(network, found, gallery))
        if not quiet:
            tell("cnnfx: these are the best of each; -o FILE.png draws all.")


def _named(part: Network, layer: str | None) -> str:
    """What the layer is called in messages."""
    return f"the classes of {part.name}" if layer == "classes" else f"layer {len(part.layers)} of {part.name}"


def _found(
    network: Network,
    gallery: ImageSource,
    layer: str | None,
    channels: list[int],
    methods: list[str],
    seed: int,
    quiet: bool,
) -> LayerPatterns:
    from cnnfx.cli.inputs import showing_progress
    from cnnfx.features import find_patterns

    wanted = int(layer) if layer is not None and layer != "classes" else cast(Literal["classes"] | None, layer)
    with showing_progress(quiet) as progress:
        return find_patterns(network, gallery, wanted, channels, methods=methods, seed=seed, progress=progress)


def _tell(found: LayerPatterns, gallery: ImageSource, quiet: bool) -> None:
    """Say what was passed over, and which filters are excited by fewer images than there are patches."""
    from cnnfx.features.search import PATCHES

    for note in gallery.notes:
        tell(f"cnnfx: {note}")
    if quiet:
        return
    if found.images < PATCHES:
        tell(f"cnnfx: {gallery.name}: it holds {_images(found.images)}, so there are fewer than {PATCHES} patches.")
    dead = [pattern.name for pattern in found.patterns if not pattern.patches]
    if dead:
        tell(f"cnnfx: never active in {_images(found.images)} of {gallery.name}: {', '.join(dead)}.")
    most = min(PATCHES, found.images - len(gallery.notes))
    few = [f"{p.name} ({len(p.patches)})" for p in found.patterns if 0 < len(p.patches) < most]
    if few:
        tell(f"cnnfx: active in fewer than {PATCHES} images: {', '.join(few)}.")


def _images(count: int) -> str:
    return f"{count} image{'s' * (count != 1)}"


def _title(network: Network, found: LayerPatterns, gallery: ImageSource) -> str:
    what = "classes" if found.layer == "classes" else f"layer {found.layer}"
    height, width = found.size
    return f"{network.name}, {what}: {width} by {height} pixels each, of {_images(found.images)} of {gallery.name}"


def _save(target: Target, where: str, found: LayerPatterns, title: str, columns: int | None) -> None:
    from cnnfx.pipeline.outputs import write_picture
    from cnnfx.render.features import patterns_picture

    picture = patterns_picture(found, title, columns)
    with target.open() as file:
        write_picture(file, where, picture, target.format)


def _drawn(network: Network, found: LayerPatterns, gallery: ImageSource) -> str:
    import os
    import shutil

    from cnnfx.render.features import best_tiles
    from cnnfx.render.preview import preview
    from cnnfx.render.terminal import color_depth

    depth = color_depth(sys.stdout, os.environ)
    width = shutil.get_terminal_size().columns
    picture = preview(best_tiles(found), width, depth, sys.stdout.encoding, enlarge=2)
    return "\n".join([_title(network, found, gallery), ", ".join(found.methods), picture])


def _described(network: Network, found: LayerPatterns, pattern: Pattern) -> dict[str, object]:
    height, width = found.size
    return {
        "network": network.name,
        "layer": found.layer,
        "filter": pattern.name,
        "channel": pattern.number,
        "receptive_field": {"height": height, "width": width},
        "images": found.images,
        "active": bool(pattern.patches),
        "patches": [
            {
                "activation": patch.activation,
                "image": patch.image,
                "position": {"row": patch.row, "column": patch.column},
                "box": patch.box._asdict(),
            }
            for patch in pattern.patches
        ],
        "maximization": [{"seed": one.start, "activation": one.activation} for one in pattern.maximized],
    }
