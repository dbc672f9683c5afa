"""Feature maps as grids: the channels of arrays, layers and whole networks as tiles, with the input and the filters."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.images import Image
from cnnfx.images.axes import REAL_KINDS
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Layer
from cnnfx.render.captions import image_caption, layer_caption, picture_caption
from cnnfx.render.cells import ENLARGED_SIDE, Cells, Section
from cnnfx.render.color import Colormap, ColorScale, LinearScale, Normalize, Scope, draw_values, linear_scale
from cnnfx.render.grid import MIN_FONT_SIZE, Grid
from cnnfx.render.heading import Heading
from cnnfx.render.legend import Legend, ScaleBar, range_texts, scale_bars
from cnnfx.render.number_text import format_scale_number
from cnnfx.render.png import write_png
from cnnfx.render.tiles import Levels, Tiles
from cnnfx.system.files import atomic_write
from cnnfx.system.sizes import counted

if TYPE_CHECKING:
    from cnnfx.render.picture import Picture

MANY_MAPS = 64
"""With more maps in a picture, small maps are enlarged less, so that the area of the picture stays about the same."""
MAX_IMAGE_CHANNELS = 4
"""With more groups, the filters of a layer are not those of a picture's channels, each filtered separately."""
MIN_ENLARGED_SIDE = 48
"""Maps are enlarged to about this side in pixels, however many there are."""
SINGLE_PIXEL_SIDE = 24
"""The side of maps of one pixel in a picture of many maps, in pixels."""
NO_FINITE_VALUE = "no finite value"
"""What is written for the range of a map of NaN and infinity."""
LAYER_EMPHASIS = 1.1
"""The font size of the heading of a layer, relative to that of labels."""


def grid(
    maps: ArrayLike | ArrayMaps | FeatureMaps,
    names: Sequence[str] | None = None,
    *,
    normalize: Normalize = "auto",
    scope: Scope = "channel",
    colormap: Colormap = "gray",
    clip: float | None = None,
    limits: float | tuple[float, float] | None = None,
    columns: int | None = None,
    scale: int | None = None,
    labels: bool = True,
    gap: int | None = None,
    title: str = "",
    legend: bool = True,
) -> Picture:
    """Draw feature maps side by side as one picture, which a notebook shows.

    Parameters
    ----------
    maps : ArrayMaps, as `network(image)` returns them, FeatureMaps, or array (K, H, W)
        Real numbers of any type and range.
    names : sequence of K str, optional
        The labels; by default the names of the maps, or of an array "0", "1" and so on.
    normalize : "auto", "signed", "minmax", "positive", "absolute" or "none"
        How values become levels; see `cnnfx.render.color.NORMALIZATIONS`. "signed" draws zero mid-gray and the largest
        magnitude white or black; so does "auto" for an array, and for maps that can be negative.
    scope : "channel" or "all"
        Whether each map is drawn by its own range, or all maps by their common range.
    colormap : "gray", "diverging", "heat", "magma" or "viridis"
    clip : float, optional
        The percentile of the magnitudes that is drawn as the largest, such as 99.5; see `ColorScale`.
    limits : float or (float, float), optional
        The range of values that is drawn, instead of that of the maps: (low, high), or M for (-M, M).
    columns, scale : int, optional
        Maps in a row, and factor of enlargement. By default they depend on the sizes.
    labels : bool
        Whether names are drawn above the maps. Without them there is no title and no legend.
    gap : int, optional
        Pixels between maps and around them; by default it depends on the sizes.
    title : str
        A text above the maps, broken into lines where it is too long.
    legend : bool
        Whether a bar shows the colors of the range of values. Where the ranges of the maps differ, the bar has no
        numbers: they are behind the names.

    Returns
    -------
    uint8 array (height, width) or, with a color map, (height, width, 3)
        Levels 0..255; a `Picture`, which is an array that a notebook shows.

    Raises
    ------
    ArgumentError
        If `maps` has another shape, is empty or not real, the number of names differs from that of the maps, a number
        is out of range, or a mode is unknown.
    CnnfxError
        If the picture would be too large.
    """
    from cnnfx.render.picture import Picture  # not needed by the command line
    from cnnfx.system.arguments import whole_number

    for name, value, least in (("columns", columns, 1), ("scale", scale, 1), ("gap", gap, 0)):
        if value is not None:
            whole_number(name, value, least)
    shown = ShownMaps(_named_maps(maps, names), ColorScale(normalize, scope, colormap, clip, limits))
    heading = Heading(title, shown.legend if legend else None) if labels and (legend or title) else None
    tiles = shown.tiles(with_ranges=legend and labels)
    return Picture.of(Grid([Section([tiles], columns, scale, heading, framed=True)], labels, gap).pixels())


