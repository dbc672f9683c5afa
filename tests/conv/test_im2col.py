"""Column buffers, which are reused by calls, threads and images of other sizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cnnfx.conv import correlate, im2col, row_products
from tests.conv.reference import error, reference


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_second_call_does_not_change_the_first_result():
    image, weights = random(1, 28, 28), random(2, 1, 3, 3, seed=1)
    first = correlate(image, weights, padding="same")
    kept = first.copy()
    correlate(-image, weights, padding="same")
    np.testing.assert_array_equal(first, kept)


def test_earlier_contents_of_a_buffer_do_not_change_a_result():
    """The border stays zero, and no finite or non-finite value of an earlier image remains."""
    weights = random(1, 1, 5, 5, seed=1)
    image = random(1, 20, 20)
    fresh = correlate(image, weights, padding="same")
    correlate(np.full_like(image, np.nan), weights, padding="same")
    np.testing.assert_array_equal(correlate(image, weights, padding="same"), fresh)


def test_concurrent_calls_do_not_change_each_others_results():
    weights = random(3, 1, 5, 5, seed=1)
    images = [random(1, 28, 28, seed=seed) for seed in range(64)]
    alone = [correlate(image, weights, padding="same") for image in images]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda image: correlate(image, weights, padding="same"), images * 4))
    for index, maps in enumerate(together):
        np.testing.assert_array_equal(maps, alone[index % len(images)])


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(im2col, "KEPT_INPUT_BYTES", 100_000)
    yield 100_000
    im2col._thread.buffers.clear()


def test_more_sizes_than_are_kept_give_correct_results(small_limit):
    for _ in range(2):
        for side in range(5, 45):
            image, weights = random(1, side, side + 1, seed=side), random(1, 1, 3, 3)
            assert error(correlate(image, weights), reference(image, weights)) < 1e-5


def test_kept_buffers_stay_below_the_limit(small_limit):
    for side in range(20, 60):
        correlate(random(1, side, side), random(1, 1, 3, 3))
        assert 0 < sum(each.input.nbytes for each in im2col._thread.buffers.values()) <= small_limit
    correlate(random(1, 500, 500), random(1, 1, 3, 3))
    assert len(im2col._thread.buffers) == 1  # above the limit, but in use


def test_the_zero_border_is_restored_for_the_next_image(monkeypatch):
    """Blocks at the top, in the middle and at the bottom of several images use the same buffer."""
    monkeypatch.setattr(row_products, "COLUMN_BUFFER_BYTES", 1 << 14)
    row_products.row_products.cache_clear()
    image, weights = random(2, 90, 50), random(3, 2, 5, 7, seed=1)
    expected = reference(image, weights, pads=((2, 2), (3, 3)))
    try:
        for _ in range(3):
            assert error(correlate(image, weights, padding="same", method="direct"), expected) < 1e-5
    finally:
        row_products.row_products.cache_clear()
