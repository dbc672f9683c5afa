"""Networks: layers in order, applied to images of one or more channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from cnnfx.errors import ArgumentError
from cnnfx.images import Image
from cnnfx.nn.classifier import Dense
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network

RANDOM = np.random.default_rng(7)


def shared_layer(*names: str, size: int = 3) -> Layer:
    """Return a layer of filters with one kernel each, used on every input channel."""
    weights = RANDOM.normal(size=(len(names), 1, size, size))
    return Layer(Conv(weights, np.zeros(len(names)), inputs=("*",)), names)


def per_channel_layer(count: int, channels: int) -> Layer:
    """Return a layer of filters with a kernel for each of `channels` input channels."""
    weights = RANDOM.normal(size=(count, channels, 3, 3))
    return Layer(Conv(weights, RANDOM.normal(size=count)), tuple(f"f{k}" for k in range(count)))


def test_a_3x3_filter_makes_26x26_maps_of_28x28_pixels() -> None:
    network = Network((shared_layer("a", "b"),))
    assert network.feature_maps(np.zeros((1, 28, 28)))[0].shape == (2, 26, 26)


def test_the_output_channels_of_a_layer_are_the_input_channels_of_the_next() -> None:
    lower, upper = per_channel_layer(3, 2), per_channel_layer(4, 3)
    image = RANDOM.normal(size=(2, 9, 12))
    first, second = Network((lower, upper)).feature_maps(image)
    expected = [
        sum(signal.correlate(first[c], kernel[c], "valid") for c in range(3)) + bias
        for kernel, bias in zip(upper.conv.weights, upper.conv.bias, strict=True)
    ]
    np.testing.assert_allclose(second, expected)


def test_a_kernel_for_all_channels_is_applied_to_their_sum() -> None:
    image = RANDOM.normal(size=(3, 6, 7))
    network = Network((shared_layer("a"),))
    (maps,) = network.feature_maps(image)
    np.testing.assert_allclose(maps, network.feature_maps(image.sum(axis=0, keepdims=True))[0])


def test_a_batch_gives_the_maps_of_each_image() -> None:
    network, batch = Network((per_channel_layer(3, 2), shared_layer("a"))), RANDOM.normal(size=(5, 2, 9, 8))
    np.testing.assert_allclose(network.feature_maps(batch)[1][3], network.feature_maps(batch[3])[1])


def test_combination_comes_before_activation_and_pooling_after_it() -> None:
    layer = Layer(
        Conv(np.array([1.0, -1.0]).reshape(2, 1, 1, 1), np.zeros(2)),
        ("plus", "minus"),
        combine=(Combination("sum", "sum", (0, 1)), Combination("minus", "take", (1,))),
        activation=Activation("relu"),
        pool=Pool("mean", 2),
    )
    image = np.array([[[1.0, -2.0], [3.0, -4.0]]])
    np.testing.assert_array_equal(layer.forward(image).ravel(), [0, 1.5])
    assert layer.channel_names == ("sum", "minus")


def test_an_input_is_found_by_its_name_at_any_index() -> None:
    upper = Layer(Conv(np.array([[[[2.0]]]]), np.zeros(1), inputs=("right",)), ("twice",))
    network = Network((shared_layer("left", "right"), upper))
    below, above = network.feature_maps(RANDOM.normal(size=(1, 5, 5)))
    np.testing.assert_allclose(above[0], 2 * below[1])


def test_a_filter_reads_channels_of_the_image_by_name() -> None:
    layer = Layer(Conv(np.array([[[[1.0]], [[-1.0]]]]), np.zeros(1), inputs=("red", "green")), ("opponent",))
    image = RANDOM.normal(size=(3, 4, 4))
    (maps,) = Network((layer,)).feature_maps(image, ["red", "green", "blue"])
    np.testing.assert_allclose(maps[0], image[0] - image[1])


def test_both_numbers_of_channels_are_named_where_they_differ() -> None:
    with pytest.raises(
        ArgumentError,
        match=r"^layer 2 of net: its filters have 3 input channels, its input has 2 \(a, b\)$",
    ):
        Network((shared_layer("a", "b"), per_channel_layer(1, 3)), name="net").bind(["gray"])


def test_an_unknown_channel_is_named() -> None:
    upper = Layer(Conv(np.ones((1, 1, 1, 1)), np.zeros(1), inputs=("c",)), ("x",))
    with pytest.raises(
        ArgumentError, match=r"^layer 2 of net: its filters read a channel 'c', its input has 2 \(a, b\)$"
    ):
        Network((shared_layer("a", "b"), upper), name="net").bind(["gray"])


def test_a_kernel_larger_than_its_input_is_refused_with_its_layer() -> None:
    with pytest.raises(ArgumentError, match=r"^layer 2 of net: kernel of 3×3 is larger than the image of 3×2"):
        Network((shared_layer("a"), shared_layer("b")), name="net").output_shapes((1, 4, 5))


def test_output_shapes_are_those_of_the_feature_maps() -> None:
    layer = Layer(per_channel_layer(5, 2).conv, tuple("abcde"), pool=Pool("max", 2))
    network = Network((layer, shared_layer("x", "y")))
    maps = network.feature_maps(np.zeros((2, 13, 17)))
    assert network.output_shapes((2, 13, 17)) == [channels.shape for channels in maps]


def test_per_channel_applies_the_whole_network_to_each_channel() -> None:
    lower = Layer(per_channel_layer(3, 1).conv, ("a", "b", "c"), combine=(Combination("n", "norm", (0, 2)),))
    network, image = Network((lower, per_channel_layer(2, 1))), RANDOM.normal(size=(3, 9, 8))
    apart = network.per_channel(["red", "green", "blue"])
    assert apart.layers[-1].channel_names[:3] == ("red f0", "red f1", "green f0")
    each = [network.feature_maps(channel[None])[-1] for channel in image]
    np.testing.assert_allclose(apart.feature_maps(image)[-1], np.concatenate(each))


def test_normalization_comes_first() -> None:
    network = Network((shared_layer("a"),), input=Input(mean=0.5, std=0.25))
    image = RANDOM.random((1, 6, 6))
    plain = Network(network.layers)
    np.testing.assert_allclose(network.feature_maps(image)[0], plain.feature_maps((image - 0.5) / 0.25)[0])


def test_then_stacks_networks_and_joins_their_names() -> None:
    stacked = Network((shared_layer("a"),), "lower").then(Network((shared_layer("b"),), "upper"))
    assert (stacked.name, len(stacked.layers)) == ("lower-upper", 2)


def test_then_connects_a_first_layer_that_names_the_image_as_its_input() -> None:
    lower = Network((shared_layer("a"),), "lower")
    pooled = Network((Layer(pool=Pool("max", 2), sources=("input",)), Layer(pool=Pool("max", 2))), "upper")
    assert [lower.then(pooled).sources(number) for number in (1, 2, 3)] == [(0,), (1,), (2,)]
    twice = Network((Layer(sources=("input", "input")),), "upper")
    with pytest.raises(ArgumentError, match=r"^upper reads its input in several layers, so it must be the first"):
        lower.then(twice)


def test_a_network_with_normalization_cannot_be_stacked_on_another() -> None:
    model = Network((shared_layer("a"),), "model", input=Input(mean=0.1))
    with pytest.raises(
        ArgumentError, match=r"^model normalizes its input, so it must be the first network, not a later one\.$"
    ):
        Network((shared_layer("a"),)).then(model)


def test_a_network_is_called_with_an_image_and_names_its_maps() -> None:
    network, image = Network((shared_layer("top", "left"),)), RANDOM.normal(size=(1, 9, 12))
    maps = network(image)
    np.testing.assert_array_equal(maps["left"], network.feature_maps(image)[-1][1])
    assert maps.names == ("top", "left")
    assert maps.non_negative == (False, False)


def test_maps_after_relu_are_known_not_to_be_negative() -> None:
    layer = replace(shared_layer("a", "b"), activation=Activation("relu"))
    assert Network((layer,))(np.zeros((1, 9, 12))).non_negative == (True, True)


def test_a_loaded_image_has_its_values_and_channel_names_used() -> None:
    weights = np.ones((1, 1, 1, 1))
    network = Network((Layer(Conv(weights, np.zeros(1), inputs=("green",)), ("g",)),))
    values = RANDOM.integers(0, 256, (3, 5, 6)).astype(np.uint8)
    image = Image("photo.png", values, ("red", "green", "blue"))
    np.testing.assert_allclose(network(image)["g"], values[1] / 255, rtol=1e-6)
    np.testing.assert_allclose(network.feature_maps(image)[0][0], values[1] / 255, rtol=1e-6)


def test_a_batch_and_a_plane_are_refused_where_one_image_is_needed() -> None:
    network = Network((shared_layer("a"),))
    with pytest.raises(ArgumentError, match=r"must have the shape \(C, H, W\), not \(2, 1, 9, 12\). For a batch"):
        network(np.zeros((2, 1, 9, 12)))
    with pytest.raises(ArgumentError, match=r"must have the shape \(C, H, W\) or \(N, C, H, W\), not \(9, 12\)"):
        network(np.zeros((9, 12)))


def test_whole_numbers_are_normalized_to_floats() -> None:
    network = Network((shared_layer("a"),), input=Input(mean=10.0, std=4.0))
    normalized = network.normalize(np.array([[[12, 8]]], np.uint8))
    assert normalized.dtype == np.float32
    assert normalized.tolist() == [[[0.5, -0.5]]]


def test_networks_layers_and_weights_are_shown_in_a_line() -> None:
    pooled = replace(per_channel_layer(4, 3), activation=Activation("relu"), pool=Pool("max", 2))
    lower = shared_layer("a", "b", "c")
    assert repr(lower) == "<Layer 3 filters of 3×3: a, b, c>"
    assert repr(pooled) == "<Layer 4 filters of 3×3, relu, max:2: f0, f1, f2, f3>"
    assert repr(pooled.conv) == "<Conv 4×3×3×3 float64>"
    head = Dense(np.zeros((10, 16)), np.zeros(10), (4, 2, 2))
    assert repr(head) == "<Dense 10×16 float64>"
    classifier = Network((lower, pooled), "model", head=head, classes=tuple("0123456789"))
    assert repr(classifier) == "<Network 'model': 3 filters of 3×3 → 4 filters of 3×3, relu, max:2 → 10 classes>"
    deep = Network((lower,) * 200, "deep")
    assert repr(deep) == f"<Network 'deep': {'3 filters of 3×3 → ' * 5}194 more layers → 3 filters of 3×3>"


def test_an_empty_image_is_refused() -> None:
    network = Network((Layer(Conv(np.ones((1, 1, 3, 3)), np.zeros(1)), ("a",)),))
    for shape in ((1, 0, 5), (1, 5, 0)):
        with pytest.raises(ArgumentError, match=rf"not \(1, {shape[1]}, {shape[2]}\)"):
            network(np.zeros(shape, np.float32))


def test_values_too_large_for_pixels_give_no_warning() -> None:
    network = Network((Layer(Conv(np.ones((1, 1, 1, 1)), np.zeros(1)), ("a",)),))
    assert np.asarray(network(np.full((1, 2, 2), 3e38, np.float32))).max() == np.float32(3e38)


@pytest.mark.parametrize("shape", [None, (1, 28), (1, 0, 28), (1, 28.0, 28), (True, 28, 28), "abc"])
def test_a_training_shape_that_is_not_three_sizes_is_unknown(shape) -> None:
    assert Network((shared_layer("a"),), meta={"input": shape}).training_shape is None
    assert Network((shared_layer("a"),), meta={"input": [3, 20, 30]}).training_shape == (3, 20, 30)
