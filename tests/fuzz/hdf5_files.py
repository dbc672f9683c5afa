"""Seeds and mutators for HDF5 files: weights and models of Keras, and `.keras` archives.

A file is changed on three levels: by the library h5py (other configurations, names, shapes, links), in the fields of
its blocks and messages with right checksums, and as bytes. The format of the file:
https://docs.hdfgroup.org/hdf5/develop/_f_m_t3.html
"""

from __future__ import annotations

import copy
import functools
import io
import json
import re
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.arrays import Member, join_zip, mutate_member, split_zip
from tests.fuzz.models import mutate_tree
from tests.fuzz.mutations import MAX_BYTES, ODD_TEXTS, mutate_bytes, mutate_list, mutate_text, number, times

# Configurations and weights


def layer_config(class_name: str, name: str, inbound: Sequence[str] = (), **config: Any) -> dict[str, Any]:
    """Return the description of a layer in the format of Keras 2, for Functional models if it has inputs."""
    result: dict[str, Any] = {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}
    if inbound:
        result |= {"name": name, "inbound_nodes": [[[each, 0, 0, {}] for each in inbound]]}
    return result


def conv_config(name: str, inbound: Sequence[str] = (), **config: Any) -> dict[str, Any]:
    """Return the description of a layer of two filters of 3×3."""
    common = {
        "filters": 2, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "data_format": "channels_last",
        "dilation_rate": [1, 1], "groups": 1, "activation": "relu", "use_bias": True,
    }  # fmt: skip
    return layer_config("Conv2D", name, inbound, **{**common, **config})


def sequential() -> dict[str, Any]:
    """Return a Sequential model of Keras 2."""
    pool = {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": "channels_last"}
    layers = [
        layer_config("InputLayer", "in", batch_input_shape=[None, 8, 8, 3]),
        conv_config("c1"),
        layer_config("BatchNormalization", "bn", axis=[3], epsilon=0.001, center=True, scale=True),
        layer_config("MaxPooling2D", "p", **pool),
        layer_config("Flatten", "f"),
        layer_config("Dropout", "drop", rate=0.5),
        layer_config("Dense", "d", units=3, activation="softmax", use_bias=True),
    ]
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}


def functional() -> dict[str, Any]:
    """Return a Functional model of Keras 2 with two branches."""
    layers = [
        {**layer_config("InputLayer", "in", batch_input_shape=[None, 8, 8, 3]), "name": "in", "inbound_nodes": []},
        conv_config("c1", ["in"]),
        conv_config("c2", ["in"], activation="linear"),
        layer_config("Add", "a", ["c1", "c2"]),
        layer_config("Concatenate", "cat", ["a", "c1"], axis=-1),
        layer_config("LeakyReLU", "r", ["cat"], alpha=0.1),
        layer_config("GlobalAveragePooling2D", "g", ["r"], data_format="channels_last"),
    ]
    config = {"name": "m", "layers": layers, "input_layers": [["in", 0, 0]], "output_layers": [["g", 0, 0]]}
    return {"class_name": "Functional", "config": config}


def keras_3() -> dict[str, Any]:
    """Return a Sequential model in the format of Keras 3."""
    layers = [
        {
            "module": "keras.layers",
            "registered_name": None,
            **layer_config("InputLayer", "in", batch_shape=[None, 8, 8, 3]),
        },
        {
            "module": "keras.layers",
            "registered_name": None,
            "build_config": {"input_shape": [None, 8, 8, 3]},
            **conv_config("c1"),
        },
        {"module": "keras.layers", "registered_name": None, **layer_config("ReLU", "r", max_value=6.0)},
        {
            "module": "keras.layers",
            "registered_name": None,
            **layer_config("DepthwiseConv2D", "dw", kernel_size=[3, 3]),
        },
    ]
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": layers}}


KERNEL = np.linspace(-1, 1, 54, dtype="f4").reshape(3, 3, 3, 2)
WEIGHTS: dict[str, dict[str, np.ndarray[Any, Any]]] = {
    "c1": {"kernel:0": KERNEL, "bias:0": np.zeros(2, "f4")},
    "c2": {"kernel:0": -KERNEL, "bias:0": np.ones(2, "f4")},
    "bn": {f"{name}:0": np.ones(2, "f4") for name in ("gamma", "beta", "moving_mean", "moving_variance")},
    "p": {},
    "d": {"kernel:0": np.ones((32, 3), "f4"), "bias:0": np.zeros(3, "f4")},
}


