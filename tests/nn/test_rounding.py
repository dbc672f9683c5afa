"""Maps that contain only rounding errors, and maps that contain signal, however weak."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnnfx
from cnnfx.conv import correlate
from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps, feature_maps
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Combination, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.nn.rounding import Bounds, actual_bounds, layer_bounds, rounding_errors, signal_range
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
    found = actual_bounds(possible, np.array([1e-4, 2, 3]))
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
