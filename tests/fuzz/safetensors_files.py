"""Seeds and a mutator for safetensors files: a length, a header of JSON, and the values."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.models import mutate_tree, written_models
from tests.fuzz.mutations import mutate_bytes, mutate_text, number

DTYPES = (
    "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F4", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "F64",
    "I64", "U64", "C64", "f32", "F128", "", "F6_E2M3",
)  # fmt: skip
NAMES = {"f4": "F32", "f8": "F64", "f2": "F16", "i8": "I64", "i4": "I32", "u1": "U8", "u2": "BF16"}
WORDS = ('"dtype"', '"shape"', '"data_offsets"', '"__metadata__"', "[", "]", "{", "}", ",", ":", "null", *DTYPES)


def join_safetensors(header: str | bytes, values: bytes, length: int | None = None) -> bytes:
    """Return a file of a header and values, with this length of the header or the right one."""
    text = header.encode("utf-8", "surrogatepass") if isinstance(header, str) else header
    return struct.pack("<Q", (len(text) if length is None else length) % 2**64) + text + values


def split_safetensors(data: bytes) -> tuple[bytes, bytes]:
    """Return the header and the values."""
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8:
        raise ValueError("no safetensors file")
    return data[8 : 8 + length], data[8 + length :]


def safetensors_file(arrays: dict[str, np.ndarray[Any, Any]], metadata: dict[str, str] | None = None) -> bytes:
    """Return a file of arrays; those of uint16 are bfloat16."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    values = b""
    for name, array in arrays.items():
        end = len(values) + array.nbytes
        dtype = NAMES[array.dtype.str[1:]]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(values), end]}
        values += array.tobytes()
    return join_safetensors(json.dumps(header), values)


def safetensors_seeds() -> list[bytes]:
    """Return files of filters in several types and orders, with metadata beside them, and of none."""
    weights = np.linspace(-1, 1, 54, dtype="f4").reshape(2, 3, 3, 3)
    bias = np.array([0.5, -0.5], "f4")
    batch_norm = {f"bn.{name}": np.ones(2, "f4") for name in ("weight", "bias", "running_mean", "running_var")}
    return [
        safetensors_file({"c.weight": weights, "c.bias": bias}, {"format": "pt"}),
        safetensors_file({"c.weight": weights.astype("f2"), "d.weight": np.arange(36, dtype="u2").reshape(4, 1, 3, 3)}),
        safetensors_file({"c.weight": weights, **batch_norm, "bn.num_batches_tracked": np.array(3, "i8")}),
        safetensors_file({"c/kernel": np.ones((3, 3, 3, 5), "f4"), "dense/kernel": np.ones((5, 2), "f8")}),
        safetensors_file({"conv.weight": np.ones((5, 3, 3, 2), "f4")}, {"format": "mlx"}),
        safetensors_file(
            {"c.weight": weights.astype("i4"), "n": np.zeros((0, 3), "f4"), "b": np.arange(3, dtype="u1")}
        ),
        safetensors_file({}),
        *written_models(".safetensors"),
    ]


def mutate_safetensors(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change the header as a tree or as text, its length, ranges of values, or any bytes."""
    kind = rng.randrange(12)
    try:
        header, values = split_safetensors(data)
        tree = json.loads(header)
    except (ValueError, RecursionError):
        return mutate_bytes(rng, data)
    if kind == 0:
        return mutate_bytes(rng, data)
    if kind == 1:
        return join_safetensors(header, mutate_bytes(rng, values))
    if kind == 2:
        return join_safetensors(header, values, number(rng, len(header), rng.choice((16, 32, 64))))
    description = tree.get("__metadata__", {}).get("cnnfx") if isinstance(tree, dict) else None
    if description and rng.random() < 0.7:
        tree["__metadata__"]["cnnfx"] = json.dumps(mutate_tree(rng, json.loads(description)))
        return join_safetensors(json.dumps(tree), values)
    if kind == 3:
        return join_safetensors(mutate_text(rng, header.decode("utf-8", "replace"), WORDS), values)
    if kind < 9 and isinstance(tree, dict):
        for entry in tree.values():
            if isinstance(entry, dict) and rng.random() < 0.5:
                _mutate_entry(rng, entry, len(values))
        if kind == 8 and tree:  # a name twice
            name, entry = rng.choice(list(tree.items()))
            text = json.dumps(tree)
            return join_safetensors(f"{text[:-1]}, {json.dumps(name)}: {json.dumps(entry)}}}", values)
        return join_safetensors(json.dumps(tree), values + rng.randbytes(rng.choice((0, 0, 0, 1, 100))))
    return join_safetensors(json.dumps(mutate_tree(rng, tree)), values)


def _mutate_entry(rng: Random, entry: dict[str, Any], size: int) -> None:
    """Change the type, the shape or the range of a tensor, most often so that they agree with each other."""
    kind = rng.randrange(5)
    if kind == 0:
        entry["dtype"] = rng.choice(DTYPES)
    elif kind == 1 and isinstance(entry.get("shape"), list) and entry["shape"]:
        shape = entry["shape"]
        shape[rng.randrange(len(shape))] = number(rng, 3, rng.choice((4, 16, 32, 64)))
    elif kind == 2:
        begin = number(rng, 0, rng.choice((8, 32, 64)))
        entry["data_offsets"] = [begin, begin + rng.choice((0, 4, 216, size, -1, 2**63))]
    elif kind == 3:
        count = rng.choice((1, 2, 27, 54))
        entry.update(dtype="F32", shape=[count, 1, 1, 1], data_offsets=[0, 4 * count])
    else:
        entry["shape"] = [rng.choice((0, 1, 2, 3, 2**31, 2**62)) for _ in range(rng.choice((0, 1, 3, 4, 5, 70)))]
