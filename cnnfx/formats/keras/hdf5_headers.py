"""The attributes in the header of an object of an HDF5 file, found without its library.

The library allocates as much memory for a text of variable length as an attribute says, before it compares that with
the text. The format: "Data Object Headers" in https://docs.hdfgroup.org/hdf5/develop/_f_m_t3.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

from cnnfx.formats.tensor_file import TensorError

ATTRIBUTE, CONTINUATION = 0x0C, 0x10
"""The types of messages: an attribute, and the place of further messages."""
HEADER_1 = struct.Struct("<B3xII4x")
"""The start of a header of version 1: the version, the references to the object, and the size of the messages."""
MESSAGE_1 = struct.Struct("<HHB3x")
"""The start of a message: its type, its size and its flags."""
HEADER_2 = b"OHDR\x02"
"""The start of a header of version 2."""
BLOCK_2 = b"OCHK"
"""The start of a block of further messages of version 2."""
CHECKSUM_BYTES = 4
BLOCK = struct.Struct("<QQ")
"""The address and the size of a block of further messages."""
ATTRIBUTE_SIZES = struct.Struct("<B1xHHH")
"""The start of an attribute: the version, and the sizes of its name, its type and its shape."""
REFERENCE = struct.Struct("<IQI")
"""A text of variable length in an attribute: its length, the address of its global heap, and its number in it."""
MAX_BLOCKS = 1_000
"""The most blocks of messages of an object."""
MAX_MESSAGE_BYTES = 1 << 24
"""The most bytes of all messages of an object."""


def text_references(file: IO[bytes], address: int, name: str, count: int) -> list[tuple[int, int, int]]:
    """Return the length, the heap and the number in it of each of the `count` texts of an attribute.

    Parameters
    ----------
    file : seekable binary file
    address : int
        Of the header of the object.
    name : str
        The name of the attribute, whose texts are of variable length.
    count : int

    Raises
    ------
    TensorError
        If the attribute is not in the header, where files of Keras have it.
    """
    found: list[tuple[int, int, int]] = []
    for data in _attributes(file, address, name.encode()):
        whole = data[: count * REFERENCE.size]
        if len(whole) < count * REFERENCE.size:
            raise TensorError(f"the attribute {name} is truncated")
        found += [(length, heap, number) for length, heap, number in REFERENCE.iter_unpack(whole)]
    if not found:
        raise TensorError(f"the attribute {name} is stored apart from its group, which is not supported")
    return found


def _attributes(file: IO[bytes], address: int, name: bytes) -> Iterator[bytes]:
    """Yield the data of each attribute of a name."""
    for kind, flags, message in _messages(file, address):
        if kind != ATTRIBUTE or flags & 2 or len(message) < ATTRIBUTE_SIZES.size:
            continue
        version, *sizes = ATTRIBUTE_SIZES.unpack_from(message)
        at = ATTRIBUTE_SIZES.size + (version == 3)  # version 3 has the encoding of the name
        own = message[at : at + sizes[0]].partition(b"\0")[0]
        if own == name:
            yield message[at + sum(size + -size % 8 if version == 1 else size for size in sizes) :]


def _messages(file: IO[bytes], address: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the type, the flags and the data of each message in the header of an object."""
    start = _read(file, address, HEADER_1.size)
    blocks: list[tuple[int, int]]
    if start.startswith(HEADER_2):
        flags = start[5]
        at = 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 1 << (flags & 3)
        size = int.from_bytes(_read(file, address + at, width), "little")
        blocks, extra = [(address + at + width, size)], 2 * bool(flags & 4)
        layout = struct.Struct("<BHB")
    else:
        _, _, size = HEADER_1.unpack(start)
        blocks, extra, layout = [(address + HEADER_1.size, size)], 0, MESSAGE_1
    is_new = layout is not MESSAGE_1
    total = 0
    for number, (first, size) in enumerate(blocks):  # which grows
        total += size
        if number > MAX_BLOCKS or total > MAX_MESSAGE_BYTES:
            raise TensorError("it has too many attributes")
        data = _read(file, first, size)
        if is_new and number:
            data = data[len(BLOCK_2) : -CHECKSUM_BYTES]
        at = 0
        while at + layout.size + extra <= len(data):
            kind, length, flags = layout.unpack_from(data, at)
            at += layout.size + extra
            message = data[at : at + length]
            at += length
            if kind == CONTINUATION and len(message) >= BLOCK.size:
                blocks.append(BLOCK.unpack_from(message))
            yield kind, flags, message


def _read(file: IO[bytes], at: int, size: int) -> bytes:
    if at >= 1 << 62:
        return b""
    file.seek(at)
    return file.read(size)
