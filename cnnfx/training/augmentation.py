"""Small random changes of the training images that leave their class as it is: more images than there are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cnnfx.layers import Array, Shape

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class RandomShift:
    """Each image shifted by up to `pixels` to any side, all (2·pixels + 1)² shifts alike; what is uncovered repeats
    the edge."""

    pixels: int = 1

    def draw(self, random: np.random.Generator, count: int) -> Integers:
        """The random numbers of `count` images: `(count, 2)`, 0 … 2·pixels, down and right."""
        return random.integers(0, 2 * self.pixels + 1, (count, 2))

    def apply(self, images: Array, chosen: Integers, drawn: Integers) -> Array:
        """The `chosen` of the images `(N, C, H, W)`, shifted as was drawn for them, laid out `(C, H, W, n)`."""
        shape = images.shape[1:]
        places = _places(self.pixels, shape).take(drawn @ (2 * self.pixels + 1, 1), axis=1)
        places += chosen * math.prod(shape)
        return images.reshape(-1).take(places).reshape(*shape, len(chosen))


@lru_cache(maxsize=4)
def _places(pixels: int, shape: Shape) -> Integers:
    """Where each pixel of an image comes from, for every shift: `(C·H·W, shifts)`, in a flat image."""
    channels, height, width = shape
    shifts = np.arange(-pixels, pixels + 1)
    rows, columns = (np.clip(np.arange(size)[:, np.newaxis] + shifts, 0, size - 1) for size in (height, width))
    inside = rows[:, np.newaxis, :, np.newaxis] * width + columns[:, np.newaxis]
    places = np.arange(channels).reshape(-1, 1, 1, 1, 1) * (height * width) + inside
    flat: Integers = places.reshape(channels * height * width, -1)
    return flat
