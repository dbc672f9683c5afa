"""MNIST's four files, made of few images."""

from __future__ import annotations

import gzip
import struct

import numpy as np

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx_bytes(array, kind=8):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_idx(folder, arrays, *, prefix="", zipped=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(NAMES, arrays, strict=True):
        data = idx_bytes(array)
        ending, data = (".gz", gzip.compress(data)) if zipped else ("", data)
        (folder / f"{prefix}{name}{ending}").write_bytes(data)
    return folder


def same(dataset, arrays):
    held = (dataset.train_images[:, 0], dataset.train_labels, dataset.test_images[:, 0], dataset.test_labels)
    return all(np.array_equal(one, other) for one, other in zip(held, arrays, strict=True))
