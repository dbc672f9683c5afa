"""Files of named tensors: the interface of their readers, which the weights of networks come from.

A reader gives names, shapes and types without reading values, and reads one tensor at a time. Files are not trusted:
sizes are checked before memory is allocated.
"""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from numpy.typing import NDArray

from cnnfx.system.npz import NpyHeader, NpzError, NpzReader


class TensorError(Exception):
    """Malformed or refused content of a file of tensors. The text is a clause without a final period."""


class TensorInfo(NamedTuple):
    """What is known of a tensor before its values are read.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        The type of the values in the file, in NumPy's words where it has one: "float32", "bfloat16", "int64".
    nbytes : int
        The memory that `TensorFile.read` needs for the result.
    """

    shape: tuple[int, ...]
    dtype: str
    nbytes: int

    @property
    def has_numbers(self) -> bool:
        """Whether the values are integers or floats."""
        return self.dtype.startswith(("float", "bfloat", "int", "uint"))


class TensorFile(ABC):
    """An open file of named tensors, to be used as a context manager.

    Methods raise `TensorError` for malformed content, and `OSError` if the operating system cannot read the file.

    Attributes
    ----------
    order : str or None
        The order of the axes of filters in the file, if its format or its content determines it: a key of
        `cnnfx.formats.filter_order.ORDERS`.
    holds_arrays : bool
        Whether the file has arrays as NumPy writes them, of which those with two axes may be kernels. In the files of
        other programs, they are the weights of dense layers.
    metadata : mapping of str to str
        Texts that the file holds beside the tensors; empty in most formats.
    """

    order: str | None = None
    holds_arrays: bool = False
    metadata: Mapping[str, str] = {}

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """The names of the tensors, each once, in the order of the file."""

    @abstractmethod
    def info(self, name: str) -> TensorInfo:
        """Return the shape and the type of a tensor. An error for one tensor does not affect the others."""

    @abstractmethod
    def read(self, name: str) -> NDArray[Any]:
        """Read a tensor: an array of the shape in `info`, of floats or integers; bfloat16 becomes float32.

        The caller has checked `info(name).nbytes` against a limit.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class NpzTensorFile(TensorFile):
    """The arrays of a `.npz` file.

    Attributes
    ----------
    archive : NpzReader
        The file itself, for arrays that are texts.
    """

    holds_arrays = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        with as_tensor_errors():
            self.archive = NpzReader(path)

    @property
    def names(self) -> Sequence[str]:
        """The names of the arrays."""
        return self.archive.names

    def info(self, name: str) -> TensorInfo:
        """Return the shape and the type of an array."""
        with as_tensor_errors():
            return array_info(self.archive.header(name))

    def read(self, name: str) -> NDArray[Any]:
        """Read an array."""
        with as_tensor_errors():
            return self.archive.read(name, self.archive.header(name).nbytes)

    def close(self) -> None:
        """Close the file."""
        self.archive.close()


def array_info(header: NpyHeader) -> TensorInfo:
    """Return what the header of an array says.

    Raises
    ------
    TensorError
        If a size is negative.
    """
    if min(header.shape, default=0) < 0:
        raise TensorError(f"an array has the shape {header.shape}")
    dtype = header.dtype.name if header.dtype.kind in "biuf" else str(header.dtype)
    return TensorInfo(header.shape, dtype, header.nbytes)


@contextmanager
def as_tensor_errors() -> Iterator[None]:
    """Convert errors of `cnnfx.system.npz` to `TensorError`."""
    try:
        yield
    except NpzError as error:
        raise TensorError(str(error)) from error


def is_file_name(text: str) -> bool:
    """Return whether a text in a file is the name of a file in the same folder, without a part that names a folder."""
    return bool(text) and text not in (".", "..") and not any(sign in text for sign in "/\\:\0")


def is_link_elsewhere(path: Path, beside: Path) -> bool:
    """Return whether the file `beside`, which the file `path` in the same folder names, is a link to another folder.

    Package managers link files one by one, so the links of both files may lead to the same other folder.
    """
    return os.path.islink(beside) and beside.resolve().parent not in (path.parent.resolve(), path.resolve().parent)


def check_regular_file(path: str | os.PathLike[str]) -> None:
    """Check that a file can be read at any place and has an end; a pipe or a device may have none.

    Raises
    ------
    TensorError
        If it is a folder, a pipe or a device.
    FileNotFoundError
        If there is no such file.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise TensorError("it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file, which is needed here")


def open_tensor_file(path: str | os.PathLike[str], kind: str) -> TensorFile:
    """Open a file of tensors of a kind that `cnnfx.formats.file_format.file_format` returns.

    Raises
    ------
    TensorError
        If the content is malformed, or it is not a regular file.
    FileError
        If a library that reads it is not installed; the message has the command that installs it.
    OSError
        If the operating system cannot read the file.
    """
    check_regular_file(path)
    if kind == "npz":
        return NpzTensorFile(path)
    module_name, class_name = READERS[kind]
    reader: type[TensorFile] = getattr(import_module(module_name), class_name)
    return reader(path)  # type: ignore[call-arg]


READERS = {
    "npy": ("cnnfx.formats.npy_file", "NpyTensorFile"),
    "pytorch": ("cnnfx.formats.pytorch.file", "PyTorchFile"),
    "safetensors": ("cnnfx.formats.safetensors", "SafetensorsFile"),
    "hdf5": ("cnnfx.formats.keras.weights", "KerasWeights"),
    "keras": ("cnnfx.formats.keras.weights", "KerasWeights"),
    "onnx": ("cnnfx.formats.onnx.weights", "OnnxWeights"),
}
"""The module and the class of the reader of each kind of file, imported where it is needed."""
