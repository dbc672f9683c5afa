"""Small images of bars in four directions, with noise: a data set that a small network learns in a second."""

from __future__ import annotations

import numpy as np

from cnnfx.datasets import LabeledImages

CLASSES = ("—", "|", "\\", "/")


def bars(count: int = 256, seed: int = 0, size: int = 12, channels: int = 1) -> LabeledImages:
    """`count` images of `size`×`size` pixels."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, count)
    images = random.integers(0, 60, (count, channels, size, size)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        offset, along = random.integers(-2, 3), np.arange(2, size - 2)
        across = np.clip(size // 2 + offset + 0 * along, 0, size - 1)
        diagonal = np.clip(along + offset, 0, size - 1)
        rows, columns = [(across, along), (along, across), (along, diagonal), (along[::-1], diagonal)][label]
        image[:, rows, columns] = random.integers(150, 256)
    return LabeledImages("bars", images, labels, CLASSES)
