"""`model.npz` to a `Network`; sizes and shapes are checked before anything is trusted."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

import numpy as np

from cnnfx.checkpoint.archive import Archive
from cnnfx.checkpoint.run import check_run
from cnnfx.checkpoint.writing import FORMAT, OWN, parameters
from cnnfx.errors import ArgumentError
from cnnfx.layers import ACTIVATIONS, COMBINATIONS, Activation, Array, Combination, Conv, Dense, Pool
from cnnfx.network import Layer, Network

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
    with Archive(path) as archive:
        return _read_network(archive)


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[Network, dict[str, Array]]:
    """The network in a file, and the arrays of the training run that wrote it (none if it holds none).

    Raises
    ------
    FileError
        As `load_model`.
    """
    with Archive(path) as archive:
        network = _read_network(archive)
        count = sum(array.size for array in parameters(network, "layers").values())
        return network, {
            name.removeprefix("training."): archive.read(name, max(LARGEST_TEXT, 4 * count))
            for name in archive.names
            if name.startswith("training.")
        }


def _read_network(archive: Archive) -> Network:
    meta = _read_meta(archive)
    try:
        return _build(archive, meta)
    except (KeyError, TypeError, ValueError, AttributeError, ArgumentError, OverflowError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise archive.error(
            f"its meta does not describe a network: {what}. The file is damaged, or not a model"
        ) from error


def _read_meta(archive: Archive) -> dict[str, Any]:
    if "meta" not in archive.names:
        raise archive.error("it holds no meta, so it is not a model made by cnnfx train")
    text = archive.read("meta", LARGEST_TEXT)
    if text.dtype.kind != "U" or text.ndim != 0:
        raise archive.error("its meta is not a text, so it is not a model made by cnnfx train")
    try:
        meta = json.loads(str(text))
    except (ValueError, RecursionError) as error:
        raise archive.error(f"its meta is not JSON ({error}). The file is damaged") from error
    version = meta.get("format") if isinstance(meta, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise archive.error("its meta tells no format version, so it is not a model made by cnnfx train")
    if version > FORMAT:
        raise archive.error(f"it was made by a newer cnnfx (format {version}, this one reads {FORMAT}). Upgrade cnnfx")
    return dict(meta)


def _build(archive: Archive, meta: dict[str, Any]) -> Network:
    layers = _read_layers(archive, meta, "layers")
    network = replace(
        layers,
        name=str(meta["name"]),
        description=str(meta["description"]),
        source=str(meta["source"]),
        mean=_finite(meta, "mean"),
        deviation=_finite(meta, "deviation"),
        classes=tuple(_texts(meta["classes"])),
        meta={key: value for key, value in meta.items() if key not in OWN},
    )
    if network.deviation <= 0:
        raise ValueError("deviation is not more than 0")
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


def _read_layers(archive: Archive, meta: dict[str, Any], prefix: str) -> Network:
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


def _read_layer(archive: Archive, name: str, told: dict[str, Any], below: Layer | None) -> Layer:
    filters = tuple(_texts(told["filters"]))
    groups = told["groups"]
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or len(filters) % groups:
        raise ValueError(f"{len(filters)} filters in {groups!r} groups")
    depth = None if below is None else len(below.channel_names) // groups
    weights = _read_array(archive, f"{name}.weight", (len(filters), depth, None, None))
    conv = Conv(
        weights,
        _read_array(archive, f"{name}.bias", (len(filters),)),
        stride=_frozen(told["stride"]),
        dilation=_frozen(told["dilation"]),
        padding=_frozen(told["padding"]),
        border=told["border"],
        groups=groups,
    )
    combine = tuple(_read_combination(one, len(filters)) for one in told["combine"])
    if told["kind"] != "conv" or told["activation"] not in ACTIVATIONS:
        raise ValueError(f"a layer of kind {told['kind']!r} with activation {told['activation']!r}")
    kind, _, size = (told["pool"] or "").partition(":")
    pool = Pool(kind, int(size)) if kind else None
    return Layer(conv, filters, combine, Activation(told["activation"]), pool)


def _read_combination(told: dict[str, Any], filters: int) -> Combination:
    of = tuple(told["of"])
    if (
        told["kind"] not in COMBINATIONS
        or not of
        or not all(isinstance(index, int) and 0 <= index < filters for index in of)
    ):
        raise ValueError(f"a combination {told!r}")
    return Combination(str(told["name"]), told["kind"], of)


def _read_dense(archive: Archive, name: str, told: dict[str, Any], layers: list[Layer]) -> Dense:
    channels, height, width = (int(size) for size in told["input"])
    if not layers or channels != len(layers[-1].channel_names) or min(height, width) < 1:
        raise ValueError(f"the dense layer's input is {told['input']}")
    bias = _read_array(archive, f"{name}.bias", (None,))
    weights = _read_array(archive, f"{name}.weight", (len(bias), channels * height * width))
    return Dense(weights, bias, (channels, height, width))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _read_array(archive: Archive, name: str, shape: tuple[int | None, ...]) -> Array:
    """An array of finite float32 of a shape, where None stands for any size from 1 on."""
    if name not in archive.names:
        raise archive.error(f"the array {name} is missing. The file is damaged")
    found, dtype = archive.header(name)
    fits = len(found) == len(shape) and all(
        size == want or (want is None and size > 0) for size, want in zip(found, shape, strict=True)
    )
    if not fits or dtype != np.float32:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        needed = f"float32 of shape ({wanted}) is needed here. The file is damaged"
        raise archive.error(f"the array {name} is {dtype} of shape {found}; {needed}")
    array = archive.read(name, LARGEST_ARRAY)
    if not np.isfinite(array).all():
        raise archive.error(f"the array {name} holds numbers that are not finite. The file is damaged")
    return array
