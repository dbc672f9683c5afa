"""Libraries of optional extras, imported where a file needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cnnfx.errors import FileError

LIBRARIES = {"onnx": "onnx", "h5py": "keras", "safetensors": "safetensors"}
"""The extra that installs each library."""


def import_library(library: str, what: str, module: str = "") -> Any:
    """Import a library of an optional extra, or one of its modules.

    Parameters
    ----------
    library : str
        A key of `LIBRARIES`.
    what : str
        What needs it, for the message: a file, or "writing model.onnx".
    module : str, optional
        The module, if it is not the library itself.

    Raises
    ------
    FileError
        If it is not installed; the message has the command that installs it.
    """
    try:
        return import_module(module or library)
    except ImportError:
        extra = LIBRARIES[library]
        raise FileError(
            f"{what}: this needs the library {library}, which is not installed. "
            f"Install it with pip install 'cnnfx[{extra}]'."
        ) from None
