"""ONNX files to networks."""

from __future__ import annotations

from pathlib import Path

from cnnfx.formats.reading import Reading
from cnnfx.nn.network import Network


def read_onnx(path: Path, reading: Reading) -> Network:
    """Read a network from a file."""
    raise NotImplementedError


def external_files(path: Path) -> list[Path]:
    """Return the files beside an ONNX file that hold values of its tensors."""
    return []
