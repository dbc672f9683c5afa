"""Safetensors files written by hand, well-formed and damaged ones."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

CODES = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64", "uint8": "U8", "bool": "BOOL"}


def write_header(path: Path, header: dict[str, Any] | bytes, data: bytes = b"") -> Path:
    """Write a file with a header, as data or as text, and the bytes after it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    """Return the entry of a tensor in the header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def write_arrays(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> Path:
    """Write arrays one after the other."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, array in arrays.items():
        values = array.tobytes()
        header[name] = entry(CODES[array.dtype.name], list(array.shape), len(data), len(data) + len(values))
        data += values
    return write_header(path, header, data)
