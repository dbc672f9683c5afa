"""Deconvolution against values by hand, and on crops against the same on whole images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.backprop.graph import GraphGradient
from cnnfx.errors import CnnfxError
from cnnfx.features import ImageArray
from cnnfx.features.deconvnet import crop_for_output, network_for_crop, project
from cnnfx.features.top_patches import TopActivation
from cnnfx.nn.layers import Conv, Layer
from cnnfx.nn.pooling import Pool
from cnnfx.nn.receptive_field import Box, receptive_field
from tests.features.networks import layer, network, with_head


def projected(net, image, channel, row=0, column=0):
    """The projection of one activation onto its receptive field."""
    image = np.asarray(image, np.float32)
    box = Box(0, 0, *image.shape[1:]) if net.head else receptive_field(net, image.shape).box(row, column)
    top = TopActivation(0.0, 0, row, column)
    return project(net, ImageArray("images", image[None]), [channel], [top], [box])[0]


def test_the_projection_of_one_filter_is_the_filter_times_its_activation():
    kernel = [[1, -2], [0, 3]]
    image = np.zeros((1, 4, 5))
    image[0, 2, 3] = 0.5  # under the weight 3 of the filter at (1, 2): its activation is 1.5
    np.testing.assert_allclose(projected(network(layer([[kernel]])), image, 0, 1, 2), [1.5 * np.array(kernel)])


def test_unpooling_moves_the_signal_to_the_position_of_the_maximum():
    image = np.zeros((1, 2, 2))
    image[0, 1, 0] = 0.5
    net = network(layer([[[[2]]]], "relu", "max:2"))
    np.testing.assert_allclose(projected(net, image, 0), [[[0, 0], [2.0, 0]]])  # 2 · (2 · 0.5), at the maximum


def test_a_negative_signal_is_rectified_where_the_gradient_passes():
    below = layer([[[[1]]], [[[3]]]], "relu")  # both are active: the gradient passes both
    above = layer([[[[2]], [[-0.5]]]])
    image = np.ones((1, 1, 1))  # activation 2·1 − 0.5·3 = 0.5
    net = network(below, above)
    np.testing.assert_allclose(projected(net, image, 0), [[[0.5 * 2 * 1]]])  # without −0.5 · 3
    graph = GraphGradient(net, dtype=np.float64)
    graph.forward(np.ones((1, 1, 1, 1)))
    np.testing.assert_allclose(graph.backward(np.full((1, 1, 1, 1), 0.5)), [[[[0.5 * (2 - 1.5)]]]])


def test_a_positive_signal_passes_where_the_gradient_is_zero():
    below = layer([[[[-1]]], [[[1]]]], "relu", bias=[0.5, 0])  # the first is 0 for a white pixel
    net = network(below, layer([[[[2]], [[3]]]]))
    np.testing.assert_allclose(projected(net, np.ones((1, 1, 1)), 0), [[[3 * (2 * -1 + 3 * 1)]]])


def test_without_relu_nothing_is_rectified():
    net = network(layer([[[[1]]], [[[3]]]]), layer([[[[2]], [[-0.5]]]]))
    np.testing.assert_allclose(projected(net, np.ones((1, 1, 1)), 0), [[[0.5 * (2 - 1.5)]]])


def test_a_class_score_is_projected_through_the_weights_of_the_head():
    random = np.random.default_rng(0)
    net = with_head(random, network(layer([[[[1]]]], "relu")), (1, 2, 3))
    image = random.uniform(size=(1, 2, 3)).astype("f4")
    score = net.scores(image)[1]
    weights = net.head.weights[1].reshape(1, 2, 3)
    np.testing.assert_allclose(projected(net, image, 1), np.maximum(score * weights, 0), rtol=1e-5)


def test_the_projection_is_zero_outside_of_the_image():
    net = network(layer(np.ones((1, 1, 3, 3)), padding=1))
    result = projected(net, np.ones((1, 9, 9)), 0, 0, 8)
    np.testing.assert_allclose(result, [[[0, 0, 0], [4, 4, 0], [4, 4, 0]]])


LAYERS = st.fixed_dictionaries(
    {
        "kernel": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "stride": st.integers(1, 2),
        "dilation": st.integers(1, 2),
        "padding": st.sampled_from(["valid", "same", 1, ((0, 2), (1, 0)), ((3, 0), (0, 2))]),
        "border": st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]),
        "activation": st.sampled_from(["relu", "abs", "none"]),
        "pool": st.sampled_from(["", "max:2", "mean:2"]),
    }
)


def directly(conv, image):
    """Filter without the Winograd method, which divides by 3: sums of multiples of powers of 2 are exact."""
    return conv.forward_band(image, conv.window.padding, "direct")


def deconvolved(net, image, row, column):
    """The maps of an image, and the projection of channel 1 at a position with a signal of 1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conv, "forward", directly)
        graph = GraphGradient(net, "deconvolution", np.float64)
        maps = graph.forward(image[None])
        signal = np.zeros_like(maps)
        signal[0, 1, row, column] = 1
        return maps[0], graph.backward(signal)[0]


