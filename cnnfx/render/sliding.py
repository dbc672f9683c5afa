"""The animation of a layer's filters that slide over an image: the input below in blue, the window shaded over it, and
above it in green the output channels, which fill position by position.

The idea is that of the animation in "Convolutional Neural Networks (CNNs) explained" by deeplizard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cnnfx.render.grid import Levels
from cnnfx.render.inks import GRAY, MARK, Cells
from cnnfx.render.scene import FONT, MARGIN, Scene
from cnnfx.render.slide import Place
from cnnfx.render.text import draw_text


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
