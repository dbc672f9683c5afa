"""Which of ONNX's own tests of operators and networks pass, and the reasons of the others.

The library's wheel has them: `onnx.backend.test.case.node` makes a small graph for each operator with its inputs and
outputs, and `onnx/backend/test/data` has graphs that PyTorch has exported, and networks with constant weights.

A network of cnnfx reads one image. So the first input of each test is made from the image, and so are the others that
an operator joins to it. All others become constants of the graph. A vector is given as the channels of one pixel, a
matrix as several images of one pixel, and three axes as those of an image.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import cnnfx
from cnnfx.errors import CnnfxError
from cnnfx.formats.onnx.operators import OPERATORS
from cnnfx.nn.layers import Activation
from cnnfx.system.limits import MAX_TENSOR_BYTES
from tests.formats.onnx_files import helper, numpy_helper, onnx

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
TABLE = Path(__file__).with_name("onnx_backend.md")
VERSION = "1.23."
"""The version of the library whose tests the table counts."""
PASSED = "passed"
AXES = frozenset(
    ("Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Expand", "Cast", "Concat")
)
"""The operators that change axes: a dense layer after them shows the order of their values."""
JOINS = frozenset(("Add", "Sub", "Mul", "Div", "Sum", "Max", "Min", "Concat"))
"""The operators that join several inputs of the same kind."""

REASONS = {
    r"constant that varies from position to position": "another input varies from position to position",
    r"parts of (several|another) ax": "rows or columns are taken",
    r"input 2 is no list": "one index",
    r"input \d+ is a constant, where maps are needed": "a constant is joined to the maps",
    r"no (image|floats)": "the input is no image",
    r"\(images, channels, (rows, columns|…)\) is needed": "the input has one or three axes for positions",
    r"larger than the|does not fit into|, where \(K, C": "the input has one or three axes for positions",
    r"columns; the limit": "the input has one or three axes for positions",
    r"result 2 of": "the positions of the maxima, or the mask of a dropout, are read",
    r"in training": "training",
    r"rounded to another type": "values become integers",
    r"dilation is not": "pooling with dilation",
    r"axis than that of the channels|over other axes|padding of other": "another axis than the channels or the maps",
    r"cannot have the shape|does not keep": "axes of maps are split or mixed",
    r"matrix product": "a product with more than a matrix",
    r"do not fit together|a constant of shape|maps are repeated|are joined": "maps grow by broadcasting",
    r"a division by values": "a division by values that depend on the image",
    r"padding with|or cropping": "padding with another value than 0, or cropping",
    r"transA": "a transposed image",
    r"is not known is not supported|empty|malformed|are of|of size 0": "arrays without values",
    r"none of its outputs": "the result does not depend on the image",
    r"inputs?, where one image": "several images",
    r"more than one number|(Max|Min) of tensors": "a limit for each position",
    r"over an even number": "normalization over an even number of channels",
    r"operator (\w+) .*is not supported": "an operator that is not supported",
}
"""Parts of messages, and the reason of which they are a sign."""


def reason_of(message: str) -> str:
    return next((reason for part, reason in REASONS.items() if re.search(part, message)), message)


def result(path: Path, content: Any, image: np.ndarray, expected: np.ndarray) -> str:
    """Return "passed", or the reason why a model does not compute what is expected from an image."""
    path.write_bytes(content.SerializeToString())
    try:
        network = cnnfx.load_network(path)
        found = network.forward(image.astype(np.float32))[len(network.layers)]
        is_rounding = network.layers[-1].activation.kind == "softmax" and largest_score(network, image) > 1e9
    except CnnfxError as error:
        return reason_of(str(error))
    if found.size != expected.size:
        return "another size"
    if is_rounding:  # on some processors, they do not change the largest probability
        return "scores of over 10^9, whose differences are rounding errors"
    is_same = np.allclose(found.reshape(expected.shape), expected, rtol=1e-3, atol=1e-5)
    return PASSED if is_same else "whole numbers" if expected.dtype.kind in "iu" else "other values"


def largest_score(network: cnnfx.Network, image: np.ndarray) -> float:
    """Return the largest magnitude of the scores before the softmax of the last layer."""
    last = replace(network.layers[-1], activation=Activation("none"))
    scores = replace(network, layers=(*network.layers[:-1], last)).forward(image.astype(np.float32))
    return float(np.abs(scores[len(network.layers)]).max())


def as_image(array: np.ndarray) -> np.ndarray:
    """Return an input of a test as images (N, C, H, W)."""
    shape = array.shape
    return array.reshape(
        {0: (1, 1, 1, 1), 1: (1, *shape, 1, 1), 2: (*shape, 1, 1), 3: (1, *shape)}.get(len(shape), shape)
    )


def with_image(content: Any, arrays: list[np.ndarray], output: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return a model of a test's graph with one image, and this image.

    Filters of 1×1 take each of the first inputs, `arrays` of the same shape, from the channels of the image.
    """
    image = np.concatenate([as_image(array) for array in arrays], axis=1)
    nodes, tensors = [], {"test shape": np.array(arrays[0].shape)}
    every = np.eye(image.shape[1], dtype=np.float32)[..., np.newaxis, np.newaxis]
    for entry, filters in zip(content.graph.input, np.split(every, len(arrays)), strict=False):
        name = f"{entry.name} of image"
        tensors[f"{name}.weight"] = filters
        nodes.append(helper.make_node("Conv", ["test image", f"{name}.weight"], [name]))
        nodes.append(helper.make_node("Reshape", [name, "test shape"], [entry.name]))
    nodes += content.graph.node
    wanted = content.graph.output[0].name
    if content.graph.node[0].op_type in AXES and output.size:
        count = len(image)
        tensors |= {"test rows": np.array([count, -1]), "test same": np.eye(output.size // count, dtype=np.float32)}
        nodes.append(helper.make_node("Reshape", [wanted, "test rows"], ["test row"]))
        nodes.append(helper.make_node("MatMul", ["test row", "test same"], ["test output"]))
        wanted = "test output"
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("test image", 1, image.shape)],
        [helper.make_tensor_value_info(wanted, 1, None)],
        [*content.graph.initializer, *(numpy_helper.from_array(value, name) for name, value in tensors.items())],
    )
    return helper.make_model(graph, opset_imports=content.opset_import), image