@settings(max_examples=80)
@given(st.lists(LAYERS, min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_the_projection_of_a_crop_equals_that_of_the_whole_image(layers, seed):
    random = np.random.default_rng(seed)
    # All sums are exact, so that max pooling takes the first of equal outputs. With rounding, which can differ between
    # the crop and the image, it may take another one.
    net = network(
        *(
            layer(random.integers(-3, 4, (2, 2, *one.pop("kernel"))), bias=random.integers(-4, 5, 2) / 4, **one)
            for one in layers
        )
    )
    image = random.integers(0, 256, (2, *random.integers(12, 60, 2).tolist())) / 256
    try:
        _, height, width = net.output_shapes(image.shape)[-1]
    except CnnfxError:
        return  # the image is too small for the layers
    row, column = int(random.integers(0, height)), int(random.integers(0, width))
    check_crop(net, image, row, column)


def check_crop(net, image, row, column):
    """Check that the crop for an output gives the same value and the same projection as the whole image."""
    maps, expected = deconvolved(net, image, row, column)
    crop = crop_for_output(net, image.shape, row, column)
    top, left, bottom, right = crop.box
    pixels = image[:, top:bottom, left:right]
    of_crop, projection = deconvolved(network_for_crop(net, image.shape), pixels, crop.row, crop.column)
    assert of_crop[1, crop.row, crop.column] == pytest.approx(maps[1, row, column])
    result = np.zeros_like(expected)
    result[:, top:bottom, left:right] = projection
    np.testing.assert_allclose(result, expected, atol=1e-9)


POOLS = st.sampled_from(
    [
        None,
        Pool("max", 3, 2),
        Pool("max", 3, 2, ceil=True),
        Pool("max", 3, 2, 1),
        Pool("max", 3, 1, ((1, 1), (0, 2))),
        Pool("mean", 2, 2, ceil=True),
    ]
)
FIRES = st.fixed_dictionaries(
    {
        "stride": st.integers(1, 2),
        "padding": st.sampled_from(["valid", "same", 1, ((0, 2), (1, 0))]),
        "border": st.sampled_from(["constant", "edge", "reflect", "symmetric"]),
        "join": st.sampled_from(["concat", "add"]),
        "pool": POOLS,
    }
)


def fire_layers(random, number, channels, stride, padding, border, join, pool):
    """A layer of filters, and two layers that read it and are joined and pooled, as in SqueezeNet."""

    def filters(name, count, size, **settings):
        weights, bias = random.integers(-3, 4, (2, count, size, size)), random.integers(-4, 5, 2) / 4
        return replace(layer(weights, "relu", bias=bias, **settings), name=f"{name}{number}")

    squeeze = filters("squeeze", channels, 3, stride=stride, padding=padding, border=border)
    one = replace(filters("one", 2, 1), sources=(squeeze.name,))
    three = replace(filters("three", 2, 3, padding=1, border=border), sources=(squeeze.name,))
    return squeeze, one, three, Layer(name=f"fire{number}", sources=(one.name, three.name), join=join, pool=pool)


@settings(max_examples=80, deadline=None)
@given(st.lists(FIRES, min_size=1, max_size=2), st.integers(0, 2**32 - 1))
def test_the_projection_of_a_crop_through_joins_and_overlapping_pools_equals_that_of_the_whole_image(fires, seed):
    random, channels, layers = np.random.default_rng(seed), 2, []
    for number, fire in enumerate(fires):
        layers += fire_layers(random, number, channels, **fire)
        channels = 4 if fire["join"] == "concat" else 2
    net = network(*layers).bind(["1", "2"])
    image = random.integers(0, 256, (2, *random.integers(12, 90, 2).tolist())) / 256
    try:
        _, height, width = net.output_shapes(image.shape)[-1]
    except CnnfxError:
        return  # the image is too small for the layers
    check_crop(net, image, int(random.integers(0, height)), int(random.integers(0, width)))


def test_a_signal_goes_through_both_layers_that_are_joined():
    below = replace(layer([[[[1.0]]]]), name="below")
    twice = replace(layer([[[[2.0]]]], "relu"), name="twice", sources=("below",))
    thrice = replace(layer([[[[3.0]]]], "relu"), name="thrice", sources=("below",))
    joined = Layer(name="joined", sources=("twice", "thrice"))
    above = layer([[[[1.0]], [[10.0]]]])
    net = network(below, twice, thrice, joined, above).bind(["gray"])
    # The activation is 2 + 10·3 = 32, and the signal at the pixel 32·(2 + 10·3).
    np.testing.assert_allclose(projected(net, np.ones((1, 1, 1)), 0), [[[32 * 32]]])


def test_far_from_the_border_the_crop_is_the_receptive_field_from_a_multiple_of_the_stride_on():
    net = network(layer(np.ones((1, 1, 3, 3)), padding="same", pool="max:2"), layer(np.ones((1, 1, 3, 3)), padding=1))
    crop = crop_for_output(net, (1, 500, 400), 100, 90)
    top, left, bottom, right = receptive_field(net, (1, 500, 400)).box(100, 90)
    assert crop.box == Box(top - 1, left - 1, bottom, right)
    assert (crop.row, crop.column) == (100 - (top - 1) // 2, 90 - (left - 1) // 2)


def test_at_the_border_the_crop_is_only_a_little_larger_than_the_receptive_field():
    net = network(layer(np.ones((1, 1, 3, 3)), padding="same"))
    crop = crop_for_output(net, (1, 5000, 4000), 0, 3999)
    assert crop.box.bottom < 20
    assert crop.box.left > 3980


def test_an_output_that_is_computed_from_all_pixels_needs_the_whole_image():
    net = network(layer(np.ones((1, 1, 3, 3)), pool="mean:all"))
    assert crop_for_output(net, (1, 50, 40), 0, 0) == (Box(0, 0, 50, 40), 0, 0)
