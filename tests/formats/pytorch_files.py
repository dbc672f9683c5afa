"""Files as `torch.save` writes them, made without PyTorch: pickles of single operations, in both containers."""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = b"\x80\x02M\xe9\x03."
STORAGES = {"f4": "Float", "f8": "Double", "f2": "Half", "i8": "Long", "i4": "Int", "u1": "Byte", "b1": "Bool"}
"""The class of storages of some types of NumPy."""


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def group(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def name(path: str) -> bytes:
    module, _, name = path.rpartition(".")
    return f"c{module}\n{name}\n".encode()


def call(path: str, *arguments: bytes) -> bytes:
    return name(path) + group(*arguments) + b"R"


def new(path: str, state: bytes) -> bytes:
    """Return an object of a class, with a state."""
    return name(path) + b")\x81" + state + b"b"


def dictionary(entries: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u"


def ordered(entries: Mapping[str, bytes]) -> bytes:
    """Return an `OrderedDict` with an attribute, as state dicts are."""
    pairs = b"".join(text(key) + value for key, value in entries.items())
    return call("collections.OrderedDict") + b"(" + pairs + b"u}" + text("_metadata") + b"}sb"


def storage(key: str, kind: str, count: int, *rest: bytes) -> bytes:
    return group(text("storage"), name(f"torch.{kind}Storage"), text(key), text("cpu"), number(count), *rest) + b"Q"


def tensor(of: bytes, shape: Sequence[int], strides: Sequence[int] | None = None, offset: int = 0) -> bytes:
    """Return a tensor that is a view of a storage."""
    if strides is None:
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    sizes = group(*map(number, shape)), group(*map(number, strides))
    return call("torch._utils._rebuild_tensor_v2", of, number(offset), *sizes, b"\x89", call("collections.OrderedDict"))


def of_array(key: str, array: np.ndarray, *rest: bytes) -> bytes:
    """Return a contiguous tensor with a storage of its own, whose values are `array.tobytes()`."""
    return tensor(storage(key, STORAGES[array.dtype.str[1:]], array.size, *rest), array.shape)


def pickled(value: bytes) -> bytes:
    return b"\x80\x02" + value + b"."


def write_archive(path: Path, value: bytes, storages: Mapping[str, bytes], **others: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(value))
        for member, content in others.items():
            archive.writestr(f"archive/{member}", content)
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", "3\n")
    return path


def write_stream(path: Path, value: bytes, storages: Mapping[str, tuple[int, bytes]], little: bytes = b"\x88") -> Path:
    """Write the stream that preceded the archive; `storages` has the number of values and the bytes of each."""
    machine = pickled(b"}(" + text("protocol_version") + number(1001) + text("little_endian") + little + b"u")
    keys = pickled(b"](" + b"".join(map(text, storages)) + b"e")
    blocks = b"".join(struct.pack("<q", count) + data for count, data in storages.values())
    path.write_bytes(MAGIC + VERSION + machine + pickled(value) + keys + blocks)
    return path


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, is_stream: bool = False) -> Path:
    """Write a state dict of arrays, each with a storage of its own."""
    keys = {name: str(number) for number, name in enumerate(arrays)}
    rest = (b"N",) if is_stream else ()
    value = ordered({name: of_array(keys[name], array, *rest) for name, array in arrays.items()})
    if is_stream:
        return write_stream(path, value, {keys[name]: (array.size, array.tobytes()) for name, array in arrays.items()})
    return write_archive(path, value, {keys[name]: array.tobytes() for name, array in arrays.items()})
