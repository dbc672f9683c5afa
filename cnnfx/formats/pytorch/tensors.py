"""Tensors and storages as the pickles of PyTorch describe them: types, shapes and strides, without the values."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from cnnfx.formats.pytorch.pickle_reader import Global, PickledObject, Rebuild
from cnnfx.formats.small_floats import STORED_AS
from cnnfx.formats.tensor_file import TensorError, TensorInfo
from cnnfx.system.limits import MAX_NAME_CHARACTERS
from cnnfx.system.npz import MAX_AXES
from cnnfx.system.text import printable

ITEM_BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint64": 8, "uint32": 4, "uint16": 2, "uint8": 1, "bool": 1,
    "complex128": 16, "complex64": 8, "qint32": 4, "qint8": 1, "quint8": 1,
}  # fmt: skip
"""The size of a value of each type, by PyTorch's name of the type, which is NumPy's where NumPy has it."""
REFUSED = ("complex", "qint", "quint")
"""The beginnings of the names of types whose values are not read: complex and quantized ones."""
STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Untyped": "uint8",
    "Bool": "bool", "ComplexDouble": "complex128", "ComplexFloat": "complex64",
    "QInt32": "qint32", "QInt8": "qint8", "QUInt8": "quint8",
}  # fmt: skip
"""The type of the values of each class of storages, such as `torch.FloatStorage`."""
STORAGE_MODULES = ("torch.storage.", "torch.cuda.", "torch.")
MAX_SIZE = 1 << 62
"""The largest size, stride or offset; PyTorch keeps them in 63 bits."""


class Storage(NamedTuple):
    """A block of values in the file, which tensors are views of.

    Attributes
    ----------
    key : str
        Its name in the file.
    dtype : str
        A key of `ITEM_BYTES`.
    total : int
        The number of values of the block in the file.
    first, size : int
        The first value, and the number of values, of the part that is this storage. Very old files have storages that
        are parts of others; today it is all of the block.
    """

    key: str
    dtype: str
    total: int
    first: int
    size: int

    @property
    def nbytes(self) -> int:
        """The bytes of the block in the file."""
        return self.total * ITEM_BYTES[self.dtype]


class StridedTensor(NamedTuple):
    """A view of a storage. The values are as in the pickle: `check_tensor` checks them.

    Attributes
    ----------
    storage : Storage
    offset : int
        The place of the first value in the storage, in values.
    shape, strides : tuple of int
        The sizes of the axes, and the distance between neighbors along each, in values.
    dtype : str
        The type of the values.
    is_negated : bool
        Whether the values are the negatives of those in the storage.
    """

    storage: Any
    offset: Any
    shape: Any
    strides: Any
    dtype: Any
    is_negated: bool = False


def load_storage(identifier: object) -> object:
    """Return the value of a persistent identifier: a `Storage`, or the class of a pickled module.

    It is `("storage", class, key, device, count)`, with `None` or `(key of the part, first, count)` as a sixth item in
    the stream format, or `("module", class, path of its source, source)`.
    """
    if not isinstance(identifier, tuple):
        raise TypeError("an identifier that is not a tuple")
    kind, storage_class, key = identifier[:3]
    if kind == "module" and isinstance(storage_class, Global):
        return storage_class
    count = identifier[4]
    if kind != "storage" or not isinstance(storage_class, Global):
        raise ValueError("an identifier of another kind")
    _, first, part = (None, 0, count) if len(identifier) < 6 or identifier[5] is None else identifier[5]
    if not (_is_size(count) and _is_size(first) and _is_size(part) and first + part <= count):
        raise ValueError("a storage without a size")
    if not isinstance(key, str) or len(key) > MAX_NAME_CHARACTERS:
        raise ValueError("a storage without a name")
    return Storage(key, _storage_type(storage_class.path), count, first, part)


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < MAX_SIZE


def _storage_type(path: str) -> str:
    for module in STORAGE_MODULES:
        name = path.removeprefix(module).removesuffix("Storage")
        if path == f"{module}{name}Storage" and name in STORAGES:
            return STORAGES[name]
    raise TensorError(f'it has a storage of the class "{printable(path)}", which is not read')


def _rebuild_tensor(arguments: tuple[Any, ...]) -> StridedTensor:
    """Return the tensor of `_rebuild_tensor(storage, offset, shape, strides)`; further arguments are left out."""
    storage, offset, shape, strides = arguments[:4]
    if not isinstance(storage, Storage):
        raise TypeError("a tensor without a storage")
    return StridedTensor(storage, offset, shape, strides, storage.dtype)


def _rebuild_tensor_v2(arguments: tuple[Any, ...]) -> StridedTensor:
    """Return the tensor of `_rebuild_tensor_v2(…, requires_grad, hooks, metadata=None)`."""
    return _with_metadata(_rebuild_tensor(arguments), arguments[6:])


def _rebuild_tensor_v3(arguments: tuple[Any, ...]) -> StridedTensor:
    """Return the tensor of `_rebuild_tensor_v3(…, requires_grad, hooks, dtype, metadata=None)`."""
    dtype = arguments[6]
    if not isinstance(dtype, Global):
        raise TypeError("a tensor without a type")
    tensor = _rebuild_tensor(arguments)._replace(dtype=dtype.path.removeprefix("torch."))
    return _with_metadata(tensor, arguments[7:])


def _with_metadata(tensor: StridedTensor, metadata: tuple[Any, ...]) -> StridedTensor:
    flags = metadata[0] if metadata and isinstance(metadata[0], dict) else {}
    return tensor._replace(is_negated=flags.get("neg") is True)


def _first(arguments: tuple[Any, ...]) -> object:
    return arguments[0]


def _rebuild_from_type(arguments: tuple[Any, ...]) -> object:
    """Return the tensor of `_rebuild_from_type_v2(function, type, arguments, state)`, with attributes."""
    function, _, inner = arguments[:3]
    if not (isinstance(function, Global) and isinstance(inner, tuple)):
        raise TypeError("a tensor without a function")
    rebuild = REBUILD.get(function.path)
    return PickledObject(function.path) if rebuild in (None, _rebuild_from_type) else rebuild(inner)


REBUILD: dict[str, Rebuild] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_qtensor": _rebuild_tensor,  # its storage has a quantized type
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _first,
    "torch.nn.parameter.Parameter": _first,
    "torch.autograd.variable.Variable": _first,
    "torch.Size": _first,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch._tensor._rebuild_from_type": _rebuild_from_type,
    "torch.tensor._rebuild_from_type": _rebuild_from_type,
}
"""What calls of PyTorch's classes and functions make; a parameter is its tensor."""


