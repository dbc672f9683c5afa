"""Deconvolution: by hand on tiny networks, and the same on a part of an image as on all of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import CnnfxError
from cnnfx.features import ImageArray
from cnnfx.features.deconvnet import Excited, project
from cnnfx.features.top_patches import Place, excerpt, of_part
from cnnfx.features.units import Units
from cnnfx.nn.receptive_field import Box, receptive_field
from tests.features.networks import layer, network, random_layer, with_head


def projected(net, image, channel, row=0, column=0):
    """The projection of one activation onto its receptive field."""
    image = np.asarray(image, np.float32)
    box = Box(0, 0, *image.shape[1:]) if net.head else receptive_field(net, image.shape).box(row, column)
    place = Place(0.0, 0, row, column)
    return project(net, ImageArray("images", image[None]), [Excited(channel, place)], [box])[0]


def test_one_filter_is_laid_where_it_was_times_its_activation():
    kernel = [[1, -2], [0, 3]]
    image = np.zeros((1, 4, 5))
    image[0, 2, 3] = 0.5  # under the weight 3 of the filter at (1, 2): its activation is 1.5
    np.testing.assert_allclose(projected(network(layer([[kernel]])), image, 0, 1, 2), [1.5 * np.array(kernel)])


def test_the_signal_goes_through_the_switch_of_the_pooling():
    image = np.zeros((1, 2, 2))
    image[0, 1, 0] = 0.5
    net = network(layer([[[[2]]]], "relu", "max:2"))
    np.testing.assert_allclose(projected(net, image, 0), [[[0, 0], [2.0, 0]]])  # 2 · (2 · 0.5), where the largest was


def test_a_negative_signal_is_rectified_where_the_gradient_lets_it_pass():
    below = layer([[[[1]]], [[[3]]]], "relu")  # both are active: the gradient passes both
    above = layer([[[[2]], [[-0.5]]]])
    image = np.ones((1, 1, 1))  # activation 2·1 − 0.5·3 = 0.5
    net = network(below, above)
    np.testing.assert_allclose(projected(net, image, 0), [[[0.5 * 2 * 1]]])  # of −0.5 · 3 nothing
    units = Units(net, (1, 1, 1), dtype=np.float64)
    units.forward(np.ones((1, 1, 1, 1)))
    np.testing.assert_allclose(units.backward(np.full((1, 1, 1, 1), 0.5)), [[[[0.5 * (2 - 1.5)]]]])


def test_a_positive_signal_passes_where_the_gradient_stops_it():
    below = layer([[[[-1]]], [[[1]]]], "relu", bias=[0.5, 0])  # the first is dead on a white pixel
    net = network(below, layer([[[[2]], [[3]]]]))
    np.testing.assert_allclose(projected(net, np.ones((1, 1, 1)), 0), [[[3 * (2 * -1 + 3 * 1)]]])


def test_without_an_activation_nothing_is_rectified():
    net = network(layer([[[[1]]], [[[3]]]]), layer([[[[2]], [[-0.5]]]]))
    np.testing.assert_allclose(projected(net, np.ones((1, 1, 1)), 0), [[[0.5 * (2 - 1.5)]]])


def test_a_class_goes_back_through_the_weights_of_the_head():
    random = np.random.default_rng(0)
    net = with_head(random, network(layer([[[[1]]]], "relu")), (1, 2, 3))
    image = random.uniform(size=(1, 2, 3)).astype("f4")
    score = net.scores(image)[1]
    weights = net.head.weights[1].reshape(1, 2, 3)
    np.testing.assert_allclose(projected(net, image, 1), np.maximum(score * weights, 0), rtol=1e-5)


def test_outside_the_image_there_is_nothing():
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


@settings(max_examples=80)
@given(st.lists(LAYERS, min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_a_part_of_an_image_gives_what_all_of_it_gives(layers, seed):
    random = np.random.default_rng(seed)
    net = network(*(random_layer(random, (2, 2, *one.pop("kernel")), **one) for one in layers))
    image = random.uniform(size=(2, *random.integers(12, 60, 2).tolist()))
    try:
        units = Units(net, image.shape, deconvolve=True, dtype=np.float64)
    except CnnfxError:
        return  # the layers do not fit so small an image
    whole = units.forward(image[..., None])
    row, column = (int(random.integers(0, size)) for size in whole.shape[1:3])
    signal = np.zeros_like(whole)
    signal[1, row, column] = 1
    expected = units.backward(signal)[..., 0]
    cut = excerpt(net, image.shape, row, column)
    top, left, bottom, right = cut.box
    part = image[:, top:bottom, left:right]
    alone = Units(of_part(net, image.shape, cut.kept), part.shape, deconvolve=True, dtype=np.float64)
    maps = alone.forward(part[..., None])
    assert maps[1, cut.row, cut.column, 0] == pytest.approx(whole[1, row, column, 0])
    signal = np.zeros_like(maps)
    signal[1, cut.row, cut.column] = 1
    result = np.zeros_like(expected)
    result[:, top:bottom, left:right] = alone.backward(signal)[..., 0]
    np.testing.assert_allclose(result, expected, atol=1e-9)


def test_deep_inside_an_image_the_part_is_the_receptive_field():
    net = network(layer(np.ones((1, 1, 3, 3)), padding="same", pool="max:2"), layer(np.ones((1, 1, 3, 3)), padding=1))
    cut = excerpt(net, (1, 500, 400), 100, 90)
    assert cut.box == receptive_field(net, (1, 500, 400)).box(100, 90)
    assert cut.kept == ((False, False), (False, False))


def test_at_the_border_only_a_little_more_is_taken():
    net = network(layer(np.ones((1, 1, 3, 3)), padding="same"))
    cut = excerpt(net, (1, 5000, 4000), 0, 3999)
    assert cut.box.bottom < 20
    assert cut.box.left > 3980
    assert cut.kept == ((True, False), (False, True))
