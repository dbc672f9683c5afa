"""The filters of a first layer on the integer pixels of a picture: exact sums of products, and one division.

A layer computes `sum(weights * pixels / 255)`. With weights that are whole numbers times a unit, it is computed as
`sum(whole * pixels) / (255 / unit)`: the sum is exact, so it is 0 where the true sum is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from cnnfx.conv import Method, Padding
from cnnfx.conv.integers import exact_method, integer_filters
from cnnfx.nn.layers import Array, Conv, Shape
from cnnfx.system.threads import run_in_threads

PIXEL_MAXIMA = (255, 65535)
"""The values of white in pictures of 8 and 16 bits."""
BLOCK_VALUES = 2**17
"""About how many values of each channel are recognized as pixels at a time: few enough to stay in the cache."""


@dataclass(frozen=True, eq=False)
class PixelConv:
    """Filters for pixels `0 .. maximum`, which give the same maps as `conv` for `pixels / maximum`.

    Parameters
    ----------
    whole : Conv
        The filters with whole numbers as weights, without bias.
    divisors, bias : array (K,)
    method : Method
        A method of `cnnfx.correlate` that is exact for these filters; see `cnnfx.conv.integers.exact_method`.
    """

    whole: Conv
    divisors: Array
    bias: Array
    method: Method

    def forward_band(self, pixels: Array, padding: Padding) -> Array:
        """Return the feature maps of some rows of pixels, whole numbers of a float type; see `Conv.forward_band`."""
        maps = self.whole.forward_band(pixels, padding, self.method)

        def finish(channel: int) -> None:
            values = maps[..., channel, :, :]
            np.divide(values, maps.dtype.type(self.divisors[channel]), out=values)
            if self.bias[channel]:
                values += maps.dtype.type(self.bias[channel])

        run_in_threads(finish, range(maps.shape[-3]))
        return maps


@lru_cache(maxsize=16)
def pixel_conv(conv: Conv, shape: Shape, maximum: int) -> PixelConv | None:
    """Return filters for the pixels of pictures of shape `(C, H, W)`.

    None if the filters are not whole numbers times a unit, or too large for exact sums or an exact method.
    """
    found = integer_filters(conv.weights, maximum)
    if found is None:
        return None
    whole = replace(conv, weights=found.weights, bias=np.zeros(len(conv.bias), found.weights.dtype))
    method = exact_method(whole.choose_method(shape), found.weights)
    return None if method is None else PixelConv(whole, maximum / found.units, conv.bias, method)


def pixel_conv_of(conv: Conv, image: Array) -> tuple[Array, PixelConv] | None:
    """Return the pixels of an image of floats in 0..1, and the filters for them; None if it is no picture.

    Filters that are not whole numbers are found first, without a look at the image.
    """
    if integer_filters(conv.weights, PIXEL_MAXIMA[0]) is None:
        return None
    found = pixels_of(image)
    filters = found and pixel_conv(conv, image.shape[-3:], found[1])
    return (found[0], filters) if found and filters else None


def pixels_of(image: Array) -> tuple[Array, int] | None:
    """Return the pixels of an image of floats in 0..1, as whole numbers of its type, and the value of white.

    None if the image is not a picture of 8 or 16 bits, each of whose pixels was divided by the value of white.
    """
    if image.dtype.kind != "f":
        return None
    pixels = np.empty_like(image)
    starts = range(0, image.shape[-2], max(1, BLOCK_VALUES // image.shape[-1]))
    blocks = [slice(start, start + starts.step) for start in starts]
    for maximum in PIXEL_MAXIMA:
        white = image.dtype.type(maximum)

        failed: list[slice] = []

        def convert(rows: slice, white: Any = white, failed: list[slice] = failed) -> None:
            values, found = image[..., rows, :], pixels[..., rows, :]
            with np.errstate(over="ignore", invalid="ignore"):  # values that are no pixels
                np.rint(np.multiply(values, white, out=found), out=found)
            if not (np.array_equal(found / white, values) and found.min() >= 0 and found.max() <= white):
                failed.append(rows)

        convert(blocks[0])  # is enough to recognize most others
        if not failed:
            run_in_threads(convert, blocks[1:])
        if not failed:
            return pixels, maximum
    return None
