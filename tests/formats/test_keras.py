"""Models of Keras: what each class of layers computes, how layers are found by name, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats import load_network
from cnnfx.nn.network import Network
from tests.formats.keras_files import entry, functional, image_entry, sequential, write_keras, write_listed

pytest.importorskip("h5py")

RNG = np.random.default_rng(16)
IMAGE = image_entry(7, 9, 3)


def values(*shape: int) -> np.ndarray:
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def weights_of(**arrays: Mapping[str, np.ndarray]) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Return the arrays of each layer as Keras 2 calls them."""
    return {layer: [(f"{layer}/{name}:0", array) for name, array in own.items()] for layer, own in arrays.items()}


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Return a function that writes a model and loads it."""

    def load_model(config: dict[str, Any], *, layer: Any = None, version: str = "2.15.0", **arrays: Any) -> Network:
        path = write_listed(tmp_path / "model.h5", weights_of(**arrays), config=config, keras_version=version)
        return load_network(path, layer=layer)

    return load_model


def output(network: Network, image: np.ndarray) -> np.ndarray:
    return network.feature_maps(image)[-1]


def error_of(load: Any, config: dict[str, Any], **options: Any) -> str:
    """Return the message without the path of the file."""
    with pytest.raises((FileError, ArgumentError)) as caught:
        load(config, **options)
    return str(caught.value).partition("model.h5: ")[2]


# Filters


def test_filters_are_read_in_the_order_of_keras(load: Any) -> None:
    kernel, bias = values(2, 5, 3, 4), values(4)
    settings = {"strides": [2, 1], "dilation_rate": [1, 2], "padding": "same"}
    network = load(
        functional(IMAGE, entry("Conv2D", "conv", "image", **settings)), conv={"kernel": kernel, "bias": bias}
    )
    (layer,) = network.layers
    np.testing.assert_array_equal(layer.conv.weights, kernel.transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(layer.conv.bias, bias)
    assert (layer.conv.window.stride, layer.conv.window.dilation, layer.conv.window.padding) == ((2, 1), (1, 2), "same")


def test_filters_in_groups_read_some_of_the_channels(load: Any) -> None:
    kernel = values(1, 1, 1, 6)
    config = functional(IMAGE, entry("Conv2D", "conv", "image", groups=3, use_bias=False))
    image = values(3, 7, 9)
    expected = kernel.reshape(6, 1, 1) * image.repeat(2, axis=0)
    np.testing.assert_allclose(output(load(config, conv={"kernel": kernel}), image), expected, rtol=1e-6)


def test_depthwise_filters_of_each_channel_stand_side_by_side(load: Any) -> None:
    kernel = values(1, 1, 3, 2)
    config = functional(IMAGE, entry("DepthwiseConv2D", "conv", "image", use_bias=False))
    image = values(3, 7, 9)
    expected = np.stack([kernel[0, 0, k // 2, k % 2] * image[k // 2] for k in range(6)])
    np.testing.assert_allclose(output(load(config, conv={"depthwise_kernel": kernel}), image), expected, rtol=1e-6)


def test_separable_filters_are_depthwise_ones_and_then_those_of_one_pixel(load: Any) -> None:
    depthwise, pointwise, bias = values(1, 1, 3, 2), values(1, 1, 6, 4), values(4)
    config = functional(IMAGE, entry("SeparableConv2D", "conv", "image", activation="relu"))
    arrays = {"depthwise_kernel": depthwise, "pointwise_kernel": pointwise, "bias": bias}
    network, image = load(config, conv=arrays), values(3, 7, 9)
    maps = depthwise.reshape(6, 1, 1) * image.repeat(2, axis=0)
    expected = np.maximum(np.einsum("ck,chw->khw", pointwise[0, 0], maps) + bias[:, None, None], 0)
    np.testing.assert_allclose(output(network, image), expected, rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in network.layers] == ["conv/depthwise", "conv"]


@pytest.mark.parametrize(("first", "order"), [(False, (1, 2, 0)), (True, (0, 1, 2))])
def test_a_dense_layer_reads_flattened_maps_in_the_order_of_their_axes(
    load: Any, first: bool, order: tuple[int, int, int]
) -> None:
    kernel, image = values(3 * 7 * 9, 4), values(3, 7, 9)
    image_layer = image_entry(*((3, 7, 9) if first else (7, 9, 3)))
    scale = entry(
        "MaxPooling2D", "pool", "image", pool_size=1, data_format="channels_first" if first else "channels_last"
    )
    config = functional(
        image_layer, scale, entry("Flatten", "flat", "pool"), entry("Dense", "fc", "flat", use_bias=False)
    )
    network = load(config, fc={"kernel": kernel})
    expected = image.transpose(order).reshape(-1) @ kernel
    np.testing.assert_allclose(output(network, image).reshape(-1), expected, rtol=1e-4, atol=1e-5)


def test_flatten_for_channels_first_puts_the_channels_last(load: Any) -> None:
    kernel, image = values(3 * 7 * 9, 4), values(3, 7, 9)
    flatten = entry("Flatten", "flat", "pool", data_format="channels_first")
    pool = entry("MaxPooling2D", "pool", "image", pool_size=1, data_format="channels_first")
    config = functional(image_entry(3, 7, 9), pool, flatten, entry("Dense", "fc", "flat", use_bias=False))
    expected = image.transpose(1, 2, 0).reshape(-1) @ kernel
    found = output(load(config, fc={"kernel": kernel}), image).reshape(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_dense_layer_on_maps_has_the_same_filters_at_each_position(load: Any) -> None:
    kernel, bias, image = values(3, 4), values(4), values(3, 7, 9)
    network = load(functional(IMAGE, entry("Dense", "fc", "image")), fc={"kernel": kernel, "bias": bias})
    expected = np.einsum("ck,chw->khw", kernel, image) + bias[:, None, None]
    np.testing.assert_allclose(output(network, image), expected, rtol=1e-5, atol=1e-6)


# Normalization


def test_batch_normalization_is_folded_into_the_filters_before_it(load: Any) -> None:
    kernel = values(1, 1, 3, 2)
    norm = {"gamma": values(2), "beta": values(2), "moving_mean": values(2), "moving_variance": values(2) ** 2}
    layers = (
        entry("Conv2D", "conv", "image", use_bias=False),
        entry("BatchNormalization", "bn", "conv", axis=[3], epsilon=0.01),
    )
    network, image = load(functional(IMAGE, *layers), conv={"kernel": kernel}, bn=norm), values(3, 7, 9)
    maps = np.einsum("ck,chw->khw", kernel[0, 0], image)
    gamma, beta, mean, variance = (array[:, None, None] for array in norm.values())
    expected = gamma * (maps - mean) / np.sqrt(variance + 0.01) + beta
    np.testing.assert_allclose(output(network, image), expected, rtol=1e-4, atol=1e-5)
    assert [layer.name for layer in network.layers] == ["conv"]


def test_rescaling_of_pixels_becomes_the_normalization_of_the_input(load: Any) -> None:
    layers = (
        entry("Rescaling", "scale", "image", scale=1 / 127.5, offset=-1.0),
        entry("Conv2D", "conv", "scale", use_bias=False),
    )
    network = load(functional(IMAGE, *layers), conv={"kernel": np.ones((1, 1, 3, 1), np.float32)})
    assert [layer.name for layer in network.layers] == ["conv"]
    image = RNG.random((3, 7, 9), np.float32)
    expected = (image * 255 / 127.5 - 1).sum(axis=0, keepdims=True)
    np.testing.assert_allclose(output(network, image), expected, rtol=1e-4, atol=1e-5)


def test_a_normalization_without_an_axis_has_one_mean(load: Any) -> None:
    image = values(3, 7, 9)
    network = load(
        functional(
            IMAGE,
            entry("ReLU", "relu", "image"),
            entry("Normalization", "last", "relu", axis=[], mean=0.5, variance=0.25),
        )
    )
    np.testing.assert_allclose(output(network, image), 2 * np.maximum(image, 0) - 1, rtol=1e-5, atol=1e-6)


def test_a_normalization_with_a_large_mean_reads_pixels_to_255(load: Any) -> None:
    layers = (
        entry("Normalization", "norm", "image", mean=[100.0, 120.0, 90.0], variance=[4.0, 9.0, 16.0]),
        entry("Conv2D", "conv", "norm", use_bias=False),
    )
    network = load(functional(IMAGE, *layers), conv={"kernel": np.ones((1, 1, 3, 1), np.float32)})
    image = RNG.random((3, 7, 9), np.float32)
    mean, std = np.array([100, 120, 90])[:, None, None], np.array([2, 3, 4])[:, None, None]
    expected = ((image * 255 - mean) / std).sum(axis=0, keepdims=True)
    np.testing.assert_allclose(output(network, image), expected, rtol=1e-4)


# Activations


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("kind", "config", "function"),
    [
        ("Activation", {"activation": "relu"}, lambda x: np.maximum(x, 0)),
        ("Activation", {"activation": "linear"}, lambda x: x),
        ("Activation", {"activation": "swish"}, lambda x: x * sigmoid(x)),
        ("Activation", {"activation": "hard_sigmoid"}, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
        ("Activation", {"activation": "tanh"}, np.tanh),
        ("Activation", {"activation": {"class_name": "function", "config": "relu6"}}, lambda x: np.clip(x, 0, 6)),
        (
            "Activation",
            {"activation": {"class_name": "LeakyReLU", "config": {"negative_slope": 0.5}}},
            lambda x: np.where(x > 0, x, 0.5 * x),
        ),
        ("ReLU", {"max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0}, lambda x: np.clip(x, 0, 6)),
        ("ReLU", {"negative_slope": 0.25}, lambda x: np.where(x > 0, x, 0.25 * x)),
        ("LeakyReLU", {"alpha": 0.1}, lambda x: np.where(x > 0, x, 0.1 * x)),
        ("LeakyReLU", {"alpha": {"class_name": "__numpy__", "value": 0.125}}, lambda x: np.where(x > 0, x, x / 8)),
        ("LeakyReLU", {}, lambda x: np.where(x > 0, x, 0.3 * x)),
        ("Softmax", {"axis": -1}, lambda x: np.exp(x) / np.exp(x).sum(axis=0)),
        ("Dropout", {"rate": 0.5}, lambda x: x),
    ],
)
def test_activations_are_those_of_keras(load: Any, kind: str, config: dict[str, Any], function: Any) -> None:
    image = RNG.uniform(-8, 8, (3, 7, 9)).astype(np.float32)
    pool = entry("MaxPooling2D", "pool", "image", pool_size=1)
    network = load(functional(IMAGE, pool, entry(kind, "last", "pool", **config)))
    np.testing.assert_allclose(output(network, image), function(image), rtol=1e-5, atol=1e-6)


def test_hard_sigmoid_of_keras_3_has_another_slope(load: Any) -> None:
    image = RNG.uniform(-8, 8, (3, 7, 9)).astype(np.float32)
    config = functional(IMAGE, entry("Activation", "last", "image", activation="hard_sigmoid"))
    found = output(load(config, version="3.1.0"), image)
    np.testing.assert_allclose(found, np.clip(image / 6 + 0.5, 0, 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("version", "slope"), [("2.15.0", 0.2), ("3.15.1", 1 / 6)])
def test_hard_sigmoid_in_a_keras_file_is_that_of_the_version_that_wrote_it(
    tmp_path: Path, version: str, slope: float
) -> None:
    image = RNG.uniform(-8, 8, (3, 7, 9)).astype(np.float32)
    config = functional(IMAGE, entry("Activation", "last", "image", activation="hard_sigmoid"))
    network = load_network(write_keras(tmp_path / "model.keras", {}, config, version=version))
    np.testing.assert_allclose(output(network, image), np.clip(slope * image + 0.5, 0, 1), rtol=1e-5, atol=1e-6)


def test_parametric_relu_has_a_slope_for_each_channel(load: Any) -> None:
    image, alpha = values(3, 7, 9), values(1, 1, 3)
    network = load(functional(IMAGE, entry("PReLU", "act", "image", shared_axes=[1, 2])), act={"alpha": alpha})
    expected = np.where(image > 0, image, image * alpha.reshape(3, 1, 1))
    np.testing.assert_allclose(output(network, image), expected, rtol=1e-6)


def test_slopes_of_parametric_relu_for_each_column_are_refused(load: Any) -> None:
    config = functional(image_entry(1, 3, 3), entry("PReLU", "act", "image", shared_axes=[1, 3]))
    message = error_of(load, config, act={"alpha": values(1, 3, 1)})
    assert message.startswith("the layer act (PReLU): slopes of shape (1, 3, 1) are not supported, only one for each")


# Pooling, padding and joins


def pooled(kind: str, image: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Return a pooling with padding "same" as TensorFlow defines it, window by window."""
    counts = [-(-side // stride) for side in image.shape[1:]]
    starts = [
        [index * stride - max((count - 1) * stride + size - side, 0) // 2 for index in range(count)]
        for count, side in zip(counts, image.shape[1:], strict=True)
    ]
    result = np.empty((len(image), *counts), np.float32)
    for row, top in enumerate(starts[0]):
        for column, left in enumerate(starts[1]):
            window = image[:, max(top, 0) : top + size, max(left, 0) : left + size]
            result[:, row, column] = window.max(axis=(1, 2)) if kind == "max" else window.mean(axis=(1, 2))
    return result


@pytest.mark.parametrize("kind", ["max", "mean"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (3, 1), (2, 1), (3, 3), (4, 2), (1, 2), (2, 3), (5, 2)])
@pytest.mark.parametrize("sides", [(7, 9), (8, 10), (5, 6)])
def test_pooling_with_padding_same_is_that_of_tensorflow(
    load: Any, kind: str, size: int, stride: int, sides: tuple[int, int]
) -> None:
    image = values(3, *sides)
    settings = {"pool_size": size, "strides": stride, "padding": "same"}
    pool = entry("MaxPooling2D" if kind == "max" else "AveragePooling2D", "pool", "image", **settings)
    network = load(functional(image_entry(*sides, 3), pool))
    np.testing.assert_allclose(output(network, image), pooled(kind, image, size, stride), rtol=1e-5, atol=1e-6)


def test_pooling_with_padding_same_of_images_of_any_size_is_refused_if_it_depends_on_the_size(load: Any) -> None:
    pool = entry("MaxPooling2D", "pool", "image", pool_size=3, strides=2, padding="same")
    assert error_of(load, functional(image_entry(None, None, 3), pool)) == (
        'the layer pool (MaxPooling2D): padding "same" is not supported for images of any size, which it depends on.'
    )


@pytest.mark.parametrize(
    ("padding", "pads"),
    [
        (1, ((1, 1), (1, 1))),
        ([1, 2], ((1, 1), (2, 2))),
        ([[1, 0], [2, 1]], ((1, 0), (2, 1))),
        ([1, 0, 2, 1], ((1, 0), (2, 1))),
    ],
)
def test_zero_padding_adds_rows_and_columns(load: Any, padding: Any, pads: Any) -> None:
    image = values(3, 7, 9)
    network = load(functional(IMAGE, entry("ZeroPadding2D", "pad", "image", padding=padding)))
    np.testing.assert_array_equal(output(network, image), np.pad(image, ((0, 0), *pads)))


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("Add", lambda x, y: x + y),
        ("Multiply", lambda x, y: x * y),
        ("Average", lambda x, y: (x + y) / 2),
        ("Subtract", lambda x, y: x - y),
        ("Concatenate", lambda x, y: np.concatenate([x, y])),
    ],
)
def test_joins_of_two_branches(load: Any, kind: str, function: Any) -> None:
    image = values(3, 7, 9)
    layers = (
        entry("Activation", "left", "image", activation="relu"),
        entry("Activation", "right", "image", activation="tanh"),
        entry(kind, "join", "left", "right", axis=3),
    )
    expected = function(np.maximum(image, 0), np.tanh(image))
    np.testing.assert_allclose(output(load(functional(IMAGE, *layers)), image), expected, rtol=1e-5, atol=1e-6)


def test_global_pooling_and_reshape_make_maps_of_one_pixel(load: Any) -> None:
    image, kernel = values(3, 7, 9), values(1, 1, 3, 5)
    layers = (
        entry("GlobalAveragePooling2D", "mean", "image"),
        entry("Reshape", "shape", "mean", target_shape=[1, 1, 3]),
        entry("Conv2D", "conv", "shape", use_bias=False),
        entry("Reshape", "flat", "conv", target_shape=[5]),
    )
    network = load(functional(IMAGE, *layers), conv={"kernel": kernel})
    expected = image.mean(axis=(1, 2)) @ kernel[0, 0]
    np.testing.assert_allclose(output(network, image).reshape(-1), expected, rtol=1e-4, atol=1e-6)
    assert network.classes == tuple(f"class {number}" for number in range(5))


# Models


def test_a_chain_of_layers_needs_no_layer_for_the_image(load: Any) -> None:
    config = sequential(entry("Conv2D", "conv", batch_input_shape=[None, 7, 9, 3]), entry("ReLU", "act"))
    network = load(config, conv={"kernel": values(3, 3, 3, 2), "bias": values(2)})
    assert (network.input.size, [layer.name for layer in network.layers]) == ((7, 9), ["conv"])


def test_a_chain_without_the_size_of_images_takes_any(load: Any) -> None:
    network = load(sequential(entry("Conv2D", "conv")), conv={"kernel": values(3, 3, 4, 2), "bias": values(2)})
    assert network.input.size is None
    assert output(network, values(4, 11, 12)).shape == (2, 9, 10)


def test_a_model_in_a_model_has_its_name_before_those_of_its_layers(tmp_path: Path) -> None:
    inner = functional(
        image_entry(7, 9, 3), entry("Conv2D", "conv", "image"), entry("ReLU", "act", "conv"), name="inner"
    )
    inner = {**inner, "name": "inner", "inbound_nodes": [[["image", 0, 0, {}]]]}
    last = {**entry("Conv2D", "last"), "inbound_nodes": [[["inner", 1, 0, {}]]]}
    kernel, bias = values(1, 1, 3, 2), values(2)
    layers = {
        "inner": [("conv/kernel:0", kernel), ("conv/bias:0", bias)],
        "last": [("last/kernel:0", kernel[:, :, :2])],
    }
    last["config"]["use_bias"] = False
    config = functional(IMAGE, inner, last)
    network = load_network(write_listed(tmp_path / "model.h5", layers, config=config))
    assert [layer.name for layer in network.layers] == ["inner/conv", "last"]
    np.testing.assert_array_equal(network.layers[0].conv.bias, bias)


@pytest.mark.parametrize("where", ["", "inner/"])
def test_layers_of_a_model_in_a_model_have_their_own_filters_if_their_names_begin_alike(
    tmp_path: Path, where: str
) -> None:
    convs = [entry("Conv2D", "conv", "image", use_bias=False), entry("Conv2D", "conv_1", "conv", use_bias=False)]
    inner = {**functional(image_entry(7, 9, 3), *convs), "name": "inner"}
    inner["inbound_nodes"] = [[["image", 0, 0, {}]]]
    kernels = values(2, 1, 1, 3, 3)
    weights = {"inner": [(f"{where}conv/kernel:0", kernels[0]), (f"{where}conv_1/kernel:0", kernels[1])]}
    config = {**functional(IMAGE, inner)}
    config["config"]["output_layers"] = [["inner", 1, 0]]
    network = load_network(write_listed(tmp_path / "model.h5", weights, config=config))
    assert [layer.name for layer in network.layers] == ["inner/conv", "inner/conv_1"]
    for layer, kernel in zip(network.layers, kernels, strict=True):
        np.testing.assert_array_equal(layer.conv.weights, kernel.transpose(3, 2, 0, 1))


def test_two_arrays_of_the_same_name_in_a_layer_are_an_error(tmp_path: Path) -> None:
    weights = {"conv": [(f"conv/{part}/kernel:0", values(1, 1, 3, 3)) for part in "ab"]}
    config = functional(IMAGE, entry("Conv2D", "conv", "image", use_bias=False))
    with pytest.raises(FileError, match="the layer conv \\(Conv2D\\) has several arrays of the same name in the file"):
        load_network(write_listed(tmp_path / "model.h5", weights, config=config))


def test_a_layer_that_is_called_twice_has_the_same_filters_in_both(load: Any) -> None:
    conv = entry("Conv2D", "conv", "image", use_bias=False)
    conv["inbound_nodes"].append([["act", 0, 0, {}]])
    last = {**entry("Add", "add"), "inbound_nodes": [[["conv", 0, 0, {}], ["conv", 1, 0, {}]]]}
    kernel, image = values(1, 1, 3, 3), values(3, 7, 9)
    network = load(functional(IMAGE, conv, entry("ReLU", "act", "conv"), last), conv={"kernel": kernel})
    once = np.einsum("ck,chw->khw", kernel[0, 0], image)
    expected = once + np.einsum("ck,chw->khw", kernel[0, 0], np.maximum(once, 0))
    np.testing.assert_allclose(output(network, image), expected, rtol=1e-4, atol=1e-5)


def test_a_keras_file_finds_its_weights_by_the_classes_of_layers(tmp_path: Path) -> None:
    def call(name: str) -> list[dict[str, Any]]:
        tensor = {"class_name": "__keras_tensor__", "config": {"shape": [], "keras_history": [name, 0, 0]}}
        return [{"args": [tensor], "kwargs": {"mask": None}}]

    first = {**entry("Conv2D", "b", use_bias=False), "inbound_nodes": call("image")}
    second = {**entry("Conv2D", "a", use_bias=False), "inbound_nodes": call("b")}
    image = entry("InputLayer", "image", batch_shape=[None, 7, 9, 3])
    config = functional(image, first, second)
    config["config"] |= {"input_layers": ["image", 0, 0], "output_layers": ["a", 0, 0]}
    kernels = values(1, 1, 3, 2), values(3, 1, 2, 5)
    weights = {"layers/conv2d": ("b", [kernels[0]]), "layers/conv2d_1": ("a", [kernels[1]])}
    network = load_network(write_keras(tmp_path / "model.keras", weights, config))
    for layer, name, kernel in zip(network.layers, "ba", kernels, strict=True):
        assert layer.name == name
        np.testing.assert_array_equal(layer.conv.weights, kernel.transpose(3, 2, 0, 1))


def test_a_model_of_keras_1_has_other_names_of_settings_and_arrays(tmp_path: Path) -> None:
    layers = [
        entry(
            "Convolution2D", "c", nb_filter=2, border_mode="same", subsample=[2, 2], batch_input_shape=[None, 7, 9, 3]
        ),
        entry("BatchNormalization", "n", mode=0),
        entry("Activation", "a", activation="relu"),
    ]
    kernel, norm = values(3, 3, 3, 2), [np.full(2, value, np.float32) for value in (2, 3, 0, 1)]
    names = ("gamma", "beta", "running_mean", "running_std")
    weights = {
        "c": [("c_W", kernel), ("c_b", np.zeros(2, np.float32))],
        "n": [(f"n_{name}", array) for name, array in zip(names, norm, strict=True)],
        "a": [],
    }
    path = write_listed(tmp_path / "model.h5", weights, config={"class_name": "Sequential", "config": layers})
    (layer,) = load_network(path).layers
    np.testing.assert_allclose(layer.conv.weights, 2 / np.sqrt(1.001) * kernel.transpose(3, 2, 0, 1), rtol=1e-6)
    np.testing.assert_allclose(layer.conv.bias, 3)
    assert (layer.conv.window.stride, layer.activation.kind) == ((2, 2), "relu")


def test_kernels_of_keras_1_with_theano_are_rotated(tmp_path: Path) -> None:
    kernel = values(2, 3, 3, 5)
    layer = entry("Convolution2D", "c", nb_filter=2, dim_ordering="th", bias=False, batch_input_shape=[None, 3, 7, 9])
    config = {"class_name": "Sequential", "config": [layer]}
    network = load_network(write_listed(tmp_path / "model.h5", {"c": [("c_W", kernel)]}, config=config))
    np.testing.assert_array_equal(network.layers[0].conv.weights, kernel[:, :, ::-1, ::-1])
    assert network.input.size == (7, 9)


# Layers by name


CHAIN = (
    entry("Conv2D", "block1_conv", "image"),
    entry("BatchNormalization", "block1_bn", "block1_conv", scale=False, center=False),
    entry("ReLU", "block1_relu", "block1_bn"),
    entry("Conv2D", "block2_conv", "block1_relu"),
)
CHAIN_WEIGHTS = {
    "block1_conv": {"kernel": values(3, 3, 3, 2), "bias": values(2)},
    "block1_bn": {"moving_mean": values(2), "moving_variance": np.full(2, 4, np.float32)},
    "block2_conv": {"kernel": values(3, 3, 2, 5), "bias": values(5)},
}


@pytest.mark.parametrize("layer", ["block1_conv", "block1", "block1_relu"])
def test_a_layer_has_what_follows_its_filters(load: Any, layer: str) -> None:
    network = load(functional(IMAGE, *CHAIN), layer=layer, **CHAIN_WEIGHTS)
    (found,) = network.layers
    assert network.layer_number(layer) == 1
    assert found.activation.kind == "relu"


def test_a_normalization_ends_the_network_where_it_is_asked_for(load: Any) -> None:
    network = load(functional(IMAGE, *CHAIN), layer="block1_bn", **CHAIN_WEIGHTS)
    (found,) = network.layers
    assert (found.name, found.activation.kind) == ("block1_bn", "none")


def test_only_the_weights_of_layers_that_are_needed_are_read(load: Any) -> None:
    weights = {**CHAIN_WEIGHTS, "block2_conv": {"kernel": np.full((3, 3, 2, 5), np.nan), "bias": values(5)}}
    assert len(load(functional(IMAGE, *CHAIN), layer="block1_conv", **weights).layers) == 1
    message = "block2_conv/kernel has values that are NaN, infinite or too large for float32."
    assert error_of(load, functional(IMAGE, *CHAIN), **weights) == message


def test_a_name_that_is_part_of_several_or_none_is_an_error(load: Any) -> None:
    for layer, message in (
        ("conv", "'conv' is part of the names of 2 layers of model: block1_conv, block2_conv. Write more of the name."),
        ("block7_conv", "There is no layer 'block7_conv': model has 2 layers. Did you mean \"block2_conv\"?"),
        (3, "There is no layer 3: model has 2 layers."),
    ):
        with pytest.raises(ArgumentError) as caught:
            load(functional(IMAGE, *CHAIN), layer=layer, **CHAIN_WEIGHTS)
        assert str(caught.value) == message


def test_the_whole_name_of_an_array_is_one_layer_of_filters(load: Any) -> None:
    network = load(functional(IMAGE, *CHAIN), layer="block1_conv/kernel", **CHAIN_WEIGHTS)
    (layer,) = network.layers
    np.testing.assert_array_equal(layer.conv.weights, CHAIN_WEIGHTS["block1_conv"]["kernel"].transpose(3, 2, 0, 1))
    assert (layer.name, layer.activation.kind) == ("block1_conv/kernel", "none")


def test_a_model_of_a_class_of_its_own_is_a_file_of_weights(load: Any) -> None:
    network = load({"class_name": "MyModel", "config": {}}, layer="block1_conv", **CHAIN_WEIGHTS)
    assert [layer.name for layer in network.layers] == ["block1_conv/kernel"]


# Errors


REFUSED = functional(
    IMAGE, entry("Conv2D", "conv", "image"), entry("Lambda", "code", "conv"), entry("Conv2D", "last", "code")
)
REFUSED_WEIGHTS = {name: {"kernel": values(1, 1, 3, 3), "bias": values(3)} for name in ("conv", "last")}


def test_a_layer_that_is_not_supported_is_named_with_those_before_it(load: Any) -> None:
    assert error_of(load, REFUSED, **REFUSED_WEIGHTS) == (
        "the layer code (Lambda): it holds code, which is never run. "
        "The layers before it can be used one at a time: conv."
    )


@pytest.mark.parametrize("layer", ["conv", "1", 1])
def test_layers_before_one_that_is_not_supported_can_be_used(load: Any, layer: Any) -> None:
    assert [each.name for each in load(REFUSED, layer=layer, **REFUSED_WEIGHTS).layers] == ["conv"]


def test_layers_after_one_that_is_not_supported_cannot_be_used(load: Any) -> None:
    message = "the layer code (Lambda): it holds code, which is never run."
    assert error_of(load, REFUSED, layer="last", **REFUSED_WEIGHTS) == message
    assert error_of(load, REFUSED, layer=2, **REFUSED_WEIGHTS) == (
        "the layer code (Lambda): it holds code, which is never run, so it is read up to there. "
        "There is no layer 2: model has 1 layer."
    )


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (entry("MyLayer", "x", "image"), "the layer x (MyLayer): it is not supported."),
        (
            entry("ReLU", "x", "image", max_value=3),
            "the layer x (ReLU): ReLU with these settings is not supported, only",
        ),
        (entry("Activation", "x", "image", activation="elu"), "the layer x (Activation): its activation elu is not"),
        (
            entry("Activation", "x", "image", activation=3),
            "the layer x (Activation): its activation 3 is not supported.",
        ),
        (
            entry("BatchNormalization", "x", "image", axis=1),
            "the layer x (BatchNormalization): along the axis 1 it is not",
        ),
        (
            entry("BatchNormalization", "x", "image", mode=1),
            "the layer x (BatchNormalization): its mode 1 is not supported, only 0.",
        ),
        (entry("Concatenate", "x", "image", "image", axis=2), "the layer x (Concatenate): along the axis 2 it is not"),
        (
            entry("Reshape", "x", "image", target_shape=[3, 63, 1]),
            "the layer x (Reshape): a change of the shape [7, 9, 3]",
        ),
        (entry("ZeroPadding2D", "x", "image", padding="a"), "the layer x (ZeroPadding2D): its padding is 'a'; whole"),
        (
            entry("MaxPooling2D", "x", "image", pool_size=20),
            "the layer x (MaxPooling2D): pool max:20 does not fit into",
        ),
        (
            entry("MaxPooling2D", "x", "image", pool_size=[1, 2, 3]),
            "the layer x (MaxPooling2D): its pool_size is [1, 2",
        ),
        (entry("MaxPooling2D", "x", "image", padding="full"), "the layer x (MaxPooling2D): padding 'full' is not"),
        (entry("Rescaling", "x", "image", scale=[1, 2]), "the layer x (Rescaling): it has 2 numbers for 3 channels."),
        (entry("Rescaling", "x", "image", scale="a"), "the layer x (Rescaling): 'a' are no numbers."),
        (
            entry("LeakyReLU", "x", "image", alpha="a"),
            "the layer x (LeakyReLU): its negative_slope is 'a'; a number is",
        ),
        (entry("Dense", "x", "image", use_bias=1), "the layer x (Dense): its use_bias is 1; true or false is needed."),
    ],
)
def test_layers_and_settings_that_are_not_supported_are_named(load: Any, layer: dict[str, Any], message: str) -> None:
    assert error_of(load, functional(IMAGE, layer)).startswith(message)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"config": {}}, "the configuration of its model has a layer without a class: {'config': {}}."),
        (
            {"class_name": "Sequential", "config": 3},
            "the configuration of its model has a layer without settings: {'class",
        ),
        ({"class_name": "Functional", "config": {}}, "the configuration of its model has no layers."),
        (
            {"class_name": "Functional", "config": {"layers": [], "output_layers": []}},
            "the configuration of its model has no output_layers.",
        ),
        (functional(IMAGE, IMAGE), "two layers of its model have the same name."),
        (
            functional(IMAGE, entry("ReLU", "a", "imag")),
            "the configuration of its model refers to a layer 'imag'. Did you",
        ),
        (functional(IMAGE, entry("ReLU", "a", "b"), entry("ReLU", "b", "a")), "the layer b (ReLU) is part of a cycle."),
        (functional(IMAGE, entry("ReLU", "a")), "the layer a (ReLU) reads nothing."),
        (
            functional(IMAGE, {**entry("ReLU", "a"), "inbound_nodes": [[["image"]]]}),
            "the configuration of its model has a",
        ),
        (
            functional(IMAGE, {**entry("ReLU", "a"), "inbound_nodes": 3}),
            "the configuration of its model has no lists of",
        ),
        (
            functional(IMAGE, {**entry("ReLU", "a"), "inbound_nodes": [[["image", 0, 5]]]}),
            "the layer image (InputLayer) has",
        ),
        (
            functional(image_entry(7, 9), entry("ReLU", "a", "image")),
            "its model reads arrays of shape [None, 7, 9], where",
        ),
        (
            functional(image_entry(7, 9, -3), entry("ReLU", "a", "image")),
            "its model reads arrays of shape [None, 7, 9, -3],",
        ),
        (
            functional(
                IMAGE, entry("InputLayer", "other", batch_shape=[None, 7, 9, 3]), entry("Add", "a", "image", "other")
            ),
            "its model has 2 inputs (image, other); networks read one image.",
        ),
        (
            functional(
                IMAGE,
                entry("MaxPooling2D", "a", "image", data_format="channels_first"),
                entry("MaxPooling2D", "b", "a", data_format="channels_last"),
            ),
            "some of its layers have the channels first and others last, which is not supported.",
        ),
    ],
)
def test_malformed_configurations_are_errors(load: Any, config: dict[str, Any], message: str) -> None:
    assert error_of(load, config).startswith(message)