def write_layers(group: Any, names: Sequence[str], *, compressed: bool = False) -> None:
    """Write weights of layers as Keras 1 and 2 do."""
    group.attrs["layer_names"] = [name.encode() for name in names]
    group.attrs["backend"] = b"tensorflow"
    group.attrs["keras_version"] = b"2.4.0"
    for name in names:
        layer = group.create_group(name)
        layer.attrs["weight_names"] = [f"{name}/{key}".encode() for key in WEIGHTS[name]]
        for key, array in WEIGHTS[name].items():
            how = {"compression": "gzip", "shuffle": True, "chunks": array.shape} if compressed else {}
            layer.create_dataset(f"{name}/{key}", data=array, **how)


def hdf5_file(write: Callable[[Any], None], **how: Any) -> bytes:
    """Return a file that is written by a function of h5py's file."""
    import h5py

    stream = io.BytesIO()
    with h5py.File(stream, "w", **how) as file:
        write(file)
    return stream.getvalue()


def _write_model(config: dict[str, Any]) -> Callable[[Any], None]:
    def write(file: Any) -> None:
        file.attrs["model_config"] = json.dumps(config)
        write_layers(file.create_group("model_weights"), ["c1", "c2", "bn", "p", "d"])

    return write


def _write_keras_3(file: Any) -> None:
    for path, arrays in {
        "layers/conv2d/vars": [KERNEL, np.zeros(2, "f4")],
        "layers/depthwise_conv2d/vars": [np.ones((3, 3, 2, 1), "f4"), np.zeros(2, "f4")],
        "layers/re_lu/vars": [],
    }.items():
        group = file.create_group(path)
        for index, array in enumerate(arrays):
            group.create_dataset(str(index), data=array)
    file.create_group("vars")
    file["layers/conv2d"].attrs["name"] = "c1"
    file["layers/depthwise_conv2d"].attrs["name"] = "dw"


@functools.cache
def hdf5_seeds() -> list[bytes]:
    """Return weights and models in the layouts of Keras 1, 2 and 3."""

    def weights(file: Any) -> None:
        write_layers(file, ["c1", "bn", "p"])

    def compressed(file: Any) -> None:
        write_layers(file, ["c1", "d"], compressed=True)

    def other(file: Any) -> None:
        file["a/b"], file["half"], file["text"] = KERNEL, KERNEL.astype("f2"), "x"

    return [
        hdf5_file(weights),
        hdf5_file(weights, libver="latest"),
        hdf5_file(compressed),
        hdf5_file(_write_model(sequential())),
        hdf5_file(_write_model(functional())),
        hdf5_file(_write_keras_3),
        hdf5_file(_write_keras_3, libver="latest"),
        hdf5_file(other),
    ]


def endless_heap() -> bytes:
    """Return a file with an attribute that the library would read for ever: an object of its heap leads to itself."""
    data = hdf5_file(lambda file: file.attrs.__setitem__("layer_names", ["conv1", "conv2"]))
    at = data.index(b"GCOL") + 16
    return data[:at] + bytes(16) + data[at + 16 :]


def often_listed(count: int) -> bytes:
    """Return a file that lists a layer, and in it an array, this number of times."""

    def write(file: Any) -> None:
        file.attrs["layer_names"] = np.full(count, b"c")
        group = file.create_group("c")
        group.attrs["weight_names"] = np.full(count, b"k")
        group["k"] = KERNEL

    return hdf5_file(write)


def keras_archive(config: str, weights: bytes) -> bytes:
    """Return a `.keras` file."""
    metadata = b'{"keras_version": "3.6.0", "date_saved": "2026-01-01@00:00:00"}'
    members = [Member(b"metadata.json", metadata), Member(b"config.json", config.encode("utf-8", "surrogatepass"))]
    return join_zip([*members, Member(b"model.weights.h5", weights)])


@functools.cache
def archive_weights() -> bytes:
    """Return the weights in the seeds of `.keras` files."""
    return hdf5_file(_write_keras_3)


def archive_seeds() -> list[bytes]:
    """Return `.keras` files of two models."""
    weights = archive_weights()
    return [keras_archive(json.dumps(keras_3()), weights), keras_archive(json.dumps(sequential()), weights)]


# Changes by h5py

