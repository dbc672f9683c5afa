"""A network as a description, which is JSON, and arrays by name: what files of cnnfx's own networks hold.

    layers.0.weight, layers.0.bias           (K, C, kh, kw) and (K,), float32, in PyTorch's order; layers with filters
    start.layers.0.weight, …                 the same before training

The description has the format, layers, classes, name, preprocessing and so on, and what is known of the training run.
Model files (`.npz`), and the files of safetensors and ONNX that cnnfx writes, hold both. Files are not trusted: shapes
and sizes are checked before memory is allocated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.formats.json_text import parse_json
from cnnfx.formats.tensor_file import TensorError, TensorFile
from cnnfx.nn.classifier import Dense
from cnnfx.nn.graph import check_order, layer_sources
from cnnfx.nn.input import MAX_SIDE, Input
from cnnfx.nn.layers import Array, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.system.limits import (
    MAX_ARRAY_BYTES,
    MAX_CHANNELS,
    MAX_CLASSES,
    MAX_LAYERS,
    MAX_META_BYTES,
    MAX_NAME_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    check_limit,
    limit_text,
    number_text,
)
from cnnfx.system.sizes import shape_text
from cnnfx.system.text import shortened, shown

FORMAT = 3
"""The version of the format; newer ones are refused.

In version 3, layers may have names and read others, and `meta` has "preprocessing", the input of the network. Before,
it has "mean" and "std" instead, in version 1 "deviation" for "std", and no word on how images are fitted."""
DESCRIPTION_KEY = "cnnfx"
"""The key of the description in the metadata of files of other formats."""
FORMAT_WITH_INPUT = 3
"""The first version that records how images are fitted to the network."""
NETWORK_KEYS = ("format", "layers", "classes", "name", "description", "source", "preprocessing")
"""The keys of `meta` that describe the network; the others describe the training run."""
PLACE_KEYS = ("name", "from", "join")
"""The keys of a layer's description that say what it reads."""
EMPTY_LAYER: dict[str, Any] = {"kind": "maps", "filters": [], "combine": [], "activation": "none", "pool": None}
"""The description of a layer that does nothing, to check what the layers read before their arrays are read."""
MAX_REASON_CHARACTERS = 300
"""The most characters of the reason why `meta` does not describe a network, which may repeat names of the file."""
CHARACTER_BYTES = 4
"""The bytes of a character of the description in a model file."""
META_ERRORS = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    CnnfxError,
)
"""The errors raised if `meta` lacks a key or has a value of the wrong type; ArgumentError is a ValueError."""


def description_text(network: Network) -> str:
    """Return the description of a network as JSON text; `read_network` reads it.

    Raises
    ------
    ArgumentError
        If it is too long to be read again.
    """
    text = json.dumps(describe_network(network))
    if len(text) * CHARACTER_BYTES > MAX_META_BYTES:
        raise ArgumentError(limit_text("bytes in its description", len(text) * CHARACTER_BYTES, MAX_META_BYTES))
    return text


def describe_network(network: Network) -> dict[str, Any]:
    """Return the description of a network as data that JSON can hold."""
    layers = [layer.to_dict() for layer in network.layers]
    if network.head is not None:
        layers.append({"kind": "dense", "input": list(network.head.shape)})
    run = {key: value for key, value in network.meta.items() if key not in NETWORK_KEYS}
    described = {key: getattr(network, key) for key in ("name", "description", "source")}
    described["preprocessing"] = network.input.to_dict()
    return {"format": FORMAT, "layers": layers, "classes": list(network.classes), **run, **described}


def network_arrays(network: Network) -> dict[str, Array]:
    """Return the weights and biases of a bound network by name, float32, and those before training if it has them.

    Raises
    ------
    ArgumentError
        If an array is too large to be read again.
    """
    arrays = parameters(network, "layers")
    if network.start is not None:
        arrays |= parameters(network.start, "start.layers")
    for name, array in arrays.items():
        if array.nbytes > MAX_ARRAY_BYTES:
            raise ArgumentError(limit_text(f"bytes in the array {name}", array.nbytes, MAX_ARRAY_BYTES))
    return arrays


def parameters(network: Network, prefix: str) -> dict[str, Array]:
    """Return the weights and biases of all layers with filters and of the head by name, in order, float32.

    Raises
    ------
    ArgumentError
        If a value is too large for float32, or not finite.
    """
    parts: list[Conv | Dense | None] = [layer.conv for layer in network.layers]
    parts.append(network.head)
    return {
        array_name: as_float32(array, array_name)
        for number, part in enumerate(parts)
        if part is not None
        for array_name, array in ((f"{prefix}.{number}.weight", part.weights), (f"{prefix}.{number}.bias", part.bias))
    }


