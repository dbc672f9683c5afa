"""cnnfx: a convolutional layer from the shell, and its parts as a library.

`correlate` computes the cross-correlation of arrays with filters; `load_image` and `load_network` read what the command
line reads; `network(image)` returns feature maps; `grid` draws them. `train`, `predict`, `explain` and `show_patterns`
are the commands of these names; `evidence` is what `predict` draws.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # the module typing takes longer to import than this one
if TYPE_CHECKING:
    from typing import Any

    from cnnfx.conv import correlate
    from cnnfx.errors import ArgumentError, CnnfxError, FileError, UsageError
    from cnnfx.formats import load_network
    from cnnfx.formats.kernel_text import parse_kernel
    from cnnfx.formats.save import save_network
    from cnnfx.images import Image, load_image
    from cnnfx.nn.layers import Layer
    from cnnfx.nn.network import Network
    from cnnfx.pipeline.evidence import evidence
    from cnnfx.pipeline.explain import explain
    from cnnfx.pipeline.patterns import show_patterns
    from cnnfx.render.feature_grid import grid, save_grid
    from cnnfx.training.predict import predict
    from cnnfx.training.train import train

__all__ = [
    "ArgumentError",
    "CnnfxError",
    "FileError",
    "Image",
    "Layer",
    "Network",
    "UsageError",
    "correlate",
    "evidence",
    "explain",
    "grid",
    "load_image",
    "load_network",
    "parse_kernel",
    "predict",
    "save_grid",
    "save_network",
    "show_patterns",
    "train",
]

_MODULES = {
    "correlate": "cnnfx.conv",
    "ArgumentError": "cnnfx.errors",
    "CnnfxError": "cnnfx.errors",
    "FileError": "cnnfx.errors",
    "UsageError": "cnnfx.errors",
    "load_network": "cnnfx.formats",
    "parse_kernel": "cnnfx.formats.kernel_text",
    "save_network": "cnnfx.formats.save",
    "Image": "cnnfx.images",
    "load_image": "cnnfx.images",
    "Layer": "cnnfx.nn.layers",
    "Network": "cnnfx.nn.network",
    "evidence": "cnnfx.pipeline.evidence",
    "explain": "cnnfx.pipeline.explain",
    "show_patterns": "cnnfx.pipeline.patterns",
    "grid": "cnnfx.render.feature_grid",
    "save_grid": "cnnfx.render.feature_grid",
    "predict": "cnnfx.training.predict",
    "train": "cnnfx.training.train",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts without NumPy."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
