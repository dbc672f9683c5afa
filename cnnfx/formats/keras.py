"""Keras models and weights to networks."""

from __future__ import annotations

from pathlib import Path

from cnnfx.formats.reading import Reading
from cnnfx.nn.network import Network


def read_keras(path: Path, reading: Reading) -> Network:
    """Read a network from a file."""
    raise NotImplementedError
