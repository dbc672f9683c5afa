"""Filter files: the tables of a TOML file to a network, a chain of layers or a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cnnfx.errors import ArgumentError
from cnnfx.formats.toml_filters import GRAY, Inputs, Names
from cnnfx.formats.toml_layers import LAYER_KEYS, Context, parse_layer
from cnnfx.formats.toml_schema import Location, Table
from cnnfx.nn.graph import check_order, layer_number, layer_sources
from cnnfx.nn.input import CHANNELS, Input
from cnnfx.nn.joins import JOINS, joined_names
from cnnfx.nn.layers import INPUT, Layer
from cnnfx.nn.network import Network
from cnnfx.system.limits import (
    MAX_ALL_CHANNELS,
    MAX_ALL_FILTERS,
    MAX_CHANNELS,
    MAX_LAYERS,
    MAX_WEIGHTS,
    check_limit,
)
from cnnfx.system.sizes import counted, size_text

if TYPE_CHECKING:
    from cnnfx.formats.toml_tensors import Tensors

FILE_KEYS = ("name", "description", "source", "tensors", "input", "classes")
"""The keys at the top of a file that are about the whole network."""
GRAPH_KEYS = ("name", "from", "join")
"""The keys of a layer's table that say what it reads, and how other layers name it."""
RESERVED_NAMES = (INPUT, "all")
"""What a layer cannot be called: the name of the image, and that of all layers."""
TOTAL_LIMITS = {
    "channels in all layers": MAX_ALL_CHANNELS,
    "filters in all layers": MAX_ALL_FILTERS,
    "weights": MAX_WEIGHTS,
}
"""The limits of what all layers of a file have together."""
CHANNEL_NAMES: dict[str, Names | None] = {"auto": None, "gray": (GRAY,), "rgb": ("red", "green", "blue")}
"""The names of the image's channels, by the `channels` of the input."""


def parse_network(
    values: Mapping[str, Any],
    location: Location,
    name: str,
    tensors: Tensors | None = None,
    upto: str | int | None = None,
) -> Network:
    """Return the network that the tables of a file describe.

    Parameters
    ----------
    values : mapping
        The tables, as `tomllib` returns them.
    location : Location
        The file, for messages; files that it names are beside it.
    name : str
        The network's name if the file has none.
    tensors : Tensors, optional
        The tensors that the file refers to by name, if it does not name a file of them itself.
    upto : str or int, optional
        The last layer that is read, by its name, a unique part of it or its number; by default all are. The names of
        the classes are left out where the layers after it are.

    Raises
    ------
    FileError
        If something is missing, unknown, of the wrong type or contradictory; the message says where and what.
    ArgumentError
        If there is no layer `upto`.
    """
    top = Table(values, location, (*FILE_KEYS, *LAYER_KEYS, "layer"))
    network_input, is_bgr = Input(), False
    classes: Names = ()
    if "input" in top or "classes" in top:  # few files have them
        from cnnfx.formats.toml_input import parse_classes, parse_input

        network_input, is_bgr = parse_input(top.values.get("input", {}), top.at("input"))
        classes = parse_classes(top.values["classes"], top.at("classes")) if "classes" in top else ()
    title = _parse_network_name(top, name)
    with _open_tensors(top, tensors) as named:
        tables = _layer_tables(top)
        count = len(tables) if upto is None else _number_of(upto, tables, title)
        known = classes if count == len(tables) else ()
        layers = _parse_layers(top, tables[:count], CHANNEL_NAMES[network_input.channels], classes, named, is_bgr)
    network = Network(
        layers,
        title,
        top.text("description"),
        top.text("source"),
        input=network_input,
        classes=known,
    )
    _check_output(network, top)
    return network


def has_untrained_filters(values: Mapping[str, Any]) -> bool:
    """Return whether the tables of a file describe filters without weights, as arch files do."""
    layers = values.get("layer")
    tables = [values, *(layers if isinstance(layers, list) else [])]
    return any(isinstance(table, dict) and "filters" in table and "weights" not in table for table in tables)


def _parse_network_name(top: Table, default: str) -> str:
    name = top.name("name", default)
    if any(sign in name for sign in "/\\:"):
        raise top.at("name").error(f"{name!r} is used in file names, so it cannot contain / or \\ or :.")
    return name


@contextmanager
def _open_tensors(top: Table, given: Tensors | None) -> Iterator[Tensors | None]:
    """Open the tensors that the file names; those given if it names none."""
    if "tensors" not in top:
        yield given
        return
    from cnnfx.formats.toml_tensors import open_tensors  # few files have them

    with open_tensors(top.text("tensors"), top.at("tensors")) as tensors:
        yield tensors


def _layer_tables(top: Table) -> list[Any]:
    """Return the table of each layer. In a file without `[[layer]]`, the top table is that of its only layer."""
    if "layer" not in top:
        if not any(key in top for key in ("filter", "weights", "batch_norm")):
            raise top.location.error(
                "there are no filters. Write [[filter]], or [[layer]] in a file with several layers."
            )
        return [{key: value for key, value in top.values.items() if key in LAYER_KEYS}]
    for key in LAYER_KEYS:
        if key in top:
            correct = "[[layer.filter]] under its [[layer]]" if key == "filter" else "it under its [[layer]]"
            raise top.location.error(f"{key} is outside the layers. Write {correct}.")
    tables = top.tables("layer")
    check_limit(top.location.text, "layers", len(tables), MAX_LAYERS)
    if not tables:
        raise top.at("layer").error("there are no layers. Write at least one [[layer]].")
    return tables


