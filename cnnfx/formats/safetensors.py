"""Safetensors files, read by the library of this name one tensor at a time.

A file is the length of its header, the header (JSON with the name, type, shape and byte range of each tensor) and the
values. The library checks that the ranges fit the shapes and cover all values without a gap or an overlap.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.formats.extras import import_library
from cnnfx.formats.small_floats import STORED_AS, decode_small_floats
from cnnfx.formats.tensor_file import TensorError, TensorFile, TensorInfo
from cnnfx.system.limits import MAX_MEMBERS, MAX_SAFETENSORS_HEADER_BYTES, limit_text
from cnnfx.system.text import shortened

DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
}  # fmt: skip
"""The types of values that are read, with NumPy's or PyTorch's names."""
ORDERS_OF_FORMATS = {"pt": "pytorch", "np": None, "tf": "keras", "flax": "keras", "jax": "keras", "mlx": "mlx"}
"""The order of the axes of filters that the entry "format" of the metadata stands for."""

LENGTH_BYTES = 8
"""The bytes of the header's length, at the beginning."""


class SafetensorsFile(TensorFile):
    """The tensors of a safetensors file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        library = import_library("safetensors", str(path))
        self._path = path
        _check_header(path)
        try:
            self._file = library.safe_open(os.fspath(path), framework="numpy").__enter__()
            self._names = list(self._file.offset_keys())
            self.metadata: Mapping[str, str] = self._file.metadata() or {}
        except library.SafetensorError as error:
            raise TensorError(f"the safetensors file is damaged ({shortened(str(error), 200)})") from error
        if len(self._names) > MAX_MEMBERS:
            self.close()
            raise TensorError(limit_text("tensors", len(self._names), MAX_MEMBERS))
        self.order = ORDERS_OF_FORMATS.get(self.metadata.get("format", ""))

    @property
    def names(self) -> Sequence[str]:
        """The names of the tensors, in the order of their values."""
        return self._names

    def info(self, name: str) -> TensorInfo:
        """Return the shape and the type of a tensor."""
        header = self._file.get_slice(name)
        shape, dtype = tuple(header.get_shape()), DTYPES.get(header.get_dtype(), header.get_dtype())
        is_numpy = header.get_dtype() in DTYPES and dtype not in STORED_AS
        return TensorInfo(shape, dtype, math.prod(shape) * (np.dtype(dtype).itemsize if is_numpy else 4))

    def read(self, name: str) -> NDArray[Any]:
        """Read a tensor; floats of 8 bits and bfloat16, which NumPy does not have, become float32."""
        info = self.info(name)
        if info.dtype not in DTYPES.values():
            raise TensorError(f'the tensor "{shortened(name)}" has values of type {info.dtype}, which are not read')
        try:
            if info.dtype in STORED_AS:
                bits = np.frombuffer(self._bytes(name), STORED_AS[info.dtype])
                return decode_small_floats(bits, info.dtype).reshape(info.shape)
            array: NDArray[Any] = self._file.get_tensor(name)
            return array
        except ValueError as error:  # NumPy has no arrays of this shape, which is empty
            raise TensorError(f'the tensor "{shortened(name)}" has a shape that is not possible') from error

    def _bytes(self, name: str) -> bytes:
        """Return the values of a tensor as bytes."""
        first, header = self._header
        start, end = header[name]["data_offsets"]
        with open(self._path, "rb") as file:
            file.seek(first + start)
            return file.read(end - start)

    @cached_property
    def _header(self) -> tuple[int, Any]:
        """Where the values start in the file, and what the header, which the library has checked, says of tensors."""
        with open(self._path, "rb") as file:
            size = int.from_bytes(file.read(LENGTH_BYTES), "little")
            return LENGTH_BYTES + size, json.loads(file.read(size))

    def close(self) -> None:
        """Close the file."""
        self._file.__exit__(None, None, None)


def _check_header(path: str | os.PathLike[str]) -> None:
    """Check that the header, which the library reads as a whole, is not too long."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(LENGTH_BYTES), "little")
    if size > MAX_SAFETENSORS_HEADER_BYTES:
        raise TensorError(f"its header: {limit_text('bytes', size, MAX_SAFETENSORS_HEADER_BYTES)}")
