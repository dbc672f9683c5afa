"""`cnnfx show-filters`: pictures and values of the filters of a network."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from cnnfx.cli import options, parsers
from cnnfx.cli.console import in_lines, print_json, print_message, print_result_lines, text_width
from cnnfx.cli.options import option

if TYPE_CHECKING:
    from cnnfx.formats.reading import FilterTensor
    from cnnfx.nn.layers import Layer
    from cnnfx.nn.network import Network
    from cnnfx.render.filters import FilterStyle
    from cnnfx.render.terminal import Terminal
    from cnnfx.render.tiles import Levels

PAIRS = "before and after training, strongest first"
"""What `--compare` shows, for titles."""
MAX_LARGE_FILTERS = 8
"""The most filters that a terminal shows enlarged, or with a column for each input channel."""
MAX_ROWS = 16
"""The most filters of 1×1 on many channels that a terminal shows, each in a row, unless some are chosen."""
MAX_SHOWN_CHANNELS = 64
"""The most input channels whose kernels a terminal shows, unless they are of 1×1."""
MAX_NAMED_CHANNELS = 16
"""With more input channels, kernels of 1×1 are shown as lines of weights without the name of each channel."""
MAX_DEFAULT_LAYERS = 6
"""With more layers that have filters, only the first is shown unless others are chosen."""

Spec = Annotated[
    str | None,
    typer.Argument(
        metavar="SPEC",
        help=f"{options.NETWORK_FILES}.",
        show_default=False,
        autocompletion=parsers.complete_filters,
    ),
]
LayerOption = Annotated[
    str | None,
    option(
        "--layer NAME|N|all",
        "The layer whose filters are shown, by its name, a unique part of it, or its number. By default all, or the "
        "first of many.",
        options.FILTERS,
        parsers.layer,
        parsers.complete_layers_or_all,
    ),
]
Only = Annotated[
    list[str] | None,
    option(
        "--only LIST",
        "Show some filters only, by name or number: top,left or 1-8,12. By default all, or as many as fit on a "
        "terminal.",
        options.FILTERS,
        autocompletion=parsers.complete_channels,
    ),
]
Before = Annotated[bool, option("--before", "Show the filters of a model before training.", options.FILTERS)]
Compare = Annotated[
    bool,
    option("--compare", "Show each filter of a model before and after training, the strongest first.", options.FILTERS),
]
Output = Annotated[str | None, option("--output -o FILE", "Write a picture; - for standard output.", options.OUTPUT)]
Format = Annotated[
    str | None,
    option("--format ENDING", "The format, such as png or jpg, if the output's name has no ending.", options.OUTPUT),
]
Values = Annotated[
    bool, option("--values", "Print the weights; with -o, write them into the picture.", options.PICTURE)
]
Scope = Annotated[
    options.Scope,
    option("--scope", "Scale each filter by its own largest weight, or all by the largest of all.", options.PICTURE),
]
Colormap = Annotated[options.Colormap, options.colormap("weights", options.PICTURE)]
Labels = Annotated[
    bool, option("--labels/--no-labels", "Write names into the picture; --no-labels: no text.", options.PICTURE)
]
Legend = Annotated[bool, option("--legend/--no-legend", "Write a title and the range of the weights.", options.PICTURE)]
Json = Annotated[bool, option("--json", "Print one JSON object per layer on standard output.", options.MESSAGES)]


def show_filters(
    spec: Spec = None,
    kernel: options.Kernels = None,
    layer: LayerOption = None,
    order: options.Order = None,
    arch: options.Arch = None,
    only: Only = None,
    before: Before = False,
    compare: Compare = False,
    output: Output = None,
    format: Format = None,
    open: options.Open = False,
    values: Values = False,
    scope: Scope = "channel",
    colormap: Colormap = "gray",
    labels: Labels = True,
    legend: Legend = True,
    as_json: Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw filters: -1 is black, 0 gray, 1 white.

    They are drawn in the terminal, or with -o as a picture. A filter of
    several input channels is a row of kernels, one per channel. The terminal
    shows only the first of many such filters.

    Of a file of weights whose layers are not known, the tensors that can be
    filters are listed, and --layer draws one of them.

    Terminals that show pictures by the protocols of kitty or iTerm2 or as
    sixel graphics get pictures. $CNNFX_GRAPHICS chooses kitty, iterm2, sixel,
    or none; by default (auto) the terminal is asked.

    \b
      cnnfx show-filters edges
      cnnfx show-filters sobel --values
      cnnfx show-filters gaussian -o gaussian.png
      cnnfx show-filters model.npz --layer 1 --before
      cnnfx show-filters model.npz --layer 1 --compare -o learned.png
      cnnfx show-filters model.npz --layer 2 --only 9-16
      cnnfx show-filters squeezenet --layer conv1 -o conv1.png
      cnnfx show-filters weights.safetensors --layer features.0
      cnnfx show-filters -k '0 1 0; 1 -4 1; 0 1 0' --json
    """
    from cnnfx.cli.conflicts import NamedFile, arch_path, check_outputs, network_files
    from cnnfx.cli.networks import ALL_LAYERS, build_network, note_unused_reading
    from cnnfx.cli.terminal import picture_terminal
    from cnnfx.errors import UsageError
    from cnnfx.formats.reading import LayerNeededError, Reading
    from cnnfx.pipeline.targets import STDOUT_NAMES
    from cnnfx.render.filters import FilterStyle

    if not spec and not kernel:
        raise UsageError("Name the filters, such as edges; cnnfx list-filters shows the presets.")
    if as_json and output in STDOUT_NAMES:
        raise UsageError("--json and the picture cannot both go to standard output. Give -o FILE.")
    if open and output in (None, *STDOUT_NAMES):
        raise UsageError("--open shows a file. Give one with -o FILE.")
    if compare and (before or values or as_json):
        other = "--before" if before else "--values" if values else "--json"
        raise UsageError(f"--compare draws pairs of pictures, so {other} cannot be given with it.")
    if output is None and not quiet:
        _note_unused(as_json, values)
    if not quiet:
        note_unused_reading([spec])
    files = network_files("SPEC", spec), network_files("--arch", arch_path(arch))
    check_outputs([] if output is None else [NamedFile("-o", output)], *files)
    reading = Reading(None if layer == ALL_LAYERS else layer, order, arch)
    try:
        network = build_network([spec] if spec else [], kernel or [], reading=reading)
    except LayerNeededError as error:
        if layer is not None or kernel or only or before or compare or output is not None or values:
            raise
        _list_tensors(str(spec), error.tensors, as_json, quiet)
        return
    start = _start(network, spec, "--compare" if compare else "--before") if before or compare else network
    network = start if before else network
    layers, notes = _chosen(network, layer)
    chosen = _selection(network, layers, only)
    for note in () if quiet else notes:
        print_message(note)
    if compare:
        pairs = [(number, _selected(start, number, start.layers[number - 1], only), one) for number, one in chosen]
        if output is not None:
            style = FilterStyle(scope, colormap, labels=labels, legend=legend)
            _write(network, chosen, _pair_pictures(network, pairs, style), output, format, style, quiet)
            _open(open, output)
        else:
            terminal = picture_terminal(sys.stdout)
            print_result_lines("\n\n".join(_pairs_text(network, *pair, scope, terminal) for pair in pairs))
        return
    if as_json:
        for number, shown in chosen:
            print_json(_described(network, number, shown))
    if output is not None:
        style = FilterStyle(scope, colormap, values, labels, legend)
        _write(network, chosen, _pictures(network, chosen, style), output, format, style, quiet)
        _open(open, output)
    elif values:
        print_result_lines("\n\n".join(_values(network, number, shown) for number, shown in chosen))
    elif not as_json:
        terminal, style = picture_terminal(sys.stdout), FilterStyle(scope, colormap, labels=labels, legend=legend)
        texts = (_picture_text(network, number, shown, style, terminal, only is None) for number, shown in chosen)
        print_result_lines("\n\n".join(texts))


