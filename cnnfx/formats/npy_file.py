"""The array of a `.npy` file as a file of one tensor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cnnfx.formats.tensor_file import TensorFile, TensorInfo, array_info, as_tensor_errors
from cnnfx.system.npz import NpzError, read_supported_header, read_values


class NpyTensorFile(TensorFile):
    """The array of a `.npy` file, named after the file."""

    holds_arrays = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._name = Path(path).stem
        self._file = open(path, "rb")  # noqa: SIM115 # closed by `close`
        try:
            with as_tensor_errors():
                self._header = read_supported_header(self._file)
                size = os.fstat(self._file.fileno()).st_size - self._file.tell()
                if min(self._header.shape, default=0) < 0 or self._header.nbytes != size:
                    raise NpzError(f"it has {size} bytes for the shape {self._header.shape}")
        except BaseException:
            self.close()
            raise

    @property
    def names(self) -> Sequence[str]:
        """The stem of the file's name."""
        return (self._name,)

    def info(self, name: str) -> TensorInfo:
        """Return the shape and the type of the array."""
        return array_info(self._header)

    def read(self, name: str) -> NDArray[Any]:
        """Read the array."""
        self._file.seek(-self._header.nbytes, os.SEEK_END)
        with as_tensor_errors():
            return read_values(self._file, self._header)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
