"""Activations and their gradients, against `Network` and finite differences in float64."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.features.activations import ChannelActivations
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Combination
from tests.features.networks import layer, network, random_layer, with_head

RANDOM = np.random.default_rng(3)
COMBINE = (Combination("norm", "norm", (0, 1)), Combination("take", "take", (1,)))
NETWORKS = {
    "ReLU and max pooling, twice": network(
        random_layer(RANDOM, (3, 2, 3, 3), activation="relu", pool="max:2"),
        random_layer(RANDOM, (2, 3, 2, 2), activation="relu", pool="max:2"),
        input=Input(mean=0.2, std=0.4),
    ),
    "padding, stride, dilation": network(
        random_layer(RANDOM, (2, 2, 3, 2), activation="relu", padding="same", stride=2),
        random_layer(RANDOM, (2, 2, 2, 2), dilation=2, padding=1, border="reflect"),
        input=Input(mean=-0.3),
    ),
    "absolute values, combinations, mean pooling": network(
        random_layer(RANDOM, (2, 2, 3, 3), activation="abs", pool="mean:2", combine=COMBINE)
    ),
}
SHAPE = (2, 11, 10)


@pytest.fixture(params=[*NETWORKS, "classes"])
def net(request):
    return NETWORKS.get(request.param) or with_head(np.random.default_rng(0), next(iter(NETWORKS.values())), SHAPE)


def images(count: int = 3):
    return np.random.default_rng(1).uniform(size=(*SHAPE, count))


def test_activations_equal_those_of_the_network(net):
    batch = np.moveaxis(images(), -1, 0)
    expected = net.scores(batch)[..., None, None] if net.head else net.feature_maps(batch)[-1]
    result = ChannelActivations(net, SHAPE, dtype=np.float64).forward(images())
    np.testing.assert_allclose(np.moveaxis(result, -1, 0), expected, rtol=1e-6, atol=1e-6)


def test_the_gradient_of_the_input_equals_finite_differences(net):
    activations, x, step = ChannelActivations(net, SHAPE, dtype=np.float64), images(), 1e-6
    weights = np.random.default_rng(2).normal(size=activations.forward(x).shape)
    gradient = activations.backward(weights.copy())
    for position in np.random.default_rng(4).integers(0, x.shape, (25, 4)):
        moved = x.copy()
        moved[tuple(position)] += step
        above = (activations.forward(moved) * weights).sum()
        moved[tuple(position)] -= 2 * step
        below = (activations.forward(moved) * weights).sum()
        assert gradient[tuple(position)] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-6)


def test_groups_of_channels_are_an_error():
    grouped = network(layer(np.ones((2, 1, 1, 1)), groups=2))
    with pytest.raises(ArgumentError, match=r"tiny has groups of channels, which have no backward pass\."):
        ChannelActivations(grouped, (2, 4, 4))