def test_a_configuration_that_is_not_json_is_an_error(tmp_path: Path) -> None:
    import h5py

    path = write_listed(tmp_path / "model.h5", {}, config={})
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = "{"
    with pytest.raises(FileError, match="the configuration of its model is not JSON: "):
        load_network(path)


def test_weights_that_are_missing_of_another_shape_or_quantized_are_errors(load: Any) -> None:
    config = functional(IMAGE, entry("Conv2D", "conv", "image"))
    bias = np.zeros(2, np.float32)
    layer = "the layer conv (Conv2D)"
    assert error_of(load, config) == f"there are no weights of {layer}."
    assert (
        error_of(load, config, conv={"kernel": bias})
        == f"{layer} has 1 arrays in the file, where kernel, bias are needed."
    )
    for kernel, message in (
        (values(3, 2), f"{layer}: its kernel has the shape (3, 2), where four axes are needed"),
        (values(1, 1, 4, 2), f"{layer}: filters of shape (2, 4, 1, 1) do not fit 3 input channels"),
        (np.zeros((1, 1, 3, 2), np.int8), "conv/kernel has values of type int8; quantized models are not supported"),
        (np.zeros((1, 0, 3, 2), np.float32), "conv/kernel is an empty array of shape (1, 0, 3, 2)"),
    ):
        assert error_of(load, config, conv={"kernel": kernel, "bias": bias}) == f"{message}."


