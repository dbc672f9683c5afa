"""A check of the heaps of an HDF5 file, which hold names and texts, before the library opens the file.

The HDF5 library (2.0, and those before it) never returns from reading a global heap in which an object leads to itself,
or a local heap in which a free block leads back to one before it. The format: "Local Heaps" and "Global Heap" in
https://docs.hdfgroup.org/hdf5/develop/_f_m_t3.html
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import IO

from cnnfx.formats.tensor_file import TensorError
from cnnfx.system.limits import MAX_HDF5_OBJECTS, limit_text

FILE_SIGNATURE = b"\x89HDF\r\n\x1a\n"
GLOBAL_SIGNATURE, LOCAL_SIGNATURE = b"GCOL\x01", b"HEAP\x00"
"""The starts of the heaps, with the only version of each."""
GLOBAL_HEAP = struct.Struct("<5s3xQ")
"""The start of a global heap, and its size with this start."""
OBJECT = struct.Struct("<HHIQ")
"""The start of an object of a global heap: its number, the references to it, 4 unused bytes, and its size."""
LOCAL_HEAP = struct.Struct("<5s3xQQQ")
"""The start of a local heap, the size of its data, the position of the first free block in it, and its address."""
FREE_BLOCK = struct.Struct("<QQ")
"""The start of a free block: the position of the next one, and its size."""
LAST_BLOCK = 1
"""The position that ends a list of free blocks."""
BLOCK_BYTES = 1 << 22
"""How much of a file is searched at once."""
SIZES_OF_NUMBERS = {0: (13, 14), 1: (13, 14), 2: (9, 10), 3: (9, 10)}
"""Where the sizes of addresses and of lengths stand, by the version of the superblock."""
BASE_ADDRESS = {0: 24, 1: 28, 2: 12, 3: 12}
"""The offset of the base address, which all addresses are relative to, by the version of the superblock."""
SUPERBLOCK_BYTES = 36


def check_heaps(file: str | os.PathLike[str] | IO[bytes]) -> dict[tuple[int, int], int]:
    """Check that in each heap every object, or free block, is another one than those before it.

    Parameters
    ----------
    file : path or seekable binary file

    Returns
    -------
    dict of (int, int) to int
        The size of each object of the global heaps, by the position of the heap and the number of the object.

    Raises
    ------
    TensorError
        If a heap is damaged, there are more than `MAX_HDF5_OBJECTS` objects and free blocks, or the addresses in the
        file are other than those that h5py writes, which have 64 bits and are counted from the start of the file.
    OSError
        If the operating system cannot read it.
    """
    if isinstance(file, str | os.PathLike):
        with open(file, "rb") as opened:
            return check_heaps(opened)
    _check_addresses(file)
    sizes: dict[tuple[int, int], int] = {}
    count = 0
    for at, signature in _heaps(file):
        steps = _objects(file, at) if signature == GLOBAL_SIGNATURE else _free_blocks(file, at)
        for number, size in steps:
            sizes[at, number] = size
            count += 1
            if count > MAX_HDF5_OBJECTS:
                raise TensorError(limit_text("objects in its heaps", count, MAX_HDF5_OBJECTS))
    file.seek(0)
    return sizes


def _check_addresses(file: IO[bytes]) -> None:
    file.seek(0)
    start = file.read(SUPERBLOCK_BYTES)
    version = start[8] if len(start) == SUPERBLOCK_BYTES and start.startswith(FILE_SIGNATURE) else -1
    if version not in BASE_ADDRESS:
        raise TensorError("this is not an HDF5 file, or only a part of one")
    base = struct.unpack_from("<Q", start, BASE_ADDRESS[version])[0]
    if base or any(start[place] != 8 for place in SIZES_OF_NUMBERS[version]):
        raise TensorError("its addresses are not of 64 bits, or not counted from its start")


def _heaps(file: IO[bytes]) -> list[tuple[int, bytes]]:
    """Return where the signatures of heaps stand in a file."""
    found: list[tuple[int, bytes]] = []
    start, kept = 0, b""
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        data = kept + block
        for signature in (GLOBAL_SIGNATURE, LOCAL_SIGNATURE):
            at = data.find(signature)
            while at >= 0:
                found.append((start - len(kept) + at, signature))
                at = data.find(signature, at + 1)
        if len(found) > MAX_HDF5_OBJECTS:
            raise TensorError(limit_text("heaps", len(found), MAX_HDF5_OBJECTS))
        start += len(block)
        kept = data[1 - len(GLOBAL_SIGNATURE) :]
    return found


def _objects(file: IO[bytes], start: int) -> Iterator[tuple[int, int]]:
    """Yield number and size of each object of a global heap, which is checked to start after the one before it."""
    head = _read(file, start, GLOBAL_HEAP)
    if head is None:
        return  # the library cannot read it either
    _, size_of_heap = head
    end, at = start + size_of_heap, start + GLOBAL_HEAP.size
    while at + OBJECT.size <= end:
        found = _read(file, at, OBJECT)
        if found is None:
            return
        number, _, _, size = found
        # The size of the free space, object 0, includes its start; others are padded to multiples of 8 bytes.
        step = OBJECT.size + (size + 7) // 8 * 8 if number else size
        if not 0 < step <= end - at:
            raise TensorError("its global heap is damaged")
        at += step
        yield number, size


def _free_blocks(file: IO[bytes], start: int) -> Iterator[tuple[int, int]]:
    """Yield position and size of each free block of a local heap, each of which is checked to be another one."""
    head = _read(file, start, LOCAL_HEAP)
    if head is None:
        return
    _, size, at, address = head
    known: set[int] = set()
    while at != LAST_BLOCK and at < size:
        if at in known:
            raise TensorError("its local heap is damaged")
        known.add(at)
        found = _read(file, address + at, FREE_BLOCK)
        if found is None:
            return
        yield at, found[1]
        at = found[0]


def _read(file: IO[bytes], at: int, layout: struct.Struct) -> tuple[int, ...] | None:
    """Return the numbers at a position of a file; None if it ends there."""
    if at >= 1 << 62:
        return None
    file.seek(at)
    data = file.read(layout.size)
    return layout.unpack(data) if len(data) == layout.size else None
