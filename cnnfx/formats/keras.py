"""Keras models and weights to networks."""

from __future__ import annotations

from pathlib import Path

from cnnfx.errors import FileError
from cnnfx.formats.keras_weights import KerasWeights
from cnnfx.formats.reading import Reading
from cnnfx.formats.tensor_file import TensorError
from cnnfx.formats.weights import network_of_tensors
from cnnfx.nn.network import Network


def read_keras(path: Path, reading: Reading) -> Network:
    """Read a network from an HDF5 file or a `.keras` file.

    Raises
    ------
    FileError
        If the file cannot be read, or does not contain a network.
    """
    try:
        with KerasWeights(path) as file:
            return network_of_tensors(path, file, reading)
    except OSError as error:
        raise FileError(f"{path}: the file cannot be read: {error.strerror or error}.") from error
    except TensorError as error:
        raise FileError(f"{path}: {error}.") from error
