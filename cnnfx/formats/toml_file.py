"""The tables of a filter file to a network: its layers, their settings and combinations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats.toml_schema import LARGEST, Place, Table, describe, did_you_mean
from cnnfx.formats.toml_weights import fraction, is_matrices, parse_matrices, parse_matrix, parse_piece
from cnnfx.nn.concat import Filters as Block
from cnnfx.nn.concat import center, common_size, concat_filters
from cnnfx.nn.layers import ACTIVATIONS, ALL_CHANNELS, COMBINATIONS, Activation, Combination, Conv, Pool
from cnnfx.nn.network import Layer, Network

LARGEST_FILE = 10_000_000


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    FileError
        If the file is missing, a folder, not readable, too large, not UTF-8 or not TOML.
    """
    import tomllib  # only where a file is read

    text = _decode(_read(path), path)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise FileError(f"{path}: the arrays or tables are nested too deeply.") from None
    except ValueError as error:
        raise FileError(_syntax_message(path, str(error))) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file. Check the path, or name a preset.") from None
    except IsADirectoryError:
        raise _is_folder(path) from None
    except (OSError, ValueError) as error:
        if path.is_dir():  # Windows says "permission denied" of a folder
            raise _is_folder(path) from None
        raise FileError(f"{path}: the file cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if len(data) > LARGEST_FILE:
        raise FileError(f"{path}: the file is larger than {LARGEST_FILE // 1_000_000} MB; no filter file is.")
    return data


def _is_folder(path: Path) -> FileError:
    return FileError(f"{path}: this is a folder. Give a filter file in it, or name the folder in CNNFX_FILTERS.")


def _decode(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"{path}:{line}: byte {data[error.start]:#04x} is not UTF-8. Save the file as UTF-8 text."
        ) from None


def _syntax_message(path: Path, message: str) -> str:
    """`file:line:column: what`, of tomllib's `what (at line 3, column 1)`."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if found:
        return f"{path}:{found[2]}:{found[3]}: {found[1]}."
    return f"{path}: {message.replace(' (at end of document)', ' at the end of the file')}."


FILTER_KEYS = ("name", "weights", "inputs", "bias", "scale")

Names = tuple[str, ...]


class Filters(NamedTuple):
    """All filters of a layer, as `cnnfx.nn.layers.Conv` takes them."""

    names: Names
    weights: NDArray[Any]
    bias: NDArray[Any]
    inputs: Names | None


def parse_filters(table: Table, below: Names | None) -> Filters:
    """The filters of a layer's table.

    Parameters
    ----------
    table : Table
        Its `[[filter]]` tables hold the filters. (Filters that are to be learned will be read here too.)
    below : tuple of str, optional
        The channels of the layer below, or None if that is whatever the network is applied to.

    Raises
    ------
    FileError
        If something is missing, of the wrong type or does not fit the layer below.
    """
    tables = table.tables("filter")
    if not tables:
        raise table.place.error("there are no filters. Write at least one [[filter]] with weights.")
    parsed = [_parse_filter(values, table.place, number) for number, values in enumerate(tables, 1)]
    for filter_table, block, _ in parsed:
        _check_inputs(filter_table, block, below)
    names = unique(tuple(block.label for _, block, _ in parsed), table.place, "filters")
    try:
        weights, inputs = concat_filters(
            [Block(f'filter "{block.label}"', block.weights, block.inputs) for _, block, _ in parsed]
        )
    except ArgumentError as error:
        raise table.place.error(str(error)) from error
    return Filters(names, weights, np.array([bias for *_, bias in parsed], np.float64), inputs)


def unique(names: Names, place: Place, what: str) -> Names:
    """The names, if no two are alike."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise place.error(f'two {what} are called "{name}". Give each its own name.')
    return names


def _parse_filter(values: Mapping[str, Any], layer: Place, number: int) -> tuple[Table, Block, float]:
    given = values.get("name", number)
    place = layer.at(f'filter "{given}"' if isinstance(given, str) else f"filter {number}")
    table = Table(values, place, FILTER_KEYS)
    name = table.name("name", str(number))
    weights, inputs = _parse_weights(table)
    scaled = weights * _scale(table)
    if np.abs(scaled).max() > LARGEST:
        raise table.at("scale").error("the weights become larger than 3.4e38 with it.")
    return table, Block(name, scaled, inputs), table.number("bias", 0.0)


def _scale(table: Table) -> float:
    """The factor of the weights: a number, or a fraction as text ("1/9")."""
    value = table.values.get("scale", 1.0)
    if not isinstance(value, str):
        return table.number("scale", 1.0)
    parsed = fraction(value)
    if parsed is None:
        raise table.at("scale").error(f'found {describe(value)}; a number or a fraction such as "1/9" is needed here.')
    return parsed


def _parse_weights(table: Table) -> tuple[NDArray[np.float64], Names | None]:
    """The weights `(1, C, kh, kw)` of a filter and what the slices belong to."""
    if "weights" in table and "inputs" in table:
        raise table.place.error("weights and inputs are both there. Write weights for all channels, or inputs by name.")
    if "inputs" in table:
        return _parse_inputs(table)
    if "weights" not in table:
        raise table.place.error("weights are missing. Write a matrix: weights = [[-1, 0, 1]].")
    value, place = table.values["weights"], table.at("weights")
    if is_matrices(value):
        return _join(parse_matrices(value, place)), None
    return _join([parse_matrix(value, place)]), (ALL_CHANNELS,)


def _parse_inputs(table: Table) -> tuple[NDArray[np.float64], Names]:
    value, place = table.values["inputs"], table.at("inputs")
    if not isinstance(value, dict):
        raise table.wrong("inputs", "a table of matrices by channel name, { top = [[1]] },")
    if not value:
        raise place.error("no channel is named. Write { top = [[1]] } with the names of channels of the layer below.")
    return _join([parse_piece(piece, place.at(f'"{name}"')) for name, piece in value.items()]), tuple(value)


def _join(matrices: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    size = common_size(matrices)
    return np.stack([center(matrix, size) for matrix in matrices])[np.newaxis]


def _check_inputs(table: Table, block: Block, below: Names | None) -> None:
    """See that a filter's slices fit the channels of the layer below, where these are known."""
    if below is None:
        return
    if block.inputs is None and block.weights.shape[1] != len(below):
        raise _wrong_count(table, block.weights.shape[1], below)
    for name in block.inputs or ():
        if name not in below and name != ALL_CHANNELS:
            known = did_you_mean(name, below, "The layer below has")
            raise table.at("inputs").error(f'unknown channel "{name}". {known}')


def _wrong_count(table: Table, count: int, below: Names) -> FileError:
    matrices = f"{count} matrices" if count != 1 else "1 matrix"
    channels = f"{len(below)} channel" + "s" * (len(below) != 1)
    return table.at("weights").error(f"{matrices} for a layer below of {channels} ({', '.join(below)}).")


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
