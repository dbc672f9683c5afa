"""Outputs of a receptive field: values without padding, gradients, and where a field is in an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx.features.field_output import FieldOutput, placement, with_leaky_last_relu
from cnnfx.nn.layers import Layer, Pool
from cnnfx.nn.receptive_field import Box, field_size, receptive_field
from tests.features.networks import layer, network, random_layer

RANDOM = np.random.default_rng(3)
PADDED = network(
    random_layer(RANDOM, (4, 1, 3, 3), activation="relu", padding="same", pool="max:2"),
    random_layer(RANDOM, (3, 4, 5, 5), activation="relu", padding="same", stride=2),
)


def test_the_outputs_are_those_of_the_field_in_the_middle_of_an_image():
    size = field_size(PADDED)
    image = np.random.default_rng(0).random((1, 50, 50)).astype(np.float32)
    maps = PADDED.feature_maps(image)[-1]
    box = receptive_field(PADDED, image.shape).box(6, 5)
    field = image[:, box.top : box.bottom, box.left : box.right]
    assert field.shape == (1, *size)
    outputs = FieldOutput(PADDED, field.shape).forward(field[np.newaxis])
    np.testing.assert_allclose(outputs[0], maps[:, 6, 5], rtol=1e-5)


def test_the_gradient_equals_finite_differences():
    shape = (1, *field_size(PADDED))
    random = np.random.default_rng(1)
    smooth = with_leaky_last_relu(PADDED)
    fields, channels = random.random((2, *shape)), np.array([0, 2])
    output = FieldOutput(smooth, shape, np.float64)
    output.forward(fields)
    gradient = output.backward(channels)
    assert gradient.shape == fields.shape
    direction = random.normal(size=fields.shape)
    above, below = (output.forward(fields + step * direction)[[0, 1], channels] for step in (1e-6, -1e-6))
    np.testing.assert_allclose((above - below) / 2e-6, (gradient * direction).sum(axis=(1, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("padding", ["valid", "same", 1, 2, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_field_has_padding_in_it(padding, stride, depth):
    net = network(
        random_layer(RANDOM, (2, 1, 3, 3), padding=padding, stride=stride),
        *[random_layer(RANDOM, (2, 2, 4, 4), padding=padding, pool="max:2") for _ in range(depth - 1)],
    )
    height, width = field_size(net)
    place = placement(net, (1, height, width))
    assert place.box == receptive_field(net, place.shape).box(place.row, place.column)
    assert (place.box.bottom - place.box.top, place.box.right - place.box.left) == (height, width)
    assert place.box == place.box.clipped(*place.shape[1:])
    assert np.isfinite(FieldOutput(net, (1, height, width)).forward(np.ones((1, 1, height, width)))).all()


def test_without_padding_the_field_is_the_image():
    net = network(layer(np.ones((1, 1, 3, 4)), pool="max:2"))
    assert placement(net, (1, 4, 5)) == ((1, 4, 5), Box(0, 0, 4, 5), 0, 0)


def test_layers_that_read_whole_images_have_no_smaller_field():
    net = network(layer(np.ones((2, 1, 3, 3))), replace(Layer(), pool=Pool("mean", None)))
    bound = net.bind(["0"])
    assert placement(bound, (1, 9, 8)) == ((1, 9, 8), Box(0, 0, 9, 8), 0, 0)


def test_a_layer_that_is_not_active_has_a_gradient():
    net = network(layer([[[[1.0]]], [[[1.0]]]], "relu", bias=[-2, -2]), Layer(pool=Pool.parse("max:2"))).bind(["0"])
    output = FieldOutput(with_leaky_last_relu(net), (1, 2, 2))
    output.forward(np.full((1, 1, 2, 2), 0.5, np.float32))
    assert output.backward(np.array([1])).sum() == pytest.approx(0.1)