def test_models_that_call_each_other_very_often_are_an_error(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnfx.formats.keras.config.MAX_LAYER_CALLS", 500)
    config: dict[str, Any] = functional(IMAGE, outputs=["image"])
    for _ in range(3):
        inner = {**config, "name": "inner", "inbound_nodes": [[["image", 0, 0, {}]]] * 10}
        last = {**entry("Add", "a"), "inbound_nodes": [[["inner", 1 + call, 0, {}] for call in range(10)]]}
        config = functional(IMAGE, inner, last)
    assert error_of(load, config) == "it has 501 calls of layers; the limit is 500."


def test_a_file_without_configuration_is_one_of_weights(tmp_path: Path) -> None:
    kernel = values(3, 5, 3, 4)
    path = write_listed(tmp_path / "a.h5", {"conv": [("conv/kernel:0", kernel), ("conv/bias:0", values(4))]})
    (layer,) = load_network(path, layer="conv").layers
    np.testing.assert_array_equal(layer.conv.weights, kernel.transpose(3, 2, 0, 1))


# Functions


def function(name: str, *arguments: Any, module: str | None = "keras.src.ops.numpy") -> dict[str, Any]:
    """Return the configuration of a function as Keras 3 writes it, without a module in .h5 files.

    Texts are names of layers.
    """
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"shape": [], "keras_history": [each, 0, 0]}}
        if isinstance(each, str)
        else each
        for each in arguments
    ]
    node = {"args": tensors, "kwargs": {}}
    return {"module": module, "class_name": name, "config": {"name": "last"}, "name": "last", "inbound_nodes": [node]}


