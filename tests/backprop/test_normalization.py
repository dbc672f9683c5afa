"""Batch normalization: values, moments and folding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnfx.backprop.normalization import EPSILON, BatchNorm, Moments, fold, pooled_moments
from cnnfx.nn.layers import Activation, Conv, Layer
from cnnfx.nn.network import Network


@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (2, 2, 3, 4, 5, 6)], ids=["maps", "blocks"])
def test_each_channel_has_its_bias_as_mean_and_variance_one(shape) -> None:
    x = np.random.default_rng(0).normal(5, 3, shape)
    bias = np.array([0.0, 1.0, -2.0])
    y = BatchNorm(bias).forward(x.copy())
    axes = tuple(axis for axis in range(len(shape)) if axis != len(shape) - 4)
    assert y.shape == shape
    np.testing.assert_allclose(y.mean(axis=axes), bias, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=axes), x.var(axis=axes) / (x.var(axis=axes) + EPSILON), rtol=1e-9)


def test_a_constant_channel_becomes_its_bias() -> None:
    y = BatchNorm(np.array([0.5, 0.25], np.float32)).forward(np.full((2, 3, 3, 4), 7, np.float32))
    np.testing.assert_allclose(y[:, 0, 0, 0], [0.5, 0.25], atol=1e-3)


def test_the_gradient_of_a_constant_is_zero_in_all_inputs() -> None:
    """A constant added to a channel does not change its normalized values."""
    random = np.random.default_rng(1)
    norm = BatchNorm(np.zeros(3))
    norm.forward(random.normal(size=(3, 4, 5, 6)))
    dx = norm.backward(random.normal(size=(3, 4, 5, 6)))
    np.testing.assert_allclose(dx.sum(axis=(1, 2, 3)), 0, atol=1e-10)


def test_the_moments_of_parts_are_pooled_to_those_of_all() -> None:
    values = np.random.default_rng(2).normal(size=(4, 30))
    parts = [values[:, :7], values[:, 7:20], values[:, 20:]]
    moments = [Moments(part.mean(axis=1), part.var(axis=1)) for part in parts]
    mean, variance = pooled_moments(moments, [part.shape[1] for part in parts])
    np.testing.assert_allclose(mean, values.mean(axis=1))
    np.testing.assert_allclose(variance, values.var(axis=1))


def test_folded_filters_compute_the_normalized_values() -> None:
    random = np.random.default_rng(3)
    conv = Conv(random.normal(size=(3, 2, 3, 3)), random.normal(size=3), inputs=("*", "*"))
    layer = Layer(conv, ("a", "b", "c"), (), Activation("none"), None)
    images = random.normal(2, 3, (5, 2, 8, 9))
    without_bias = replace(layer, conv=replace(conv, bias=np.zeros(3))).forward(images)
    moments = Moments(without_bias.mean(axis=(0, 2, 3)), without_bias.var(axis=(0, 2, 3)))
    expected = BatchNorm(conv.bias).forward(np.moveaxis(without_bias, 0, -1).copy())
    (folded,) = fold(Network((layer,)), [moments]).layers
    np.testing.assert_allclose(np.moveaxis(folded.forward(images), 0, -1), expected, rtol=1e-6, atol=1e-9)


def test_layers_without_moments_are_not_changed() -> None:
    layer = Layer(Conv(np.ones((1, 1, 2, 2)), np.ones(1), inputs=("*",)), ("a",), (), Activation("relu"), None)
    network = Network((layer,))
    assert fold(network, [None]).layers[0].conv is layer.conv
