"""Seeds and a mutator for ONNX files: messages of Protocol Buffers, taken apart by the numbers of their fields.

The files are written and changed here without the library `onnx`, so that wrong ones can be made, too. The numbers are
those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np

from tests.fuzz.models import mutate_tree, written_models
from tests.fuzz.mutations import MAX_BYTES, ODD_TEXTS, mutate_bytes, mutate_list, number

# Messages

MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 14: "entry", 25: "function"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 14: "type"},
    "tensor": {3: "segment", 13: "entry"},
    "sparse": {1: "tensor", 2: "tensor"},
    "value": {2: "type"},
    "type": {1: "tensor_type"},
    "tensor_type": {2: "shape"},
    "shape": {1: "dimension"},
    "function": {7: "node", 9: "opset"},
    "opset": {},
    "entry": {},
    "segment": {},
    "dimension": {},
}
"""The fields of each message that are messages themselves."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """A field of a message: its number, its type on the wire, and a number, bytes, or the fields of a message."""

    number: int
    wire: int
    value: Any
    kind: str = ""


def varint(value: int) -> bytes:
    """Return a number in groups of 7 bits, the low ones first; negative ones as 64 bits."""
    value %= 1 << 64
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes([*result, value])


def split_message(data: bytes, kind: str, depth: int = 0) -> list[Field]:
    """Return the fields of a message.

    Raises
    ------
    ValueError
        If it is malformed.
    """
    fields, at = [], 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        wire = tag & 7
        inner = MESSAGES[kind].get(tag >> 3, "")
        if wire == VARINT:
            value, at = _read_varint(data, at)
            fields.append(Field(tag >> 3, wire, value))
            continue
        if wire == BYTES:
            size, at = _read_varint(data, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > len(data) or depth > 50:
            raise ValueError("no message")
        content: Any = data[at : at + size]
        if wire == BYTES and inner:
            content = split_message(content, inner, depth + 1)
        fields.append(Field(tag >> 3, wire, content, inner if wire == BYTES else ""))
        at += size
    return fields


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError("no number")


def join_message(fields: Sequence[Field]) -> bytes:
    """Return a message of fields."""
    parts = []
    for field in fields:
        value = field.value
        if field.wire == VARINT:
            value = varint(value)
        elif field.wire == BYTES:
            value = join_message(value) if isinstance(value, list) else value
            value = varint(len(value)) + value
        parts.append(varint(field.number << 3 | field.wire) + value)
    return b"".join(parts)


# Files


def message(kind: str, *fields: tuple[int, Any]) -> Field:
    """Return a message as a field without a number, for `fields` of another."""
    return Field(0, BYTES, [_field(kind, each, value) for each, value in fields], kind)


def _field(kind: str, each: int, value: Any) -> Field:
    if isinstance(value, Field):
        return value._replace(number=each)
    if isinstance(value, bool | int):
        return Field(each, VARINT, int(value))
    if isinstance(value, float):
        return Field(each, FIXED32, struct.pack("<f", value))
    return Field(each, BYTES, value.encode() if isinstance(value, str) else value)


FLOAT, INT64 = 1, 7
_TYPES = {"<f4": FLOAT, "|u1": 2, "|i1": 3, "<i4": 6, "<i8": INT64, "<f2": 10, "<f8": 11}


def tensor(name: str, array: np.ndarray[Any, Any], *, external: Mapping[str, str] | None = None) -> Field:
    """Return a tensor with its values, or with those of another file."""
    fields: list[tuple[int, Any]] = [(1, size) for size in array.shape]
    fields += [(2, _TYPES[array.dtype.str]), (8, name)]
    if external is None:
        return message("tensor", *fields, (9, array.tobytes()))
    entries = [(13, message("entry", (1, key), (2, value))) for key, value in external.items()]
    return message("tensor", *fields, *entries, (14, 1))


def attribute(name: str, value: Any) -> Field:
    """Return an attribute of a node: a number, a text, numbers, or a tensor."""
    if isinstance(value, Field):
        return message("attribute", (1, name), (5, value), (20, 4))
    if isinstance(value, float):
        return message("attribute", (1, name), (2, value), (20, 1))
    if isinstance(value, int):
        return message("attribute", (1, name), (3, value), (20, 2))
    if isinstance(value, str):
        return message("attribute", (1, name), (4, value), (20, 3))
    code, number_of = (7, 6) if any(isinstance(each, float) for each in value) else (8, 7)
    return message("attribute", (1, name), *((code, each) for each in value), (20, number_of))


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> Field:
    """Return a node; inputs and outputs are separated by blanks."""
    fields: list[tuple[int, Any]] = [(1, each) for each in inputs.split()] + [(2, each) for each in outputs.split()]
    fields += [(3, f"{operator.lower()}_{outputs.split()[0]}"), (4, operator)]
    return message("node", *fields, *((5, attribute(name, value)) for name, value in attributes.items()))


def value_info(name: str, shape: Sequence[int | str]) -> Field:
    """Return the name, the type and the shape of an input or output."""
    sizes = [(1, message("dimension", (1 if isinstance(size, int) else 2, size))) for size in shape]
    tensor_type = message("tensor_type", (1, FLOAT), (2, message("shape", *sizes)))
    return message("value", (1, name), (2, message("type", (1, tensor_type))))


def onnx_file(
    nodes: Sequence[Field], tensors: Sequence[Field] = (), shape: Sequence[int | str] = (1, 3, 8, 8), opset: int = 17
) -> bytes:
    """Return a model that reads `x` and makes `y`."""
    graph = message(
        "graph",
        *((1, each) for each in nodes),
        (2, "g"),
        *((5, each) for each in tensors),
        (11, value_info("x", shape)),
        (12, value_info("y", ("N", "C"))),
    )
    fields = message("model", (1, 8), (2, "cnnfx"), (7, graph), (8, message("opset", (1, ""), (2, opset))))
    return join_message(fields.value)


def onnx_seeds() -> list[bytes]:
    """Return networks of each operator that is read, at least once."""
    ramp = np.linspace(-1, 1, 54, dtype="f4").reshape(2, 3, 3, 3)
    weights, bias = tensor("w", ramp), tensor("b", np.array([0.5, -0.5], "f4"))
    conv = node("Conv", "x w b", "c", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
    four = [tensor(name, np.full(2, 0.5, "f4")) for name in ("s", "o", "m", "v")]
    bn = node("BatchNormalization", "c s o m v", "n", epsilon=1e-5)
    dense = tensor("d", np.ones((3, 32), "f4"))
    flat = [node("MaxPool", "c", "p", kernel_shape=[2, 2], strides=[2, 2]), node("Flatten", "p", "f", axis=1)]
    head = node("Gemm", "f d e", "g", transB=1)
    last = node("Gemm", "f d e", "y", transB=1)
    ends = [dense, tensor("e", np.zeros(3, "f4"))]
    depthwise = tensor("w2", np.ones((2, 1, 3, 3), "f4"))
    small = tensor("w1", np.ones((3, 2, 1, 1), "f4"))
    mean = [tensor("mean", np.full((1, 3, 1, 1), 0.5, "f4")), tensor("std", np.full((1, 3, 1, 1), 0.25, "f4"))]
    shape = tensor("shape", np.array([1, -1]))
    external = tensor("w", ramp, external={"location": "w.bin", "offset": "0", "length": "216"})
    gather = [node("Shape", "p", "q"), node("Gather", "q i", "r", axis=0), node("Unsqueeze", "r", "t", axes=[0])]
    reshaped = [node("Concat", "t k", "u", axis=0), node("Reshape", "p u", "f")]
    numbers = [tensor("i", np.array(0)), tensor("k", np.array([-1]))]
    return [
        onnx_file([conv, node("Relu", "c", "y")], [weights, bias]),
        onnx_file([conv, bn, node("Clip", "n lo hi", "y")], [weights, bias, *four, *_bounds()]),
        onnx_file([conv, *flat, head, node("Softmax", "g", "y", axis=1)], [weights, bias, *ends]),
        onnx_file(
            [
                conv,
                node("Conv", "c w2", "j", group=2, auto_pad="SAME_UPPER", dilations=[1, 1]),
                node("Add", "c j", "k"),
                node("Concat", "k c", "l", axis=1),
                node("LeakyRelu", "l", "h", alpha=0.1),
                node("GlobalAveragePool", "h", "y"),
            ],
            [weights, bias, depthwise],
        ),
        onnx_file(
            [
                node("Constant", "", "w1", value=small),
                conv,
                node("HardSigmoid", "c", "h", alpha=0.2, beta=0.5),
                node("Mul", "c h", "k"),
                node("AveragePool", "k", "l", kernel_shape=[2, 2], ceil_mode=1, count_include_pad=1),
                node("Conv", "l w1", "o"),
                node("LRN", "o", "r", size=3, alpha=1e-4, beta=0.75, bias=1.0),
                node("Sigmoid", "r", "y"),
            ],
            [weights, bias],
            opset=11,
        ),
        onnx_file(
            [
                node("Sub", "x mean", "a"),
                node("Div", "a std", "a2"),
                node("Pad", "a2 pads", "a3", mode="reflect"),
                node("Conv", "a3 w", "c"),
                node("PRelu", "c slope", "e2"),
                node("ReduceMean", "e2", "f2", axes=[2, 3], keepdims=0),
                node("MatMul", "f2 dm", "g2"),
                node("Add", "g2 e", "y"),
            ],
            [
                weights,
                *mean,
                tensor("pads", np.array([0, 0, 1, 1, 0, 0, 1, 1])),
                tensor("slope", np.full((2, 1, 1), 0.25, "f4")),
                tensor("dm", np.ones((2, 3), "f4")),
                ends[1],
            ],
            ("N", 3, 8, 8),
        ),
        onnx_file([conv, flat[0], node("Reshape", "p shape", "f"), last], [weights, bias, shape, *ends]),
        onnx_file([conv, flat[0], *gather, *reshaped, last], [weights, bias, *numbers, *ends], opset=9),
        onnx_file([node("Conv", "x w", "y")], [external]),
        onnx_file([node("Conv", "x w", "y")], [tensor("w", ramp.astype("f2"))], ("N", 3, "h", "w"), 21),
        onnx_file([conv, node("QuantizeLinear", "c s z", "y")], [weights, bias, *four]),
        *written_models(".onnx"),
    ]


def _bounds() -> list[Field]:
    return [tensor("lo", np.array(0, "f4")), tensor("hi", np.array(6, "f4"))]


# Changes

OPERATORS = (
    "Conv", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization", "Clip", "Add",
    "Mul", "Sub", "Div", "Concat", "Flatten", "Reshape", "Gemm", "MatMul", "Softmax", "LRN", "PRelu", "LeakyRelu",
    "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Pad", "Constant", "Identity", "Dropout", "Cast", "Transpose",
    "Squeeze", "Unsqueeze", "Shape", "Gather", "Slice", "ReduceMean", "If", "Loop", "Scan", "ConstantOfShape", "Expand",
    "Tile", "Resize", "QLinearConv", "ConvInteger", "DequantizeLinear", "Split", "ArgMax", "Range", "Einsum", "Sum",
)  # fmt: skip
TEXTS = (
    "x", "y", "w", "b", "c", "p", "f", "kernel_shape", "pads", "strides", "dilations", "group", "axis", "axes", "perm",
    "auto_pad", "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "ceil_mode", "epsilon", "alpha", "beta", "transA",
    "value", "value_floats", "to", "shape", "mode", "edge", "location", "offset", "length", "checksum", "../w.bin",
    "/etc/passwd", "w.bin", "a.onnx", ".", "..", "sub/w.bin", "ai.onnx", "ai.onnx.ml", "com.microsoft", "0", "-1",
    "99999999999999999999", "4096",
)  # fmt: skip


def mutate_fields(rng: Random, fields: Sequence[Field], kind: str) -> list[Field]:
    """Change the fields of a message, most often those inside it."""
    own = MESSAGES.get(kind, {})
    others = [_random_field(rng, own) for _ in range(2)] if rng.random() < 0.2 else ()
    return mutate_list(rng, fields, mutate_field, others, 1)


def mutate_field(rng: Random, field: Field) -> Field:
    """Change the value of a field, or seldom its number or its type."""
    if isinstance(field.value, list) and field.value and rng.random() < 0.9:
        return field._replace(value=mutate_fields(rng, field.value, field.kind))
    kind = rng.randrange(16)
    if kind == 0:
        return field._replace(number=rng.choice((1, 2, 3, 4, 5, 8, 9, 13, 14, 20, number(rng, field.number, 29) or 1)))
    if kind == 1:
        return _random_field(rng, {})._replace(number=field.number)
    if field.wire == VARINT:
        value = number(rng, field.value, rng.choice((3, 8, 32, 64)))
        return field._replace(value=-value if rng.random() < 0.15 else value)
    if isinstance(field.value, list):
        return field._replace(value=mutate_bytes(rng, join_message(field.value)), kind="")
    if field.wire != BYTES:
        special = (float("nan"), float("inf"), -1.0, 0.0, 3.4e38, 1e-45)
        code = "<f" if field.wire == FIXED32 else "<d"
        return field._replace(value=struct.pack(code, rng.choice(special)))
    if field.value[:2] == b'{"' and kind < 14:  # the description of a network of cnnfx
        with contextlib.suppress(ValueError, RecursionError):
            tree = mutate_tree(rng, json.loads(field.value))
            return field._replace(value=json.dumps(tree).encode())
    if kind < 6:
        return field._replace(value=rng.choice(OPERATORS).encode())
    if kind < 10:
        return field._replace(value=rng.choice(TEXTS).encode())
    if kind == 10:
        return field._replace(value=rng.choice(ODD_TEXTS).encode("utf-8", "surrogatepass"))
    if kind == 11 and len(field.value) >= 4:
        at = rng.randrange(len(field.value) // 4) * 4
        special = struct.pack("<f", rng.choice((float("nan"), float("inf"), -float("inf"), 3.4e38)))
        return field._replace(value=field.value[:at] + special + field.value[at + 4 :])
    return field._replace(value=mutate_bytes(rng, field.value, 1))


def _random_field(rng: Random, own: Mapping[int, str]) -> Field:
    if own and rng.random() < 0.5:
        each = rng.choice(list(own))
        return Field(each, BYTES, [], own[each])
    each = rng.randrange(1, 26)
    return rng.choice(
        (
            Field(each, VARINT, number(rng, 1, rng.choice((4, 16, 64)))),
            Field(each, BYTES, rng.choice(TEXTS).encode()),
            Field(each, FIXED32, rng.randbytes(4)),
            Field(each, FIXED64, rng.randbytes(8)),
        )
    )


def mutate_onnx(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change fields of the messages of a file, put nodes of another into it, or change any bytes."""
    if rng.random() < 0.05:
        return mutate_bytes(rng, data)
    if rng.random() < 0.01:
        return nested_graphs(rng.choice((3, 20, 30, 60, 150)))
    try:
        fields = split_message(data, "model")
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            if rng.random() < 0.1 and seeds:
                other = split_message(rng.choice(seeds), "model")
                fields = _with_part(rng, fields, other)
            at = [index for index, field in enumerate(fields) if field.kind == "graph"]
            if at and rng.random() < 0.9:
                fields[at[0]] = mutate_field(rng, fields[at[0]])
            else:
                fields = mutate_fields(rng, fields, "model")
        return join_message(fields)[:MAX_BYTES]
    except ValueError:
        return mutate_bytes(rng, data)


