"""ONNX files for tests, made with the library, and what its reference evaluator computes from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

Array = np.ndarray
RNG = np.random.default_rng(7)
NEWEST = 22
"""The version of operators of the files, unless given."""


def normal(*shape: int) -> Array:
    """Return random float32 numbers."""
    return RNG.normal(size=shape).astype(np.float32)


def node(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
    """Return a node with inputs as words; its name is that of its output."""
    names = [] if not inputs else ["" if name == "-" else name for name in inputs.split(" ")]
    return helper.make_node(operator, names, output.split(" "), name=output.split(" ")[0], **attributes)


def model(
    nodes: Sequence[Any],
    tensors: Mapping[str, Array] | None = None,
    shape: Sequence[int | str | None] = (1, 3, 12, 10),
    *,
    version: int = NEWEST,
    output: str = "",
    kind: int = TensorProto.FLOAT,
) -> Any:
    """Return a model whose image is called "x", and whose output is the last node's unless given."""
    given = helper.make_tensor_value_info("x", kind, shape)
    names = (output or nodes[-1].output[0]).split(" ")
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    stored = [numpy_helper.from_array(array, name) for name, array in (tensors or {}).items()]
    graph = helper.make_graph(list(nodes), "graph", [given], outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)


def write(path: Path, content: Any) -> Path:
    """Write a model to a file, and return its path."""
    path.write_bytes(content.SerializeToString())
    return path


def evaluate(content: Any, image: Array) -> list[Array]:
    """Return the outputs of a model for an image (C, H, W) by the reference evaluator, each without the batch."""
    rank = len(content.graph.input[0].type.tensor_type.shape.dim)
    results = ReferenceEvaluator(content).run(None, {"x": image[np.newaxis] if rank == 4 else image})
    return [np.asarray(result)[0] if rank == 4 else np.asarray(result) for result in results]
