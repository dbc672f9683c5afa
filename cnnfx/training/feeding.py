"""From images as they are stored to batches as they are learned from: chosen, shifted, normalised, laid out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cnnfx.layers import Array
from cnnfx.network import Network
from cnnfx.training.augmentation import RandomShift
from cnnfx.training.settings import Examples


class Feed:
    """Parts of batches `(C, H, W, N)`, made by the threads that need them.

    Parameters
    ----------
    data : Examples
    network : Network
        Whose mean and deviation the images are normalised with.
    shift : int
        Pixels of random shifts.
    """

    def __init__(self, data: Examples, network: Network, shift: int = 0) -> None:
        self._images, self._labels = np.ascontiguousarray(data.images), data.labels
        self._shift = RandomShift(shift)
        scale = 255 if data.images.dtype == np.uint8 else 1
        self._factor = np.float32(1 / (scale * network.deviation))
        self._offset = np.float32(-network.mean / network.deviation)

    def draw(
        self, chosen: NDArray[np.int64], random: np.random.Generator
    ) -> Callable[[slice], tuple[Array, NDArray[np.int64]]]:
        """What gives images and labels of a part of a batch of the `chosen` images; all chance is drawn here."""
        drawn = self._shift.draw(random, len(chosen))

        def load(part: slice) -> tuple[Array, NDArray[np.int64]]:
            images = self._shift.apply(self._images, chosen[part], drawn[part])
            return self._normalised(images), self._labels[chosen[part]].astype(np.int64)

        return load

    def images(self, part: slice) -> Array:
        """Images in their order, not shifted."""
        return self._normalised(np.ascontiguousarray(self._images[part].transpose(1, 2, 3, 0)))

    def _normalised(self, images: Array) -> Array:
        """As the network wants them, in float32."""
        batch: Array = np.multiply(images, self._factor, dtype=np.float32)
        batch += self._offset
        return batch