CONFIG_KEYS = (
    "class_name", "config", "layers", "name", "filters", "kernel_size", "strides", "padding", "data_format",
    "dilation_rate", "groups", "activation", "use_bias", "batch_input_shape", "batch_shape", "inbound_nodes",
    "input_layers", "output_layers", "axis", "epsilon", "pool_size", "units", "alpha", "max_value", "scale", "offset",
)  # fmt: skip
CONFIG_VALUES: tuple[Any, ...] = (
    "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "BatchNormalization", "Activation", "ReLU", "LeakyReLU", "PReLU",
    "Softmax", "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "ZeroPadding2D", "Concatenate", "Add",
    "Multiply", "Flatten", "Dense", "Dropout", "Rescaling", "Normalization", "Lambda", "Sequential", "Functional",
    "Model", "InputLayer", "same", "valid", "causal", "channels_first", "channels_last", "relu", "relu6", "linear",
    "c1", "c2", "in", None, 0, 1, 3, -1, 2**31, 10**12, 1e308, True, [], {}, [3, 3], [[1, 1], [1, 1]], [None, 8, 8, 3],
    [["c1", 0, 0, {}]], [[["c1", 0, 0, {}]]], {"class_name": "__lambda__", "config": {"value": "4wEA"}},
)  # fmt: skip


def mutate_config(rng: Random, config: Any) -> Any:
    """Change a configuration: values of its layers, the layers themselves, or any node of the tree."""
    config = copy.deepcopy(config)
    for _ in range(times(rng)):
        layers = config.get("config", {}) if isinstance(config, dict) else None
        layers = layers.get("layers") if isinstance(layers, dict) else None
        kind = rng.randrange(6)
        if not isinstance(layers, list) or not layers or kind == 0:
            config = mutate_tree(rng, config)
            continue
        layer = rng.choice(layers)
        own = layer.get("config") if isinstance(layer, dict) else None
        if kind < 4 and isinstance(own, dict):
            key = rng.choice(list(own)) if own and rng.random() < 0.7 else rng.choice(CONFIG_KEYS)
            own[key] = rng.choice(CONFIG_VALUES)
        elif kind == 4 and isinstance(layer, dict):
            layer[rng.choice(("class_name", "name", "inbound_nodes", "config"))] = rng.choice(CONFIG_VALUES)
        else:
            config["config"]["layers"] = mutate_list(rng, layers, mutate_tree, layers)
    return config


def _change_by_library(rng: Random, data: bytes) -> bytes:
    """Change a file of the seeds by h5py."""
    import h5py

    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        for _ in range(times(rng)):
            _change_object(rng, file, h5py)
    return stream.getvalue()


def _change_object(rng: Random, file: Any, h5py: Any) -> None:
    """Change the configuration, an attribute, a data set or a link of a file."""
    config = file.attrs.get("model_config")
    if _is_json(config) and rng.random() < 0.6:
        text = json.dumps(mutate_config(rng, json.loads(config)))
        text = mutate_text(rng, text) if rng.random() < 0.1 else text
        file.attrs["model_config"] = text.encode("utf-8", "surrogatepass").replace(b"\0", b"")[:30_000]
        return
    paths: list[str] = []
    file.visit(paths.append)
    if not paths:
        return
    path = rng.choice(paths)
    kind = rng.randrange(12)
    if kind < 3:
        owner = file[path] if kind else file
        names = ("weight_names", "layer_names", "backend", "keras_version", "name", "model_config", "class_name")
        owner.attrs[rng.choice(names)] = _attribute(rng, h5py)
        return
    if kind == 3:
        del file[path]
        return
    if path in file and kind < 10:
        del file[path]
    target = path if path not in file else f"{path}/{rng.choice(('a', '0', 'vars', 'kernel:0'))}"
    try:
        _create(rng, file, target, rng.choice(paths), h5py)
    except (ValueError, TypeError, KeyError, OSError, RuntimeError):
        return  # h5py refuses it, as for a group inside a data set


def _is_json(text: Any) -> bool:
    try:
        json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def _attribute(rng: Random, h5py: Any) -> Any:
    return rng.choice(
        (
            [b"c1"], [b"c1", b"c1"], [b"../c2"], [b"/"], [b""], b"theano", "x" * 3_000, 3, 1.5, np.zeros((3, 3), "f4"),
            [b"c1/kernel:0", b"c1/kernel:0"], [b"a" * 100] * 50, np.zeros(0, "S3"), h5py.Empty("f4"), h5py.Empty("S1"),
            ["\u00e9", "c1"], np.array([b"\xff\xfe"]), True, np.zeros(2, "i4,f4"), "[]", "{}", "null", "[" * 500,
            '{"class_name": "Sequential", "config": []}', np.array(["a", "b"], h5py.string_dtype()),
        )
    )  # fmt: skip


