"""`cnnfx explain`: the arithmetic of one output pixel."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli.console import print_json, print_message, print_result_lines, text_width
from cnnfx.cli.options import option

if TYPE_CHECKING:
    from cnnfx.cli.inputs import InputImage
    from cnnfx.images import Image
    from cnnfx.nn.explanation import Contribution, Explanation, Patch, Point, Read, Sum
    from cnnfx.nn.feature_maps import FeatureMaps
    from cnnfx.nn.input import Input
    from cnnfx.pipeline.pipeline import Pipeline

MAX_EXPLAINED_CHANNELS = 9
"""With more output channels, the text explains only those with the largest outputs."""
EXPLAINED_OF_MANY = 4
"""The number of output channels that the text explains then."""
PIXEL = "The pixel"
"""A heading of the help."""


ImageOption = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE",
        help="A picture, an array (.npy, .npz, .csv), or - for standard input.",
        show_default=False,
    ),
]
At = Annotated[
    parsers.Position | None,
    option(
        "--at X,Y",
        "The position in the feature maps, after pooling: 0,0 is at the top left. By default the strongest position "
        "of the first channel.",
        PIXEL,
        parsers.position,
    ),
]
Layer = Annotated[
    str | None,
    option(
        "--layer NAME|N",
        "The layer whose outputs are explained, by its name, a unique part of it, or its number; by default the last.",
        PIXEL,
        parsers.layer,
        parsers.complete_layers,
    ),
]
Only = Annotated[list[str] | None, options.only("--filter --only LIST", PIXEL)]
Depth = Annotated[
    int | None,
    option(
        "--depth N",
        "Explain N layers: 2 also explains the largest contributions of the layers below.  [default: 1]",
        PIXEL,
        parsers.whole,
    ),
]
Colormap = Annotated[
    options.Colormap, options.colormap("the patches, which terminals with colors show", options.MESSAGES)
]
Json = Annotated[bool, option("--json", "Print all numbers: one JSON object per filter.", options.MESSAGES)]


@options.with_option_groups
def explain(
    image: ImageOption,
    network_options: options.NetworkOptions,
    image_options: options.ImageOptions,
    page: options.Page = None,
    at: At = None,
    pool: options.Pooling = None,
    layer: Layer = None,
    only: Only = None,
    depth: Depth = None,
    threads: options.Threads = None,
    colormap: Colormap = "gray",
    as_json: Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show the arithmetic of one output pixel.

    The patch below the filters times the weights, summed; then bias,
    activation and pooling. Numbers are rounded for display only; --json has
    all digits.

    \b
      cnnfx explain photo.png --filters edges --at 12,5
      cnnfx explain photo.png -f sobel --only magnitude
      cnnfx explain seven.png -f model.npz --layer 2 --at 3,3 --depth 2
      cat photo.png | cnnfx explain - -k '0 -1 0; -1 5 -1; 0 -1 0' --at 0,0
      cnnfx explain photo.png -f edges --pool max:2 --at 6,2 --json
      cnnfx explain photo.png -f squeezenet --layer fire2 --only top:1 --depth 3
    """
    from cnnfx.cli.conflicts import check_outputs, image_files, option_files
    from cnnfx.cli.inputs import InputImage, check_no_networks
    from cnnfx.cli.networks import chosen_channels, note_unused_reading, requested_network, use_threads
    from cnnfx.errors import UsageError
    from cnnfx.pipeline.explain import channel_strengths

    check_no_networks(image, network_options)
    if len(image) > 1:
        raise UsageError(f"Only one image can be explained, {len(image)} are given: {', '.join(image)}.")
    use_threads(threads)
    if not quiet:
        note_unused_reading(network_options.specs)
    network = requested_network(network_options, pool, layer)
    source = InputImage(image[0], page=page)
    check_outputs((), image_files([source], image), option_files(network_options))
    pipeline = image_options.pipeline(network)
    loaded, maps = _open(pipeline, source, quiet)
    wanted = None
    if only is not None:
        strengths = partial(channel_strengths, maps, at)
        wanted = chosen_channels(only, maps.names, maps.network.layer_owner(), strengths=strengths)
    position = at or _strongest(maps, loaded.name, wanted[0] if wanted else 0, quiet)
    chosen = wanted or _chosen(maps, position, as_json, quiet)
    _show(source, loaded, maps, chosen, position, depth or 1, colormap, as_json)


def _open(pipeline: Pipeline, source: InputImage, quiet: bool) -> tuple[Image, FeatureMaps]:
    """Return the image and the feature maps of the explained layer, which are not computed yet."""
    from cnnfx.cli.advice import advised_note

    image, ((_, maps),) = pipeline.run(source.source, source.page)
    for note in () if quiet else image.notes:
        print_message(advised_note(note))
    return image, maps


def _strongest(maps: FeatureMaps, image: str, channel: int, quiet: bool) -> parsers.Position:
    """Return the position of a channel's largest value, and print it."""
    from cnnfx.pipeline.explain import strongest_position

    position = parsers.Position(*strongest_position(maps, channel, image))
    if not quiet:
        name = maps.names[channel]
        print_message(f"{position.x},{position.y} is the strongest position of {name}. Choose another with --at X,Y.")
    return position


