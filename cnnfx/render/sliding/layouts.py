"""The layouts of the sliding-window animation, by name, and the sizes of their cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from cnnfx.render.color import ColorScale, LinearScale
from cnnfx.render.sliding.equation import EquationLayout, smallest_number_cell, suitable_equation_cell
from cnnfx.render.sliding.palette import Palette
from cnnfx.render.sliding.planes import PlanesLayout, suitable_plane_cell
from cnnfx.render.sliding.positions import SlidingWindow
from cnnfx.render.sliding.schedule import Position
from cnnfx.render.tiles import Levels

LayoutName = Literal["planes", "equation"]


class Layout(Protocol):
    """What an animation is written from: the size and colors of its frames, and the frames."""

    palette: Palette

    @property
    def shape(self) -> tuple[int, int]:
        """The height and width of the frames in pixels."""

    def frames(self, positions: Sequence[Position]) -> Iterator[Levels]:
        """Yield a frame for each position, as palette indices; the outputs are complete up to the position."""


def make_layout(
    name: LayoutName,
    sliding: SlidingWindow,
    input_scale: LinearScale,
    color_scale: ColorScale,
    cell: int,
    numbers: bool,
    frame_count: int,
) -> Layout:
    """Return a layout; for the parameters see `PlanesLayout` and `EquationLayout`."""
    if name == "planes":
        return PlanesLayout(sliding, input_scale, color_scale, cell, frame_count)
    return EquationLayout(sliding, input_scale, color_scale, cell, numbers)


def suitable_cell(name: LayoutName, sliding: SlidingWindow, numbers: bool) -> int:
    """Return the default side of a cell in pixels."""
    return suitable_plane_cell(sliding) if name == "planes" else suitable_equation_cell(sliding, numbers)


def smallest_cell(sliding: SlidingWindow, numbers: bool) -> int:
    """Return the least side of a cell in pixels, with numbers that in which they fit."""
    return smallest_number_cell(sliding) if numbers else 1
