"""Activation functions, at hand-computed values."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.nn.activations import ACTIVATIONS, NON_NEGATIVE_ACTIVATIONS, Activation

X = [-8.0, -3.0, -1.0, 0.0, 1.5, 3.0, 7.0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("none", X),
        ("relu", [0, 0, 0, 0, 1.5, 3, 7]),
        ("abs", [8, 3, 1, 0, 1.5, 3, 7]),
        ("relu6", [0, 0, 0, 0, 1.5, 3, 6]),
        ("leaky_relu", [-0.08, -0.03, -0.01, 0, 1.5, 3, 7]),
        ("sigmoid", [1 / (1 + np.exp(-x)) for x in X]),
        ("tanh", [np.sinh(x) / np.cosh(x) for x in X]),
        ("hard_sigmoid", [0, 0, 1 / 3, 0.5, 0.75, 1, 1]),
        ("hard_swish", [0, 0, -1 / 3, 0, 1.125, 3, 7]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_activation_is_its_function_of_each_value(kind, expected, dtype) -> None:
    found = Activation(kind).forward(np.array(X, dtype).reshape(1, 1, -1))
    assert found.dtype == dtype
    np.testing.assert_allclose(found[0, 0], expected, rtol=0, atol=1e-6 if dtype == np.float32 else 1e-15)


def test_parametric_relu_has_a_slope_for_each_channel() -> None:
    activation = Activation.of("prelu", [0.5, -1])
    assert activation.forward(np.array([[[-2.0, 2]], [[-2, 2]]])).tolist() == [[[-1, 2]], [[2, 2]]]
    assert activation.select([1]).forward(np.array([[[-2.0, 2]]])).tolist() == [[[2, 2]]]


def test_leaky_relu_has_the_slope_that_is_given() -> None:
    assert Activation.of("leaky_relu", 0.25).forward(np.array([[[-4.0, 4]]])).tolist() == [[[-1, 4]]]


def test_softmax_gives_probabilities_of_the_channels_also_for_large_values() -> None:
    maps = np.array([[[0.0, 1000]], [[np.log(3), 1000]]])
    np.testing.assert_allclose(Activation("softmax").forward(maps), [[[0.25, 0.5]], [[0.75, 0.5]]], rtol=1e-12)
    assert not Activation("softmax").is_elementwise


@pytest.mark.parametrize("kind", sorted(ACTIVATIONS))
def test_the_kinds_that_are_never_negative_are_known(kind) -> None:
    maps = np.random.default_rng(0).normal(scale=9, size=(3, 40, 50))
    never = (Activation.of(kind, [0.1, 0.2, 0.3] if kind == "prelu" else None).forward(maps) >= 0).all()
    assert never == (kind in NON_NEGATIVE_ACTIVATIONS)


@pytest.mark.parametrize(
    ("kind", "slope", "message"),
    [
        ("rely", None, "activation 'rely' is not known"),
        ("prelu", None, "prelu needs a slope for each channel"),
        ("prelu", 0.1, "prelu needs a slope for each channel"),
        ("relu", 0.1, "a slope is a number for leaky_relu, or one number for each channel for prelu"),
    ],
)
def test_a_wrong_kind_or_slope_is_refused(kind, slope, message) -> None:
    with pytest.raises(ArgumentError) as error:
        Activation.of(kind, slope)
    assert str(error.value) == message
