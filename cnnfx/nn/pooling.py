"""Pooling: the largest or mean value of windows of feature maps, or of whole maps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.nn.shapes import Array, Shape
from cnnfx.system.sizes import pair_text, size_text

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

NO_PADS: Pads = ((0, 0), (0, 0))
MAX_SIZE = 10**9
"""The largest size, stride or padding of a pooling."""
ALL = "all"
"""The size, as text, of a pooling of whole maps."""


class AxisPool(NamedTuple):
    """The windows of a pooling along one axis.

    Attributes
    ----------
    size, stride : int
    before, after : int
        Positions of padding at both ends, with those that `ceil` adds.
    number : int
        The number of windows.
    """

    size: int
    stride: int
    before: int
    after: int
    number: int


@dataclass(frozen=True)
class Pool:
    """The largest (`"max"`) or mean (`"mean"`) value of each window of `size` rows and columns.

    Parameters
    ----------
    kind : str
        "max" or "mean".
    size : int or (int, int), optional
        Rows and columns of a window; None for the whole map (global pooling).
    stride : int or (int, int), optional
        The distances between windows; by default `size`, so that the windows are adjacent blocks.
    padding : int, (int, int) or ((int, int), (int, int))
        Positions around the maps, less than `size`; as in `cnnfx.correlate`. The maximum ignores them.
    ceil : bool
        Whether rows and columns at the end that do not fill a window get one, too, if it begins inside the maps or the
        padding before them. Otherwise they are dropped.
    count_padding : bool
        Whether a mean divides by the number of all positions of its window, as PyTorch does, or of those in the map.
    """

    kind: str
    size: Pair | None
    stride: Pair
    padding: Pads
    ceil: bool
    count_padding: bool

    def __init__(
        self,
        kind: str,
        size: int | Sequence[int] | None,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] | Sequence[Sequence[int]] = 0,
        ceil: bool = False,
        count_padding: bool = False,
    ) -> None:
        if kind not in POOLS:
            raise _unknown_pool(f"{kind}:{size}" if isinstance(size, int) else kind)
        pair = None if size is None else _pair("size", size, 1)
        strides = pair or (1, 1) if stride is None else _pair("stride", stride, 1)
        pads = _pads(padding)
        if pair is None and (stride is not None or pads != NO_PADS):
            raise ArgumentError("a pooling of whole maps has no stride and no padding")
        if pair is not None and any(max(pad) >= length for pad, length in zip(pads, pair, strict=True)):
            raise ArgumentError(f"the padding of pool {kind} must be less than its size of {size_text(pair)}")
        counts = bool(count_padding) and pads != NO_PADS  # without padding it has no effect
        values = {"kind": kind, "size": pair, "stride": strides, "padding": pads}
        for name, value in {**values, "ceil": bool(ceil), "count_padding": counts}.items():
            object.__setattr__(self, name, value)

    @property
    def is_global(self) -> bool:
        """Whether it pools whole maps."""
        return self.size is None

    @property
    def block(self) -> int | None:
        """The side p of the windows if these are adjacent blocks of p×p without padding, otherwise None."""
        if self.size is None or self.size[0] != self.size[1] or self.stride != self.size:
            return None
        return None if self.ceil or self.padding != NO_PADS else self.size[0]

    def __str__(self) -> str:
        """Return "max:2" for blocks of 2×2, "mean:all" for whole maps, otherwise "max:3, stride 2, ceil"."""
        if self.size is None:
            return f"{self.kind}:{ALL}"
        parts = [f"{self.kind}:{pair_text(self.size)}"]
        parts += [f"stride {pair_text(self.stride)}"] if self.stride != self.size else []
        parts += [f"padding {_padding_text(self.padding)}"] if self.padding != NO_PADS else []
        parts += ["ceil"] if self.ceil else []
        return ", ".join([*parts, *(["counting padding"] if self.count_padding else [])])

    @classmethod
    def parse(cls, text: str) -> Pool:
        """Return the pooling that a text describes: "max:2", "mean:2", "mean:all", or "max:3, stride 2".

        "avg:2" is "mean:2".

        Raises
        ------
        ArgumentError
            If the text does not describe a pooling.
        """
        match = re.fullmatch(r"\s*([a-z]+)\s*:\s*([0-9]{1,9}|all)\s*(?:,\s*stride\s+([0-9]{1,9})\s*)?", text.lower())
        if match is None:
            raise _unknown_pool(text)
        name, size, stride = match.groups()
        kind = POOL_ALIASES.get(name, name)
        if kind not in POOLS or (stride is not None and (size == ALL or int(stride) < 1)) or size.strip("0") == "":
            raise _unknown_pool(text.strip())
        return cls(kind, None if size == ALL else int(size), None if stride is None else int(stride))

    def to_data(self) -> str | dict[str, Any]:
        """Return the pooling as data that JSON can hold: the text of blocks and whole maps, otherwise a dict."""
        if self.is_global or self.block is not None:
            return str(self)
        return {
            "kind": self.kind,
            "size": list(self.size or ()),
            "stride": list(self.stride),
            "padding": [list(pad) for pad in self.padding],
            "ceil": self.ceil,
            "count_padding": self.count_padding,
        }

    @classmethod
    def from_data(cls, data: str | Mapping[str, Any]) -> Pool:
        """Return the pooling that `to_data` describes; `data` may come from an untrusted file.

        Raises
        ------
        ArgumentError
            If a value is wrong.
        KeyError, TypeError
            If a key is missing, or a value is of the wrong type.
        """
        if isinstance(data, str):
            return cls.parse(data)
        keys = ("kind", "size", "stride", "padding", "ceil", "count_padding")
        return cls(**{key: data[key] for key in keys})

    def windows(self, axis: int, length: int) -> AxisPool:
        """Return the windows along axis 0 (rows) or 1 (columns) of maps of `length` positions."""
        if self.size is None:
            return AxisPool(length, 1, 0, 0, 1)
        size, stride, (before, after) = self.size[axis], self.stride[axis], self.padding[axis]
        extra = length + before + after - size
        count = (-(-extra // stride) if self.ceil else extra // stride) + 1
        if self.ceil and (count - 1) * stride >= length + before:  # it would begin in the padding at the end
            count -= 1
        if count > 0:
            after = max(after, (count - 1) * stride + size - length - before)
        return AxisPool(size, stride, before, after, count)

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, maps: Array) -> Array:
        """Return the pooled maps `(..., Ho, Wo)` of maps `(..., H, W)`."""
        self.output_shape(maps.shape[-3:])
        size = maps.shape[-2], maps.shape[-1]
        axes = self.windows(0, size[0]), self.windows(1, size[1])
        if self.is_global:
            return np.asarray(maps.max(axis=(-2, -1), keepdims=True)) if self.kind == "max" else _mean_of_all(maps)
        if any(axis.before or axis.after for axis in axes):
            pads = [(0, 0)] * (maps.ndim - 2) + [(axis.before, axis.after) for axis in axes]
            maps = np.pad(maps, pads, constant_values=-np.inf if self.kind == "max" else 0)
        pooled = POOLS[self.kind](maps, axes)
        return pooled if self.kind == "max" else pooled / self.divisors(size).astype(pooled.dtype)

    def divisors(self, size: Pair) -> Array:
        """Return the number of positions that the mean of each window counts, for maps of (H, W): `(Ho, Wo)`."""
        rows, columns = (self._counted(axis, length) for axis, length in enumerate(size))
        return rows[:, np.newaxis] * columns

    def _counted(self, axis: int, length: int) -> Array:
        """Return how many positions of each window along an axis a mean counts, of maps of `length` positions."""
        windows = self.windows(axis, length)
        starts = np.arange(windows.number) * windows.stride - windows.before
        ends = np.minimum(starts + windows.size, length + self.padding[axis][1])  # `ceil` adds positions beyond these
        return ends - starts if self.count_padding else np.minimum(ends, length) - np.maximum(starts, 0)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the pooled maps for maps of shape `(K, H, W)`.

        Raises
        ------
        ArgumentError
            If the maps are smaller than a window.
        """
        channels, height, width = shape
        rows, columns = self.windows(0, height).number, self.windows(1, width).number
        if min(rows, columns) < 1:
            raise ArgumentError(f"pool {self} does not fit into maps of {width}×{height} pixels.")
        return channels, rows, columns