def node_cases() -> Iterator[Any]:
    """Yield the library's tests of the operators that are supported, without those of an operator's parts."""
    cases = importlib.import_module("onnx.backend.test.case.node")
    folder = Path(str(cases.__file__)).parent
    wanted = {operator.lower() for operator in OPERATORS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's tests of casts overflow
        for path in sorted(folder.glob("*.py")):
            if path.stem.replace("_", "") in wanted:
                importlib.import_module(f"onnx.backend.test.case.node.{path.stem}")
    for case in cases._NodeTestCases:
        if "_expanded" not in case.name and len(case.model.graph.node) == 1:
            yield case


def node_results(path: Path) -> dict[str, Counter[str]]:
    """Return for each operator how many of its tests pass, and the number of the others by reason."""
    table: dict[str, Counter[str]] = {}
    for case in node_cases():
        ((inputs, outputs),) = case.data_sets
        reasons = table.setdefault(case.model.graph.node[0].op_type, Counter())
        if not all(isinstance(array, np.ndarray | np.generic) for array in [*inputs, outputs[0]]):
            reasons["the input is no image"] += 1
            continue
        if inputs[0].dtype.kind not in "fiu" or inputs[0].ndim > 4 or not inputs[0].size:
            reasons["the input is no image"] += 1
            continue
        node = case.model.graph.node[0]
        arrays = [np.asarray(array) for array in inputs]
        maps = arrays if node.op_type in JOINS and len({array.shape for array in arrays}) == 1 else arrays[:1]
        content = onnx.ModelProto()
        content.CopyFrom(case.model)
        for entry, array in list(zip(content.graph.input, arrays, strict=True))[len(maps) :]:
            content.graph.initializer.append(numpy_helper.from_array(array, entry.name))
        content, image = with_image(content, maps, np.asarray(outputs[0]))
        reasons[result(path, content, image, np.asarray(outputs[0]))] += 1
    return table


def stored(path: Path) -> np.ndarray:
    """Return the array of a file of one tensor."""
    return np.asarray(numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes())))


def exported_results(path: Path, kind: str) -> Counter[str]:
    """Return how many of the graphs in a folder of the library pass, and the number of the others by reason."""
    reasons: Counter[str] = Counter()
    for folder in sorted((DATA / kind).iterdir()):
        image, expected = (stored(folder / "test_data_set_0" / f"{name}_0.pb") for name in ("input", "output"))
        content = onnx.ModelProto.FromString((folder / "model.onnx").read_bytes())
        image = image if image.ndim > 3 or image.ndim < 3 else image[np.newaxis]
        reasons[result(path, content, image, expected)] += 1
    return reasons


LIGHT = ("densenet121", "inception_v1", "shufflenet", "squeezenet")
"""Networks with constant weights. The others (AlexNet, Inception 2, ResNet-50, VGG-19, ZFNet) pass, but take longer."""


def network_results(path: Path) -> Counter[str]:
    """Return how many of the networks with constant weights pass, and the number of the others by reason.

    Their files of a few kilobytes have operators that make the weights. The limit of such operators is lifted.
    """
    reasons: Counter[str] = Counter()
    for name in LIGHT:
        content = onnx.ModelProto.FromString((DATA / "light" / f"light_{name}.onnx").read_bytes())
        expected = stored(DATA / "light" / f"light_{name}_output_0.pb")
        shape = (1, 3, 224, 224)
        image = (np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)).astype(np.float32)
        with patch("cnnfx.formats.onnx.weights.expansion_limit", return_value=MAX_TENSOR_BYTES):
            reasons[result(path, content, image, expected)] += 1
    return reasons


def all_results(path: Path) -> dict[str, Counter[str]]:
    """Return the number of tests that pass, and of the others by reason, by operator or folder."""
    table = dict(sorted(node_results(path).items()))
    for kind in ("pytorch-converted", "pytorch-operator"):
        table[f"`{kind}`"] = exported_results(path, kind)
    return {**table, "`light`": network_results(path)}


def as_table(results: dict[str, Counter[str]]) -> str:
    """Return the numbers of tests as a table in Markdown."""
    rows = ["| operator or folder | tests | pass | the others |", "|---|---|---|---|"]
    for name, counts in results.items():
        others = [f"{count} {reason}" for reason, count in sorted(counts.items()) if reason != PASSED]
        rows.append(f"| {name} | {counts.total()} | {counts[PASSED]} | {'; '.join(others)} |")
    tests, passed = (sum(map(count, results.values())) for count in (Counter.total, lambda counts: counts[PASSED]))
    return "\n".join([*rows, f"| all | {tests} | {passed} | |"])


@pytest.mark.skipif(not onnx.__version__.startswith(VERSION), reason="the table is for another version of onnx")
def test_the_table_says_which_tests_of_the_library_pass(tmp_path: Path) -> None:
    table = as_table(all_results(tmp_path / "case.onnx"))
    assert TABLE.read_text(encoding="utf-8").endswith(f"\n\n{table}\n")


if __name__ == "__main__":
    print(as_table(all_results(Path("/tmp/backend_case.onnx"))))
