"""Filter files: a layer's table to its filters, combinations, activation, normalization and pooling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from cnnfx.conv import Border
from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats.toml_filters import Inputs, Names, ParsedFilters, parse_filters
from cnnfx.formats.toml_schema import Location, Table, check_unique, describe, suggestion
from cnnfx.nn.layers import ACTIVATIONS, COMBINATIONS, Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.shapes import Array
from cnnfx.system.sizes import counted, shape_text

if TYPE_CHECKING:
    from cnnfx.formats.batch_norm import BatchNorm
    from cnnfx.formats.toml_tensors import Tensors
    from cnnfx.nn.normalization import LocalResponse

WINDOW_KEYS = ("stride", "dilation", "padding", "border")
"""The settings of the filters' positions."""
SETTING_KEYS = (*WINDOW_KEYS, "combine", "activation", "slope", "local_response", "pool")
"""The settings of a layer."""
TENSOR_KEYS = ("weights", "bias", "names", "groups", "filters", "size", "dense", "flatten", "batch_norm")
"""The keys of a layer whose filters are tensors rather than `[[filter]]` tables."""
LAYER_KEYS = ("filter", *SETTING_KEYS, *TENSOR_KEYS)
"""The keys of a layer's table."""
COMBINATION_KEYS = ("name", "kind", "of")
"""The keys of an entry of `combine`."""
COMBINATION_KINDS = tuple(kind for kind in COMBINATIONS if kind != "take")
"""The kinds of combination that a file can have; "take" is used internally for the filters' own channels."""
POOL_KEYS = ("kind", "size", "stride", "padding", "ceil", "count_padding")
"""The keys of a table of `pool`."""
RESPONSE_KEYS = ("size", "alpha", "beta", "k")
"""The keys of a table of `local_response`."""
BATCH_NORM_KEYS = ("weight", "bias", "running_mean", "running_var", "epsilon")
"""The keys of a table of `batch_norm`."""
FLATTEN_AXES = {"chw": (0, 1, 2, 3), "hwc": (0, 3, 1, 2), "whc": (0, 3, 2, 1)}
"""The orders in which dense filters read the values of maps, with the axes that bring weights to (K, C, H, W)."""
ONLY_TENSORS = ("bias", "names", "groups", "filters", "size", "dense", "flatten")
"""The keys of `TENSOR_KEYS` that need weights in the same table."""
CLASSES = "classes"
"""The value of `names` that names the filters after the classes."""


class Context(NamedTuple):
    """What a layer's table refers to.

    Attributes
    ----------
    inputs : Inputs
    classes : tuple of str
        The names of the network's classes, if it has any.
    named_tensors : Tensors, optional
        The tensors of the file that the filter file names, if it names any.
    """

    inputs: Inputs
    classes: Names
    named_tensors: Tensors | None

    def tensors(self) -> Tensors:
        """Return what reads tensors, those written in the filter file, too."""
        from cnnfx.formats.toml_tensors import Tensors  # most filter files have none

        return self.named_tensors or Tensors()


def parse_layer(table: Table, context: Context, place: Layer) -> Layer:
    """Return the layer of a table.

    Parameters
    ----------
    table : Table
    context : Context
    place : Layer
        A layer with the name, the sources and the join, but nothing else.

    Raises
    ------
    FileError
        If something in the table is missing, unknown or of the wrong type.
    """
    names, conv = _parse_conv(table, context, bool(place.sources))
    combinations = _parse_combinations(table, names)
    activation = _parse_activation(table, context, len(combinations) or len(names))
    return replace(
        place,
        conv=conv,
        filter_names=names,
        combine=combinations,
        activation=activation,
        local_response=_parse_local_response(table),
        pool=_parse_pool(table),
    )


# Filters


def _parse_conv(table: Table, context: Context, reads_named: bool) -> tuple[Names, Conv | None]:
    """Return the names of the filters of a layer, and the filters; None and the names of its inputs without filters."""
    if "weights" in table:
        filters = _parse_tensors(table, context)
    elif "filter" in table or not (reads_named or _has_steps(table)):
        _refuse(table, ONLY_TENSORS, "weights", "a layer with weights = …")
        filters = parse_filters(table, context.inputs)
    elif "batch_norm" in table:
        keys = tuple(key for key in ONLY_TENSORS if key != "names")
        _refuse(table, (*keys, *WINDOW_KEYS), "filters", "a layer with filters")
        return _parse_batch_norm_alone(table, context)
    else:
        _refuse(table, (*ONLY_TENSORS, *WINDOW_KEYS), "filters", "a layer with filters")
        return context.inputs.names or (), None
    weights, bias = filters.weights, filters.bias
    if "batch_norm" in table:
        norm = _parse_batch_norm(table, context, len(weights))
        try:
            weights, bias = norm.fold(weights, bias)
        except ArgumentError as error:
            raise _sentence(table.at("batch_norm"), error) from error
    return filters.names, _conv(table, weights, bias, filters.inputs, _parse_groups(table, context, weights))


