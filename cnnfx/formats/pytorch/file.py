"""Files of PyTorch (`.pt`, `.pth`), read without PyTorch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.formats.pytorch.containers import HOW_TO_SAVE, read_contents
from cnnfx.formats.pytorch.state_dict import named_tensors
from cnnfx.formats.pytorch.tensors import ITEM_BYTES, REFUSED, StridedTensor, span, tensor_info
from cnnfx.formats.small_floats import STORED_AS, decode_small_floats
from cnnfx.formats.tensor_file import TensorError, TensorFile, TensorInfo
from cnnfx.system.limits import expansion_limit, limit_text
from cnnfx.system.text import printable

_STORED_AS = {**STORED_AS, "bool": "u1"}
"""The types of the integers that values are stored as, where they are not of NumPy's type of the same name."""


class PyTorchFile(TensorFile):
    """The tensors of a file that `torch.save` or `torch.jit.save` wrote.

    Nothing in the file is imported or called: see `cnnfx.formats.pytorch.pickle_reader`. The values of a tensor are
    read when they are asked for.
    """

    order = "pytorch"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 # closed by `close`
        try:
            self._bytes = os.fstat(self._file.fileno()).st_size
            value, other, self._locate = read_contents(self._file)
            self._tensors = named_tensors(value)
            if not self._tensors:
                instead = f', but an object of the class "{printable(other)}"' if other else ""
                raise TensorError(f"it has no tensors{instead}; {HOW_TO_SAVE}")
        except BaseException:
            self.close()
            raise

    @property
    def names(self) -> Sequence[str]:
        """The names of the tensors."""
        return tuple(self._tensors)

    def info(self, name: str) -> TensorInfo:
        """Return the shape and the type of a tensor, after a check that the file has its values."""
        try:
            info = tensor_info(self._tensors[name])
            self._locate(self._tensors[name].storage)
            if info.nbytes > (limit := expansion_limit(self._bytes)):
                raise TensorError(f"{limit_text('bytes', info.nbytes, limit)} for a file of this size")
        except TensorError as error:
            raise TensorError(f"the tensor {name}: {error}") from error
        return info

    def read(self, name: str) -> NDArray[Any]:
        """Read a tensor. Of its storage, only the part from its first value to its last is read."""
        shape, dtype, _ = self.info(name)
        if dtype.startswith(REFUSED):
            kind = "complex" if dtype.startswith("complex") else "quantized"
            raise TensorError(f"the tensor {name} has {kind} values ({dtype}), which are not read")
        try:
            stored = self._read_stored(self._tensors[name], np.dtype(_STORED_AS.get(dtype, dtype)).newbyteorder("<"))
        except ValueError as error:  # NumPy has no arrays of this size
            raise TensorError(f"the tensor {name} is too large (shape {shape})") from error
        if dtype == "bool":
            values: NDArray[Any] = np.not_equal(stored, 0)
        else:
            values = decode_small_floats(stored, dtype) if dtype in STORED_AS else stored
        if self._tensors[name].is_negated and values.dtype.kind == "f":
            values = -values
        return np.ascontiguousarray(values).reshape(shape)

    def _read_stored(self, tensor: StridedTensor, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return a tensor as it is stored, with the strides that it is stored with."""
        storage, (first, count) = tensor.storage, span(tensor)
        block = np.empty(count * dtype.itemsize, np.uint8)
        self._file.seek(self._locate(storage) + storage.first * ITEM_BYTES[storage.dtype] + first * dtype.itemsize)
        if self._file.readinto(block.data) < block.size:
            raise TensorError("the file is truncated")
        if count == 0:
            return np.empty(tensor.shape, dtype)
        # NumPy checks that the strides stay inside the block.
        strides = [stride * dtype.itemsize for stride in tensor.strides]
        return np.ndarray(tensor.shape, dtype, buffer=block.data, strides=strides)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
