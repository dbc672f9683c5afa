"""Maps as tensors of an ONNX graph: which axis of a tensor is the batch, the channels, the rows and the columns.

ONNX reshapes and transposes tensors. On maps this changes no values, only the axes, so it needs no layer: a tensor is
maps and the order in which its axes go through them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.formats.graph_values import Value

Array = NDArray[Any]
Axes = tuple[str, ...]
"""For each axis of a tensor, letters of "NCHW": "C" for the channels, "CHW" for maps whose three axes became one, and
none for an axis of size 1 that was added. "G" and "D" are groups of channels, and the channels in each of them, where a
Reshape has made two axes of "C"."""
NCHW: Axes = ("N", "C", "H", "W")
NHWC: Axes = ("N", "H", "W", "C")
UNKNOWN_SIZES = {"H": 1_000_003, "W": 1_000_033}
"""Primes that stand for the height and width of maps where these depend on the image. Products of sizes in a graph have
them as factors, so that a shape computed from them is recognized."""


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape for messages, such as "(1, 3, ?, ?)" if sizes depend on the image."""
    sizes = ("?" if any(size % prime == 0 for prime in UNKNOWN_SIZES.values()) and size else size for size in shape)
    return f"({', '.join(map(str, sizes))})"


@dataclass(frozen=True, eq=False)
class Maps:
    """A tensor of an ONNX graph that holds maps.

    Attributes
    ----------
    value : Value
    axes : Axes
    batch : int
        The number of images; 1 if it is not given.
    groups : int
        The size of the axis "G", if there is one.
    """

    value: Value
    axes: Axes = NCHW
    batch: int = 1
    groups: int = 1

    def size(self, letter: str) -> int:
        """Return the size of one of the axes "NCHW" of the maps, or of "G" or "D"."""
        if letter == "N":
            return self.batch
        if letter in "GD":
            return self.groups if letter == "G" else self.value.shape[0] // self.groups
        size = self.value.shape["CHW".index(letter)]
        return UNKNOWN_SIZES[letter] if size is None else size

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return tuple(math.prod(map(self.size, letters)) for letters in self.axes)

    @property
    def title(self) -> str:
        """What the tensor is called in messages."""
        return f"a tensor of shape {shape_text(self.shape)}"

    @property
    def depends_on_image(self) -> bool:
        """Whether the shape depends on the size of the image."""
        return None in self.value.shape

    def letters(self, axis: int) -> str:
        """Return the letters of an axis, without those of size 1."""
        return "".join(letter for letter in self.axes[axis] if self.size(letter) != 1)

    def has_axes(self, *axes: str) -> bool:
        """Return whether the tensor has these axes, up to those of size 1."""
        wanted = ["".join(letter for letter in letters if self.size(letter) != 1) for letters in axes]
        return [self.letters(axis) for axis in range(len(self.axes))] == wanted

    def axis(self, number: int, extra: int = 0) -> int:
        """Return the number of an axis counted from 0, given one that may be negative.

        Raises
        ------
        ArgumentError
            If there is no such axis; `extra` axes more are allowed.
        """
        count = len(self.axes) + extra
        if not -count <= number < count:
            raise ArgumentError(f"there is no axis {number} in {self.title}")
        return number % count

    def of(self, value: Value) -> Maps:
        """Return other maps with the axes of this tensor."""
        return replace(self, value=value)

    def transpose(self, order: Sequence[int]) -> Maps:
        """Return the tensor with its axes in another order."""
        if sorted(order) != list(range(len(self.axes))):
            raise ArgumentError(f"{list(order)} is no order of the axes of {self.title}")
        return replace(self, axes=tuple(self.axes[axis] for axis in order))

    def flatten(self, axis: int) -> Maps:
        """Return the tensor with two axes: those before `axis`, and the others."""
        axis = axis if axis == len(self.axes) else self.axis(axis)
        return replace(self, axes=("".join(self.axes[:axis]), "".join(self.axes[axis:])))

    def squeeze(self, axes: Sequence[int] | None) -> Maps:
        """Return the tensor without some axes of size 1; without all of them if `axes` is None."""
        shape = self.shape
        if axes is None:
            axes = [axis for axis, size in enumerate(shape) if size == 1]
        dropped = {self.axis(axis) for axis in axes}
        if any(shape[axis] != 1 for axis in dropped):
            raise ArgumentError(f"axes {list(axes)} of {self.title} are not of size 1")
        return replace(self, axes=tuple(letters for axis, letters in enumerate(self.axes) if axis not in dropped))

    def unsqueeze(self, axes: Sequence[int]) -> Maps:
        """Return the tensor with further axes of size 1 at the places `axes` of the result."""
        added = {self.axis(axis, len(axes)) for axis in axes}
        rest = iter(self.axes)
        result = tuple("" if axis in added else next(rest) for axis in range(len(self.axes) + len(added)))
        return replace(self, axes=result)

    def reshape(self, shape: Sequence[int], zero_copies: bool = True) -> Maps:
        """Return the tensor with another shape, in which -1 is what is left, and 0 the size of the same axis.

        Raises
        ------
        ArgumentError
            If rows or columns would be split, or the sizes do not fit.
        """
        sizes, known = list(shape), self.shape
        problem = ArgumentError(f"{self.title} cannot have the shape {shape_text(shape)} here")
        if zero_copies:
            if any(size == 0 and axis >= len(known) for axis, size in enumerate(sizes)):
                raise problem
            sizes = [known[axis] if size == 0 else size for axis, size in enumerate(sizes)]
        if sizes.count(-1) == 1:
            rest = math.prod(size for size in sizes if size != -1)
            sizes[sizes.index(-1)] = math.prod(known) // rest if rest else 0
        letters = [letter for part in self.axes for letter in part if self.size(letter) != 1]
        axes, result = [], self
        for size in sizes:
            axis, product = "", 1
            while letters and product < size:
                if letters[0] == "C" and size % product == 0 and size // product < result.size("C"):
                    if result.size("C") % (size // product):
                        raise problem
                    result = replace(result, groups=size // product)
                    letters[:1] = "GD"
                axis += letters[0]
                product *= result.size(letters.pop(0))
            if product != size:
                raise problem
            axes.append(axis.replace("GD", "C"))
        if letters:
            raise problem
        return replace(result, axes=tuple(axes))

    def reduce(self, axes: Sequence[int], keep: bool, value: Value) -> Maps:
        """Return the tensor of `value`, which are these maps with some axes reduced to size 1."""
        gone = {self.axis(axis) for axis in axes}
        kept = ["" if axis in gone else letters for axis, letters in enumerate(self.axes)]
        return replace(
            self, value=value, axes=tuple(part for axis, part in enumerate(kept) if keep or axis not in gone)
        )

    def per_channel(self, constant: Array) -> float | Array:
        """Return a constant that is broadcast with the tensor as one number, or an array (C,) of one for each channel.

        Raises
        ------
        ArgumentError
            If it varies from position to position, or does not fit.
        """
        if constant.ndim > len(self.axes):
            raise ArgumentError(f"a constant of shape {constant.shape} and {self.title}")
        if constant.size == 1:
            return float(constant.reshape(()))
        first, letters = len(self.axes) - constant.ndim, ""
        for axis, size in enumerate(constant.shape):
            if size != 1:
                if size != self.shape[first + axis]:
                    raise ArgumentError(f"a constant of shape {constant.shape} and {self.title}")
                letters += self.letters(first + axis)
        if letters != "C":
            raise ArgumentError("a constant that varies from position to position is not supported")
        return constant.reshape(-1).astype(np.float64)


def aligned(first: Maps, second: Maps) -> Maps:
    """Return the first of two tensors that are broadcast with the axes of the result.

    Raises
    ------
    ArgumentError
        If an axis of one meets another axis of the other.
    """
    if first.groups != second.groups and any("G" in letters for letters in first.axes + second.axes):
        raise ArgumentError("tensors with different groups of channels do not fit together")
    rank = max(len(first.axes), len(second.axes))
    one, other = (replace(each, axes=("",) * (rank - len(each.axes)) + each.axes) for each in (first, second))
    axes, used = [], ""
    for axis in range(rank):
        letters = one.letters(axis), other.letters(axis)
        used += letters[0] or letters[1]
        if (letters[0] != letters[1] and all(letters)) or len(set(used)) != len(used):
            raise ArgumentError(f"{first.title} and {second.title} do not fit together")
        axes.append(one.axes[axis] if letters[0] or not letters[1] else other.axes[axis])
    return replace(first, axes=tuple(axes))