def _number_of(layer: str | int, tables: Sequence[Any], network: str) -> int:
    """Return the number of a layer among the tables of all; see `Network.layer_number`."""
    names = [table.get("name") if isinstance(table, dict) else None for table in tables]
    return layer_number(layer, [name if isinstance(name, str) else "" for name in names], network)


def _parse_layers(
    top: Table,
    layer_tables: Sequence[Any],
    image: Names | None,
    classes: Names,
    tensors: Tensors | None,
    is_bgr: bool,
) -> tuple[Layer, ...]:
    """Return the layers of a file whose image has the channels `image`, None if any."""
    tables = [_layer_table(values, top.location, number) for number, values in enumerate(layer_tables, 1)]
    graph = [_parse_place(table) for table in tables]
    try:
        check_order(graph)
    except ArgumentError as error:
        raise top.location.error(str(error)) from error

    layers: list[Layer] = []
    totals: Counter[str] = Counter()
    for table, place, sources in zip(tables, graph, layer_sources(graph), strict=True):
        channels = [image if each == 0 else layers[each - 1].channel_names for each in sources]
        inputs = _inputs(table, place, channels, of_image=sources == (0,))
        layer = parse_layer(table, Context(inputs, classes, tensors), place)
        if is_bgr and 0 in sources:
            from cnnfx.formats.toml_input import reads_rgb

            layer = reads_rgb(layer, table.location)
        layers.append(layer)
        _add_to_totals(totals, layer, table)
        for what, limit in TOTAL_LIMITS.items():
            check_limit(top.location.text, what, totals[what], limit)
    return tuple(layers)


def _add_to_totals(totals: Counter[str], layer: Layer, table: Table) -> None:
    """Add the channels, filters and weights of a layer to those of the file."""
    totals["channels in all layers"] += len(layer.channel_names)
    if layer.conv is not None:
        totals["filters in all layers"] += len(layer.filter_names)
        totals["weights"] += layer.conv.weights.size if "filter" in table else 0


def _layer_table(values: Any, location: Location, number: int) -> Table:
    name = values.get("name") if isinstance(values, dict) else None
    is_name = isinstance(name, str) and name.strip() and name.isprintable()
    return Table(values, location.at(f"layer {name if is_name else number}"), (*LAYER_KEYS, *GRAPH_KEYS))


# The graph


def _parse_place(table: Table) -> Layer:
    """Return a layer with the name, the sources and the join of a table, and nothing else."""
    name = table.name("name") if "name" in table else ""
    if name.isdecimal() or name in RESERVED_NAMES:
        raise table.at("name").error(f'"{name}" cannot be the name of a layer: numbers, "input" and "all" are taken.')
    value = table.values.get("from", [])
    sources = [value] if isinstance(value, str) else value
    if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
        raise table.wrong_type("from", "the name of a layer above, or an array of names,")
    if "from" in table and not sources:
        raise table.at("from").error("no layer is named. Write the name of a layer above, or remove the key.")
    if "join" in table and len(sources) < 2:
        raise table.at("join").error('the layer reads one input. Write from = ["…", "…"] to join several.')
    return Layer(name=name, sources=tuple(sources), join=table.choice("join", tuple(JOINS), "concat"))


def _inputs(table: Table, place: Layer, channels: Sequence[Names | None], of_image: bool) -> Inputs:
    """Return what a layer reads, given the names of its sources' channels, empty or None if they are not known."""
    if of_image:
        title = "the image"
    elif len(channels) > 1:
        title = "the joined input"
    else:
        title = f"layer {place.sources[0]}" if place.sources else "the layer below"
    known = [names for names in channels if names]
    if len(known) < len(channels):
        return Inputs(None, title, of_image)
    # Layers that each join one twice would double the channels endlessly.
    check_limit(table.location.text, "joined channels", sum(map(len, known)), MAX_CHANNELS)
    if place.join != "concat" and len({len(names) for names in known}) > 1:
        counts = [f"{name} has {len(names)}" for name, names in zip(place.sources, known, strict=True)]
        needed = f'join = "{place.join}" needs inputs with the same number of channels'
        raise table.at("from").error(f"{needed}: {', '.join(counts)}.")
    return Inputs(joined_names(place.join, known, place.sources), title, of_image)


# The whole network


def _check_output(network: Network, top: Table) -> None:
    """Check that an image of the input's size fits all layers, and that the scores are those of the classes."""
    names, classes = network.layers[-1].channel_names, network.classes
    if classes and names and len(names) != len(classes):
        scores = counted(len(names), "output channel")
        raise top.at("classes").error(f"there are {len(classes)} classes for {scores} of the last layer.")
    channels, size = CHANNELS[network.input.channels], network.input.size
    if channels is None or size is None:
        return
    try:
        *_, (_, height, width) = network.output_shapes((channels, *size))
    except ArgumentError as error:
        raise top.location.error(f"{str(error).rstrip('.')}.") from error
    if classes and (height, width) != (1, 1):
        maps = size_text((height, width))
        raise top.at("classes").error(
            f"the last layer makes maps of {maps}, where one score for each class is needed. "
            'End with pool = "mean:all", or with dense filters.'
        )
