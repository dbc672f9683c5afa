"""ONNX files as messages, and the tensors in them.

Nothing in a file is trusted: before the library parses it, its messages are counted, and a tensor's size is checked
before its array is made. Tensors in files of their own ("external data") are read from the same folder only.
"""

from __future__ import annotations

import errno
import math
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.formats.extras import import_library
from cnnfx.formats.tensor_file import (
    TensorError,
    TensorFile,
    TensorInfo,
    check_regular_file,
    is_file_name,
    is_link_elsewhere,
)
from cnnfx.system.limits import (
    MAX_MESSAGE_FIELDS,
    MAX_NAME_CHARACTERS,
    MAX_TENSOR_BYTES,
    expansion_limit,
    limit_text,
    number_text,
)
from cnnfx.system.text import printable, shortened

Array = NDArray[Any]
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""The wire types of Protocol Buffers."""
VARINT_BYTES = 10
"""The most bytes of a variable-length integer."""
MAX_MESSAGE_DEPTH = 100
"""The most messages inside each other, the limit of the library."""
MAX_AXES = 32
"""The most axes of a tensor."""


class ElementType(NamedTuple):
    """How the elements of a tensor are stored.

    Attributes
    ----------
    name : str
        The type in NumPy's words.
    stored : str
        The type of NumPy in which the bytes are read.
    field : str
        The field of the message for values that are not stored as bytes.
    """

    name: str
    stored: str
    field: str


ELEMENT_TYPES = {
    1: ElementType("float32", "<f4", "float_data"),
    2: ElementType("uint8", "u1", "int32_data"),
    3: ElementType("int8", "i1", "int32_data"),
    4: ElementType("uint16", "<u2", "int32_data"),
    5: ElementType("int16", "<i2", "int32_data"),
    6: ElementType("int32", "<i4", "int32_data"),
    7: ElementType("int64", "<i8", "int64_data"),
    9: ElementType("bool", "?", "int32_data"),
    10: ElementType("float16", "<f2", "int32_data"),
    11: ElementType("float64", "<f8", "double_data"),
    12: ElementType("uint32", "<u4", "uint64_data"),
    13: ElementType("uint64", "<u8", "uint64_data"),
    16: ElementType("bfloat16", "<u2", "int32_data"),
}
"""The types of elements that are read, by their numbers in `TensorProto.DataType`."""
OTHER_TYPES = {
    8: "string", 14: "complex64", 15: "complex128", 17: "float8_e4m3fn", 18: "float8_e4m3fnuz", 19: "float8_e5m2",
    20: "float8_e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4_e2m1", 24: "float8_e8m0", 25: "uint2", 26: "int2",
}  # fmt: skip
"""The names of the types that are not read."""


def read_model(path: Path) -> Any:
    """Return the message `ModelProto` of a file.

    Raises
    ------
    TensorError
        If the content is malformed or too large.
    FileError
        If the library is not installed.
    OSError
        If the operating system cannot read the file.
    """
    onnx = import_library("onnx", str(path))
    messages = import_library("onnx", str(path), "google.protobuf.message")  # a dependency of the library
    check_regular_file(path)
    size = os.path.getsize(path)
    if size > MAX_TENSOR_BYTES:
        raise TensorError(limit_text("bytes", size, MAX_TENSOR_BYTES))
    data = path.read_bytes()
    _check_fields(data, onnx.ModelProto.DESCRIPTOR)
    try:
        model = onnx.ModelProto.FromString(data)
    except (messages.DecodeError, ValueError) as error:
        raise TensorError("this is no ONNX file, or it is damaged") from error
    if not model.HasField("graph"):
        raise TensorError("it has no graph. It may be cut off, or not an ONNX file")
    return model


def _check_fields(data: bytes, descriptor: Any) -> None:
    """Check that a message does not have too many fields: an empty message of 2 bytes takes over 100 in memory.

    Raises
    ------
    TensorError
        If it has too many, a text is not UTF-8, or the content is no message.
    """
    fields = packed = 0
    waiting = [(0, len(data), descriptor, 1)]
    try:
        while waiting:
            position, end, message, depth = waiting.pop()
            known = message.fields_by_number
            while position < end:
                fields += 1
                if fields > MAX_MESSAGE_FIELDS:
                    raise TensorError(limit_text("fields", fields, MAX_MESSAGE_FIELDS))
                key, position = _varint(data, position)
                kind, field = key & 7, known.get(key >> 3)
                if kind == BYTES:
                    length, position = _varint(data, position)
                    if length > end - position:
                        raise TensorError("it is cut off")
                    if field is not None and field.message_type is not None:
                        if depth == MAX_MESSAGE_DEPTH:
                            raise TensorError("its messages are nested too deeply")
                        waiting.append((position, position + length, field.message_type, depth + 1))
                    elif field is not None and field.cpp_type in _INTEGERS:
                        packed += 8 * length  # a byte can be an integer of 8 bytes
                    elif field is not None and field.type == field.TYPE_STRING:
                        data[position : position + length].decode()  # the library gives other texts as bytes
                    position += length
                elif kind == VARINT:
                    _, position = _varint(data, position)
                elif kind in (FIXED32, FIXED64):
                    position += 4 if kind == FIXED32 else 8
                else:
                    raise TensorError("this is no ONNX file, or it is damaged")
    except IndexError:
        raise TensorError("it is cut off") from None
    except UnicodeDecodeError:
        raise TensorError("it has a text that is not UTF-8, or it is damaged") from None
    if packed > MAX_TENSOR_BYTES:
        raise TensorError(limit_text("bytes of numbers", packed, MAX_TENSOR_BYTES))


_INTEGERS = frozenset((1, 2, 3, 4, 7, 8))
"""The numbers of the types of integers in descriptors of Protocol Buffers."""


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the variable-length integer at a position, and the position after it."""
    value = data[position]
    if value < 0x80:
        return value, position + 1
    value &= 0x7F
    for index in range(1, VARINT_BYTES):
        byte = data[position + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise TensorError("this is no ONNX file, or it is damaged")


def tensor_info(tensor: Any) -> TensorInfo:
    """Return the shape and the type of a message `TensorProto`.

    Raises
    ------
    TensorError
        If the shape or the type is wrong.
    """
    name = tensor_name(tensor)
    shape = tuple(tensor.dims)
    if len(shape) > MAX_AXES or any(size < 0 for size in shape):
        raise TensorError(f"the tensor {name} has a shape that is not possible")
    found = ELEMENT_TYPES.get(tensor.data_type)
    if found is None:
        other = OTHER_TYPES.get(tensor.data_type, f"type {tensor.data_type}")
        return TensorInfo(shape, other, math.prod(shape))
    size = 4 if found.name == "bfloat16" else np.dtype(found.stored).itemsize
    return TensorInfo(shape, found.name, math.prod(shape) * size)


def tensor_name(tensor: Any) -> str:
    """Return the name of a tensor, in quotes, for messages."""
    return f'"{shortened(printable(tensor.name))}"' if tensor.name else "without a name"


class TensorReader:
    """Reads tensors of the file at `path`, at most `MAX_TENSOR_BYTES` of them together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes_left = MAX_TENSOR_BYTES
        self._file_bytes, self._computed = os.path.getsize(path), 0

    def reserve_result(self, size: int, what: str) -> None:
        """Count the memory of an array that is computed from others, as `reserve` does.

        Raises
        ------
        TensorError
            If all arrays together are too large, or those that are computed are far larger than the files.
        """
        self.reserve(size, what)
        self.count_computed(size, what)

    def count_computed(self, size: int, what: str) -> None:
        """Count the memory of weights that are made from tensors, of which few files have more than of tensors.

        Raises
        ------
        TensorError
            If all that are computed are too large, or far larger than the files.
        """
        self._computed += size
        if self._computed > (limit := min(expansion_limit(self._file_bytes), MAX_TENSOR_BYTES)):
            raise TensorError(f"with {what}, {limit_text('bytes', self._computed, limit)} for a file of this size")

    def reserve(self, size: int, what: str) -> None:
        """Count the memory of an array that is about to be made.

        Raises
        ------
        TensorError
            If all arrays together are too large; `what` names this one.
        """
        if size > self._bytes_left:
            raise TensorError(f"with {what}, the tensors are larger than {MAX_TENSOR_BYTES >> 20:,} MB, the limit")
        self._bytes_left -= size

    def read(self, tensor: Any) -> Array:
        """Return the array of a message `TensorProto`; bfloat16 becomes float32.

        Raises
        ------
        TensorError
            If it is malformed, too large, of a type that is not read, or in a file elsewhere.
        OSError
            If the operating system cannot read a file of external data.
        """
        name, info = tensor_name(tensor), tensor_info(tensor)
        found = ELEMENT_TYPES.get(tensor.data_type)
        if found is None:
            raise TensorError(f"the tensor {name} is {info.dtype}, which is not read")
        if tensor.HasField("segment"):
            raise TensorError(f"the tensor {name} is stored in segments, which are not read")
        self.reserve(info.nbytes, f"the tensor {name}")
        count, stored = math.prod(info.shape), np.dtype(found.stored)
        if tensor.data_location == tensor.EXTERNAL:
            flat = np.frombuffer(self._external(tensor, count * stored.itemsize), stored)
        elif tensor.HasField("raw_data"):
            flat = self._of_bytes(tensor.raw_data, stored, count, name)
        else:
            flat = self._of_numbers(getattr(tensor, found.field), stored, count, name)
        if found.name == "bfloat16":  # the upper half of a float32
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        return flat.reshape(info.shape)

    def _of_bytes(self, data: bytes, stored: np.dtype[Any], count: int, name: str) -> Array:
        if len(data) != count * stored.itemsize:
            raise TensorError(f"the tensor {name} has {len(data):,} bytes where {count * stored.itemsize:,} are needed")
        return np.frombuffer(data, stored)

    def _of_numbers(self, values: Sequence[Any], stored: np.dtype[Any], count: int, name: str) -> Array:
        if len(values) != count:
            raise TensorError(f"the tensor {name} has {len(values):,} values where {number_text(count)} are needed")
        if stored.kind == "f" and stored.itemsize == 2:  # as the bits of an integer
            return np.array(values, np.int32).astype(np.uint16).view(stored)
        wide = np.array(values, stored if stored.itemsize == 8 or stored.kind == "f" else np.int64)
        return wide.astype(stored)  # numbers beyond the type wrap, as those of every reader in C

    def _external(self, tensor: Any, size: int) -> bytes:
        """Return `size` bytes of a tensor in a file beside the ONNX file."""
        name = tensor_name(tensor)
        entries = {entry.key: entry.value for entry in tensor.external_data}
        try:
            offset, length = (int(entries.get(key, "0") or "0") for key in ("offset", "length"))
        except ValueError:
            raise TensorError(f"the tensor {name} has a place in a file that is no number") from None
        if offset < 0:
            raise TensorError(f"the tensor {name} has a place in a file that is not possible")
        if length not in (0, size):
            raise TensorError(f"the tensor {name} has {number_text(length)} bytes in a file where {size:,} are needed")
        beside = external_path(self.path, entries.get("location", ""))
        with open(beside, "rb") as file:
            if offset + size > os.fstat(file.fileno()).st_size:
                raise TensorError(f"{beside.name} is too short for the tensor {name}")
            file.seek(offset)
            data = file.read(size)
        if len(data) != size:
            raise TensorError(f"{beside.name} is too short for the tensor {name}")
        self._file_bytes += size
        return data


def external_path(path: Path, location: str) -> Path:
    """Return the path of the file called `location` in the folder of an ONNX file.

    Raises
    ------
    TensorError
        If it names a folder, or is a link to another folder, no regular file, or missing.
    """
    location = location.removeprefix("./")
    shown = shortened(printable(location))
    if not is_file_name(location):
        raise TensorError(f"its tensors are in {shown!r}, which is not the name of a file in the same folder")
    beside = path.parent / location
    try:
        if is_link_elsewhere(path, beside):
            raise TensorError(f"{shown} is a link to a file in another folder. Put the file itself there")
        if not stat.S_ISREG(os.stat(beside).st_mode):  # a pipe would never end
            raise TensorError(f"{shown} is no regular file")
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        if isinstance(error, OSError) and error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        raise TensorError(f"its tensors are in {shown}, which is not in the same folder. Put the file there") from None
    return beside


def stored_tensors(model: Any) -> Iterator[Any]:
    """Yield the messages of the tensors in a model: initializers, and the values of Constant nodes."""
    yield from model.graph.initializer
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                if attribute.name == "value" and attribute.HasField("t"):
                    yield constant_tensor(node, attribute.t)


def constant_tensor(node: Any, tensor: Any) -> Any:
    """Return the tensor of a Constant node with the name of the node's result."""
    if tensor.name == node.output[0]:
        return tensor
    named = type(tensor)()
    named.CopyFrom(tensor)
    named.name = node.output[0]
    return named


def external_files(path: Path) -> list[Path]:
    """Return the files beside an ONNX file that hold values of its tensors; none if they cannot be determined."""
    try:
        model = read_model(path)
        locations = {
            entry.value
            for tensor in stored_tensors(model)
            if tensor.data_location == tensor.EXTERNAL
            for entry in tensor.external_data
            if entry.key == "location"
        }
        return [external_path(path, location) for location in sorted(locations)]
    except (OSError, TensorError, FileError):  # reading the file reports them
        return []


class OnnxWeights(TensorFile):
    """The tensors in an ONNX file.

    Attributes
    ----------
    model : ModelProto
        The content of the file.
    reader : TensorReader
    """

    order = "pytorch"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.model = model = read_model(Path(path))
        self.reader = TensorReader(Path(path))
        self.metadata: Mapping[str, str] = {entry.key: entry.value for entry in model.metadata_props}
        self._tensors: dict[str, Any] = {}
        for tensor in stored_tensors(model):
            if tensor.name in self._tensors:
                raise TensorError(f"there are two tensors {tensor_name(tensor)}")
            if tensor.name and len(tensor.name) <= MAX_NAME_CHARACTERS:
                self._tensors[tensor.name] = tensor

    @property
    def names(self) -> Sequence[str]:
        """The names of the tensors."""
        return list(self._tensors)

    def info(self, name: str) -> TensorInfo:
        """Return the shape and the type of a tensor."""
        return tensor_info(self._tensors[name])

    def read(self, name: str) -> Array:
        """Read a tensor."""
        return self.reader.read(self._tensors[name])

    def close(self) -> None:
        """Do nothing: the file has been read."""