def _named_maps(maps: ArrayLike | ArrayMaps | FeatureMaps, names: Sequence[str] | None) -> ArrayMaps | FeatureMaps:
    """Return maps with names: those given, their own, or "0", "1" and so on.

    Raises
    ------
    ArgumentError
        If the maps have another shape than `(K, H, W)`, are empty or not real, or the number of names differs.
    """
    if isinstance(maps, FeatureMaps):
        if names is None:
            return maps
        maps = ArrayMaps(maps.whole(), maps.names, maps.non_negative, maps.rounding_errors)
    kinds, errors = (maps.non_negative, maps.rounding_errors) if isinstance(maps, ArrayMaps) else (None, None)
    names = maps.names if names is None and isinstance(maps, ArrayMaps) else names
    array: NDArray[Any] = np.asarray(maps)
    if array.ndim != 3 or not array.size:
        raise ArgumentError(f"maps has the shape {array.shape}; a grid is drawn of an array (K, H, W).")
    if array.dtype.kind not in REAL_KINDS:
        raise ArgumentError(f"maps must contain real numbers, not {array.dtype}.")
    names = [str(index) for index in range(len(array))] if names is None else names
    if len(names) != len(array):
        raise ArgumentError(f"{counted(len(names), 'name')} for {counted(len(array), 'map')}: give one for each.")
    values = array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
    return ArrayMaps(values, names, kinds, errors)


def save_grid(path: str | os.PathLike[str], picture: NDArray[np.uint8]) -> None:
    """Write a picture `(H, W)` or `(H, W, 3)` of levels 0..255 as a PNG file.

    The file is replaced only after the picture is complete.

    Raises
    ------
    ArgumentError
        If the name ends otherwise than in ".png".
    FileError
        If the file cannot be written.
    """
    if Path(path).suffix.lower() != ".png":
        raise ArgumentError(f"{os.fspath(path)!r} does not end in .png. A grid is saved as PNG.")
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
        Whether names are drawn above the maps, and an arrow beside the input.
    with_input : bool
        Whether the input image is drawn at the left of the maps.
    with_filters : bool
        Whether a small picture of the filter of each map is drawn beside its name.
    legend : bool
        Whether a title and the ranges of the values are drawn, if names are.
    depth : int
        The bits per pixel of the picture of each channel in a folder, 8 or 16.
    """

    color_scale: ColorScale = ColorScale()
    columns: int | None = None
    scale: int | None = None
    labels: bool = True
    gap: int | None = None
    with_input: bool = False
    with_filters: bool = False
    legend: bool = True
    depth: int = 8


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
    legend = options.legend and options.labels
    total, sections = sum(maps.shape[0] for _, maps in layers), []
    for position, (number, maps) in enumerate(layers):
        shown = ShownMaps(maps, _suitable_scale(maps, options.color_scale))
        heading = None
        if legend and len(layers) == 1:
            heading = Heading(picture_caption(image, number, maps), shown.legend)
        elif legend:
            text = f"{maps.network.layer_title(number)} · {layer_caption(maps.network.layers[-1], maps.shape)}"
            heading = Heading(text, shown.legend, LAYER_EMPHASIS)
        elif options.labels and len(layers) > 1:
            heading = Heading(maps.network.layer_title(number))
        tiles = shown.tiles(with_ranges=legend)
        if options.with_filters:
            tiles = _with_filters(tiles, maps)
        columns = options.columns or _default_columns(maps)
        source = input_tiles(image) if options.with_input and position == 0 else None
        scale = options.scale or _default_scale(tiles, total, options.labels)
        sections.append(Section([tiles], columns, scale, heading, source, framed=True))
    count, name = len(layers), layers[-1][1].network.name
    heading = Heading(f"{image_caption(image)} · {name}: {count} layers") if legend and count > 1 else None
    try:
        return Grid(sections, options.labels, options.gap, heading)
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

    An array, or a picture of 16 bits, is drawn from its smallest finite value (black) to its largest (white).
    """

    def rows(_first: int, _last: int, top: int, bottom: int) -> Levels:
        band = image.floats(top, bottom)
        if color:
            return scale.levels(np.moveaxis(band, 0, -1))[None]
        return draw_values(channel_mean(band), scale, "gray", has_nonfinite)[None]

    has_nonfinite = False
    color = image.shape[0] == 3 and not image.is_array
    scale = linear_scale("none", 0, 1)
    if image.has_own_range:
        values = image.floats()
        finite = values[np.isfinite(values)]
        if finite.size:
            scale = linear_scale("minmax", float(finite.min()), float(finite.max()))
        has_nonfinite = finite.size < values.size
    return Tiles(("input",), image.shape[1], image.shape[2], rows, color or has_nonfinite)