def _create(rng: Random, file: Any, target: str, other: str, h5py: Any) -> None:
    """Create a data set or a link, many of them with more than can be read."""
    kind = rng.randrange(14)
    if kind == 0:
        file[target] = h5py.SoftLink(rng.choice((f"/{other}", "/missing", "/", ".", target)))
    elif kind == 1:
        file[target] = h5py.ExternalLink(rng.choice(("other.h5", "t.h5", "/etc/passwd", "../t.h5", "")), f"/{other}")
    elif kind == 2:
        file[target] = file[other]  # a hard link, perhaps to a group above it
    elif kind == 3:
        file.create_dataset(target, shape=(rng.choice((2**20, 2**31, 2**40)), 3, 3, 2), dtype="f4", chunks=(1, 3, 3, 2))
    elif kind == 4:
        chunks = rng.choice(((2**14, 2**14, 1, 1), (1024, 1024, 16, 2)))
        file.create_dataset(target, shape=(3, 3, 3, 2), maxshape=(None,) * 4, dtype="f4", chunks=chunks)
    elif kind == 5:
        values = np.zeros((3, 3, 300, 200), "f4")
        file.create_dataset(target, data=values, compression="gzip", compression_opts=1, chunks=(3, 3, 300, 200))
    elif kind == 6:
        layout = h5py.VirtualLayout(shape=(3, 3, 3, 2), dtype="f4")
        layout[...] = h5py.VirtualSource(rng.choice((".", "other.h5", "/etc/passwd")), "a", shape=(3, 3, 3, 2))
        file.create_virtual_dataset(target, layout)
    elif kind == 7:
        external = [(rng.choice(("w.bin", "/etc/passwd", "../w.bin")), 0, 216)]
        file.create_dataset(target, shape=(3, 3, 3, 2), dtype="f4", external=external)
    elif kind == 8:
        dtypes = ("f2", "f8", ">f4", "i8", "u1", "?", "c8", "S4", "i4,f4", "f2", "i1")
        file[target] = np.ones(rng.choice(((3, 3, 3, 2), (2,), (), (0, 3), (1,) * 32)), rng.choice(dtypes))
    elif kind == 9:
        kinds = (h5py.string_dtype(), h5py.vlen_dtype(np.dtype("f4")), h5py.ref_dtype, h5py.enum_dtype({"a": 1}))
        file.create_dataset(target, shape=(3,), dtype=rng.choice(kinds))
    elif kind == 10:
        file[target] = h5py.Empty("f4")
    elif kind == 11:
        file[target] = KERNEL * rng.choice((np.nan, np.inf, 1e38, 0))
    elif kind == 12:
        for name in rng.choice((ODD_TEXTS[:20], [str(each) for each in range(200)])):
            if name and name.isprintable() and "/" not in name and name != ".":
                file.require_group(target).require_group(name)
    else:
        file.create_group("/".join([target, *["a"] * rng.choice((2, 50, 300))]))


# Changes of blocks

BLOCK = re.compile(
    rb"TREE|SNOD|HEAP|GCOL|OHDR|OCHK|FRHP|BTHD|BTLF|FHDB|\x89HDF|\x01\0[\x01-\x20]\0\x01\0\0\0..\0\0\0\0\0\0", re.DOTALL
)
"""The signatures of blocks, and the start of an object header of the first version, which has none."""


