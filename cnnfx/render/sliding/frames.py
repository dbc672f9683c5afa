"""What stands where in the animation of sliding filters: its panels, and what is told of each filter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from cnnfx.render.color import ColorScale, LinearScale
from cnnfx.render.filters import draw_filter
from cnnfx.render.grid import ArrayMaps, Levels, suitable_columns
from cnnfx.render.sliding.palette import BLUE, GRAY, GREEN, MARK, ORANGE, PALE, WHITE, Cells
from cnnfx.render.sliding.positions import Channel, Place, Slide
from cnnfx.render.sliding.products import Arithmetic
from cnnfx.render.text import draw_text, line_height, text_width

FONT = 13
MARGIN = GAP = 10
KERNEL = 60
"""About how many pixels a kernel is wide."""
NUMBERED = 36
"""The cells that numbers are written into."""
READABLE = 24
"""The smallest of them."""
TARGETS = ((1, 300), (4, 200), (math.inf, 130))
"""About how wide a map or input channel is drawn: alone, among four, among more."""


def suitable_cell(slide: Slide, numbers: bool) -> int:
    """The side of a cell in pixels that suits the sizes."""
    if numbers:
        return NUMBERED
    panels = max(len(slide.channels), len(slide.inputs))
    target = next(width for most, width in TARGETS if panels <= most)
    return int(max(2, min(32, target // max(*slide.padded_size, *slide.size))))


class Scene:
    """What is drawn of a slide, laid out once; its frames differ in the window's place and in how much is filled.

    Parameters
    ----------
    slide : Slide
    drawn : LinearScale
        From the input's values to levels.
    look : ColorScale
        How the output's values become levels; its color map is green whatever it says.
    cells : Cells
    """

    def __init__(self, slide: Slide, drawn: LinearScale, look: ColorScale, cells: Cells) -> None:
        self.slide, self.cells = slide, cells
        self._pieces: list[tuple[int, int, Levels]] = []
        self.inputs = [self._input(drawn, index) for index in range(len(slide.padded))]
        self.maps = self._drawn_maps(look)
        self.arithmetic = [Arithmetic(slide, channel, cells, shaded) for channel, shaded in self._sides()]
        self.map_places: list[Place] = []
        self.input_places: list[Place] = []
        self.side_places: list[Place] = []
        self.head = MARGIN + (line_height(FONT) if cells.numbers else 0)
        self._place_inputs(self._place_blocks())
        self.base = self._sheet()

    @property
    def shape(self) -> Place:
        """The height and width of the frames."""
        height, width = self.base.shape
        return height, width

    def _sides(self) -> Iterator[tuple[Channel, list[Levels]]]:
        for channel in self.slide.channels:
            yield channel, [self.inputs[index][1] for index in channel.sees]

    def _input(self, drawn: LinearScale, index: int) -> tuple[Levels, Levels]:
        """An input channel with its padding, as it is and as it is under the window."""
        values = self.slide.padded[index]
        levels = drawn.levels(values)
        pale = (PALE + levels.astype(np.uint16) * (255 - PALE) // 255).astype(np.uint8)
        (top, bottom), (left, right) = self.slide.window.pads((self.slide.inputs.shape[1], self.slide.inputs.shape[2]))
        height, width = values.shape
        inside = np.zeros((height, width), bool)
        inside[top : height - bottom, left : width - right] = True
        levels = np.where(inside, levels, pale)
        plain, shaded = (self.cells.picture(levels, values, ink) for ink in (BLUE, ORANGE))
        size = self.cells.size
        around = ~inside.repeat(size, axis=0).repeat(size, axis=1)
        plain[around] = self.cells.picture(levels, values, GRAY)[around]
        return plain, shaded

    def _drawn_maps(self, look: ColorScale) -> list[Levels]:
        """The whole output channels."""
        channels = self.slide.channels
        values = np.stack([channel.values for channel in channels])
        lines = look.linear_scales(ArrayMaps(values, [channel.name for channel in channels]).statistics)
        return [
            self.cells.picture(line.levels(channel), channel, GREEN)
            for line, channel in zip(lines, values, strict=True)
        ]

    def _place_blocks(self) -> int:
        """Lay out the output channels; the row of pixels below them."""
        maps, sides = self.maps[0].shape, [self._side(index) for index in range(len(self.maps))]
        wide, high = (max(side.shape[axis] for side in sides) for axis in (1, 0))
        label = line_height(FONT)
        if len(sides) == 1:  # over its input, and what is told of it beside
            width = self.inputs[0][0].shape[1]
            left = max(0, width - maps[1]) // 2
            self._block(0, self.head, MARGIN + left, sides[0], (label, max(width, left + maps[1]) - left + GAP))
            return int(self.head + label + max(maps[0], high) + GAP)
        wide, tall = max(maps[1], wide), label + maps[0] + high + 2 * GAP
        columns = suitable_columns(len(sides), wide, tall)
        for index, side in enumerate(sides):
            row, column = divmod(index, columns)
            self._block(
                index, self.head + row * (tall + GAP), MARGIN + column * (wide + GAP), side, (label + maps[0] + GAP, 0)
            )
        return int(self.head + -(-len(sides) // columns) * (tall + GAP))

    def _block(self, index: int, top: int, left: int, side: Levels, beside: Place) -> None:
        """A channel's name and, below it, its map; what is told of it `beside` pixels from their corner."""
        width = self.maps[index].shape[1]
        name = self.slide.channels[index].name
        self._pieces.append((top, left, GRAY.places(draw_text(name, FONT, max(width, side.shape[1])))))
        place = top + line_height(FONT), left
        self.map_places.append(place)
        self._pieces.append((*place, self.cells.blank(*self.slide.size)))
        self.side_places.append((top + beside[0], left + beside[1]))
        self._pieces.append((*self.side_places[-1], side))

    def _side(self, index: int) -> Levels:
        """What is told of a channel: its kernels, or room for its arithmetic."""
        channel = self.slide.channels[index]
        if self.cells.numbers:
            return self.arithmetic[index].base
        if channel.weights is None:
            return GRAY.places(draw_text(channel.made_of, FONT))
        width = max(KERNEL, self.maps[index].shape[1] if len(self.maps) > 1 else 4 * KERNEL)
        return GRAY.places(draw_filter(channel.weights, width, KERNEL))

    def _place_inputs(self, top: int) -> None:
        height, width = self.inputs[0][0].shape
        title, alone = self.slide.title, len(self.inputs) == 1
        names = [title] if alone else [f"{title}: {name}" for name in self.slide.names]
        right = max(left + picture.shape[1] for _, left, picture in self._pieces)
        cell = max(width, *(min(text_width(name, FONT), 2 * KERNEL) for name in names))
        fitting = min(len(names), (right - MARGIN + GAP) // (cell + GAP))
        columns = max(fitting, suitable_columns(len(names), cell, height))
        spare = right - MARGIN - columns * (cell + GAP) + GAP if len(self.maps) > 1 else 0
        for index, name in enumerate(names):
            row, column = divmod(index, columns)
            left = MARGIN + max(0, spare // 2) + column * (cell + GAP)
            place = top + row * (height + line_height(FONT) + GAP), left
            self._pieces.append((*place, GRAY.places(draw_text(name, FONT, cell))))
            self.input_places.append((place[0] + line_height(FONT), place[1]))
            self._pieces.append((*self.input_places[-1], self.inputs[index][0]))

    def _sheet(self) -> Levels:
        height = max(top + picture.shape[0] for top, _, picture in self._pieces) + MARGIN
        width = max(left + picture.shape[1] for _, left, picture in self._pieces) + MARGIN
        sheet = np.full((height, width), WHITE, np.uint8)
        for top, left, picture in self._pieces:
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        return sheet


def frames(scene: Scene, stops: Sequence[int]) -> Iterator[Levels]:
    """A frame for each of `stops` (positions in order), and a last one without the window: places `(H, W)`."""
    canvas, filled = scene.base.copy(), 0
    for stop in stops:
        for position in range(filled, stop + 1):
            _fill(scene, canvas, *divmod(position, scene.slide.size[1]))
        filled = stop + 1
        frame = canvas.copy()
        _work(scene, frame, *divmod(stop, scene.slide.size[1]))
        yield frame
    yield canvas


def _fill(scene: Scene, canvas: Levels, row: int, column: int) -> None:
    """The output at a position."""
    size = scene.cells.size
    rows, columns = slice(row * size, (row + 1) * size), slice(column * size, (column + 1) * size)
    for picture, (top, left) in zip(scene.maps, scene.map_places, strict=True):
        canvas[top:, left:][rows, columns] = picture[rows, columns]


def _work(scene: Scene, frame: Levels, row: int, column: int) -> None:
    """The window at a position, and what comes of it."""
    size, (rows, columns) = scene.cells.size, scene.slide.under(row, column)
    for (_, shaded), (top, left) in zip(scene.inputs, scene.input_places, strict=True):
        panel = frame[top : top + shaded.shape[0], left : left + shaded.shape[1]]
        for y in range(rows.start, rows.stop, rows.step):
            for x in range(columns.start, columns.stop, columns.step):
                cell = slice(y * size, (y + 1) * size), slice(x * size, (x + 1) * size)
                panel[cell] = shaded[cell]
        _outline(scene.cells, panel, (rows.start, columns.start), (rows.stop, columns.stop))
    for (top, left), picture in zip(scene.map_places, scene.maps, strict=True):
        panel = frame[top : top + picture.shape[0], left : left + picture.shape[1]]
        _outline(scene.cells, panel, (row, column), (row + 1, column + 1))
    if scene.cells.numbers:
        _tell(scene, frame, row, column)


def _outline(cells: Cells, panel: Levels, first: Place, last: Place) -> None:
    """A frame around some cells of a panel."""
    size, thick = cells.size, 1 if cells.size < 12 else 2
    lined = cells.lined
    top, left = first[0] * size, first[1] * size
    bottom, right = last[0] * size - lined, last[1] * size - lined
    for part in (panel[top : top + thick], panel[bottom - thick : bottom]):
        part[:, left:right] = MARK
    for part in (panel[:, left : left + thick], panel[:, right - thick : right]):
        part[top:bottom] = MARK


def _tell(scene: Scene, frame: Levels, row: int, column: int) -> None:
    """The numbers of a position."""
    rows, columns = scene.slide.size
    position = row * columns + column + 1
    text = f"position {position} of {rows * columns}: row {row}, column {column}"
    line = GRAY.places(draw_text(text, FONT, frame.shape[1] - 2 * MARGIN))
    frame[MARGIN : MARGIN + line.shape[0], MARGIN : MARGIN + line.shape[1]] = line
    for arithmetic, (top, left) in zip(scene.arithmetic, scene.side_places, strict=True):
        picture = arithmetic.at(row, column)
        frame[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
