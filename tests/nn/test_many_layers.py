"""Networks of 1,000 layers: time grows with their number, not with its square."""

from __future__ import annotations

import time

import numpy as np
import pytest

from cnnfx.images import as_image
from cnnfx.nn.feature_maps import feature_maps, feature_maps_of_layers
from cnnfx.nn.layers import Activation, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.nn.trace import channel_source

COUNT = 1_000
SECONDS = 10
"""Several times as long as any of these takes on a slow machine. Each took minutes."""
IMAGE = as_image(np.random.default_rng(0).random((1, 12, 10), np.float32))


def identity(name: str = "", sources: tuple[str, ...] = (), activation: str = "none") -> Layer:
    conv = Conv(np.ones((1, 1, 1, 1)), np.zeros(1), inputs=("*",))
    return Layer(conv, ("same",), activation=Activation(activation), name=name, sources=sources)


def residual_layers() -> tuple[Layer, ...]:
    """Return layers that each add a map of zeros to the one before."""
    layers = [identity("0")]
    for number in range(1, COUNT, 2):
        zeros = Layer(Conv(np.zeros((1, 1, 1, 1)), np.zeros(1)), ("none",), name=str(number) + "z")
        layers += [zeros, Layer(name=f"{number}s", sources=(layers[-1].name, zeros.name), join="add")]
    return tuple(layers)


CHAIN = Network(tuple(identity(activation="relu") for _ in range(COUNT)))
GRAPH = Network(residual_layers())


@pytest.fixture(autouse=True)
def limited_time():
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("network", [CHAIN, GRAPH], ids=["chain", "graph"])
def test_the_maps_of_the_last_layer_are_computed(network: Network) -> None:
    maps = feature_maps(network, IMAGE, ("0",))
    np.testing.assert_array_equal(maps.whole(), IMAGE.values)
    assert maps.rounding_errors[0] < 1e-3


@pytest.mark.parametrize("network", [CHAIN, GRAPH], ids=["chain", "graph"])
def test_the_maps_of_all_layers_are_computed_together(network: Network) -> None:
    layers = feature_maps_of_layers(network, IMAGE, ("0",), range(1, COUNT + 1))
    for maps in layers[::50]:
        assert maps.signal_ranges[0] in ((float(IMAGE.values.min()), float(IMAGE.values.max())), (0.0, 0.0))
        assert maps.statistics[0].range[1] in (float(IMAGE.values.max()), 0.0)
    np.testing.assert_array_equal(
        layers[COUNT - 1].whole() + layers[COUNT - 2].whole(), IMAGE.values * 2 if network is CHAIN else IMAGE.values
    )


def test_rounding_errors_of_layers_together_are_those_of_each_alone() -> None:
    network = Network(CHAIN.layers[:6])
    together = feature_maps_of_layers(network, IMAGE, ("0",), range(1, 7))
    for number, maps in enumerate(together, 1):
        assert maps.rounding_errors == feature_maps(network, IMAGE, ("0",), number).rounding_errors


def test_the_source_of_a_channel_is_found_below_many_layers_that_pass_it_through() -> None:
    layers = [identity("0"), *(Layer(filter_names=("same",), name=str(number)) for number in range(1, COUNT))]
    network = Network((*layers, identity("last")))
    assert channel_source(network, COUNT + 1, 0, [1] * (COUNT + 2)) == (1, 0)
