"""The tables of a filter file to a network: its layers, their settings and combinations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnfx.errors import ArgumentError
from cnnfx.filterbank.filters import Filters, Names, parse_filters, unique
from cnnfx.filterbank.place import Place, describe, did_you_mean
from cnnfx.filterbank.tables import Table
from cnnfx.layers import ACTIVATIONS, COMBINATIONS, Activation, Combination, Conv, Pool
from cnnfx.network import Layer, Network

FILE_KEYS = ("name", "description", "source")
SETTING_KEYS = ("stride", "dilation", "padding", "border", "activation", "pool", "combine")
LAYER_KEYS = ("filter", *SETTING_KEYS)
COMBINATION_KEYS = ("name", "kind", "of")
KINDS = tuple(kind for kind in COMBINATIONS if kind != "take")


def parse_network(values: Mapping[str, Any], place: Place, name: str) -> Network:
    """The network that a file's tables describe.

    Parameters
    ----------
    values : mapping
        What `tomllib` makes of the file.
    place : Place
        What messages call the file.
    name : str
        The network's name if the file gives none.

    Raises
    ------
    FileError
        If something is missing, unknown, of the wrong type or contradictory; the message says where and what.
    """
    top = Table(values, place, (*FILE_KEYS, *LAYER_KEYS, "layer"))
    layers: list[Layer] = []
    for number, table in enumerate(_layer_tables(top), 1):
        below = layers[-1].channel_names if layers else None
        layers.append(_parse_layer(Table(table, place.at(f"layer {number}"), LAYER_KEYS), below))
    return Network(tuple(layers), _file_name(top, name), top.text("description"), top.text("source"))


def to_be_learned(values: Mapping[str, Any]) -> bool:
    """Whether a file's tables describe filters that have no weights yet."""
    layers = values.get("layer")
    tables = [values, *(layers if isinstance(layers, list) else [])]
    return any(isinstance(table, dict) and "filters" in table for table in tables)


def _file_name(top: Table, default: str) -> str:
    name = top.name("name", default)
    if any(sign in name for sign in "/\\:"):
        raise top.at("name").error(f"{name!r} becomes part of file names, so it cannot have / or \\ or : in it.")
    return name


def _layer_tables(top: Table) -> list[Any]:
    """The table of each layer; a file with `[[filter]]` is itself that of its one layer."""
    if "layer" not in top:
        if "filter" not in top:
            raise top.place.error("there are no filters. Write [[filter]], or in a deeper file [[layer]].")
        return [{key: value for key, value in top.values.items() if key in LAYER_KEYS}]
    for key in LAYER_KEYS:
        if key in top:
            written = "[[layer.filter]] under its [[layer]]" if key == "filter" else "it under its [[layer]]"
            raise top.place.error(f"{key} stands outside the layers. Write {written}.")
    tables = top.tables("layer")
    if not tables:
        raise top.at("layer").error("there are no layers. Write at least one [[layer]].")
    return tables


def _parse_layer(table: Table, below: Names | None) -> Layer:
    filters = parse_filters(table, below)
    return Layer(
        _make_conv(table, filters),
        filters.names,
        _parse_combinations(table, filters.names),
        _parse_activation(table),
        _parse_pool(table),
    )


def _make_conv(table: Table, filters: Filters) -> Conv:
    try:
        return Conv(
            filters.weights,
            filters.bias,
            filters.inputs,
            stride=_frozen(table.values.get("stride", 1)),
            dilation=_frozen(table.values.get("dilation", 1)),
            padding=_frozen(table.values.get("padding", "valid")),
            border=table.text("border", "constant"),
        )
    except ArgumentError as error:
        message = str(error)
        raise table.place.error(message if message.endswith(("?", ".")) else f"{message}.") from error


def _frozen(value: Any) -> Any:
    """Arrays as tuples: the engine checks what is in them."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _parse_activation(table: Table) -> Activation:
    return Activation(_choice(table, "activation", tuple(ACTIVATIONS), "none"))


def _choice(table: Table, key: str, known: Names, default: str = "") -> str:
    value = table.text(key, default)
    if value not in known:
        known_ones = f"Allowed are {', '.join(known)}. {did_you_mean(value, known)}".rstrip()
        raise table.at(key).error(f'"{value}" is not known. {known_ones}')
    return value


def _parse_pool(table: Table) -> Pool | None:
    if "pool" not in table:
        return None
    kind, _, size = table.text("pool").partition(":")
    try:
        return Pool(kind.strip(), int(size))
    except (ArgumentError, ValueError):
        found = describe(table.values["pool"])
        raise table.at("pool").error(
            f'found {found}; write "max:2" or "mean:2", with any whole number from 1.'
        ) from None


def _parse_combinations(table: Table, filters: Names) -> tuple[Combination, ...]:
    """The output channels where some are combinations: each filter's own, then those."""
    entries = table.values.get("combine", [])
    if not isinstance(entries, list):
        raise table.wrong("combine", 'an array of tables, [{ name = "…", kind = "norm", of = ["…", "…"] }],')
    tables = [_combination_table(entry, table.place, number) for number, entry in enumerate(entries, 1)]
    names = tuple(entry.name("name") for entry in tables)
    unique((*filters, *names), table.place, "filters or combinations")
    combined = [_parse_combination(entry, filters, names) for entry in tables]
    own = [Combination(name, "take", (index,)) for index, name in enumerate(filters)]
    return (*own, *combined) if combined else ()


def _combination_table(entry: Any, layer: Place, number: int) -> Table:
    name = entry.get("name") if isinstance(entry, dict) else None
    return Table(
        entry, layer.at(f'combine "{name}"' if isinstance(name, str) else f"combine {number}"), COMBINATION_KEYS
    )


def _parse_combination(table: Table, filters: Names, combinations: Names) -> Combination:
    for key in ("kind", "of"):
        if key not in table:
            raise table.place.error(f"{key} is missing. It needs name, kind and of.")
    kind = _choice(table, "kind", KINDS)
    of = table.values["of"]
    if not isinstance(of, list) or not of or not all(isinstance(name, str) for name in of):
        raise table.wrong("of", "an array of filter names")
    least = 2 if kind == "difference" else 1
    if len(of) < least:
        raise table.at("of").error("a difference needs at least two filters: the first less all others.")
    indexes = tuple(_filter_index(name, filters, combinations, table.at("of")) for name in of)
    twice = next((name for position, name in enumerate(of) if name in of[:position]), None)
    if twice is not None:
        raise table.at("of").error(f'"{twice}" stands there twice. Name each filter once.')
    return Combination(table.name("name"), kind, indexes)


def _filter_index(name: str, filters: Names, combinations: Names, place: Place) -> int:
    if name in combinations:
        raise place.error(f'"{name}" is a combination; only filters can be combined. Use a further [[layer]] for more.')
    if name not in filters:
        raise place.error(f'unknown filter "{name}". {did_you_mean(name, filters, "There are")}')
    return filters.index(name)
