"""Kernel size, stride, dilation and padding; the output size and the pixels that each output reads.

Along one axis, with padded size ``P``, kernel size ``k``, dilation ``d`` and stride ``s``, the kernel covers
``e = (k - 1)·d + 1`` pixels (its extent), and the output has ``(P - e) // s + 1`` pixels.
Output row ``r`` reads the padded rows ``r·s, r·s + d, …, r·s + (k - 1)·d``.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, cast

from cnnfx.errors import ArgumentError
from cnnfx.system.sizes import size_text
from cnnfx.system.suggest import choose_name

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]
Padding = Literal["valid", "same"] | int | Pair | Pads
"""Values of the argument `padding`."""
Border = Literal[
    "constant", "zero", "zeros", "grid-constant", "BORDER_CONSTANT",
    "edge", "nearest", "replicate", "BORDER_REPLICATE",
    "reflect", "mirror", "reflect101", "reflect_101", "BORDER_REFLECT_101", "BORDER_REFLECT101", "BORDER_DEFAULT",
    "symmetric", "grid-mirror", "BORDER_REFLECT",
    "wrap", "grid-wrap", "circular", "periodic", "BORDER_WRAP",
]  # fmt: skip
"""Values of the argument `border`: the names and aliases of `BORDERS`."""

BORDERS = {
    "constant": ("zero", "zeros", "grid-constant", "BORDER_CONSTANT"),
    "edge": ("nearest", "replicate", "BORDER_REPLICATE"),
    "reflect": ("mirror", "reflect101", "reflect_101", "BORDER_REFLECT_101", "BORDER_REFLECT101", "BORDER_DEFAULT"),
    "symmetric": ("grid-mirror", "BORDER_REFLECT"),
    "wrap": ("grid-wrap", "circular", "periodic", "BORDER_WRAP"),
}
"""The border modes of ``numpy.pad``, and the names of the same modes in OpenCV, SciPy and PyTorch.

