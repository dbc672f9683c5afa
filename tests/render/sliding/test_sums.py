"""The lines of text that compute an output."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx.formats import load_network
from cnnfx.formats.kernel_text import parse_kernel
from cnnfx.images import Image
from cnnfx.nn.layers import Activation, Pool
from cnnfx.render.sliding.sums import pooling_line, sum_lines, with_minus_signs
from tests.render.sliding.test_positions import make_network, slide

RAMP = Image("ramp", np.arange(16, dtype=np.float32).reshape(1, 4, 4), ("gray",))


def explained(network, row=0, column=0):
    return slide(network, RAMP).explain(row, column)


def with_layer(network, bias=None, **changes):
    layer = replace(network.layers[0], **changes)
    if bias is not None:
        layer = replace(layer, conv=replace(layer.conv, bias=np.array([bias], np.float32)))
    return replace(network, layers=(layer,))


@pytest.mark.parametrize(
    ("bias", "lines"),
    [
        (None, ["sum of products = −5"]),  # 0·1 + 1·0 + 4·0 − 5
        (0.5, ["sum of products (−5.0) + bias 0.5 = −4.5"]),
        (-2.0, ["sum of products (−5) + bias (−2) = −7"]),
    ],
)
def test_the_sum_and_the_bias_are_added(bias, lines):
    (explanation,) = explained(with_layer(parse_kernel("1 0; 0 -1"), bias))
    assert sum_lines(explanation.points[0]) == lines


def test_the_sums_of_a_few_input_channels_are_added():
    image = Image(
        "ones", np.ones((3, 4, 4), np.float32) * np.array([1, 2, -3], np.float32)[:, None, None], ("r", "g", "1")
    )
    network = make_network(3, (2, 2), filters=1)
    conv = replace(network.layers[0].conv, weights=np.ones((1, 3, 2, 2), np.float32))
    (explanation,) = slide(with_layer(network, 0.5, conv=conv), image).explain(0, 0)
    assert sum_lines(explanation.points[0]) == ["r 4.0 + g 8.0 + channel 1 (−12.0) + bias 0.5 = 0.5"]
    image = Image("ones", np.ones((5, 4, 4), np.float32), ("a", "b", "c", "d", "e"))
    network = make_network(5, (2, 2), filters=1)
    conv = replace(network.layers[0].conv, weights=np.ones((1, 5, 2, 2), np.float32))
    (explanation,) = slide(with_layer(network, 0.0, conv=conv), image).explain(0, 0)
    assert sum_lines(explanation.points[0]) == ["sum of products = 20"]


def test_the_activation_is_the_last_line():
    network = with_layer(parse_kernel("1 0; 0 -1"), activation=Activation("relu"))
    (explanation,) = explained(network)
    assert sum_lines(explanation.points[0]) == ["sum of products = −5", "ReLU: max(0, −5) = 0"]


def test_a_combination_is_computed_from_its_sums():
    *_, magnitude = explained(load_network("sobel"), 1, 1)
    assert sum_lines(magnitude.points[0]) == ["√(x² + y²) = √(8² + 32²) = 32.98"]


@pytest.mark.parametrize(
    ("pool", "line"),
    [
        (Pool("max", 2), "max(0, −2, −8, −10) = 0"),
        (Pool("mean", 2), "mean = (0 + (−2) + (−8) + (−10)) / 4 = −5"),
        (Pool("mean", 4), "mean of 16 values = −15"),
    ],
)
def test_pooling_is_computed_from_the_values_of_its_block(pool, line):
    sliding = slide(with_layer(parse_kernel("-2"), pool=pool), RAMP)
    assert pooling_line(sliding, sliding.channels[0], 0, 0) == line


def test_hyphens_in_names_stay():
    assert with_minus_signs("top-left - y = -0.5, x-1") == "top-left − y = −0.5, x-1"