def _list_tensors(spec: str, tensors: Sequence[FilterTensor], as_json: bool, quiet: bool) -> None:
    """Print the tensors of a file that can be filters."""
    from cnnfx.formats.filter_order import DEFAULT_ORDER, ORDERS
    from cnnfx.render.wrapping import wrap

    if as_json:
        for tensor in tensors:
            print_json({"file": spec, **_described_tensor(tensor)})
        return
    rows = [(tensor.title, tensor.describe(), "×".join(map(str, tensor.shape))) for tensor in tensors]
    width = text_width()
    headed = [("tensor", "filters", "shape"), *rows]
    widths = [max(len(row[column]) for row in headed) for column in range(2)]
    lines = [f"{name:<{widths[0]}}  {filters:<{widths[1]}}  {shape}" for name, filters, shape in headed]
    if width is not None and max(map(len, lines)) > width:
        lines = [line for row in rows for line in wrap(f"{row[0]}: {row[1]}, {row[2]}", width, "  ")]
    print_result_lines("\n".join(lines))
    if quiet:
        return
    orders = [order for order in dict.fromkeys(tensor.order for tensor in tensors) if order]
    if any(order != DEFAULT_ORDER for order in orders):
        described = "; ".join(f"{order}: {ORDERS[order].description}" for order in orders)
        print_message(f"The order of the axes is {described}. --order chooses another.")
    print_message(f"{spec}: the layers of its network are not known. --layer NAME draws one of these tensors.")


