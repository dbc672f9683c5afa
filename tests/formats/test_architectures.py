"""Known architectures are recognized by the names and shapes of their tensors, and run as networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from cnnfx.formats.architectures import find_architecture, read_architecture
from cnnfx.formats.reading import Reading
from cnnfx.formats.tensor_file import TensorFile, TensorInfo
from cnnfx.formats.torchvision import NETWORKS
from cnnfx.nn.network import Network

Shape = tuple[int, ...]


class Tensors(TensorFile):
    """Tensors of given shapes, whose values are made where they are read; `reads` has the names of those."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self.shapes = dict(shapes)
        self.reads: list[str] = []

    @property
    def names(self) -> list[str]:
        return list(self.shapes)

    def info(self, name: str) -> TensorInfo:
        return TensorInfo(self.shapes[name], "float32", 4 * math.prod(self.shapes[name]))

    def read(self, name: str) -> np.ndarray:
        self.reads.append(name)
        return np.full(self.shapes[name], 0.5, np.float32)

    def close(self) -> None:
        pass


def shapes_of(name: str, classes: int = 1000) -> dict[str, Shape]:
    """Return the tensors of a network of `NETWORKS`, with those that only training needs."""
    shapes: dict[str, Shape] = {}
    channels = {"": 3}
    below = ""
    for table in NETWORKS[name]():
        sources = table.get("from", [below])
        read = [channels[source] for source in ([sources] if isinstance(sources, str) else sources)]
        count = read[0] if "join" in table or len(read) == 1 else sum(read)
        if "weights" in table:
            filters, side = table.get("filters", classes), table["size"]
            inputs = 1 if table.get("groups") == "depthwise" else count
            dense = filters, inputs * side**2
            shapes[table["weights"]] = dense if table.get("dense") else (filters, inputs, side, side)
            count = filters
            if "bias" in table:
                shapes[table["bias"]] = (filters,)
            if "batch_norm" in table:
                for key in ("weight", "bias", "running_mean", "running_var"):
                    shapes[f"{table['batch_norm']}.{key}"] = (filters,)
                shapes[f"{table['batch_norm']}.num_batches_tracked"] = ()
        below = table["name"]
        channels[below] = count
    return shapes


def read(shapes: Mapping[str, Shape], layer: str | int | None = None) -> Network:
    network = read_architecture(Path("net.pth"), Tensors(shapes), Reading(layer))
    assert network is not None
    return network


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_torchvision_is_recognized(name):
    found = find_architecture(Tensors(shapes_of(name)))
    assert found is not None
    assert found["description"] == f"{name} of torchvision."
    assert [layer["name"] for layer in found["layer"]] == [layer["name"] for layer in NETWORKS[name]()]


def test_a_recognized_network_has_the_input_and_the_classes_of_imagenet():
    network = read(shapes_of("ResNet-18"))
    assert network.input.size == (224, 224)
    assert (network.input.fit, network.input.resize, network.input.mean) == ("crop", 256, (0.485, 0.456, 0.406))
    assert network.classes[285] == "Egyptian cat"
    assert (network.name, network.description) == ("net", "ResNet-18 of torchvision.")
