"""Small random changes of the training images that leave their class as it is: more images than there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cnnfx.layers import Array

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class RandomShift:
    """Each image shifted by up to `pixels` to any side, all (2·pixels + 1)² shifts alike; what is uncovered repeats
    the edge."""

    pixels: int = 1

    def draw(self, random: np.random.Generator, count: int) -> Integers:
        """The random numbers of `count` images: `(count, 2)`, 0 … 2·pixels, down and right."""
        return random.integers(0, 2 * self.pixels + 1, (count, 2))

    def apply(self, images: Array, drawn: Integers) -> Array:
        """The images `(N, C, H, W)`, shifted as was drawn."""
        if not self.pixels:
            return images
        windows = sliding_window_view(self._padded(images), images.shape[2:], axis=(2, 3))
        return windows[np.arange(len(images)), :, drawn[:, 0], drawn[:, 1]]

    def _padded(self, images: Array) -> Array:
        n, channels, height, width = images.shape
        s = self.pixels
        padded = np.empty((n, channels, height + 2 * s, width + 2 * s), images.dtype)
        inside = padded[:, :, s : s + height]
        inside[..., s : s + width] = images
        inside[..., :s] = images[..., :1]
        inside[..., s + width :] = images[..., -1:]
        padded[:, :, :s] = padded[:, :, s : s + 1]
        padded[:, :, s + height :] = padded[:, :, s + height - 1 : s + height]
        return padded
