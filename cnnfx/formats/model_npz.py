"""`model.npz` to a `Network`; sizes and shapes are checked before anything is trusted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from cnnfx.errors import FileError
from cnnfx.nn.layers import Array, Conv, Dense
from cnnfx.nn.network import Layer, Network
from cnnfx.system.npz import NpzError, NpzReader, write_npz


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(_is_count(size) and size > 0 for size in value)


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(part is None or type(part) in (int, float) for part in value)


KINDS: dict[str, Callable[[Any], bool]] = {
    "dataset": lambda value: isinstance(value, str),
    "seed": _is_count,
    "epochs": _is_count,
    "input": _is_shape,
    "accuracy": _is_history,
}
"""What is read of a run, where it is told, and what it must be."""


def check_run(network: Network) -> None:
    """See that what the network's `meta` tells can be used, and that images of the size it tells fit the network.

    Raises
    ------
    ValueError
        If something is of another kind.
    ArgumentError
        If such images do not fit a layer.
    """
    for key, fits in KINDS.items():
        if key in network.meta and not fits(network.meta[key]):
            raise ValueError(f"{key} is {json.dumps(network.meta[key])[:60]}")
    if network.head is None or "input" not in network.meta:
        return
    channels, height, width = network.meta["input"]
    bound = network.bind([str(index) for index in range(channels)])
    made = bound.output_shapes((channels, height, width))[-1]
    if made != network.head.shape:
        sizes = ("×".join(map(str, shape)) for shape in (network.meta["input"], made, network.head.shape))
        raise ValueError("of an input of {} the layers make maps of {}; the dense layer takes {}".format(*sizes))


FORMAT = 2
"""The version of the format; a reader refuses a newer one. Version 1 named the input's `std` "deviation"."""


def save_model(path: str | os.PathLike[str], network: Network, training: Mapping[str, Array] | None = None) -> None:
    """Write a network to a file, whole or not at all.

    Parameters
    ----------
    path : str or path
    network : Network
        Bound to its input channels, so that all weights are `(K, C, kh, kw)`.
    training : mapping of str to array, optional
        What is needed to resume.

    Raises
    ------
    FileError
        If it cannot be written; what was there stays.
    """
    arrays = {"meta": np.array(json.dumps(_describe(network)))}
    arrays |= parameters(network, "layers")
    if network.start is not None:
        arrays |= parameters(network.start, "start.layers")
    arrays |= {f"training.{name}": array for name, array in (training or {}).items()}
    write_npz(path, arrays)


def _describe(network: Network) -> dict[str, Any]:
    """What `meta` tells of a network; what its own `meta` says of the run stands beside it."""
    described: dict[str, Any] = {key: value for key, value in network.meta.items() if key not in OWN}
    described |= {key: getattr(network, key) for key in ("name", "description", "source", "mean", "std")}
    layers = [layer.to_dict() for layer in network.layers]
    if network.head is not None:
        layers.append({"kind": "dense", "input": list(network.head.shape)})
    return {"format": FORMAT, "layers": layers, "classes": list(network.classes), **described}


OWN = ("format", "layers", "classes", "name", "description", "source", "mean", "std")
"""The keys of `meta` that tell of the network itself."""


def parameters(network: Network, prefix: str) -> dict[str, Array]:
    """The arrays of all layers and the head by name, in order."""
    parts: list[Conv | Dense] = [layer.conv for layer in network.layers]
    if network.head is not None:
        parts.append(network.head)
    return {
        f"{prefix}.{number}.{name}": np.asarray(array, np.float32)
        for number, part in enumerate(parts)
        for name, array in (("weight", part.weights), ("bias", part.bias))
    }


LARGEST_TEXT = 4_000_000
LARGEST_ARRAY = 1 << 28
"""Bytes of an array; no network that this program makes comes near it."""


def load_model(path: str | os.PathLike[str]) -> Network:
    """The network in a file that `save_model` wrote.

    Raises
    ------
    FileError
        If it cannot be read, is damaged, or was written by a newer version; the message says what is wrong.
    """
    with _open(path) as archive:
        return _read_network(archive)


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[Network, dict[str, Array]]:
    """The network in a file, and the arrays of the training run that wrote it (none if it holds none).

    Raises
    ------
    FileError
        As `load_model`.
    """
    with _open(path) as archive:
        network = _read_network(archive)
        count = sum(array.size for array in parameters(network, "layers").values())
        return network, {
            name.removeprefix("training."): archive.read(name, max(LARGEST_TEXT, 4 * count))
            for name in archive.names
            if name.startswith("training.")
        }


@contextmanager
def _open(path: str | os.PathLike[str]) -> Iterator[NpzReader]:
    """Open a model file; what is wrong with it becomes a `FileError` that names it."""
    try:
        with NpzReader(path) as archive:
            yield archive
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file. Check the path; cnnfx train makes a model.") from None
    except IsADirectoryError:
        raise FileError(f"{path}: this is a folder. Give a model in it.") from None
    except OSError as error:
        raise FileError(f"{path}: the file cannot be read: {error.strerror or error}.") from error
    except NpzError as error:
        raise FileError(f"{path}: {error}.") from error


