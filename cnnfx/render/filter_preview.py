"""Filters as text for the terminal: tiles of filters with one kernel, and tables of filters and input channels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Layer
from cnnfx.render.color import apply_colormap
from cnnfx.render.filters import (
    FilterStyle,
    are_colors,
    color_picture,
    filters_picture,
    kernel_levels,
    layer_weights,
    used_channels,
    weight_limits,
)
from cnnfx.render.preview import (
    MAX_TILE_ROWS,
    TILE_GAP,
    TextTile,
    balanced_columns,
    framed,
    largest_in_blocks,
    pictures_preview,
    side_by_side,
)
from cnnfx.render.terminal import Terminal, half_blocks, signs
from cnnfx.render.tiles import Levels, picture_tiles
from cnnfx.render.wrapping import cut, display_width, pad

DEFAULT_STYLE = FilterStyle()
MAX_NAME_WIDTH = 12
"""Names in a table are cut to this many columns."""
TABLE_SCALE = 2
"""The factor by which weights in a table are enlarged, if all input channels fit into the width then."""
MAX_NUMBER_CHARACTERS = 4
"""The most characters of weights that are written as numbers on a terminal without colors."""
COLOR_SCALE = 2
"""The factor by which filters in color are enlarged, where the width allows it."""
MAX_NUMBERS = 10_000
"""The most weights of a layer that are written as numbers."""


def filters_preview(layer: Layer, terminal: Terminal, style: FilterStyle = DEFAULT_STYLE, scale: int = 2) -> str:
    """Return the filters of a layer as lines for a terminal: tiles side by side under the names of the filters.

    A tile contains the kernels of a filter side by side.

    Parameters
    ----------
    layer : Layer
    terminal : Terminal
    style : FilterStyle
    scale : int
        The factor of enlargement, where the width allows it.
    """
    if terminal.graphics != "none":
        return _picture_text(layer, [""] * layer_weights(layer).shape[1], terminal, style)
    weights, edge = layer_weights(layer), terminal.pixel_rows
    limits = weight_limits(weights, style.scope)
    if terminal.colors == "none":
        weights = weights[:, : max(1, (terminal.width + TILE_GAP) // (1 + TILE_GAP))]  # more do not fit side by side
        room = max(1, (terminal.width + TILE_GAP) // weights.shape[1] - TILE_GAP)
        filters = _texts(weights, limits, room, terminal)
        lines = [[(" " * TILE_GAP).join(parts) for parts in zip(*kernels, strict=True)] for kernels in filters]
        tiles = [TextTile(name, len(rows[0]), rows) for name, rows in zip(layer.filter_names, lines, strict=True)]
    else:
        weights = weights[:, : max(1, (terminal.width - 1) // (edge + 1))]
        room = max(edge, (terminal.width - 1) // weights.shape[1] - 1)
        pictures = [
            _pictures(kernels, limit, room, terminal, style) for kernels, limit in zip(weights, limits, strict=True)
        ]
        size = pictures[0][0].shape[:2]
        factor = max(edge, min(scale, room // size[1]))
        tiles = [
            TextTile(name, *framed([kernels], size, terminal, (factor, factor)))
            for name, kernels in zip(layer.filter_names, pictures, strict=True)
        ]
    needed = max(tiles[0].width, *map(display_width, layer.filter_names))
    return side_by_side(tiles, balanced_columns(len(tiles), needed, terminal.width), terminal)


def filter_table(layer: Layer, inputs: Sequence[str], terminal: Terminal, style: FilterStyle = DEFAULT_STYLE) -> str:
    """Return the kernels of a layer `(K, C, kh, kw)` as a table for a terminal.

    There is a row for each filter and a column for each input channel, with names at the left and on top. Behind the
    channels red, green and blue, a column shows all three as one picture in color. Input channels that do not fit into
    the width follow in another table below. A cell is empty where a filter does not use the channel.

    Parameters
    ----------
    layer : Layer
    inputs : sequence of str
        The names of the C input channels of the filters.
    terminal : Terminal
    style : FilterStyle
    """
    if terminal.graphics != "none":
        return _picture_text(layer, inputs, terminal, style)
    names, inputs = (
        [cut(terminal.encodable(name), min(MAX_NAME_WIDTH, terminal.width // 3), terminal.ellipsis) for name in given]
        for given in (layer.filter_names, inputs)
    )
    margin = max(map(display_width, names)) + 1
    tables = (_signed_tables if terminal.colors == "none" else _colored_tables)(
        layer, names, inputs, terminal._replace(width=terminal.width - margin), style
    )
    return "\n\n".join("\n".join((pad(name, margin) + line).rstrip() for name, line in table) for table in tables)


def color_filters_preview(
    layer: Layer,
    inputs: Sequence[str],
    terminal: Terminal,
    style: FilterStyle = DEFAULT_STYLE,
    scale: int = COLOR_SCALE,
) -> str:
    """Return filters on red, green and blue as lines for a terminal with colors: a color picture of each.

    Parameters
    ----------
    layer : Layer
        With weights `(K, 3, kh, kw)`.
    inputs : sequence of 3 str
        The colors in the order of the weights.
    terminal : Terminal
    style : FilterStyle
    scale : int
        The factor of enlargement, where the width allows it.
    """
    if terminal.graphics != "none":
        return _picture_text(layer, inputs, terminal, style)
    weights = layer_weights(layer)
    limits = weight_limits(weights, style.scope)
    pictures = [color_picture(kernels, inputs, limit) for kernels, limit in zip(weights, limits, strict=True)]
    return pictures_preview(picture_tiles(layer.filter_names, pictures), terminal, scale)


def weights_preview(layer: Layer, inputs: Sequence[str], terminal: Terminal, style: FilterStyle = DEFAULT_STYLE) -> str:
    """Return the weights of filters of 1×1 as lines for a terminal: a line for each filter, a column for each channel.

    Input channels that do not fit into the width follow below.

    Parameters
    ----------
    layer : Layer
        With weights `(K, C, 1, 1)`.
    inputs : sequence of C str
        The names of the input channels.
    terminal : Terminal
    style : FilterStyle
    """
    if terminal.graphics != "none":
        return _picture_text(layer, inputs, terminal, style)
    weights = layer_weights(layer)[:, :, 0, 0]
    limits = weight_limits(layer_weights(layer), style.scope)
    names = [cut(terminal.encodable(name), MAX_NAME_WIDTH, terminal.ellipsis) for name in layer.filter_names]
    margin = max(map(display_width, names)) + 1
    width, tables = max(1, terminal.width - margin), []
    for first in range(0, len(inputs), width):
        part = slice(first, min(first + width, len(inputs)))
        heading = f"input {inputs[part.start]} to {inputs[part.stop - 1]}"
        rows = [_weights_line(row[part], limit, terminal, style) for row, limit in zip(weights, limits, strict=True)]
        lines = [pad(name, margin) + line for name, line in zip(names, rows, strict=True)]
        tables.append("\n".join([" " * margin + terminal.encodable(heading), *lines]))
    return "\n\n".join(tables)


def _weights_line(weights: NDArray[Any], limit: float, terminal: Terminal, style: FilterStyle) -> str:
    """Return weights side by side: as a line of colors, or of signs."""
    if terminal.colors == "none":
        (line,) = signs(weights[np.newaxis], limit, terminal.encoding)
        return "".join(line)
    levels = apply_colormap(kernel_levels(weights[np.newaxis], limit), style.colormap)
    return half_blocks(levels.repeat(2, axis=0), terminal.colors, terminal.encoding)


def _picture_text(layer: Layer, inputs: Sequence[str], terminal: Terminal, style: FilterStyle) -> str:
    """Return the picture of the filters as text for a terminal with graphics."""
    from cnnfx.render.graphics import picture_text

    return picture_text(filters_picture(layer, inputs, style=style), terminal)


def _colored_tables(
    layer: Layer, names: Sequence[str], inputs: Sequence[str], terminal: Terminal, style: FilterStyle
) -> Iterator[list[tuple[str, str]]]:
    """Yield tables as lines, each with the name of the filter that begins there."""
    room, edge = max(terminal.pixel_rows, terminal.width - 2), terminal.pixel_rows
    weights, in_color = layer_weights(layer), are_colors(inputs)
    limits = weight_limits(weights, style.scope)
    rows: list[list[Levels | None]] = []
    for kernels, limit in zip(weights, limits, strict=True):
        pictures = _pictures(kernels, limit, room, terminal, style)
        row = [picture if used else None for picture, used in zip(pictures, used_channels(kernels), strict=True)]
        fitting = _fitting(kernels, room // edge)
        rows.append([*row, color_picture(fitting, inputs, limit)] if in_color else row)
    height, width = next(picture.shape[:2] for row in rows for picture in row if picture is not None)
    heads = [*inputs, "color"] if in_color else inputs
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


def _signed_tables(
    layer: Layer, names: Sequence[str], inputs: Sequence[str], terminal: Terminal, style: FilterStyle
) -> Iterator[list[tuple[str, str]]]:
    """Yield tables as lines, each with the name of the filter that begins there."""
    filters = _texts(layer_weights(layer), weight_limits(layer_weights(layer), style.scope), terminal.width, terminal)
    used = [used_channels(weights) for weights in layer_weights(layer)]
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


def _pictures(weights: NDArray[Any], limit: float, room: int, terminal: Terminal, style: FilterStyle) -> list[Levels]:
    """Return pictures of the kernels `(C, kh, kw)` of a filter, small enough for `room` columns."""
    levels = kernel_levels(_fitting(weights, room // terminal.pixel_rows), limit)
    return [apply_colormap(kernel, style.colormap) for kernel in levels]


def _texts(weights: NDArray[Any], limits: Sequence[float], room: int, terminal: Terminal) -> list[list[list[str]]]:
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
    for one, limit in zip(weights, limits, strict=True):
        shown = _fitting(one, (room + len(gap)) // (1 + len(gap)))
        found.append([[gap.join(row) for row in signs(kernel, limit, terminal.encoding)] for kernel in shown])
    return found


def _fitting(weights: NDArray[Any], columns: int) -> NDArray[Any]:
    """Return the kernels `(C, kh, kw)` of a filter, shrunk by `largest_in_blocks` to a number of columns."""
    count, height, width = weights.shape
    factor = min(1.0, columns / width, MAX_TILE_ROWS / height)
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    return largest_in_blocks([(0, weights)], (count, height, width), rows, columns)
