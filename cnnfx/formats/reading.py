"""What a reader of the files of other programs is asked for, and the layers that it offers where none is named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from cnnfx.errors import FileError
from cnnfx.system.sizes import counted, size_text


class Reading(NamedTuple):
    """What the reader of a file of another program is asked for.

    Attributes
    ----------
    layer : str or int, optional
        The layer that is needed: its name, a unique part of it, or its number. Files with weights alone are read as one
        layer with these filters, and of networks only the layers up to it need to be read.
    order : str, optional
        The order of the axes of filters, a key of `cnnfx.formats.filter_order.ORDERS`. By default it is recognized.
    arch : str or path, optional
        A TOML file with the layers that the weights are for. By default known architectures are recognized.
    """

    layer: str | int | None = None
    order: str | None = None
    arch: str | os.PathLike[str] | None = None


class FilterTensor(NamedTuple):
    """A tensor of a file that can be filters.

    Attributes
    ----------
    name : str
        The name of the tensor in the file.
    title : str
        The name of the layer that it becomes: that of the tensor, if a layer can have this name.
    shape : tuple of int
        As in the file.
    dtype : str
        As in `TensorInfo`.
    order : str
        The order of its axes, a key of `cnnfx.formats.filter_order.ORDERS`; "" for kernels.
    filters : tuple of int
        The shape (K, C, rows, columns) of the filters; C is 1 for kernels, which are applied to every channel.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    dtype: str
    order: str
    filters: tuple[int, ...]

    def describe(self) -> str:
        """Return the filters in a few words: "64 filters of 3×11×11", which is channels, columns and rows."""
        count, channels, *size = self.filters
        return f"{counted(count, 'filter')} of {channels}×{size_text(size)}"


class LayerNeededError(FileError):
    """A file with the weights of an unknown network, of which no layer is named.

    Attributes
    ----------
    tensors : sequence of FilterTensor
        The tensors of the file that can be filters.
    """

    tensors: Sequence[FilterTensor] = ()
