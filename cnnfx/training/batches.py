"""Batches of training images: sampling, random shifts, normalization."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets import LabeledImages
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network

Integers = NDArray[np.int64]


class BatchLoader:
    """Normalized batches `(C, H, W, N)` of labeled images.

    `sample` draws random numbers in the calling thread. The function that it returns collates parts of the batch and
    may be called from any thread. So results do not depend on the number of threads.

    Parameters
    ----------
    data : LabeledImages
    network : Network
        Defines the mean and the standard deviation for the normalization.
    shift : int
        The largest random shift in pixels; 0 for none.
    """

    def __init__(self, data: LabeledImages, network: Network, shift: int = 0) -> None:
        self._images, self._labels = np.ascontiguousarray(data.images), data.labels
        self._shift = RandomShift(shift)
        scale = 255 if data.images.dtype == np.uint8 else 1
        (mean,), (std,) = network.input.mean, network.input.std  # the same for all channels
        self._factor = np.float32(1 / (scale * std))
        self._offset = np.float32(-mean / std)

    def sample(self, indices: Integers, generator: np.random.Generator) -> Callable[[slice], tuple[Array, Integers]]:
        """Draw the random shifts of a batch of the images `indices` (N,).

        Returns
        -------
        callable
            Returns the images `(C, H, W, n)` and the labels `(n,)` of a slice of the batch.
        """
        shifts = self._shift.sample(generator, len(indices))

        def collate(part: slice) -> tuple[Array, Integers]:
            images = self._shift.apply(self._images, indices[part], shifts[part])
            return self._normalize(images), self._labels[indices[part]].astype(np.int64)

        return collate

    def images(self, part: slice) -> Array:
        """Return the normalized images `(C, H, W, n)` of a slice of the data, not shifted."""
        return self._normalize(np.ascontiguousarray(self._images[part].transpose(1, 2, 3, 0)))

    def _normalize(self, images: Array) -> Array:
        """Return the images in float32, less the mean, divided by the standard deviation."""
        batch: Array = np.multiply(images, self._factor, dtype=np.float32)
        batch += self._offset
        return batch


@dataclass(frozen=True)
class RandomShift:
    """Random shifts of images by up to `pixels` in each direction, all (2·pixels + 1)² equally likely.

    Pixels from outside of the image are copies of the nearest pixel in the image.
    """

    pixels: int = 1

    def sample(self, generator: np.random.Generator, count: int) -> Integers:
        """Draw the shifts of `count` images: `(count, 2)`, down and right, each 0 … 2·pixels."""
        return generator.integers(0, 2 * self.pixels + 1, (count, 2))

    def apply(self, images: Array, indices: Integers, shifts: Integers) -> Array:
        """Return the images `indices` (n,) of `images` (N, C, H, W), shifted by `shifts` (n, 2), as `(C, H, W, n)`."""
        shape = images.shape[1:]
        sources = _source_pixels(self.pixels, shape).take(shifts @ (2 * self.pixels + 1, 1), axis=1)
        sources += indices * math.prod(shape)
        return images.reshape(-1).take(sources).reshape(*shape, len(indices))


@lru_cache(maxsize=4)
def _source_pixels(pixels: int, shape: Shape) -> Integers:
    """Return the flat index of the pixel that each shift moves to each pixel of an image, `(C·H·W, shifts)`."""
    channels, height, width = shape
    shifts = np.arange(-pixels, pixels + 1)
    rows, columns = (np.clip(np.arange(size)[:, np.newaxis] + shifts, 0, size - 1) for size in (height, width))
    inside = rows[:, np.newaxis, :, np.newaxis] * width + columns[:, np.newaxis]
    sources = np.arange(channels).reshape(-1, 1, 1, 1, 1) * (height * width) + inside
    flat: Integers = sources.reshape(channels * height * width, -1)
    return flat
