"""Gradients of graphs of layers, against finite differences in float64, PyTorch where it is installed, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.backprop.graph import GraphGradient
from cnnfx.errors import ArgumentError
from cnnfx.nn.activations import ACTIVATIONS, Activation
from cnnfx.nn.classifier import Dense
from cnnfx.nn.combinations import COMBINATIONS, Combination
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.pooling import Pool

CHANNELS = 4
SHAPE = (CHANNELS, 9, 8)


def names(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(1, count + 1)))


def conv_layer(random, filters: int, channels: int = CHANNELS, size: int = 3, **settings) -> Layer:
    """A layer of random filters; settings of `Conv` and of `Layer` together."""
    conv = {key: settings.pop(key) for key in ("stride", "dilation", "padding", "border", "groups") if key in settings}
    weights = random.normal(size=(filters, channels // conv.get("groups", 1), size, size))
    return Layer(Conv(weights, random.normal(size=filters), **conv), names(filters), **settings)


def bound(*layers: Layer, channels: int = CHANNELS, **settings) -> Network:
    return Network(layers, "tiny", **settings).bind(names(channels))


def batch(shape=SHAPE, count: int = 2, seed: int = 1):
    return np.random.default_rng(seed).normal(0, 2, (count, *shape))


def check(network: Network, images, samples: int = 30) -> None:
    """Compare the gradient of a random function of the output with finite differences, at some values of the images."""
    graph, step = GraphGradient(network, dtype=np.float64), 1e-6
    weights = np.random.default_rng(2).normal(size=graph.forward(images).shape)
    gradient = graph.backward(weights)
    assert gradient.shape == images.shape
    scale = np.abs(gradient).max()
    for position in np.random.default_rng(3).integers(0, images.shape, (samples, 4)):
        moved = images.copy()
        moved[tuple(position)] += step
        above = (graph.forward(moved) * weights).sum()
        moved[tuple(position)] -= 2 * step
        below = (graph.forward(moved) * weights).sum()
        assert gradient[tuple(position)] == pytest.approx(
            (above - below) / (2 * step), rel=1e-4, abs=1e-6 * scale + 1e-8
        )


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_the_gradient_of_each_activation_equals_finite_differences(kind) -> None:
    slopes = {"leaky_relu": 0.2, "prelu": (0.1, -0.3, 0.5, 0.0)}
    check(bound(Layer(activation=Activation(kind, slopes.get(kind)))), batch())


@pytest.mark.parametrize("kind", COMBINATIONS)
def test_the_gradient_of_each_combination_equals_finite_differences(kind) -> None:
    combine = (Combination("a", kind, (0, 2)), Combination("b", kind, (1,)), Combination("c", kind, (3, 1, 0)))
    check(bound(Layer(combine=combine)), batch())


POOLS = {
    "blocks": {"size": 2},
    "overlapping": {"size": 3, "stride": 2},
    "overlapping, ceil": {"size": 3, "stride": 2, "ceil": True},
    "padded": {"size": 3, "stride": 2, "padding": 1},
    "one-sided padding, ceil": {"size": (3, 4), "stride": (2, 3), "padding": ((0, 1), (2, 0)), "ceil": True},
    "gaps between windows": {"size": 2, "stride": 3},
    "dense": {"size": 3, "stride": 1, "padding": 1},
    "whole maps": {"size": None},
}


@pytest.mark.parametrize("counting", [False, True])
@pytest.mark.parametrize("kind", ["max", "mean"])
@pytest.mark.parametrize("pool", POOLS)
def test_the_gradient_of_each_pooling_equals_finite_differences(pool, kind, counting) -> None:
    check(bound(Layer(pool=Pool(kind, count_padding=counting, **POOLS[pool]))), batch())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 20])
def test_the_gradient_of_local_response_normalization_equals_finite_differences(size) -> None:
    norm = LocalResponse(size, alpha=0.7, beta=0.6, k=1.5)
    check(bound(Layer(local_response=norm)), batch())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"groups": 2, "stride": 2},
        {"groups": 4, "padding": 1, "stride": 2, "dilation": 2},
        {"padding": ((0, 2), (1, 0)), "dilation": (1, 2)},
        {"padding": "same", "border": "reflect", "stride": (1, 3)},
        {"padding": 2, "border": "wrap"},
    ],
)
def test_the_gradient_of_filters_equals_finite_differences(settings) -> None:
    check(bound(conv_layer(np.random.default_rng(0), 8, **settings)), batch())


@pytest.mark.parametrize("join", ["concat", "add", "multiply"])
def test_the_gradient_of_each_join_equals_finite_differences(join) -> None:
    random = np.random.default_rng(0)
    left = conv_layer(random, 3, padding=1, name="left", sources=("input",))
    right = conv_layer(random, 3, padding=1, name="right", sources=("input",), activation=Activation("tanh"))
    check(bound(left, right, Layer(sources=("left", "right", "left"), join=join)), batch())


@pytest.mark.parametrize("join", ["add", "multiply"])
def test_the_gradient_of_one_value_that_is_joined_with_a_map_is_the_sum_over_the_map(join) -> None:
    random = np.random.default_rng(0)
    maps = conv_layer(random, 3, name="maps", sources=("input",))
    gate = Layer(name="gate", sources=("maps",), activation=Activation("sigmoid"), pool=Pool("mean", None))
    check(bound(maps, gate, Layer(sources=("maps", "gate"), join=join)), batch())


def test_the_gradients_of_several_readers_of_a_layer_add_up() -> None:
    random = np.random.default_rng(0)
    below = Layer(Conv(np.ones((1, 1, 1, 1)), np.zeros(1)), ("1",), name="below", sources=("input",))
    readers = [
        Layer(Conv(np.full((1, 1, 1, 1), weight), np.zeros(1)), ("1",), name=f"times{weight}", sources=("below",))
        for weight in (2, 30)
    ]
    total = Layer(sources=("times2", "times30", "below"), join="add")
    graph = GraphGradient(bound(below, *readers, total, channels=1), dtype=np.float64)
    y = graph.forward(random.normal(size=(1, 1, 2, 2)))
    np.testing.assert_allclose(graph.backward(np.ones_like(y)), np.full((1, 1, 2, 2), 33))
    np.testing.assert_allclose(graph.gradient(1), np.full((1, 1, 2, 2), 33))
    np.testing.assert_allclose(graph.gradient(2), np.ones((1, 1, 2, 2)))
    np.testing.assert_allclose(graph.maps(4), 33 * graph.maps(1))


def test_a_layer_that_the_last_one_does_not_need_is_not_computed() -> None:
    random = np.random.default_rng(0)
    unused = conv_layer(random, 2, name="unused", sources=("input",))
    graph = GraphGradient(bound(unused, conv_layer(random, 2, sources=("input",))))
    graph.backward(graph.forward(batch()))
    with pytest.raises(KeyError):
        graph.maps(1)
    with pytest.raises(KeyError):
        graph.gradient(1)


def test_the_gradient_of_class_scores_equals_finite_differences() -> None:
    random = np.random.default_rng(0)
    below = conv_layer(random, 2, activation=Activation("relu"), pool=Pool("max", 2))
    head = Dense(random.normal(size=(3, 18)), random.normal(size=3), (2, 3, 3))
    network = bound(below, head=head, classes=("a", "b", "c"), input=Input(mean=(0.3,), std=(2.0,)))
    assert GraphGradient(network).forward(batch()).shape == (2, 3, 1, 1)
    check(network, batch())


def test_normalization_of_each_channel_is_a_part_of_the_gradient() -> None:
    settings = Input(channels="rgb", scale=255.0, mean=(1.0, 2.0, 3.0), std=(2.0, 5.0, 10.0))
    network = bound(Layer(), channels=3, input=settings)
    graph = GraphGradient(network, dtype=np.float64)
    images = np.ones((1, 3, 1, 1))
    np.testing.assert_allclose(graph.forward(images).ravel(), [254 / 2, 253 / 5, 252 / 10])
    np.testing.assert_allclose(graph.maps(0), graph.forward(images))
    np.testing.assert_allclose(graph.backward(np.ones((1, 3, 1, 1))).ravel(), [255 / 2, 255 / 5, 255 / 10])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_equals_that_of_the_network(dtype) -> None:
    random = np.random.default_rng(0)
    network = bound(conv_layer(random, 4, activation=Activation("hard_swish")), conv_layer(random, 3, stride=2))
    images = batch().astype(dtype)
    graph = GraphGradient(network, dtype=dtype)
    result = graph.forward(images)
    assert result.dtype == graph.backward(result).dtype == dtype
    for number, maps in enumerate(network.feature_maps(images), 1):
        np.testing.assert_array_equal(graph.maps(number), maps)


def test_images_that_do_not_fit_the_network_are_an_error() -> None:
    with pytest.raises(ArgumentError, match="kernel of 3×3 is larger than the image of 2×2"):
        GraphGradient(bound(conv_layer(np.random.default_rng(0), 2))).forward(batch((CHANNELS, 2, 2)))


def test_of_equal_values_the_first_of_a_window_gets_the_gradient() -> None:
    graph = GraphGradient(bound(Layer(pool=Pool("max", 3, 2)), channels=1), dtype=np.float64)
    x = np.array([[[[0, 7, 7, 7, 0], [7, 0, 0, 0, 7], [0, 0, 0, 0, 0]]]], float)
    graph.forward(x)
    dx = graph.backward(np.array([[[[2.0, 30]]]]))  # windows of columns 0 … 2 and 2 … 4
    np.testing.assert_array_equal(dx[0, 0, 0], [0, 2, 30, 0, 0])
    assert dx.sum() == 32


def test_the_maximum_of_two_windows_gets_the_sum_of_their_gradients() -> None:
    graph = GraphGradient(bound(Layer(pool=Pool("max", (1, 3), (1, 2))), channels=1), "deconvolution", np.float64)
    graph.forward(np.array([[[[0, 1.0, 5, 1, 0]]]]))
    np.testing.assert_array_equal(graph.backward(np.array([[[[2.0, 30]]]]))[0, 0, 0], [0, 0, 32, 0, 0])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("relu", [0, 5, 0, 7]),  # positive signals pass, whatever the activation was
        ("relu6", [0, 5, 0, 7]),
        ("leaky_relu", [-0.4, 0.5, -6, 7]),  # the gradient
        ("abs", [4, -5, -6, 7]),
        ("none", [-4, 5, -6, 7]),
    ],
)
def test_deconvolution_rectifies_signals_at_functions_that_cut_off_negative_values(kind, expected) -> None:
    slope = 0.1 if kind == "leaky_relu" else None
    graph = GraphGradient(bound(Layer(activation=Activation(kind, slope)), channels=1), "deconvolution", np.float64)
    graph.forward(np.array([[[[-1.0, -2, 3, 4]]]]))
    np.testing.assert_allclose(graph.backward(np.array([[[[-4.0, 5, -6, 7]]]]))[0, 0, 0], expected)


@st.composite
def random_graphs(draw):
    """Networks of up to six layers that read each other, and the size of an image."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(5, 9)), draw(st.integers(5, 9))
    channels, layers = {"input": CHANNELS}, []
    for number in range(draw(st.integers(1, 6))):
        sources = draw(st.lists(st.sampled_from(list(channels)), min_size=1, max_size=3))
        counts = [channels[source] for source in sources]
        join = draw(st.sampled_from(["concat", "add", "multiply"])) if len(set(counts)) == 1 else "concat"
        count = sum(counts) if join == "concat" else counts[0]
        kind = draw(st.sampled_from(sorted(ACTIVATIONS)))
        common = {
            "name": f"n{number}",
            "sources": tuple(sources),
            "join": join,
            "local_response": draw(st.sampled_from([None, LocalResponse(3, 0.5)])),
        }
        if draw(st.booleans()):
            filters = draw(st.integers(1, 4))
            layer_settings = {
                "size": draw(st.sampled_from([1, 3])),
                "border": draw(st.sampled_from(["constant", "edge", "reflect"])),
                "groups": draw(st.sampled_from([group for group in (1, count) if filters % group == 0])),
            }
            slope = tuple(random.normal(size=filters).tolist()) if kind == "prelu" else None
            layer = conv_layer(
                random, filters, count, padding="same", activation=Activation(kind, slope), **layer_settings, **common
            )
            count = filters
        else:
            slope = tuple(random.normal(size=count).tolist()) if kind == "prelu" else None
            pool = draw(st.sampled_from([None, Pool("max", 3, 1, 1), Pool("mean", 3, 1, 1)]))
            layer = Layer(activation=Activation(kind, slope), pool=pool, **common)
        layers.append(layer)
        channels[f"n{number}"] = count
    return bound(*layers), size


