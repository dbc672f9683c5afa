"""Feature maps and input images as tiles of a grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.layers import Shape
from cnnfx.render.colormap import paint
from cnnfx.render.grid import Levels, Tiles
from cnnfx.render.normalize import Line, line
from cnnfx.statistics import Statistics, measure

Floats = NDArray[np.float32]


class Maps(Protocol):
    """Channels that can be drawn: `cnnfx.maps.FeatureMaps`, or `ArrayMaps`."""

    @property
    def names(self) -> Sequence[str]:
        """A name for each of the K channels."""

    @property
    def shape(self) -> Shape:
        """(K, H, W)."""

    @property
    def statistics(self) -> Statistics:
        """The statistics of each channel."""

    def rows(self, first: int, last: int) -> Floats:
        """Rows of all channels, `(K, last - first, W)`."""

    def part(self, first: int, last: int) -> Maps:
        """Some of the channels."""


class ArrayMaps:
    """An array `(K, H, W)` as channels that can be drawn."""

    def __init__(self, array: NDArray[Any], names: Sequence[str]) -> None:
        self.array, self.names = array, names

    @property
    def shape(self) -> Shape:
        """(K, H, W)."""
        channels, height, width = self.array.shape
        return channels, height, width

    @cached_property
    def statistics(self) -> Statistics:
        """The statistics of each channel."""
        return measure([(0, self.array)])

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """Rows of all channels, `(K, last - first, W)`."""
        return self.array[:, first:last]

    def part(self, first: int, last: int) -> ArrayMaps:
        """Some of the channels."""
        return ArrayMaps(self.array[first:last], self.names[first:last])


class Look(NamedTuple):
    """How values become colours.

    `normalize` is a mode of `cnnfx.render.normalize`; `scope` is `"channel"` (each channel by its own range) or
    `"all"` (all by the
    range of all, so that they can be compared); `colormap` is one of `cnnfx.render.colormap`.
    """

    normalize: str = "signed"
    scope: str = "channel"
    colormap: str = "gray"

    def lines(self, statistics: Statistics) -> list[Line]:
        """The line from values to levels for each channel."""
        ranges = [channel.range for channel in statistics]
        if self.scope == "all":
            ranges = [(min(low for low, _ in ranges), max(high for _, high in ranges))] * len(ranges)
        return [line(self.normalize, low, high) for low, high in ranges]


def map_tiles(maps: Maps, look: Look, above: Sequence[Levels | None] = ()) -> Tiles:
    """The channels as tiles, each under its name; `above` are small pictures over them (their filters)."""
    lines: list[Line] = []
    parts: dict[tuple[int, int], Maps] = {}

    def rows(first: int, last: int, top: int, bottom: int) -> Iterator[Levels]:
        # Found when first drawn: the size of a grid can be known without computing a map.
        lines.extend(() if lines else look.lines(maps.statistics))
        if (first, last) not in parts:
            parts[first, last] = maps.part(first, last)
        values = parts[first, last].rows(top, bottom)
        for value_line, channel in zip(lines[first:last], values, strict=True):
            yield paint(value_line.levels(channel), look.colormap)

    color = look.colormap != "gray" or any(picture is not None and picture.ndim == 3 for picture in above)
    _, height, width = maps.shape
    return Tiles(tuple(maps.names), height, width, rows, color, above)