def _has_steps(table: Table) -> bool:
    """Return whether the table has a step that needs no filters."""
    return any(key in table for key in ("pool", "activation", "local_response", "batch_norm"))


def _refuse(table: Table, keys: tuple[str, ...], missing: str, where: str) -> None:
    for key in keys:
        if key in table:
            raise table.at(key).error(f"the layer has no {missing}. Write {key} in {where}.")


def _conv(table: Table, weights: Any, bias: Any, inputs: Names | None, groups: int) -> Conv:
    try:
        return Conv(
            weights,
            bias,
            inputs,
            stride=table.values.get("stride", 1),
            dilation=table.values.get("dilation", 1),
            padding=table.values.get("padding", "valid"),
            border=cast(Border, table.text("border", "constant")),  # Conv checks it
            groups=groups,
        )
    except ArgumentError as error:
        raise _sentence(table.location, error) from error


def _sentence(location: Location, error: ArgumentError) -> FileError:
    message = str(error)
    return location.error(message if message.endswith(("?", ".")) else f"{message}.")


def _parse_tensors(table: Table, context: Context) -> ParsedFilters:
    """Return the filters of a layer with `weights`: the name of a tensor, or an array (K, C, kh, kw)."""
    if "filter" in table:
        raise table.location.error("weights and [[filter]] are both given. Write one or the other.")
    tensors, value, location = context.tensors(), table.values["weights"], table.at("weights")
    shape = tensors.shape(value, location)
    count = _whole_above_0(table, "filters") if "filters" in table else None
    if table.flag("dense"):
        _check_axes(shape, value, location, "(filters, inputs)")
        dense = tensors.read(value, (count, shape[1]), location)
        weights = _unflattened(table, dense, _dense_size(table, context.inputs, shape[1]))
    else:
        _refuse(table, ("flatten",), "dense filters", "a layer with dense = true")
        _check_axes(shape, value, location, "(filters, channels, rows, columns)")
        size = _size(table) if "size" in table else (None, None)
        weights = tensors.read(value, (count, _channels(table, context.inputs), *size), location)
    bias = np.zeros(len(weights), np.float32)
    if "bias" in table:
        bias = tensors.read(table.values["bias"], (len(weights),), table.at("bias"))
    return ParsedFilters(_parse_names(table, context, len(weights)), weights, bias, None)


def _check_axes(shape: tuple[int, ...], value: Any, location: Location, needed: str) -> None:
    if len(shape) != len(needed.split(",")):
        found = f'the tensor "{value}" has the shape' if isinstance(value, str) else "found an array of shape"
        raise location.error(f"{found} {shape}; {needed} is needed here.")


def _size(table: Table) -> tuple[int, int]:
    """Return the rows and columns at `size`, one number for both or two."""
    value = table.values["size"]
    sides = value if isinstance(value, list) and len(value) == 2 else [value, value]
    if not all(type(side) is int and side > 0 for side in sides):
        raise table.wrong_type("size", "a whole number from 1, or [rows, columns],")
    return sides[0], sides[1]


def _unflattened(table: Table, weights: Array, size: tuple[int, int]) -> Array:
    """Return dense weights (K, inputs) as filters (K, C, rows, columns), from the order of inputs at `flatten`."""
    axes = FLATTEN_AXES[table.choice("flatten", FLATTEN_AXES, "chw")]
    shape = len(weights), weights.shape[1] // (size[0] * size[1]), *size
    stored = weights.reshape([shape[axes.index(axis)] for axis in range(4)])
    return np.ascontiguousarray(stored.transpose(axes))


def _dense_size(table: Table, inputs: Inputs, features: int) -> tuple[int, int]:
    """Return rows and columns of the maps that dense filters read, from `size` or as a square."""
    if "size" in table:
        rows, columns = _size(table)
    elif inputs.channels is None:
        raise table.location.error("the number of input channels is not known here. Write size = [rows, columns].")
    else:
        rows = columns = round((features / inputs.channels) ** 0.5)
    channels = inputs.channels or features // (rows * columns)
    if channels * rows * columns != features:
        size = shape_text((channels, rows, columns))
        hint = "" if "size" in table else " Write size = [rows, columns]."
        raise table.at("weights").error(f"{features} inputs of the dense filters are not {size}.{hint}")
    return rows, columns


