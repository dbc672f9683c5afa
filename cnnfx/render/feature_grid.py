"""Feature maps as grids: the channels of arrays, layers and whole networks as tiles, with the input and the filters."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.images import Image
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Layer
from cnnfx.render.color import ColorScale, LinearScale, draw_values, linear_scale
from cnnfx.render.grid import ENLARGED_SIDE, Grid, Section
from cnnfx.render.png import write_png
from cnnfx.render.tiles import Levels, Tiles
from cnnfx.system.files import atomic_write


def grid(
    maps: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    normalize: str = "auto",
    scope: str = "channel",
    colormap: str = "gray",
    clip: float | None = None,
    limits: float | tuple[float, float] | None = None,
    columns: int | None = None,
    scale: int | None = None,
    labels: bool = True,
    gap: int | None = None,
) -> NDArray[np.uint8]:
    """Draw feature maps side by side as one picture.

    Parameters
    ----------
    maps : array (K, H, W)
        Real numbers of any type and range.
    names : sequence of K str, optional
        The labels; "0", "1" and so on by default.
    normalize : "auto", "signed", "minmax", "positive", "absolute" or "none"
        How values become levels; see `cnnfx.render.color.NORMALIZATIONS`. "signed", and "auto" for an array, draws zero
        mid-gray and the largest magnitude white or black.
    scope : "channel" or "all"
        Whether each map is drawn by its own range, or all maps by their common range.
    colormap : "gray", "diverging", "heat", "magma" or "viridis"
    clip : float, optional
        The percentile of the magnitudes that is drawn as the largest, such as 99.5; see `ColorScale`.
    limits : float or (float, float), optional
        The range of values that is drawn, instead of that of the maps: (low, high), or M for (-M, M).
    columns, scale, gap : int, optional
        Maps in a row, factor of enlargement, and pixels between maps. By default they depend on the sizes.
    labels : bool
        Whether names are drawn above the maps.

    Returns
    -------
    uint8 array (height, width) or, with a color map, (height, width, 3)
        Levels 0..255.

    Raises
    ------
    ArgumentError
        If `maps` has another shape or is empty, the number of names differs from that of the maps, or a mode is
        unknown.
    CnnfxError
        If the picture would be too large.
    """
    array: NDArray[Any] = np.asarray(maps)
    if array.ndim != 3 or not array.size:
        raise ArgumentError(f"maps has the shape {array.shape}; a grid is drawn of an array (K, H, W).")
    names = [str(index) for index in range(len(array))] if names is None else names
    if len(names) != len(array):
        raise ArgumentError(f"There are {len(names)} names for {len(array)} maps.")
    values = array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
    tiles = map_tiles(ArrayMaps(values, names), ColorScale(normalize, scope, colormap, clip, limits))
    return Grid([Section([tiles], columns, scale)], labels, gap).pixels()


def save_grid(path: str | os.PathLike[str], picture: NDArray[np.uint8]) -> None:
    """Write a picture `(H, W)` or `(H, W, 3)` of levels 0..255 as a PNG file.

    The file is replaced only after the picture is complete.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    with atomic_write(path) as file:
        write_png(file, picture.shape[1], picture.shape[0], [picture], color="gray" if picture.ndim == 2 else "rgb")


class GridOptions(NamedTuple):
    """How feature maps are laid out on a grid.

    Parameters
    ----------
    color_scale : ColorScale
    columns, scale, gap : int, optional
        As in `grid`.
    labels : bool
        Whether names are drawn above the maps.
    with_input : bool
        Whether the input image is the first tile.
    with_filters : bool
        Whether the filter of each map is drawn above it.
    """

    color_scale: ColorScale = ColorScale()
    columns: int | None = None
    scale: int | None = None
    labels: bool = True
    gap: int | None = None
    with_input: bool = False
    with_filters: bool = False


