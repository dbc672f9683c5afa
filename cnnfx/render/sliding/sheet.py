"""A sheet on which the parts of a frame are placed, and lines of text as palette indices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnfx.render.sliding.palette import BLACK, WHITE, Palette
from cnnfx.render.sliding.positions import SlidingWindow
from cnnfx.render.text import draw_text
from cnnfx.render.tiles import Levels

FONT_SIZE = 13
"""The font size of names and captions, in pixels."""
MARGIN = 12
"""Pixels around a frame."""
MIN_CELL = 3
"""The smallest default side of a cell in pixels."""

Corner = tuple[int, int]
"""The top row and left column of pixels of a part of a frame."""


class Sheet:
    """Pictures in palette indices placed on a white background, whose size follows from them."""

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self._placed: list[tuple[Corner, Levels]] = []

    @property
    def size(self) -> tuple[int, int]:
        """The height and width that the placed pictures need, with the margins at the top and left."""
        bottoms = [top + picture.shape[0] for (top, _), picture in self._placed]
        rights = [left + picture.shape[1] for (_, left), picture in self._placed]
        return max(bottoms, default=MARGIN), max(rights, default=MARGIN)

    def place(self, picture: Levels, top: int, left: int) -> Corner:
        """Place a picture, and return its corner."""
        self._placed.append(((top, left), picture))
        return top, left

    def place_text(self, text: str, top: int, left: int, width: int | None = None) -> Corner:
        """Place a line of text, shortened to a width."""
        return self.place(text_picture(self.palette, text, width), top, left)

    def pixels(self) -> Levels:
        """Return the sheet with all placed pictures and a margin."""
        height, width = self.size
        pixels = np.full((height + MARGIN, width + MARGIN), self.palette.index(WHITE), np.uint8)
        for corner, picture in self._placed:
            part = part_of(pixels, corner, picture.shape)
            np.copyto(part, picture, where=part == self.palette.index(WHITE))
        return pixels


def suitable_cell(sliding: SlidingWindow, max_inputs: int, widths: Sequence[tuple[float, int]], largest: int) -> int:
    """Return the default side of a cell in pixels, by the number and the sizes of the matrices.

    Parameters
    ----------
    sliding : SlidingWindow
    max_inputs : int
        The most input channels that are drawn.
    widths : sequence of (n, w)
        Of at most n input or output channels, each is about w pixels wide. The last n is infinite.
    largest : int
        The largest side.
    """
    count = max(len(sliding.channels), len(sliding.read_inputs(max_inputs)))
    width = next(width for most, width in widths if count <= most)
    return int(max(MIN_CELL, min(largest, width // max(*sliding.padded_size, *sliding.output_size))))


def part_of(frame: Levels, corner: Corner, shape: tuple[int, ...]) -> Levels:
    """Return the view of a frame that a picture of a shape at a corner covers."""
    top, left = corner
    return frame[top : top + shape[0], left : left + shape[1]]


def text_picture(palette: Palette, text: str, width: int | None = None, size: int = FONT_SIZE) -> Levels:
    """Return a line of black text on white as palette indices, shortened to a width."""
    levels = draw_text(text, size, width)
    picture = np.full(levels.shape, palette.index(WHITE), np.uint8)
    palette.blend(picture, (255 - levels) / np.float32(255), BLACK)
    return picture
