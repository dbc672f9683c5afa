"""Activations and gradients of units: against the network, and finite differences in float64."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.features.units import Units
from cnnfx.nn.layers import Combination
from tests.features.networks import layer, network, random_layer, with_head

RANDOM = np.random.default_rng(3)
COMBINE = (Combination("norm", "norm", (0, 1)), Combination("own", "take", (1,)))
NETWORKS = {
    "relu and max-pooling, twice": network(
        random_layer(RANDOM, (3, 2, 3, 3), activation="relu", pool="max:2"),
        random_layer(RANDOM, (2, 3, 2, 2), activation="relu", pool="max:2"),
        mean=0.2,
        std=0.4,
    ),
    "padding, stride, dilation": network(
        random_layer(RANDOM, (2, 2, 3, 2), activation="relu", padding="same", stride=2),
        random_layer(RANDOM, (2, 2, 2, 2), dilation=2, padding=1, border="reflect"),
        mean=-0.3,
    ),
    "magnitudes, combinations, mean-pooling": network(
        random_layer(RANDOM, (2, 2, 3, 3), activation="abs", pool="mean:2", combine=COMBINE)
    ),
}
SHAPE = (2, 11, 10)


@pytest.fixture(params=[*NETWORKS, "classes"])
def net(request):
    return NETWORKS.get(request.param) or with_head(np.random.default_rng(0), next(iter(NETWORKS.values())), SHAPE)


def images(count: int = 3):
    return np.random.default_rng(1).uniform(size=(*SHAPE, count))


def test_activations_are_those_of_the_network(net):
    batch = np.moveaxis(images(), -1, 0)
    expected = net.scores(batch)[..., None, None] if net.head else net.feature_maps(batch)[-1]
    result = Units(net, SHAPE, dtype=np.float64).forward(images())
    np.testing.assert_allclose(np.moveaxis(result, -1, 0), expected, rtol=1e-6, atol=1e-6)


def test_backward_is_the_gradient_by_finite_differences(net):
    units, x, step = Units(net, SHAPE, dtype=np.float64), images(), 1e-6
    signal = np.random.default_rng(2).normal(size=units.forward(x).shape)
    gradient = units.backward(signal.copy())
    for place in np.random.default_rng(4).integers(0, x.shape, (25, 4)):
        moved = x.copy()
        moved[tuple(place)] += step
        up = (units.forward(moved) * signal).sum()
        moved[tuple(place)] -= 2 * step
        down = (units.forward(moved) * signal).sum()
        assert gradient[tuple(place)] == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-6)


def test_groups_of_channels_are_refused():
    grouped = network(layer(np.ones((2, 1, 1, 1)), groups=2))
    with pytest.raises(ArgumentError, match=r"filters in groups of channels have no way back to the input here\."):
        Units(grouped, (2, 4, 4))