"reflect" does not repeat the edge pixel, as in NumPy and PyTorch. OpenCV's BORDER_REFLECT and SciPy's "reflect" repeat
the edge pixel; this mode is "symmetric" here. Images that are smaller than the padding are mirrored repeatedly, as
NumPy and SciPy do.
"""

MAX_SIZE = 10**9
"""The largest kernel, stride, dilation or padding: sums of a few of them fit into the integers of arrays."""

ResultOrder = Literal["C", "image", "channels last"]
"""The order in memory in which a method writes a result (N, K, Ho, Wo) fastest: with the columns as the last axis, in
the order of the image, or with the channels as the last axis."""


class InputRows(NamedTuple):
    """The rows ``first:last`` of an image without padding, and the number of padding rows above and below them."""

    first: int
    last: int
    top: int
    bottom: int


class Window(NamedTuple):
    """Kernel size, stride, dilation, padding and border. `window` creates it from checked arguments.

    Attributes
    ----------
    kernel, stride, dilation : (int, int)
        Vertical, horizontal.
    padding : "same" or ((top, bottom), (left, right))
    border : str
        One of NumPy's names, the keys of `BORDERS`.
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Literal["same"] | Pads
    border: Border

    @property
    def extent(self) -> Pair:
        """Rows and columns that the dilated kernel covers."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    def input_region(self, rows: slice, columns: slice) -> tuple[slice, slice]:
        """Return the rows and columns of the padded input that the output's `rows` and `columns` read."""
        (sh, sw), (eh, ew) = self.stride, self.extent
        return (
            slice(rows.start * sh, (rows.stop - 1) * sh + eh),
            slice(columns.start * sw, (columns.stop - 1) * sw + ew),
        )

    def pads(self, size: Pair) -> Pads:
        """Return the padding ((top, bottom), (left, right)), in pixels, for an image of `size` (height, width)."""
        if self.padding != "same":
            return self.padding
        return self._same_padding(size, 0), self._same_padding(size, 1)

    def _same_padding(self, size: Pair, axis: int) -> Pair:
        outputs = -(-size[axis] // self.stride[axis])
        missing = max((outputs - 1) * self.stride[axis] + self.extent[axis] - size[axis], 0)
        return missing // 2, missing - missing // 2

    def output_size(self, size: Pair) -> Pair:
        """Return the output's rows and columns for an image of `size` (height, width).

        Raises
        ------
        ArgumentError
            If the kernel is larger than the padded image.
        """
        pads, extent = self.pads(size), self.extent
        padded = size[0] + sum(pads[0]), size[1] + sum(pads[1])
        if padded[0] < extent[0] or padded[1] < extent[1]:
            raise ArgumentError(self._too_large_message(size, padded))
        return (padded[0] - extent[0]) // self.stride[0] + 1, (padded[1] - extent[1]) // self.stride[1] + 1

    def input_rows(self, first: int, last: int, height: int) -> InputRows:
        """Return the image and padding rows that the output rows ``first:last`` read, for an image of `height` rows."""
        (top, _), stride = self.pads((height, 1))[0], self.stride[0]
        begin, end = first * stride - top, (last - 1) * stride - top + self.extent[0]
        inside = min(max(begin, 0), height), max(min(end, height), 0)
        above = max(min(end, 0) - begin, 0)
        return InputRows(inside[0], max(inside), above, max(end - max(begin, height), 0))

    def _too_large_message(self, size: Pair, padded: Pair) -> str:
        dilated = f" (dilated {size_text(self.extent)})" if self.dilation != (1, 1) else ""
        kernel = f"kernel of {size_text(self.kernel)}{dilated}"
        image = f"image of {size_text(size)}" + (f" (padded {size_text(padded)})" if padded != size else "")
        return f'{kernel} is larger than the {image}; use a smaller kernel, a larger image or padding="same"'


class OutputBlock(NamedTuple):
    """A part of the output (N, K, Ho, Wo), with all K channels, that one task computes.

    Attributes
    ----------
    images, rows, columns : slice
    rows_per_product : int
        Rows that one matrix product computes; a divisor of the number of rows.
    """

    images: slice
    rows: slice
    columns: slice
    rows_per_product: int

    @property
    def products(self) -> int:
        """The number of matrix products from top to bottom."""
        return int(self.rows.stop - self.rows.start) // self.rows_per_product


def window(
    kernel: object,
    *,
    stride: object = 1,
    dilation: object = 1,
    padding: object = "valid",
    border: object = "constant",
) -> Window:
    """Return a `Window` of checked arguments; see `cnnfx.correlate` for their meaning. `kernel` is (height, width).

    Raises
    ------
    ArgumentError
        If an argument has the wrong type, is out of range or is an unknown name.
    """
    try:
        return _window(kernel, stride, dilation, padding, border)
    except TypeError:  # lists are not hashable
        return _window.__wrapped__(kernel, stride, dilation, padding, border)


@lru_cache(maxsize=256, typed=True)
def _window(kernel: object, stride: object, dilation: object, padding: object, border: object) -> Window:
    return Window(
        _pair("kernel", kernel, 1),
        _pair("stride", stride, 1),
        _pair("dilation", dilation, 1),
        _padding(padding),
        cast(Border, choose_name("border", border, BORDERS)),
    )


def _padding(value: object) -> Literal["same"] | Pads:
    if isinstance(value, str):
        name = choose_name("padding", value, {"valid": (), "same": ()}, "or a number of pixels")
        return "same" if name == "same" else ((0, 0), (0, 0))
    if isinstance(value, Sequence) and len(value) == 2 and all(isinstance(side, Sequence) for side in value):
        return _pair("padding", value[0], 0), _pair("padding", value[1], 0)
    if isinstance(value, Sequence) and len(value) != 2:
        raise ArgumentError(
            f'padding must be "valid", "same", a number of pixels or ((top, bottom), (left, right)), not {value!r}'
        )
    vertical, horizontal = _pair("padding", value, 0)
    return (vertical, vertical), (horizontal, horizontal)


def _pair(name: str, value: object, minimum: int) -> Pair:
    parts = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value, value)
    if len(parts) != 2:
        raise ArgumentError(f"{name} must be a whole number or two of them, not {value!r}")
    first, second = (_whole(name, part, minimum) for part in parts)
    return first, second


def _whole(name: str, value: object, minimum: int) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ArgumentError(f"{name} must be a whole number, {minimum} or more, not {value!r}") from None
    if number < minimum:
        raise ArgumentError(f"{name} must be {minimum} or more, not {number}")
    if number > MAX_SIZE:
        raise ArgumentError(f"{name} must be {MAX_SIZE} or less, not {number}")
    return number
