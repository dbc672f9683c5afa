"""Write a network to a file of a format that cnnfx, PyTorch, ONNX Runtime or a text editor opens."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from cnnfx.errors import ArgumentError
from cnnfx.formats.image_channels import bound_to_image
from cnnfx.formats.model_npz import write_model
from cnnfx.formats.onnx.writer import write_onnx
from cnnfx.formats.safetensors_writer import write_safetensors
from cnnfx.formats.toml_writer import write_toml
from cnnfx.nn.network import Network
from cnnfx.system.files import atomic_write

WRITERS: dict[str, Callable[[IO[bytes], Network], None]] = {
    "npz": write_model,
    "safetensors": write_safetensors,
    "onnx": write_onnx,
    "toml": write_toml,
}
"""The function that writes each format to an open binary file, by the ending of such files."""
UNBOUND = ("onnx", "toml")
"""The formats whose writers take networks whose filters read channels by name, or any number of them."""


def save_network(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to a file, atomically; the ending of its name determines the format.

    Parameters
    ----------
    network : Network
        Filters that read channels by name, or any number of them, are written for images of three channels (red, green
        and blue) if they read colors, otherwise for gray ones; see `Network.color_mode`. Filter files keep the names.
    path : str or path
        `.npz` (a model of cnnfx), `.safetensors` (the arrays of a model, for PyTorch and others), `.onnx`, or `.toml`
        (a filter file that can be read and edited).

    Raises
    ------
    ArgumentError
        If the ending is of no such format, or the format cannot hold the network.
    FileError
        If the file cannot be written, or a library that writes it is not installed; an existing file stays unchanged.
    """
    format = network_format(Path(path).suffix, str(path))
    with atomic_write(path) as file:
        try:
            write_network(file, network, format)
        except ArgumentError as error:
            raise error.prefixed(str(path)) from error


def network_format(ending: str, where: str) -> str:
    """Return the key of `WRITERS` that an ending, with or without dot, stands for.

    Raises
    ------
    ArgumentError
        If there is no such format; the message begins with `where`, the file or what else has the ending.
    """
    format = ending.lower().removeprefix(".")
    if format not in WRITERS:
        endings = ", ".join(f".{known}" for known in WRITERS)
        raise ArgumentError(f"{where}: networks are written as {endings}.", remedy="network_format")
    return format


def write_network(file: IO[bytes], network: Network, format: str) -> None:
    """Write a network to an open binary file; see `save_network`.

    Raises
    ------
    ArgumentError
        If the format cannot hold the network.
    """
    WRITERS[format](file, network if format in UNBOUND else bound_to_image(network))
