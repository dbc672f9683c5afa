"""What a layer does at each position: the window lies where the values come from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import UsageError
from cnnfx.formats import load_network
from cnnfx.images import Image
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.nn.layers import Activation, Conv, Pool
from cnnfx.nn.network import Layer, Network
from cnnfx.render.sliding.positions import slide_of, unpooled


def image(channels=1, height=9, width=11, seed=0):
    values = np.random.default_rng(seed).random((channels, height, width)).astype(np.float32)
    return Image("random", values, tuple(map(str, range(channels))))


def network(channels=1, kernel=(3, 2), filters=2, **how):
    random = np.random.default_rng(1)
    weights = random.normal(size=(filters, channels, *kernel)).astype(np.float32)
    bias = random.normal(size=filters).astype(np.float32)
    return Network((Layer(Conv(weights, bias, **how), ("a", "b")[:filters]),))


def slide(one, picture, *wanted):
    return slide_of(feature_maps(one, picture, picture.channel_names), picture.channel_names, wanted)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60)
@given(
    stride=pairs,
    dilation=pairs,
    padding=st.sampled_from(["valid", "same", 1, 3]),
    border=st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_patch_times_weights_is_the_sum_and_with_the_bias_the_value(stride, dilation, padding, border, kernel):
    one = network(2, kernel, stride=stride, dilation=dilation, padding=padding, border=border)
    shown = slide(one, image(2))
    for channel in shown.channels:
        for row, column in np.ndindex(shown.size):
            total = float((shown.patch(channel, row, column) * channel.weights).sum())
            assert channel.sums[row, column] == pytest.approx(total, abs=1e-5)
            assert channel.values[row, column] == pytest.approx(total + channel.bias, abs=1e-5)


def test_the_window_of_a_dilated_filter_lies_on_every_second_pixel_of_the_padded_input():
    shown = slide(network(kernel=(2, 3), stride=(2, 3), dilation=2, padding=1), image())
    assert shown.under(1, 2) == (slice(2, 5, 2), slice(6, 11, 2))
    assert shown.padded.shape == (1, 11, 13)


def test_the_values_are_those_of_the_networks_own_forward_pass():
    one, picture = network(padding="same"), image()
    one = replace(one, layers=(replace(one.layers[0], activation=Activation("relu")),))
    shown = slide(one, picture)
    np.testing.assert_array_equal([c.values for c in shown.channels], one.feature_maps(picture.floats())[-1])
    assert [channel.activation for channel in shown.channels] == ["relu", "relu"]


def test_a_combined_channel_says_what_it_is_made_of():
    shown = slide(load_network("sobel"), image())
    assert [channel.name for channel in shown.channels] == ["x", "y", "magnitude"]
    assert (shown.channels[2].made_of, shown.channels[2].weights) == ("norm of x, y", None)
    x, y, magnitude = (channel.values for channel in shown.channels)
    np.testing.assert_allclose(magnitude, np.hypot(x, y), rtol=1e-5)


def test_filters_on_each_channel_apart_see_their_own_channel():
    picture = image(3)
    apart = load_network("edges").per_channel(picture.channel_names)
    shown = slide(apart, picture, "1 left")
    assert shown.channels[0].sees == range(1, 2)
    patch = shown.patch(shown.channels[0], 2, 3)
    np.testing.assert_array_equal(patch, picture.values[1:2, 2:5, 3:6])


def test_a_deeper_layer_sees_the_feature_maps_below_it():
    deep = load_network("sobel").then(load_network("gaussian"))
    picture = image()
    shown = slide(deep, picture)
    np.testing.assert_array_equal(shown.inputs, load_network("sobel").feature_maps(picture.floats())[-1])
    assert (list(shown.names), shown.title) == (["x", "y", "magnitude"], "output of layer 1")


def test_a_network_that_normalizes_its_input_is_shown_what_it_sees():
    one, picture = replace(network(), mean=0.5, std=2.0), image()
    shown = slide(one, picture)
    np.testing.assert_allclose(shown.inputs, (picture.values - 0.5) / 2, rtol=1e-6)
    assert shown.title == "input, normalized"


def test_the_layer_at_work_is_not_pooled():
    one = network()
    pooled = replace(one, layers=(replace(one.layers[0], pool=Pool("max", 2)),) * 2)
    shown = unpooled(pooled, 1)
    assert [layer.pool for layer in shown.layers] == [None]


@pytest.mark.parametrize(
    ("steps", "stops"), [(None, [0, 1, 2, 3, 4, 5]), (3, [1, 3, 5]), (4, [0, 2, 3, 5]), (9, [0, 1, 2, 3, 4, 5])]
)
def test_steps_go_through_all_positions_and_end_at_the_last(steps, stops):
    shown = slide(network(kernel=(3, 3)), image(height=4, width=5))
    assert shown.size == (2, 3)
    assert shown.stops(steps) == stops


def test_a_filter_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        slide(load_network("edges"), image(), "rigth")
    assert str(caught.value) == (
        'edges has no filter called "rigth". Did you mean "right"? It has top, left, bottom, right.'
    )