def _channels(table: Table, inputs: Inputs) -> int | None:
    """Return the number of channels that each filter must have; None if it depends on the image."""
    if table.values.get("groups") == "depthwise":
        return 1
    groups = _whole_groups(table)
    if inputs.channels is None:
        return None
    if inputs.channels % groups:
        raise table.at("groups").error(f"{inputs.channels} input channels cannot be divided into {groups} groups.")
    return inputs.channels // groups


def _parse_groups(table: Table, context: Context, weights: Any) -> int:
    count = context.inputs.channels
    depthwise = table.values.get("groups") == "depthwise"
    if depthwise and count is None:
        raise table.at("groups").error("the number of input channels is not known here. Write groups = NUMBER.")
    groups = count or 1 if depthwise else _whole_groups(table)
    if len(weights) % groups:
        raise table.at("groups").error(f"{len(weights)} filters cannot be divided into {groups} groups.")
    return groups


def _whole_groups(table: Table) -> int:
    return _whole_above_0(table, "groups", 'a whole number from 1, or "depthwise",') if "groups" in table else 1


def _whole_above_0(table: Table, key: str, needed: str = "a whole number from 1") -> int:
    value = table.values[key]
    if type(value) is not int or value < 1:
        raise table.wrong_type(key, needed)
    return value


def _parse_names(table: Table, context: Context, count: int) -> Names:
    """Return the names of filters that are tensors: those in the file, those of the classes, or numbers from 1."""
    value, location = table.values.get("names"), table.at("names")
    if value is None:
        return tuple(str(number) for number in range(1, count + 1))
    if value == CLASSES:
        if not context.classes:
            raise location.error('the file has no classes. Write classes = ["…", "…"] at the top.')
        names = context.classes
    elif isinstance(value, list):
        given = {f"name {number}": name for number, name in enumerate(value, 1)}
        names = tuple(map(Table(given, location, given).name, given))
    else:
        raise table.wrong_type("names", 'an array of names, or "classes",')
    if len(names) != count:
        raise location.error(f"{counted(len(names), 'name')} for {counted(count, 'filter')}.")
    check_unique(names, location, "filters")
    return names


# Batch normalization


def _parse_batch_norm(table: Table, context: Context, count: int | None) -> BatchNorm:
    """Return the batch normalization of a layer, of `count` channels if they are known."""
    from cnnfx.formats.batch_norm import DEFAULT_EPSILON, BatchNorm  # few files have it

    value, location = table.values["batch_norm"], table.at("batch_norm")
    if isinstance(value, str):
        value = {key: f"{value}.{key}" for key in BATCH_NORM_KEYS[:-1]}
    given = Table(value, location, BATCH_NORM_KEYS)
    for key in ("running_mean", "running_var"):
        if key not in given:
            raise location.error(f"{key} is missing. It needs running_mean and running_var.")
    tensors = context.tensors()
    mean = tensors.read(given.values["running_mean"], (count,), given.at("running_mean"))
    gamma, beta, variance = (
        tensors.read(given.values.get(key, default), (len(mean),), given.at(key))
        for key, default in (("weight", 1.0), ("bias", 0.0), ("running_var", 1.0))
    )
    return BatchNorm(gamma, beta, mean, variance, given.number("epsilon", DEFAULT_EPSILON))


def _parse_batch_norm_alone(table: Table, context: Context) -> tuple[Names, Conv]:
    """Return a batch normalization without filters before it, as filters of one channel each."""
    norm = _parse_batch_norm(table, context, context.inputs.channels)
    try:
        weights, bias = norm.to_filters()
    except ArgumentError as error:
        raise _sentence(table.at("batch_norm"), error) from error
    names = context.inputs.names if context.inputs.names and "names" not in table else None
    return names or _parse_names(table, context, len(bias)), _conv(table, weights, bias, None, len(bias))


# Combinations


def _parse_combinations(table: Table, filters: Names) -> tuple[Combination, ...]:
    """Return the output channels: each filter's feature map, then the combinations; empty without combinations."""
    entries = table.values.get("combine", [])
    if not isinstance(entries, list):
        raise table.wrong_type("combine", 'an array of tables, [{ name = "…", kind = "norm", of = ["…", "…"] }],')
    if not entries:
        return ()
    tables = [_combination_table(entry, table.location, number) for number, entry in enumerate(entries, 1)]
    names = tuple(entry.name("name") for entry in tables)
    check_unique((*filters, *names), table.location, "filters or combinations")
    combinations = [_parse_combination(entry, filters, names) for entry in tables]
    own = [Combination(name, "take", (index,)) for index, name in enumerate(filters)]
    return (*own, *combinations)


