"""Formulas with numbers: activations, joins, local response normalization and pooling, against values by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.images import Image
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.trace import explain
from cnnfx.render.explanation import ExplanationWriter


def lines(layers, values, x=0, y=0, channel=0, depth=1):
    """Return the text of one output of the last layer, without its title, for an image with these channels."""
    array = np.array(values, np.float32)
    image = Image("values", array, tuple(f"c{index}" for index in range(len(array))))
    maps = feature_maps(Network(tuple(layers), "net"), image, image.channel_names)
    (one,) = explain(maps, image.channel_names, y, x, [channel], depth)
    np.testing.assert_allclose(one.value, maps.whole()[channel, y, x], rtol=1e-5)
    return [line.strip() for line in ExplanationWriter().lines(one)][1:]


def activated(kind, value, slope=None, **settings):
    """Return the last line for an activation of one value."""
    return lines([Layer(activation=Activation(kind, slope), **settings)], [[[value]]])[-1]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("relu", -2, "ReLU: max(0, -2) = 0"),
        ("relu6", 7, "ReLU6: min(max(0, 7), 6) = 6"),
        ("abs", -2, "|-2| = 2"),
        ("sigmoid", 0, "sigmoid: 1 / (1 + exp(-0)) = 0.5"),
        ("sigmoid", -2, "sigmoid: 1 / (1 + exp(-(-2))) = 0.119"),
        ("tanh", 1, "tanh(1) = 0.762"),
        ("hard_sigmoid", 1.5, "hard sigmoid: min(max(1.5 / 6 + 0.5, 0), 1) = 0.75"),
        ("hard_swish", 1.5, "hard swish: 1.5 × min(max(1.5 / 6 + 0.5, 0), 1) = 1.125"),
        ("hard_swish", -1.5, "hard swish: (-1.5) × min(max((-1.5) / 6 + 0.5, 0), 1) = -0.375"),
    ],
)
def test_activations_of_one_value(kind, value, text):
    assert activated(kind, value) == text


def test_slopes_for_negative_values():
    assert activated("leaky_relu", -2) == "leaky ReLU, slope 0.01 below 0: 0.01 × (-2) = -0.02"
    assert activated("leaky_relu", 3, 0.25) == "leaky ReLU, slope 0.25 below 0: 3 stays"
    slopes = Activation("prelu", (0.5, 0.25))
    assert lines([Layer(activation=slopes)], [[[-2]], [[-4]]], channel=1)[-1] == (
        "parametric ReLU, slope 0.25 below 0: 0.25 × (-4) = -1"
    )


def test_softmax_of_few_channels_lists_the_exponentials():
    assert lines([Layer(activation=Activation("softmax"))], [[[1]], [[-1]]])[-1] == (
        "softmax: exp(1) / (exp(1) + exp(-1)) = 0.881"
    )


def test_softmax_of_many_channels_gives_their_sum():
    values = [[[value]] for value in (1, 0, 0, 0, 0, 0)]
    assert lines([Layer(activation=Activation("softmax"))], values)[-1] == (
        "softmax: exp(1) / 7.718 = 0.352, where 7.718 is the sum of exp over all 6 channels"
    )


def test_softmax_of_large_values_subtracts_the_largest():
    assert lines([Layer(activation=Activation("softmax"))], [[[99]], [[100]]])[-1] == (
        "softmax: exp(99 - 100) / (exp(99 - 100) + exp(100 - 100)) = 0.269"
    )


def test_the_local_response_gives_the_sum_of_squares():
    response = LocalResponse(3, alpha=3, beta=0.5, k=1)
    assert lines([Layer(local_response=response)], [[[1]], [[2]], [[1]], [[9]]], channel=1)[-1] == (
        "local response normalization over 3 channels: 2 / (1 + 3 / 3 × 6)^0.5 = 0.756, where 6 is the sum of their "
        "squares"
    )


def test_values_that_are_added_or_multiplied_name_their_layers():
    double = Conv(np.array([[[[2]]]], np.float32), np.zeros(1, np.float32))
    first = Layer(double, ("a",), name="first")
    added = Layer(name="sum", sources=("first", "input"), join="add")
    multiplied = Layer(name="product", sources=("first", "input"), join="multiply")
    assert lines([first, added], [[[-3]]]) == ["a at 0,0: first + the image = (-6) + (-3) = -9"]
    assert lines([first, multiplied], [[[3]]]) == ["a at 0,0: first × the image = 6 × 3 = 18"]


def test_the_factors_of_a_product_are_explained_together():
    double = Conv(np.array([[[[2]]]], np.float32), np.zeros(1, np.float32))
    first = Layer(double, ("a",), name="first")
    text = lines([first, Layer(name="product", sources=("first", "input"), join="multiply")], [[[3]]], depth=2)
    assert "Below, in first and the image:" in text
    assert "1. a of first at 0,0 = 6, which adds 18 multiplied by c0 of the image" in text
    assert text[-1] == "× c0 of the image at 0,0 = 3"


def test_a_layer_that_joins_channels_passes_them_through():
    double = Conv(np.array([[[[2]]]], np.float32), np.zeros(1, np.float32))
    first = Layer(double, ("a",), name="first")
    text = lines([first, Layer(name="both", sources=("input", "first"))], [[[3]]], channel=1)
    assert text[:2] == [
        "both has no filters: its channels are those of the layers that it reads.",
        "a of first at 0,0 = 6",
    ]


def test_the_padding_of_a_pooling_is_left_out():
    text = lines([Layer(pool=Pool("max", 3, 2, 1))], [[[1, 2], [4, 3]]])
    assert text == [
        "Max pooling keeps the largest of 2×2 outputs, as the rest of its 3×3 window is padding: the one at 0,1 before "
        "pooling.",
        "input c0 at 0,1 = 4",
        "",
        "The 2×2 outputs before pooling:",
        "1   2",
        "*4   3",
        "max = 4",
    ]


def test_a_mean_that_counts_the_padding_says_so():
    counting = lines([Layer(pool=Pool("mean", 3, 2, 1, count_padding=True))], [[[1, 2], [4, 2]]])
    assert counting[-1] == "mean, divided by 9 with the padding, = 1"
    assert lines([Layer(pool=Pool("mean", 3, 2, 1))], [[[1, 2], [4, 1]]])[-1] == "mean = 2"


def test_a_pooling_of_whole_maps_shows_the_values_around_the_largest():
    values = np.zeros((1, 9, 12))
    values[0, 8, 11] = 54
    text = lines([Layer(pool=Pool("mean", None))], values)
    assert text[0] == (
        "Mean pooling averages 12×9 outputs; shown is the one of the largest magnitude, at 11,8 before pooling."
    )
    assert "The 12×9 outputs before pooling around this one:" in text
    assert text[-1] == "mean = 0.5"


def test_the_window_of_a_pooling_with_too_many_terms_is_explained_by_one_point():
    weights = np.ones((1, 64, 1, 1), np.float32)
    conv = Conv(weights, np.zeros(1, np.float32))
    values = np.zeros((64, 30, 30), np.float32)
    values[:, 17, 5] = 1
    image = Image("values", values, tuple(f"c{index}" for index in range(64)))
    maps = feature_maps(Network((Layer(conv, ("a",), pool=Pool("max", None)),)), image, image.channel_names)
    (one,) = explain(maps, image.channel_names, 0, 0)
    assert len(one.points) == 1
    assert (one.point.patch.row, one.point.patch.column) == (17, 5)
    assert one.value == 64


def test_a_combination_of_channels_that_are_read():
    layer = Layer(combine=(Combination("n", "norm", (0, 1)),))
    assert lines([layer], [[[3]], [[4]]])[-1] == "√(c0² + c1²) = √(3² + 4²) = 5"
