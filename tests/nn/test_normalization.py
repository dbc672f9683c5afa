"""Local response normalization, against its formula channel by channel."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Activation, Layer, Pool
from cnnfx.nn.normalization import LocalResponse


def test_a_layer_normalizes_between_its_activation_and_its_pooling() -> None:
    maps = np.random.default_rng(2).normal(size=(4, 8, 9))
    response, pool = LocalResponse(3, alpha=9.0), Pool.parse("max:2")
    layer = Layer(activation=Activation("relu"), pool=pool, local_response=response)
    expected = pool.forward(response.forward(np.maximum(maps, 0)))
    np.testing.assert_allclose(layer.finish(maps.copy()), expected)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 20])
def test_each_value_is_divided_by_the_energy_of_the_channels_around_it(size) -> None:
    x = np.random.default_rng(size).normal(size=(2, 7, 3, 4))
    response = LocalResponse(size, alpha=0.3, beta=0.6, k=1.5)
    expected = np.empty_like(x)
    for channel in range(7):
        around = x[:, max(0, channel - size // 2) : channel + (size - 1) // 2 + 1]
        energy = np.square(around).sum(axis=1)
        expected[:, channel] = x[:, channel] / (1.5 + 0.3 / size * energy) ** 0.6
    np.testing.assert_allclose(response.forward(x), expected, rtol=1e-13)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_the_transposed_sums_are_the_adjoint_of_the_sums(size) -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 6, 2, 2))
    response = LocalResponse(size)
    assert np.vdot(response.channel_sums(a), b) == pytest.approx(np.vdot(a, response.channel_sums(b, transposed=True)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "the size of a local response normalization must be 1 or more, not 0"),
        ({"size": 5, "beta": -1}, "beta of a local response normalization must be 0 or more, not -1"),
        ({"size": 5, "k": 0}, "k of a local response normalization must be more than 0"),
        ({"size": 5, "alpha": float("nan")}, "alpha of a local response normalization must be 0 or more, not nan"),
    ],
)
def test_wrong_numbers_are_refused(arguments, message) -> None:
    with pytest.raises(ArgumentError) as error:
        LocalResponse(**arguments)
    assert str(error.value) == message
