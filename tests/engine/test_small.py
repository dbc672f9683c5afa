"""Small images: what is prepared once serves any number of calls, threads and sizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from reference import error, reference

from cnnfx.engine import correlate
from cnnfx.engine.small import KEPT, Runs, is_small


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_second_call_does_not_touch_the_first_ones_result():
    image, weights = random(1, 28, 28), random(2, 1, 3, 3, seed=1)
    first = correlate(image, weights, padding="same")
    kept = first.copy()
    correlate(-image, weights, padding="same")
    np.testing.assert_array_equal(first, kept)


def test_what_stood_in_the_memory_before_is_not_seen():
    """The border stays zero, and no value of an earlier image is left, also where it was not finite."""
    weights = random(1, 1, 5, 5, seed=1)
    image = random(1, 20, 20)
    fresh = correlate(image, weights, padding="same")
    correlate(np.full_like(image, np.nan), weights, padding="same")
    np.testing.assert_array_equal(correlate(image, weights, padding="same"), fresh)


def test_threads_that_call_at_the_same_time_do_not_meet():
    weights = random(3, 1, 5, 5, seed=1)
    images = [random(1, 28, 28, seed=seed) for seed in range(64)]
    alone = [correlate(image, weights, padding="same") for image in images]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda image: correlate(image, weights, padding="same"), images * 4))
    for index, maps in enumerate(together):
        np.testing.assert_array_equal(maps, alone[index % len(images)])


def test_more_sizes_than_are_remembered_are_right_again_and_again():
    for _ in range(2):
        for side in range(5, 8 + KEPT):
            image, weights = random(1, side, side + 1, seed=side), random(1, 1, 3, 3)
            assert error(correlate(image, weights), reference(image, weights)) < 1e-5


@pytest.mark.parametrize(("channels", "filters", "size"), [(1, 1, 15), (3, 32, 7), (3, 8, 15), (1, 40, 9), (5, 3, 3)])
@pytest.mark.parametrize("height", [15, 28, 32, 33, 70])
def test_products_cut_into_runs_agree_with_scipy(height, channels, filters, size):
    image, weights = random(channels, height, 28), random(filters, channels, size, size, seed=1)
    half = size // 2
    maps = correlate(image, weights, padding="same", method="direct")
    assert error(maps, reference(image, weights, pads=((half, half), (half, half)))) < 1e-5


@pytest.mark.parametrize(("numbers", "weights"), [(784, 9), (784, 7200), (100, 1_000_000), (1, 1)])
def test_runs_hold_all_numbers_and_are_light_or_short(numbers, weights):
    runs = Runs.of(numbers, weights)
    assert runs.many * runs.length >= numbers > (runs.many - 1) * runs.length
    assert runs.length * weights <= 1_000_000 or runs.length <= 16


def test_it_is_for_single_narrow_images():
    assert is_small((1, 4, 500, 28), (4, 1, 5, 5))
    assert not is_small((2, 4, 28, 28), (4, 1, 5, 5))
    assert not is_small((1, 4, 28, 100), (4, 1, 5, 5))
    assert not is_small((1, 64, 28, 64), (64, 64, 5, 5))
