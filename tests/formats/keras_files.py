"""Small HDF5 files as Keras 1, 2 and 3 write them, for tests."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Weights = Mapping[str, Sequence[tuple[str, np.ndarray]]]
"""The name and the values of each array of each layer."""


def write_listed(path: Path, layers: Weights, *, config: Any = None, **attributes: str) -> Path:
    """Write weights as Keras 1 and 2 do, or a whole model if there is a configuration."""
    import h5py

    with h5py.File(path, "w") as file:
        top = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
            top = file.create_group("model_weights")
        top.attrs.update(attributes)
        top.attrs["layer_names"] = [name.encode() for name in layers]
        for layer, arrays in layers.items():
            group = top.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name, _ in arrays]
            for name, array in arrays:
                group.create_dataset(name, data=array)
    return path


def write_numbered(path: Path, layers: Mapping[str, tuple[str, Sequence[np.ndarray]]]) -> Path:
    """Write weights as Keras 3 does: the path of each group, the name of its layer and its arrays."""
    import h5py

    with h5py.File(path, "w") as file:
        for group, (name, arrays) in layers.items():
            variables = file.create_group(f"{group}/vars")
            variables.attrs["name"] = name
            for number, array in enumerate(arrays):
                variables[str(number)] = array
    return path


def write_keras(
    path: Path,
    layers: Mapping[str, tuple[str, Sequence[np.ndarray]]],
    config: Any,
    compression: int = zipfile.ZIP_STORED,
    version: str = "3.15.1",
) -> Path:
    """Write a `.keras` file."""
    weights = write_numbered(path.with_suffix(".weights.h5"), layers)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(config))
        archive.write(weights, "model.weights.h5")
    weights.unlink()
    return path


def entry(kind: str, name: str, *sources: str, **config: Any) -> dict[str, Any]:
    """Return the configuration of a layer that reads others, as Keras 2 writes it."""
    nodes = [[[source, 0, 0, {}] for source in sources]] if sources else []
    return {"class_name": kind, "config": {"name": name, **config}, "name": name, "inbound_nodes": nodes}


def image_entry(*shape: int | None) -> dict[str, Any]:
    """Return the configuration of the image, called "image"."""
    return entry("InputLayer", "image", batch_input_shape=[None, *shape])


def functional(*layers: dict[str, Any], outputs: Sequence[str] = (), name: str = "model") -> dict[str, Any]:
    """Return the configuration of a model of layers, by default with the last one as its output."""
    last = outputs or [layers[-1]["name"]]
    images = [layer["name"] for layer in layers if layer["class_name"] == "InputLayer"]
    config = {
        "name": name,
        "layers": list(layers),
        "input_layers": [[each, 0, 0] for each in images],
        "output_layers": [[each, 0, 0] for each in last],
    }
    return {"class_name": "Functional", "config": config}


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of a chain of layers."""
    return {"class_name": "Sequential", "config": {"name": "chain", "layers": list(layers)}}
