"""`cnnfx explain`: the arithmetic of one output pixel."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli.console import put, put_json, tell

if TYPE_CHECKING:
    from cnnfx.images import Image
    from cnnfx.nn.feature_maps import FeatureMaps
    from cnnfx.nn.trace import Explanation, Patch, Point, Sum
    from cnnfx.pipeline.pipeline import Pipeline


def described(maps: FeatureMaps, image: str, explanation: Explanation) -> dict[str, Any]:
    """One output of the last layer of `maps`, and what it was made from."""
    from cnnfx.nn.receptive_field import receptive_field

    network, (_, height, width) = maps.network, maps.sizes[0]
    box = receptive_field(network, maps.sizes[0]).box(explanation.row, explanation.column)
    return {
        "image": image,
        "size": [width, height],
        "network": network.name,
        "normalization": {"mean": network.mean, "std": network.std},
        "map": [maps.shape[2], maps.shape[1]],
        "receptive_field": {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom},
        **_output(explanation),
    }


def _output(explanation: Explanation) -> dict[str, Any]:
    pool, below = explanation.pool, explanation.contributions
    told: dict[str, Any] = {
        "layer": explanation.layer,
        "filter": explanation.channel,
        "at": [explanation.column, explanation.row],
        "points": [_point(point) for point in explanation.points],
        "pool": pool and {"kind": pool.kind, "size": pool.size},
        "shown": explanation.shown,
        "value": _number(explanation.value),
    }
    if below is not None:
        told["contributions"] = [
            {"adds": _numbers(found.amounts), "output": _output(found.explanation)} for found in below
        ]
        told["others"] = {"count": explanation.others, "add": _numbers(explanation.other_amounts)}
    return told


def _point(point: Point) -> dict[str, Any]:
    patch = point.patch
    return {
        "at": [patch.column, patch.row],
        "columns": patch.columns.tolist(),
        "rows": patch.rows.tolist(),
        "border": patch.border,
        "sums": [_sum(found, patch) for found in point.sums],
        "combination": point.combination,
        "combined": _number(point.combined),
        "activation": point.activation,
        "value": _number(point.value),
    }


def _sum(found: Sum, patch: Patch) -> dict[str, Any]:
    return {
        "filter": found.filter,
        "inputs": [
            {
                "channel": term.channel,
                "patch": _matrix(term.patch.tolist()),
                "padding": patch.padding.tolist(),
                "weights": _matrix(term.weights.tolist()),
                "products": _matrix(term.products.tolist()),
                "sum": _number(term.sum),
            }
            for term in found.terms
        ],
        "sum": _number(found.total),
        "bias": found.bias,
        "value": _number(found.value),
    }


def _matrix(rows: Iterable[Iterable[float]]) -> list[list[float | None]]:
    return [_numbers(row) for row in rows]


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


MANY, SOME = 9, 4
"""So many output channels are all explained in text; of more, this many of the largest outputs."""
PIXEL = "The pixel"


def explain(
    image: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE",
            help="A picture, an array (.npy, .npz, .csv), or - for standard input.",
            show_default=False,
        ),
    ],
    at: Annotated[
        parsers.Spot,
        typer.Option(
            "--at",
            parser=parsers.spot,
            metavar="X,Y",
            help="The position in the feature maps, after pooling: 0,0 is at the top left.",
            rich_help_panel=PIXEL,
        ),
    ],
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
    layer: Annotated[
        int | None,
        typer.Option(
            "--layer",
            parser=parsers.whole,
            metavar="N",
            help="Whose outputs to explain, the first layer's being 1; the last one's unless given.",
            show_default=False,
            rich_help_panel=PIXEL,
        ),
    ] = None,
    filter: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="NAME",
            help="The output channel to explain; all unless given. Can be repeated.",
            autocompletion=parsers.complete_channels,
            rich_help_panel=PIXEL,
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth",
            parser=parsers.whole,
            metavar="N",
            help="Explain N layers down: 2 also shows how the numbers that add most came about in the layer below."
            "  [default: 1]",
            show_default=False,
            rich_help_panel=PIXEL,
        ),
    ] = None,
    channels: options.ChannelsOption = "auto",
    background: options.Background = "white",
    max_pixels: options.MaxPixels = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print all numbers: one JSON object per filter.", rich_help_panel=options.TALK),
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Show the arithmetic of one output pixel.

    The patch that the filters stand on, times the weights, summed; bias,
    activation and pooling. Numbers are rounded, sums are not made of rounded
    numbers; --json has all digits.

    \b
      cnnfx explain photo.png --filters edges --at 12,5
      cnnfx explain photo.png -f sobel --filter magnitude --at 40,60
      cnnfx explain seven.png -f model.npz --layer 2 --at 3,3 --depth 2
      cat photo.png | cnnfx explain - -k '0 -1 0; -1 5 -1; 0 -1 0' --at 0,0
      cnnfx explain photo.png -f edges --pool max:2 --at 6,2 --json
    """
    from cnnfx.cli.networks import Settings, build_upto
    from cnnfx.errors import UsageError
    from cnnfx.images import MAX_PIXELS
    from cnnfx.pipeline.pipeline import Pipeline

    if len(image) > 1:
        raise UsageError(f"One image is explained at a time, {len(image)} are given: {', '.join(image)}.")
    if not filters and not kernel:
        raise UsageError("Say which filters to use, such as -f edges; cnnfx list-filters shows what there is.")
    settings = Settings(stride, dilation, padding, border, activation, pool, flip)
    network = build_upto(layer, filters or [], kernel or [], then or [], settings)
    number = len(network.layers)
    loaded, maps = _open(Pipeline(network, (number,), channels, background, max_pixels or MAX_PIXELS), image[0], quiet)
    chosen = _chosen(maps, filter or [], at, as_json, quiet)
    _show(loaded, maps, chosen, at, depth or 1, as_json)