def tensor_info(tensor: StridedTensor) -> TensorInfo:
    """Check a tensor, and return its shape and type.

    Raises
    ------
    TensorError
        If a value is not of the right kind, or the tensor reaches beyond its storage.
    """
    shape, strides, dtype = tensor.shape, tensor.strides, tensor.dtype
    if dtype not in ITEM_BYTES:
        raise TensorError(f"its type {printable(dtype)} is not read")
    for sizes in (shape, strides):
        if not (isinstance(sizes, tuple) and len(sizes) <= MAX_AXES and all(map(_is_size, sizes))):
            raise TensorError("its shape is malformed")
    if len(shape) != len(strides) or not _is_size(tensor.offset):
        raise TensorError("its shape is malformed")
    start, size = span(tensor)
    item, available = ITEM_BYTES[dtype], tensor.storage.size * ITEM_BYTES[tensor.storage.dtype]
    if (start + size) * item > available:
        raise TensorError(f"it reaches beyond the {available:,} bytes of its storage")
    return TensorInfo(shape, dtype, math.prod(shape) * (4 if dtype in STORED_AS else item))


def span(tensor: StridedTensor) -> tuple[int, int]:
    """Return the place of the first value of a tensor in its storage, and the number of values up to the last."""
    if 0 in tensor.shape:
        return 0, 0
    steps = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    return tensor.offset, steps + 1
