"""A check of the global heaps of an HDF5 file, which hold the texts of attributes, before the library opens the file.

The HDF5 library (2.0, and those before it) never returns from reading a heap in which the size of an object is such
that the next object starts at the same place. The format: "Global Heap" in
https://docs.hdfgroup.org/hdf5/develop/_f_m_t3.html
"""

from __future__ import annotations

import os
import struct
from typing import IO

from cnnfx.formats.tensor_file import TensorError

SIGNATURE = b"GCOL\x01"
HEAP = struct.Struct("<4sB3xQ")
"""The start of a heap: the signature, the version, and the size with this start."""
OBJECT = struct.Struct("<HHIQ")
"""The start of an object: its number, the references to it, 4 unused bytes, and its size."""
BLOCK_BYTES = 1 << 22
"""How much of a file is searched at once."""
SIZES_OF_NUMBERS = {0: (13, 14), 1: (13, 14), 2: (9, 10), 3: (9, 10)}
"""Where the sizes of addresses and of lengths stand, by the version of the superblock."""


def check_heaps(file: str | os.PathLike[str] | IO[bytes]) -> None:
    """Check that in each global heap every object starts after the one before it.

    Parameters
    ----------
    file : path or seekable binary file

    Raises
    ------
    TensorError
        If a heap is damaged, or numbers in the file have not 64 bits as those that h5py writes.
    OSError
        If the operating system cannot read it.
    """
    if isinstance(file, str | os.PathLike):
        with open(file, "rb") as opened:
            check_heaps(opened)
        return
    file.seek(0)
    start = file.read(16)
    places = SIZES_OF_NUMBERS.get(start[8] if len(start) == 16 else -1)
    if places is None or any(start[place] != 8 for place in places):
        raise TensorError("this is not an HDF5 file, or one whose addresses are not of 64 bits")
    for at in _heaps(file):
        _check_heap(file, at)
    file.seek(0)


def _heaps(file: IO[bytes]) -> list[int]:
    """Return where the signature of a heap stands in a file."""
    found, start, kept = [], 0, b""
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        data = kept + block
        at = data.find(SIGNATURE)
        while at >= 0:
            found.append(start - len(kept) + at)
            at = data.find(SIGNATURE, at + 1)
        start += len(block)
        kept = data[1 - len(SIGNATURE) :]
    return found


def _check_heap(file: IO[bytes], start: int) -> None:
    file.seek(start)
    head = file.read(HEAP.size)
    if len(head) < HEAP.size:
        return  # the library cannot read it either
    end = start + HEAP.unpack(head)[2]
    at = start + HEAP.size
    while at + OBJECT.size <= end:
        file.seek(at)
        head = file.read(OBJECT.size)
        if len(head) < OBJECT.size:
            return
        number, _, _, size = OBJECT.unpack(head)
        # The size of the free space, object 0, includes its start; others are padded to multiples of 8 bytes.
        step = OBJECT.size + (size + 7) // 8 * 8 if number else size
        if not 0 < step <= end - at:
            raise TensorError("its global heap is damaged")
        at += step
