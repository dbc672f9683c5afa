"""Values near the limits of float32, infinity and NaN in all that layers compute: no warning, and the right values."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.backprop.graph import GraphGradient
from cnnfx.images import Image
from cnnfx.nn.activations import ACTIVATIONS, Activation
from cnnfx.nn.combinations import COMBINATIONS, Combination
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.input import Input
from cnnfx.nn.joins import JOINS
from cnnfx.nn.layers import Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.trace import explain

LARGE = {
    "both signs": [3.4e38, -3.4e38],
    "infinity": [np.inf, -np.inf],
    "NaN": [np.nan, 1],
    "all": [np.inf, -3e38, np.nan, 3e38, -np.inf, 0],
}


def maps(values: list[float], channels: int = 3) -> np.ndarray:
    """Return maps (C, 8, 9) that repeat some values, with others between them."""
    result = np.random.default_rng(0).random((channels, 8, 9), dtype=np.float32)
    result.reshape(-1)[::3] = np.resize(values, result.size // 3)
    return result


@pytest.mark.parametrize("values", LARGE)
def test_the_steps_of_a_layer_give_no_warning(values: str) -> None:
    of_image = maps(LARGE[values])
    for kind in COMBINATIONS:
        assert Combination("c", kind, (0, 1, 2)).forward(of_image).shape == (8, 9)
    for kind in ACTIVATIONS:
        slopes = (0.1, 0.2, 0.3) if kind == "prelu" else None
        assert Activation(kind, slopes).forward(of_image.copy()).shape == of_image.shape
    for pool in (Pool("max", 3, 2, ceil=True), Pool("mean", 2), Pool("mean", None), Pool("mean", 3, 2, 1)):
        assert len(pool.forward(of_image)) == 3
    assert LocalResponse(3).forward(of_image).shape == of_image.shape


@pytest.mark.parametrize("values", LARGE)
@pytest.mark.parametrize("join", JOINS)
def test_networks_of_several_layers_give_no_warning(join: str, values: str) -> None:
    random = np.random.default_rng(1)
    weights, bias = random.normal(size=(2, 3, 3, 3)).astype(np.float32), np.float32([1e30, -3e38])
    network = Network(
        (
            Layer(Conv(weights, bias, padding="same"), ("a", "b"), name="one"),
            Layer(Conv(-weights, bias, padding="same"), ("a", "b"), name="two", sources=("input",)),
            Layer(name="joined", sources=("one", "two"), join=join, pool=Pool("mean", 2)),
        ),
        input=Input("rgb", mean=(0.1, 0.2, 0.3), std=(0.01, 0.2, 0.3)),
    )
    image = Image("large.npy", maps(LARGE[values]), ("red", "green", "blue"))
    found = FeatureMaps(network.bind(image.channel_names), image)
    assert found.whole().shape == found.shape
    assert len(found.signal_ranges) == len(found.statistics) == found.shape[0]
    assert len(explain(found, image.channel_names, 1, 2)) == found.shape[0]
    gradient = GraphGradient(found.network)
    assert gradient.backward(np.ones_like(gradient.forward(image.floats()[None]))).shape == (1, 3, 8, 9)


@pytest.mark.parametrize("value", [1e-15, 1.0, 1e20, 2e38])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_norm_is_right_where_its_squares_are_too_large(value: float, dtype: type) -> None:
    channels = np.full((2, 2, 3), value, dtype)
    channels[0, 0, 0] = 0
    expected = np.full((2, 3), np.sqrt(2) * value)
    expected[0, 0] = value
    np.testing.assert_allclose(Combination("n", "norm", (0, 1)).forward(channels), expected, rtol=1e-6)