def tensorflow(name: str, *node: Any) -> dict[str, Any]:
    """Return the configuration of a function of TensorFlow."""
    return {**entry("TFOpLambda", "last", function=name), "inbound_nodes": [list(node)]}


NUMBERS = {"class_name": "__numpy__", "config": {"value": [1.0, -2.0, 4.0], "dtype": "float32"}}


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (function("Add", "tanh", 3.0), lambda x: x + 3),
        (function("Add", 3, "tanh"), lambda x: x + 3),
        (function("Add", "tanh", 3.0, module=None), lambda x: x + 3),
        (function("Multiply", "tanh", 0.5, module=None), lambda x: x * 0.5),
        (function("Multiply", "tanh", "relu", module=None), lambda x: x * np.maximum(x, 0)),
        (function("Subtract", "tanh", 2), lambda x: x - 2),
        (function("Subtract", 2, "tanh"), lambda x: 2 - x),
        (function("Multiply", "tanh", NUMBERS), lambda x: x * np.array([1, -2, 4])[:, None, None]),
        (function("TrueDivide", "tanh", 4.0), lambda x: x / 4),
        (function("Multiply", "tanh", "relu"), lambda x: x * np.maximum(x, 0)),
        (function("Subtract", "tanh", "relu"), lambda x: x - np.maximum(x, 0)),
        (function("Relu", "tanh", module="keras.src.ops.nn"), lambda x: np.maximum(x, 0)),
        (function("Silu", "tanh", module="keras.src.ops.nn"), lambda x: x * sigmoid(x)),
        *(
            (
                {**function("LeakyRelu", "tanh", module=module), "config": {"name": "last", "negative_slope": 0.3}},
                lambda x: np.where(x > 0, x, 0.3 * x),
            )
            for module in ("keras.src.ops.nn", None)
        ),
        (tensorflow("__operators__.add", "tanh", 0, 0, {"y": 3.0, "name": None}), lambda x: x + 3),
        (tensorflow("math.truediv", ["tanh", 0, 0, {"y": 4.0}]), lambda x: x / 4),
        (tensorflow("math.subtract", "_CONSTANT_VALUE", -1, 2.0, {"y": ["tanh", 0, 0]}), lambda x: 2 - x),
        (tensorflow("math.multiply", "tanh", 0, 0, {"y": ["relu", 0, 0]}), lambda x: x * np.maximum(x, 0)),
        (tensorflow("nn.relu6", "tanh", 0, 0, {}), lambda x: np.clip(x, 0, 6)),
    ],
)
def test_functions_of_results_and_numbers(load: Any, layer: dict[str, Any], expected: Any) -> None:
    image = values(3, 7, 9)
    layers = (entry("Activation", "tanh", "image", activation="tanh"), entry("ReLU", "relu", "tanh"), layer)
    found = output(load(functional(IMAGE, *layers)), image)
    np.testing.assert_allclose(found, expected(np.tanh(image)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (function("GetItem", "image", 3), "the operation last (GetItem): the function get_item is not supported with"),
        (
            function("TrueDivide", 3, "image"),
            "the operation last (TrueDivide): the function truediv is not supported with",
        ),
        (function("TrueDivide", "image", 0), "the operation last (TrueDivide): a factor or an offset is not finite."),
        (
            {**function("Add", "image", 3.0, module=None), "config": {"name": "last", "trainable": True}},
            "the layer last (Add): calls of it with numbers are not supported.",
        ),
        (
            {**function("Softmax", "image"), "config": {"name": "last", "axis": 1}},
            "the operation last (Softmax): along the axis 1 it is not supported, only along the channels.",
        ),
        (
            tensorflow("nn.softmax", "image", 0, 0, {"axis": 1}),
            "the layer last (TFOpLambda): the function softmax is not supported with these arguments.",
        ),
        (function("Add", "image", "b"), "the configuration of its model refers to a layer 'b'."),
        (tensorflow("math.add", "image", 0, 0, {"y": "a"}), "the layer last (TFOpLambda): 'a' are no numbers."),
        (
            tensorflow("image.resize", "image", 0, 0, {}),
            "the layer last (TFOpLambda): the function resize is not supported",
        ),
    ],
)
def test_functions_that_are_not_supported_are_named(load: Any, layer: dict[str, Any], message: str) -> None:
    assert error_of(load, functional(IMAGE, layer)).startswith(message)