def as_float32(array: Array, name: str) -> Array:
    """Return weights or biases as float32; `name` is their name in the message if that cannot hold them.

    Raises
    ------
    ArgumentError
        If a value is too large for float32, or not finite.
    """
    with np.errstate(over="ignore"):
        result = np.asarray(array, np.float32)
    if not np.isfinite(result).all():
        raise ArgumentError(f"the array {name} has values that are not finite in float32")
    return result


def read_network(file: TensorFile, text: str) -> Network:
    """Return the network of a description and the arrays of an open file.

    Parameters
    ----------
    file : TensorFile
    text : str
        The JSON text of `description_text`.

    Raises
    ------
    TensorError
        If the text does not describe a network, or an array is missing, damaged or of another shape.
    """
    meta = _parse_meta(text)
    try:
        return _network_from_meta(file, meta)
    except META_ERRORS as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
        what = shortened(what, MAX_REASON_CHARACTERS)
        raise TensorError(
            f"its meta does not describe a network: {what}. The file is damaged, or not a model"
        ) from error


def named_after_file(network: Network, path: Path) -> Network:
    """Return a network with the name of its file if it has none of its own."""
    return replace(network, name=path.stem) if network.name == Network.name else network


def _parse_meta(text: str) -> dict[str, Any]:
    try:
        meta = parse_json(text)
    except ValueError as error:
        raise TensorError(f"its meta is not JSON ({error}). The file is damaged") from error
    version = meta.get("format") if isinstance(meta, dict) else None
    if type(version) is not int or version < 1:
        raise TensorError("its meta has no format version, so it is not a model made by cnnfx train")
    if version > FORMAT:
        raise TensorError(f"it was made by a newer cnnfx (format {version}, this one reads {FORMAT}). Upgrade cnnfx")
    if version == 1 and "deviation" in meta:
        meta["std"] = meta.pop("deviation")
    return dict(meta)


def _network_from_meta(file: TensorFile, meta: dict[str, Any]) -> Network:
    layers, head = _read_layers(file, meta["layers"], "layers")
    network = Network(
        layers,
        name=_text(meta, "name", MAX_NAME_CHARACTERS),
        description=_text(meta, "description", MAX_TEXT_CHARACTERS),
        source=_text(meta, "source", MAX_TEXT_CHARACTERS),
        input=_input_from_meta(meta),
        classes=_class_names(meta),
        head=head,
        meta={key: value for key, value in meta.items() if key not in (*NETWORK_KEYS, "mean", "std")},
    )
    scores = len(layers[-1].channel_names) if head is None else len(head.bias)
    if (head is not None or network.classes) and len(network.classes) != scores:
        raise ValueError(f"{len(network.classes)} classes for {scores} scores")
    _check_run(network)
    if not any(name.startswith("start.") for name in file.names):
        return network
    layers, head = _read_layers(file, meta["layers"], "start.layers")
    return replace(network, start=replace(network, layers=layers, head=head))


def _input_from_meta(meta: dict[str, Any]) -> Input:
    """Return the input of a network; in files of format 1 and 2, models of digits are recognized by shape and mean."""
    if meta["format"] >= FORMAT_WITH_INPUT:
        return Input(**meta["preprocessing"])
    from cnnfx.datasets.digit_preprocessing import reads_digits  # only for old files

    shape = meta.get("input")
    is_digit = shape is not None and _is_shape(shape) and reads_digits(shape, _class_names(meta), meta["mean"])
    return Input(mean=(meta["mean"],), std=(meta["std"],), fit="digit" if is_digit else "squash")


def _text(meta: dict[str, Any], key: str, limit: int) -> str:
    text = meta[key]
    if not isinstance(text, str):
        raise TypeError(f"{key} is {shown(text)}, not a text")
    check_limit(key, "characters", len(text), limit)
    return text


def _check_names(names: Iterable[str], what: str) -> None:
    check_limit(what, "characters in a name", max(map(len, names), default=0), MAX_NAME_CHARACTERS)


