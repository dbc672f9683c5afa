"""Write a network as a safetensors file, which PyTorch and other programs read tensor by tensor.

The tensors are the arrays of a model file, and the metadata its description; see `cnnfx.formats.model`.
"""

from __future__ import annotations

from typing import IO

from cnnfx.formats.extras import import_library
from cnnfx.formats.model import DESCRIPTION_KEY, description_text, network_arrays
from cnnfx.nn.network import Network

FORMAT_KEY, FORMAT = "format", "pt"
"""The entry of the metadata by which programs recognize tensors in PyTorch's order."""


def write_safetensors(file: IO[bytes], network: Network) -> None:
    """Write a bound network to an open binary file.

    Raises
    ------
    ArgumentError
        If its description is too long, or an array too large, to be read again.
    FileError
        If the library safetensors is not installed; the message has the command that installs it.
    """
    library = import_library("safetensors", "writing a safetensors file", "safetensors.numpy")
    metadata = {FORMAT_KEY: FORMAT, DESCRIPTION_KEY: description_text(network)}
    file.write(library.save(network_arrays(network), metadata))