def lookup3(data: bytes) -> int:
    """Return the checksum of blocks, Jenkins' hash `lookup3` (public domain)."""
    mask = 0xFFFFFFFF
    a = b = c = (0xDEADBEEF + len(data)) & mask

    def rotated(value: int, count: int) -> int:
        return (value << count | value >> 32 - count) & mask

    padded = data + bytes(-len(data) % 12)
    words = struct.unpack(f"<{len(padded) // 4}I", padded)
    for at in range(0, len(words) - 3, 3):
        a, b, c = a + words[at] & mask, b + words[at + 1] & mask, c + words[at + 2] & mask
        a, c = (a - c & mask) ^ rotated(c, 4), c + b & mask
        b, a = (b - a & mask) ^ rotated(a, 6), a + c & mask
        c, b = (c - b & mask) ^ rotated(b, 8), b + a & mask
        a, c = (a - c & mask) ^ rotated(c, 16), c + b & mask
        b, a = (b - a & mask) ^ rotated(a, 19), a + c & mask
        c, b = (c - b & mask) ^ rotated(b, 4), b + a & mask
    if not data:
        return c
    a, b, c = a + words[-3] & mask, b + words[-2] & mask, c + words[-1] & mask
    c = (c ^ b) - rotated(b, 14) & mask
    a = (a ^ c) - rotated(c, 11) & mask
    b = (b ^ a) - rotated(a, 25) & mask
    c = (c ^ b) - rotated(b, 16) & mask
    a = (a ^ c) - rotated(c, 4) & mask
    b = (b ^ a) - rotated(a, 14) & mask
    return (c ^ b) - rotated(b, 24) & mask


def checksum_place(data: bytes, start: int) -> int | None:
    """Return the offset of the checksum of a block: of a superblock or an object header of the second version."""
    if data[start : start + 4] == b"\x89HDF":
        return start + 44 if data[start + 8 : start + 9] in (b"\2", b"\3") else None
    if data[start : start + 4] != b"OHDR" or start + 32 > len(data):
        return None
    flags = data[start + 5]
    at = start + 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
    width = 1 << (flags & 3)
    return at + width + int.from_bytes(data[at : at + width], "little")


def _change_blocks(rng: Random, data: bytes) -> bytes:
    """Change numbers in blocks: sizes, counts, versions, and addresses to those of other blocks."""
    result = bytearray(data)
    starts = [match.start() for match in BLOCK.finditer(data)]
    for _ in range(times(rng)):
        start = rng.choice(starts)
        end = min([each for each in starts if each > start] + [len(data)])
        place = checksum_place(data, start)
        last = min(end, start + 400, place or end) - 8
        if last <= start + 4:
            continue
        at = (
            rng.randrange(start + 4, last) if rng.random() < 0.3 else start + 8 * rng.randrange((last - start) // 8 + 1)
        )
        width = rng.choice((1, 2, 4, 8, 8))
        old = int.from_bytes(result[at : at + width], "little")
        value = rng.choice((number(rng, old, 8 * width), rng.choice(starts), 0, old + 8)) % (1 << 8 * width)
        result[at : at + width] = value.to_bytes(width, "little")
        if place is not None and place + 4 <= len(result) and rng.random() < 0.95:
            struct.pack_into("<I", result, place, lookup3(bytes(result[start:place])))
    return bytes(result)


def mutate_hdf5(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change a file by h5py, in its blocks, or as bytes; h5py opens only seeds."""
    kind = rng.randrange(10)
    if kind < 4 and data in seeds:
        data = _change_by_library(rng, data)
        if rng.random() < 0.8:
            return data[:MAX_BYTES]
    if kind < 9 and BLOCK.search(data):
        return _change_blocks(rng, data)
    return mutate_bytes(rng, data)


def mutate_archive(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change the configuration in a `.keras` file, its weights, or the archive."""
    if rng.random() < 0.05:
        return mutate_bytes(rng, data)
    try:
        members = split_zip(data)
    except ValueError:
        return mutate_bytes(rng, data)
    kind = rng.randrange(10)
    return join_zip(
        mutate_list(rng, members, mutate_member)
        if kind == 0
        else [_mutate_part(rng, member, kind) for member in members]
    )


def _mutate_part(rng: Random, member: Member, kind: int) -> Member:
    if member.name == b"config.json" and kind < 7:
        text = member.data.decode("utf-8", "replace")
        if _is_json(text) and kind < 6:
            text = json.dumps(mutate_config(rng, json.loads(text)))
        else:
            text = mutate_text(rng, text, [f'"{key}"' for key in CONFIG_KEYS])
        return member._replace(data=text.encode("utf-8", "surrogatepass")[:50_000])
    if member.name == b"model.weights.h5" and kind > 5:
        seeds = hdf5_seeds()
        data = rng.choice(seeds) if rng.random() < 0.1 else member.data
        data = mutate_hdf5(rng, data, [*seeds, archive_weights()])
        return member._replace(data=data, method=rng.choice((0, 0, 0, 8)))
    return member
