"""Seeds and a mutator for model files: archives whose array `meta` is a JSON text, which is changed as a tree."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.arrays import join_zip, mutate_member, mutate_npz, npy, npz, split_npy, split_zip
from tests.fuzz.mutations import ODD_TEXTS, mutate_list, mutate_text, number, number_text, times
from tests.fuzz.texts import FILTER_FILES

META_KEYS = (
    "format", "layers", "classes", "name", "description", "source", "preprocessing", "kind", "filters", "combine",
    "activation", "pool", "stride", "dilation", "padding", "border", "groups", "inputs", "from", "join", "input",
    "dataset", "seed", "epochs", "accuracy", "mean", "std", "deviation", "channels", "size", "fit", "resize",
    "resample", "scale", "slope", "local_response", "ceil", "count_padding",
)  # fmt: skip
META_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 4, 10**30, -(10**30), 1 << 31, 0.5, 1e308, float("nan"), float("inf"), -0.0,
    "", "a", "relu", "conv", "maps", "dense", "same", "valid", "max", "digit", "rgb", "gray", "crop", "concat",
    "add", "norm", [], {}, [1], [1, 28, 28], [0, 0], [[1, 1], [1, 1]], ["a", "a"], [None],
    {"kind": "max", "size": 2}, {"kind": "relu", "slope": None}, "\ud800", "\x1b[31m", "a" * 1000, [10**30, 28, 28],
    [[]], {"": {}}, "1" * 5000,
)  # fmt: skip


def model_meta(**changes: Any) -> dict[str, Any]:
    """Return the description of a model of one layer and a head of two classes, for images of 4×4 pixels."""
    conv = {
        "kind": "conv", "filters": ["1", "2"], "combine": [], "activation": "relu",
        "pool": {"kind": "max", "size": [2, 2], "stride": [2, 2], "padding": [[0, 0], [0, 0]], "ceil": False,
                 "count_padding": False},
        "stride": [1, 1], "dilation": [1, 1], "padding": "valid", "border": "constant", "groups": 1, "inputs": None,
    }  # fmt: skip
    meta = {
        "format": 3, "layers": [conv, {"kind": "dense", "input": [2, 1, 1]}], "classes": ["0", "1"],
        "dataset": "drawn:60", "seed": 0, "epochs": 1, "input": [1, 4, 4], "accuracy": [0.5], "name": "",
        "description": "", "source": "",
        "preprocessing": {"channels": "gray", "size": [4, 4], "fit": "digit", "mean": [0.1], "std": [0.3]},
    }  # fmt: skip
    return {**meta, **changes}


def written_models(ending: str = ".npz") -> list[bytes]:
    """Return networks as cnnfx writes them: of two layers with a head, of one layer without, and of a graph."""
    from cnnfx.errors import ArgumentError
    from cnnfx.formats.load import load_network
    from cnnfx.formats.save import save_network

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for text, channels in ((FILTER_FILES[0], 1), (FILTER_FILES[1], 1), (FILTER_FILES[2], 3), (FILTER_FILES[3], 1)):
            source, path = Path(folder, "a.toml"), Path(folder, f"a{ending}")
            source.write_text(text.partition('[[layer]]\nfrom = ["c"')[0])
            network = load_network(source)
            names = ["red", "green", "blue"] if channels == 3 else ["gray"]
            with contextlib.suppress(ArgumentError):  # what ONNX cannot express
                save_network(network.bind(names), path)
                found.append(path.read_bytes())
    return found


def model_seeds() -> list[bytes]:
    """Return models that cnnfx writes, and models with all that training adds."""
    ones = {
        "layers.0.weight": np.ones((2, 1, 3, 3), "f4"),
        "layers.0.bias": np.zeros(2, "f4"),
        "layers.1.weight": np.ones((2, 2), "f4"),
        "layers.1.bias": np.zeros(2, "f4"),
    }
    start = {f"start.{name}": array for name, array in ones.items()}
    training = {
        "training.step": np.array(3),
        "training.optimizer.0": np.zeros(20, "f4"),
        "training.state": np.array("{}"),
    }
    own = written_models()
    metas = [model_meta(), model_meta(format=1, mean=0.1, deviation=0.3), model_meta(format=2, mean=0.1, std=0.3)]
    own += [npz({"meta": np.array(json.dumps(meta)), **ones}) for meta in metas]
    own.append(npz({"meta": np.array(json.dumps(model_meta())), **ones, **start, **training}, 8))
    return own


def mutate_model(rng: Random, data: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """Change the JSON text `meta` of a model, most often as a tree, or the archive."""
    if rng.random() < 0.35:
        return mutate_npz(rng, data, seeds)
    try:
        members = split_zip(data)
        index = next(index for index, member in enumerate(members) if member.name == b"meta.npy")
        _, header, values = split_npy(members[index].data)
        text = values.decode("utf-32-le" if "<U" in header else "utf-32-be", "replace")
        if rng.random() < 0.8:
            text = json.dumps(mutate_tree(rng, json.loads(text)))
        else:
            text = mutate_text(rng, text, [f'"{key}"' for key in META_KEYS])
        array = np.array(text.encode("utf-8", "replace").decode()[:20_000].rstrip("\0"))
        members[index] = members[index]._replace(data=npy(array))
    except (ValueError, StopIteration, RecursionError):
        return mutate_npz(rng, data, seeds)
    if rng.random() < 0.15:
        members = mutate_list(rng, members, mutate_member)
    return join_zip(members)


def mutate_tree(rng: Random, tree: Any) -> Any:
    """Change values of a JSON tree at random places."""
    for _ in range(times(rng)):
        tree = _mutate_node(rng, tree)
    return tree


def _mutate_node(rng: Random, node: Any) -> Any:
    is_inner = isinstance(node, dict | list) and node
    if is_inner and rng.random() < 0.8:
        if isinstance(node, list):
            return mutate_list(rng, node, _mutate_node, META_VALUES, 1)
        result = dict(node)
        key = rng.choice(list(result))
        kind = rng.randrange(14)
        if kind == 0:
            del result[key]
        elif kind == 1:
            result[rng.choice(META_KEYS)] = rng.choice(META_VALUES)
        elif kind == 2:
            result[rng.choice(META_KEYS)] = result.pop(key)
        else:
            result[key] = _mutate_node(rng, result[key])
        return result
    kind = rng.randrange(8)
    if type(node) is int and kind < 4:
        return rng.choice((-1, 1)) * number(rng, abs(node), rng.choice((4, 8, 32, 64)))
    if isinstance(node, float) and kind < 4:
        return float(rng.choice(("0", "-1", "1e-30", "1e308", "nan", "inf", "3.5e38", str(node * 2))))
    if isinstance(node, str) and kind < 4:
        return rng.choice((mutate_text(rng, node), rng.choice(ODD_TEXTS), number_text(rng)))[:3_000]
    if kind == 4:
        return [node] * rng.choice((1, 2, 3, 100))
    if kind == 5:
        return {rng.choice(META_KEYS): node}
    return rng.choice(META_VALUES)
