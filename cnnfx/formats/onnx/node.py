"""A node of an ONNX graph: its operator, attributes and inputs, read with checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.formats.graph_builder import GraphBuilder
from cnnfx.formats.onnx.maps import Maps
from cnnfx.formats.onnx.weights import TensorReader
from cnnfx.system.text import printable, shortened

Array = NDArray[Any]
NUMPY_TYPES = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
    10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64, 16: np.float32,
}  # fmt: skip
"""The types of NumPy by their numbers in `TensorProto.DataType`; bfloat16 is computed as float32."""
FLOAT_TYPES = (1, 10, 11, 16)
"""The numbers of the types of floats."""
FLOAT32_BYTES = 4
MAX_LIST = 100_000
"""The most numbers of an attribute or an input that is a list."""


class Constant(NamedTuple):
    """A tensor of a graph whose values are known.

    Attributes
    ----------
    array : array
    name : str
        Its name in the file.
    depends_on_image : bool
        Whether it was computed from the height or width of maps that are not known.
    """

    array: Array
    name: str = ""
    depends_on_image: bool = False

    def floats(self) -> Array:
        """Return the values as float64.

        Raises
        ------
        ArgumentError
            If they are no numbers, not finite, or depend on the size of the image.
        """
        if self.array.dtype.kind not in "fiu":
            raise ArgumentError(f"{self.title} does not have numbers")
        if self.depends_on_image:
            raise ArgumentError("it computes with the size of the image, which is not known")
        if not np.isfinite(self.array).all():
            raise ArgumentError(f"{self.title} has values that are NaN or infinite")
        return self.array.astype(np.float64)

    def weights(self) -> NDArray[np.float32]:
        """Return the values as float32; errors are those of `floats`."""
        values = self.array if self.array.dtype == np.float32 else self.floats()
        with np.errstate(over="ignore"):
            result = np.ascontiguousarray(values, np.float32)
        if self.depends_on_image or not np.isfinite(result).all():
            self.floats()
            raise ArgumentError(f"{self.title} has values that are too large for float32")
        return result

    @property
    def title(self) -> str:
        """What the tensor is called in messages."""
        return f'the tensor "{shortened(printable(self.name))}"' if self.name else "a constant"


Tensor = Maps | Constant


@dataclass(frozen=True, eq=False)
class Node:
    """A node of a graph.

    Attributes
    ----------
    message : NodeProto
    inputs : sequence of Maps, Constant or None
        None for an optional input that is left out.
    version : int
        The version of the set of operators.
    name : str
        The name of its layer.
    builder : GraphBuilder
    reader : TensorReader
    """

    message: Any
    inputs: Sequence[Tensor | None]
    version: int
    name: str
    builder: GraphBuilder
    reader: TensorReader

    @property
    def operator(self) -> str:
        """The name of the operator."""
        return str(self.message.op_type)

    def reserve(self, size: int) -> None:
        """Count the memory of an array that is about to be made; see `TensorReader.reserve_result`."""
        self.reader.reserve_result(size, f"the result of {shortened(printable(self.operator))}")

    def count_weights(self, count: int) -> None:
        """Count the memory of float32 weights that are about to be made; see `TensorReader.count_computed`."""
        self.reader.count_computed(FLOAT32_BYTES * count, f"the weights of {shortened(printable(self.operator))}")

    # Attributes

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return the value of an attribute: a number, a text, or a list of numbers."""
        for attribute in self.message.attribute:
            if attribute.name != name:
                continue
            if attribute.ref_attr_name:
                raise ArgumentError(f"the attribute {name} is a parameter of a function")
            if attribute.type == attribute.FLOAT:
                return attribute.f
            if attribute.type == attribute.INT:
                return attribute.i
            if attribute.type == attribute.STRING:
                return attribute.s.decode("utf-8", "replace")
            if attribute.type in (attribute.FLOATS, attribute.INTS):
                numbers = attribute.floats if attribute.type == attribute.FLOATS else attribute.ints
                return _short(list(numbers))
            raise ArgumentError(f"the attribute {name} is of a kind that is not supported")
        return default

    def has_attribute(self, name: str) -> bool:
        """Return whether there is an attribute."""
        return any(attribute.name == name for attribute in self.message.attribute)

    def whole(self, name: str, default: int | None = None) -> int:
        """Return an attribute that is a whole number."""
        value = self.attribute(name, default)
        if type(value) is not int:
            raise ArgumentError(f"the attribute {name} is {'missing' if value is None else 'no whole number'}")
        return value

    def number(self, name: str, default: float) -> float:
        """Return an attribute that is a finite number."""
        value = self.attribute(name, default)
        if not isinstance(value, int | float) or not np.isfinite(value):
            raise ArgumentError(f"the attribute {name} is no finite number")
        return float(value)

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is a text."""
        value = self.attribute(name, default)
        if not isinstance(value, str):
            raise ArgumentError(f"the attribute {name} is no text")
        return value

    def wholes(self, name: str, count: int, default: int) -> list[int]:
        """Return an attribute that is a list of `count` whole numbers."""
        value = self.attribute(name, [default] * count)
        if not isinstance(value, list) or len(value) != count or not all(type(each) is int for each in value):
            raise ArgumentError(f"the attribute {name} is no list of {count} whole numbers")
        return value

    def tensor(self, name: str) -> Array | None:
        """Return an attribute that is a tensor, or None."""
        for attribute in self.message.attribute:
            if attribute.name == name:
                if not attribute.HasField("t"):
                    raise ArgumentError(f"the attribute {name} is no tensor")
                return self.reader.read(attribute.t)
        return None

    # Inputs

    def has(self, index: int) -> bool:
        """Return whether there is an input."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def input(self, index: int) -> Tensor:
        """Return an input."""
        value = self.inputs[index] if self.has(index) else None
        if value is None:
            raise ArgumentError(f"input {index + 1} is missing")
        return value

    def maps(self, index: int = 0) -> Maps:
        """Return an input that holds maps."""
        value = self.input(index)
        if not isinstance(value, Maps):
            raise ArgumentError(f"input {index + 1} is a constant, where maps are needed")
        return value

    def constant(self, index: int) -> Constant:
        """Return an input that is constant."""
        value = self.input(index)
        if not isinstance(value, Constant):
            raise ArgumentError(f"input {index + 1} depends on the image, where a constant is needed")
        return value

    def maps_and_other(self) -> tuple[Maps, Tensor]:
        """Return the two inputs of an operator in which their order does not matter, first one that holds maps."""
        first, second = self.input(0), self.input(1)
        if isinstance(first, Maps):
            return first, second
        assert isinstance(second, Maps)
        return second, first

    def scalar(self, index: int) -> float:
        """Return an input that is one constant number."""
        array = self.constant(index).floats()
        if array.size != 1:
            raise ArgumentError(f"input {index + 1} has {array.size} numbers, where one is needed")
        return float(array.reshape(()))

    def list_of(self, index: int) -> list[int]:
        """Return an input that is a constant list of whole numbers."""
        array = self.constant(index).array
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise ArgumentError(f"input {index + 1} is no list of whole numbers")
        return _short([int(number) for number in array.reshape(-1)[: MAX_LIST + 1]])

    def axes(self) -> list[int] | None:
        """Return the axes that an operator has as an attribute, or, in newer versions, as the second input."""
        value = self.list_of(1) if self.has(1) else self.attribute("axes", None)
        if value is not None and not (isinstance(value, list) and all(type(each) is int for each in value)):
            raise ArgumentError("the axes are no whole numbers")
        return value

    def shape_slice(self, rank: int) -> slice:
        """Return the axes whose sizes the operator Shape gives."""
        end = self.attribute("end", None)
        return slice(self.whole("start", 0), rank if end is None else int(end))


def _short(numbers: list[Any]) -> list[Any]:
    if len(numbers) > MAX_LIST:
        raise ArgumentError(f"a list of over {MAX_LIST:,} numbers")
    return numbers


Operators = dict[str, Callable[[Node], Tensor | list[Tensor]]]
"""Operators by name, as functions that add a node to the builder and return the first result, or a list of all."""
