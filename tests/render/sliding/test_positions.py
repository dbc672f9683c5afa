"""Positions of the sliding window: the patch, the sum and the value at each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError
from cnnfx.formats import load_network
from cnnfx.images import Image
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.render.sliding.positions import sliding_window, without_pooling


def make_image(channels=1, height=9, width=11, seed=0):
    values = np.random.default_rng(seed).random((channels, height, width)).astype(np.float32)
    return Image("random", values, tuple(map(str, range(channels))))


def make_network(channels=1, kernel=(3, 2), filters=2, **settings):
    random = np.random.default_rng(1)
    weights = random.normal(size=(filters, channels, *kernel)).astype(np.float32)
    bias = random.normal(size=filters).astype(np.float32)
    return Network((Layer(Conv(weights, bias, **settings), ("a", "b")[:filters]),))


def slide(network, image, *wanted):
    return sliding_window(feature_maps(network, image, image.channel_names), image.channel_names, wanted)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60)
@given(
    stride=pairs,
    dilation=pairs,
    padding=st.sampled_from(["valid", "same", 1, 3]),
    border=st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_the_sum_of_products_plus_bias_is_the_value(stride, dilation, padding, border, kernel):
    network = make_network(2, kernel, stride=stride, dilation=dilation, padding=padding, border=border)
    sliding = slide(network, make_image(2))
    for channel in sliding.channels:
        for row, column in np.ndindex(sliding.output_size):
            total = float((sliding.patch(channel, row, column) * channel.weights).sum())
            assert channel.sums[row, column] == pytest.approx(total, abs=1e-5)
            assert channel.values[row, column] == pytest.approx(total + channel.bias, abs=1e-5)


def test_a_filter_of_dilation_2_reads_every_second_pixel_of_the_padded_input():
    sliding = slide(make_network(kernel=(2, 3), stride=(2, 3), dilation=2, padding=1), make_image())
    assert sliding.kernel_slices(1, 2) == (slice(2, 5, 2), slice(6, 11, 2))
    assert sliding.padded.shape == (1, 11, 13)


def test_the_values_equal_the_feature_maps_of_the_network():
    network, image = make_network(padding="same"), make_image()
    network = replace(network, layers=(replace(network.layers[0], activation=Activation("relu")),))
    sliding = slide(network, image)
    np.testing.assert_array_equal([c.values for c in sliding.channels], network.feature_maps(image.floats())[-1])
    assert [channel.activation for channel in sliding.channels] == ["relu", "relu"]


def test_a_combination_has_a_formula_and_no_weights():
    sliding = slide(load_network("sobel"), make_image())
    assert [channel.name for channel in sliding.channels] == ["x", "y", "magnitude"]
    assert (sliding.channels[2].formula, sliding.channels[2].weights) == ("norm of x, y", None)
    x, y, magnitude = (channel.values for channel in sliding.channels)
    np.testing.assert_allclose(magnitude, np.hypot(x, y), rtol=1e-5)


def test_a_filter_applied_per_channel_reads_only_its_channel():
    image = make_image(3)
    per_channel = load_network("edges").per_channel(image.channel_names)
    sliding = slide(per_channel, image, "1 left")
    assert sliding.channels[0].input_channels == range(1, 2)
    patch = sliding.patch(sliding.channels[0], 2, 3)
    np.testing.assert_array_equal(patch, image.values[1:2, 2:5, 3:6])


def test_the_input_of_a_deeper_layer_is_the_feature_maps_below_it():
    deep = load_network("sobel").then(load_network("gaussian"))
    image = make_image()
    sliding = slide(deep, image)
    np.testing.assert_array_equal(sliding.inputs, load_network("sobel").feature_maps(image.floats())[-1])
    assert (list(sliding.input_names), sliding.title) == (["x", "y", "magnitude"], "output of layer 1")


def test_the_input_of_a_normalizing_network_is_the_normalized_image():
    network, image = replace(make_network(), mean=0.5, std=2.0), make_image()
    sliding = slide(network, image)
    np.testing.assert_allclose(sliding.inputs, (image.values - 0.5) / 2, rtol=1e-6)
    assert sliding.title == "input, normalized"


def test_without_pooling_the_last_layer_has_no_pooling():
    network = make_network()
    pooled = replace(network, layers=(replace(network.layers[0], pool=Pool("max", 2)),) * 2)
    network = without_pooling(pooled, 1)
    assert [layer.pool for layer in network.layers] == [None]


@pytest.mark.parametrize(
    ("frames", "positions"), [(None, [0, 1, 2, 3, 4, 5]), (3, [1, 3, 5]), (4, [0, 2, 3, 5]), (9, [0, 1, 2, 3, 4, 5])]
)
def test_frames_are_spread_over_all_positions_and_end_at_the_last(frames, positions):
    sliding = slide(make_network(kernel=(3, 3)), make_image(height=4, width=5))
    assert sliding.output_size == (2, 3)
    assert sliding.frame_positions(frames) == positions


def test_an_unknown_filter_name_raises_an_error_that_suggests_the_closest():
    with pytest.raises(ArgumentError) as caught:
        slide(load_network("edges"), make_image(), "rigth")
    assert str(caught.value) == (
        'edges has no filter called "rigth". Did you mean "right"? It has top, left, bottom, right.'
    )