def _chosen(maps: FeatureMaps, at: parsers.Position, as_json: bool, quiet: bool) -> list[int]:
    """Return the indices of the output channels to explain: all, or those with the largest outputs."""
    from cnnfx.pipeline.explain import largest_outputs

    count = maps.shape[0]
    if as_json or count <= MAX_EXPLAINED_CHANNELS or not (at.y < maps.shape[1] and at.x < maps.shape[2]):
        return list(range(count))
    if not quiet:
        print_message(
            f"Of the {count} output channels, those with the {EXPLAINED_OF_MANY} largest outputs here are explained. "
            "Choose others with --only, or print all with --json."
        )
    return largest_outputs(maps, at.x, at.y, EXPLAINED_OF_MANY)


def _show(
    source: InputImage,
    image: Image,
    maps: FeatureMaps,
    chosen: list[int],
    at: parsers.Position,
    depth: int,
    colormap: str,
    as_json: bool,
) -> None:
    """Print the explanations of the chosen output channels."""
    from cnnfx.cli.advice import usage_error
    from cnnfx.errors import ArgumentError
    from cnnfx.pipeline.explain import explain_position

    try:
        found = explain_position(image, maps, at.x, at.y, chosen, depth)
    except ArgumentError as error:
        raise usage_error(error) from error
    if as_json:
        for explanation in found.outputs:
            print_json(_described(source, image, maps, explanation))
        return
    import os

    from cnnfx.render.terminal import color_depth

    colors = color_depth(sys.stdout, os.environ)
    print_result_lines(found.text(text_width(), colors, sys.stdout.encoding, colormap))


def _described(source: InputImage, image: Image, maps: FeatureMaps, explanation: Explanation) -> dict[str, Any]:
    """Return the explanation of one output of the last layer of `maps`, ready for JSON."""
    from cnnfx.nn.receptive_field import receptive_field

    network, (_, height, width) = maps.network, maps.sizes[0]
    box = receptive_field(network, maps.sizes[0]).box(explanation.row, explanation.column)
    return {
        "image": source.label,
        **source.page_data,
        "size": [width, height],
        "network": network.name,
        "normalization": _normalization(network.input),
        "map": [maps.shape[2], maps.shape[1]],
        "receptive_field": {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom},
        **_output(explanation),
        "notes": list(image.notes),
    }


def _normalization(given: Input) -> dict[str, Any]:
    """Return the normalization of the image: one number for all channels, or a list."""
    mean, std = (values[0] if len(values) == 1 else list(values) for values in (given.mean, given.std))
    return {"mean": mean, "std": std, **({"scale": given.scale} if given.scale != 1 else {})}


def _output(explanation: Explanation) -> dict[str, Any]:
    if not explanation.points:
        at = [explanation.column, explanation.row]
        return {"layer": 0, "filter": explanation.channel, "at": at, "value": _number(explanation.value)}
    below = explanation.contributions
    named = {"layer_name": explanation.title} if explanation.title != f"layer {explanation.layer}" else {}
    output: dict[str, Any] = {
        "layer": explanation.layer,
        **named,
        "filter": explanation.channel,
        "at": [explanation.column, explanation.row],
        "points": [_point(point) for point in explanation.points],
        "pool": _pool(explanation),
        "shown": explanation.shown,
        "value": _number(explanation.value),
    }
    if explanation.outputs is not None:  # there is not a point for each
        output["pooled"] = _matrix(explanation.outputs.tolist())
    if below is not None:
        output["contributions"] = [_contribution(found) for found in below]
        output["others"] = {"count": explanation.others, "add": _numbers(explanation.other_amounts)}
    return output


def _pool(explanation: Explanation) -> dict[str, Any] | None:
    pool = explanation.pool
    if pool is None:
        return None
    if pool.block is not None:
        return {"kind": pool.kind, "size": pool.block}
    if pool.size is None:
        return {"kind": pool.kind, "size": "all"}
    data = pool.to_data()
    return data if isinstance(data, dict) else {"kind": pool.kind, "size": list(pool.size)}


def _contribution(found: Contribution) -> dict[str, Any]:
    first, *others = found.explanations
    times = {"times": [_output(each) for each in others]} if others else {}
    return {"adds": _numbers(found.amounts), "output": _output(first), **times}


def _point(point: Point) -> dict[str, Any]:
    from cnnfx.nn.explanation import Read

    patch = point.patch
    return {
        "at": [patch.column, patch.row],
        "columns": patch.columns.tolist(),
        "rows": patch.rows.tolist(),
        "border": patch.border,
        "sums": [_read(found) if isinstance(found, Read) else _sum(found, patch) for found in point.sums],
        "combination": point.combination,
        "combined": _number(point.combined),
        "activation": point.activation,
        **_further_steps(point),
        "value": _number(point.value),
    }


def _further_steps(point: Point) -> dict[str, Any]:
    """Return what only some layers have: slopes, the values of the other channels, and a normalization."""
    steps: dict[str, Any] = {} if point.slope is None else {"slope": point.slope}
    if point.channels is not None:
        steps["channels"] = _numbers(point.channels.tolist())
    if point.response is not None:
        steps["activated"] = _number(point.activated)
        steps["local_response"] = {**vars(point.response), "divisor": _number(point.response_base)}
    return steps


def _read(found: Read) -> dict[str, Any]:
    parts = {"parts": _numbers(found.parts), "join": "add" if found.sign == "+" else "multiply"} if found.parts else {}
    return {"input": found.name, **parts, "value": _number(found.value)}


def _sum(found: Sum, patch: Patch) -> dict[str, Any]:
    return {
        "filter": found.name,
        "inputs": [
            {
                "channel": term.channel,
                **({"origin": term.origin} if term.origin else {}),
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
