"""Weights without a graph: the tensors of a file that can be filters, one of them as a layer, or all of a network."""

from __future__ import annotations

from pathlib import Path

from cnnfx.errors import FileError
from cnnfx.formats.reading import Reading
from cnnfx.formats.tensor_file import TensorError, TensorFile, open_tensor_file
from cnnfx.nn.network import Network

ORDERS = {
    "pytorch": "(K, C, kh, kw), of PyTorch and ONNX",
    "keras": "(kh, kw, C, K), of Keras, TensorFlow and JAX",
    "depthwise": "(kh, kw, C, m), of depthwise layers of Keras and TensorFlow: m filters for each channel",
    "mlx": "(K, kh, kw, C), of MLX",
    "theano": "(K, C, kh, kw) with kernels rotated by 180°, of Theano",
}
"""The orders of the axes of filters in files, with a description of each."""


def read_weights(path: Path, kind: str, reading: Reading) -> Network:
    """Read a network from a file of named tensors.

    Parameters
    ----------
    path : path
    kind : str
        The format of the file; see `cnnfx.formats.file_format.file_format`.
    reading : Reading

    Raises
    ------
    FileError
        If the file cannot be read, or the tensors are neither those of a known architecture nor those of
        `reading.arch`, and `reading.layer` does not name one that can be filters.
    """
    try:
        with open_tensor_file(path, kind) as file:
            return network_of_tensors(path, file, reading)
    except OSError as error:
        raise FileError(f"{path}: the file cannot be read: {error.strerror or error}.") from error
    except TensorError as error:
        raise FileError(f"{path}: {error}.") from error


def network_of_tensors(path: Path, file: TensorFile, reading: Reading) -> Network:
    """Return the network of an open file of tensors; see `read_weights`."""
    raise NotImplementedError
