"""The channels of decoded pictures: transparency composited over a background, luma, and the names of channels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.images.image import GRAY_NAMES, RGB_NAMES

RgbColor = tuple[int, int, int]
"""Red, green and blue in 0..255."""
Background = RgbColor | None
"""A color behind transparent pixels; None: white, or black where the picture could not be seen on white."""

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
LIGHT = 0.9
"""The least luma, in 0..1, of pixels that are hardly seen on white."""
LIGHT_SHARE = 0.99
"""The least share of pixels, weighted by their opacity, that are `LIGHT` in a picture that is hardly seen on white."""
LUMA_FACTORS = (19595, 38470, 7471)
"""The weights of red, green and blue in luma, after Rec. 601, in units of 1/65536. Their sum is 65536."""
BAND_PIXELS = 2**17
"""Pixels that are converted at a time, about. A band stays in the cache, and no second copy of the whole picture is
needed."""


class Channels(NamedTuple):
    """The channels of an image.

    Parameters
    ----------
    values : array (C, H, W)
    names : tuple of C str
    notes : tuple of str
        Messages for the user.
    """

    values: NDArray[Any]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def parse_background(text: str | None) -> Background:
    """Return the color that a text names, such as "white" or "#rrggbb"; None for None.

    Raises
    ------
    ArgumentError
        If it is no color.
    """
    if text is None:
        return None
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except (ValueError, AttributeError, TypeError):  # the latter two for what is no text
        raise ArgumentError(f"background {text!r} is not a color. Write a name such as white, or #rrggbb.") from None
    return red, green, blue


def select_channels(
    name: str, values: NDArray[Any], alpha: NDArray[Any] | None, channels: str, background: Background
) -> Channels:
    """Return gray or RGB channels without transparency.

    Parameters
    ----------
    name : str
        The name of the image, for messages.
    values : array (1, H, W) or (3, H, W), uint8, uint16 or float32
        Gray, or red, green and blue. Integers go from 0 to the largest of their dtype, floats from 0 to 1. It may be
        changed.
    alpha : array (H, W) or None
        The opacity, in the range of `values`, which are not multiplied by it; None if all pixels are opaque.
    channels : "auto", "gray" or "rgb"
        See `cnnfx.load_image`.
    background : Background
    """
    notes: tuple[str, ...] = ()
    if alpha is not None and bool((alpha != largest_level(values)).any()):
        if background is None:
            background = BLACK if _is_light(values, alpha) else WHITE
            if background == BLACK:
                notes = (
                    f"{name}: its pixels are almost white, so its transparent parts are read as black, not as white.",
                )
        if len(values) == 1 and channels != "gray" and len(set(background)) > 1:
            values = np.repeat(values, 3, axis=0)
        values = _composite(values, alpha, background)
    if channels == "gray" and len(values) == 3:
        values = luma(values)
    elif channels == "rgb" and len(values) == 1:
        values = np.repeat(values, 3, axis=0)
    return Channels(values, RGB_NAMES if len(values) == 3 else GRAY_NAMES, notes)


def luma(values: NDArray[Any]) -> NDArray[Any]:
    """Return the luma (1, H, W) of red, green and blue (3, H, W), after Rec. 601, integers rounded as by Pillow."""
    result = np.empty((1, *values.shape[1:]), values.dtype)
    for rows in _bands(values):
        band = values[:, rows]
        if values.dtype == np.float32:
            weights = np.array(LUMA_FACTORS, np.float32) / np.float32(2**16)
            with np.errstate(invalid="ignore", over="ignore"):  # of infinity and of numbers beyond float32
                result[0, rows] = np.tensordot(weights, band, 1)
        else:
            wide = band.astype(np.uint32)
            total = sum(factor * plane for factor, plane in zip(LUMA_FACTORS, wide, strict=True))
            result[0, rows] = (total + 2**15) >> 16
    return result


def _is_light(values: NDArray[Any], alpha: NDArray[Any]) -> bool:
    """Return whether the opaque pixels are hardly seen on white; False if there are none."""
    opaque = light = 0.0
    for rows in _bands(values):
        band, weights = values[:, rows], alpha[rows].astype(np.float64)
        gray = luma(band)[0] if len(band) == 3 else band[0]
        opaque += float(weights.sum())
        light += float(weights[gray >= LIGHT * largest_level(values)].sum())
    return light >= LIGHT_SHARE * opaque > 0


def _composite(values: NDArray[Any], alpha: NDArray[Any], background: RgbColor) -> NDArray[Any]:
    """Composite (C, H, W) over a color, in place; a gray picture over the color's luma. Integers are rounded."""
    largest, wide = largest_level(values), wider_dtype(values).type
    scale = largest / 255
    color = background if len(values) == 3 else (_color_luma(background),)
    levels = [scale * level if values.dtype == np.float32 else round(scale * level) for level in color]
    for rows in _bands(values):
        opacity = alpha[rows].astype(wide)
        rest = wide(largest) - opacity
        for plane, level in zip(values, levels, strict=True):
            shown = np.where(opacity == 0, plane.dtype.type(0), plane[rows]).astype(wide)  # infinity · 0 is NaN
            blended = shown * opacity + wide(level) * rest
            plane[rows] = blended if values.dtype == np.float32 else (blended + wide(largest // 2)) // wide(largest)
    return values


def _color_luma(color: RgbColor) -> float:
    total = sum(factor * level for factor, level in zip(LUMA_FACTORS, color, strict=True))
    return total / 2**16


def largest_level(values: NDArray[Any]) -> int:
    """Return the value of white, or of full opacity, in an array of uint8, uint16 or float32."""
    return 1 if values.dtype == np.float32 else int(np.iinfo(values.dtype).max)


def wider_dtype(values: NDArray[Any]) -> np.dtype[Any]:
    """Return the dtype that holds the product of two of these values; float32 for floats."""
    return np.dtype({"uint8": np.uint16, "uint16": np.uint32}.get(values.dtype.name, np.float32))


def opacity_without_color(values: NDArray[Any], color: int | NDArray[Any]) -> NDArray[Any]:
    """Return the opacity (H, W) of a picture (C, H, W) of which the pixels of one color are transparent.

    The color is one level, or an array (C, 1, 1).
    """
    as_level = values.dtype.type
    opacity: NDArray[Any] = np.where((values == color).all(axis=0), as_level(0), as_level(largest_level(values)))
    return opacity


def _bands(values: NDArray[Any]) -> list[slice]:
    """Return slices of the rows of (C, H, W)."""
    _, height, width = values.shape
    count = max(1, BAND_PIXELS // width)
    return [slice(top, min(top + count, height)) for top in range(0, height, count)]