POOL_ALIASES = {"avg": "mean", "average": "mean"}
"""Other names of kinds of pooling."""


def _unknown_pool(text: str) -> ArgumentError:
    return ArgumentError(f"pool {text} is not known. Write max:N or mean:N with N of 1 or more.")


def _pair(name: str, value: int | Sequence[int], least: int) -> Pair:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or not all(type(part) is int and least <= part <= MAX_SIZE for part in pair):
        raise ArgumentError(f"the {name} of a pooling must be a whole number from {least}, or two, not {value!r}")
    return pair[0], pair[1]


def _pads(value: int | Sequence[int] | Sequence[Sequence[int]]) -> Pads:
    if not isinstance(value, int) and len(value) == 2 and not any(isinstance(side, int) for side in value):
        first, second = value
        return _pair("padding", first, 0), _pair("padding", second, 0)
    vertical, horizontal = _pair("padding", value, 0)  # type: ignore[arg-type]
    return (vertical, vertical), (horizontal, horizontal)


def _padding_text(pads: Pads) -> str:
    (top, bottom), (left, right) = pads
    return pair_text((top, left)) if top == bottom and left == right else str(pads).replace(" ", "")


# Ufuncs of strided slices are about 20 times as fast as the reduction over the axes of a view of the windows.


def _window_slices(axis: AxisPool) -> list[slice]:
    """Return, for each position in a window, the slice of that position of all windows along an axis."""
    last = (axis.number - 1) * axis.stride + 1
    return [slice(index, index + last, axis.stride) for index in range(axis.size)]


def _max_pool(maps: Array, axes: tuple[AxisPool, AxisPool]) -> Array:
    # The bits are those of NumPy's reduction, apart from the sign of a NaN.
    rows = _reduce(np.maximum, [maps[..., part, :] for part in _window_slices(axes[0])])
    return _reduce(np.maximum, [rows[..., part] for part in _window_slices(axes[1])])


def _sum_pool(maps: Array, axes: tuple[AxisPool, AxisPool]) -> Array:
    # NumPy's order of addition depends on the sizes and the memory layout, so its mean is the same within rounding.
    columns = _reduce(np.add, [maps[..., part] for part in _window_slices(axes[1])])
    return _reduce(np.add, [columns[..., part, :] for part in _window_slices(axes[0])])


def _reduce(function: np.ufunc, arrays: Sequence[Array]) -> Array:
    """Return the function of all arrays. New memory is written once: that takes longer than the function."""
    if len(arrays) == 1:
        return arrays[0]
    result: Array = function(arrays[0], arrays[1])
    for array in arrays[2:]:
        function(result, array, out=result)
    return result


def _mean_of_all(maps: Array) -> Array:
    return np.asarray(maps.mean(axis=(-2, -1), keepdims=True))


POOLS: dict[str, Callable[[Array, tuple[AxisPool, AxisPool]], Array]] = {"max": _max_pool, "mean": _sum_pool}
"""Each kind of pooling as a function of maps `(..., H, W)` with padding and the windows: the maximum, or the sum."""
