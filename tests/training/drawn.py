"""Small images of bars in four directions, with noise: data that a small network learns in a moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLASSES = ("—", "|", "\\", "/")


@dataclass(frozen=True)
class Bars:
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...] = CLASSES
    name: str = "bars"


def bars(count: int = 256, seed: int = 0, size: int = 12, channels: int = 1) -> Bars:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, count)
    images = random.integers(0, 60, (count, channels, size, size)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        offset, line = random.integers(-2, 3), np.arange(2, size - 2)
        middle = np.clip(size // 2 + offset + 0 * line, 0, size - 1)
        slanted = np.clip(line + offset, 0, size - 1)
        rows, columns = [(middle, line), (line, middle), (line, slanted), (line[::-1], slanted)][label]
        image[:, rows, columns] = random.integers(150, 256)
    return Bars(images, labels)