@settings(max_examples=60, deadline=None)
@given(random_graphs())
def test_the_gradient_of_random_graphs_equals_finite_differences(graph) -> None:
    network, size = graph
    check(network, batch((CHANNELS, *size), 1) / 2, samples=8)


def torch_function(network: Network):
    """The same network as a function of PyTorch tensors, with layers of `torch.nn.functional`."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    functions = {
        "none": lambda x: x, "relu": functional.relu, "relu6": functional.relu6, "sigmoid": torch.sigmoid,
        "tanh": torch.tanh, "hard_swish": functional.hardswish, "hard_sigmoid": functional.hardsigmoid,
        "softmax": lambda x: torch.softmax(x, 1), "abs": torch.abs,
    }  # fmt: skip

    def apply_layer(layer, x):
        if layer.conv is not None:
            window = layer.conv.window
            (top, bottom), (left, right) = window.padding
            x = functional.pad(x, (left, right, top, bottom))
            x = functional.conv2d(
                x, torch.tensor(layer.conv.weights), torch.tensor(layer.conv.bias), window.stride,
                dilation=window.dilation, groups=layer.conv.groups,
            )  # fmt: skip
        slope = layer.activation.slope
        if layer.activation.kind in ("prelu", "leaky_relu"):
            x = functional.prelu(x, torch.tensor(np.atleast_1d(slope)))
        else:
            x = functions[layer.activation.kind](x)
        if layer.local_response is not None:
            norm = layer.local_response
            x = functional.local_response_norm(x, norm.size, norm.alpha, norm.beta, norm.k)
        if layer.pool is not None and layer.pool.is_global:
            x = functional.adaptive_max_pool2d(x, 1) if layer.pool.kind == "max" else x.mean((2, 3), keepdim=True)
        elif layer.pool is not None:
            pool = layer.pool
            pads = tuple(before for before, _ in pool.padding)
            if pool.kind == "max":
                x = functional.max_pool2d(x, pool.size, pool.stride, pads, ceil_mode=pool.ceil)
            else:
                x = functional.avg_pool2d(x, pool.size, pool.stride, pads, pool.ceil, pool.count_padding)
        return x

    def function(x):
        maps = [x]
        for number, layer in enumerate(network.layers, 1):
            inputs = [maps[source] for source in network.sources(number)]
            joined = inputs[0]
            if layer.join == "concat":
                joined = torch.cat(inputs, 1)
            else:
                for other in inputs[1:]:
                    joined = joined + other if layer.join == "add" else joined * other
            maps.append(apply_layer(layer, joined))
        return maps[-1]

    return function


def torch_networks() -> dict[str, Network]:
    random = np.random.default_rng(0)
    pools = [Pool(kind, count_padding=counting, **settings) for kind in ("max", "mean") for counting in (False, True)
             for name, settings in POOLS.items() if "one-sided" not in name]  # fmt: skip
    cases = {f"{pool}": bound(Layer(pool=pool)) for pool in pools}
    for kind in ACTIVATIONS:
        slope = {"leaky_relu": 0.2, "prelu": (0.1, -0.3, 0.5, 0.0)}.get(kind)
        cases[kind] = bound(Layer(activation=Activation(kind, slope)))
    cases |= {f"local response {n}": bound(Layer(local_response=LocalResponse(n, 0.7, 0.6, 1.5))) for n in (2, 3, 5)}
    fire = [
        conv_layer(random, 3, size=1, activation=Activation("relu"), name="squeeze", sources=("input",)),
        conv_layer(random, 4, 3, size=1, activation=Activation("relu"), name="one", sources=("squeeze",)),
        conv_layer(random, 4, 3, padding=1, activation=Activation("relu"), name="three", sources=("squeeze",)),
        Layer(sources=("one", "three"), name="fire", pool=Pool("max", 3, 2, ceil=True)),
    ]
    cases["fire module"] = bound(*fire)
    inverted = [
        conv_layer(random, 8, size=1, activation=Activation("relu6"), name="expand", sources=("input",)),
        conv_layer(random, 8, 8, padding=1, groups=8, activation=Activation("hard_swish"), name="depthwise"),
        Layer(activation=Activation("none"), pool=Pool("mean", None), name="mean"),
        conv_layer(random, 8, 8, size=1, activation=Activation("hard_sigmoid"), name="gate"),
        Layer(sources=("depthwise", "gate"), join="multiply", name="scaled"),
        conv_layer(random, 4, 8, size=1, name="project"),
        Layer(sources=("input", "project"), join="add", name="sum"),
    ]
    cases["inverted residual with squeeze and excitation"] = bound(*inverted)
    cases["strides and dilation"] = bound(
        conv_layer(random, 6, stride=(2, 3), dilation=2, padding=((1, 2), (0, 3)), groups=2)
    )
    return cases


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("case", torch_networks())
def test_the_gradient_equals_that_of_pytorch(case, ties) -> None:
    torch = pytest.importorskip("torch")
    network = torch_networks()[case]
    function, images = torch_function(network), batch()
    if ties:  # equal values, zeros and the corners of functions
        images = np.round(images)
    tensor = torch.tensor(images, requires_grad=True)
    expected = function(tensor)
    weights = np.random.default_rng(5).normal(size=tuple(expected.shape))
    (expected * torch.tensor(weights)).sum().backward()
    graph = GraphGradient(network, dtype=np.float64)
    np.testing.assert_allclose(graph.forward(images), expected.detach().numpy(), rtol=1e-9, atol=1e-9)
    # PyTorch computes the gradient of hard sigmoid with 1/6 in float32.
    np.testing.assert_allclose(graph.backward(weights), tensor.grad.numpy(), rtol=1e-6, atol=1e-7)
