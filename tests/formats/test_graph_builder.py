"""Operations of a graph become the layers of a network."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.formats.graph_builder import GraphBuilder
from cnnfx.formats.graph_layers import LIMITS
from cnnfx.formats.graph_values import Value
from cnnfx.nn.layers import Layer
from cnnfx.nn.network import Network
from cnnfx.nn.pooling import Pool

RNG = np.random.default_rng(16)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def builder(channels: int = 3, side: int | None = 12) -> GraphBuilder:
    return GraphBuilder((channels, side, side))


def names(network: Network) -> list[str]:
    return [layer.name for layer in network.layers]


def only_layer(network: Network) -> Layer:
    (layer,) = network.layers
    return layer


def test_scaling_is_folded_into_filters_that_nothing_else_reads() -> None:
    graph, weights, bias = builder(), normal(4, 3, 3, 3), normal(4)
    maps = graph.conv(graph.image, weights, bias, name="conv1")
    scaled = graph.affine(maps, np.array([1, 2, 3, 4]), 5.0, name="bn1")
    layer = only_layer(graph.network([graph.activation(scaled, "relu", name="relu1")], name="net"))
    assert (layer.name, layer.activation.kind) == ("conv1", "relu")
    assert layer.conv is not None
    np.testing.assert_allclose(layer.conv.weights[2], 3 * weights[2], rtol=1e-6)
    np.testing.assert_allclose(layer.conv.bias, np.array([1, 2, 3, 4]) * bias + 5, rtol=1e-6)


def test_scaling_of_maps_that_another_layer_reads_is_a_layer_of_its_own() -> None:
    graph = builder()
    maps = graph.conv(graph.image, normal(4, 3, 3, 3), name="conv1")
    scaled = graph.affine(maps, 2.0, 1.0, name="bn1")
    network = graph.network([graph.join([maps, scaled], "add", name="sum")], name="net")
    assert names(network) == ["conv1", "bn1", "sum"]
    conv1, _, total = network.feature_maps(normal(3, 12, 12))
    np.testing.assert_allclose(total, 3 * conv1 + 1, rtol=1e-5, atol=1e-5)


def test_an_activation_of_maps_that_another_layer_reads_is_a_layer_of_its_own() -> None:
    graph = builder()
    maps = graph.conv(graph.image, normal(4, 3, 3, 3), name="conv1")
    network = graph.network([graph.join([maps, graph.activation(maps, "relu", name="relu1")], "concat")], name="net")
    assert names(network) == ["conv1", "relu1", "concat_1"]
    assert network.layers[2].sources == ("conv1", "relu1")


def test_a_linear_function_of_the_image_becomes_the_normalization_of_the_input() -> None:
    graph = builder()
    centered = graph.affine(graph.image, 1.0, -np.array([0.1, 0.2, 0.3]))
    scaled = graph.affine(centered, 1 / np.array([0.5, 0.25, 0.5]))
    network = graph.network([graph.conv(scaled, normal(4, 3, 3, 3))], name="net")
    assert len(network.layers) == 1
    np.testing.assert_allclose(network.input.mean, [0.1, 0.2, 0.3])
    np.testing.assert_allclose(network.input.std, [0.5, 0.25, 0.5])
    assert (network.input.scale, network.input.channels, network.input.size) == (1.0, "rgb", (12, 12))


def test_a_common_factor_above_1_becomes_the_scale_of_the_input() -> None:
    graph = builder()
    scaled = graph.affine(graph.affine(graph.image, 255.0), 1.0, -np.array([103.9, 116.8, 123.7]))
    given = graph.network([graph.conv(scaled, normal(4, 3, 3, 3))], name="net").input
    assert (given.scale, given.std) == (255.0, (1.0,))
    np.testing.assert_allclose(given.mean, [103.9, 116.8, 123.7])


@pytest.mark.parametrize(("mean", "std"), [(127.5, 128.0), (0.0, 255.0), (103.9, 1.0)])
def test_a_large_mean_or_std_is_that_of_pixels_from_0_to_255(mean: float, std: float) -> None:
    graph = builder()
    scaled = graph.affine(graph.affine(graph.image, 1.0, -mean), 1 / std)
    given = graph.network([graph.conv(scaled, normal(4, 3, 3, 3))], name="net").input
    assert given.scale == 255
    np.testing.assert_allclose([*given.mean, *given.std], [mean, std])


def test_an_inverted_image_is_computed_by_a_layer() -> None:
    graph = builder(1)
    inverted = graph.affine(graph.image, -1.0, 1.0, name="invert")
    network = graph.network([graph.pool(inverted, Pool("max", 2))], name="net")
    assert names(network) == ["invert", "pool_1"]
    image = RNG.random((1, 12, 12), np.float32)
    np.testing.assert_allclose(network.feature_maps(image)[0], 1 - image, rtol=1e-6)


def test_padding_belongs_to_the_filters_after_it() -> None:
    graph = builder()
    padded = graph.pad(graph.image, ((1, 2), (3, 4)), "edge", name="pad")
    layer = only_layer(graph.network([graph.conv(padded, normal(4, 3, 3, 3), name="conv1")], name="net"))
    assert layer.conv is not None
    assert (layer.conv.window.padding, layer.conv.window.border) == (((1, 2), (3, 4)), "edge")


def test_zeros_around_values_that_can_be_negative_are_not_padding_of_a_maximum() -> None:
    graph = builder(1)
    padded = graph.pad(graph.image, ((1, 1), (1, 1)), name="pad")
    network = graph.network([graph.pool(padded, Pool("max", 3), name="pool")], name="net")
    assert names(network) == ["pad", "pool"]
    assert network.feature_maps(np.full((1, 12, 12), -1, np.float32))[-1][0, 0, 0] == 0


@pytest.mark.parametrize("kind", ["max", "mean"])
def test_zeros_around_relu_are_padding_of_the_pooling_after_it(kind: str) -> None:
    graph = builder()
    relu = graph.activation(graph.conv(graph.image, normal(4, 3, 3, 3), name="conv1"), "relu")
    padded = graph.pad(relu, ((1, 1), (1, 1)))
    network = graph.network([graph.pool(padded, Pool(kind, 3, 2), name="pool")], name="net")
    assert names(network) == ["conv1", "pool"]
    conv1, pooled = network.feature_maps(normal(3, 12, 12))
    expected = Pool(kind, 3, 2).forward(np.pad(conv1, ((0, 0), (1, 1), (1, 1))))
    np.testing.assert_allclose(pooled, expected, rtol=1e-6)


def test_dense_filters_are_as_large_as_the_maps() -> None:
    graph, weights, image = GraphBuilder((2, 3, 4)), normal(5, 24), normal(2, 3, 4)
    network = graph.network([graph.dense(graph.image, weights, name="fc")], name="net")
    np.testing.assert_allclose(network.feature_maps(image)[0][:, 0, 0], weights @ image.ravel(), rtol=1e-5)


def test_dense_filters_of_channels_last_read_rows_columns_and_channels_in_this_order() -> None:
    graph, weights, image = GraphBuilder((2, 3, 4)), normal(5, 24), normal(2, 3, 4)
    network = graph.network([graph.dense(graph.image, weights, channels_last=True)], name="net")
    expected = weights @ image.transpose(1, 2, 0).ravel()
    np.testing.assert_allclose(network.feature_maps(image)[0][:, 0, 0], expected, rtol=1e-5)


def test_dense_filters_on_maps_of_unknown_size_are_square() -> None:
    graph = GraphBuilder((2, None, None))
    layer = only_layer(graph.network([graph.dense(graph.image, normal(5, 32))], name="net"))
    assert layer.conv is not None
    assert layer.conv.weights.shape == (5, 2, 4, 4)


def test_the_pieces_of_hard_swish_become_one_activation() -> None:
    graph = builder()
    maps = graph.conv(graph.image, normal(4, 3, 3, 3), name="conv1")
    gate = graph.activation(graph.affine(maps, 1.0, 3.0), "relu6")
    for value in (
        graph.affine(graph.join([maps, gate], "multiply"), 1 / 6),
        graph.join([graph.affine(gate, 1 / 6), maps], "multiply"),
        graph.join([maps, graph.activation(maps, "hard_sigmoid")], "multiply"),
    ):
        layer = only_layer(graph.network([value], name="net"))
        assert (layer.name, layer.activation.kind) == ("conv1", "hard_swish")


def test_a_weight_that_becomes_too_large_is_an_error_with_the_name_of_the_layer() -> None:
    graph = builder()
    maps = graph.affine(graph.conv(graph.image, normal(4, 3, 3, 3)), 1e300, name="bn1")
    with pytest.raises(ArgumentError, match="bn1: the normalized filters have weights or biases that are not finite"):
        graph.network([maps], name="net")


def test_operations_that_no_output_needs_are_left_out() -> None:
    graph = builder()
    maps = graph.conv(graph.image, normal(4, 3, 3, 3), name="conv1")
    graph.activation(maps, "sigmoid", name="unused")
    assert names(graph.network([graph.activation(maps, "relu")], name="net")) == ["conv1"]


def test_layers_have_unique_names_that_can_be_typed() -> None:
    graph = builder()
    value = graph.image
    for name in ("a", "a", "7", "", "input", "all", "b\n"):
        value = graph.conv(value, normal(3, 3, 1, 1), name=name)
    expected = ["a", "a_2", "conv_3", "conv_4", "conv_5", "conv_6", "b"]
    assert names(graph.network([value], name="net")) == expected


def test_a_layer_names_what_it_reads_only_if_that_is_not_the_layer_before_it() -> None:
    graph = builder()
    first = graph.conv(graph.image, normal(4, 3, 1, 1), name="first")
    second = graph.conv(graph.image, normal(4, 3, 1, 1), name="second")
    total = graph.join([first, second, first], "add", name="sum")
    network = graph.network([graph.pool(total, Pool("mean", None), name="mean")], name="net")
    assert [layer.sources for layer in network.layers] == [(), ("input",), ("first", "second", "first"), ()]


def test_a_normalization_of_reordered_channels_becomes_that_of_the_input() -> None:
    graph = builder()
    reordered = graph.take(graph.image, [2, 0, 1], name="order")
    centered = graph.affine(reordered, 1.0, np.array([-104, -117, -123]), name="mean")
    scaled = graph.affine(centered, np.array([1, 0.5, 0.25]), name="std")
    network = graph.network([graph.conv(scaled, normal(4, 3, 3, 3), name="conv1")], name="net")
    assert names(network) == ["order", "conv1"]
    assert (network.input.scale, network.input.mean, network.input.std) == (255, (117, 123, 104), (2, 4, 1))
    image = normal(3, 12, 12)
    expected = (image[[2, 0, 1]] * 255 - np.reshape([104, 117, 123], (3, 1, 1))) / np.reshape([1, 2, 4], (3, 1, 1))
    np.testing.assert_allclose(network.feature_maps(image)[0], expected, rtol=1e-5, atol=1e-4)


def test_a_normalization_of_padded_and_reordered_channels_applies_to_the_padding() -> None:
    graph = builder()
    reordered = graph.take(graph.pad(graph.image, ((1, 1), (1, 1))), [2, 1, 0])
    network = graph.network([graph.affine(reordered, 1.0, 5.0)], name="net")
    image = normal(3, 12, 12)
    expected = np.pad(image[::-1], ((0, 0), (1, 1), (1, 1))) + 5
    np.testing.assert_allclose(network.feature_maps(image)[-1], expected, rtol=1e-6)


def test_sides_that_depend_on_the_image_stay_unknown() -> None:
    graph = GraphBuilder((3, 48, None))
    maps = graph.conv(graph.image, normal(4, 3, 3, 3), stride=2, padding=1)
    assert maps.shape == (4, 24, None)
    assert graph.pool(maps, Pool("mean", None)).shape == (4, 1, 1)


def test_layers_that_share_weights_which_are_too_large_together_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "bytes of weights in all layers", 1000)
    graph, weights = builder(), normal(3, 3, 3, 3)  # 324 bytes
    maps = graph.image
    for _ in range(4):
        maps = graph.affine(graph.conv(maps, weights), 2.0)
    with pytest.raises(ArgumentError, match="1,296 bytes of weights in all layers; the limit is 1,000"):
        graph.network([maps], name="net")


def test_operations_that_keep_numbers_of_very_many_channels_are_an_error() -> None:
    graph = GraphBuilder((50_000, 1, 1))
    weights, maps = normal(50_000, 1, 1, 1), graph.image
    graph.conv(graph.conv(maps, weights, groups=50_000), weights, groups=50_000)
    with pytest.raises(ArgumentError, match="150,000 filters in all operations; the limit is 100,000"):
        graph.conv(maps, weights, groups=50_000)
    for _ in range(10):
        maps = graph.activation(graph.affine(maps, 2.0), "prelu", [0.5] * 50_000)
    with pytest.raises(ArgumentError, match="1,050,000 factors and slopes in all operations; the limit is 1,000,000"):
        graph.affine(maps, 2.0)


def _wide(graph: GraphBuilder) -> Value:
    """Return maps of 60,000 channels."""
    return graph.join([graph.join([graph.image] * 200, "concat")] * 100, "concat")


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (lambda graph: graph.conv(graph.image, normal(4, 2, 3, 3)), "do not fit 3 input channels"),
        (lambda graph: graph.conv(graph.image, normal(4, 1, 3, 3), groups=3), "in 3 groups do not fit"),
        (lambda graph: graph.conv(graph.image, normal(4, 3, 3, 3), normal(3)), "biases of shape (3,) for 4 filters"),
        (lambda graph: graph.conv(graph.image, normal(4, 3, 13, 1)), "is larger than the image of 12×12"),
        (lambda graph: graph.dense(graph.image, normal(4, 7)), "of 7 inputs do not fit maps of 3 channels of 12×12"),
        (lambda graph: graph.affine(graph.image, normal(4)), "do not fit 3 channels"),
        (lambda graph: graph.affine(graph.image, np.inf), "is not finite"),
        (lambda graph: graph.activation(graph.image, "prelu", [0.1]), "1 slopes for 3 channels"),
        (lambda graph: graph.join([graph.image] * 2001, "add"), "2,001 joined inputs; the limit is 2,000"),
        (lambda graph: graph.join([_wide(graph)] * 2, "concat"), "120,000 channels; the limit is 65,536"),
        (lambda graph: graph.network([graph.image], name="net"), "no operations"),
    ],
)
def test_arguments_that_do_not_fit_are_an_error(add, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        add(builder())
    assert message in str(caught.value)
