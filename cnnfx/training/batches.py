"""From images as they are stored to batches as they are learned from: chosen, shifted, normalized, laid out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network
from cnnfx.training.settings import Examples

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


class Feed:
    """Parts of batches `(C, H, W, N)`, made by the threads that need them.

    Parameters
    ----------
    data : Examples
    network : Network
        Whose mean and std the images are normalized with.
    shift : int
        Pixels of random shifts.
    """

    def __init__(self, data: Examples, network: Network, shift: int = 0) -> None:
        self._images, self._labels = np.ascontiguousarray(data.images), data.labels
        self._shift = RandomShift(shift)
        scale = 255 if data.images.dtype == np.uint8 else 1
        self._factor = np.float32(1 / (scale * network.std))
        self._offset = np.float32(-network.mean / network.std)

    def draw(
        self, chosen: NDArray[np.int64], random: np.random.Generator
    ) -> Callable[[slice], tuple[Array, NDArray[np.int64]]]:
        """What gives images and labels of a part of a batch of the `chosen` images; all chance is drawn here."""
        drawn = self._shift.draw(random, len(chosen))

        def load(part: slice) -> tuple[Array, NDArray[np.int64]]:
            images = self._shift.apply(self._images, chosen[part], drawn[part])
            return self._normalized(images), self._labels[chosen[part]].astype(np.int64)

        return load

    def images(self, part: slice) -> Array:
        """Images in their order, not shifted."""
        return self._normalized(np.ascontiguousarray(self._images[part].transpose(1, 2, 3, 0)))

    def _normalized(self, images: Array) -> Array:
        """As the network wants them, in float32."""
        batch: Array = np.multiply(images, self._factor, dtype=np.float32)
        batch += self._offset
        return batch