def _described_tensor(tensor: FilterTensor) -> dict[str, object]:
    count, channels, height, width = tensor.filters
    return {
        "tensor": tensor.name,
        "layer_name": tensor.title,
        "shape": list(tensor.shape),
        "type": tensor.dtype,
        "order": tensor.order or None,
        "filters": count,
        "size": {"channels": channels, "width": width, "height": height},
    }


def _open(wanted: bool, output: str) -> None:
    if wanted:
        from cnnfx.cli.viewer import open_file

        open_file(output)


def _start(network: Network, spec: str | None, option_name: str) -> Network:
    """The network before training."""
    from cnnfx.errors import UsageError

    if network.start is None:
        raise UsageError(
            f"{spec or network.name} has not been trained: {option_name} is for models written by cnnfx train."
        )
    return network.start


def _note_unused(as_json: bool, values: bool) -> None:
    """Print notes on options that have no effect without a picture."""
    from cnnfx.cli.given import given_options, note_without_effect

    if as_json:
        note_without_effect(given_options(heading=options.PICTURE), "on JSON, which has the weights")
    elif values:
        names = ("--scope", "--colormap", "--labels", "--no-labels", "--legend", "--no-legend")
        note_without_effect(given_options(*names), "on printed weights")


def _chosen(network: Network, layer: str | None) -> tuple[list[tuple[int, Layer]], list[str]]:
    """Return the numbered layers with filters that `--layer` chooses, and notes on others.

    Raises
    ------
    UsageError
        If the layer has no filters; the message names layers that it reads and that have some.
    """
    from cnnfx.cli.networks import ALL_LAYERS, no_filters_text
    from cnnfx.errors import UsageError

    numbered = [(number, each) for number, each in enumerate(network.layers, 1) if each.conv is not None]
    if not numbered:
        raise UsageError(f"{network.name} has no filters.")
    if layer not in (None, ALL_LAYERS):
        number = network.layer_number(str(layer))
        if network.layers[number - 1].conv is None:
            read = " or ".join(network.layer_title(each) for each in _read_filters(network, number))
            raise UsageError(f"{no_filters_text(network, number)} Choose {read or 'another layer'} with --layer.")
        return [(number, network.layers[number - 1])], []
    if layer is None and len(numbered) > MAX_DEFAULT_LAYERS:
        title = network.layer_title(numbered[0][0])
        other = network.layer_title(numbered[1][0])
        note = (
            f"{network.name} has {len(numbered)} layers with filters; {title} is shown. --layer chooses others, such "
            f"as {other}, or all."
        )
        return numbered[:1], [note]
    return numbered, []


