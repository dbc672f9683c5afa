"""Tensors of filter files: those named in a file of tensors beside the filter file, or written in it.

The file of tensors is not trusted: it must be in the same folder, and shapes and sizes are checked before memory is
allocated.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.formats.file_format import tensor_format
from cnnfx.formats.filter_order import FiltersFirst
from cnnfx.formats.tensor_file import TensorError, TensorFile, is_file_name, is_link_elsewhere, open_tensor_file
from cnnfx.formats.toml_schema import Location, describe, finite, suggestion
from cnnfx.system.limits import MAX_TENSOR_BYTES

Wanted = tuple[int | None, ...]
"""A shape in which None is any size of 1 or more."""


class Tensors:
    """The tensors of an open file, and those written in the filter file itself.

    Parameters
    ----------
    file : TensorFile, optional
        None if the filter file names no file of tensors.
    name : str
        The name of the file of tensors, for messages.
    """

    def __init__(self, file: TensorFile | None = None, name: str = "") -> None:
        self._file = file
        self._name = name
        self._bytes_left = MAX_TENSOR_BYTES
        self._headers: dict[str, tuple[tuple[int, ...], int]] = {}

    def shape(self, value: Any, location: Location) -> tuple[int, ...]:
        """Return the shape of the tensor called `value`, or of an array written in the file; () of a number.

        Raises
        ------
        FileError
            If there is no such tensor, or `value` is neither of these.
        """
        if isinstance(value, str):
            return self._header(value, location)[0]
        return _written_shape(value, location)

    def read(self, value: Any, wanted: Wanted, location: Location) -> NDArray[np.float32]:
        """Return the tensor called `value`, an array written in the file, or a number repeated, as float32.

        Parameters
        ----------
        value
            The value of a key of the file.
        wanted : tuple of int or None
            The shape that is needed, in which None is any size. A number stands for an array (K,) of equal values.
        location : Location

        Raises
        ------
        FileError
            If there is no such tensor, it has another shape, a value is not finite, or the tensors are too large.
        """
        if isinstance(value, str):
            return self._read_named(value, wanted, location)
        shape = _written_shape(value, location)
        if not shape and len(wanted) == 1:
            return np.full(wanted[0] or 1, finite(value, location), np.float32)
        if not _fits(shape, wanted):
            raise location.error(f"found an array of shape {_text(shape)}; {_text(wanted)} is needed here.")
        numbers = np.empty(shape, np.float64)
        for index in np.ndindex(shape[:-1]):
            row = value
            for step in index:
                row = row[step]
            numbers[index] = [finite(number, location) for number in row]
        return numbers.astype(np.float32)

    def _read_named(self, name: str, wanted: Wanted, location: Location) -> NDArray[np.float32]:
        shape, size = self._header(name, location)
        if not _fits(shape, wanted):
            raise location.error(f'the tensor "{name}" has the shape {_text(shape)}; {_text(wanted)} is needed here.')
        if size > self._bytes_left:
            raise location.error(
                f'with the tensor "{name}", the tensors are larger than {MAX_TENSOR_BYTES >> 20:,} MB, the limit.'
            )
        assert self._file is not None
        try:
            array = self._file.read(name)
        except TensorError as error:
            raise self._unreadable(error, location) from error
        self._bytes_left -= size
        with np.errstate(over="ignore", invalid="ignore"):  # found below
            tensor = array.astype(np.float32, copy=False)
        if not np.isfinite(tensor).all():
            raise location.error(f'the tensor "{name}" has values that are NaN, infinite or too large for float32.')
        return tensor

    def _header(self, name: str, location: Location) -> tuple[tuple[int, ...], int]:
        """Return the shape of a tensor, and its size in bytes."""
        if name in self._headers:
            return self._headers[name]
        if self._file is None:
            raise location.error(
                f'"{name}" is the name of a tensor, but the file names no tensors. '
                'Write tensors = "NAME.npz" at the top, with the name of a file in the same folder.'
            )
        if name not in self._file.names:
            hint = suggestion(name, self._file.names, "There are")
            raise location.error(f'{self._name} has no tensor "{name}". {hint}'.rstrip())
        try:
            info = self._file.info(name)
        except TensorError as error:
            raise self._unreadable(error, location) from error
        if not info.has_numbers or min(info.shape, default=1) < 1:
            raise location.error(
                f'the tensor "{name}" is {info.dtype} of shape {_text(info.shape)}; numbers are needed here.'
            )
        size = max(info.nbytes, math.prod(info.shape) * 4)
        self._headers[name] = info.shape, size
        return info.shape, size

    def _unreadable(self, error: TensorError, location: Location) -> FileError:
        """Return the error that a tensor cannot be read, with the name of its file where it is another than that of the
        layers."""
        is_same = os.path.basename(location.file) == self._name
        return location.error(f"{error}." if is_same else f"{self._name}: {error}.")


@contextmanager
def open_tensors(name: str, location: Location) -> Iterator[Tensors]:
    """Open the file of tensors called `name` in the folder of a filter file.

    Raises
    ------
    FileError
        If it is not in this folder, cannot be read, or is not a file of tensors. `OSError` inside becomes one, too.
    """
    path = file_beside(name, location)
    try:
        with open_tensor_file(path, tensor_format(path)) as file:
            yield Tensors(FiltersFirst(file, file.order) if file.order else file, name)
    except OSError as error:
        raise location.error(f"{name} cannot be read: {error.strerror or error}.") from error
    except TensorError as error:
        raise location.error(f"{name}: {error}.") from error


def file_beside(name: str, location: Location) -> Path:
    """Return the path of the file called `name` in the folder of a filter file.

    Raises
    ------
    FileError
        If the name has a folder in it, there is no such file, or it is a link to a file elsewhere.
    """
    filter_file = Path(location.file)
    if not is_file_name(name):
        raise location.error(f"{name!r} is not the name of a file in the same folder.")
    path = filter_file.parent / name
    if is_link_elsewhere(filter_file, path):
        raise location.error(f"{name} is a link to a file in another folder. Put the file itself there.")
    if not os.path.exists(path):
        raise location.error(f"there is no file {name} beside the filter file.")
    if not os.path.isfile(path):  # a pipe would never end
        raise location.error(f"{name} is no regular file.")
    return path


def _written_shape(value: Any, location: Location) -> tuple[int, ...]:
    """Return the shape of nested arrays of a file; each must have the same shape as its neighbors."""
    shape: tuple[int, ...] = ()
    level: list[Any] = [value]
    while isinstance(level[0], list):
        length = len(level[0])
        if not all(isinstance(item, list) and len(item) == length for item in level):
            raise location.error("the arrays have different lengths.")
        if length == 0:
            raise location.error("an array is empty. Write at least one number.")
        shape = (*shape, length)
        level = [inner for item in level for inner in item]
    if any(isinstance(item, bool) or not isinstance(item, int | float) for item in level):
        wrong = next(item for item in level if isinstance(item, bool) or not isinstance(item, int | float))
        needed = "a number" if shape else "the name of a tensor, or numbers,"
        raise location.error(f"found {describe(wrong)}; {needed} {'are' if not shape else 'is'} needed here.")
    return shape


def _fits(shape: Sequence[int], wanted: Wanted) -> bool:
    return len(shape) == len(wanted) and all(
        want is None or size == want for size, want in zip(shape, wanted, strict=True)
    )


def _text(shape: Sequence[int | None]) -> str:
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