def _read_network(archive: NpzReader) -> Network:
    meta = _read_meta(archive)
    try:
        return _build(archive, meta)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise NpzError(f"its meta does not describe a network: {what}. The file is damaged, or not a model") from error


def _read_meta(archive: NpzReader) -> dict[str, Any]:
    if "meta" not in archive.names:
        raise NpzError("it holds no meta, so it is not a model made by cnnfx train")
    text = archive.read("meta", LARGEST_TEXT)
    if text.dtype.kind != "U" or text.ndim != 0:
        raise NpzError("its meta is not a text, so it is not a model made by cnnfx train")
    try:
        meta = json.loads(str(text))
    except (ValueError, RecursionError) as error:
        raise NpzError(f"its meta is not JSON ({error}). The file is damaged") from error
    version = meta.get("format") if isinstance(meta, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise NpzError("its meta tells no format version, so it is not a model made by cnnfx train")
    if version > FORMAT:
        raise NpzError(f"it was made by a newer cnnfx (format {version}, this one reads {FORMAT}). Upgrade cnnfx")
    if version == 1 and "deviation" in meta:
        meta["std"] = meta.pop("deviation")
    return dict(meta)


def _build(archive: NpzReader, meta: dict[str, Any]) -> Network:
    layers = _read_layers(archive, meta, "layers")
    network = replace(
        layers,
        name=str(meta["name"]),
        description=str(meta["description"]),
        source=str(meta["source"]),
        mean=_finite(meta, "mean"),
        std=_finite(meta, "std"),
        classes=tuple(_texts(meta["classes"])),
        meta={key: value for key, value in meta.items() if key not in OWN},
    )
    if network.std <= 0:
        raise ValueError("std is not more than 0")
    if network.head is not None and len(network.classes) != len(network.head.bias):
        raise ValueError(f"{len(network.classes)} classes for {len(network.head.bias)} scores")
    check_run(network)
    if any(name.startswith("start.") for name in archive.names):
        start = _read_layers(archive, meta, "start.layers")
        network = replace(network, start=replace(network, layers=start.layers, head=start.head))
    return network


def _finite(meta: dict[str, Any], key: str) -> float:
    value = meta[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError(f"{key} is not a finite number")
    return float(value)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of names is something else")
    return value


def _read_layers(archive: NpzReader, meta: dict[str, Any], prefix: str) -> Network:
    """The layers and the head; each weight's shape must follow from the layer below before it is read."""
    layers: list[Layer] = []
    head = None
    for number, told in enumerate(meta["layers"]):
        if head is not None:
            raise ValueError("a layer stands above the dense one")
        if told["kind"] == "dense":
            head = _read_dense(archive, f"{prefix}.{number}", told, layers)
        else:
            layers.append(_read_layer(archive, f"{prefix}.{number}", told, layers[-1] if layers else None))
    if not layers:
        raise ValueError("there are no layers")
    return Network(tuple(layers), head=head)


def _read_layer(archive: NpzReader, name: str, data: dict[str, Any], below: Layer | None) -> Layer:
    filters = len(data["filters"])
    depth = None if below is None else len(below.channel_names) // data["groups"]
    weights = _read_array(archive, f"{name}.weight", (filters, depth, None, None))
    return Layer.from_dict(data, weights, _read_array(archive, f"{name}.bias", (filters,)))


def _read_dense(archive: NpzReader, name: str, told: dict[str, Any], layers: list[Layer]) -> Dense:
    channels, height, width = (int(size) for size in told["input"])
    if not layers or channels != len(layers[-1].channel_names) or min(height, width) < 1:
        raise ValueError(f"the dense layer's input is {told['input']}")
    bias = _read_array(archive, f"{name}.bias", (None,))
    weights = _read_array(archive, f"{name}.weight", (len(bias), channels * height * width))
    return Dense(weights, bias, (channels, height, width))


def _read_array(archive: NpzReader, name: str, shape: tuple[int | None, ...]) -> Array:
    """An array of finite float32 of a shape, where None stands for any size from 1 on."""
    if name not in archive.names:
        raise NpzError(f"the array {name} is missing. The file is damaged")
    header = archive.header(name)
    found, dtype = header.shape, header.dtype
    fits = len(found) == len(shape) and all(
        size == want or (want is None and size > 0) for size, want in zip(found, shape, strict=True)
    )
    if not fits or dtype != np.float32:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        needed = f"float32 of shape ({wanted}) is needed here. The file is damaged"
        raise NpzError(f"the array {name} is {dtype} of shape {found}; {needed}")
    array = archive.read(name, LARGEST_ARRAY)
    if not np.isfinite(array).all():
        raise NpzError(f"the array {name} holds numbers that are not finite. The file is damaged")
    return array