def test_functions_that_scale_pixels_become_the_normalization_of_the_input(load: Any) -> None:
    layers = (
        tensorflow("math.truediv", "image", 0, 0, {"y": 127.5}),
        {**entry("Subtract", "minus"), "class_name": "TFOpLambda", "inbound_nodes": [["last", 0, 0, {"y": 1.0}]]},
        entry("Conv2D", "conv", "minus", use_bias=False),
    )
    layers[1]["config"]["function"] = "math.subtract"
    network = load(functional(IMAGE, *layers), conv={"kernel": np.ones((1, 1, 3, 1), np.float32)})
    image = RNG.random((3, 7, 9), np.float32)
    expected = (image * 255 / 127.5 - 1).sum(axis=0, keepdims=True)
    np.testing.assert_allclose(output(network, image), expected, rtol=1e-4, atol=1e-5)
    assert len(network.layers) == 1


@pytest.mark.parametrize(("activation", "count"), [("softmax", 4), (None, 4), ("sigmoid", 0)])
def test_scores_of_which_several_may_be_right_are_no_classes(load: Any, activation: str | None, count: int) -> None:
    layers = (entry("GlobalMaxPooling2D", "max", "image"), entry("Dense", "fc", "max", activation=activation))
    network = load(functional(IMAGE, *layers), fc={"kernel": values(3, 4), "bias": values(4)})
    assert len(network.classes) == count