def _class_names(meta: dict[str, Any]) -> tuple[str, ...]:
    names = meta["classes"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("classes is not a list of names")
    check_limit("classes", "names", len(names), MAX_CLASSES)
    _check_names(names, "classes")
    return tuple(names)


def _read_layers(
    file: TensorFile, described: list[dict[str, Any]], prefix: str
) -> tuple[tuple[Layer, ...], Dense | None]:
    """Read the layers and the head. The shape of an array is checked against what the layer reads before it is read."""
    check_limit("the network", "layers", len(described), MAX_LAYERS + 1)  # the head is not one of the layers
    dense = [data["kind"] == "dense" for data in described]
    if any(dense[:-1]):
        raise ValueError("a layer follows the dense one")
    own = described[:-1] if dense and dense[-1] else described
    if not own:
        raise ValueError("there are no layers")
    graph = [Layer.from_dict({**EMPTY_LAYER, **{key: data[key] for key in PLACE_KEYS if key in data}}) for data in own]
    check_order(graph)
    layers: list[Layer] = []
    for number, (data, sources) in enumerate(zip(own, layer_sources(graph), strict=True)):
        channels = _joined_channels(graph[number], [len(layers[each - 1].channel_names) for each in sources if each])
        layers.append(_read_layer(file, f"{prefix}.{number}", data, None if 0 in sources else channels))
    head = _read_head(file, f"{prefix}.{len(own)}", described[-1], layers) if len(own) < len(described) else None
    return tuple(layers), head


def _joined_channels(layer: Layer, counts: list[int]) -> int:
    """Return the number of channels of the inputs of a layer, joined."""
    if layer.join == "concat":
        return sum(counts)
    if len(set(counts)) > 1:
        raise ValueError(f"{layer.join} of {' and '.join(map(str, counts))} channels")
    return counts[0] if counts else 0


def _read_layer(file: TensorFile, name: str, data: dict[str, Any], channels: int | None) -> Layer:
    """Read a layer that reads a number of channels, None if the number depends on the image."""
    filters = len(data["filters"])
    _check_names([name for name in (data.get("name"), *data["filters"]) if isinstance(name, str)], "a layer")
    if data["kind"] == "conv":
        groups = data["groups"]
        if channels is not None and channels % groups:
            raise ValueError(f"{channels} input channels in {groups} groups")
        own = None if channels is None else channels // groups
        weights = _read_array(file, f"{name}.weight", (filters, own, None, None))
        layer = Layer.from_dict(data, weights, _read_array(file, f"{name}.bias", (filters,)))
    else:
        if channels not in (None, filters):
            raise ValueError(f"{filters} names for {channels} channels")
        layer = Layer.from_dict(data)
    if isinstance(layer.activation.slope, tuple) and len(layer.activation.slope) != len(layer.channel_names):
        raise ValueError(f"{len(layer.activation.slope)} slopes for {len(layer.channel_names)} channels")
    return layer


def _read_head(file: TensorFile, name: str, data: dict[str, Any], layers: list[Layer]) -> Dense:
    channels, height, width = (int(size) for size in data["input"])
    if not layers or channels != len(layers[-1].channel_names) or min(height, width) < 1:
        raise ValueError(f"the dense layer's input is {data['input']}")
    bias = _read_array(file, f"{name}.bias", (None,))
    weights = _read_array(file, f"{name}.weight", (len(bias), channels * height * width))
    return Dense(weights, bias, (channels, height, width))


def _read_array(file: TensorFile, name: str, shape: tuple[int | None, ...]) -> Array:
    """Read an array of finite float32 of a given shape, in which None is any size of 1 or more."""
    if name not in file.names:
        raise TensorError(f"the array {name} is missing. The file is damaged")
    info = file.info(name)
    fits = len(info.shape) == len(shape) and all(
        size == want or (want is None and size > 0) for size, want in zip(info.shape, shape, strict=True)
    )
    if not fits or info.dtype != "float32":
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        needed = f"float32 of shape ({wanted}) is needed here. The file is damaged"
        raise TensorError(f"the array {name} is {info.dtype} of shape {info.shape}; {needed}")
    if info.nbytes > MAX_ARRAY_BYTES:
        raise TensorError(
            f"the array {name} is {number_text(info.nbytes)} bytes large; the limit is {MAX_ARRAY_BYTES:,}"
        )
    array = file.read(name).astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise TensorError(f"the array {name} has values that are not finite. The file is damaged")
    return array


# The description of the training run


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_shape(value: Any) -> bool:
    limits = (MAX_CHANNELS, MAX_SIDE, MAX_SIDE)
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(type(size) is int and 0 < size <= limit for size, limit in zip(value, limits, strict=True))
    )


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(item is None or type(item) in (int, float) for item in value)


RUN_CHECKS: dict[str, Callable[[Any], bool]] = {
    "dataset": lambda value: isinstance(value, str),
    "seed": _is_count,
    "epochs": _is_count,
    "input": _is_shape,
    "accuracy": _is_history,
}
"""The keys of the run that other modules read, and whether a value is of the right type."""


def _check_run(network: Network) -> None:
    """Check the types in the description of the run, and that images of its size fit the network.

    Raises
    ------
    ValueError
        If a value is of the wrong type, or such images do not fit.
    """
    for key, is_valid in RUN_CHECKS.items():
        if key in network.meta and not is_valid(network.meta[key]):
            raise ValueError(f"{key} is {shortened(json.dumps(network.meta[key]))}")
    if network.head is None or "input" not in network.meta:
        return
    channels, height, width = network.meta["input"]
    bound = network.bind([str(index) for index in range(channels)])
    maps = bound.output_shapes((channels, height, width))[-1]
    if maps != network.head.shape:
        given, made, read = map(shape_text, (network.meta["input"], maps, network.head.shape))
        raise ValueError(f"from an input of {given} the layers make {made}; the dense layer takes {read}")
