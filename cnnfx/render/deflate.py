"""One zlib stream from blocks that are deflated apart, in threads."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, TypeVar

from cnnfx.system.threads import ordered_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

Block = TypeVar("Block")
Method = tuple[int, int] | None
"""zlib's level and strategy; None for codes of single bytes alone, which are made here."""

HEADER = b"\x78\x01"
"""A window of 32 KiB, deflated fast."""
END = b"\x03\x00"
"""A last block of deflated data, with nothing in it."""
BASE = 65521
"""Adler's modulus."""


def zlib_stream(
    blocks: Iterable[Block], prepare: Callable[[Block], tuple[Bytes, Method]]
) -> Iterator[tuple[bytes, ...]]:
    """The stream in pieces, each for one block, and a last one.

    Parameters
    ----------
    blocks : iterable
    prepare : function from a block to (bytes, method)
        What is to be deflated, and how. Called in threads; the bytes are read before the thread
        calls it again.
    """

    def deflate(block: Block) -> tuple[list[bytes], int, int]:
        data, method = prepare(block)
        return _deflated(data, method), zlib.adler32(data.data), data.size

    head: tuple[bytes, ...] = (HEADER,)
    checksum = 1
    for parts, adler, size in ordered_map(deflate, blocks):
        checksum = adler32_combine(checksum, adler, size)
        yield *head, *parts
        head = ()
    yield *head, END, checksum.to_bytes(4)


def _deflated(data: Bytes, method: Method) -> list[bytes]:
    if method is None:
        from cnnfx.render.huffman import literals  # drawings do without

        return [literals(data.reshape(-1))]
    level, strategy = method
    press = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
    return [press.compress(data.data), press.flush(zlib.Z_SYNC_FLUSH)]


def adler32_combine(first: int, second: int, size: int) -> int:
    """Adler's checksum of two pieces of data from the checksums of each, the second of `size` bytes."""
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + ((first & 0xFFFF) - 1) * size
    return high % BASE << 16 | low % BASE
