"""Scores and gradients of networks on batches, against `cnnfx.nn` and finite differences in float64."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from cnnfx.backprop.network import SHARD_IMAGES, TrainableNetwork
from cnnfx.backprop.parameters import Parameters, all_filters, initialize
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.system.threads import set_threads

CLASSES = ("a", "b", "c")
SHAPE = (2, 13, 12)


def layer(count: int, size: int = 3, activation: str = "relu", pool: str = "max:2", **settings) -> Layer:
    combine = settings.pop("combine", ())
    conv = Conv(np.zeros((count, 1, size, size)), np.zeros(count), inputs=("*",), **settings)
    names = tuple(f"f{index}" for index in range(count))
    return Layer(conv, names, combine, Activation(activation), Pool.parse(pool) if pool else None)


def random_network(*layers: Layer, shape=SHAPE, seed: int = 0) -> Network:
    """A network with random filters and biases."""
    random = np.random.default_rng(seed)
    network = Network(tuple(layers))
    network = initialize(network, all_filters(network), shape, CLASSES, random)
    biased = [
        replace(one, conv=replace(one.conv, bias=random.normal(0, 0.1, one.conv.bias.shape).astype(np.float32)))
        for one in network.layers
    ]
    return replace(network, layers=tuple(biased), start=None)


def trainable(network: Network, shape=SHAPE, filters=None, dtype=np.float64, **settings) -> TrainableNetwork:
    return TrainableNetwork(Parameters(network, filters or all_filters(network), dtype), shape, **settings)


def batch(count: int, shape=SHAPE, dtype=np.float64):
    random = np.random.default_rng(1)
    images = random.normal(size=(*shape, count)).astype(dtype)
    labels = random.integers(0, len(CLASSES), count)

    def collate(part: slice):
        return np.ascontiguousarray(images[..., part]), labels[part]

    return collate


def check_gradient(network: Network, shape=SHAPE, **settings) -> None:
    """Compare the gradient with finite differences, in float64, for a random choice of parameters of every layer."""
    work = trainable(network, shape, **settings)
    collate, vector, random, step = batch(3, shape), work.parameters.vector, np.random.default_rng(2), 1e-6
    work.update()
    gradient = work.loss_and_grad(3, collate).gradient
    offset = 0
    for pair in work.parameters.pairs:
        for array in pair:
            for index in offset + random.choice(array.size, min(array.size, 12), replace=False):
                losses = []
                for sign in (1, -1):
                    vector[index] += sign * step
                    work.update()
                    losses.append(work.loss_and_grad(3, collate).loss / 3)
                    vector[index] -= sign * step
                expected = (losses[0] - losses[1]) / (2 * step)
                assert gradient[index] == pytest.approx(expected, rel=1e-5, abs=1e-7)
            offset += array.size


COMBINE = (
    Combination("norm", "norm", (0, 1)),
    Combination("max", "max", (1, 2)),
    Combination("sum", "sum", (0, 2)),
    Combination("mean", "mean", (0, 1, 2)),
    Combination("difference", "difference", (2, 0, 1)),
    Combination("take", "take", (1,)),
)

LAYERS = {
    "ReLU and max pooling": (layer(3), layer(4, pool="")),
    "two pooled layers": (layer(2), layer(3, size=2)),
    "max pooling of three": (layer(3, pool="max:3"),),
    "mean pooling": (layer(3, pool="mean:2"), layer(2)),
    "absolute values": (layer(3, activation="abs"), layer(2, activation="abs", pool="")),
    "no activation": (layer(3, activation="none"), layer(2, activation="none", pool="")),
    "stride": (layer(3, stride=(2, 1), pool=""), layer(2, stride=(1, 2))),
    "stride under pooling": (layer(3, stride=2, pool="max:2"), layer(2, size=2, pool="")),
    "dilation": (layer(3, dilation=(2, 3), pool=""), layer(2, dilation=2, pool="")),
    "dilation under pooling": (layer(2, dilation=(2, 1)), layer(2, size=2, dilation=(2, 3), pool="")),
    "stride and dilation with a common divisor": (layer(3, size=2, stride=2, dilation=4, padding=2),),
    "padding": (layer(2, padding="same"), layer(3, size=4, padding=((1, 2), (0, 3)))),
    "combinations": (layer(3, combine=COMBINE), layer(2)),
    "combinations in a higher layer": (layer(2, pool=""), layer(3, combine=COMBINE)),
    "global mean pooling": (layer(3), layer(4, pool="mean:all")),
    "global max pooling": (layer(3, activation="none"), layer(4, pool="max:all")),
    "kernels of one pixel": (layer(3, size=1, pool=""), layer(2, size=1)),
}


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_the_gradient_equals_finite_differences(layers) -> None:
    check_gradient(random_network(*layers))


NORMALIZED = {name: layers for name, layers in LAYERS.items() if "combinations" not in name}


@pytest.mark.parametrize("layers", NORMALIZED.values(), ids=NORMALIZED)
def test_the_gradient_of_normalized_layers_equals_finite_differences(layers) -> None:
    check_gradient(random_network(*layers), normalized=[True] * len(layers))


def test_the_gradient_with_one_normalized_layer_equals_finite_differences() -> None:
    check_gradient(random_network(layer(3), layer(2)), normalized=[False, True])


@pytest.mark.parametrize("border", ["edge", "reflect", "symmetric", "wrap"])
def test_the_gradient_with_each_border_equals_finite_differences(border) -> None:
    check_gradient(
        random_network(layer(2, padding=1, border=border), layer(3, padding=((2, 1), (1, 0)), border=border))
    )


def test_the_gradient_with_label_smoothing_equals_finite_differences() -> None:
    check_gradient(random_network(layer(3)), smoothing=0.1)


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_scores_equal_those_of_the_network(layers) -> None:
    network, collate = random_network(*layers), batch(5)
    expected = network.scores(np.moveaxis(collate(slice(None))[0], -1, 0))
    np.testing.assert_allclose(
        trainable(network).scores(5, lambda part: collate(part)[0]), expected, rtol=1e-6, atol=1e-6
    )


def test_only_the_first_of_equal_values_in_a_pooling_block_gets_the_gradient() -> None:
    network = random_network(layer(2, size=1), shape=(1, 2, 2))
    work = trainable(network, (1, 2, 2))
    images = np.ones((1, 2, 2, 1))  # all four values of the pooling block are equal
    gradient = work.loss_and_grad(1, lambda part: (images, np.array([0]))).gradient
    (weights, bias), _ = work.parameters.split(gradient)
    assert np.abs(bias).max() > 0
    np.testing.assert_allclose(weights.ravel(), bias)  # the input of each weight is 1: the gradient is counted once


@pytest.mark.parametrize("count", [1, SHARD_IMAGES, SHARD_IMAGES + 1, 3 * SHARD_IMAGES - 5])
def test_the_gradient_of_a_batch_is_the_mean_over_its_images(count) -> None:
    network, collate = random_network(layer(3)), batch(count)
    whole = trainable(network).loss_and_grad(count, collate)
    ones = [trainable(network).loss_and_grad(1, lambda part, n=n: collate(slice(n, n + 1))) for n in range(count)]
    np.testing.assert_allclose(whole.gradient, np.mean([one.gradient for one in ones], axis=0), atol=1e-12)
    assert whole.loss == pytest.approx(sum(one.loss for one in ones))
    assert whole.correct == sum(one.correct for one in ones)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    network, collate = random_network(layer(4), layer(5)), batch(5 * SHARD_IMAGES, dtype=np.float32)
    results = []
    for count in (1, 2, 5):
        set_threads(count)
        work = trainable(network, dtype=np.float32)
        results += [work.loss_and_grad(5 * SHARD_IMAGES, collate) for _ in range(3)]
    set_threads(None)
    for one, other in itertools.pairwise(results):
        assert one.gradient.tobytes() == other.gradient.tobytes()
        assert one.loss == other.loss


def test_layers_below_the_first_trainable_one_have_no_gradient() -> None:
    network = random_network(layer(3), layer(2, pool=""))
    work = trainable(network, filters=[np.zeros(3, bool), np.ones(2, bool)])
    all_trained = trainable(network).loss_and_grad(3, batch(3)).gradient
    gradient = work.loss_and_grad(3, batch(3)).gradient
    count = network.layers[0].conv.weights.size + 3
    assert not gradient[:count].any()
    np.testing.assert_array_equal(gradient[count:], all_trained[count:])


def test_the_head_alone_can_be_trained() -> None:
    network = random_network(layer(3))
    work = trainable(network, filters=[np.zeros(3, bool)])
    assert work.loss_and_grad(3, batch(3)).gradient.any()
