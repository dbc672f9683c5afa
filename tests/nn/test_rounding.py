"""Maps that contain only rounding errors, and maps that contain signal, however weak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnnfx
from cnnfx.conv import correlate
from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps, feature_maps, feature_maps_of_layers
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Combination, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.rounding import Bounds, actual_bounds, joined_bounds, layer_bounds, rounding_errors, signal_range
from cnnfx.nn.statistics import channel_magnitudes

BOX = np.full((1, 1, 3, 3), 1 / 9)
LAPLACIAN = np.array([[[[0, 1, 0], [1, -4, 1], [0, 1, 0]]]], float)
NOISY = np.array([[[[0.1, -0.7, 0.6]]]])
"""Weights that add up to 0, but not in float32."""
RANDOM = np.random.default_rng(8)


def array_image(values: np.ndarray) -> Image:
    """Return an array (H, W) of floats as an image."""
    return Image("array", values[None].astype(np.float32), ("gray",), is_array=True)


def flat(value: float) -> Image:
    return array_image(np.full((60, 70), value))


def layer(weights: np.ndarray, bias: float = 0.0, **settings: object) -> Layer:
    """Return a layer of K filters."""
    count = len(weights)
    conv = Conv(weights.astype(np.float32), np.full(count, bias, np.float32))
    return Layer(conv, tuple(f"f{k}" for k in range(count)), **settings)


def maps_of(image: Image, *layers: Layer) -> FeatureMaps:
    return feature_maps(Network(layers), image, image.channel_names)


@pytest.mark.parametrize("value", [0.3, 1 / 3, 1499.7, 1e-30, -7.1e6])
@pytest.mark.parametrize("name", ["sobel", "scharr", "laplacian", "edges", "spots", "textures"])
def test_maps_of_a_flat_array_through_zero_sum_filters_are_zero(name: str, value: float) -> None:
    image = flat(value)
    maps = feature_maps(cnnfx.load_network(name), image, image.channel_names, layer=1)
    zero_sum = [
        all(abs(maps.network.layers[0].conv.weights[index].sum()) < 1e-9 for index in channel.of)
        for channel in maps.network.layers[0].outputs
    ]
    assert any(zero_sum)
    if not maps.network.layers[0].conv.bias.any():
        assert {found for found, wanted in zip(maps.signal_ranges, zero_sum, strict=True) if wanted} == {(0.0, 0.0)}


def test_the_rounding_errors_that_are_left_out_exist() -> None:
    (channel,) = maps_of(flat(0.7), layer(NOISY)).statistics
    assert 0 < max(-channel.low, channel.high) < 1e-6


def test_a_constant_map_other_than_zero_is_signal() -> None:
    maps = maps_of(flat(0.3), layer(BOX))
    ((low, high),) = maps.signal_ranges
    assert low == high == pytest.approx(0.3)


def test_rounding_errors_of_a_smoothed_flat_image_are_not_signal_in_the_next_layer() -> None:
    assert maps_of(flat(0.3), layer(BOX), layer(LAPLACIAN)).signal_ranges == [(0.0, 0.0)]


def test_smoothing_does_not_make_signal_of_rounding_errors() -> None:
    network = [layer(NOISY), layer(BOX), layer(BOX)]
    maps = maps_of(flat(0.7), *network)
    assert maps.statistics[0].range != (0, 0)
    assert maps.signal_ranges == [(0.0, 0.0)]


@pytest.mark.parametrize("kind", ["norm", "max", "sum", "mean", "difference"])
def test_combined_rounding_errors_are_rounding_errors(kind: str) -> None:
    weights = np.array([[[[-0.1, -0.2, 0.3]]], [[[0.1, 0.6, -0.7]]]])
    combined = layer(weights, combine=(Combination("c", kind, (0, 1)),))
    maps = maps_of(flat(0.7), combined)
    assert maps.signal_ranges == [(0.0, 0.0)]


def test_a_difference_of_equal_channels_is_zero() -> None:
    weights = np.concatenate([BOX, BOX * 3, BOX * 2])  # 3/9 - 1/9 - 2/9
    combined = layer(weights[[1, 0, 2]], combine=(Combination("c", "difference", (0, 1, 2)),))
    image = array_image(RANDOM.random((30, 40)))
    assert maps_of(image, combined).signal_ranges == [(0.0, 0.0)]


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e15])
@pytest.mark.parametrize("weight_scale", [1e-6, 1.0])
def test_weak_signals_are_signals(scale: float, weight_scale: float) -> None:
    image = array_image(RANDOM.random((30, 40)) * scale)
    for network in ([layer(LAPLACIAN * weight_scale)], [layer(BOX * weight_scale), layer(LAPLACIAN)]):
        maps = maps_of(image, *network)
        assert maps.signal_ranges == [channel.range for channel in maps.statistics]
        assert maps.signal_ranges != [(0.0, 0.0)]


def test_one_level_of_65535_is_signal_also_for_a_kernel_of_many_weights() -> None:
    weights = np.ones((1, 1, 12, 20))
    weights[..., ::2] = -1
    values = np.full((40, 50), 30000, np.uint16)
    values[20, 25] += 1
    maps = maps_of(Image("picture", values[None], ("gray",)), layer(weights))
    np.testing.assert_allclose(maps.signal_ranges, [(-1 / 65535, 1 / 65535)], rtol=1e-6)


def test_a_single_pixel_that_differs_by_a_hundred_thousandth_is_signal() -> None:
    values = np.full((30, 40), 0.5)
    values[10, 20] += 1e-5
    maps = maps_of(array_image(values), layer(LAPLACIAN))
    assert maps.signal_ranges == [channel.range for channel in maps.statistics]


@pytest.mark.parametrize("weight", [np.inf, np.nan, 3e38])
def test_values_of_weights_that_are_not_finite_are_signal(weight: float) -> None:
    weights = np.array([[[[weight, 0]]], [[[1, -1]]]])
    maps = maps_of(array_image(np.array([[0, 1, 3, 0, 0]])), layer(weights), layer(np.array([[[[1.0]], [[0.0]]]])))
    assert maps.signal_ranges == [channel.range for channel in maps.statistics]


def test_a_bias_that_cancels_the_sum_leaves_only_rounding_errors() -> None:
    maps = maps_of(flat(0.3), layer(np.array([[[[0.1, 0.2, 0.3]]]]), bias=-0.18))
    assert maps.signal_ranges == [(0.0, 0.0)]


def test_magnitudes_of_rounding_errors_are_rounding_errors() -> None:
    maps = maps_of(flat(0.3), layer(np.array([[[[-0.1, -0.2, 0.3]]]]), activation=Activation("abs")))
    assert maps.signal_ranges == [(0.0, 0.0)]


def test_the_input_of_a_network_that_normalizes_it_is_taken_into_account() -> None:
    network = Network((layer(np.array([[[[-0.1, -0.2, 0.3]]]])),), input=Input(mean=0.1307, std=0.3081))
    image = flat(0.7)
    assert feature_maps(network, image, image.channel_names).signal_ranges == [(0.0, 0.0)]


def test_the_loose_bound_is_never_below_the_careful_one() -> None:
    image = array_image(RANDOM.normal(size=(40, 50)))
    network = Network(tuple(layer(RANDOM.normal(size=(4, depth, 3, 3)), bias=0.5) for depth in (1, 4, 4)))
    largest = np.abs(image.values).max(axis=(1, 2))
    found = {number: channel_magnitudes(network.feature_maps(image.values)[number - 1]) for number in (1, 2)}
    loose, careful = (rounding_errors(network.layers, [(0,), (1,), (2,)], largest, known) for known in ({}, found))
    assert all(one > other > 0 for one, other in zip(loose, careful, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_maps_that_a_call_returns_know_their_rounding_errors(dtype: type) -> None:
    network = Network((layer(BOX), layer(LAPLACIAN / 3)))
    found = [network(np.full((1, 30, 40), value, dtype)) for value in np.linspace(0.1, 0.9, 17)]
    assert any(maps.statistics[0].range != (0, 0) for maps in found)
    assert all(maps.signal_ranges == [(0.0, 0.0)] for maps in found)
    assert all(set(np.unique(cnnfx.grid(maps, labels=False, gap=0))) == {128} for maps in found)


def test_maps_of_64_bits_have_smaller_rounding_errors() -> None:
    image = np.full((1, 30, 40), 0.5)
    image[0, 10, 20] += 1e-9
    maps = Network((Layer(Conv(LAPLACIAN, np.zeros(1)), ("a",)),))(image)
    assert maps.signal_ranges == [channel.range for channel in maps.statistics]
    assert maps.signal_ranges != [(0.0, 0.0)]


@pytest.mark.parametrize("method", ["direct", "separable", "fft", "winograd"])
@given(st.data())
def test_rounding_errors_on_flat_and_on_stepped_images_are_within_their_bounds(
    method: str, data: st.DataObject
) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    side = int(random.integers(2, 8))
    weights = random.normal(size=(2, 1, side, side))
    weights -= weights.mean(axis=2, keepdims=True)  # each column adds up to 0, so vertical steps give 0, too
    values = np.full((1, 40, 50), random.random(), np.float32)
    values[..., 25:] = random.random()
    maps = correlate(values, weights.astype(np.float32), method=method)
    bounds = layer_bounds(layer(weights), Bounds(np.array([values.max()]), np.zeros(1)))
    assert (np.abs(maps).max(axis=(1, 2)) <= bounds.errors).all()


def test_bounds_of_grouped_filters_are_those_of_their_own_channels() -> None:
    weights = np.array([1.0, 2, 3, 4]).reshape(4, 1, 1, 1)
    grouped = Layer(Conv(weights, np.zeros(4), groups=2), tuple("abcd"))
    bounds = layer_bounds(grouped, Bounds(np.array([10.0, 100.0]), np.array([1.0, 0.1])), exact_sums=False)
    assert bounds.magnitudes.tolist() == [10, 20, 300, 400]
    np.testing.assert_allclose(bounds.errors, [1, 2, 0.3, 0.4], rtol=1e-3)


def test_a_channel_within_its_error_is_all_error() -> None:
    possible = Bounds(np.array([5.0, 5, 5]), np.array([1e-3, 1e-3, 1e-7]))
    found = actual_bounds(possible, np.array([1e-4, 2, 3]), 2.0**-18)
    assert found.magnitudes.tolist() == [1e-4, 2, 3]
    assert found.errors.tolist() == [1e-4, 2 * 2.0**-18, 1e-7]


@pytest.mark.parametrize(
    ("values", "error", "expected"),
    [
        ((-2.0, 1.0), 0.1, (-2, 1)),
        ((-0.1, 0.05), 0.1, (0, 0)),
        ((-0.05, 0.11), 0.1, (0.11, 0.11)),
        ((5.0, 5.1), 0.1, (5.1, 5.1)),
        ((-5.1, -5.0), 0.1, (-5.1, -5.1)),
        ((0.0, 0.0), 0.0, (0, 0)),
    ],
)
def test_a_range_without_rounding_errors(
    values: tuple[float, float], error: float, expected: tuple[float, float]
) -> None:
    assert signal_range(values, error) == expected


ACTIVATIONS = [
    Activation(kind, (0.5, -2.0, 0.25) if kind == "prelu" else None)
    for kind in ("none", "relu", "relu6", "leaky_relu", "prelu", "abs", "sigmoid", "tanh")
] + [Activation(kind) for kind in ("hard_sigmoid", "hard_swish", "softmax")]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation.kind)
@given(st.integers(0, 2**32))
def test_an_activation_keeps_values_and_errors_within_their_bounds(activation: Activation, seed: int) -> None:
    random = np.random.default_rng(seed)
    magnitudes, errors = random.choice([1e-3, 1.0, 5.0], 3), random.choice([1e-6, 1e-3, 0.1], 3)
    check_bounds(Layer(activation=activation), magnitudes, errors, random)


@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from([0.0, 0.1, 10.0]), st.sampled_from([0.5, 2.0]))
def test_a_normalization_keeps_values_and_errors_within_their_bounds(
    seed: int, size: int, alpha: float, k: float
) -> None:
    random = np.random.default_rng(seed)
    magnitudes, errors = random.choice([1e-3, 1.0, 50.0], 5), random.choice([1e-6, 1e-3, 0.1], 5)
    check_bounds(Layer(local_response=LocalResponse(size, alpha, 0.75, k)), magnitudes, errors, random)


def check_bounds(layer: Layer, magnitudes: np.ndarray, errors: np.ndarray, random: np.random.Generator) -> None:
    """Check that outputs for values with errors differ from those for exact values by at most the bound."""
    layer = layer.bind(tuple(map(str, range(len(magnitudes)))))
    exact = random.uniform(-1, 1, (len(magnitudes), 20, 20)) * magnitudes[:, None, None]
    with_errors = exact + random.choice([-1, 1], exact.shape) * errors[:, None, None]
    bounds = layer_bounds(layer, Bounds(magnitudes, errors))
    found = layer.forward(exact)
    assert (np.abs(found).max(axis=(1, 2)) <= bounds.magnitudes * (1 + 1e-12)).all()
    assert (
        np.abs(layer.forward(with_errors) - found).max(axis=(1, 2)) <= bounds.errors + 1e-12 * bounds.magnitudes
    ).all()


@pytest.mark.parametrize("join", ["concat", "add", "multiply"])
@given(st.integers(0, 2**32))
def test_a_join_keeps_values_and_errors_within_their_bounds(join: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    sources = [Bounds(random.choice([1e-3, 1.0, 50.0], 2), random.choice([1e-6, 1e-3, 0.1], 2)) for _ in range(3)]
    exact = [random.uniform(-1, 1, (2, 9, 9)) * source.magnitudes[:, None, None] for source in sources]
    with_errors = [
        values + random.choice([-1, 1], values.shape) * source.errors[:, None, None]
        for values, source in zip(exact, sources, strict=True)
    ]
    bounds = joined_bounds(join, sources)
    layer = Layer(join=join, sources=("a", "b", "c"))
    found = layer.join_inputs(exact)
    assert (np.abs(found).max(axis=(1, 2)) <= bounds.magnitudes * (1 + 1e-12)).all()
    assert (
        np.abs(layer.join_inputs(with_errors) - found).max(axis=(1, 2)) <= bounds.errors + 1e-12 * bounds.magnitudes
    ).all()


@pytest.mark.parametrize("join", ["add", "multiply"])
def test_the_rounding_of_a_join_of_exact_maps_is_within_its_bounds(join: str) -> None:
    sources = [Bounds(np.ones(3), np.zeros(3)) for _ in range(3)]
    values = [RANDOM.uniform(0.5, 1, (3, 20, 20)).astype(np.float32) for _ in sources]
    layer = Layer(join=join, sources=("a", "b", "c"))
    errors = np.abs(layer.join_inputs(values) - layer.join_inputs([each.astype(np.float64) for each in values]))
    assert errors.max() > 0
    assert (errors.max(axis=(1, 2)) <= joined_bounds(join, sources).errors).all()


def test_a_map_that_only_rounding_errors_add_to_another_is_not_signal() -> None:
    layers = (
        replace(layer(BOX), name="smooth"),
        replace(layer(LAPLACIAN), name="edges"),
        replace(layer(np.ones((1, 1, 3, 3)) / 9), name="smoother", sources=("smooth",)),
        Layer(sources=("edges", "edges"), join="add", name="sum"),
        Layer(sources=("sum", "smoother"), join="multiply", name="product"),
    )
    assert maps_of(flat(0.3), *layers).signal_ranges == [(0.0, 0.0)]
    image = array_image(RANDOM.random((30, 40)))
    maps = maps_of(image, *layers)
    assert maps.signal_ranges == [channel.range for channel in maps.statistics]


def test_one_pass_finds_the_magnitudes_of_every_layer() -> None:
    image = array_image(RANDOM.normal(size=(40, 50)))
    network = Network(tuple(layer(RANDOM.normal(size=(4, depth, 3, 3)), bias=0.5) for depth in (1, 4, 4)))
    reads: list[int] = []

    class CountedImage(Image):
        def floats(self, first: int = 0, last: int | None = None) -> np.ndarray:
            reads.append(first)
            return super().floats(first, last)

    counted = CountedImage("array", image.values, ("gray",), is_array=True)
    maps = feature_maps(network, counted, ("gray",))
    assert len(maps.statistics) == 4
    assert len(reads) == 1
    found = {number: channel_magnitudes(network.feature_maps(image.values)[number - 1]) for number in (1, 2)}
    largest = np.abs(image.values).max(axis=(1, 2))
    assert maps.rounding_errors == rounding_errors(network.layers, [(0,), (1,), (2,)], largest, found)


def test_magnitudes_leave_out_what_is_not_finite() -> None:
    maps = np.array([[[1, -3]], [[np.nan, 2]], [[-np.inf, -4]], [[np.nan, np.inf]]], np.float32)
    assert channel_magnitudes(maps).tolist() == [3, 2, 4, 0]


def test_the_signal_of_a_trained_network_on_a_picture_is_no_rounding_error() -> None:
    network = cnnfx.load_network("squeezenet")
    values = np.kron(RANDOM.integers(0, 256, (3, 12, 12)), np.ones((8, 8), int)).astype(np.uint8)
    image = Image("picture", values, ("red", "green", "blue"))
    numbers = range(1, len(network.layers) + 1)
    for maps in feature_maps_of_layers(network, image, image.channel_names, numbers):
        shown = np.array(maps.signal_ranges)
        largest = np.abs(maps.whole()).max(axis=(1, 2))
        assert (np.abs(shown).max(axis=1) == largest).all()
