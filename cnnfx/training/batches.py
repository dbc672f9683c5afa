"""Batches of training images: sampling, augmentation, normalization."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnnfx.datasets import LabeledImages
from cnnfx.nn.layers import Array
from cnnfx.nn.network import Network
from cnnfx.training.augmentation import NO_AUGMENTATION, Augmentation, Integers


class BatchLoader:
    """Normalized batches `(C, H, W, N)` of labeled images.

    `sample` draws random numbers in the calling thread. The function that it returns collates parts of the batch and
    may be called from any thread. So results do not depend on the number of threads.

    Parameters
    ----------
    data : LabeledImages
    network : Network
        Defines the mean and the standard deviation for the normalization.
    augmentation : RandomShift or RandomWarp, optional
        Changes the images of `sample`.
    """

    def __init__(self, data: LabeledImages, network: Network, augmentation: Augmentation = NO_AUGMENTATION) -> None:
        self._images, self._labels = np.ascontiguousarray(data.images), data.labels
        self._augmentation = augmentation
        scale = 255 if data.images.dtype == np.uint8 else 1
        (mean,), (std,) = network.input.mean, network.input.std  # the same for all channels
        self._factor = np.float32(1 / (scale * std))
        self._offset = np.float32(-mean / std)

    def sample(self, indices: Integers, generator: np.random.Generator) -> Callable[[slice], tuple[Array, Integers]]:
        """Draw the random numbers of a batch of the images `indices` (N,).

        Returns
        -------
        callable
            Returns the images `(C, H, W, n)` and the labels `(n,)` of a slice of the batch.
        """
        drawn = self._augmentation.sample(generator, len(indices))

        def collate(part: slice) -> tuple[Array, Integers]:
            images = self._augmentation.apply(self._images, indices[part], drawn[part])
            return self._normalize(images), self._labels[indices[part]].astype(np.int64)

        return collate

    def images(self, part: slice) -> Array:
        """Return the normalized images `(C, H, W, n)` of a slice of the data, not augmented."""
        return self._normalize(np.ascontiguousarray(self._images[part].transpose(1, 2, 3, 0)))

    def _normalize(self, images: Array) -> Array:
        """Return the images in float32, less the mean, divided by the standard deviation."""
        batch: Array = np.multiply(images, self._factor, dtype=np.float32)
        batch += self._offset
        return batch
