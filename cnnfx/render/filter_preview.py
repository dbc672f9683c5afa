"""Filters as text for the terminal: tiles of filters with one kernel, and tables of filters and input channels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Layer
from cnnfx.render.filters import kernel_levels, used_channels
from cnnfx.render.preview import (
    MAX_TILE_ROWS,
    TILE_GAP,
    TextTile,
    balanced_columns,
    framed,
    largest_in_blocks,
    side_by_side,
)
from cnnfx.render.terminal import Terminal, signs
from cnnfx.render.tiles import Levels
from cnnfx.render.wrapping import cut, display_width, pad

MAX_NAME_WIDTH = 12
"""Names in a table are cut to this many columns."""
TABLE_SCALE = 2
"""The factor by which weights in a table are enlarged, if all input channels fit into the width then."""
MAX_NUMBER_CHARACTERS = 4
"""The most characters of weights that are written as numbers on a terminal without colors."""
MAX_NUMBERS = 10_000
"""The most weights of a layer that are written as numbers."""


def filters_preview(layer: Layer, terminal: Terminal, largest: float | None = None, scale: int = 2) -> str:
    """Return the filters of a layer as lines for a terminal: tiles side by side under the names of the filters.

    A tile contains the kernels of a filter side by side.

    Parameters
    ----------
    layer : Layer
    terminal : Terminal
    largest : float, optional
        The magnitude that is drawn white or black; by default the largest weight of each filter.
    scale : int
        The factor of enlargement, where the width allows it.
    """
    weights, edge = layer.conv.weights, terminal.pixel_rows
    if terminal.colors == "none":
        weights = weights[:, : max(1, (terminal.width + TILE_GAP) // (1 + TILE_GAP))]  # more do not fit side by side
        room = max(1, (terminal.width + TILE_GAP) // weights.shape[1] - TILE_GAP)
        filters = _texts(weights, largest, room, terminal)
        lines = [[(" " * TILE_GAP).join(parts) for parts in zip(*kernels, strict=True)] for kernels in filters]
        tiles = [TextTile(name, len(rows[0]), rows) for name, rows in zip(layer.filter_names, lines, strict=True)]
    else:
        weights = weights[:, : max(1, (terminal.width - 1) // (edge + 1))]
        room = max(edge, (terminal.width - 1) // weights.shape[1] - 1)
        levels = [_levels(kernels, largest, room, terminal) for kernels in weights]
        size = levels[0].shape[1:]
        factor = max(edge, min(scale, room // size[1]))
        tiles = [
            TextTile(name, *framed([list(kernels)], size, terminal, (factor, factor)))
            for name, kernels in zip(layer.filter_names, levels, strict=True)
        ]
    needed = max(tiles[0].width, *map(display_width, layer.filter_names))
    return side_by_side(tiles, balanced_columns(len(tiles), needed, terminal.width), terminal)


def filter_table(layer: Layer, inputs: Sequence[str], terminal: Terminal, largest: float | None = None) -> str:
    """Return the kernels of a layer `(K, C, kh, kw)` as a table for a terminal.

    There is a row for each filter and a column for each input channel, with names at the left and on top; behind three
    input channels, a column shows them as one picture in color. Input channels that do not fit into the width follow in
    another table below. A cell is empty where a filter does not use the channel.

    Parameters
    ----------
    layer : Layer
    inputs : sequence of str
        The names of the C input channels of the filters.
    terminal : Terminal
    largest : float, optional
        The magnitude that is drawn white or black; by default the largest weight of each filter.
    """
    names, inputs = (
        [cut(name, min(MAX_NAME_WIDTH, terminal.width // 3), terminal.ellipsis) for name in given]
        for given in (layer.filter_names, inputs)
    )
    margin = max(map(display_width, names)) + 1
    tables = (_signed_tables if terminal.colors == "none" else _colored_tables)(
        layer, names, inputs, terminal._replace(width=terminal.width - margin), largest
    )
    return "\n\n".join("\n".join((pad(name, margin) + line).rstrip() for name, line in table) for table in tables)


def _colored_tables(
    layer: Layer, names: Sequence[str], inputs: Sequence[str], terminal: Terminal, largest: float | None
) -> Iterator[list[tuple[str, str]]]:
    """Yield tables as lines, each with the name of the filter that begins there."""
    room, edge = max(terminal.pixel_rows, terminal.width - 2), terminal.pixel_rows
    rows = [_kernel_pictures(weights, _levels(weights, largest, room, terminal)) for weights in layer.conv.weights]
    height, width = next(picture.shape[:2] for row in rows for picture in row if picture is not None)
    heads = [*inputs, "color"][: len(rows[0])]
    scale, distance = TABLE_SCALE, max(TABLE_SCALE * width, *map(display_width, heads)) + 1
    if distance * len(heads) + 1 > terminal.width:
        scale, distance = edge, max(edge * width, *map(display_width, heads)) + 1
    count = max(1, (terminal.width - 1) // distance)
    begins = {(row * (height * scale + edge) + edge) // 2: name for row, name in enumerate(names)}
    for first in range(0, len(heads), count):
        part = slice(first, first + count)
        _, lines = framed([row[part] for row in rows], (height, width), terminal, (scale, scale), distance)
        heading = "".join(pad(head, distance) for head in heads[part])
        yield [("", heading), *((begins.get(number, ""), line) for number, line in enumerate(lines))]


def _kernel_pictures(weights: NDArray[Any], levels: Levels) -> list[Levels | None]:
    """Return the kernels that a filter uses, and three of them also as one picture in color."""
    pictures = [kernel if used else None for kernel, used in zip(levels, used_channels(weights), strict=True)]
    return [*pictures, np.moveaxis(levels, 0, -1)] if len(levels) == len("RGB") else pictures


def _signed_tables(
    layer: Layer, names: Sequence[str], inputs: Sequence[str], terminal: Terminal, largest: float | None
) -> Iterator[list[tuple[str, str]]]:
    """Yield tables as lines, each with the name of the filter that begins there."""
    filters = _texts(layer.conv.weights, largest, terminal.width, terminal)
    used = [used_channels(weights) for weights in layer.conv.weights]
    distance = max(len(filters[0][0][0]), *map(display_width, inputs)) + TILE_GAP
    count = max(1, (terminal.width + TILE_GAP) // distance)
    for first in range(0, len(inputs), count):
        part = slice(first, first + count)
        lines = [("", "".join(pad(name, distance) for name in inputs[part]))]
        for name, kernels, is_used in zip(names, filters, used, strict=True):
            pairs = zip(kernels[part], is_used[part], strict=True)
            shown = [kernel if on else [""] * len(kernel) for kernel, on in pairs]
            texts = ["".join(pad(text, distance) for text in parts) for parts in zip(*shown, strict=True)]
            lines += [*zip([name, *[""] * (len(texts) - 1)], texts, strict=True), ("", "")]
        yield lines[:-1]


def _levels(weights: NDArray[Any], largest: float | None, room: int, terminal: Terminal) -> Levels:
    """Return the levels of the kernels `(C, kh, kw)` of a filter, small enough for `room` columns."""
    return kernel_levels(_fitting(weights, room // terminal.pixel_rows), largest)


def _texts(weights: NDArray[Any], largest: float | None, room: int, terminal: Terminal) -> list[list[list[str]]]:
    """Return the lines of each kernel of filters `(K, C, kh, kw)`: numbers if all are short, otherwise signs.

    Signs are two columns apart, or adjacent if a kernel does not fit `room` columns then.
    """
    numbers = [f"{weight:.4g}" for weight in weights.flat] if weights.size <= MAX_NUMBERS else []
    longest = max(map(len, numbers), default=math.inf)
    if longest <= MAX_NUMBER_CHARACTERS and weights.shape[3] * (longest + 1) - 1 <= room:
        texts = np.array(numbers, object).reshape(weights.shape)
        return [[[" ".join(text.rjust(longest) for text in row) for row in kernel] for kernel in one] for one in texts]
    gap = " " if 2 * weights.shape[3] - 1 <= room else ""
    found = []
    for one in weights:
        magnitude = float(np.abs(one).max()) if largest is None else largest
        shown = _fitting(one, (room + len(gap)) // (1 + len(gap)))
        found.append([[gap.join(row) for row in signs(kernel, magnitude, terminal.encoding)] for kernel in shown])
    return found


def _fitting(weights: NDArray[Any], columns: int) -> NDArray[Any]:
    """Return the kernels `(C, kh, kw)` of a filter, shrunk by `largest_in_blocks` to a number of columns."""
    count, height, width = weights.shape
    factor = min(1.0, columns / width, MAX_TILE_ROWS / height)
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    return largest_in_blocks([(0, weights)], (count, height, width), rows, columns)
