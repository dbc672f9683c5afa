"""A whole network forward and backward: the same as the library's own layers, whatever the shards and threads."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from cnnfx.backprop.network import SHARD, Passes
from cnnfx.backprop.parameters import Parameters
from cnnfx.conv import set_threads
from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Activation, Combination, Conv, Pool
from cnnfx.nn.network import Layer, Network
from cnnfx.training import Learn, all_learned, initialize

CLASSES = ("a", "b", "c")
SHAPE = (2, 13, 12)


def layer(count: int, size: int = 3, activation: str = "relu", pool: str = "max:2", **settings) -> Layer:
    combine = settings.pop("combine", ())
    kind, _, blocks = pool.partition(":")
    conv = Conv(np.zeros((count, 1, size, size)), np.zeros(count), inputs=("*",), **settings)
    names = tuple(f"f{index}" for index in range(count))
    return Layer(conv, names, combine, Activation(activation), Pool(kind, int(blocks)) if blocks else None)


def started(*layers: Layer, shape=SHAPE, seed: int = 0) -> Network:
    """A network with random filters and biases."""
    random = np.random.default_rng(seed)
    learn = [Learn(np.ones(len(one.filter_names), bool), np.ones(len(one.filter_names), bool)) for one in layers]
    network = initialize(Network(tuple(layers)), learn, shape, CLASSES, random)
    biased = [
        replace(one, conv=replace(one.conv, bias=random.normal(0, 0.1, one.conv.bias.shape).astype(np.float32)))
        for one in network.layers
    ]
    return replace(network, layers=tuple(biased), start=None)


def passes(network: Network, shape=SHAPE, learn=None, dtype=np.float64, **settings) -> Passes:
    return Passes(Parameters(network, learn or all_learned(network), dtype), shape, **settings)


def batch(count: int, shape=SHAPE, dtype=np.float64):
    random = np.random.default_rng(1)
    images = random.normal(size=(*shape, count)).astype(dtype)
    labels = random.integers(0, len(CLASSES), count)
    return lambda part: (np.ascontiguousarray(images[..., part]), labels[part])


def check_gradient(network: Network, shape=SHAPE, **settings) -> None:
    """Compare the gradient with finite differences, in float64, for a random choice of parameters of every layer."""
    work = passes(network, shape, **settings)
    load, vector, random, step = batch(3, shape), work.parameters.vector, np.random.default_rng(2), 1e-6
    work.refresh()
    gradient = work.learn(3, load).gradient
    offset = 0
    for pair in work.parameters.pairs:
        for array in pair:
            for index in offset + random.choice(array.size, min(array.size, 12), replace=False):
                losses = []
                for sign in (1, -1):
                    vector[index] += sign * step
                    work.refresh()
                    losses.append(work.learn(3, load).loss / 3)
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
    Combination("own", "take", (1,)),
)

LAYERS = {
    "the default's kind": (layer(3), layer(4, pool="")),
    "two pooled layers": (layer(2), layer(3, size=2)),
    "a pooling of three": (layer(3, pool="max:3"),),
    "mean pooling": (layer(3, pool="mean:2"), layer(2)),
    "magnitudes": (layer(3, activation="abs"), layer(2, activation="abs", pool="")),
    "no activation": (layer(3, activation="none"), layer(2, activation="none", pool="")),
    "stride": (layer(3, stride=(2, 1), pool=""), layer(2, stride=(1, 2))),
    "stride under pooling": (layer(3, stride=2, pool="max:2"), layer(2, size=2, pool="")),
    "dilation": (layer(3, dilation=(2, 3), pool=""), layer(2, dilation=2, pool="")),
    "dilation under pooling": (layer(2, dilation=(2, 1)), layer(2, size=2, dilation=(2, 3), pool="")),
    "stride and dilation with a common divisor": (layer(3, size=2, stride=2, dilation=4, padding=2),),
    "padding": (layer(2, padding="same"), layer(3, size=4, padding=((1, 2), (0, 3)))),
    "combinations": (layer(3, combine=COMBINE), layer(2)),
    "combinations in a higher layer": (layer(2, pool=""), layer(3, combine=COMBINE)),
    "kernels of one pixel": (layer(3, size=1, pool=""), layer(2, size=1)),
}


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_the_gradient_is_that_of_finite_differences(layers) -> None:
    check_gradient(started(*layers))


@pytest.mark.parametrize("border", ["edge", "reflect", "symmetric", "wrap"])
def test_the_gradient_goes_back_through_every_border(border) -> None:
    check_gradient(started(layer(2, padding=1, border=border), layer(3, padding=((2, 1), (1, 0)), border=border)))


def test_smoothing_has_its_gradient_too() -> None:
    check_gradient(started(layer(3)), smoothing=0.1)


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_the_scores_are_those_of_the_network(layers) -> None:
    network, load = started(*layers), batch(5)
    expected = network.scores(np.moveaxis(load(slice(None))[0], -1, 0))
    np.testing.assert_allclose(passes(network).scores(5, lambda part: load(part)[0]), expected, rtol=1e-6, atol=1e-6)


def test_of_equal_values_under_a_pooling_the_first_alone_gets_the_gradient() -> None:
    network = started(layer(2, size=1), shape=(1, 2, 2))
    work = passes(network, (1, 2, 2))
    images = np.ones((1, 2, 2, 1))  # all four outputs under the pooling are equal
    gradient = work.learn(1, lambda part: (images, np.array([0]))).gradient
    (weights, bias), _ = work.parameters.split(gradient)
    assert np.abs(bias).max() > 0
    np.testing.assert_allclose(weights.ravel(), bias)  # each weight's input is 1, as the bias's is: counted once


@pytest.mark.parametrize("count", [1, SHARD, SHARD + 1, 3 * SHARD - 5])
def test_a_batch_gives_the_mean_of_its_shards(count) -> None:
    network, load = started(layer(3)), batch(count)
    whole = passes(network).learn(count, load)
    ones = [passes(network).learn(1, lambda part, n=n: load(slice(n, n + 1))) for n in range(count)]
    np.testing.assert_allclose(whole.gradient, np.mean([one.gradient for one in ones], axis=0), atol=1e-12)
    assert whole.loss == pytest.approx(sum(one.loss for one in ones))
    assert whole.correct == sum(one.correct for one in ones)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    network, load = started(layer(4), layer(5)), batch(5 * SHARD, dtype=np.float32)
    outcomes = []
    for count in (1, 2, 5):
        set_threads(count)
        work = passes(network, dtype=np.float32)
        outcomes += [work.learn(5 * SHARD, load) for _ in range(3)]
    set_threads(None)
    for one, other in itertools.pairwise(outcomes):
        assert one.gradient.tobytes() == other.gradient.tobytes()
        assert one.loss == other.loss


def test_layers_below_the_lowest_learned_one_have_no_gradient() -> None:
    network = started(layer(3), layer(2, pool=""))
    fixed = Learn(np.zeros(3, bool), np.zeros(3, bool))
    work = passes(network, learn=[fixed, all_learned(network)[1]])
    all_of_it = passes(network).learn(3, batch(3)).gradient
    gradient = work.learn(3, batch(3)).gradient
    count = network.layers[0].conv.weights.size + 3
    assert not gradient[:count].any()
    np.testing.assert_array_equal(gradient[count:], all_of_it[count:])


def test_a_head_alone_can_be_learned() -> None:
    network = started(layer(3))
    work = passes(network, learn=[Learn(np.zeros(3, bool), np.zeros(3, bool))])
    assert work.learn(3, batch(3)).gradient.any()


def test_groups_of_channels_are_refused() -> None:
    network = started(layer(3), shape=(1, 9, 9))
    grouped = replace(network.per_channel(["a", "b"]), head=network.head)
    with pytest.raises(ArgumentError, match="groups of channels, which cannot be learned"):
        Parameters(grouped, all_learned(grouped))
