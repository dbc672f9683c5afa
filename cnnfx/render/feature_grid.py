"""Feature maps of one image laid out on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.network import Layer
from cnnfx.render.color import ColorScale, linear_scale
from cnnfx.render.grid import SMALL, Grid, Levels, Section, Tiles, map_tiles


class GridOptions(NamedTuple):
    """How feature maps are laid out on a grid; None where it follows from their sizes."""

    color_scale: ColorScale = ColorScale()
    columns: int | None = None
    scale: int | None = None
    labels: bool = True
    gap: int | None = None
    with_input: bool = False
    with_filters: bool = False


def feature_grid(image: Image, layers: Sequence[tuple[int, FeatureMaps]], grid_options: GridOptions) -> Grid:
    """The grid of feature maps: a section for each layer.

    Raises
    ------
    CnnfxError
        If it would be too large; the message names the image.
    """
    sections = []
    for position, (number, maps) in enumerate(layers):
        tiles: list[Tiles] = []
        if grid_options.with_input and position == 0:
            tiles.append(input_tiles(image))
        above = _drawn_filters(maps, grid_options) if grid_options.with_filters else ()
        tiles.append(map_tiles(maps, grid_options.color_scale, above))
        title = f"layer {number}" if len(layers) > 1 else ""
        sections.append(Section(tiles, grid_options.columns or _columns(maps, grid_options), grid_options.scale, title))
    try:
        return Grid(sections, grid_options.labels, grid_options.gap)
    except CnnfxError as error:
        raise CnnfxError(f"{image.name}: {error}") from error


def _columns(maps: FeatureMaps, grid_options: GridOptions) -> int | None:
    """A row for each of the image's channels where they are filtered apart; else what suits the maps."""
    groups = maps.network.layers[-1].conv.groups
    return maps.shape[0] // groups if groups > 1 and not grid_options.with_input else None


def channel_grids(maps: FeatureMaps, grid_options: GridOptions) -> list[Grid]:
    """Each output channel as a picture of its own: no label, no margin, its own size unless enlarged."""
    tiles = map_tiles(maps, grid_options.color_scale)
    return [
        Grid([Section([tiles.pick(index)], 1, grid_options.scale or 1)], labels=False, gap=0)
        for index in range(maps.shape[0])
    ]


def input_tiles(image: Image) -> Tiles:
    """The image as the network sees it, as a tile: in color if it has three channels, else its channels' mean."""

    def rows(_first: int, _last: int, top: int, bottom: int) -> Levels:
        band = image.floats(top, bottom)
        band = np.moveaxis(band, 0, -1) if color else band.mean(axis=0)
        return drawn.levels(band)[None]

    color = image.shape[0] == 3 and not image.is_array
    drawn = linear_scale("none", 0, 1)
    if image.is_array:
        values = image.floats()
        finite = values[np.isfinite(values)]
        drawn = linear_scale("minmax", float(finite.min(initial=0)), float(finite.max(initial=0)))
    return Tiles(("input",), image.shape[1], image.shape[2], rows, color)


def _drawn_filters(maps: FeatureMaps, grid_options: GridOptions) -> list[Levels | None]:
    """A small picture of the filter that makes each output channel, None for a combination of several."""
    from cnnfx.render.filters import draw_filter

    layer: Layer = maps.network.layers[-1]
    width = max(SMALL // 2, maps.shape[2] * (grid_options.scale or 1))
    return [
        draw_filter(layer.conv.weights[channel.of[0]], width, SMALL // 2) if channel.kind == "take" else None
        for channel in layer.outputs
    ]
