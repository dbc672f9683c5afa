"""Helpers that write small datasets as IDX files."""

from __future__ import annotations

import gzip
import struct

import numpy as np

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


PIXELS = (
    "Pixels are whole numbers of 0 to 255 or 0 to 65535, or fractions of 0 to 1. Scale all of them in the same way."
)
"""The end of messages about numbers that are no pixels."""
TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def idx_bytes(array, kind=8):
    """Return the content of an IDX file; `kind` is the code of the type in its magic number."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype(TYPES[kind]).tobytes()


def write_idx(folder, arrays, *, prefix="", zipped=False, kind=8):
    """Write the four files of a dataset into a folder and return it; `kind` is the type of the images."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(NAMES, arrays, strict=True):
        data = idx_bytes(array, kind if array.ndim == 3 else 8)
        ending, data = (".gz", gzip.compress(data)) if zipped else ("", data)
        (folder / f"{prefix}{name}{ending}").write_bytes(data)
    return folder


def equals(dataset, arrays):
    """Return whether the images and labels of a dataset equal four arrays in the order of the fixture `arrays`."""
    own = (dataset.train_images[:, 0], dataset.train_labels, dataset.test_images[:, 0], dataset.test_labels)
    return all(np.array_equal(one, other) for one, other in zip(own, arrays, strict=True))
