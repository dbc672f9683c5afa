"""Maximization: the known best input of a filter, above every real patch, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.conv import set_threads
from cnnfx.features import ImageArray, find_patterns
from cnnfx.features.maximization import _bounded, maximize
from tests.features.networks import layer, network, random_layer

RANDOM = np.random.default_rng(8)
DEEP = network(
    random_layer(RANDOM, (6, 1, 3, 3), activation="relu", pool="max:2"),
    random_layer(RANDOM, (5, 6, 3, 3), activation="relu", pool="max:2"),
    mean=0.1,
    std=0.3,
)


def test_a_filter_gets_white_where_it_wants_light_and_black_where_dark():
    weights = np.array([[-1, 2, -3], [4, -5, 6], [7, -8, 0.5]])
    (found,) = maximize(network(layer([[weights]])), (1, 3, 3), [0], [3.0], 0, 2)
    for climb in found:
        np.testing.assert_allclose(climb.pixels[0], weights > 0, atol=0.02)
        assert climb.activation == pytest.approx(19.5, rel=0.01)


def test_within_a_norm_the_light_is_shared_out_as_the_weights_are():
    weights = np.array([[3.0, 4.0], [-1.0, 0.0]])  # the best input of norm 0.5 is 0.5 · (0.6, 0.8): activation 2.5
    ((climb,),) = maximize(network(layer([[weights]])), (1, 2, 2), [0], [0.5], 0, 1)
    np.testing.assert_allclose(climb.pixels[0], [[0.3, 0.4], [0, 0]], atol=0.01)
    assert climb.activation == pytest.approx(2.5, rel=1e-3)


def test_every_channel_climbs_for_itself():
    found = maximize(network(layer(np.eye(4).reshape(4, 1, 2, 2))), (1, 2, 2), [2, 0], [1.0, 1.0], 0, 1)
    for (climb,), place in zip(found, [(1, 0), (0, 0)], strict=True):
        assert climb.pixels[0][place] == pytest.approx(1, abs=0.01)
        assert climb.pixels.sum() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_bounding_gives_the_nearest_input_within_range_and_norm(seed):
    random = np.random.default_rng(seed)
    x, bound = random.normal(0.4, 1, (1, 4, 4, 1)), np.array([1.2])
    result = _bounded(x, bound)
    assert result.min() >= 0
    assert result.max() <= 1
    assert np.linalg.norm(result) <= 1.2 + 1e-12
    for _ in range(200):  # nothing else within the bounds is nearer
        other = np.clip(result + random.normal(0, 0.2, x.shape), 0, 1)
        other *= min(1, 1.2 / np.linalg.norm(other))
        assert np.linalg.norm(other - x) >= np.linalg.norm(result - x) - 1e-3


def patches(count=200):
    return np.random.default_rng(9).integers(0, 256, (count, 1, 20, 20)).astype(np.uint8)


def test_it_excites_more_than_every_patch_within_their_norm_and_is_not_gray():
    found = find_patterns(DEEP, ImageArray("noise", patches()), methods=["maximization"])
    for pattern in found.patterns:
        best, largest = pattern.climbs[0], max(np.linalg.norm(patch.pixels) for patch in pattern.patches)
        assert best.activation > pattern.patches[0].activation
        assert np.linalg.norm(best.pixels) <= largest * 1.0001
        assert best.pixels.min() >= 0
        assert best.pixels.max() <= 1
        assert best.pixels.std() > 0.15
        activation = DEEP.feature_maps(best.pixels)[-1][pattern.number, 0, 0]
        assert activation == pytest.approx(best.activation, rel=1e-4)
        assert [c.activation for c in pattern.climbs] == sorted((c.activation for c in pattern.climbs), reverse=True)


def test_a_seed_gives_the_same_input_whatever_the_threads_and_another_seed_another():
    images = ImageArray("noise", patches(40))
    results = []
    for threads, seed in ((1, 0), (2, 0), (2, 1)):
        set_threads(threads)
        found = find_patterns(DEEP, images, methods=["maximization"], seed=seed)
        results.append([climb.pixels.tobytes() for pattern in found.patterns for climb in pattern.climbs])
    set_threads(None)
    assert results[0] == results[1]
    assert results[0] != results[2]
