"""Seeds and a mutator for files of PyTorch: zip containers and legacy streams, whose pickles are changed by opcode.

The pickles are written here, opcode by opcode, as `torch.save` writes them: neither PyTorch nor the classes that they
name are needed, and none of them is ever unpickled by Python.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np

from tests.fuzz.arrays import Member, join_zip, mutate_member, split_zip
from tests.fuzz.mutations import BOUNDARIES, MAX_BYTES, ODD_TEXTS, mutate_bytes, mutate_list, number

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
STORAGES = {
    "<f4": "FloatStorage", "<f8": "DoubleStorage", "<f2": "HalfStorage", "<i8": "LongStorage", "<i4": "IntStorage",
    "<i2": "ShortStorage", "|i1": "CharStorage", "|u1": "ByteStorage", "|b1": "BoolStorage",
}  # fmt: skip
"""The storage class of each type of values."""

# Pickles


class Global(NamedTuple):
    """A name that a pickle imports."""

    module: str
    name: str


class Call(NamedTuple):
    """A call of a name with arguments, `state` set by the opcode BUILD."""

    function: Global
    arguments: tuple[Any, ...] = ()
    state: Any = None
    items: Mapping[str, Any] | None = None


class Persistent(NamedTuple):
    """An object that the container holds beside the pickle, by its identifier."""

    identifier: tuple[Any, ...]


ORDERED_DICT = Call(Global("collections", "OrderedDict"))


def pickled(value: Any) -> bytes:
    """Return a pickle of protocol 2 of a value of built-in types, `Global`, `Call` and `Persistent`."""
    return b"\x80\x02" + opcodes(value) + b"."


def opcodes(value: Any) -> bytes:
    """Return the opcodes that put a value on the stack."""
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        if 0 <= value < 256:
            return b"K" + bytes([value])
        if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(data)]) + data
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(data)) + data
    if isinstance(value, bytes):
        return b"B" + struct.pack("<I", len(value)) + value
    if isinstance(value, Global):
        return b"c" + f"{value.module}\n{value.name}\n".encode()
    if isinstance(value, Call):
        code = opcodes(value.function) + opcodes(value.arguments) + b"R"
        if value.items is not None:
            code += b"(" + b"".join(opcodes(key) + opcodes(item) for key, item in value.items.items()) + b"u"
        return code if value.state is None else code + opcodes(value.state) + b"b"
    if isinstance(value, Persistent):
        return opcodes(value.identifier) + b"Q"
    if isinstance(value, dict):
        return b"}(" + b"".join(opcodes(key) + opcodes(item) for key, item in value.items()) + b"u"
    inner = b"".join(map(opcodes, value))
    return b"](" + inner + b"e" if isinstance(value, list) else b"(" + inner + b"t"


# Containers


class StoredTensor(NamedTuple):
    """A tensor of a state dict: a view of a storage, by default of one that it fills."""

    array: np.ndarray[Any, Any]
    strides: tuple[int, ...] | None = None
    offset: int = 0
    shape: tuple[int, ...] | None = None
    storage: str = ""
    is_parameter: bool = False


def tensor_call(tensor: StoredTensor, key: str, *, legacy: bool) -> tuple[Call, bytes]:
    """Return the call that rebuilds a tensor, and the bytes of its storage."""
    array = tensor.array
    shape = array.shape if tensor.shape is None else tensor.shape
    steps = [1]
    for size in reversed(shape[1:]):
        steps.append(steps[-1] * size)
    strides = tuple(reversed(steps))[: len(shape)] if tensor.strides is None else tensor.strides
    storage = tensor.storage or STORAGES[array.dtype.str]
    identifier: tuple[Any, ...] = ("storage", Global("torch", storage), key, "cpu", array.size)
    if legacy:
        identifier += (None,)
    arguments = (Persistent(identifier), tensor.offset, shape, strides, False, ORDERED_DICT)
    call = Call(Global("torch._utils", "_rebuild_tensor_v2"), arguments)
    if tensor.is_parameter:
        call = Call(Global("torch._utils", "_rebuild_parameter"), (call, True, ORDERED_DICT))
    return call, array.tobytes()


def _with_calls(value: Any, storages: dict[str, tuple[StoredTensor, bytes]], *, legacy: bool) -> Any:
    """Return a value whose tensors are calls that rebuild them, and add their storages."""
    if isinstance(value, StoredTensor):
        key = str(len(storages))
        call, data = tensor_call(value, key, legacy=legacy)
        storages[key] = value, data
        return call
    if isinstance(value, dict):
        return {name: _with_calls(item, storages, legacy=legacy) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_calls(item, storages, legacy=legacy) for item in value]
    if isinstance(value, Call) and value.items is not None:
        return value._replace(items=_with_calls(dict(value.items), storages, legacy=legacy))
    return value


def zip_members(value: Any, pickle: bytes | None = None) -> list[Member]:
    """Return the members of a zip container; `pickle` replaces that of the value."""
    storages: dict[str, tuple[StoredTensor, bytes]] = {}
    own = pickled(_with_calls(value, storages, legacy=False))
    members = [Member(b"archive/data.pkl", own if pickle is None else pickle), Member(b"archive/byteorder", b"little")]
    members += [Member(f"archive/data/{key}".encode(), data) for key, (_, data) in storages.items()]
    return [*members, Member(b"archive/version", b"3\n")]


def zip_file(value: Any, pickle: bytes | None = None) -> bytes:
    """Return a file as `torch.save` writes it since PyTorch 1.6."""
    return join_zip(zip_members(value, pickle))


def legacy_file(value: Any, pickle: bytes | None = None) -> bytes:
    """Return a file as `torch.save` wrote it before PyTorch 1.6: pickles one after the other, then the storages."""
    storages: dict[str, tuple[StoredTensor, bytes]] = {}
    own = pickled(_with_calls(value, storages, legacy=True))
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": PROTOCOL_VERSION, "little_endian": True, "type_sizes": sizes}
    head = b"".join(map(pickled, (LEGACY_MAGIC, PROTOCOL_VERSION, system)))
    body = b"".join(struct.pack("<q", tensor.array.size) + data for tensor, data in storages.values())
    return head + (own if pickle is None else pickle) + pickled(list(storages)) + body


def state_dicts() -> list[Any]:
    """Return values that `torch.save` is given: state dicts, nested ones, and what the reader refuses."""
    weights = np.linspace(-1, 1, 54, dtype="f4").reshape(2, 3, 3, 3)
    bias = np.array([0.5, -0.5], "f4")
    plain = {"c.weight": StoredTensor(weights), "c.bias": StoredTensor(bias)}
    strided = StoredTensor(weights, (1, 2, 6, 18), 0, (2, 3, 3, 3))
    view = StoredTensor(np.arange(40, dtype="f4"), (9, 9, 3, 1), 4, (4, 1, 3, 3))
    types = {
        f"t{number}": StoredTensor(np.arange(4).astype(dtype))
        for number, dtype in enumerate(STORAGES)
        if dtype != "|b1"
    }
    bfloat = StoredTensor(np.arange(18, dtype="<i2").reshape(2, 1, 3, 3), storage="BFloat16Storage")
    metadata = {"_metadata": Call(ORDERED_DICT.function, items={"": {"version": 1}})}
    module = Call(Global("torch.nn.modules.conv", "Conv2d"), state={"training": False, "stride": (1, 1)})
    return [
        plain,
        {"c.weight": strided, "d.weight": view, "n": StoredTensor(np.array(3)), **types},
        {"b.weight": bfloat, "half.weight": StoredTensor(weights.astype("<f2"))},
        {
            "epoch": 3,
            "state_dict": Call(ORDERED_DICT.function, items=plain, state=metadata),
            "lr": 0.1,
            "args": [1, "a"],
        },
        {"model": {f"module.{name}": tensor._replace(is_parameter=True) for name, tensor in plain.items()}},
        {"bn.running_mean": StoredTensor(bias), "bn.num_batches_tracked": StoredTensor(np.array(7)), **plain},
        module,
    ]


def pytorch_seeds() -> list[bytes]:
    """Return the values in both containers."""
    return [write(value) for value in state_dicts() for write in (zip_file, legacy_file)]


# Changes

GLOBALS = (
    Global("os", "system"), Global("posix", "system"), Global("builtins", "eval"), Global("builtins", "exec"),
    Global("builtins", "getattr"), Global("builtins", "__import__"), Global("__builtin__", "eval"),
    Global("subprocess", "Popen"), Global("torch.hub", "load"), Global("torch.jit", "load"), Global("torch", "load"),
    Global("torch.serialization", "load"), Global("numpy", "load"), Global("numpy.core.multiarray", "_reconstruct"),
    Global("torch", "FloatStorage"), Global("torch", "ComplexFloatStorage"), Global("torch.storage", "UntypedStorage"),
    Global("torch.storage", "_load_from_bytes"), Global("torch._utils", "_rebuild_tensor"),
    Global("torch._utils", "_rebuild_tensor_v2"), Global("torch._utils", "_rebuild_parameter"),
    Global("torch._utils", "_rebuild_qtensor"), Global("torch._utils", "_rebuild_sparse_tensor"),
    Global("torch", "Size"), Global("torch", "float32"), Global("torch", "device"), Global("torch", "bfloat16"),
    Global("collections", "OrderedDict"), Global("collections", "Counter"), Global("_codecs", "encode"),
    Global("torch._tensor", "_rebuild_from_type_v2"), Global("pickle", "loads"), Global("", ""), Global("a", "b.c"),
)  # fmt: skip
"""What a changed pickle imports."""
OPCODES = tuple(opcode.code.encode("latin-1") for opcode in pickletools.opcodes)
"""All opcodes, without their arguments."""
STACK_OPCODES = (b"(", b"0", b"1", b"2", b"N", b"]", b"}", b")", b"e", b"u", b"t", b"l", b"d", b"a", b"s", b"R", b"b")
STACK_OPCODES += (b"\x81", b"\x85", b"\x86", b"\x87", b"\x8f", b"\x90", b"\x91", b"\x92", b"\x94", b"Q", b"o", b".")


def split_pickle(data: bytes) -> list[bytes]:
    """Return the opcodes of a pickle with their arguments."""
    places = [place for _, _, place in pickletools.genops(data) if place is not None]
    ends = [*places[1:], places[-1] + 1]
    return [data[start:end] for start, end in zip(places, ends, strict=True)]


def split_legacy(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the pickles at the start of a legacy stream, and the storages after them."""
    pickles, at = [], 0
    while len(pickles) < 5:
        end = at + sum(map(len, split_pickle(data[at:])))
        pickles.append(data[at:end])
        at = end
    return pickles, data[at:]