def _with_part(rng: Random, fields: list[Field], other: list[Field]) -> list[Field]:
    """Return a model with a field of the graph of another."""
    graphs = [field.value for field in other if isinstance(field.value, list) and field.kind == "graph" and field.value]
    if not graphs:
        return fields
    part = rng.choice(graphs[0])
    return [
        field._replace(value=[part, *field.value] if rng.random() < 0.5 else [*field.value, part])
        if isinstance(field.value, list) and field.kind == "graph"
        else field
        for field in fields
    ]


def nested_graphs(count: int) -> bytes:
    """Return a model of graphs inside each other, in attributes of nodes."""
    graph = message("graph", (2, "g"))
    for _ in range(count):
        graph = message("graph", (1, message("node", (4, "If"), (5, message("attribute", (1, "body"), (6, graph))))))
    return join_message(message("model", (1, 8), (7, graph), (8, message("opset", (2, 17)))).value)


def split_onnx(data: bytes) -> list[bytes]:
    """Return the fields of the graph of a file, each as a model of its own."""
    parts = []
    for field in split_message(data, "model"):
        inner = field.value if field.kind == "graph" else None
        for each in [field] if inner is None else [field._replace(value=[part]) for part in inner]:
            parts.append(join_message([each]))
    return parts


def join_onnx(parts: Sequence[bytes]) -> bytes:
    """Return a model of these parts: the format merges fields that are there twice."""
    return b"".join(parts)
