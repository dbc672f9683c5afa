"""Activation maximization: inputs known by hand, activations above those of patches, determinism."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.features import ImageArray, find_patterns
from cnnfx.features.field_output import FieldOutput
from cnnfx.features.maximization import maximize, neutral_level, within_norm, within_norm_backward
from cnnfx.formats.load import load_network
from cnnfx.nn.input import Input
from cnnfx.nn.receptive_field import field_size
from cnnfx.system.threads import set_threads
from tests.features.networks import layer, network, random_layer

RANDOM = np.random.default_rng(8)
DEEP = network(
    random_layer(RANDOM, (6, 1, 3, 3), activation="relu", pool="max:2"),
    random_layer(RANDOM, (5, 6, 3, 3), activation="relu", pool="max:2"),
    input=Input(mean=0.1, std=0.3),
)


def test_the_input_is_white_under_positive_weights_and_black_under_negative_ones():
    weights = np.array([[-1, 2, -3], [4, -5, 6], [7, -8, 0.5]])
    (inputs,) = maximize(network(layer([[weights]])), (1, 3, 3), [0], [3.0], 0, 2)
    for one in inputs:
        np.testing.assert_allclose(one.pixels[0], weights > 0, atol=0.02)
        assert one.activation == pytest.approx(19.5, rel=0.01)


@pytest.mark.parametrize("padding", ["same", ((0, 3), (1, 0))])
def test_the_input_of_a_network_with_padding_is_that_of_the_same_network_without(padding):
    shape = (1, 8, 8)
    (without,), (padded,) = (
        maximize(network(*two_layers(setting)), shape, [0], [30.0], 0, 1) for setting in ("valid", padding)
    )
    assert padded[0].activation == pytest.approx(without[0].activation, rel=0.01)
    np.testing.assert_allclose(padded[0].pixels, without[0].pixels, atol=0.1)


def two_layers(padding):
    """Return layers whose receptive field has 8 rows and columns, with positive and negative weights."""
    random = np.random.default_rng(2)
    first = random_layer(random, (3, 1, 3, 3), activation="relu", pool="max:2", padding=padding)
    return first, random_layer(random, (1, 3, 3, 3), padding=padding)


def test_within_a_norm_the_input_is_proportional_to_the_positive_weights():
    weights = np.array([[3.0, 4.0], [-1.0, 0.0]])  # the best input of norm 0.5 is 0.5 · (0.6, 0.8): activation 2.5
    ((result,),) = maximize(network(layer([[weights]])), (1, 2, 2), [0], [0.5], 0, 1)
    np.testing.assert_allclose(result.pixels[0], [[0.3, 0.4], [0, 0]], atol=0.01)
    assert result.activation == pytest.approx(2.5, rel=1e-3)


def test_every_channel_has_its_own_input():
    results = maximize(network(layer(np.eye(4).reshape(4, 1, 2, 2))), (1, 2, 2), [2, 0], [1.0, 1.0], 0, 1)
    for (result,), position in zip(results, [(1, 0), (0, 0)], strict=True):
        assert result.pixels[0][position] == pytest.approx(1, abs=0.01)
        assert result.pixels.sum() == pytest.approx(1, abs=0.1)


def test_images_within_the_norm_stay_as_they_are_and_others_are_scaled():
    images = np.random.default_rng(0).random((2, 3, 4, 4))
    images *= np.array([0.5, 3])[:, np.newaxis, np.newaxis, np.newaxis] / np.sqrt(
        (images**2).sum((1, 2, 3), keepdims=True)
    )
    bounded = within_norm(images, np.array([1.0, 1.0]))
    np.testing.assert_array_equal(bounded[0], images[0])
    np.testing.assert_allclose(bounded[1], images[1] / 3)


def test_the_gradient_of_the_norm_bound_equals_finite_differences():
    random = np.random.default_rng(1)
    images, gradient, direction = random.random((3, 2, 1, 4, 4))
    bounds = np.array([0.9, 1.1]) * np.sqrt((images**2).sum((1, 2, 3)))
    above, below = (within_norm(images + step * direction, bounds) for step in (1e-6, -1e-6))
    np.testing.assert_allclose(
        (within_norm_backward(images, bounds, gradient) * direction).sum((1, 2, 3)),
        ((above - below) / 2e-6 * gradient).sum((1, 2, 3)),
        rtol=1e-6,
    )


def patches(count=200):
    return np.random.default_rng(9).integers(0, 256, (count, 1, 20, 20)).astype(np.uint8)


def test_the_activation_is_above_that_of_every_patch_and_the_norm_is_not():
    found = find_patterns(DEEP, ImageArray("noise", patches()), methods=["maximization"])
    for pattern in found.patterns:
        best, largest = pattern.maximized[0], max(np.linalg.norm(patch.pixels) for patch in pattern.patches)
        assert best.activation > pattern.patches[0].activation
        assert np.linalg.norm(best.pixels) <= largest * 1.0001
        assert best.pixels.min() >= 0
        assert best.pixels.max() <= 1
        assert best.pixels.std() > 0.15
        activation = DEEP.feature_maps(best.pixels)[-1][pattern.number, 0, 0]
        assert activation == pytest.approx(best.activation, rel=1e-4)
        assert [one.activation for one in pattern.maximized] == sorted(
            (one.activation for one in pattern.maximized), reverse=True
        )


def test_the_inputs_depend_on_the_seed_and_not_on_the_number_of_threads():
    images = ImageArray("noise", patches(40))
    results = []
    for threads, seed in ((1, 0), (2, 0), (2, 1)):
        set_threads(threads)
        found = find_patterns(DEEP, images, methods=["maximization"], seed=seed)
        results.append([one.pixels.tobytes() for pattern in found.patterns for one in pattern.maximized])
    set_threads(None)
    assert results[0] == results[1]
    assert results[0] != results[2]


def squeezenet(layer_name):
    network = load_network("squeezenet")
    return network.upto(network.layer_number(layer_name)).bind(["red", "green", "blue"])


def test_inputs_of_a_network_trained_on_photographs_are_not_noise():
    net = squeezenet("fire3")
    shape, channels = (3, *field_size(net)), [70, 120]
    steps = []
    results = maximize(net, shape, channels, [30.0, 30.0], 0, 2, steps.append)
    noise = np.random.default_rng(0).random((100, *shape)).astype(np.float32)
    of_noise = FieldOutput(net, shape).forward(noise).max(axis=0)
    for channel, inputs in zip(channels, results, strict=True):
        for one in inputs:
            assert one.pixels.shape == shape
            assert 0 <= one.pixels.min() < one.pixels.max() <= 1
            assert one.activation > 3 * of_noise[channel]
            assert high_frequencies(one.pixels) < 0.35 * high_frequencies(noise[0])
    assert (steps[0], steps[-1], sorted(steps)) == (0, 4, steps)


def high_frequencies(pixels):
    """Return the fraction of the variance in frequencies above a quarter of the sampling rate."""
    power = np.abs(np.fft.fft2(pixels - pixels.mean(axis=(1, 2), keepdims=True))) ** 2
    rows, columns = np.fft.fftfreq(pixels.shape[1])[:, np.newaxis], np.fft.fftfreq(pixels.shape[2])
    return power[:, np.hypot(rows, columns) > 0.25].sum() / power.sum()


@pytest.mark.parametrize(
    ("values", "level"),
    [
        (Input(), 0.5),
        (Input(mean=0.45, std=0.2), 0.45),
        (Input(scale=255, mean=(100, 110, 120)), 110 / 255),
        (Input(mean=0.13, std=0.31), 0.3),
        (Input(mean=0.9, std=0.31), 0.7),
    ],
)
def test_the_ascent_starts_from_a_level_that_is_neither_black_nor_white(values, level):
    assert neutral_level(values) == pytest.approx(level)