def _read_filters(network: Network, number: int) -> list[int]:
    """Return the nearest layers with filters that a layer reads, directly or through layers without filters."""
    found: dict[int, None] = {}
    for source in network.sources(number):
        if source and network.layers[source - 1].conv is not None:
            found[source] = None
        elif source:
            found.update(dict.fromkeys(_read_filters(network, source)))
    return list(found)


def _selection(
    network: Network, layers: Sequence[tuple[int, Layer]], only: Sequence[str] | None
) -> list[tuple[int, Layer]]:
    """The numbered layers with the filters that `--only` selects.

    An error names the layers that have these filters if others have not.
    """
    from cnnfx.errors import ArgumentError, UsageError

    found: list[tuple[int, Layer]] = []
    failure: ArgumentError | None = None
    for number, layer in layers:
        try:
            found.append((number, _selected(network, number, layer, only)))
        except ArgumentError as error:
            failure = failure or error
    if failure and found:
        first = network.layers[found[0][0] - 1].name or found[0][0]
        raise UsageError(f"{failure} Choose a layer that has it: --layer {first}.") from None
    if failure:
        raise failure
    return found


def _selected(network: Network, number: int, layer: Layer, only: Sequence[str] | None) -> Layer:
    """The layer with the filters that `--only` selects, without combinations; unchanged if it is not given."""
    from cnnfx.cli.networks import chosen_channels

    if only is None:
        return layer
    return _with_filters(layer, chosen_channels(only, layer.filter_names, network.layer_owner(number), "filter"))


def _with_filters(layer: Layer, chosen: Sequence[int]) -> Layer:
    assert layer.conv is not None
    conv = replace(layer.conv, weights=layer.conv.weights[chosen], bias=layer.conv.bias[chosen], groups=1)
    return replace(layer, conv=conv, filter_names=tuple(layer.filter_names[index] for index in chosen), combine=())


def slice_names(network: Network, number: int) -> list[str]:
    """Return the names of the input channels that the slices of a layer's filters read.

    Filters in several groups read different channels, so their slices are numbered; see `filter_inputs`.
    """
    conv = network.layers[number - 1].conv
    assert conv is not None
    if conv.inputs is not None:
        return ["every channel" if name == "*" else name for name in conv.inputs]
    count = conv.weights.shape[1]
    return _channels_below(network, number, count) if conv.groups == 1 else list(map(str, range(count)))


def filter_inputs(network: Network, number: int, name: str) -> list[str]:
    """Return the names of the input channels that one filter of a layer reads: those of its group."""
    layer = network.layers[number - 1]
    assert layer.conv is not None
    if layer.conv.groups == 1:
        return slice_names(network, number)
    count, groups = layer.conv.weights.shape[1], layer.conv.groups
    first = layer.filter_names.index(name) * groups // len(layer.filter_names) * count
    return _channels_below(network, number, count * groups)[first : first + count]


def _channels_below(network: Network, number: int, count: int) -> list[str]:
    """Return the names of the `count` input channels of a layer; numbers if these are not known."""
    from cnnfx.images.image import RGB_NAMES

    reads_image = 0 in network.sources(number)
    colors = RGB_NAMES if count == 3 and reads_image else ()
    below = colors if reads_image else network.input_names(number, ())
    return list(below if len(below) == count else map(str, range(count)))


def _pictures(network: Network, chosen: list[tuple[int, Layer]], style: FilterStyle) -> Iterator[Levels]:
    """Draw the filters of each layer."""
    from cnnfx.render.filters import filters_picture

    for number, layer in chosen:
        inputs = slice_names(network, number)
        yield filters_picture(layer, inputs, _caption(network, number, layer, inputs), style)


