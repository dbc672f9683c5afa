"""Write a network as a filter file that a person can read and edit, and that computes the same.

The tables of the file come first, as `tomllib` would read them; then their text, in which matrices stand in columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.geometry import Pads, Pair
from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats.toml_file import parse_network
from cnnfx.formats.toml_schema import MAX_FLOAT32, Location
from cnnfx.nn.input import Input, channels_name
from cnnfx.nn.layers import ALL_CHANNELS, Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.system.limits import MAX_TOML_BYTES, number_text

SAMPLE = 1_000
"""About how many weights of a layer are looked at to estimate the size of its text."""
MAX_LINE = 100
"""Arrays of longer text have a line for each item."""
HEADER = (
    "# A filter file of cnnfx. Each filter has a matrix for each input channel, in order, or one for all channels.\n"
)
"""The first line of a file."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_NOT_IN_NAMES = re.compile(r"[/\\:]")

Table = dict[str, Any]


def write_toml(file: IO[bytes], network: Network) -> None:
    """Write a network to an open binary file as a filter file.

    Weights of float32 are written with as many digits as it takes to read the same float32 back. A classifier head
    becomes a layer of filters as large as the maps. What is known of the training run is left out.

    Raises
    ------
    ArgumentError
        If it is too large for a filter file, or has something that filter files cannot have.
    """
    file.write(toml_text(network).encode())


def toml_text(network: Network) -> str:
    """Return the text of a filter file; see `write_toml`."""
    network = _with_head_as_layer(network)
    if _estimated_bytes(network) > MAX_TOML_BYTES:  # text that is too long would take long to make
        raise _too_large(network)
    tables = network_tables(network)
    try:
        parse_network(tables, Location("it would be read with the error"), network.name)
    except FileError as error:
        raise ArgumentError(f"a filter file cannot hold this network: {error}") from error
    text = HEADER + _text_of(tables, network)
    if len(text.encode()) > MAX_TOML_BYTES:
        raise _too_large(network)
    return text