def mutate_opcode(rng: Random, opcode: bytes) -> bytes:
    """Change the argument of an opcode, or replace it."""
    code, argument = opcode[:1], opcode[1:]
    kind = rng.randrange(10)
    if code in b"KMJ" and kind < 7:
        value = number(rng, int.from_bytes(argument, "little"), rng.choice((8, 16, 31, 63)))
        return opcodes(rng.choice((1, 1, 1, -1)) * value)
    if code == b"X" and kind < 7:
        text = argument[4:]
        lengths = (len(text) + 1, 2**31, 2**32 - 1, 0, number(rng, len(text), 32))
        choice = rng.randrange(6)
        if choice == 0:
            return code + struct.pack("<I", rng.choice(lengths)) + text
        if choice == 1:
            return opcodes(rng.choice((*STORAGES.values(), "0", "1", "cpu", "storage", "state_dict", "c.weight")))
        if choice == 2:
            return opcodes(rng.choice(ODD_TEXTS))
        changed = mutate_bytes(rng, text, 1)
        return code + struct.pack("<I", len(changed)) + changed
    if code == b"c" and kind < 7:
        return opcodes(rng.choice(GLOBALS)) if rng.random() < 0.7 else code + mutate_bytes(rng, argument, 1)
    if code in b"qhrj" and kind < 5:
        return code + bytes([rng.randrange(256)]) + argument[1:]
    if kind < 8:
        return _any_opcode(rng)
    return mutate_bytes(rng, opcode, 1)