def test_a_model_of_several_outputs_has_the_last_one_at_its_end(load: Any) -> None:
    layers = (
        entry("ReLU", "a", "image"),
        entry("MaxPooling2D", "b", "a"),
        entry("Activation", "c", "a", activation="tanh"),
    )
    network = load(functional(IMAGE, *layers, outputs=["b", "c"]))
    assert [layer.name for layer in network.layers] == ["a", "b", "c"]
    assert network.classes == ()


# keras.applications


def of_name(name: str, count: int = 1000) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration of a small model with the name of another, and its weights."""
    layers = (
        entry("Conv2D", "conv", "image", use_bias=False),
        entry("GlobalAveragePooling2D", "mean", "conv"),
        entry("Dense", "fc", "mean", use_bias=False, activation="softmax"),
    )
    weights = {"conv": {"kernel": values(1, 1, 3, 2)}, "fc": {"kernel": values(2, count)}}
    return functional(IMAGE, *layers, name=name), weights


@pytest.mark.parametrize(
    ("name", "prepared"),
    [
        ("vgg16", lambda x: (255 * x)[::-1] - np.array([103.939, 116.779, 123.68])[:, None, None]),
        ("resnet50", lambda x: (255 * x)[::-1] - np.array([103.939, 116.779, 123.68])[:, None, None]),
        ("mobilenetv2_1.00_224", lambda x: 2 * x - 1),
        ("xception", lambda x: 2 * x - 1),
        (
            "densenet121",
            lambda x: (
                (x - np.array([0.485, 0.456, 0.406])[:, None, None]) / np.array([0.229, 0.224, 0.225])[:, None, None]
            ),
        ),
        ("efficientnetb0", lambda x: x),
        ("mine", lambda x: x),
    ],
)
def test_networks_of_keras_applications_have_the_input_that_is_not_in_their_files(
    load: Any, name: str, prepared: Any
) -> None:
    config, weights = of_name(name)
    network, image = load(config, **weights), RNG.random((3, 7, 9), np.float32)
    expected = np.einsum("ck,chw->khw", weights["conv"]["kernel"][0, 0], prepared(image))
    np.testing.assert_allclose(network.feature_maps(image)[0], expected, rtol=1e-3, atol=1e-4)
    assert network.input.size == (7, 9)
    assert network.classes[285] == ("class 285" if name == "mine" else "Egyptian cat")


def test_other_numbers_of_classes_than_those_of_imagenet_have_numbers(load: Any) -> None:
    config, weights = of_name("vgg16", count=4)
    assert load(config, **weights).classes == ("class 0", "class 1", "class 2", "class 3")
