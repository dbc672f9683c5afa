"""A sheet on which the parts of a frame are placed, and the marks that both layouts draw on frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.render.color import ColorScale, LinearScale
from cnnfx.render.sliding.palette import BLACK, WHITE, Color, Palette
from cnnfx.render.sliding.positions import OutputChannel, SlidingWindow
from cnnfx.render.sliding.schedule import Position
from cnnfx.render.text import draw_text
from cnnfx.render.tiles import Levels

FONT_SIZE = 13
"""The font size of names and captions, in pixels."""
MARGIN = 12
"""Pixels around a frame."""
GOLD: Color = (255, 184, 28)
"""The color of the frame around the window, and of the rays and arrows from it."""
GOLD_EDGE: Color = (70, 38, 0)
"""The color of the line beside a golden one, which makes it visible on white."""
RAY_COLOR: Color = (176, 112, 0)
"""The color of the rays."""
RAY_LEVELS = 4
"""The levels of coverage at the edges of rays: few, since rays are most of what changes, and these compress better."""
LIGHT_LEVEL = 190
"""The darkest level of padding."""
ACTIVATION_NAMES = {"none": "", "relu": "ReLU", "abs": "absolute value"}
"""The names of the activations."""

Corner = tuple[int, int]
"""The top row and left column of pixels of a part of a frame."""


class Layout(Protocol):
    """What an animation is written from: the size and colors of its frames, and the frames."""

    palette: Palette

    @property
    def shape(self) -> tuple[int, int]:
        """The height and width of the frames in pixels."""

    def frames(self, positions: Sequence[Position]) -> Iterator[Levels]:
        """Yield a frame for each position, as palette indices; the outputs are complete up to the position."""


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


def drawn_inputs(sliding: SlidingWindow, most: int) -> list[int]:
    """Return the input channels that are drawn: the first ones of those that the shown filters read."""
    read = sorted({index for channel in sliding.channels for index in channel.input_channels})
    return (read or list(range(len(sliding.inputs))))[:most]


def lighter_padding(sliding: SlidingWindow, levels: Levels) -> Levels:
    """Return the levels of a padded input channel, with lighter ones in the padding."""
    lighter = LIGHT_LEVEL + (levels.astype(np.uint16) * (255 - LIGHT_LEVEL) // 255).astype(np.uint8)
    return np.where(sliding.is_padding, lighter, levels)


def output_scales(color_scale: ColorScale, channels: Sequence[OutputChannel]) -> list[LinearScale]:
    """Return the scale from values to levels of each output channel, before and after pooling."""
    names, non_negative = [channel.name for channel in channels], [channel.non_negative for channel in channels]
    values = np.stack([channel.values for channel in channels])
    return color_scale.linear_scales(ArrayMaps(values, names, non_negative))


def size_text(rows: int, columns: int) -> str:
    """Return a size as width×height."""
    return f"{columns}×{rows}"
