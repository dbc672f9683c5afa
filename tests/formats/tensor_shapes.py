"""The names and shapes of the tensors of known architectures, as files of weights have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnnfx.formats.presets import shipped_folder
from cnnfx.formats.toml_text import read_toml
from cnnfx.formats.torchvision import NETWORKS

Shape = tuple[int, ...]
Table = dict[str, Any]

ARCHITECTURES = shipped_folder() / "architectures"


def shapes_of(name: str, classes: int = 1000) -> dict[str, Shape]:
    """Return the tensors of a network of `NETWORKS`, with those that only training needs."""
    return shapes_of_layers(NETWORKS[name](), classes)


def shapes_of_file(name: str) -> dict[str, Shape]:
    """Return the tensors of the network in a file of `ARCHITECTURES`."""
    values = read_toml(ARCHITECTURES / f"{name}.toml")
    classes = values.get("classes")
    return shapes_of_layers(values["layer"], len(classes) if isinstance(classes, list) else 1000)


def shapes_of_layers(tables: Iterable[Table], classes: int) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    channels = {"": 3}
    below = ""
    for table in tables:
        sources = table.get("from", [below])
        read = [channels[source] for source in ([sources] if isinstance(sources, str) else sources)]
        count = read[0] if "join" in table or len(read) == 1 else sum(read)
        if "weights" in table:
            names = table.get("names", ())
            filters, side = table.get("filters", classes if names == "classes" else len(names)), table["size"]
            inputs = 1 if table.get("groups") == "depthwise" else count
            dense = filters, inputs * side**2
            shapes[table["weights"]] = dense if table.get("dense") else (filters, inputs, side, side)
            count = filters
            if "bias" in table:
                shapes[table["bias"]] = (filters,)
            if "slope" in table:
                shapes[table["slope"]] = (filters,)
            if "batch_norm" in table:
                for key in ("weight", "bias", "running_mean", "running_var"):
                    shapes[f"{table['batch_norm']}.{key}"] = (filters,)
                shapes[f"{table['batch_norm']}.num_batches_tracked"] = ()
        below = table["name"]
        channels[below] = count
    return shapes
