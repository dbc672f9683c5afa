"""The filters of a deeper layer in the terminal: a row for each filter, a column for each of its input channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from cnnfx.network import Layer
from cnnfx.render.filters import kernel_levels, used
from cnnfx.render.grid import Levels
from cnnfx.render.terminal import ColorDepth, finest, half_blocks

LONGEST = 12
"""So many characters of a name are shown."""
LARGE = 2
"""Weights are enlarged so many times where all input channels fit then."""


def filter_table(
    layer: Layer,
    inputs: Sequence[str],
    width: int,
    depth: ColorDepth,
    encoding: str | None,
    largest: float | None = None,
) -> str:
    """The kernels of a layer `(K, C, kh, kw)` in lines of at most `width` characters, names at the left and on top.

    Input channels that do not fit into the width follow in another table below. Where a filter does not look at a
    channel, the table is empty.

    Parameters
    ----------
    layer : Layer
    inputs : the names of the C slices of each filter
    width : the terminal's columns
    depth : the terminal's colours
    encoding : the terminal's encoding
    largest : the magnitude that is drawn white or black; each filter's own largest weight unless given
    """
    side, head = (min(max(map(len, names)), LONGEST) for names in (layer.filter_names, inputs))
    factor = LARGE
    if (max(layer.conv.weights.shape[3] * factor, head) + 1) * len(inputs) > width - side:
        factor = finest(depth, encoding)
    rows = [_cells(weights, largest, factor, depth, encoding) for weights in layer.conv.weights]
    cell = max(layer.conv.weights.shape[3] * factor, head)
    fit = max(1, (width - side) // (cell + 1))
    tables = []
    for first in range(0, len(inputs), fit):
        lines = [_line("", [name[:cell].ljust(cell) for name in inputs[first : first + fit]], side)]
        for name, cells in zip(layer.filter_names, rows, strict=True):
            lines += _row(name, cells[first : first + fit], side, cell)
        tables.append("\n".join(lines).rstrip("\n"))
    return "\n\n".join(tables)


def _cells(
    weights: NDArray[Any], largest: float | None, factor: int, depth: ColorDepth, encoding: str | None
) -> list[tuple[list[str], int]]:
    """The lines of each kernel of a filter `(C, kh, kw)`, and how many characters wide they are."""
    cells = [_cell(kernel, factor, depth, encoding) for kernel in kernel_levels(weights, largest)]
    return [
        (lines if drawn else [" " * columns] * len(lines), columns)
        for (lines, columns), drawn in zip(cells, used(weights), strict=True)
    ]


def _cell(kernel: Levels, factor: int, depth: ColorDepth, encoding: str | None) -> tuple[list[str], int]:
    """A kernel's lines, and how many characters wide they are."""
    columns = kernel.shape[1] * factor
    text = half_blocks(kernel, width=columns, depth=depth, enlarge=factor, encoding=encoding)
    # An odd row of pixels leaves half a line free below it; where there is none, a line keeps the filters apart.
    return [*text.split("\n"), *([] if kernel.shape[0] * factor % 2 else [" " * columns])], columns


def _row(name: str, cells: Sequence[tuple[list[str], int]], side: int, cell: int) -> list[str]:
    """The lines of one filter."""
    padded = [[line + " " * (cell - columns) for line in lines] for lines, columns in cells]
    return [_line("" if number else name, line, side) for number, line in enumerate(zip(*padded, strict=True))]


def _line(name: str, parts: Sequence[str], side: int) -> str:
    return " ".join([name[:side].ljust(side), *parts]).rstrip()
