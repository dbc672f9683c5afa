"""Write a network as a safetensors file, which PyTorch and other programs read tensor by tensor.

The tensors are the arrays of a model file, and the metadata its description; see `cnnfx.formats.model`.
"""

from __future__ import annotations

from typing import IO

from cnnfx.formats.extras import import_library
from cnnfx.formats.model import DESCRIPTION_KEY, description_text, network_arrays
from cnnfx.nn.network import Network


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
    # The library writes several entries of metadata in an order that differs from run to run.
    file.write(library.save(network_arrays(network), {DESCRIPTION_KEY: description_text(network)}))
