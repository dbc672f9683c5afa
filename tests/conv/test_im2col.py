"""Memory that is laid out once serves any number of calls, threads and sizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cnnfx.conv import correlate
from cnnfx.conv import im2col as bands
from cnnfx.conv import im2col as copies
from cnnfx.conv import im2col as direct
from tests.conv.reference import error, reference


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


@pytest.fixture
def little_is_kept(monkeypatch):
    monkeypatch.setattr(copies, "KEPT", 100_000)
    yield 100_000
    copies._own.made.clear()


def test_more_sizes_than_are_remembered_are_right_again_and_again(little_is_kept):
    for _ in range(2):
        for side in range(5, 45):
            image, weights = random(1, side, side + 1, seed=side), random(1, 1, 3, 3)
            assert error(correlate(image, weights), reference(image, weights)) < 1e-5


def test_no_more_is_kept_than_is_allowed(little_is_kept):
    for side in range(20, 60):
        correlate(random(1, side, side), random(1, 1, 3, 3))
        assert 0 < sum(each.strip.nbytes for each in copies._own.made.values()) <= little_is_kept
    correlate(random(1, 500, 500), random(1, 1, 3, 3))
    assert len(copies._own.made) == 1  # more than is allowed, but in use


@pytest.mark.parametrize(("channels", "filters", "size"), [(1, 1, 15), (3, 32, 7), (3, 8, 15), (1, 40, 9), (5, 3, 3)])
@pytest.mark.parametrize("height", [15, 28, 32, 33, 70])
@pytest.mark.parametrize("width", [15, 28, 130])
def test_small_images_of_any_height_agree_with_scipy(height, width, channels, filters, size):
    image, weights = random(channels, height, width), random(filters, channels, size, size, seed=1)
    half = size // 2
    maps = correlate(image, weights, padding="same", method="direct")
    assert error(maps, reference(image, weights, pads=((half, half), (half, half)))) < 1e-5


@pytest.mark.parametrize(
    ("channels", "filters", "size", "columns"),
    [
        (1, 1, 3, [2000, 2000, 1000]),  # as long as products may be, and what is left
        (64, 8, 7, [39] * 3),  # the most that keeps a product small
        (64, 64, 7, [512] * 3),  # it cannot be small
    ],
)
def test_pieces_agree_with_scipy(channels, filters, size, columns):
    """Wide images are made in several products for each row: where they meet, nothing is lost or done twice."""
    width = sum(columns)
    image, weights = random(channels, size + 1, width + size - 1), random(filters, channels, size, size, seed=1)
    maps, some = correlate(image, weights, method="direct"), slice(filters - 1, None)
    assert error(maps[some], reference(image, weights[some])) < 2e-5


def test_a_border_of_zeros_is_there_for_the_first_block_again_after_the_last(monkeypatch):
    """The same memory serves blocks at the top, in the middle and at the bottom, of one image after another."""
    monkeypatch.setattr(bands, "COPIES", 1 << 14)
    direct.prepared.cache_clear()
    image, weights = random(2, 90, 50), random(3, 2, 5, 7, seed=1)
    expected = reference(image, weights, pads=((2, 2), (3, 3)))
    try:
        for _ in range(3):
            assert error(correlate(image, weights, padding="same", method="direct"), expected) < 1e-5
    finally:
        direct.prepared.cache_clear()