def _combination_table(entry: Any, layer: Location, number: int) -> Table:
    name = entry.get("name") if isinstance(entry, dict) else None
    location = layer.at(f'combine "{name}"' if isinstance(name, str) else f"combine {number}")
    return Table(entry, location, COMBINATION_KEYS)


def _parse_combination(table: Table, filters: Names, combinations: Names) -> Combination:
    for key in ("kind", "of"):
        if key not in table:
            raise table.location.error(f"{key} is missing. It needs name, kind and of.")
    kind = table.choice("kind", COMBINATION_KINDS)
    of = table.values["of"]
    if not isinstance(of, list) or not of or not all(isinstance(name, str) for name in of):
        raise table.wrong_type("of", "an array of filter names")
    if kind == "difference" and len(of) < 2:
        raise table.at("of").error("a difference needs at least two filters: the first minus all others.")
    indexes = tuple(_filter_index(name, filters, combinations, table.at("of")) for name in of)
    repeated = next((name for index, name in enumerate(of) if name in of[:index]), None)
    if repeated is not None:
        raise table.at("of").error(f'"{repeated}" is listed twice. Name each filter once.')
    return Combination(table.name("name"), kind, indexes)


def _filter_index(name: str, filters: Names, combinations: Names, location: Location) -> int:
    if name in combinations:
        raise location.error(
            f'"{name}" is a combination; only filters can be combined. Use a further [[layer]] for more.'
        )
    if name not in filters:
        raise location.error(f'unknown filter "{name}". {suggestion(name, filters, "There are")}'.rstrip())
    return filters.index(name)


# Activation, normalization and pooling


def _parse_activation(table: Table, context: Context, channels: int) -> Activation:
    kind = table.choice("activation", tuple(ACTIVATIONS), "none")
    slope: Any = None
    if "slope" in table:
        if kind == "prelu":
            wanted = (channels or None,)  # no channels are known of a layer without filters on an image
            slope = context.tensors().read(table.values["slope"], wanted, table.at("slope")).tolist()
        else:
            slope = table.number("slope", 0.0)
    elif kind == "prelu":
        raise table.location.error("slope is missing. Write the slope for each channel, or the name of a tensor.")
    try:
        return Activation.of(kind, slope)
    except ArgumentError as error:
        raise _sentence(table.at("slope"), error) from error


def _parse_local_response(table: Table) -> LocalResponse | None:
    if "local_response" not in table:
        return None
    from cnnfx.nn.normalization import LocalResponse  # few networks have it

    given = Table(table.values["local_response"], table.at("local_response"), RESPONSE_KEYS)
    if "size" not in given:
        raise given.location.error("size is missing. Write { size = 5 }, the number of channels.")
    numbers = {key: given.number(key, 0.0) for key in RESPONSE_KEYS[1:] if key in given}
    try:
        return LocalResponse(given.whole("size"), **numbers)
    except ArgumentError as error:
        raise _sentence(given.location, error) from error


def _parse_pool(table: Table) -> Pool | None:
    if "pool" not in table:
        return None
    value = table.values["pool"]
    if isinstance(value, Mapping):
        return _parse_pool_table(Table(value, table.at("pool"), POOL_KEYS))
    if not isinstance(value, str):
        raise table.wrong_type("pool", "a text or a table")
    try:
        return Pool.parse(value)
    except ArgumentError:
        found = describe(value)
        raise table.at("pool").error(
            f'found {found}; write "max:2" or "mean:2", with any whole number from 1.'
        ) from None


def _parse_pool_table(table: Table) -> Pool:
    for key in ("kind", "size"):
        if key not in table:
            raise table.location.error(f'{key} is missing. Write {{ kind = "max", size = 3, stride = 2 }}.')
    kind = table.choice("kind", ("max", "mean", "avg"))
    settings: dict[str, Any] = {key: _whole_numbers(table, key) for key in ("stride", "padding") if key in table}
    size = None if table.values["size"] == "all" else _whole_numbers(table, "size")
    flags = {key: table.flag(key) for key in ("ceil", "count_padding")}
    try:
        return Pool("mean" if kind == "avg" else kind, size, **settings, **flags)
    except ArgumentError as error:
        raise _sentence(table.location, error) from error


def _whole_numbers(table: Table, key: str) -> Any:
    """Return a whole number, or an array of two, or of two such arrays; `Pool` checks what the key allows."""
    value = table.values[key]
    pairs = value if isinstance(value, list) else [value]
    numbers = [number for pair in pairs for number in (pair if isinstance(pair, list) else [pair])]
    if not numbers or not all(type(number) is int for number in numbers):
        raise table.wrong_type(key, "a whole number, or [vertical, horizontal],")
    return value
