"""ONNX files become networks that compute what the reference evaluator of ONNX computes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnfx
from cnnfx.errors import FileError
from cnnfx.nn.network import Network
from tests.formats.onnx_files import TensorProto, evaluate, helper, model, node, normal, onnx, write

Array = np.ndarray


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


def load(path: Path, content: Any, **options: Any) -> Network:
    return cnnfx.load_network(write(path, content), **options)


def check(path: Path, content: Any, side: tuple[int, int] = (12, 10), tolerance: float = 2e-5) -> Network:
    """Check that a network computes what the reference evaluator does, up to the order of the axes of maps."""
    network = load(path, content)
    sizes = [dim.dim_value for dim in content.graph.input[0].type.tensor_type.shape.dim]
    channels = network.in_channels or (sizes[-1] if sizes[1:3] == list(side) else sizes[-3])
    image = normal(channels, *side)
    given = image.transpose(1, 2, 0) if len(sizes) == 4 and sizes[1:3] == list(side) else image
    (expected,) = evaluate(content, given)
    found = network.forward(image[np.newaxis])[len(network.layers)][0]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=tolerance, atol=tolerance)
    return network


def names(network: Network) -> list[str]:
    return [layer.name for layer in network.layers]


CONV = node("Conv", "x w", "y")
W = {"w": normal(4, 3, 3, 3)}


# Operators


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"strides": [2, 1], "pads": [1, 2, 0, 1], "dilations": [1, 2]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [3, 2]},
        {"auto_pad": "VALID"},
    ],
)
@pytest.mark.parametrize("shape", [(1, 3, 12, 10), (1, 3, 11, 7)])
def test_filters_equal_the_reference(path: Path, attributes: dict[str, Any], shape: tuple[int, ...]) -> None:
    content = model([node("Conv", "x w b", "y", **attributes)], {**W, "b": normal(4)}, shape)
    check(path, content, (shape[2], shape[3]))


def test_filters_in_groups_equal_the_reference(path: Path) -> None:
    check(path, model([node("Conv", "x w", "y", group=3)], {"w": normal(6, 1, 3, 3)}))


@pytest.mark.parametrize("version", [7, 13, 15, 22])
def test_batch_normalization_is_folded_into_the_filters(path: Path, version: int) -> None:
    tensors = {**W, "s": normal(4), "b": normal(4), "m": normal(4), "v": normal(4) ** 2}
    content = model([CONV, node("BatchNormalization", "y s b m v", "z", epsilon=1e-3)], tensors, version=version)
    network = load(path, content)
    assert len(network.layers) == 1
    image = normal(3, 12, 10)
    (maps,) = evaluate(model([CONV], W), image)
    scale, offset, mean, variance = (tensors[name][:, None, None] for name in "sbmv")
    expected = scale * (maps - mean) / np.sqrt(variance + 1e-3) + offset
    np.testing.assert_allclose(network.feature_maps(image)[0], expected, rtol=1e-4, atol=1e-4)


ACTIVATIONS = [
    node("Relu", "y", "z"),
    node("LeakyRelu", "y", "z", alpha=0.3),
    node("PRelu", "y slope", "z"),
    node("PRelu", "y one", "z"),
    node("Sigmoid", "y", "z"),
    node("Tanh", "y", "z"),
    node("Abs", "y", "z"),
    node("Neg", "y", "z"),
    node("HardSigmoid", "y", "z"),
    node("HardSigmoid", "y", "z", alpha=0.3, beta=0.1),
    node("HardSwish", "y", "z"),
    node("Clip", "y zero six", "z"),
    node("Clip", "y zero", "z"),
    node("Clip", "y - six", "z"),
    node("Clip", "y", "z"),
    node("Clip", "y minus six", "z"),
    node("Clip", "y zero most", "z"),
    node("Clip", "y far_below far_above", "z"),
    node("Clip", "y zero far_above", "z"),
    node("Max", "y far_below", "z"),
    node("Softmax", "y", "z", axis=1),
    node("Softmax", "y", "z", axis=-3),
    node("Max", "y minus", "z"),
    node("Min", "six y", "z"),
    node("Add", "channels y", "z"),
    node("Sub", "y channels", "z"),
    node("Sub", "channels y", "z"),
    node("Mul", "y minus", "z"),
    node("Div", "y channels", "z"),
    node("Add", "y y", "z"),
    node("Mul", "y y", "z"),
    node("Sub", "y y", "z"),
    node("Sum", "y y y", "z"),
    node("Dropout", "y", "z"),
    node("Identity", "y", "z"),
    node("Cast", "y", "z", to=1),
    node("GlobalAveragePool", "y", "z"),
    node("GlobalMaxPool", "y", "z"),
    node("ReduceMean", "y rows_columns", "z"),
    node("ReduceMean", "y rows_columns", "z", keepdims=0),
    node("ReduceMean", "y rows", "z"),
    node("ReduceSum", "y columns", "z", keepdims=0),
    node("ReduceMax", "y rows_columns", "z"),
    node("MaxPool", "y", "z", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
    node("MaxPool", "y", "z", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER"),
    node("MaxPool", "y", "z", kernel_shape=[2, 2]),
    node("AveragePool", "y", "z", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    node("AveragePool", "y", "z", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    node("Pad", "y pads", "z"),
    node("Pad", "y pads", "z", mode="edge"),
    node("Pad", "y pads", "z", mode="reflect"),
    node("Pad", "y pads - axes", "z", mode="wrap"),
    node("Concat", "y y", "z", axis=1),
    node("Concat", "y y y", "z", axis=-3),
    node("Expand", "y ones", "z"),
]
CONSTANTS = {
    "slope": normal(4, 1, 1), "one": normal(1), "zero": np.float32(0), "six": np.float32(0.6),
    "minus": np.float32(-0.7), "most": np.finfo(np.float32).max, "channels": normal(1, 4, 1, 1) + 5,
    "rows_columns": np.array([2, 3]), "rows": np.array([2]), "columns": np.array([-1]),
    "far_below": np.float32(-65504), "far_above": np.float32(1e30),
    "pads": np.array([0, 0, 1, 2, 0, 0, 1, 1]), "axes": np.array([0, 1, 2, 3]), "ones": np.array([1, 1, 1, 1]),
}  # fmt: skip


def tensors_of(*nodes: Any) -> dict[str, Array]:
    read = {name for each in nodes for name in each.input}
    return {name: array for name, array in {**W, **CONSTANTS}.items() if name in read}


def title(each: Any) -> str:
    attributes = [f"{item.name}={helper.get_attribute_value(item)}" for item in each.attribute]
    return " ".join([each.op_type, *each.input, *attributes])


@pytest.mark.parametrize("after", ACTIVATIONS, ids=title)
def test_an_operator_after_filters_equals_the_reference(path: Path, after: Any) -> None:
    check(path, model([CONV, after], tensors_of(CONV, after)))


def test_local_response_normalization_divides_by_the_energy_of_the_channels_around(path: Path) -> None:
    nodes = [CONV, node("LRN", "y", "z", size=3, alpha=0.3, beta=0.5, bias=2.0)]
    maps, normalized = load(path, model(nodes, W)).feature_maps(normal(3, 12, 10))
    squares = np.pad(maps**2, ((1, 1), (0, 0), (0, 0)))
    expected = maps / np.sqrt(2 + 0.1 * (squares[:-2] + squares[1:-1] + squares[2:]))
    np.testing.assert_allclose(normalized, expected, rtol=1e-5)


OLD = [
    (node("Clip", "y", "z", min=-0.2, max=0.7), 7),
    (node("Clip", "y", "z", min=-0.2), 7),
    (node("Pad", "y", "z", pads=[0, 0, 1, 2, 0, 0, 0, 1]), 7),
    (node("ReduceMean", "y", "z", axes=[2, 3]), 11),
    (node("ReduceSum", "y", "z", axes=[3], keepdims=0), 11),
    (node("AveragePool", "y", "z", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), 7),
    (node("Dropout", "y", "z", ratio=0.5), 7),
]


@pytest.mark.parametrize(("after", "version"), OLD, ids=[f"{title(each)} {version}" for each, version in OLD])
def test_an_operator_of_an_old_version_equals_the_reference(path: Path, after: Any, version: int) -> None:
    check(path, model([CONV, after], W, version=version))


def test_a_maximum_of_padded_maps_is_over_zeros_too(path: Path) -> None:
    nodes = [CONV, node("Pad", "y pads", "p"), node("MaxPool", "p", "z", kernel_shape=[3, 3], strides=[2, 2])]
    check(path, model(nodes, tensors_of(*nodes)))


# Dense filters and axes


DENSE = [
    [node("Flatten", "x", "f"), node("Gemm", "f d b", "y", transB=1)],
    [node("Flatten", "x", "f"), node("Gemm", "f t b", "y", alpha=0.5, beta=2.0)],
    [node("Flatten", "x", "f"), node("MatMul", "f t", "m"), node("Add", "m b", "y")],
    [node("Reshape", "x shape", "f"), node("Gemm", "f d", "y", transB=1)],
    [node("Transpose", "x", "r", perm=[0, 2, 3, 1]), node("Flatten", "r", "f"), node("MatMul", "f t", "y")],
    [
        node("Transpose", "x", "r", perm=[0, 2, 3, 1]), node("MatMul", "r c", "m"),
        node("Transpose", "m", "y", perm=[0, 3, 1, 2]),
    ],
    [
        node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0), node("Unsqueeze", "n axis", "u"),
        node("Concat", "u rest", "v", axis=0), node("Reshape", "x v", "f"), node("MatMul", "f t", "y"),
    ],
    [
        node("GlobalAveragePool", "x", "g"), node("Squeeze", "g rows", "q"), node("Gemm", "q e b", "m", transB=1),
        node("Relu", "m", "r"), node("Softmax", "r", "y"),
    ],
    [node("GlobalAveragePool", "x", "g"), node("Reshape", "g shape", "f"), node("Concat", "f f", "y", axis=1)],
]  # fmt: skip
FEATURES = 3 * 6 * 4
DENSE_TENSORS = {
    "d": normal(5, FEATURES), "t": normal(FEATURES, 5), "b": normal(5), "shape": np.array([0, -1]), "c": normal(3, 5),
    "zero": np.array(0), "axis": np.array([0]), "rest": np.array([-1]), "rows": np.array([2, 3]), "e": normal(5, 3),
}  # fmt: skip


@pytest.mark.parametrize("batch", [1, "N"])
@pytest.mark.parametrize("nodes", DENSE, ids=lambda nodes: " ".join(each.op_type for each in nodes))
def test_dense_filters_equal_the_reference(path: Path, nodes: list[Any], batch: int | str) -> None:
    read = {name for each in nodes for name in each.input}
    tensors = {name: array for name, array in DENSE_TENSORS.items() if name in read}
    check(path, model(nodes, tensors, (batch, 3, 6, 4)), (6, 4))


def test_an_image_with_channels_last_equals_the_reference(path: Path) -> None:
    nodes = [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Conv", "t w", "y")]
    check(path, model(nodes, W, (1, 12, 10, 3)))


def test_dense_filters_after_maps_of_unknown_size_take_these_for_squares(path: Path) -> None:
    nodes = [CONV, node("Flatten", "y", "f"), node("Gemm", "f d", "z", transB=1)]
    network = check(path, model(nodes, {**W, "d": normal(5, 4 * 36)}, ("N", 3, "H", "W")), (8, 8))
    assert network.layers[-1].conv is not None
    assert network.layers[-1].conv.weights.shape == (5, 4, 6, 6)


CHANNELS = [
    [node("Split", "y sizes", "a z", axis=1)],
    [node("Split", "y", "z b", axis=-3, num_outputs=2)],
    [node("Slice", "y from to at", "z")],
    [node("Slice", "y to from at back", "z")],
    [node("Slice", "y zero big every", "z")],
    [node("Gather", "y picked", "z", axis=1)],
    [node("Reshape", "y five", "g"), node("Transpose", "g", "t", perm=[0, 2, 1, 3, 4]), node("Reshape", "t four", "z")],
    [node("Reshape", "y five", "g"), node("Relu", "g", "t"), node("Reshape", "t four", "z")],
    [node("Split", "y sizes", "a b", axis=1), node("Concat", "b a", "z", axis=1)],
]
CHANNEL_TENSORS = {
    "sizes": np.array([1, 5]), "from": np.array([1]), "to": np.array([5]), "at": np.array([1]), "back": np.array([-2]),
    "picked": np.array([5, 0, -2]), "five": np.array([0, 2, 3, 10, 8]), "four": np.array([0, -1, 10, 8]),
    "zero": np.array([0, 0]), "big": np.array([2**60, 2**60]), "every": np.array([0, 2]), "w": normal(6, 3, 3, 3),
}  # fmt: skip


@pytest.mark.parametrize("after", CHANNELS, ids=lambda nodes: " ".join(map(title, nodes)))
def test_channels_that_are_taken_or_shuffled_equal_the_reference(path: Path, after: list[Any]) -> None:
    read = {name for each in (CONV, *after) for name in each.input}
    tensors = {name: array for name, array in CHANNEL_TENSORS.items() if name in read}
    check(path, model([CONV, *after], tensors, output="z"))


# Graphs


def test_a_residual_block_with_a_gate_equals_the_reference(path: Path) -> None:
    nodes = [
        node("Conv", "x w", "a", pads=[1] * 4), node("Relu", "a", "r"),
        node("Conv", "r v", "b", pads=[1] * 4),
        node("GlobalAveragePool", "b", "g"), node("Conv", "g u", "h"), node("HardSigmoid", "h", "k", alpha=1 / 6),
        node("Mul", "b k", "m"), node("Add", "m r", "s"), node("Relu", "s", "y"),
    ]  # fmt: skip
    tensors = {**W, "v": normal(4, 4, 3, 3), "u": normal(4, 4, 1, 1)}
    assert names(check(path, model(nodes, tensors, (1, 3, 8, 8)), (8, 8))) == ["a", "b", "g", "h", "m", "s"]


def test_one_map_multiplies_all_channels(path: Path) -> None:
    nodes = [CONV, node("Conv", "y v", "g", pads=[0] * 4), node("Sigmoid", "g", "h"), node("Mul", "y h", "z")]
    check(path, model(nodes, {**W, "v": normal(1, 4, 1, 1)}))


def test_a_leading_normalization_becomes_that_of_the_input(path: Path) -> None:
    nodes = [node("Sub", "x mean", "a"), node("Div", "a std", "b"), node("Conv", "b w", "y")]
    tensors = {**W, "mean": normal(1, 3, 1, 1), "std": normal(3, 1, 1) ** 2 + 1}
    network = check(path, model(nodes, tensors))
    assert len(network.layers) == 1
    np.testing.assert_allclose(network.input.mean, tensors["mean"].ravel(), rtol=1e-6)
    np.testing.assert_allclose(network.input.std, tensors["std"].ravel(), rtol=1e-6)


def test_pixels_of_bytes_are_scaled_to_255(path: Path) -> None:
    nodes = [node("Cast", "x", "f", to=1), node("Conv", "f w", "y")]
    network = load(path, model(nodes, W, kind=TensorProto.UINT8))
    assert network.input.scale == 255


def test_the_size_of_the_input_is_that_of_the_file(path: Path) -> None:
    network = load(path, model([CONV], W, (1, 3, 12, 10)))
    assert (network.input.channels, network.input.size) == ("rgb", (12, 10))
    assert load(path, model([CONV], W, (1, 3, None, "W"))).input.size is None


def test_the_channels_of_an_input_without_shape_are_those_of_the_filters(path: Path) -> None:
    assert load(path, model([CONV], W, (None, None, None, None))).in_channels == 3


def test_weights_in_constant_nodes_are_read(path: Path) -> None:
    constant = helper.make_node("Constant", [], ["w"], value=onnx.numpy_helper.from_array(W["w"]))
    network = load(path, model([constant, CONV]))
    assert network.layers[0].conv is not None
    np.testing.assert_array_equal(network.layers[0].conv.weights, W["w"])


def test_weights_of_other_types_are_read_as_float32(path: Path) -> None:
    tensor = onnx.TensorProto(name="w", dims=[1, 1, 1, 2], data_type=TensorProto.BFLOAT16, raw_data=b"\x80\x3f\x00\xc0")
    content = model([CONV], shape=(1, 1, 4, 4))
    content.graph.initializer.append(tensor)
    layer = load(path, content).layers[0]
    assert layer.conv is not None
    assert layer.conv.weights.tolist() == [[[[1.0, -2.0]]]]
    halves = {"w": W["w"].astype(np.float16)}
    layer = load(path, model([CONV], halves)).layers[0]
    assert layer.conv is not None
    np.testing.assert_array_equal(layer.conv.weights, halves["w"])


def test_numbers_in_the_fields_of_a_message_are_read(path: Path) -> None:
    content = model([CONV], shape=(1, 1, 4, 4))
    content.graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT16, [1, 1, 1, 2], [1.5, -2.0]))
    layer = load(path, content).layers[0]
    assert layer.conv is not None
    assert layer.conv.weights.tolist() == [[[[1.5, -2.0]]]]


# Names and classes


@pytest.mark.parametrize(
    ("weights", "name", "expected"),
    [
        ("features.0.weight", "", "features.0"),
        ("conv1_w_0", "", "conv1"),
        ("conv1_weights", "", "conv1"),
        ("resnetv15_conv0_weight", "", "resnetv15_conv0"),
        ("net/conv2d/Conv2D/ReadVariableOp:0", "", "net/conv2d"),
        ("onnx::Conv_193", "/layer1/layer1.0/conv1/Conv", "layer1.0.conv1"),
        ("onnx::Conv_193", "/features/features.3/squeeze/Conv", "features.3.squeeze"),
        ("193", "Conv_3", "Conv_3"),
        ("193", "", "conv_1"),
    ],
)
def test_a_layer_has_the_name_of_its_weights_or_its_node(path: Path, weights: str, name: str, expected: str) -> None:
    conv = helper.make_node("Conv", ["x", weights], ["12"], name=name)
    assert names(load(path, model([conv], {weights: W["w"]}))) == [expected]


def test_a_layer_has_the_name_of_the_module_that_pytorch_writes(path: Path) -> None:
    conv = helper.make_node("Conv", ["x", "val_3"], ["val_4"], name="node_conv2d")
    conv.metadata_props.add(key="pkg.torch.onnx.name_scopes", value="['', 'features', 'features.0', 'conv2d']")
    assert names(load(path, model([conv], {"val_3": W["w"]}))) == ["features.0"]


@pytest.mark.parametrize("order", ["conv gate", "gate conv"])
def test_the_product_of_silu_has_the_name_of_its_module(path: Path, order: str) -> None:
    nodes = [node("Conv", "x w", "conv"), node("Sigmoid", "conv", "gate"), node("Mul", order, "y")]
    nodes[1].name, nodes[2].name = "/features/features.0/features.0.2/Sigmoid", "/features/features.0/features.0.2/Mul"
    network = check(path, model(nodes, W))
    assert names(network)[1:] == ["features.0.2.sigmoid", "features.0.2"]


def test_scores_are_those_of_numbered_classes(path: Path) -> None:
    nodes = [CONV, node("GlobalAveragePool", "y", "g"), node("Flatten", "g", "z")]
    assert load(path, model(nodes, W)).classes == ("class 0", "class 1", "class 2", "class 3")
    assert load(path, model(nodes[:2], W)).classes == ()


def test_the_maps_of_a_classifier_are_those_before_its_single_values(path: Path) -> None:
    nodes = [CONV, node("GlobalAveragePool", "y", "g"), node("Flatten", "g", "f"), node("Gemm", "f d", "z")]
    for shape in ((1, 3, 12, 10), ("N", 3, "H", "W")):
        network = load(path, model(nodes, {**W, "d": normal(4, 5)}, shape))
        assert (names(network), network.maps_layer) == (["y", "g", "z"], 1)


def test_an_arch_file_gives_the_input_and_the_names_of_classes(path: Path) -> None:
    arch = path.with_name("arch.toml")
    arch.write_text('classes = ["a", "b", "c", "d"]\n[input]\nchannels = "rgb"\nsize = [12, 10]\nmean = 0.5\n')
    nodes = [CONV, node("GlobalAveragePool", "y", "g"), node("Flatten", "g", "z")]
    network = load(path, model(nodes, W), arch=arch)
    assert (network.classes, network.input.mean) == (("a", "b", "c", "d"), (0.5,))


def test_all_outputs_of_a_network_are_layers(path: Path) -> None:
    nodes = [CONV, node("Relu", "y", "r"), node("MaxPool", "r", "p", kernel_shape=[2, 2]), node("Sigmoid", "y", "s")]
    content = model(nodes, W, output="p s")
    network = load(path, content)
    assert names(network) == ["y", "r", "p", "s"]
    image = normal(3, 12, 10)
    for expected, maps in zip(evaluate(content, image), network.feature_maps(image)[2:], strict=True):
        np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-5)


def test_nodes_that_no_output_needs_are_left_out(path: Path) -> None:
    nodes = [CONV, node("Elu", "y", "unused"), node("Relu", "y", "z")]
    assert names(load(path, model(nodes, W))) == ["y"]


@pytest.mark.networks
@pytest.mark.parametrize("size", [(48, 192), (64, 100), (33, 47)])
def test_the_network_of_paddle_equals_the_reference(networks_folder: Path, size: tuple[int, int]) -> None:
    """The reference evaluator updates means and variances as in training; with a momentum of 1 these stay the same."""
    content = onnx.load(networks_folder / "text_direction.onnx")
    for each in content.graph.node:
        for attribute in each.attribute:
            if attribute.name == "momentum":
                attribute.f = 1
    network = cnnfx.load_network(networks_folder / "text_direction.onnx")
    assert len(network.layers) == 81
    image = normal(3, *size)
    (expected,) = evaluate(content, image)
    found = network.forward(image)[len(network.layers)].ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


# What is not supported


UNSUPPORTED = node("Elu", "a", "e")
MALFORMED = '(node "y"): its inputs or attributes are malformed'


def test_an_operator_that_is_not_supported_is_named_with_the_layers_before_it(path: Path) -> None:
    nodes = [node("Conv", "x w", "a"), UNSUPPORTED, node("Relu", "e", "y")]
    with pytest.raises(FileError) as error:
        load(path, model(nodes, W))
    assert str(error.value) == (
        f'{path}: the operator Elu (node "e") is not supported. The layers before it can be used one at a time: a.'
    )


def test_layers_before_an_operator_that_is_not_supported_are_read(path: Path) -> None:
    nodes = [node("Conv", "x w", "a"), UNSUPPORTED, node("Relu", "e", "y")]
    assert names(load(path, model(nodes, W), layer="a")) == ["a"]
    with pytest.raises(FileError, match=r'Elu \(node "e"\) is not supported, so it is read up to there. There is no'):
        load(path, model(nodes, W), layer="y")


def test_maps_that_an_unsupported_operator_reads_are_not_changed_by_what_follows(path: Path) -> None:
    nodes = [node("Conv", "x w", "a"), node("Relu", "a", "r"), UNSUPPORTED, node("Add", "r e", "y")]
    network = load(path, model(nodes, W), layer="a")
    assert [layer.activation.kind for layer in network.layers] == ["none", "relu"]


@pytest.mark.parametrize(
    ("nodes", "tensors", "message"),
    [
        ([node("QLinearConv", "x w", "y")], W, "is for quantized networks, which are not supported"),
        ([node("DequantizeLinear", "x w", "y")], W, 'DequantizeLinear (node "y") is for quantized networks'),
        ([node("Conv", "x w", "y", domain="com.vendor")], W, 'com.vendor.Conv (node "y") is not supported'),
        ([node("Conv", "x missing", "y")], {}, 'there is no tensor "missing" before it'),
        ([node("Conv", "x x", "y")], {}, "input 2 depends on the image, where a constant is needed"),
        ([node("Conv", "x w", "y")], {"w": normal(4, 2, 3, 3)}, "do not fit 3 input channels"),
        ([node("Conv", "x w", "y")], {"w": normal(4, 3, 3)}, "filters of shape (4, 3, 3)"),
        ([node("Conv", "x w", "y", kernel_shape=[2, 2])], W, "kernel_shape is [2, 2], but the filters have the shape"),
        ([node("Conv", "x w", "y", pads=[-1] * 4)], W, "padding must be 0 or more, not -1"),
        ([node("Conv", "x w", "y", strides=[1])], W, "strides is no list of 2 whole numbers"),
        ([node("Conv", "x w", "y", auto_pad="MIDDLE")], W, "auto_pad 'MIDDLE' is not known"),
        ([node("Conv", "x w", "y")], {"w": W["w"] * np.nan}, 'the tensor "w" has values that are NaN or infinite'),
        ([node("Conv", "x w", "y")], {"w": np.full((4, 3, 1, 1), 1e300)}, "values that are too large for float32"),
        ([node("Softmax", "x", "y", axis=2)], {}, "a softmax over another axis than that of the channels"),
        ([node("Concat", "x x", "y", axis=2)], {}, "along another axis than that of the channels"),
        ([node("Add", "x w", "y")], {"w": normal(12, 10)}, "a constant that varies from position to position"),
        ([node("MaxPool", "x", "y", kernel_shape=[2, 2], dilations=[2, 2])], {}, "a pooling with dilation"),
        ([node("MaxPool", "x", "y", kernel_shape=[2, 2], pads=[2] * 4)], {}, "padding of pool max must be less"),
        ([node("MaxPool", "x", "y i", kernel_shape=[2, 2]), node("Relu", "i", "z")], {}, "result 2 of the operator"),
        ([node("Sum", " ".join(["x"] * 2001), "y")], {}, 'Sum (node "y"): it has 2,001 inputs; the limit is 2,000'),
        ([node("LRN", "x", "y", size=4)], {}, "over an even number of channels"),
        ([node("Reshape", "x s", "y")], {"s": np.array([1, 6, 6, 10])}, "cannot have the shape (1, 6, 6, 10) here"),
        ([node("Reshape", "x s", "y")], {"s": np.array([1, 0, -1, -1])}, "cannot have the shape"),
        ([node("Transpose", "x", "y", perm=[0, 1, 2, 2])], {}, "is no order of the axes"),
        ([node("Slice", "x s t t", "y")], {"s": np.array([1]), "t": np.array([2])}, "parts of another axis"),
        ([node("Slice", "x s t", "y")], {"s": np.array([0, 1, 1]), "t": np.array([9] * 3)}, "parts of several axes"),
        ([node("Split", "x s", "y z", axis=1)], {"s": np.array([1, 1])}, "2 parts of 2 in all, of an axis of 3"),
        ([node("Gather", "x s", "y", axis=1)], {"s": np.array([3])}, "1 indexes of an axis of 3 are not supported"),
        ([node("Squeeze", "x s", "y")], {"s": np.array([1])}, "are not of size 1"),
        ([node("Unsqueeze", "x s", "y")], {"s": np.array([9])}, "there is no axis 9"),
        ([node("Div", "x w", "y")], {"w": np.float32(0)}, "a division by zero"),
        ([node("Clip", "x w", "y")], {"w": np.float32(np.nan)}, "limited to nan and inf"),
        ([node("Pad", "x s", "y")], {"s": np.array([0, 0, -1, 0, 0, 0, 0, 0])}, "or cropping, is not supported"),
        ([node("Pad", "x s", "y")], {"s": np.array([0, 1, 0, 0, 0, 0, 0, 0])}, "padding of other axes"),
        ([node("Pad", "x s", "y")], {"s": np.array([1, 1])}, "2 sizes of padding for 4 axes"),
        ([node("Pad", "x s w", "y")], {"s": np.array([0, 0, 1, 1] * 2), "w": np.float32(3)}, "padding with 3, not 0"),
        ([node("Cast", "x", "y", to=7)], {}, "rounded to another type than floats"),
        ([node("Identity", "w", "y")], W, "none of its outputs is computed from its input"),
        ([node("Identity", "x", "y")], {}, "none of its outputs is computed from its input"),
        ([node("Relu", "x", "w")], W, 'two of its tensors are called "w"'),
        ([node("ConstantOfShape", "s", "y")], {"s": np.array([10**6, 10**6])}, "larger than 1,024 MB, the limit"),
        ([node("Expand", "w s", "y")], {"w": np.float32(1), "s": np.array([10**9])}, "larger than 1,024 MB"),
        ([node("Range", "a b c", "y")], dict(zip("abc", np.array([0, 10**12, 1]), strict=True)), "larger than 1,024"),
        ([node("Expand", "x s", "y")], {"s": np.array([5, 7])}, MALFORMED),
        ([node("Expand", "x s", "y")], {"s": np.array([-5])}, MALFORMED),
        ([node("Split", "x", "y z", axis=1, split=2)], {}, MALFORMED),
        ([node("Split", "x", "y z", axis=1, split=[1.0, 2.0])], {}, MALFORMED),
        ([node("Shape", "x", "y", end="a")], {}, MALFORMED),
        ([node("Conv", "x w", "c"), node("Transpose", "c", "t", perm=[0, 1, 3, 2]), node("Concat", "c t", "y", axis=1)],
         W, "along another axis than that of the channels"),
        ([node("GlobalMaxPool", "x", "p"), node("Flatten", "p", "f"), node("Add", "p f", "y")], {},
         "a tensor of shape (1, 3, 1, 1) and a tensor of shape (1, 3) do not fit together"),
        ([node("GlobalMaxPool", "x", "p"), node("Flatten", "p", "f"), node("Gemm", "f w", "y", alpha=1e38)],
         {"w": np.full((3, 2), 1e10)}, "values that are too large for float32"),
        ([node("Div", "x w", "y")], {"w": np.float64(1e-320)}, "a factor or an offset is not finite"),
        ([node("Range", "a b c", "y")], dict(zip("abc", np.array([0, 1, 0]), strict=True)), MALFORMED),
        ([node("Add", "a b", "y")], {"a": normal(2), "b": normal(3)}, MALFORMED),
        ([node("Gather", "a b", "y")], {"a": normal(2), "b": np.array([7])}, MALFORMED),
    ],
)  # fmt: skip
def test_a_graph_that_is_not_supported_is_an_error_with_its_node(
    path: Path, nodes: list[Any], tensors: dict[str, Array], message: str
) -> None:
    with pytest.raises(FileError) as error:
        load(path, model(nodes, tensors))
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("attributes", [{"min": [1.0]}, {"max": "a"}])
def test_a_limit_of_an_old_version_that_is_no_number_is_an_error(path: Path, attributes: dict[str, Any]) -> None:
    with pytest.raises(FileError, match=r'Clip \(node "y"\): its inputs or attributes are malformed'):
        load(path, model([node("Clip", "x", "y", **attributes)], version=8))


def test_a_node_without_results_is_passed_over(path: Path) -> None:
    split = helper.make_node("Split", ["x"], [], axis=1)
    assert names(load(path, model([split, CONV], W, version=11))) == ["y"]


def test_channels_that_are_taken_again_and_again_are_an_error_before_memory_is_taken(path: Path) -> None:
    nodes = [node("Gather", f"{index or 'x'} order", str(index + 1), axis=1) for index in range(20)]
    content = model(nodes, {"order": np.arange(1024)[::-1].copy()}, (1, 1024, 4, 4))
    with pytest.raises(FileError, match=r'Gather \(node "5"\): with the weights of Gather, it has 20,971,520 bytes'):
        load(path, content)


def test_weights_that_are_copied_for_many_nodes_are_an_error_before_memory_is_taken(path: Path) -> None:
    nodes = [node("Flatten", "x", "0"), *(node("MatMul", f"{index} w", str(index + 1)) for index in range(200))]
    with pytest.raises(FileError, match=r"with the weights of MatMul, it has .* bytes; the limit is"):
        load(path, model(nodes, {"w": normal(256, 256)}, (1, 256, 1, 1)))


def test_sizes_that_depend_on_the_image_are_not_shown_as_numbers(path: Path) -> None:
    nodes = [node("Flatten", "x", "f"), node("Reshape", "f s", "y")]
    with pytest.raises(FileError) as error:
        load(path, model(nodes, {"s": np.array([1, 3, 2, 2])}, (1, 3, "height", "width")))
    assert "a tensor of shape (1, ?) cannot have the shape (1, 3, 2, 2) here" in str(error.value)


def test_operators_older_than_version_6_are_an_error(path: Path) -> None:
    with pytest.raises(FileError, match="its operators are of version 5; versions from 6 on are read"):
        load(path, model([CONV], W, version=5))


def test_an_input_that_is_no_image_is_an_error(path: Path) -> None:
    with pytest.raises(FileError, match='its input "x" has 2 dimensions, so it is no image'):
        load(path, model([node("Relu", "x", "y")], shape=(1, 10)))


def test_another_input_than_the_image_is_named_where_it_is_read(path: Path) -> None:
    content = model([node("Conv", "x w", "y"), node("Add", "y size", "z")], W)
    content.graph.input.append(helper.make_tensor_value_info("size", TensorProto.FLOAT, [1, 2]))
    with pytest.raises(FileError, match=r'operator Add \(node "z"\): the input "size" is no image. The layers before'):
        load(path, content)


def test_weights_that_are_inputs_too_are_weights(path: Path) -> None:
    content = model([CONV], W)
    content.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3, 3, 3]))
    assert names(load(path, content)) == ["y"]


def test_a_graph_that_doubles_its_channels_endlessly_is_an_error(path: Path) -> None:
    nodes = [node("Concat", f"{'x' if index == 0 else index - 1} " * 2, str(index), axis=1) for index in range(60)]
    for each in nodes:
        del each.input[2:]
    with pytest.raises(FileError, match="98,304 channels; the limit is 65,536"):
        load(path, model(nodes))


# Damaged and hostile files


def test_a_tensor_whose_size_is_not_that_of_its_shape_is_an_error(path: Path) -> None:
    content = model([CONV], W)
    content.graph.initializer[0].dims[0] = 5
    with pytest.raises(FileError, match='the tensor "w" has 432 bytes where 540 are needed'):
        load(path, content)


def test_a_tensor_of_a_huge_shape_is_an_error_before_memory_is_taken(path: Path) -> None:
    content = model([CONV], W)
    content.graph.initializer[0].dims[:] = [2**40, 2**40, 3, 3]
    with pytest.raises(FileError, match='with the tensor "w", the tensors are larger than 1,024 MB, the limit'):
        load(path, content)


@pytest.mark.parametrize("cut", [3, 20, 60, 300, -40, -1])
def test_a_file_that_is_cut_off_is_an_error(path: Path, cut: int) -> None:
    path.write_bytes(model([CONV], W).SerializeToString()[:cut])
    with pytest.raises(FileError, match=r"cut off|damaged|no graph|does not name|no tensor|outputs|input"):
        cnnfx.load_network(path)


def external(path: Path, location: str, **entries: Any) -> Path:
    """Write a file whose weights are in another one."""
    content = model([CONV])
    tensor = content.graph.initializer.add(name="w", dims=[4, 3, 3, 3], data_type=TensorProto.FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return write(path, content)


def test_weights_in_a_file_beside_are_read(path: Path) -> None:
    path.with_name("weights.bin").write_bytes(b"12345678" + W["w"].tobytes())
    layer = cnnfx.load_network(external(path, "weights.bin", offset=8, length=432)).layers[0]
    assert layer.conv is not None
    np.testing.assert_array_equal(layer.conv.weights, W["w"])


def test_the_file_of_weights_is_one_of_the_files_of_the_network(path: Path) -> None:
    from cnnfx.formats.load import files_of_network

    path.with_name("weights.bin").write_bytes(W["w"].tobytes())
    assert files_of_network(external(path, "weights.bin")) == [path, path.with_name("weights.bin")]


@pytest.mark.parametrize(
    ("location", "entries", "message"),
    [
        ("../weights.bin", {}, "'../weights.bin', which is not the name of a file in the same folder"),
        ("/etc/passwd", {}, "'/etc/passwd', which is not the name of a file in the same folder"),
        ("", {}, "'', which is not the name of a file in the same folder"),
        ("..", {}, "'..', which is not the name"),
        ("a\x00b", {}, "which is not the name of a file in the same folder"),
        ("none.bin", {}, "its tensors are in none.bin, which is not in the same folder"),
        ("folder", {}, "folder is no regular file"),
        ("pipe", {}, "pipe is no regular file"),
        ("link.bin", {}, "link.bin is a link to a file in another folder"),
        ("loop", {}, "its tensors are in loop, which is not in the same folder"),
        ("short.bin", {}, 'short.bin is too short for the tensor "w"'),
        ("weights.bin", {"offset": 1}, 'weights.bin is too short for the tensor "w"'),
        ("weights.bin", {"offset": 2**70}, 'weights.bin is too short for the tensor "w"'),
        ("weights.bin", {"offset": -1}, "a place in a file that is not possible"),
        ("weights.bin", {"offset": "x"}, "a place in a file that is no number"),
        ("weights.bin", {"length": 4}, "4 bytes in a file where 432 are needed"),
        ("weights.bin", {"length": 10**30}, "over 10^18 bytes in a file where 432 are needed"),
    ],
)
def test_a_file_of_weights_elsewhere_or_of_another_size_is_an_error(
    tmp_path: Path, location: str, entries: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "inside"
    (folder / "folder").mkdir(parents=True)
    for place in (tmp_path, folder):
        (place / "weights.bin").write_bytes(W["w"].tobytes())
    (folder / "short.bin").write_bytes(b"1234")
    (folder / "link.bin").symlink_to(tmp_path / "weights.bin")
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    with pytest.raises(FileError) as error:
        cnnfx.load_network(external(folder / "net.onnx", location, **entries))
    assert message in str(error.value)


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    write(path, model([CONV], W))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(FileError, match=r"pip install 'cnnfx\[onnx\]'"):
        cnnfx.load_network(path)
