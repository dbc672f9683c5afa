"""The frames of the sliding-window animation: their layout, and one frame for each position of the window.

A frame shows the output channels in green, the input in blue below them, and beside or below each output channel its
kernels or, with numbers, the products at the position.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.render.color import ColorScale, LinearScale
from cnnfx.render.filters import draw_filter
from cnnfx.render.layout import suitable_columns
from cnnfx.render.sliding.palette import BLUE, GRAY, GREEN, MARKER, ORANGE, WHITE, CellStyle
from cnnfx.render.sliding.positions import SlidingWindow
from cnnfx.render.sliding.products import ProductPanel
from cnnfx.render.text import draw_text, line_height, text_width
from cnnfx.render.tiles import Levels, enlarge

FONT_SIZE = 13
"""The font size in pixels."""
MARGIN = 10
"""Pixels around a frame."""
GAP = 10
"""Pixels between the parts of a frame."""
KERNEL_WIDTH = 60
"""About how many pixels wide a kernel is drawn."""
NUMBER_CELL = 36
"""The default side in pixels of a cell with a number."""
MIN_NUMBER_CELL = 24
"""The smallest side in pixels of a cell with a readable number."""
MIN_CELL = 2
"""The smallest default side in pixels of a cell without numbers."""
MAX_CELL = 32
"""The largest default side in pixels of a cell without numbers."""
MAP_WIDTHS = ((1, 300), (4, 200), (math.inf, 130))
"""Pairs (n, w): with at most n maps, each is drawn about w pixels wide."""
MIN_PADDING_LEVEL = 150
"""The darkest level of padding, which is drawn lighter than the image."""
THIN_MARKER_CELL = 12
"""Cells smaller than this, in pixels, are framed by a line one pixel thick; larger ones by two."""

Corner = tuple[int, int]
"""The top row and left column of pixels of a part of a frame."""


def suitable_cell_size(sliding: SlidingWindow, numbers: bool) -> int:
    """Return the default side of a cell in pixels, which depends on the number and size of the maps."""
    if numbers:
        return NUMBER_CELL
    maps = max(len(sliding.channels), len(sliding.inputs))
    width = next(width for most, width in MAP_WIDTHS if maps <= most)
    return int(max(MIN_CELL, min(MAX_CELL, width // max(*sliding.padded_size, *sliding.output_size))))


class FrameLayout:
    """The layout of the frames, and the parts that are the same in all of them.

    Parameters
    ----------
    sliding : SlidingWindow
    input_scale : LinearScale
        Maps the values of the input to levels.
    output_scale : ColorScale
        Maps the values of the output to levels. Its color map is not used, since the output is green.
    style : CellStyle

    Attributes
    ----------
    background : array (height, width), uint8
        A frame before the first position, as palette indices.
    inputs, window_inputs : list of arrays
        Each padded input channel, drawn in blue and as under the window.
    maps : list of arrays
        Each output channel.
    panels : list of ProductPanel
        One for each output channel.
    input_corners, map_corners, panel_corners : list of (top, left)
        The position of each in a frame, in pixels.
    """

    def __init__(
        self, sliding: SlidingWindow, input_scale: LinearScale, output_scale: ColorScale, style: CellStyle
    ) -> None:
        self.sliding, self.style = sliding, style
        self.inputs, self.window_inputs = self._draw_inputs(input_scale)
        self.maps = self._draw_maps(output_scale)
        self.panels = [
            ProductPanel(sliding, channel, style, [self.window_inputs[index] for index in channel.input_channels])
            for channel in sliding.channels
        ]
        self.input_corners: list[Corner] = []
        self.map_corners: list[Corner] = []
        self.panel_corners: list[Corner] = []
        self._placed: list[tuple[Corner, Levels]] = []
        self._place_inputs(self._place_outputs())
        self.background = self._paste_all()

    @property
    def shape(self) -> tuple[int, int]:
        """The height and width of the frames in pixels."""
        height, width = self.background.shape
        return height, width

    def _draw_inputs(self, scale: LinearScale) -> tuple[list[Levels], list[Levels]]:
        """Draw each padded input channel twice: in blue, and in orange as under the window; the padding is lighter."""
        (top, bottom), (left, right) = self.sliding.padding
        height, width = self.sliding.padded_size
        is_padding = np.ones((height, width), bool)
        is_padding[top : height - bottom, left : width - right] = False
        padding_pixels = enlarge(is_padding, self.style.size)
        inputs, window_inputs = [], []
        for values in self.sliding.padded:
            levels = scale.levels(values)
            lighter = MIN_PADDING_LEVEL + levels.astype(np.uint16) * (255 - MIN_PADDING_LEVEL) // 255
            levels = np.where(is_padding, lighter.astype(np.uint8), levels)
            picture = self.style.draw(levels, values, BLUE)
            picture[padding_pixels] = self.style.draw(levels, values, GRAY)[padding_pixels]
            inputs.append(picture)
            window_inputs.append(self.style.draw(levels, values, ORANGE))
        return inputs, window_inputs

    def _draw_maps(self, color_scale: ColorScale) -> list[Levels]:
        """Draw the whole output channels."""
        channels = self.sliding.channels
        values = np.stack([channel.values for channel in channels])
        names, non_negative = zip(*((channel.name, channel.non_negative) for channel in channels), strict=True)
        scales = color_scale.linear_scales(ArrayMaps(values, names, non_negative))
        return [
            self.style.draw(scale.levels(channel), channel, GREEN)
            for scale, channel in zip(scales, values, strict=True)
        ]

    def _place_outputs(self) -> int:
        """Place the output channels; return the row of pixels below them.

        A single channel is centered above the input with its panel at the right. Several form a grid, each with its
        panel below.
        """
        top = MARGIN + (line_height(FONT_SIZE) if self.style.numbers else 0)  # below the line that names the position
        panels = [self._draw_panel(index) for index in range(len(self.maps))]
        panel_height, panel_width = (max(panel.shape[axis] for panel in panels) for axis in (0, 1))
        map_height, map_width = self.maps[0].shape
        name_height = line_height(FONT_SIZE)
        if len(panels) == 1:
            input_width = self.inputs[0].shape[1]
            left = max(0, input_width - map_width) // 2
            panel_left = max(input_width, left + map_width) - left + GAP
            self._place_output(0, (top, MARGIN + left), panels[0], (name_height, panel_left))
            return int(top + name_height + max(map_height, panel_height) + GAP)
        width, height = max(map_width, panel_width), name_height + map_height + panel_height + 2 * GAP
        columns = suitable_columns(len(panels), width, height)
        for index, panel in enumerate(panels):
            row, column = divmod(index, columns)
            corner = top + row * (height + GAP), MARGIN + column * (width + GAP)
            self._place_output(index, corner, panel, (name_height + map_height + GAP, 0))
        return int(top + math.ceil(len(panels) / columns) * (height + GAP))

    def _place_output(self, index: int, corner: Corner, panel: Levels, panel_offset: Corner) -> None:
        """Place an output channel: its name, its map below that, and its panel at an offset from the corner."""
        (top, left), width = corner, max(self.maps[index].shape[1], panel.shape[1])
        self._place(GRAY.indices(draw_text(self.sliding.channels[index].name, FONT_SIZE, width)), corner)
        empty_map = self.style.draw_empty(*self.sliding.output_size)
        self.map_corners.append(self._place(empty_map, (top + line_height(FONT_SIZE), left)))
        self.panel_corners.append(self._place(panel, (top + panel_offset[0], left + panel_offset[1])))

    def _draw_panel(self, index: int) -> Levels:
        """Draw the panel of a map as it is at all positions: products without values, kernels, or a formula."""
        channel = self.sliding.channels[index]
        if self.style.numbers:
            return self.panels[index].background
        if channel.weights is None:
            return GRAY.indices(draw_text(channel.formula, FONT_SIZE))
        width = max(KERNEL_WIDTH, self.maps[index].shape[1] if len(self.maps) > 1 else 4 * KERNEL_WIDTH)
        return GRAY.indices(draw_filter(channel.weights, width, KERNEL_WIDTH))

    def _place_inputs(self, top: int) -> None:
        """Place the input channels in rows below the output, each under its name."""
        title = self.sliding.title
        names = [title] if len(self.inputs) == 1 else [f"{title}: {name}" for name in self.sliding.input_names]
        height, input_width = self.inputs[0].shape
        width = max(input_width, *(min(text_width(name, FONT_SIZE), 2 * KERNEL_WIDTH) for name in names))
        right = self._placed_size()[1]
        fitting = min(len(names), (right - MARGIN + GAP) // (width + GAP))
        columns = max(fitting, suitable_columns(len(names), width, height))
        spare = right - MARGIN - columns * (width + GAP) + GAP if len(self.maps) > 1 else 0
        for index, name in enumerate(names):
            row, column = divmod(index, columns)
            left = MARGIN + max(0, spare // 2) + column * (width + GAP)
            name_top = top + row * (height + line_height(FONT_SIZE) + GAP)
            self._place(GRAY.indices(draw_text(name, FONT_SIZE, width)), (name_top, left))
            self.input_corners.append(self._place(self.inputs[index], (name_top + line_height(FONT_SIZE), left)))

    def _place(self, picture: Levels, corner: Corner) -> Corner:
        """Place a picture at a corner, and return the corner."""
        self._placed.append((corner, picture))
        return corner

    def _placed_size(self) -> tuple[int, int]:
        """Return the height and width that the placed pictures need, with the margins at the top and left."""
        bottoms = [top + picture.shape[0] for (top, _), picture in self._placed]
        rights = [left + picture.shape[1] for (_, left), picture in self._placed]
        return max(bottoms), max(rights)

    def _paste_all(self) -> Levels:
        """Return a frame with all placed pictures."""
        height, width = self._placed_size()
        sheet = np.full((height + MARGIN, width + MARGIN), WHITE, np.uint8)
        for corner, picture in self._placed:
            _part(sheet, corner, picture)[:] = picture
        return sheet


def draw_frames(layout: FrameLayout, positions: Sequence[int]) -> Iterator[Levels]:
    """Yield a frame for each position, and a last one that shows the whole output without the window.

    Parameters
    ----------
    layout : FrameLayout
    positions : sequence of int
        In ascending order, counted row by row from 0. The output is filled up to the position.

    Yields
    ------
    array (height, width), uint8
        Palette indices.
    """
    canvas, filled = layout.background.copy(), 0
    columns = layout.sliding.output_size[1]
    for position in positions:
        for reached in range(filled, position + 1):
            _fill_output(layout, canvas, *divmod(reached, columns))
        filled = position + 1
        frame = canvas.copy()
        _draw_position(layout, frame, *divmod(position, columns))
        yield frame
    yield canvas


def _fill_output(layout: FrameLayout, canvas: Levels, row: int, column: int) -> None:
    """Draw the output's values at a position."""
    size = layout.style.size
    cell = slice(row * size, (row + 1) * size), slice(column * size, (column + 1) * size)
    for picture, corner in zip(layout.maps, layout.map_corners, strict=True):
        _part(canvas, corner, picture)[cell] = picture[cell]


