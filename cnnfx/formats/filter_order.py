"""The order of the axes of filters in files of weights, which differs between programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.formats.tensor_file import TensorFile, TensorInfo

DEFAULT_ORDER = "pytorch"
FILTER_AXES = 4
"""The number of axes of filters (K, C, kh, kw)."""


class Order(NamedTuple):
    """An order of the axes of filters.

    Attributes
    ----------
    description : str
    axes : tuple of int
        The axes of the K filters, their C channels, the rows and the columns; for depthwise filters, of the channels,
        the m filters of each, the rows and the columns.
    depthwise : bool
        Whether each filter reads one channel only.
    dense_axes : tuple of int
        The axes of outputs and inputs in the weights of dense layers.
    rotated : bool
        Whether the kernels are rotated by 180°.
    """

    description: str
    axes: tuple[int, int, int, int]
    depthwise: bool = False
    dense_axes: tuple[int, int] = (0, 1)
    rotated: bool = False

    def filters_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape (K, C, rows, columns) of filters whose tensor has the shape `shape` of four sizes."""
        first, second, *size = (shape[axis] for axis in self.axes)
        return (first * second, 1, *size) if self.depthwise else (first, second, *size)

    def to_filters(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Return a tensor with four axes as filters (K, C, rows, columns)."""
        array = tensor.transpose(self.axes).reshape(self.filters_shape(tensor.shape))
        return array[..., ::-1, ::-1] if self.rotated else array


ORDERS = {
    "pytorch": Order("(K, C, kh, kw), of PyTorch and ONNX", (0, 1, 2, 3)),
    "keras": Order("(kh, kw, C, K), of Keras, TensorFlow and JAX", (3, 2, 0, 1), dense_axes=(1, 0)),
    "depthwise": Order(
        "(kh, kw, C, m), of depthwise layers of Keras and TensorFlow: m filters for each channel",
        (2, 3, 0, 1),
        depthwise=True,
        dense_axes=(1, 0),
    ),
    "mlx": Order("(K, kh, kw, C), of MLX", (0, 3, 1, 2)),
    "theano": Order(
        "(K, C, kh, kw) with kernels rotated by 180°, of Theano", (0, 1, 2, 3), dense_axes=(1, 0), rotated=True
    ),
}
"""The orders of the axes of filters in files: K filters of C channels, kh rows and kw columns."""
RECOGNIZED = ("pytorch", "keras", "mlx")
"""The orders that shapes can show; where several are possible, the first is preferred."""
USUAL_SIDE = 7
"""The most rows and columns of usual kernels."""


def recognize_order(shapes: Sequence[Sequence[int]]) -> str:
    """Return the order of the axes of filters that their shapes show, a key of `ORDERS`.

    Most kernels are square and smaller than other squares that the sizes could form by chance. Each tensor for which
    one order alone makes the smallest square kernels counts for this order, unless another order makes usual kernels,
    too: (1, 1, 3, 3) is one kernel of 3×3 or three of 1×1. Most tensors determine the order. If none counts, it is that
    which makes square kernels of most tensors.

    Parameters
    ----------
    shapes : sequence of tuples of four sizes
        Of all filters in a file.
    """
    found: Counter[str] = Counter()
    possible: Counter[str] = Counter()
    for shape in shapes:
        sides = {}
        for name in RECOGNIZED:
            *_, rows, columns = ORDERS[name].filters_shape(shape)
            if rows == columns:
                sides[name] = rows
        possible.update(sides)
        usual = [name for name, side in sides.items() if side <= max(USUAL_SIDE, min(sides.values()))]
        if len(usual) == 1:
            found[usual[0]] += 1
    return max(RECOGNIZED, key=lambda name: (found[name], possible[name]))


def order_of(name: str, order: str) -> str:
    """Return the order of the axes of the tensor `name` in a file of some order: depthwise ones have their own."""
    return "depthwise" if order == "keras" and "depthwise" in name.lower() else order


class FiltersFirst(TensorFile):
    """The tensors of a file in PyTorch's order: filters as (K, C, rows, columns), dense weights as (outputs, inputs).

    Parameters
    ----------
    file : TensorFile
        It stays open after `close`.
    order : str
        The order of the axes in the file, a key of `ORDERS`.
    """

    order = DEFAULT_ORDER

    def __init__(self, file: TensorFile, order: str) -> None:
        self._file = file
        self._order = order
        self.metadata = file.metadata

    @property
    def names(self) -> Sequence[str]:
        """The names of the tensors."""
        return self._file.names

    def info(self, name: str) -> TensorInfo:
        """Return the shape in PyTorch's order, and the type."""
        info, order = self._file.info(name), ORDERS[order_of(name, self._order)]
        if len(info.shape) == len(order.axes):
            return info._replace(shape=order.filters_shape(info.shape))
        if len(info.shape) == len(order.dense_axes):
            return info._replace(shape=tuple(info.shape[axis] for axis in order.dense_axes))
        return info

    def read(self, name: str) -> NDArray[Any]:
        """Read a tensor in PyTorch's order."""
        tensor, order = self._file.read(name), ORDERS[order_of(name, self._order)]
        if tensor.ndim == len(order.axes):
            return np.ascontiguousarray(order.to_filters(tensor))
        return tensor.transpose(order.dense_axes) if tensor.ndim == len(order.dense_axes) else tensor

    def close(self) -> None:
        """Leave the file open, which belongs to the caller."""
