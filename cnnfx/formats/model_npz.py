"""Model files: a network as an `.npz` file, with the arrays of the training run that wrote it.

    meta                                     JSON: the description of the network, and the run
    layers.0.weight, layers.0.bias           the arrays of the network; see `cnnfx.formats.model`
    start.layers.0.weight, …                 the same before training
    training.…                               what is needed to resume

Files are not trusted: shapes and sizes are checked before memory is allocated, and pickles are never opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

import numpy as np

from cnnfx.errors import FileError
from cnnfx.formats.model import description_text, network_arrays, parameters, read_network
from cnnfx.formats.tensor_file import NpzTensorFile, TensorError
from cnnfx.nn.layers import Array
from cnnfx.nn.network import Network
from cnnfx.system.files import atomic_write
from cnnfx.system.limits import MAX_META_BYTES
from cnnfx.system.npz import NpzError, NpzReader, save_npz


def save_model(path: str | os.PathLike[str], network: Network, training: Mapping[str, Array] | None = None) -> None:
    """Write a network to a file, atomically.

    Parameters
    ----------
    path : str or path
    network : Network
        Bound to its input channels, so that all weights are `(K, C, kh, kw)`.
    training : mapping of str to array, optional
        What is needed to resume the training run.

    Raises
    ------
    FileError
        If the file cannot be written; an existing file stays unchanged.
    """
    with atomic_write(path) as file:
        write_model(file, network, training)


def write_model(file: IO[bytes], network: Network, training: Mapping[str, Array] | None = None) -> None:
    """Write a network to an open binary file; see `save_model`."""
    arrays = {"meta": np.array(description_text(network)), **network_arrays(network)}
    save_npz(file, arrays | {f"training.{name}": array for name, array in (training or {}).items()})


def load_model(path: str | os.PathLike[str]) -> Network:
    """Load the network of a file that `save_model` wrote.

    Raises
    ------
    FileError
        If the file cannot be read, is damaged, or has a newer format; the message says what is wrong.
    """
    with _open(path) as file:
        return read_network(file, _read_meta(file.archive))


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[Network, dict[str, Array]]:
    """Load the network of a file and the arrays of its training run, an empty dict if it has none.

    Raises
    ------
    FileError
        As `load_model`.
    """
    with _open(path) as file:
        network = read_network(file, _read_meta(file.archive))
        # The optimizer keeps arrays as large as all parameters together.
        count = sum(array.size for array in parameters(network, "layers").values())
        max_bytes = max(MAX_META_BYTES, 4 * count)
        return network, {
            name.removeprefix("training."): file.archive.read(name, max_bytes)
            for name in file.names
            if name.startswith("training.")
        }


@contextmanager
def _open(path: str | os.PathLike[str]) -> Iterator[NpzTensorFile]:
    """Open a model file; errors inside become a `FileError` that names it."""
    try:
        with NpzTensorFile(path) as file:
            yield file
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file. Check the path; cnnfx train makes a model.") from None
    except IsADirectoryError:
        raise FileError(f"{path}: this is a folder. Give a model in it.") from None
    except OSError as error:
        raise FileError(f"{path}: the file cannot be read: {error.strerror or error}.") from error
    except (NpzError, TensorError) as error:
        raise FileError(f"{path}: {error}.") from error


def _read_meta(archive: NpzReader) -> str:
    if "meta" not in archive.names:
        raise NpzError("it has no meta, so it is not a model made by cnnfx train")
    text = archive.read("meta", MAX_META_BYTES)
    if text.dtype.kind != "U" or text.ndim != 0:
        raise NpzError("its meta is not a text, so it is not a model made by cnnfx train")
    return str(text)