def _pair_pictures(network: Network, pairs: list[tuple[int, Layer, Layer]], style: FilterStyle) -> Iterator[Levels]:
    """Draw the filters of each layer before and after training."""
    from cnnfx.render.filter_pairs import pairs_picture

    for number, before, after in pairs:
        inputs = slice_names(network, number)
        caption = f"{_caption(network, number, after, inputs)} · {PAIRS}, with the norms of the weights"
        yield pairs_picture(before, after, inputs, caption, style)


def _caption(network: Network, number: int, layer: Layer, inputs: Sequence[str]) -> str:
    from cnnfx.render.captions import filters_caption, layer_name

    return f"{layer_name(network, number)}: {filters_caption(layer, inputs)}"


def _write(
    network: Network,
    shown: list[tuple[int, Layer]],
    pictures: Iterable[Levels],
    output: str,
    format: str | None,
    style: FilterStyle,
    quiet: bool,
) -> None:
    """Write the pictures of layers into one, from top to bottom, and say so."""
    from cnnfx.cli.inputs import InputImage
    from cnnfx.cli.outputs import picture_target, print_escapes, written_text
    from cnnfx.pipeline.outputs import write_picture
    from cnnfx.render.filters import vstack_pictures
    from cnnfx.system.sizes import counted

    advice = "Filters are written to one picture: give -o filters.png."
    target, picture = picture_target(InputImage(network.name), output, format, advice), vstack_pictures(list(pictures))
    with target.open() as file:
        write_picture(file, output, picture, target.format)
    if quiet:
        return
    if target.path is not None:
        count = sum(len(layer.filter_names) for _, layer in shown)
        print_message(written_text(target.name, counted(count, "filter"), picture))
    if style.labels:
        names = (name for number, layer in shown for name in (*layer.filter_names, *slice_names(network, number)))
        print_escapes(target.name, [network.name, *names])


def _pairs_text(network: Network, number: int, before: Layer, after: Layer, scope: str, terminal: Terminal) -> str:
    """The filters before and after training as lines for the terminal."""
    from cnnfx.render.filter_pairs import pair_tiles, strongest_first
    from cnnfx.render.filter_preview import filter_table, filters_preview
    from cnnfx.render.filters import FilterStyle
    from cnnfx.render.preview import pictures_preview

    inputs = slice_names(network, number)
    title = in_lines(f"{_heading(network, number)}, {PAIRS}", sys.stdout)
    if terminal.colors != "none":
        scale = 4 if len(after.filter_names) <= MAX_LARGE_FILTERS else 2
        return f"{title}\n{pictures_preview(pair_tiles(before, after, inputs, scope), terminal, scale)}"

    def text(layer: Layer) -> str:
        assert layer.conv is not None
        shown, style = _with_filters(layer, strongest_first(after)), FilterStyle(scope)
        if layer.conv.weights.shape[1] == 1:
            return filters_preview(shown, terminal, style)
        return filter_table(shown, inputs, terminal, style)

    return f"{title}\n\nbefore:\n{text(before)}\n\nafter:\n{text(after)}"


