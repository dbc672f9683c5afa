"""A `Network` to `model.npz`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from cnnfx.checkpoint.archive import write_archive
from cnnfx.layers import Array, Conv, Dense
from cnnfx.network import Layer, Network

FORMAT = 1
"""The version of the format; a reader refuses a newer one."""


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
    write_archive(path, arrays)


def _describe(network: Network) -> dict[str, Any]:
    """What `meta` tells of a network; what its own `meta` says of the run stands beside it."""
    described: dict[str, Any] = {key: value for key, value in network.meta.items() if key not in OWN}
    described |= {key: getattr(network, key) for key in ("name", "description", "source", "mean", "deviation")}
    layers = [_describe_layer(layer) for layer in network.layers]
    if network.head is not None:
        layers.append({"kind": "dense", "input": list(network.head.shape)})
    return {"format": FORMAT, "layers": layers, "classes": list(network.classes), **described}


OWN = ("format", "layers", "classes", "name", "description", "source", "mean", "deviation")
"""The keys of `meta` that tell of the network itself."""


def _describe_layer(layer: Layer) -> dict[str, Any]:
    window = layer.conv.window
    return {
        "kind": "conv",
        "filters": list(layer.filter_names),
        "stride": window.stride,
        "dilation": window.dilation,
        "padding": window.padding,
        "border": window.border,
        "groups": layer.conv.groups,
        "combine": [output._asdict() for output in layer.combine],
        "activation": layer.activation.kind,
        "pool": f"{layer.pool.kind}:{layer.pool.size}" if layer.pool else None,
    }


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