def _estimated_bytes(network: Network) -> float:
    """Return about how many bytes the weights of a network take as text, with a comma and a space for each."""
    weights = [layer.conv.weights.ravel() for layer in network.layers if layer.conv is not None]
    samples = [_decimal(array[:: max(1, array.size // SAMPLE)]) for array in weights]
    means = [sum(len(_inline(float(number))) + 2 for number in sample) / sample.size for sample in samples]
    return sum(array.size * mean for array, mean in zip(weights, means, strict=True))


def _too_large(network: Network) -> ArgumentError:
    numbers = sum(layer.conv.weights.size for layer in network.layers if layer.conv is not None)
    return ArgumentError(
        f"{network.name} has {number_text(numbers)} weights, too many for a filter file, which has at most "
        f"{MAX_TOML_BYTES // 1_000_000} MB of text. Write fewer layers, or a model (.npz).",
        remedy="fewer_layers",
    )


def _with_head_as_layer(network: Network) -> Network:
    """Return a network whose classifier head is a layer of filters as large as the maps that it reads."""
    head = network.head
    if head is None:
        return network
    weights = head.weights.reshape(len(head.bias), *head.shape)
    layer = Layer(Conv(weights, head.bias), network.classes)
    size, shape = network.input.size, network.training_shape
    channels = network.input.channels
    if shape is not None:
        size, channels = size or shape[1:], channels_name(shape[0])
    network_input = replace(network.input, size=size, channels=channels)
    return replace(network, layers=(*network.layers, layer), head=None, input=network_input)


# Tables


def network_tables(network: Network) -> Table:
    """Return the tables of a filter file, as `tomllib` would read them, of a network without head.

    Raises
    ------
    ArgumentError
        If it has something that filter files cannot have.
    """
    tables: Table = {"name": _NOT_IN_NAMES.sub("-", network.name)}
    tables |= {key: getattr(network, key) for key in ("description", "source") if getattr(network, key)}
    if network.classes:
        tables["classes"] = list(network.classes)
    if given := _input_table(network.input):
        tables["input"] = given
    layers = [_layer_table(layer, network.layer_owner(number)) for number, layer in enumerate(network.layers, 1)]
    if len(layers) == 1 and "filter" in layers[0] and not layers[0].keys() & {"name", "from"}:
        return tables | layers[0]
    return tables | {"layer": layers}


def _input_table(network_input: Input) -> Table:
    """Return the table of the input, without what is so by default."""
    default, values = Input().to_dict(), network_input.to_dict()
    table = {key: value for key, value in values.items() if value != default.get(key)}
    if "size" in table:
        table["size"] = _pair(table["size"])
    return table | {key: _one_or_list(table[key]) for key in ("mean", "std") if key in table}


def _layer_table(layer: Layer, owner: str) -> Table:
    table: Table = {"name": layer.name} if layer.name else {}
    if layer.sources:
        table["from"] = _one_or_list(layer.sources)
        if len(layer.sources) > 1 and layer.join != "concat":
            table["join"] = layer.join
    if layer.conv is not None:
        table |= _window_tables(layer.conv)
    if layer.combine:
        table["combine"] = _combination_tables(layer, owner)
    table |= _activation_tables(layer.activation)
    if layer.local_response is not None:
        table["local_response"] = dict(vars(layer.local_response))
    if layer.pool is not None:
        table["pool"] = _pool_value(layer.pool)
    if layer.conv is None:
        if not layer.sources and not table.keys() & {"activation", "local_response", "pool"}:
            table["activation"] = "none"  # a layer needs a step, or the name of what it reads
        return table
    return table | _filter_tables(layer.conv, layer.filter_names)


def _window_tables(conv: Conv) -> Table:
    """Return stride, dilation, padding and border of filters, where they are not the default."""
    window = conv.window
    table: Table = {
        key: _pair(getattr(window, key)) for key in ("stride", "dilation") if getattr(window, key) != (1, 1)
    }
    if window.padding != ((0, 0), (0, 0)):
        table["padding"] = window.padding if window.padding == "same" else _padding_value(window.padding)
    if window.border != "constant":
        table["border"] = window.border
    return table


def _pair(value: Pair) -> int | list[int]:
    return value[0] if value[0] == value[1] else list(value)


def _padding_value(pads: Pads) -> int | list[int] | list[list[int]]:
    (top, bottom), (left, right) = pads
    return _pair((top, left)) if top == bottom and left == right else [[top, bottom], [left, right]]


def _one_or_list(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else list(values)


def _combination_tables(layer: Layer, owner: str) -> list[Table]:
    """Return the entries of `combine`: those after each filter's own channel, which every file has.

    Raises
    ------
    ArgumentError
        If the output channels do not begin with those of all filters in order.
    """
    names = layer.filter_names
    own = tuple(Combination(name, "take", (index,)) for index, name in enumerate(names))
    if layer.combine[: len(own)] != own or any(channel.kind == "take" for channel in layer.combine[len(own) :]):
        raise ArgumentError(
            f"{owner}: its output channels are not those of all filters, followed by combinations, which is the order "
            "that filter files have."
        )
    rest = layer.combine[len(own) :]
    return [{"name": each.name, "kind": each.kind, "of": [names[index] for index in each.of]} for each in rest]


def _activation_tables(activation: Activation) -> Table:
    table: Table = {"activation": activation.kind} if activation.kind != "none" else {}
    slope = activation.slope
    if slope is not None:  # those of prelu are read as float32
        table["slope"] = _decimal(np.array(slope, np.float32)).tolist() if isinstance(slope, tuple) else slope
    return table


def _pool_value(pool: Pool) -> str | Table:
    data = pool.to_data()
    if isinstance(data, str):
        return data
    assert pool.size is not None  # pooling of whole maps is a text
    table: Table = {"kind": pool.kind, "size": _pair(pool.size)}
    if pool.stride != pool.size:
        table["stride"] = _pair(pool.stride)
    if pool.padding != ((0, 0), (0, 0)):
        table["padding"] = _padding_value(pool.padding)
    return table | {key: True for key in ("ceil", "count_padding") if getattr(pool, key)}


def _filter_tables(conv: Conv, names: Sequence[str]) -> Table:
    """Return the filters, each in a table of its own; in groups, as tensors."""
    weights, bias = _decimal(conv.weights), _decimal(conv.bias)
    numbers = [str(number) for number in range(1, len(names) + 1)]
    if conv.groups > 1:
        table: Table = {"groups": conv.groups} | ({"names": list(names)} if list(names) != numbers else {})
        table["weights"] = weights.tolist()
        return table | ({"bias": bias.tolist()} if bias.any() else {})
    filters = []
    for name, number, kernels, offset in zip(names, numbers, weights, bias, strict=True):
        one: Table = {} if name == number else {"name": name}
        one |= {"bias": float(offset)} if offset else {}
        filters.append(one | _kernel_tables(kernels, conv.inputs))
    return {"filter": filters}


def _kernel_tables(kernels: NDArray[Any], inputs: tuple[str, ...] | None) -> Table:
    """Return `weights` or `inputs` of a filter with kernels `(C, kh, kw)`."""
    if inputs is None:
        return {"weights": kernels.tolist()}
    used = [index for index, kernel in enumerate(kernels) if kernel.any()] or [0]
    if [inputs[index] for index in used] == [ALL_CHANNELS]:
        return {"weights": kernels[used[0]].tolist()}
    return {"inputs": {inputs[index]: kernels[index].tolist() for index in used}}


def _decimal(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return an array as float64; numbers of float32 become those with the fewest digits that are read as the same."""
    if array.dtype != np.float32:
        return np.asarray(array, np.float64)
    shortest = np.array([float(str(number)) for number in array.ravel()], np.float64)
    return np.clip(shortest, -MAX_FLOAT32, MAX_FLOAT32).reshape(array.shape)  # that of the largest number is larger


# Text


def _text_of(tables: Table, network: Network) -> str:
    """Return the text of the tables of a file."""
    parts = [_values_text({key: value for key, value in tables.items() if key not in ("input", "layer", "filter")})]
    if "input" in tables:
        parts.append("[input]\n" + _values_text(tables["input"]))
    parts += [_filter_text(each, "filter") for each in tables.get("filter", [])]
    for number, table in enumerate(tables.get("layer", []), 1):
        layer, own = network.layers[number - 1], {key: value for key, value in table.items() if key != "filter"}
        parts.append(f"# {layer.name or f'Layer {number}'}: {layer.describe()}.\n[[layer]]\n{_values_text(own)}")
        parts += [_filter_text(each, "layer.filter") for each in table.get("filter", [])]
    return "\n".join(parts)


def _filter_text(table: Table, path: str) -> str:
    own = {key: value for key, value in table.items() if key != "inputs"}
    text = f"[[{path}]]\n{_values_text(own)}"
    return text + (f"[{path}.inputs]\n{_values_text(table['inputs'])}" if "inputs" in table else "")


def _values_text(table: Mapping[str, Any]) -> str:
    """Return a line for each key and value; arrays may take several."""
    return "".join(_value_text(f"{_key(key)} = ", value) + "\n" for key, value in table.items())


def _value_text(start: str, value: Any) -> str:
    """Return `start` followed by a value, whose further lines are indented below it."""
    depth = _depth(value)
    if depth == 2 and isinstance(value[0][0], int | float):
        return start + _matrix_text(value, " " * len(start))
    if depth > 2:
        indent = " " * (len(start) - len(start.lstrip()))
        items = [_value_text(f"{indent}  ", item) for item in value]
        return f"{start}[\n" + "".join(f"{item},\n" for item in items) + f"{indent}]"
    text = _inline(value)
    if isinstance(value, list) and len(start) + len(text) > MAX_LINE:
        return f"{start}[\n" + "".join(f"  {_inline(item)},\n" for item in value) + "]"
    return start + text


def _depth(value: Any) -> int:
    """Return how many arrays are inside each other; 0 of a number or text."""
    return 1 + _depth(value[0]) if isinstance(value, list) and value else int(isinstance(value, list))


def _matrix_text(rows: Sequence[Sequence[float]], indent: str) -> str:
    """Return a matrix with a line for each row, and its numbers in columns."""
    texts = [[_inline(number) for number in row] for row in rows]
    width = max(len(text) for row in texts for text in row)
    lines = [f"[{', '.join(text.rjust(width) for text in row)}]" for row in texts]
    return "[" + f",\n{indent} ".join(lines) + "]"


def _inline(value: Any) -> str:
    """Return a value in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # TOML has all escapes of JSON
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e6 else repr(value)
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_inline(item)}' for key, item in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    return str(value)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _inline(name)