def _picture_text(
    network: Network, number: int, layer: Layer, style: FilterStyle, terminal: Terminal, first: bool
) -> str:
    """The filters as text for the terminal; with `first`, only the first ones of a large table."""
    from cnnfx.render.filter_preview import color_filters_preview, filter_table, filters_preview, weights_preview
    from cnnfx.render.filters import are_colors

    assert layer.conv is not None
    inputs, weights = slice_names(network, number), layer.conv.weights
    count = len(layer.filter_names)
    heading = _heading(network, number)
    if weights.shape[1] == 1:
        scale = 4 if count <= MAX_LARGE_FILTERS else 2
        return f"{in_lines(heading, sys.stdout)}\n{filters_preview(layer, terminal, style, scale)}"
    if are_colors(inputs) and count > MAX_LARGE_FILTERS and terminal.colors != "none":
        title = in_lines(f"{heading} on red, green and blue", sys.stdout)
        return f"{title}\n{color_filters_preview(layer, inputs, terminal, style)}"
    is_dense = weights.shape[2:] == (1, 1) and len(inputs) > MAX_NAMED_CHANNELS
    title = f"{heading}, one row each; one column for each of {len(inputs)} input channels"
    most = MAX_ROWS if is_dense else MAX_LARGE_FILTERS
    if first and count > most:
        others = f"{most + 1}-{min(count, 2 * most)}"
        title += f"\nfilters 1 to {most} of {count}; --only {others} shows others, --only all shows all"
        layer = _with_filters(layer, range(most))
    if is_dense:
        return f"{in_lines(title, sys.stdout)}\n\n{weights_preview(layer, inputs, terminal, style)}"
    if len(inputs) > MAX_SHOWN_CHANNELS and terminal.graphics == "none":
        title += f"\ninput channels 1 to {MAX_SHOWN_CHANNELS} of {len(inputs)}; -o FILE.png draws all"
        layer, inputs = _with_channels(layer, MAX_SHOWN_CHANNELS), inputs[:MAX_SHOWN_CHANNELS]
    return f"{in_lines(title, sys.stdout)}\n\n{filter_table(layer, inputs, terminal, style)}"


def _with_channels(layer: Layer, count: int) -> Layer:
    """Return the layer with the kernels on the first input channels only."""
    assert layer.conv is not None
    return replace(layer, conv=replace(layer.conv, weights=layer.conv.weights[:, :count]))


def _values(network: Network, number: int, layer: Layer) -> str:
    from cnnfx.render.number_text import kernel_lines

    assert layer.conv is not None
    lines = [_heading(network, number)]
    for name, weights, bias in zip(layer.filter_names, layer.conv.weights, layer.conv.bias, strict=True):
        for place, kernel in zip(filter_inputs(network, number, name), weights, strict=True):
            on = f" on {place}" if layer.conv.inputs != ("*",) else ""
            lines += [f"{name}{on}:", *(f"  {line}" for line in kernel_lines(kernel))]
        lines += [f"  bias {bias:.4g}"] if bias else []
    combined = [channel for channel in layer.combine if channel.kind != "take"]
    lines += [f"{c.name}: {c.kind} of {', '.join(layer.filter_names[k] for k in c.of)}" for c in combined]
    return "\n".join(lines)


def _heading(network: Network, number: int) -> str:
    from cnnfx.system.sizes import shape_text

    conv = network.layers[number - 1].conv
    assert conv is not None
    count, _, *size = conv.weights.shape
    alone = len(network.layers) == 1 and not network.layers[0].name
    name = network.name if alone else network.layer_title(number)
    return f"{name}: {shape_text((count, *size), 'filter')}"


def _described(network: Network, number: int, layer: Layer) -> dict[str, object]:
    assert layer.conv is not None
    return {
        "network": network.name,
        "layer": number,
        **({"layer_name": layer.name} if layer.name else {}),
        "inputs": slice_names(network, number),
        "filters": [
            {"name": name, **_group_inputs(network, number, name), "weights": weights.tolist(), "bias": float(bias)}
            for name, weights, bias in zip(layer.filter_names, layer.conv.weights, layer.conv.bias, strict=True)
        ],
        "channels": [
            {"name": channel.name, "kind": channel.kind, "of": [layer.filter_names[k] for k in channel.of]}
            for channel in layer.outputs
        ],
    }


def _group_inputs(network: Network, number: int, name: str) -> dict[str, list[str]]:
    """Return the input channels of one filter for JSON, if the filters of its layer read different ones."""
    conv = network.layers[number - 1].conv
    grouped = conv is not None and conv.groups > 1
    return {"inputs": filter_inputs(network, number, name)} if grouped else {}