def _any_opcode(rng: Random) -> bytes:
    """Return an opcode, some of which announce more than follows."""
    kind = rng.randrange(12)
    if kind < 5:
        return rng.choice(STACK_OPCODES)
    if kind == 5:
        return opcodes(rng.choice(GLOBALS))
    if kind == 6:
        return opcodes(rng.choice((1, -1)) * rng.choice(BOUNDARIES))
    if kind == 7:
        return b"r" + struct.pack("<I", number(rng, 5, 32)) if rng.random() < 0.5 else b"j" + struct.pack("<I", 3)
    if kind == 8:
        code, width = rng.choice(((b"B", "<I"), (b"X", "<I"), (b"\x8d", "<Q"), (b"\x8e", "<Q"), (b"\x96", "<Q")))
        return code + struct.pack(width, number(rng, 3, 8 * struct.calcsize(width))) + b"abc"
    if kind == 9:
        return rng.choice(
            (b"\x8b" + struct.pack("<i", rng.choice((5, -1, 2**31 - 1))) + b"\1" * 5, b"I" + b"9" * 5000 + b"\n")
        )
    if kind == 10:
        return rng.choice((b"i" + b"os\nsystem\n", b"\x82\1", b"P0\n", b"g0\n", b"p99999999999\n", b"L1L\n", b"Fnan\n"))
    return rng.choice(OPCODES) + rng.randbytes(rng.choice((0, 1, 4, 8)))


