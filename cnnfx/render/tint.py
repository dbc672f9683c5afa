"""Feature maps as colors over their dimmed image, each value at the middle of its receptive field."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.images import Image
from cnnfx.images.image import LUMA_WEIGHTS
from cnnfx.nn.band_height import band_rows
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.receptive_field import AxisField, receptive_field
from cnnfx.render.color import NONFINITE_COLOR, ColorScale
from cnnfx.render.feature_grid import input_tiles
from cnnfx.render.tiles import Levels

MIN_SIDE = 800
"""Smaller images are enlarged by a whole factor, to about this many pixels on the longer side."""
MAX_SCALE = 40
"""The largest factor that is chosen for an image."""
MAX_PIXELS = 4_000_000
"""Larger images are drawn smaller, by a whole factor."""
BRIGHTNESS = 0.55
"""The factor of the levels of the dimmed image."""
SATURATION = 0.4
"""The part of a photograph's colors that is kept, so that they are not mistaken for those of filters."""


class View(NamedTuple):
    """How large an image is drawn.

    Parameters
    ----------
    scale : int
        How many pixels of the picture a pixel of the image has in both directions.
    reduction : int
        How many pixels of the image a pixel of the picture has; 1 unless `scale` is 1.
    """

    scale: int = 1
    reduction: int = 1

    @classmethod
    def of(cls, height: int, width: int, scale: int | None = None) -> View:
        """Return the view of an image of this size, enlarged `scale` times or by a suitable factor."""
        if scale is None:
            scale = min(max(1, MIN_SIDE // max(height, width)), MAX_SCALE)
        reduction = math.ceil(math.sqrt(height * width / MAX_PIXELS)) if scale == 1 else 1
        return cls(scale, min(reduction, height, width))

    def length(self, pixels: int) -> int:
        """Return how many rows or columns of the picture show `pixels` of the image; incomplete ones are left out."""
        return pixels * self.scale // self.reduction

    def position(self, pixel: float) -> int:
        """Return where the picture shows a row or column of the image."""
        return round(pixel * self.scale / self.reduction)


def tinted_image(
    image: Image, maps: FeatureMaps, color_scale: ColorScale, colors: Sequence[tuple[int, int, int]], view: View
) -> Levels:
    """Draw the dimmed image, and the positive values of feature maps as colors over it.

    A value v of a channel with the color c makes the color d of the image (1 - a) d + a c, where a goes from 0 for 0 to
    1 for white of the color scale. Where several channels are positive, a is the largest one, and c is the mean of
    their colors, weighted by the squares of their a. NaN and infinity are drawn in `NONFINITE_COLOR`.

    Parameters
    ----------
    image : Image
    maps : FeatureMaps
    color_scale : ColorScale
        Draws 0 as black.
    colors : sequence of (red, green, blue)
        One for each channel, 0..255.
    view : View

    Returns
    -------
    uint8 array (view.length(H), view.length(W), 3)
    """
    _, height, width = image.shape
    scales = color_scale.linear_scales(maps)
    field = receptive_field(maps.network, image.shape)
    columns = _map_positions(field.columns, maps.shape[2], width, view)
    rows = _map_positions(field.rows, maps.shape[1], height, view)
    palette = np.array(colors, np.float32)
    picture = np.empty((view.length(height), view.length(width), 3), np.uint8)
    for first, last, dimmed in _dimmed_bands(image, view, band_rows(len(colors) * len(columns)) // view.reduction or 1):
        band = rows[first * view.reduction : last * view.reduction]
        read = band[band >= 0]
        if not len(read):
            picture[first:last] = np.rint(dimmed)
            continue
        values = maps.rows(int(read.min()), int(read.max()) + 1)
        band = np.where(band >= 0, band - read.min(), -1)
        finite = np.isfinite(values)
        values = np.where(finite, values, 0)
        levels = [scale.levels(channel) for scale, channel in zip(scales, values, strict=True)]
        opacities = np.stack([_resample(channel, band, columns, view) for channel in levels])
        picture[first:last] = _mix(dimmed, np.divide(opacities, 255, dtype=np.float32), palette)
        if not finite.all():
            nonfinite: Levels = np.any(~finite, axis=0).astype(np.uint8)
            picture[first:last][_resample(nonfinite, band, columns, view) > 0] = NONFINITE_COLOR
    return picture


def _map_positions(field: AxisField, count: int, length: int, view: View) -> NDArray[np.int_]:
    """Return which row or column of the maps is drawn at each of the picture, -1 for none.

    A value is drawn over `stride` pixels of the image, in the middle of its receptive field. With a `view` that is
    smaller than the image, return the positions for each pixel of the image, as many as the picture needs.
    """
    pixels = (np.arange(view.length(length) * view.reduction) + 0.5) / view.scale
    first = field.offset + field.size / 2 - field.stride / 2
    positions = np.floor((pixels - first) / field.stride).astype(int)
    return np.where((positions >= 0) & (positions < count), positions, -1)


def _resample(levels: Levels, rows: NDArray[np.int_], columns: NDArray[np.int_], view: View) -> Levels:
    """Return levels `(H, W)` at the positions of the picture, 0 where there are none, and the largest of each block."""
    resampled = levels[rows][:, columns]
    resampled[rows < 0] = 0
    resampled[:, columns < 0] = 0
    if view.reduction == 1:
        return resampled
    return _reduce_blocks(resampled, view.reduction, np.maximum)


def _dimmed_bands(image: Image, view: View, step: int) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Yield bands of the dimmed image: the first and the last row (exclusive) of the picture, and the band."""
    tiles = input_tiles(image)
    height, width = view.length(image.shape[1]), view.length(image.shape[2])
    for first in range(0, height, step):
        last = min(first + step, height)
        top = first * view.reduction // view.scale
        bottom = -(-last * view.reduction // view.scale)
        (band,) = tiles.rows(0, 1, top, bottom)
        levels: NDArray[np.float32] = band.astype(np.float32)
        if levels.ndim == 2:
            levels = levels[..., np.newaxis].repeat(3, axis=2)
        gray = (levels @ np.array(LUMA_WEIGHTS, np.float32))[..., np.newaxis]
        levels = (gray + np.float32(SATURATION) * (levels - gray)) * np.float32(BRIGHTNESS)
        if view.reduction > 1:
            levels = levels[: (last - first) * view.reduction, : width * view.reduction]
            levels = _reduce_blocks(levels / np.float32(view.reduction**2), view.reduction, np.add)
        else:
            levels = levels.repeat(view.scale, axis=0).repeat(view.scale, axis=1)
            levels = levels[first - top * view.scale :][: last - first]
        yield first, last, levels


def _reduce_blocks(pixels: NDArray[Any], size: int, function: np.ufunc) -> NDArray[Any]:
    """Combine the pixels `(H, W, ...)` of each `size`×`size` block; strided slices are faster than a reduction."""
    rows = reduce(function, (pixels[row::size] for row in range(size)))
    blocks: NDArray[Any] = reduce(function, (rows[:, column::size] for column in range(size)))
    return blocks


def _mix(dimmed: NDArray[np.float32], opacities: NDArray[np.float32], palette: NDArray[np.float32]) -> Levels:
    """Return the colors `(H, W, 3)` of channels with opacities `(K, H, W)` over an image `(H, W, 3)`."""
    squares = np.square(opacities)
    total = squares.sum(axis=0)
    color = np.tensordot(squares, palette, axes=(0, 0)) / np.maximum(total, np.finfo(np.float32).tiny)[..., np.newaxis]
    opacity = opacities.max(axis=0)[..., np.newaxis]
    mixed: Levels = np.rint(dimmed + opacity * (color - dimmed)).astype(np.uint8)
    return mixed
