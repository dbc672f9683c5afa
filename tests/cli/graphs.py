"""A small network like SqueezeNet as a filter file, for tests of commands on graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIZES = {
    "conv1": (8, 3, 3), "fire2/squeeze": (3, 8, 1), "fire2/expand1x1": (6, 3, 1), "fire2/expand3x3": (6, 3, 3),
    "scores": (4, 12, 1),
}  # fmt: skip
"""The filters, input channels and size of the kernels of each layer that has filters."""


def write_graph(folder: Path, name: str = "little") -> Path:
    """Write a filter file with a fire module, overlapping pooling and four classes, and its tensors."""
    random, tensors = np.random.default_rng(3), {}
    for layer, (count, channels, size) in SIZES.items():
        tensors[f"{layer}.weight"] = random.normal(size=(count, channels, size, size)).astype(np.float32)
        tensors[f"{layer}.bias"] = random.normal(size=count).astype(np.float32)
    np.savez(folder / f"{name}.npz", **tensors)
    path = folder / f"{name}.toml"
    path.write_text(f"""
name = "{name}"
tensors = "{name}.npz"
classes = ["cat", "dog", "bird", "tree"]
[input]
channels = "rgb"
size = 32
scale = 255
mean = [120, 110, 100]
std = [60, 60, 60]
[[layer]]
name = "conv1"
weights = "conv1.weight"
bias = "conv1.bias"
stride = 2
activation = "relu"
pool = {{ kind = "max", size = 3, stride = 2 }}
[[layer]]
name = "fire2/squeeze"
weights = "fire2/squeeze.weight"
bias = "fire2/squeeze.bias"
activation = "relu"
[[layer]]
name = "fire2/expand1x1"
weights = "fire2/expand1x1.weight"
bias = "fire2/expand1x1.bias"
activation = "relu"
[[layer]]
name = "fire2/expand3x3"
from = "fire2/squeeze"
weights = "fire2/expand3x3.weight"
bias = "fire2/expand3x3.bias"
padding = 1
activation = "relu"
[[layer]]
name = "fire2"
from = ["fire2/expand1x1", "fire2/expand3x3"]
[[layer]]
name = "scores"
weights = "scores.weight"
bias = "scores.bias"
[[layer]]
name = "classes"
pool = "mean:all"
""")
    return path