def _draw_position(layout: FrameLayout, frame: Levels, row: int, column: int) -> None:
    """Draw the window at a position, frames around it and its output, and the numbers."""
    size, (rows, columns) = layout.style.size, layout.sliding.kernel_slices(row, column)
    for picture, corner in zip(layout.window_inputs, layout.input_corners, strict=True):
        part = _part(frame, corner, picture)
        for y in range(rows.start, rows.stop, rows.step):
            for x in range(columns.start, columns.stop, columns.step):
                cell = slice(y * size, (y + 1) * size), slice(x * size, (x + 1) * size)
                part[cell] = picture[cell]
        _draw_marker(layout.style, part, rows, columns)
    for picture, corner in zip(layout.maps, layout.map_corners, strict=True):
        _draw_marker(layout.style, _part(frame, corner, picture), slice(row, row + 1), slice(column, column + 1))
    if layout.style.numbers:
        _draw_numbers(layout, frame, row, column)


def _draw_marker(style: CellStyle, part: Levels, rows: slice, columns: slice) -> None:
    """Draw a frame around some cells of a picture."""
    thickness = 1 if style.size < THIN_MARKER_CELL else 2
    top, left = rows.start * style.size, columns.start * style.size
    bottom, right = rows.stop * style.size - style.lined, columns.stop * style.size - style.lined
    for horizontal in (part[top : top + thickness], part[bottom - thickness : bottom]):
        horizontal[:, left:right] = MARKER
    for vertical in (part[:, left : left + thickness], part[:, right - thickness : right]):
        vertical[top:bottom] = MARKER


def _draw_numbers(layout: FrameLayout, frame: Levels, row: int, column: int) -> None:
    """Draw the line that names the position, and the panels with the products there."""
    rows, columns = layout.sliding.output_size
    text = f"position {row * columns + column + 1} of {rows * columns}: row {row}, column {column}"
    line = GRAY.indices(draw_text(text, FONT_SIZE, frame.shape[1] - 2 * MARGIN))
    _part(frame, (MARGIN, MARGIN), line)[:] = line
    for panel, corner in zip(layout.panels, layout.panel_corners, strict=True):
        picture = panel.draw(row, column)
        _part(frame, corner, picture)[:] = picture


def _part(canvas: Levels, corner: Corner, picture: Levels) -> Levels:
    """Return the view of a canvas that a picture at a corner covers."""
    (top, left), (height, width) = corner, picture.shape
    return canvas[top : top + height, left : left + width]
