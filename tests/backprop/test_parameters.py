"""Random initial weights, and networks that cannot be trained."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.backprop.parameters import Parameters, all_filters, he_normal, initialize
from cnnfx.errors import ArgumentError
from cnnfx.nn.classifier import Dense
from cnnfx.nn.layers import Conv, Layer
from cnnfx.nn.network import Network


def test_random_weights_have_a_variance_of_two_over_the_size_of_a_filter() -> None:
    weights = he_normal(np.random.default_rng(0), (200, 8, 5, 5))
    assert weights.dtype == np.float32
    assert weights.var() == pytest.approx(2 / 200, rel=0.05)


def test_the_random_weights_of_the_head_have_a_variance_of_one_over_their_number() -> None:
    network = Network((Layer(Conv(np.ones((4, 1, 3, 3)), np.zeros(4)), tuple("abcd")),))
    classes = [str(number) for number in range(50)]
    start = initialize(network, all_filters(network), (1, 12, 12), classes, np.random.default_rng(0))
    assert start.head is not None
    assert start.head.weights.shape == (50, 400)
    assert start.head.weights.var() == pytest.approx(1 / 400, rel=0.05)


def test_a_network_without_a_head_is_an_error() -> None:
    network = Network((Layer(Conv(np.ones((2, 1, 1, 1)), np.zeros(2)), ("a", "b")),))
    with pytest.raises(ArgumentError, match="network has no classifier head"):
        Parameters(network, all_filters(network))


def test_groups_of_channels_are_an_error() -> None:
    head = Dense(np.ones((3, 8)), np.zeros(3), (2, 2, 2))
    network = Network((Layer(Conv(np.ones((2, 1, 1, 1)), np.zeros(2), groups=2), ("a", "b")),), head=head)
    with pytest.raises(ArgumentError, match="groups of channels, which cannot be trained"):
        Parameters(network, all_filters(network))


def test_a_layer_without_filters_is_an_error() -> None:
    head = Dense(np.ones((3, 8)), np.zeros(3), (2, 2, 2))
    layers = Layer(Conv(np.ones((2, 1, 1, 1)), np.zeros(2)), ("a", "b")), Layer(filter_names=("a", "b"))
    network = Network(layers, "graph", head=head)
    with pytest.raises(ArgumentError, match=r"graph has layers that are not a chain of filters"):
        Parameters(network, all_filters(network))