def mutate_pickle(rng: Random, data: bytes) -> bytes:
    """Change opcodes of a pickle; seldom put many values inside each other, or grow one that refers to another."""
    if rng.random() < 0.04:
        return _bomb(rng)
    try:
        parts = split_pickle(data)
    except (ValueError, IndexError, UnicodeDecodeError):
        return mutate_bytes(rng, data)
    changed = mutate_list(rng, parts, mutate_opcode, [opcodes(each) for each in GLOBALS])
    return b"".join(changed)[:MAX_BYTES]


def _bomb(rng: Random) -> bytes:
    """Return a pickle that takes much memory, depth or time where it is read without limits."""
    count = rng.choice((10, 30, 200, 5_000))
    body = rng.choice(
        (
            b"]" * count + b"a" * (count - 1),  # lists inside each other
            b"(" * count + b"t" * count,
            b"N" + b"\x85" * count,
            b"]" + b"2a" * count,  # a list that holds itself
            b")" + b"2\x86" * count,  # pairs of the same pair: 2^count values where they are copied
            b"K\1" + b"2\x86" * min(count, 60) + b"}" + b"2",
            b"".join(b"K\1r" + struct.pack("<I", rng.getrandbits(32)) for _ in range(count)),
            b"(" + b"N" * (10 * count) + b"t",
            b"\x96" + struct.pack("<Q", 2**40),
            b"}" + b"(" + b"K\1N" * count + b"u",
        )
    )
    return b"\x80\x02" + body + b"."


def mutate_pytorch(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change the pickle of a file, its zip container or the pickles around it, or any bytes."""
    if rng.random() < 0.08:
        return mutate_bytes(rng, data)
    try:
        if data.startswith(b"PK"):
            members = split_zip(data)
            if rng.random() < 0.8:
                members = [
                    member._replace(data=mutate_pickle(rng, member.data)) if member.name.endswith(b".pkl") else member
                    for member in members
                ]
            if rng.random() < 0.3:
                members = mutate_list(rng, members, _mutate_member)
            return join_zip(members)
        pickles, storages = split_legacy(data)
    except (ValueError, IndexError, UnicodeDecodeError, struct.error):
        return mutate_bytes(rng, data)
    if rng.random() < 0.2:
        storages = mutate_bytes(rng, storages)
    at = 3 if rng.random() < 0.8 else rng.randrange(5)
    pickles[at] = mutate_pickle(rng, pickles[at])
    return b"".join(pickles) + storages


def _mutate_member(rng: Random, member: Member) -> Member:
    """Change a member as that of any zip file, but its content as bytes, and its name to others of the container."""
    kind = rng.randrange(4)
    if kind == 0:
        return member._replace(data=mutate_bytes(rng, member.data))
    if kind == 1:
        names = (b"archive/data/0", b"archive/data/1", b"data.pkl", b"archive/data.pkl", b"archive/constants.pkl")
        return member._replace(name=rng.choice((*names, b"archive/code/a.py", b"b/data/0", b"archive/byteorder")))
    if kind == 2:
        return member._replace(data=rng.choice((b"big", b"little", b"", b"4\n", b"99999999999\n", b"x")))
    return mutate_member(rng, member)


def split_pytorch(data: bytes) -> list[bytes]:
    """Return the opcodes of the pickle of a zip container without storages; the parts of others are not known.

    Raises
    ------
    ValueError
        If it is another file.
    """
    if data.startswith(b"PK"):
        for member in split_zip(data):
            if member.name.endswith(b"data.pkl"):
                return split_pickle(member.data)
    raise ValueError("no pickle")


def join_pytorch(parts: Sequence[bytes]) -> bytes:
    """Return a zip container of a pickle of these opcodes, with two storages."""
    pickle = b"".join(parts)
    storages = [Member(f"archive/data/{number}".encode(), bytes(216)) for number in range(2)]
    return join_zip([Member(b"archive/data.pkl", pickle), *storages])
