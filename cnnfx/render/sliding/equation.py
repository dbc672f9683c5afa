"""The layout "equation": from left to right the input, × the kernel, = the output, in gray as other pictures.

The window is a frame over the input with a light tint, and an arrow goes from it to the output that is computed. With
numbers, every value is written into its cell, the products are shown beside or below the kernel, and lines of text add
the sum, the bias and the activation up to the output. With pooling, its window slides over the output when that is
complete, and the pooled values are at the right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.explanation import Sum
from cnnfx.render.captions import activation_name, window_caption
from cnnfx.render.color import COLORMAPS, ColorScale, LinearScale
from cnnfx.render.layout import suitable_columns
from cnnfx.render.shapes import draw_frame
from cnnfx.render.sliding.arrows import Box, draw_arrow, side
from cnnfx.render.sliding.cells import MIN_FONT_SIZE, CellPainter, number_cell, number_texts
from cnnfx.render.sliding.palette import BLACK, GOLD, GOLD_EDGE, WHITE, Palette, mix
from cnnfx.render.sliding.positions import OutputChannel, SlidingWindow
from cnnfx.render.sliding.products import GAP, SIGN_WIDTH, ProductPanel
from cnnfx.render.sliding.scales import lighter_padding, output_scales
from cnnfx.render.sliding.schedule import Position
from cnnfx.render.sliding.sheet import (
    FONT_SIZE,
    MARGIN,
    Corner,
    Sheet,
    part_of,
    suitable_cell,
    text_picture,
)
from cnnfx.render.sliding.sums import pooling_line, sum_lines
from cnnfx.render.text import line_height
from cnnfx.render.tiles import Levels
from cnnfx.system.sizes import size_text

POOL_WIDTH = 64
"""Pixels between the output and the pooled output."""
MIN_TEXT_WIDTH = 330
"""The least width in pixels of the lines of text below a kernel and its output."""
TINT = 0.36
"""How much of the color of the window is mixed into the cells below it."""
MAP_WIDTHS = ((1, 300), (4, 160), (math.inf, 110))
"""Pairs (n, w): of at most n matrices one above the other, each is about w pixels wide."""
MAX_CELL = 32
"""The largest default side of a cell without a number in pixels."""
MIN_THICK_CELL = 9
"""The smallest cells whose frames have a bright line of two pixels."""
MAX_INPUTS = 4
"""The most input channels that are drawn."""
MAX_ARROWS = 6
"""With more pairs of an input and an output, there are no arrows."""


class Group(NamedTuple):
    """The parts of one output channel.

    Parameters
    ----------
    channel : OutputChannel
    panel : ProductPanel, optional
        None for a combination.
    panel_corner, output, text : (top, left)
        The corners in a frame of the panel, the output and the lines of text.
    pooled : (top, left), optional
    """

    channel: OutputChannel
    panel: ProductPanel | None
    panel_corner: Corner
    output: Corner
    text: Corner
    pooled: Corner | None


def suitable_equation_cell(sliding: SlidingWindow, numbers: bool) -> int:
    """Return the default side of a cell in pixels, which depends on the numbers or the sizes of the matrices."""
    if numbers:
        return number_cell(_all_texts(sliding))
    return suitable_cell(sliding, MAX_INPUTS, MAP_WIDTHS, MAX_CELL)


def smallest_number_cell(sliding: SlidingWindow) -> int:
    """Return the side in pixels of the smallest cells in which all numbers fit, in a small font."""
    return number_cell(_all_texts(sliding), MIN_FONT_SIZE)


def _all_texts(sliding: SlidingWindow) -> list[NDArray[np.str_]]:
    """Return the texts in the cells; for products, texts that are at least as wide."""
    texts = [number_texts(sliding.padded[sliding.read_inputs(MAX_INPUTS)])]
    for channel in sliding.channels:
        texts.append(number_texts(channel.values))
        if channel.weights is not None:
            largest = -sliding.largest_product(channel) * np.array([1, 1 / 3])
            texts += [number_texts(channel.weights), number_texts(largest)]
    return texts


class EquationLayout:
    """Frames with the input, the kernels and the outputs side by side.

    Parameters
    ----------
    sliding : SlidingWindow
    input_scale : LinearScale
        Maps the values of the input to levels.
    color_scale : ColorScale
        Maps the values of the output to levels and colors.
    cell : int
        The side of a cell in pixels.
    numbers : bool
        Whether the values are written into the cells.

    Attributes
    ----------
    palette : Palette
    inputs : dict from int to (top, left)
        The corners of the drawn input channels.
    groups : list of Group
        One for each output channel.
    """

    def __init__(
        self, sliding: SlidingWindow, input_scale: LinearScale, color_scale: ColorScale, cell: int, numbers: bool
    ) -> None:
        self.sliding, self.numbers = sliding, numbers
        gray = (BLACK, WHITE)
        self.palette = Palette(
            (gray, 64),
            (tuple(mix(color, GOLD, TINT) for color in gray), 44),
            (COLORMAPS[color_scale.colormap], 64 if color_scale.colormap == "gray" else 96),
            ((GOLD_EDGE, GOLD, WHITE), 25),
        )
        self.gray, self.tinted_gray, self.colors, _ = self.palette.ramps
        self.painter = CellPainter(self.palette, cell)
        self._draw_inputs(input_scale)
        self._draw_outputs(color_scale)
        self.inputs: dict[int, Corner] = {}
        self.groups: list[Group] = []
        self._background = self._lay_out()

    @property
    def shape(self) -> tuple[int, int]:
        """The height and width of the frames in pixels."""
        height, width = self._background.shape
        return height, width

    def frames(self, positions: Sequence[Position]) -> Iterator[Levels]:
        """Yield a frame for each position, as palette indices; the outputs are complete up to the position."""
        for position in positions:
            frame = self._background.copy()
            self._draw_complete(frame, position)
            if position.stage == "filters":
                self._draw_window(frame, position.row, position.column)
            else:
                self._draw_pooling(frame, position.row, position.column)
            yield frame

    # The pictures of the matrices.

    def _texts(self, values: NDArray[np.floating]) -> NDArray[np.str_] | None:
        return number_texts(values) if self.numbers else None

    def _draw_inputs(self, scale: LinearScale) -> None:
        """Draw each input channel with its padding, and as it is under the window."""
        drawn = self.sliding.read_inputs(MAX_INPUTS)
        texts = self._texts(self.sliding.padded[drawn])
        self._input_pictures: dict[int, Levels] = {}
        self._window_pictures: dict[int, Levels] = {}
        for order, index in enumerate(drawn):
            levels = lighter_padding(self.sliding, scale.levels(self.sliding.padded[index]))
            own_texts = None if texts is None else texts[order]
            for ramp, pictures in ((self.gray, self._input_pictures), (self.tinted_gray, self._window_pictures)):
                cells = self.palette.mark_nonfinite(ramp.indices(levels), self.sliding.padded[index])
                pictures[index] = self.painter.draw(cells, own_texts)

    def _draw_outputs(self, color_scale: ColorScale) -> None:
        """Draw each complete output channel, as it is under the window of the pooling, and pooled."""
        self._output_pictures: list[Levels] = []
        self._block_pictures: list[Levels] = []
        self._pooled_pictures: list[Levels] = []
        channels = self.sliding.channels
        for scale, channel in zip(output_scales(color_scale, channels), channels, strict=True):
            cells, texts = self.palette.cells(self.colors, scale, channel.values), self._texts(channel.values)
            self._output_pictures.append(self.painter.draw(cells, texts))
            if channel.pooled is not None:
                self.palette.blend(cells, np.float32(TINT), GOLD)
                self._block_pictures.append(self.painter.draw(cells, texts))
                pooled = self.palette.cells(self.colors, scale, channel.pooled)
                self._pooled_pictures.append(self.painter.draw(pooled, self._texts(channel.pooled)))

    # The layout.

    def _lay_out(self) -> Levels:
        """Place all matrices and texts, and return a frame before the first position."""
        sheet, channels = Sheet(self.palette), self.sliding.channels
        size, name_height = self.painter.size, line_height(FONT_SIZE)
        input_rows, input_columns = self.sliding.padded_size
        input_step = name_height + input_rows * size + GAP
        panels = [self._panel(channel, input_step) for channel in channels]
        if len(channels) == 1 and panels[0]:  # each input channel is beside its kernel
            input_step = max(input_step, panels[0].shape[0] // len(self._input_pictures))
        heights = [panel.shape[0] for panel in panels if panel]
        panel_width = max([panel.shape[1] for panel in panels if panel], default=SIGN_WIDTH)
        body_height = max([name_height + self.sliding.output_size[0] * size + GAP, *heights])
        outputs_width = (self.sliding.output_size[1] + self.sliding.pooled_size[1]) * size
        width = panel_width + outputs_width + (POOL_WIDTH if self.sliding.pool else 0)
        if self.numbers:
            width = max(width, SIGN_WIDTH + MIN_TEXT_WIDTH)
        height = body_height + self._text_height()
        columns = 1 if len(channels) <= MAX_ARROWS else suitable_columns(len(channels), width, height)
        groups_height = math.ceil(len(channels) / columns) * height - self._text_height()
        inputs_height = len(self._input_pictures) * input_step
        top = MARGIN + (name_height + GAP if self.numbers else 0)  # below the line that names the position
        left = MARGIN + input_columns * size
        for order, index in enumerate(self._input_pictures):
            input_top = top + max(0, groups_height - inputs_height) // 2 + order * input_step
            self._place_input(sheet, index, input_top + (input_step - name_height - input_rows * size) // 2)
        top += max(0, inputs_height - groups_height) // 2
        for order, (channel, panel) in enumerate(zip(channels, panels, strict=True)):
            row, column = divmod(order, columns)
            corner = top + row * height, left + column * width
            self._place_group(sheet, channel, panel, corner, (body_height, width), left + column * width + panel_width)
        return sheet.pixels()

    def _panel(self, channel: OutputChannel, input_step: int) -> ProductPanel | None:
        """Return the panel of a filter; None for a combination."""
        if channel.weights is None:
            return None
        inputs = [index for index in channel.input_channels if index in self._input_pictures]
        # A single kernel has its products below it, which is compact.
        beside = len(inputs) > 1 or len(self.sliding.channels) > 1
        row_height = input_step if len(self.sliding.channels) == 1 else 0
        return ProductPanel(self.sliding, channel, inputs, self.painter, self.gray, self.numbers, beside, row_height)

    def _text_height(self) -> int:
        """Return the height in pixels of the lines of text below an output."""
        if not self.numbers:
            return 0
        activation = any(channel.activation != "none" for channel in self.sliding.channels)
        response = self.sliding.maps.network.layers[-1].local_response is not None
        return (1 + activation + response) * line_height(FONT_SIZE) + GAP

    def _place_input(self, sheet: Sheet, index: int, top: int) -> None:
        """Place an input channel below its name."""
        _, height, width = self.sliding.inputs.shape
        name = f"{self.sliding.title}: {size_text((height, width))}"
        if len(self.sliding.inputs) > 1:
            name = f"{self.sliding.title}: {self.sliding.input_names[index]}"
        sheet.place_text(name, top, MARGIN)
        self.inputs[index] = sheet.place(self._input_pictures[index], top + line_height(FONT_SIZE), MARGIN)

    def _place_group(
        self,
        sheet: Sheet,
        channel: OutputChannel,
        panel: ProductPanel | None,
        corner: Corner,
        shape: tuple[int, int],
        output_left: int,
    ) -> None:
        """Place the panel, the output and the lines of text of an output channel at a corner."""
        (top, left), (body_height, width), pool = corner, shape, self.sliding.pool
        panel_corner = corner
        if panel:
            panel_corner = sheet.place(panel.background, top + (body_height - panel.shape[0]) // 2, left)
        details = [channel.formula, activation_name(channel.activation), size_text(self.sliding.output_size)]
        name = f"{channel.name}: {', '.join(filter(None, details))}"
        output = self._place_output(sheet, name, self.sliding.output_size, (top, output_left), body_height)
        pooled = None
        if pool:
            pooled_left = output_left + self.sliding.output_size[1] * self.painter.size + POOL_WIDTH
            name = f"{pool.kind} {window_caption(pool)}"
            pooled = self._place_output(sheet, name, self.sliding.pooled_size, (top, pooled_left), body_height)
        blank = np.full((self._text_height(), width - SIGN_WIDTH), self.palette.index(WHITE), np.uint8)
        text = sheet.place(blank, top + body_height, left + SIGN_WIDTH)
        self.groups.append(Group(channel, panel, panel_corner, output, text, pooled))

    def _place_output(self, sheet: Sheet, name: str, size: tuple[int, int], corner: Corner, body_height: int) -> Corner:
        """Place an empty output, below its name, in the middle of a row of matrices."""
        empty, name_height = self.painter.draw_empty(*size), line_height(FONT_SIZE)
        top = corner[0] + (body_height - empty.shape[0] - name_height) // 2
        sheet.place_text(name, top, corner[1])
        return sheet.place(empty, top + name_height, corner[1])

    # The frames.

    def _draw_complete(self, frame: Levels, position: Position) -> None:
        """Draw the outputs up to a position."""
        outputs = zip(self._output_pictures, [group.output for group in self.groups], strict=True)
        if position.stage == "filters":
            self._copy_up_to(frame, outputs, position)
            return
        for picture, corner in outputs:
            part_of(frame, corner, picture.shape)[:] = picture
        pooled = [group.pooled for group in self.groups if group.pooled]
        self._copy_up_to(frame, zip(self._pooled_pictures, pooled, strict=True), position)

    def _draw_window(self, frame: Levels, row: int, column: int) -> None:
        """Draw the window of the filters at a position, the arrows from it and, with numbers, the products and sums."""
        rows, columns = self.sliding.kernel_slices(row, column)
        window = self.painter.box(slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        output = self.painter.box(*_cell(row, column))
        for index, corner in self.inputs.items():
            self._copy_cells(frame, self._window_pictures[index], corner, rows, columns)
        self._draw_arrows(frame, window, output)
        for corner in self.inputs.values():
            self._draw_frame(frame, moved(window, corner))
        for group in self.groups:
            self._draw_frame(frame, moved(output, group.output))
        if self.numbers:
            self._draw_position(frame, "", row, column, self.sliding.output_size)
            for group, explanation in zip(self.groups, self.sliding.explain(row, column), strict=True):
                (point,) = explanation.points
                if group.panel and isinstance(point.sums[0], Sum):
                    part = part_of(frame, group.panel_corner, group.panel.shape)
                    group.panel.draw_products(part, point.sums[0].terms)
                self._draw_lines(frame, group, sum_lines(point))

    def _draw_arrows(self, frame: Levels, window: Box, output: Box) -> None:
        """Draw the arrows from the window to the outputs, and the kernels and signs above them."""
        drawn = set(self.inputs)
        pairs = [(index, group) for group in self.groups for index in group.channel.input_channels if index in drawn]
        if len(pairs) > MAX_ARROWS:
            return
        for index, group in pairs:
            start = side(moved(window, self.inputs[index]), "right", self._cell_if_numbers)
            end = side(moved(output, group.output), "left", self._cell_if_numbers)
            # With numbers, the arrow is horizontal inside the input and the output, between the rows of numbers.
            right = self.inputs[index][1] + self._input_pictures[index].shape[1]
            between = [(float(right), start[1]), (float(group.output[1]), end[1])] if self.numbers else []
            draw_arrow(frame, self.palette, [start, *between, end], bold=self.painter.size >= MIN_THICK_CELL)
        for group in self.groups:
            for (top, left), picture in group.panel.pieces if group.panel else ():
                corner = group.panel_corner[0] + top, group.panel_corner[1] + left
                part_of(frame, corner, picture.shape)[:] = picture

    def _draw_pooling(self, frame: Levels, row: int, column: int) -> None:
        """Draw the window of the pooling at a position, and the largest value where it is kept."""
        assert self.sliding.pool is not None
        block, output = self.sliding.block(row, column), self.painter.box(*_cell(row, column))
        for group, picture in zip(self.groups, self._block_pictures, strict=True):
            assert group.pooled is not None
            self._copy_cells(frame, picture, group.output, *block)
            source = self.painter.box(*block)
            self._draw_frame(frame, moved(source, group.output))
            if self.sliding.pool.kind == "max":
                source = self.painter.box(*_cell(*self.sliding.largest(group.channel, row, column)))
                white, edge = self.palette.index(WHITE), self.palette.index(GOLD_EDGE)
                draw_frame(frame, moved(source, group.output), white, self._thickness, edge)
            start = side(moved(source, group.output), "right", self._cell_if_numbers)
            end = side(moved(output, group.pooled), "left", self._cell_if_numbers)
            right = group.output[1] + picture.shape[1]
            between = [(float(right), start[1]), (float(group.pooled[1]), end[1])] if self.numbers else []
            draw_arrow(frame, self.palette, [start, *between, end], bold=self.painter.size >= MIN_THICK_CELL)
            self._draw_frame(frame, moved(output, group.pooled))
            if self.numbers:
                self._draw_lines(frame, group, [pooling_line(self.sliding, group.channel, row, column)])
        if self.numbers:
            self._draw_position(frame, "pooling, ", row, column, self.sliding.pooled_size)

    @property
    def _thickness(self) -> int:
        return 2 if self.painter.size >= MIN_THICK_CELL else 1

    @property
    def _cell_if_numbers(self) -> int:
        return self.painter.size if self.numbers else 0

    def _draw_position(self, frame: Levels, before: str, row: int, column: int, size: tuple[int, int]) -> None:
        """Draw the line that names the position."""
        text = f"{before}position {column},{row} ({row * size[1] + column + 1} of {math.prod(size)})"
        self._draw_text(frame, text, (MARGIN, MARGIN))

    def _draw_lines(self, frame: Levels, group: Group, lines: Sequence[str]) -> None:
        for number, line in enumerate(lines):
            self._draw_text(frame, line, (group.text[0] + number * line_height(FONT_SIZE), group.text[1]))

    def _draw_text(self, frame: Levels, text: str, corner: Corner) -> None:
        """Draw a line of text, which ends at the edge of the frame."""
        picture = text_picture(self.palette, text)[:, : frame.shape[1] - corner[1]]
        part_of(frame, corner, picture.shape)[:] = picture

    def _draw_frame(self, frame: Levels, box: Box) -> None:
        """Draw a bright line inside a dark one around a box, which is visible on black and on white."""
        left, top, right, bottom = box
        box = left - 1, top - 1, right, bottom
        draw_frame(frame, box, self.palette.index(GOLD), self._thickness, self.palette.index(GOLD_EDGE))

    def _copy_cells(self, frame: Levels, picture: Levels, corner: Corner, rows: slice, columns: slice) -> None:
        """Copy the cells in some rows and columns, which may have steps, of a picture to a frame."""
        part = part_of(frame, corner, picture.shape)
        for row in range(rows.start, rows.stop, rows.step or 1):
            for column in range(columns.start, columns.stop, columns.step or 1):
                left, top, right, bottom = self.painter.box(*_cell(row, column))
                part[top:bottom, left:right] = picture[top:bottom, left:right]

    def _copy_up_to(self, frame: Levels, placed: Iterable[tuple[Levels, Corner]], position: Position) -> None:
        """Copy the cells up to a position, row by row, of pictures to a frame."""
        _, top, right, bottom = self.painter.box(*_cell(position.row, position.column))
        for picture, corner in placed:
            part = part_of(frame, corner, picture.shape)
            part[:top] = picture[:top]
            part[top:bottom, :right] = picture[top:bottom, :right]


def moved(box: Box, corner: Corner) -> Box:
    """Return a box in a picture as a box in a frame, in which the picture's corner is (top, left)."""
    left, top, right, bottom = box
    return left + corner[1], top + corner[0], right + corner[1], bottom + corner[0]


def _cell(row: int, column: int) -> tuple[slice, slice]:
    return slice(row, row + 1), slice(column, column + 1)