def channel_mean(values: NDArray[Any]) -> NDArray[Any]:
    """Return the mean `(H, W)` of channels `(C, H, W)`, in float64 since their sum may be too large for float32."""
    mean: NDArray[Any] = values[0]
    if len(values) > 1:
        with np.errstate(invalid="ignore"):  # infinity less infinity
            mean = values.mean(axis=0, dtype=np.float64)
    return mean


class ShownMaps:
    """Feature maps with the color scale that draws them.

    The statistics of the channels are computed when the first label, legend or row is drawn.

    Parameters
    ----------
    maps : FeatureMaps or ArrayMaps
    color_scale : ColorScale
    """

    def __init__(self, maps: FeatureMaps | ArrayMaps, color_scale: ColorScale) -> None:
        self.maps, self.color_scale = maps, color_scale
        self._parts: dict[tuple[int, int], FeatureMaps | ArrayMaps] = {(0, maps.shape[0]): maps}

    @cached_property
    def scales(self) -> list[LinearScale]:
        """The scale from values to levels of each channel."""
        return self.color_scale.linear_scales(self.maps)

    @property
    def legend(self) -> Legend:
        """The bars of the color scales."""
        return Legend(len(set(self._from_zero)), self.color_scale.colormap, self._bars, self._nonfinite)

    @property
    def _from_zero(self) -> list[bool]:
        """Whether each channel is drawn from zero on since it cannot be negative."""
        scale = self.color_scale
        by_kind = scale.normalize == "auto" and scale.colormap != "diverging" and not isinstance(scale.limits, tuple)
        return [by_kind and non_negative for non_negative in self.maps.non_negative]

    def tiles(self, with_ranges: bool = False) -> Tiles:
        """Return the channels as tiles, each labeled with its name and, if they differ, its range."""
        _, height, width = self.maps.shape
        ranges = self._range_texts if with_ranges else None
        return Tiles(tuple(self.maps.names), height, width, self._rows, self._in_color, ranges)

    def _rows(self, first: int, last: int, top: int, bottom: int) -> Iterator[Levels]:
        if (first, last) not in self._parts:
            self._parts[first, last] = self.maps.select(range(first, last))
        values = self._parts[first, last].rows(top, bottom)
        for index, channel in enumerate(values, first):
            has_nonfinite = self.maps.statistics[index].nonfinite > 0
            yield draw_values(channel, self.scales[index], self.color_scale.colormap, has_nonfinite)

    def _in_color(self, first: int, last: int) -> bool:
        if self.color_scale.colormap != "gray":
            return True
        return any(channel.nonfinite for channel in self.maps.statistics[first:last])

    def _nonfinite(self) -> int:
        return sum(channel.nonfinite for channel in self.maps.statistics)

    def _bars(self) -> list[ScaleBar]:
        if not any(channel.count for channel in self.maps.statistics):
            return []
        bars = scale_bars(self._limits, [self._clips(from_zero) for from_zero in self._from_zero], self._from_zero)
        if self.color_scale.normalize == "absolute":
            return [bar._replace(low=f"magnitude {bar.low}") for bar in bars]
        return bars

    def _clips(self, from_zero: bool) -> tuple[bool, bool]:
        """Return whether values below the range are drawn in its first color, and those above it in its last."""
        scale = self.color_scale
        fixed = scale.clip is not None or scale.limits is not None or scale.normalize == "none"
        has_lower = fixed and not from_zero and scale.normalize != "absolute"
        return has_lower or scale.normalize == "positive", fixed

    def _range_texts(self) -> list[str]:
        return self._ranges

    @cached_property
    def _ranges(self) -> list[str]:
        if self.maps.shape[1:] == (1, 1):  # the values themselves
            texts = [format_scale_number(low) for low, _ in self.maps.signal_ranges]
        else:
            texts = range_texts(self._limits)
        counts = [channel.count for channel in self.maps.statistics]
        if not any(counts):
            return [""] * len(texts)
        return [text if count else NO_FINITE_VALUE for text, count in zip(texts, counts, strict=True)]

    @cached_property
    def _limits(self) -> list[tuple[float, float]]:
        return [scale.limits for scale in self.scales]