def feature_grid(image: Image, layers: Sequence[tuple[int, FeatureMaps]], options: GridOptions) -> Grid:
    """Return the grid of the feature maps of an image, with a section for each layer.

    Parameters
    ----------
    image : Image
    layers : sequence of (number of the layer, its feature maps)
    options : GridOptions

    Raises
    ------
    CnnfxError
        If the grid would be too large; the message names the image.
    """
    sections = []
    for position, (number, maps) in enumerate(layers):
        tiles: list[Tiles] = []
        if options.with_input and position == 0:
            tiles.append(input_tiles(image))
        filters = _filter_pictures(maps, options) if options.with_filters else ()
        tiles.append(map_tiles(maps, options.color_scale, filters))
        title = f"layer {number}" if len(layers) > 1 else ""
        sections.append(Section(tiles, options.columns or _default_columns(maps, options), options.scale, title))
    try:
        return Grid(sections, options.labels, options.gap)
    except CnnfxError as error:
        raise error.prefixed(image.name) from error


def channel_grids(maps: FeatureMaps, options: GridOptions) -> list[Grid]:
    """Return a grid for each channel, without label and margin, not enlarged unless `options` has a scale."""
    tiles = map_tiles(maps, options.color_scale)
    return [
        Grid([Section([tiles.pick(index)], 1, options.scale or 1)], labels=False, gap=0)
        for index in range(maps.shape[0])
    ]


def input_tiles(image: Image) -> Tiles:
    """Return the image as a tile: in color if it is a picture of three channels, otherwise the mean of its channels.

    An array is drawn from its smallest finite value or 0 (black) to its largest or 0 (white).
    """

    def rows(_first: int, _last: int, top: int, bottom: int) -> Levels:
        band = image.floats(top, bottom)
        if color:
            return scale.levels(np.moveaxis(band, 0, -1))[None]
        return draw_values(band.mean(axis=0), scale, "gray", has_nonfinite)[None]

    has_nonfinite = False
    color = image.shape[0] == 3 and not image.is_array
    scale = linear_scale("none", 0, 1)
    if image.is_array:
        values = image.floats()
        finite = values[np.isfinite(values)]
        scale = linear_scale("minmax", float(finite.min(initial=0)), float(finite.max(initial=0)))
        has_nonfinite = finite.size < values.size
    return Tiles(("input",), image.shape[1], image.shape[2], rows, color or has_nonfinite)


def map_tiles(maps: FeatureMaps | ArrayMaps, color_scale: ColorScale, above: Sequence[Levels | None] = ()) -> Tiles:
    """Return the channels as tiles, each labeled with its name.

    The statistics of the channels are computed when the first row is drawn.

    Parameters
    ----------
    maps : FeatureMaps or ArrayMaps
    color_scale : ColorScale
    above : sequence of pictures or None
        Small pictures to draw above the channels, such as their filters.
    """
    scales: list[LinearScale] = []
    parts: dict[tuple[int, int], FeatureMaps | ArrayMaps] = {}

    def rows(first: int, last: int, top: int, bottom: int) -> Iterator[Levels]:
        if not scales:
            scales.extend(color_scale.linear_scales(maps))
        if (first, last) not in parts:
            parts[first, last] = maps.select(range(first, last))
        values = parts[first, last].rows(top, bottom)
        for index, channel in enumerate(values, first):
            has_nonfinite = maps.statistics[index].nonfinite > 0
            yield draw_values(channel, scales[index], color_scale.colormap, has_nonfinite)

    def color(first: int, last: int) -> bool:
        if color_scale.colormap != "gray" or any(picture is not None and picture.ndim == 3 for picture in above):
            return True
        return any(channel.nonfinite for channel in maps.statistics[first:last])

    _, height, width = maps.shape
    return Tiles(tuple(maps.names), height, width, rows, color, above)


def _default_columns(maps: FeatureMaps, options: GridOptions) -> int | None:
    """Return the number of maps of an image channel, for a row each, if channels are filtered separately; or None."""
    groups = maps.network.layers[-1].conv.groups
    return maps.shape[0] // groups if groups > 1 and not options.with_input else None


def _filter_pictures(maps: FeatureMaps, options: GridOptions) -> list[Levels | None]:
    """Return a picture of the filter of each output channel, None for a channel that combines several filters."""
    from cnnfx.render.filters import draw_filter

    layer: Layer = maps.network.layers[-1]
    width = max(ENLARGED_SIDE // 2, maps.shape[2] * (options.scale or 1))
    return [
        draw_filter(layer.conv.weights[channel.of[0]], width, ENLARGED_SIDE // 2) if channel.kind == "take" else None
        for channel in layer.outputs
    ]