def _open(work: Pipeline, name: str, quiet: bool) -> tuple[Image, FeatureMaps]:
    """The image and the maps of the layer that is explained, none of them computed yet."""
    from cnnfx.cli.inputs import content

    given = content(name)
    image = work.load(name if given is None else given)
    for note in () if quiet else image.notes:
        tell(note)
    ((_, maps),) = work.maps(image)
    return image, maps


def _chosen(maps: FeatureMaps, names: Sequence[str], at: parsers.Spot, as_json: bool, quiet: bool) -> list[int]:
    """The numbers of the output channels to explain: those named, or all, or those of the largest outputs."""
    import numpy as np

    from cnnfx.nn.trace import values_at

    if names:
        return [_channel(maps, name) for name in dict.fromkeys(names)]
    count = maps.shape[0]
    if as_json or count <= MANY or not (at.y < maps.shape[1] and at.x < maps.shape[2]):
        return list(range(count))
    outputs = values_at(maps, len(maps.network.layers), np.array([at.y]), np.array([at.x])).ravel()
    if not quiet:
        tell(
            f"There are {count} output channels; shown are the {SOME} of the largest outputs here. "
            "Name others with --filter, or get all with --json."
        )
    sizes = np.nan_to_num(np.abs(outputs), nan=np.inf)
    return sorted(np.argsort(-sizes, kind="stable")[:SOME].tolist())


def _channel(maps: FeatureMaps, name: str) -> int:
    """The number of the output channel of this name."""
    from difflib import get_close_matches

    from cnnfx.errors import UsageError

    if name in maps.names:
        return maps.names.index(name)
    near = get_close_matches(name, maps.names, 3)
    known = f"Did you mean {' or '.join(near)}?" if near else f"Its channels are {_listed(maps.names)}."
    raise UsageError(f"There is no output channel {name!r} in layer {len(maps.network.layers)}. {known}")


def _listed(names: Sequence[str], most: int = 12) -> str:
    """The names, or the first of many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _show(image: Image, maps: FeatureMaps, chosen: list[int], at: parsers.Spot, depth: int, as_json: bool) -> None:
    """Print the explanations of the chosen output channels."""
    from cnnfx.errors import ArgumentError, UsageError
    from cnnfx.nn.trace import explain

    try:
        found = explain(maps, image.channel_names, at.y, at.x, chosen, depth)
    except ArgumentError as error:
        raise UsageError(str(error)) from error
    if as_json:
        for explanation in found:
            put_json(described(maps, image.name, explanation))
        return
    import os
    import shutil

    from cnnfx.render.explanation import ExplanationWriter, introduction
    from cnnfx.render.terminal import color_depth

    colors = color_depth(sys.stdout, os.environ)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    normalized = maps.network.mean, maps.network.std
    writer = ExplanationWriter(width, colors, sys.stdout.encoding, *normalized, brightness=not image.is_array)
    lines = [line for text in introduction(maps, image.name, at.y, at.x) for line in writer.wrapped(text)]
    for explanation in found:
        lines += ["", *writer.lines(explanation)]
    put("\n".join(lines))
