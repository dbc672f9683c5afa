"""The layout "planes": tilted planes in perspective, the input in blue below, the output in green above.

The window is shaded over the input, and rays go from its corners to the output that is computed. The values are the
brightness of the blue and the green. Padding is an empty rim of dashed cells; outputs that are not computed yet are
empty cells. With pooling there is a third plane above the output, over which the window of the pooling slides when the
output is complete.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cnnfx.nn.feature_maps import Floats
from cnnfx.render.captions import activation_name, steps_captions, window_caption
from cnnfx.render.color import ColorScale, LinearScale
from cnnfx.render.filters import draw_filter
from cnnfx.render.layout import suitable_columns
from cnnfx.render.shapes import Point, line_pixels, polygon_coverage
from cnnfx.render.sliding.palette import (
    BLACK,
    GOLD,
    GOLD_EDGE,
    RAY_COLOR,
    RAY_LEVELS,
    WHITE,
    Color,
    ColorRamp,
    Palette,
    mix,
)
from cnnfx.render.sliding.plane import BORDER, Plane, draw_empty_plane, draw_plane
from cnnfx.render.sliding.positions import OutputChannel, SlidingWindow
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
from cnnfx.render.text import line_height, text_width
from cnnfx.render.tiles import Levels
from cnnfx.system.sizes import size_text

GAP = 18
"""Pixels between planes side by side."""
RAY_SHARE = 0.34
"""The height of the rays between two planes as a share of the height of the upper one."""
MIN_RAY_HEIGHT = 30
"""The least height of the rays between two planes, in pixels."""
KERNEL_HEIGHT = 38
"""The height of the small picture of a filter, in pixels."""
HEADER_HEIGHT = max(KERNEL_HEIGHT, 2 * line_height(FONT_SIZE))
"""The height in pixels of the small picture of a filter and the lines of text beside it."""
MIN_GROUP_WIDTH = 170
"""The least width of an output channel in pixels, which leaves space for the text."""
PLANE_WIDTHS = ((1, 320), (4, 190), (math.inf, 130))
"""Pairs (n, w): of at most n planes side by side, each is about w pixels wide."""
MAX_CELL = 56
"""The largest default width of a cell in pixels."""
MAX_INPUT_PLANES = 12
"""The most input channels that are drawn."""
MAX_IN_ONE_ROW = 4
"""Up to this many planes are in one row."""
RAY_THICKNESS = 1.1
"""The thickness of the rays in pixels."""
OUTLINE_THICKNESS = 2.2
"""The thickness in pixels of the bright line around the window and its output; the dark lines beside it have 1.1."""
MAX_BEAMS = 4
"""Up to this many pairs of an input and an output plane, four rays and a beam connect each pair; otherwise one ray."""
MAX_RAYS = 12
"""With more pairs, there are no rays: they would hide the planes."""
BEAM_BUDGET = 500
"""The most pairs with a beam in all frames together: files would be too large."""
RAY_BUDGET = 2400
"""The most pairs with a ray in all frames together."""
BEAM_OPACITY = 0.2
"""The opacity of the beam between the rays."""
TINT = 0.42
"""How much of the color of the window is mixed into the cells of the output below it."""

BLUE = ((6, 26, 84), (36, 104, 200), (206, 232, 255))
"""The colors of the input, from low to high values."""
ORANGE = ((96, 52, 6), (232, 146, 32), (255, 240, 206))
"""The colors of the input under the window."""
GREEN = ((2, 52, 30), (40, 148, 84), (216, 252, 208))
"""The colors of the output."""
GREEN_UNDER_WINDOW = tuple(mix(color, GOLD, TINT) for color in GREEN)
"""The colors of the output under the window of the pooling."""


Block = tuple[slice, slice]
"""The rows and columns of some cells."""
Cells = tuple[Plane, Corner, Block]
"""Some cells of a plane: the plane, the corner of its picture in a frame, and their rows and columns."""
Placed = tuple[Corner, Levels]
"""A picture and its corner in a frame."""


class Group(NamedTuple):
    """The planes of one output channel, by the corners of their pictures.

    Parameters
    ----------
    channel : OutputChannel
    output : (top, left)
    pooled : (top, left), optional
        None without pooling.
    """

    channel: OutputChannel
    output: Corner
    pooled: Corner | None


def suitable_plane_cell(sliding: SlidingWindow) -> int:
    """Return the default width of a cell in pixels, which depends on the number and size of the planes."""
    return suitable_cell(sliding, MAX_INPUT_PLANES, PLANE_WIDTHS, MAX_CELL)


class PlanesLayout:
    """Frames with tilted planes.

    Parameters
    ----------
    sliding : SlidingWindow
    input_scale : LinearScale
        Maps the values of the input to levels.
    color_scale : ColorScale
        Maps the values of the output to levels. Its color map is not used, since the output is green.
    cell : int
        The width of a cell in pixels, in the middle of a plane.
    frame_count : int
        The number of frames, on which the rays depend; see `MAX_BEAMS`.

    Attributes
    ----------
    palette : Palette
    input_plane, output_plane, pooled_plane : Plane
        The planes of all input channels, all output channels, and all of these after pooling.
    inputs_read : list of int
        The drawn input channels.
    inputs : dict from int to (top, left)
        The corners of their pictures.
    groups : list of Group
        One for each output channel.
    """

    def __init__(
        self,
        sliding: SlidingWindow,
        input_scale: LinearScale,
        color_scale: ColorScale,
        cell: int,
        frame_count: int,
    ) -> None:
        self.sliding = sliding
        self.palette = Palette(
            ((BLACK, WHITE), 28),
            (BLUE, 62),
            (ORANGE, 44),
            (GREEN, 62),
            (GREEN_UNDER_WINDOW, 24),
            ((GOLD_EDGE, GOLD, WHITE), 31),
        )
        self.gray, self.blue, self.orange, self.green, self.tinted_green, _ = self.palette.ramps
        self.input_plane = Plane(*sliding.padded_size, cell)
        self.output_plane = Plane(*sliding.output_size, cell)
        self.pooled_plane = Plane(*sliding.pooled_size, cell) if sliding.pool else None
        self._draw_inputs(input_scale)
        self._draw_outputs(color_scale)
        pairs = sum(len(channel.input_channels) for channel in sliding.channels)
        self.beams = pairs <= MAX_BEAMS and pairs * frame_count <= BEAM_BUDGET
        self.rays = pairs <= MAX_RAYS and pairs * frame_count <= RAY_BUDGET
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
        canvas, complete = self._background.copy(), {"filters": 0, "pooling": 0}
        for position in positions:
            if position.stage == "pooling":
                self._complete(canvas, complete, "filters", math.prod(self.sliding.output_size))
            columns = (self.sliding.output_size if position.stage == "filters" else self.sliding.pooled_size)[1]
            self._complete(canvas, complete, position.stage, position.row * columns + position.column + 1)
            frame = canvas.copy()
            if position.stage == "filters":
                self._draw_window(frame, position.row, position.column)
            else:
                self._draw_pooling(frame, position.row, position.column)
            yield frame

    # The pictures of the planes.

    def _draw_inputs(self, scale: LinearScale) -> None:
        """Draw each padded input channel in blue and, as it is under the window, in orange."""
        padding = self.sliding.is_padding
        self._input_pictures: dict[int, Levels] = {}
        self._window_pictures: dict[int, Levels] = {}
        self.inputs_read = self.sliding.read_inputs(MAX_INPUT_PLANES)
        for index in self.inputs_read:
            levels = lighter_padding(self.sliding, scale.levels(self.sliding.padded[index]))
            for ramp, color, pictures in (
                (self.blue, WHITE, self._input_pictures),
                (self.orange, ORANGE[-1], self._window_pictures),
            ):
                cells = self.palette.mark_nonfinite(ramp.indices(levels), self.sliding.padded[index])
                if self.sliding.window.border == "constant":
                    cells[padding] = self.palette.index(color)
                pictures[index] = draw_plane(self.palette, self.input_plane, cells, padding)

    def _draw_outputs(self, color_scale: ColorScale) -> None:
        """Draw the complete output channels in green and as under the window of the pooling, and the empty planes."""
        channels = self.sliding.channels
        scales = output_scales(color_scale, channels)

        def pictures(plane: Plane, ramp: ColorRamp, values: Sequence[Floats]) -> list[Levels]:
            cells = [self.palette.cells(ramp, scale, each) for scale, each in zip(scales, values, strict=True)]
            return [draw_plane(self.palette, plane, each) for each in cells]

        values = [channel.values for channel in channels]
        self._output_pictures = pictures(self.output_plane, self.green, values)
        self._empty_output = draw_empty_plane(self.palette, self.output_plane)
        self._pooled_pictures: list[Levels] = []
        if self.pooled_plane:
            pooled = [channel.pooled for channel in channels if channel.pooled is not None]
            self._block_pictures = pictures(self.output_plane, self.tinted_green, values)
            self._pooled_pictures = pictures(self.pooled_plane, self.green, pooled)
            self._empty_pooled = draw_empty_plane(self.palette, self.pooled_plane)

    # The layout.

    def _lay_out(self) -> Levels:
        """Place all planes and texts, and return a frame before the first position."""
        sheet, channels = Sheet(self.palette), self.sliding.channels
        caption = text_picture(self.palette, self._caption())
        group_height, group_width = self._group_size()
        columns = _columns(len(channels), group_width, group_height)
        input_width = self.input_plane.shape[1]
        input_columns = _columns(len(self._input_pictures), input_width, self.input_plane.shape[0])
        groups_width = columns * (group_width + GAP) - GAP
        width = max(groups_width, input_columns * (input_width + GAP) - GAP, caption.shape[1])
        left = MARGIN + (width - groups_width) // 2
        for index, channel in enumerate(channels):
            row, column = divmod(index, columns)
            self._place_group(sheet, channel, MARGIN + row * group_height, left + column * (group_width + GAP))
        top = MARGIN + math.ceil(len(channels) / columns) * group_height
        self._place_inputs(sheet, top, width, input_columns)
        sheet.place(caption, sheet.size[0], MARGIN + (width - caption.shape[1]) // 2)
        return sheet.pixels()

    def _group_size(self) -> tuple[int, int]:
        """Return the height and width in pixels of the name, filter and planes of an output channel, with rays."""
        pooled_height = _height_with_rays(self.pooled_plane) if self.pooled_plane else 0
        height = HEADER_HEIGHT + pooled_height + _height_with_rays(self.output_plane)
        return height, max(self.output_plane.shape[1], MIN_GROUP_WIDTH)

    def _place_group(self, sheet: Sheet, channel: OutputChannel, top: int, left: int) -> None:
        """Place the name, the filter and the planes of an output channel."""
        _, width = self._group_size()
        name_left = left + BORDER
        if channel.weights is not None:
            drawn = [channel.input_channels.index(each) for each in self.inputs_read if each in channel.input_channels]
            text = max(text_width(each, FONT_SIZE) for each in (channel.name, self._details(channel)))
            room = max(width // 4, min(width // 2, width - text - 6))
            kernel = self.gray.indices(draw_filter(channel.weights[drawn], room, KERNEL_HEIGHT))
            sheet.place(kernel, top, name_left)
            name_left += kernel.shape[1] + 6
        room = left + width - name_left
        sheet.place_text(channel.name, top, name_left, room)
        sheet.place_text(self._details(channel), top + line_height(FONT_SIZE), name_left, room)
        top += HEADER_HEIGHT
        pooled = None
        if self.pooled_plane:
            pooled = sheet.place(self._empty_pooled, top, left + (width - self.pooled_plane.shape[1]) // 2)
            top += _height_with_rays(self.pooled_plane)
        output = sheet.place(self._empty_output, top, left + (width - self.output_plane.shape[1]) // 2)
        self.groups.append(Group(channel, output, pooled))

    def _details(self, channel: OutputChannel) -> str:
        """Return the line below the name of an output channel: how it is computed, and its size."""
        pool = self.sliding.pool
        last = f"{pool.kind} of {window_caption(pool)}" if pool else size_text(self.sliding.output_size)
        return ", ".join(filter(None, [channel.formula, activation_name(channel.activation), last]))

    def _place_inputs(self, sheet: Sheet, top: int, width: int, columns: int) -> None:
        """Place the planes of the input channels, each with its name below if there are several."""
        height, plane_width = self.input_plane.shape
        left = MARGIN + (width - columns * (plane_width + GAP) + GAP) // 2
        name_height = line_height(FONT_SIZE) if len(self.sliding.inputs) > 1 else 0
        for order, index in enumerate(self._input_pictures):
            row, column = divmod(order, columns)
            corner = top + row * (height + name_height), left + column * (plane_width + GAP)
            self.inputs[index] = sheet.place(self._input_pictures[index], *corner)
            if name_height:
                name = text_picture(self.palette, self.sliding.input_names[index])[:, :plane_width]
                sheet.place(name, corner[0] + height, corner[1] + (plane_width - name.shape[1]) // 2)

    def _caption(self) -> str:
        """Return the line below the input: its size, and how the filters slide."""
        sliding, (_, height, width) = self.sliding, self.sliding.inputs.shape
        parts = [f"{sliding.title}: {size_text((height, width))}"]
        if len(sliding.inputs) > 1:
            drawn = len(self._input_pictures)
            of = f"{drawn} of {len(sliding.inputs)}" if drawn < len(sliding.inputs) else f"{drawn}"
            parts.append(f"{of} channels")
        parts.append(f"kernel {size_text(sliding.window.kernel)}")
        parts += steps_captions(sliding.window)
        sides = sorted({side for pair in sliding.padding for side in pair})
        if sides != [0]:
            parts.append(f"padding {sides[0] if len(sides) == 1 else f'{sides[0]} to {sides[-1]}'}")
        return " · ".join(parts)

    # The frames.

    def _complete(self, canvas: Levels, complete: dict[str, int], stage: str, count: int) -> None:
        """Draw the outputs of a stage up to a number of positions."""
        plane, pictures = self.output_plane, self._output_pictures
        corners = [group.output for group in self.groups]
        if stage == "pooling" and self.pooled_plane:
            plane, pictures = self.pooled_plane, self._pooled_pictures
            corners = [group.pooled for group in self.groups if group.pooled]
        for position in range(complete[stage], count):
            rows, columns = _cell(*divmod(position, plane.columns))
            part = plane.part(rows, columns)
            mask = plane.mask(rows, columns, part)
            for picture, corner in zip(pictures, corners, strict=True):
                np.copyto(part_of(canvas, corner, plane.shape)[part], picture[part], where=mask)
        complete[stage] = max(complete[stage], count)

    def _draw_window(self, frame: Levels, row: int, column: int) -> None:
        """Draw the window of the filters at a position: rays, the cells under it, and frames."""
        cells, output = self.sliding.kernel_slices(row, column), _cell(row, column)
        around = _around(*cells)
        for group in self.groups:
            for index in group.channel.input_channels:
                if index in self.inputs:
                    source = self.input_plane, self.inputs[index], around
                    self._draw_rays(frame, source, (self.output_plane, group.output, output))
        corners, outputs = self.inputs.values(), [group.output for group in self.groups]
        # Rays and beams end at the edges of the window and of the outputs: these cells are drawn again.
        self._copy(frame, self.input_plane, zip(corners, self._input_pictures.values(), strict=True), *around)
        self._copy(frame, self.input_plane, zip(corners, self._window_pictures.values(), strict=True), *cells)
        self._copy(frame, self.output_plane, zip(outputs, self._output_pictures, strict=True), *output)
        self._outline(frame, self.input_plane, corners, around)
        self._outline(frame, self.output_plane, outputs, output)

    def _draw_pooling(self, frame: Levels, row: int, column: int) -> None:
        """Draw the window of the pooling at a position; the largest values are marked where they are kept."""
        assert self.pooled_plane is not None
        assert self.sliding.pool is not None
        block, output = self.sliding.block(row, column), _cell(row, column)
        corners = [group.output for group in self.groups]
        pooled = [group.pooled for group in self.groups if group.pooled]
        read = [block] * len(self.groups)
        if self.sliding.pool.kind == "max":
            read = [_cell(*self.sliding.largest(group.channel, row, column)) for group in self.groups]
        for corner, pooled_corner, cells in zip(corners, pooled, read, strict=True):
            self._draw_rays(frame, (self.output_plane, corner, cells), (self.pooled_plane, pooled_corner, output))
        self._copy(frame, self.output_plane, zip(corners, self._block_pictures, strict=True), *block)
        self._copy(frame, self.pooled_plane, zip(pooled, self._pooled_pictures, strict=True), *output)
        self._outline(frame, self.output_plane, corners, block)
        self._outline(frame, self.pooled_plane, pooled, output)
        if self.sliding.pool.kind == "max":
            for corner, cells in zip(corners, read, strict=True):
                self._outline(frame, self.output_plane, [corner], cells, color=WHITE, edge=RAY_COLOR)

    def _draw_rays(self, frame: Levels, source: Cells, target: Cells) -> None:
        """Draw the rays from some cells of a plane to an output on the plane above; see `MAX_BEAMS`."""
        if not self.rays:
            return
        (plane, corner, cells), (upper, upper_corner, output) = source, target
        if self.beams:
            starts, ends = plane.corners(*cells), upper.corners(*output)
        else:
            starts, ends = [plane.middle(*cells)], [upper.middle(*output)]
        starts, ends = _moved(starts, corner), _moved(ends, upper_corner)
        if self.beams:
            sides = [[starts[i - 1], starts[i], ends[i], ends[i - 1]] for i in range(4)]
            above, beside, covered = polygon_coverage(sides, frame.shape, samples=1)
            self.palette.blend(frame[above, beside], covered * np.float32(BEAM_OPACITY), GOLD)
        for start, end in zip(starts, ends, strict=True):
            rows, columns, coverage = line_pixels(start, end, RAY_THICKNESS)
            coverage = np.rint(coverage * RAY_LEVELS) / RAY_LEVELS
            self.palette.blend_pixels(frame, rows, columns, coverage, RAY_COLOR)

    def _copy(self, frame: Levels, plane: Plane, placed: Iterable[Placed], rows: slice, columns: slice) -> None:
        """Draw some cells of pictures of whole planes."""
        part = plane.part(*_around(rows, columns))
        mask = plane.mask(rows, columns, part)
        for corner, picture in placed:
            np.copyto(part_of(frame, corner, plane.shape)[part], picture[part], where=mask)

    def _outline(
        self,
        frame: Levels,
        plane: Plane,
        corners: Iterable[Corner],
        cells: Block,
        color: Color = GOLD,
        edge: Color = GOLD_EDGE,
    ) -> None:
        """Draw a bright line between two dark ones around some cells, so that it is visible on black and on white."""
        part = plane.part(*cells)
        wide = plane.outline(*cells, part, OUTLINE_THICKNESS + 2)
        narrow = plane.outline(*cells, part, OUTLINE_THICKNESS)
        for corner in corners:
            pixels = part_of(frame, corner, plane.shape)[part]
            self.palette.blend(pixels, wide, edge)
            self.palette.blend(pixels, narrow, color)


def _columns(count: int, width: int, height: int) -> int:
    """Return the number of columns in which planes are laid out: up to four are in one row."""
    return count if count <= MAX_IN_ONE_ROW else suitable_columns(count, width, height)


def _height_with_rays(plane: Plane) -> int:
    """Return the height in pixels of a plane and the rays below it."""
    return plane.shape[0] + max(MIN_RAY_HEIGHT, round(plane.shape[0] * RAY_SHARE))


def _around(rows: slice, columns: slice) -> Block:
    """Return the rows and columns without gaps that contain some rows and columns."""
    return slice(rows.start, rows.stop), slice(columns.start, columns.stop)


def _cell(row: int, column: int) -> Block:
    return slice(row, row + 1), slice(column, column + 1)


def _moved(points: Sequence[Point], corner: Corner) -> list[Point]:
    """Return the points of a picture as points of a frame, in which its corner is (top, left)."""
    return [(x + corner[1], y + corner[0]) for x, y in points]
