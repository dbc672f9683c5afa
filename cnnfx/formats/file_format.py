"""The format of a file of a network, recognized by its content rather than by the ending of its name."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

START_BYTES = 64
"""How many bytes of a file are looked at."""
ENDINGS = {
    ".npz": "model",
    ".npy": "npy",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".ckpt": "pytorch",
    ".bin": "toml",  # of many programs: unknown content is refused as that of a filter file
    ".safetensors": "safetensors",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".keras": "keras",
    ".onnx": "onnx",
    ".toml": "toml",
}
"""The format that an ending stands for where the content does not determine it. A name with one of these endings is the
path of a file, not the name of a preset."""
ARRAY_ENDINGS = frozenset((".npz", ".npy"))
"""Those that images can have, too."""
MAX_SAFETENSORS_HEADER = 100_000_000
"""The most bytes of the header of a safetensors file, the limit of its library."""
_ONNX_SECOND_TAGS = frozenset(b"\x12\x1a\x22\x28\x32\x3a\x42\x72")
"""The tags of the fields that may follow the version in the message ModelProto of ONNX."""


def file_format(path: str | os.PathLike[str]) -> str:
    """Return the format of a file.

    Returns
    -------
    str
        "toml", "model" (written by cnnfx), "npz" or "npy" (arrays of other origin), "pytorch", "safetensors", "hdf5",
        "keras" (a zip file) or "onnx". Files that cannot be read, and those of no known format, are what their ending
        stands for, "toml" without a known ending: reading them reports what is wrong.
    """
    start = _start(path)
    by_ending = ENDINGS.get(Path(path).suffix.lower(), "toml")
    if start.startswith(b"PK\x03\x04"):
        return _zip_format(path, by_ending)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= MAX_SAFETENSORS_HEADER:
        return "safetensors"
    if len(start) > 2 and start[0] == 0x80 and 2 <= start[1] <= 5:  # the length before may begin in this way, too
        return "pytorch"
    if len(start) > 2 and start[0] == 0x08 and start[1] < 0x40 and start[2] in _ONNX_SECOND_TAGS:
        return "onnx"
    return by_ending


def tensor_format(path: str | os.PathLike[str]) -> str:
    """Return the format of a file that is read as named tensors: a model of cnnfx is a `.npz` file."""
    found = file_format(path)
    return "npz" if found in ("model", "toml") else found


def _start(path: str | os.PathLike[str]) -> bytes:
    """Return the first bytes of a regular file; none of others: what is read from a pipe cannot be read again."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return b""
        with open(path, "rb") as file:
            return file.read(START_BYTES)
    except (OSError, ValueError):
        return b""


def _zip_format(path: str | os.PathLike[str], by_ending: str) -> str:
    from cnnfx.system.npz import NpzError, member_names  # few networks are zip files

    try:
        names: Sequence[str] = member_names(path)
    except (OSError, NpzError):
        return by_ending
    if any(name == "data.pkl" or name.endswith(("/data.pkl", "/archive_format")) for name in names):
        return "pytorch"  # the second is of torch.export
    if "model.weights.h5" in names or "config.json" in names:
        return "keras"
    return "model" if "meta.npy" in names else "npz"