def map_tiles(maps: FeatureMaps | ArrayMaps, color_scale: ColorScale) -> Tiles:
    """Return the channels as tiles, each labeled with its name; see `ShownMaps`."""
    return ShownMaps(maps, color_scale).tiles()


def _suitable_scale(maps: FeatureMaps, color_scale: ColorScale) -> ColorScale:
    """Return the color scale for the maps of a layer: maps of one pixel have a common range, or all would be white."""
    if maps.shape[1:] == (1, 1) and maps.shape[0] > 1 and color_scale.scope == "channel":
        return replace(color_scale, scope="all")
    return color_scale


def _default_scale(tiles: Tiles, total: int, labels: bool) -> int | None:
    """Return the factor of enlargement of maps in a picture of `total` maps; None for that of few maps.

    Cells are as wide as their labels, so maps are at least enlarged to this width. Maps of one pixel stay small.
    """
    if tiles.width == tiles.height == 1 and total > 1:
        return MIN_ENLARGED_SIDE if total <= MANY_MAPS else SINGLE_PIXEL_SIDE
    if total <= MANY_MAPS:
        return None
    side = max(MIN_ENLARGED_SIDE, ENLARGED_SIDE * math.sqrt(MANY_MAPS / total))
    if labels:
        side = max(side, Cells(Section([tiles], scale=1), labels, MIN_FONT_SIZE).label_width)
    return max(1, int(side) // max(tiles.width, tiles.height))


def _default_columns(maps: FeatureMaps) -> int | None:
    """Return the number of maps of an image channel, for a row each, if channels are filtered separately; or None.

    It is None, too, where some channels are chosen, and those of each image channel are not equally many in succession.
    """
    layer: Layer = maps.network.layers[-1]
    if layer.conv is None or not 1 < layer.conv.groups <= MAX_IMAGE_CHANNELS:
        return None
    groups = [channel.of[0] * layer.conv.groups // len(layer.filter_names) for channel in layer.outputs]
    columns, rest = divmod(len(groups), len(set(groups)))
    rows = [set(groups[first : first + columns]) for first in range(0, len(groups), columns)]
    in_rows = rest == 0 and all(len(row) == 1 for row in rows)
    return columns if in_rows else None


def _with_filters(tiles: Tiles, maps: FeatureMaps) -> Tiles:
    """Return the tiles of feature maps with small pictures of their filters, or how channels are made from several."""
    from cnnfx.render.filters import small_picture

    layer: Layer = maps.network.layers[-1]
    inputs = _input_names(maps)
    combined = [
        "" if channel.kind == "take" else f"{channel.kind} of {', '.join(layer.filter_names[k] for k in channel.of)}"
        for channel in layer.outputs
    ]

    def picture(index: int, width: int, height: int) -> Levels | None:
        if combined[index] or layer.conv is None:
            return None
        filter = layer.outputs[index].of[0]
        first = filter * layer.conv.groups // len(layer.filter_names) * layer.conv.weights.shape[1]
        names = inputs[first : first + layer.conv.weights.shape[1]]  # a filter reads the channels of its group
        return small_picture(layer.conv.weights[filter], names, width, height)

    def ranges() -> list[str]:
        texts = tiles.ranges() if tiles.ranges is not None else [""] * len(combined)
        return [" · ".join(filter(None, both)) for both in zip(texts, combined, strict=True)]

    described = ranges if tiles.ranges is not None or any(combined) else None
    return tiles._replace(ranges=described, small_picture=picture)


def _input_names(maps: FeatureMaps) -> Sequence[str]:
    """Return the names of the channels that the filters of the last layer read."""
    names = maps.image.channel_names if isinstance(maps.image, Image) else ()
    return maps.network.input_names(len(maps.network.layers), names)
