"""Positions of the sliding window: the patch and the value at each, constant regions, and pooling."""

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
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.trace import explain
from cnnfx.render.sliding.positions import sliding_window


def make_image(channels=1, height=9, width=11, seed=0):
    values = np.random.default_rng(seed).random((channels, height, width)).astype(np.float32)
    return Image("random", values, tuple(map(str, range(channels))))


def make_network(channels=1, kernel=(3, 2), filters=2, **settings):
    random = np.random.default_rng(1)
    weights = random.normal(size=(filters, channels, *kernel)).astype(np.float32)
    bias = random.normal(size=filters).astype(np.float32)
    return Network((Layer(Conv(weights, bias, **settings), ("a", "b")[:filters]),))


def slide(network, image, *only):
    return sliding_window(feature_maps(network, image, image.channel_names), image.channel_names, only)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60)
@given(
    stride=pairs,
    dilation=pairs,
    padding=st.sampled_from(["valid", "same", 1, 3]),
    border=st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_the_explained_patch_and_value_are_those_under_the_window(stride, dilation, padding, border, kernel):
    network = make_network(2, kernel, stride=stride, dilation=dilation, padding=padding, border=border)
    sliding = slide(network, make_image(2))
    for row, column in np.ndindex(sliding.output_size):
        rows, columns = sliding.kernel_slices(row, column)
        for channel, explanation in zip(sliding.channels, sliding.explain(row, column), strict=True):
            patches = np.stack([term.patch for term in explanation.points[0].sums[0].terms])
            np.testing.assert_array_equal(patches, sliding.padded[:, rows, columns])
            assert explanation.channel == channel.name
            assert channel.values[row, column] == pytest.approx(explanation.value, abs=1e-5)


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
    sliding = slide(per_channel, image, per_channel.layers[0].channel_names.index("1 left"))
    assert [channel.name for channel in sliding.channels] == ["1 left"]
    assert sliding.channels[0].input_channels == range(1, 2)
    ((term,),) = [filter_sum.terms for filter_sum in sliding.explain(2, 3)[0].points[0].sums]
    np.testing.assert_array_equal(term.patch, image.values[1, 2:5, 3:6])


def test_the_input_of_a_deeper_layer_is_the_feature_maps_below_it():
    deep = load_network("sobel").then(load_network("gaussian"))
    image = make_image()
    sliding = slide(deep, image)
    np.testing.assert_array_equal(sliding.inputs, load_network("sobel").feature_maps(image.floats())[-1])
    assert (list(sliding.input_names), sliding.title) == (["x", "y", "magnitude"], "output of layer 1")


def test_the_input_of_a_normalizing_network_is_the_normalized_image():
    network, image = replace(make_network(), input=Input(mean=0.5, std=2.0)), make_image()
    sliding = slide(network, image)
    np.testing.assert_allclose(sliding.inputs, (image.values - 0.5) / 2, rtol=1e-6)
    assert sliding.title == "input, normalized"


def pooled(pool, filters=2, **settings):
    network = make_network(kernel=(3, 3), filters=filters, **settings)
    return replace(network, layers=(replace(network.layers[0], pool=pool),))


@pytest.mark.parametrize("kind", ["max", "mean"])
def test_with_pooling_there_are_the_values_before_and_after_it(kind):
    network, image = pooled(Pool(kind, 2)), make_image()
    sliding = slide(network, image)
    assert (sliding.output_size, sliding.pooled_size, sliding.pool) == ((7, 9), (3, 4), Pool(kind, 2))
    np.testing.assert_array_equal([c.pooled for c in sliding.channels], network.feature_maps(image.floats())[-1])
    summary = np.max if kind == "max" else np.mean
    for row, column in np.ndindex(sliding.pooled_size):
        values = sliding.channels[1].values[sliding.block(row, column)]
        assert values.shape == (2, 2)
        assert sliding.channels[1].pooled[row, column] == pytest.approx(summary(values))


def test_the_position_of_the_largest_value_of_a_block_is_the_one_that_explain_keeps():
    network, image = pooled(Pool("max", 3), padding=1), make_image()
    sliding = slide(network, image)
    maps = feature_maps(network, image, image.channel_names)
    for row, column in np.ndindex(sliding.pooled_size):
        for channel, explanation in zip(sliding.channels, explain(maps, ["0"], row, column), strict=True):
            patch = explanation.points[explanation.shown].patch
            assert sliding.largest(channel, row, column) == (patch.row, patch.column)


def test_of_equal_values_the_first_is_the_largest():
    sliding = slide(load_network("edges"), Image("flat", np.zeros((1, 6, 6), np.float32), ("gray",)))
    sliding = replace(sliding, pool=Pool("max", 2))
    assert sliding.largest(sliding.channels[0], 1, 0) == (2, 0)


def test_without_pooling_there_are_no_pooled_values():
    sliding = slide(make_network(), make_image())
    assert (sliding.pooled_size, sliding.channels[0].pooled, sliding.pool) == ((0, 0), None, None)


def test_only_chooses_channels_and_their_order():
    network, image = load_network("edges"), make_image()
    sliding = slide(network, image, 2, 0)
    assert [channel.name for channel in sliding.channels] == ["bottom", "top"]
    top, _, bottom, _ = network.feature_maps(image.floats())[-1]
    np.testing.assert_array_equal([channel.values for channel in sliding.channels], [bottom, top])
    assert [explanation.channel for explanation in sliding.explain(1, 1)] == ["bottom", "top"]


def test_positions_are_constant_where_all_values_under_the_weights_are_equal():
    values = np.zeros((2, 5, 6), np.float32)
    values[1, 2, 3] = 1
    network = make_network(2, (2, 2), stride=(1, 2), dilation=(1, 2))
    sliding = slide(network, Image("dot", values, ("a", "b")))
    assert sliding.output_size == (4, 2)
    # Columns 0 and 2, then 2 and 4, are under the weights: the dot in column 3 never is.
    assert sliding.constant.all()
    values[1, 2, 4] = 1
    sliding = slide(network, Image("dot", values, ("a", "b")))
    assert sliding.constant.tolist() == [[True, True], [True, False], [True, False], [True, True]]


def test_blocks_are_constant_where_all_pooled_values_are_equal():
    values = np.zeros((1, 6, 6), np.float32)
    values[0, 0, 0] = 1
    network = load_network("edges")
    network = replace(network, layers=(replace(network.layers[0], pool=Pool("max", 2)),))
    sliding = slide(network, Image("dot", values, ("gray",)))
    assert sliding.constant_blocks.tolist() == [[False, True], [True, True]]


@pytest.mark.parametrize("kind", ["max", "mean"])
def test_the_windows_of_overlapping_pooling_are_those_of_the_layer(kind):
    network = make_network(filters=1)
    pool = Pool(kind, (3, 2), (2, 1), 1, ceil=True)
    sliding = slide(replace(network, layers=(replace(network.layers[0], pool=pool),)), make_image())
    (channel,) = sliding.channels
    pooled = {"max": np.max, "mean": np.mean}[kind]
    assert channel.pooled.shape == sliding.pooled_size
    for row, column in np.ndindex(sliding.pooled_size):
        assert channel.pooled[row, column] == pytest.approx(
            pooled(channel.values[sliding.block(row, column)]), abs=1e-6
        )
    assert sliding.block(0, 0) == (slice(0, 2), slice(0, 1))
    assert sliding.constant_blocks[0, 0] == (np.ptp(channel.values[:2, :1]) == 0)


def test_the_input_of_a_join_is_that_of_its_sources():
    first = make_network(filters=2).layers[0]
    left, right = (replace(first, name=name, sources=("input",)) for name in ("left", "right"))
    top = make_network(4, (1, 1), 1).layers[0]
    network = Network((left, right, replace(top, name="top", sources=("left", "right"))))
    image = make_image()
    sliding = slide(network, image)
    maps = network.feature_maps(image)
    np.testing.assert_allclose(sliding.inputs, np.concatenate(maps[:2]), rtol=1e-5)
    assert sliding.title == "output of left and right"
    assert list(sliding.input_names) == ["left.a", "left.b", "right.a", "right.b"]


def test_a_layer_without_filters_has_no_window():
    network = Network((Layer(pool=Pool("max", 2), name="pool"),), "net")
    with pytest.raises(ArgumentError, match=r"^layer pool of net has no filters that slide over its input\.$"):
        slide(network, make_image())


def test_of_many_input_channels_those_with_the_largest_products_are_drawn():
    weights = np.ones((1, 5, 1, 1), np.float32)
    weights[0, 1] = -9
    values = np.ones((5, 3, 3), np.float32)
    values[3] = 4
    values[4] = 0
    image = Image("many", values, tuple(map(str, range(5))))
    sliding = slide(Network((Layer(Conv(weights, np.zeros(1, np.float32)), ("a",)),)), image)
    assert sliding.read_inputs(5) == [0, 1, 2, 3, 4]
    assert sliding.read_inputs(2) == [1, 3]
    assert sliding.read_inputs(3) == [0, 1, 3]
